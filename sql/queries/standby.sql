-- A standby holds no partitions: its locks are not the primary's.
select pg_is_in_recovery() as standby
