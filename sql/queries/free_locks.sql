-- All session advisory locks of this connection.
select pg_advisory_unlock_all()
