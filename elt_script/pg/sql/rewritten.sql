-- Tables whose file is not the one that this snapshot knows: truncated or rewritten since.
--
-- %(tables)s  text[], full names; a partitioned one stands for its partitions
-- returns     name text
select c.oid::regclass::text as name
from unnest(%(tables)s::text[]) t
left join lateral pg_partition_tree(t::regclass) p on true
join pg_class c on c.oid = coalesce(p.relid, t::regclass)
where c.relfilenode <> 0 and c.relfilenode is distinct from pg_relation_filenode(c.oid)
