-- Watermarks of users, and how many of others' undeleted messages lie past the read mark: $1 keys, $2 users, $3 seqs to stop below,
-- $4 where to stop counting. One's own and deleted messages on the way count as looked at, so the walk is bounded as well.
select n.place, coalesce(w.delivered_seq, 0) as delivered, coalesce(w.read_seq, 0) as read,
  (select count(*) filter (where near.sender_id <> n.user_id and near.deleted_at is null)
    from (
      select m.sender_id, m.deleted_at from messages m
      where m.room_key = n.key and m.seq > coalesce(w.read_seq, 0) and m.seq < n.below
      order by m.seq desc limit $4::integer
    ) as near) as unread_below
from unnest($1::text[], $2::text[], $3::bigint[]) with ordinality as n(key, user_id, below, place)
left join receipts w on w.room_key = n.key and w.user_id = n.user_id
