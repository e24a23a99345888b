-- Where messages are, without their content: $1 ids.
select m.id, m.room_key from messages m where m.id = any ($1::uuid[])
