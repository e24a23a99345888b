-- The session advisory locks of the class $1 on the partitions $2, freed one after the other; then every node hears of it.
select pg_advisory_unlock($1::integer, p), pg_notify('dinguscord_cluster', '') from unnest($2::integer[]) as p
