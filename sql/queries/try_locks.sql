-- The lease: session advisory locks of the class $1 on the partitions $2. How many were granted.
select count(*) filter (where pg_try_advisory_lock($1::integer, p)) as granted, pg_is_in_recovery() as standby
from unnest($2::integer[]) as p
