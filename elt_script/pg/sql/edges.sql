-- What falls when a relation is left out: the relations and foreign keys that need it.
--
-- returns    kind (view, child, key), oid (of the relation, or of the constraint), relation oid, needs oid, name text
select distinct
    'view' as kind, v.oid::bigint as oid, v.oid::bigint as relation, d.refobjid::bigint as needs, v.relname::text as name
from pg_rewrite r
join pg_class v on v.oid = r.ev_class and v.relkind in ('v', 'm') and r.rulename = '_RETURN'
join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
where d.refobjid <> v.oid and v.oid >= 16384
union all
select 'child', i.inhrelid::bigint, i.inhrelid::bigint, i.inhparent::bigint, c.relname::text
from pg_inherits i
join pg_class c on c.oid = i.inhrelid and c.relkind in ('r', 'p', 'f')
union all
select 'key', k.oid::bigint, k.conrelid::bigint, k.confrelid::bigint, k.conname::text
from pg_constraint k
where k.contype = 'f'
