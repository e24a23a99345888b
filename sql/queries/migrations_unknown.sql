-- Applied migrations that the code does not have.
select name from schema_migrations where name <> all ($1::text[]) order by name
