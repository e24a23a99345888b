-- One message per (room, sender, client_msg_id), for ever, whatever the length of the three. An entry of an index holds 2,704
-- bytes, but ids of 255 characters may take 765 each, and the key of a direct conversation twice that. So the index holds the
-- room and one text for the other two: both with a separator that no id can hold or, where that is long, a digest of it.
-- The cast to bytea reads backslashes as escapes: doubled they stand for themselves.
create function client_msg_key(sender_id text, client_msg_id text) returns text language sql immutable parallel safe as $$
  select case
    when octet_length(sender_id) + octet_length(client_msg_id) <= 600 then sender_id || chr(31) || client_msg_id
    else encode(sha256(replace(sender_id || chr(31) || client_msg_id, '\', '\\')::bytea), 'hex')
  end
$$;

create unique index messages_client_msg_key on messages (room_key, client_msg_key(sender_id, client_msg_id))
  where client_msg_id is not null;
drop index messages_client_msg_id;
