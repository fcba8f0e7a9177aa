-- Tables whose file is not the one that this snapshot knows: truncated or rewritten since.
--
-- %(tables)s  text[], full names
-- returns     name text
select c.oid::regclass::text as name
from unnest(%(tables)s::text[]) t
join pg_class c on c.oid = t::regclass
where c.relfilenode <> 0 and c.relfilenode is distinct from pg_relation_filenode(c.oid)
