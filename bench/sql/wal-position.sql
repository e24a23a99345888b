-- Bytes of WAL written by the whole server since it was made.
select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 as bytes
