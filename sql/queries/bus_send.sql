-- Messages from $1 to the nodes $2 with the texts $3, in this order; wakes each receiver once.
with sent as (
  insert into bus_messages (receiver, sender, body)
  select receiver, $1::text, body
    from unnest($2::text[], $3::text[]) with ordinality as message(receiver, body, place) order by place
  returning receiver)
select pg_notify('dinguscord_bus', receiver) from (select distinct receiver from sent) as receivers
