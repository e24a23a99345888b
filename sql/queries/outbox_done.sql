-- Confirmed by the broker: in each partition of $1 everything past the position in $2 up to the one in $3.
delete from outbox o using unnest($1::integer[], $2::bigint[], $3::bigint[]) as d(partition, after, upto)
where o.partition = d.partition and o.position > d.after and o.position <= d.upto
