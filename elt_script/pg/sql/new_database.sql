-- What a new database needs to sort and store text as this one does.
--
-- returns    encoding text, collate text, ctype text, facts jsonb (pg_database's row, whose columns vary by version)
select pg_encoding_to_char(encoding)::text as encoding, datcollate::text as collate, datctype::text as ctype, to_jsonb(d) as facts
from pg_database d
where datname = current_database()
