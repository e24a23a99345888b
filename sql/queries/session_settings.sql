-- Settings that older servers or other platforms may lack: $1 names, $2 values. Unknown names are left out.
select set_config(s.name, s.value, false)
from unnest($1::text[], $2::text[]) as s(name, value) join pg_settings p on p.name = s.name
