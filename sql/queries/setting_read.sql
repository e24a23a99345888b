select value, getdatabaseencoding() as encoding from settings where name = $1
