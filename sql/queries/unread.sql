-- Others' undeleted messages past a user's read mark: $1 key, $2 user.
select count(*) as unread from messages m
where m.room_key = $1 and m.sender_id <> $2 and m.deleted_at is null
  and m.seq > coalesce((select w.read_seq from receipts w where w.room_key = $1 and w.user_id = $2), 0)
