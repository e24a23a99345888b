-- What the sessions that have ended did to a database $1, and how many are still there.
select xact_commit + xact_rollback as transactions, tup_returned as rows,
  (select count(*) from pg_stat_activity where datname = $1 and backend_type = 'client backend') as sessions
from pg_stat_database
where datname = $1
