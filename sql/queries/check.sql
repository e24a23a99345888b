-- Whether this server takes writes.
select pg_is_in_recovery() or current_setting('default_transaction_read_only')::boolean as read_only
