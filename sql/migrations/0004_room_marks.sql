-- room_marks tells how far the users of a room have got within its messages lo..hi, so that the caller can count the receipts
-- of each of them without visiting every (message, user) pair: `[[delivered, read, users]…]` with marks past hi cut to hi,
-- and `[[user, delivered, read]…]` of the senders, whose own marks do not count for their own messages.
create function room_marks(key text, lo bigint, hi bigint, senders text[]) returns json language sql stable as $$
  select json_build_array(
    (select coalesce(json_agg(json_build_array(d, r, n)), '[]')
      from (select least(delivered_seq, hi) as d, least(read_seq, hi) as r, count(*) as n
        from receipts where room_key = key and delivered_seq >= lo group by 1, 2) as marks),
    (select coalesce(json_agg(json_build_array(user_id, delivered_seq, read_seq)), '[]')
      from receipts where room_key = key and user_id = any(senders) and delivered_seq >= lo))
$$;
