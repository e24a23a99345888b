-- Names the history of this database. Versions of rooms go back only when it is restored, which needs another server process, or
-- when its tables are made anew, which gives the table another file.
select concat_ws('.',
  floor(extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint, d.oid, pg_relation_filenode('rooms')) as origin
from pg_database d
where d.datname = current_database()
