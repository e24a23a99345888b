-- Watermarks of users, and how many of others' undeleted messages lie past the read mark: $1 keys, $2 users, $3 seqs to stop below.
select n.place, coalesce(w.delivered_seq, 0) as delivered, coalesce(w.read_seq, 0) as read,
  (select count(*) from messages m
    where m.room_key = n.key and m.seq > coalesce(w.read_seq, 0) and m.seq < n.below
      and m.sender_id <> n.user_id and m.deleted_at is null) as unread_below
from unnest($1::text[], $2::text[], $3::bigint[]) with ordinality as n(key, user_id, below, place)
left join receipts w on w.room_key = n.key and w.user_id = n.user_id
