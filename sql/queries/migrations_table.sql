-- Whether the table of applied migrations is there yet.
select to_regclass($1) is not null as present
