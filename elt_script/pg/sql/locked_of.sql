-- Which tables of a generation this transaction has touched.
--
-- %(generation)s  bigint or null
-- returns         name text
select c.oid::regclass::text as name
from pg_locks l
join elt.object o on o.classid = 'pg_class'::regclass and o.objid = l.relation
join pg_class c on c.oid = o.objid and c.relkind in ('r', 'p', 'v', 'm')
where l.pid = pg_backend_pid() and o.generation = %(generation)s
order by 1
