-- Takes what was sent to $1, at most $2 messages; what is older than $3 ms comes without its text, being of no use any more.
with due as (select id from bus_messages where receiver = $1::text order by id limit $2::integer)
delete from bus_messages as message using due where message.id = due.id
returning message.id, message.sender,
  case when message.sent_at > clock_timestamp() - make_interval(secs => $3::double precision / 1000) then message.body end
    as body
