-- What nodes tell each other while Redis is away. Unlogged: a message outlives its use within seconds, and losing all of them
-- in a crash is one more loss that the sender repeats. Rows are taken by their receiver or dropped when they are old.
create unlogged table bus_messages (
  id bigint generated always as identity primary key,
  receiver text not null,
  sender text not null,
  body text not null,
  sent_at timestamptz not null default clock_timestamp()
);
create index bus_messages_receiver on bus_messages (receiver, id);
