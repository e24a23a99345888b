-- Every process of a cluster shows here that it lives. A row is worth nothing after some seconds, so it is written without
-- waiting for the disk; the truth about who owns what is in the locks.
create table nodes (
  id text collate "C" primary key,
  seen_at timestamptz not null,
  draining boolean not null
) with (fillfactor = 30);
