-- The statement that makes the database $1: its name cannot be a parameter there.
select format('create database %I template template0 encoding ''UTF8''', $1::text) as statement
