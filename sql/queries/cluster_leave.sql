-- The node $1 ends, and says so.
with gone as (delete from nodes where id = $1)
select pg_notify('dinguscord_cluster', '')
