-- The loads at work in this database.
--
-- returns    schema text, name text, rows bigint, bytes bigint (of the stream)
select n.nspname, c.relname, p.tuples_processed, p.bytes_processed
from pg_stat_progress_copy p
join pg_class c on c.oid = p.relid
join pg_namespace n on n.oid = c.relnamespace
where p.datname = current_database()
