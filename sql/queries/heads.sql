-- Where rooms stand: $1 keys. A room that nobody wrote to has no row.
select room_key, last_version from rooms where room_key = any($1::text[])
