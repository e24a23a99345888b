-- Drops messages older than $1 ms: their receiver is gone. Rows that it is just taking are left to it.
delete from bus_messages where id in (
  select id from bus_messages where sent_at < clock_timestamp() - make_interval(secs => $1::double precision / 1000)
    order by id limit 1000 for update skip locked)
