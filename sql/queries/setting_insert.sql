-- The first process decides.
insert into settings (name, value) values ($1, $2) on conflict (name) do nothing
