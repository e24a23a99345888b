-- Raised when partitions were claimed or freed, and when nodes come, drain or go.
listen dinguscord_cluster
