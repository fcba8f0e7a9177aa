-- The statements that make a new generation's domains say their defaults by the final names: Postgres keeps their text as it
-- was when they were created, in staging, for psql to show.
--
-- Must run with an empty search_path.
--
-- %(generation)s  bigint
-- returns         statement text
select format('alter domain %%s set default %%s', t.oid::regtype, pg_get_expr(t.typdefaultbin, 0))
from elt.object o
join pg_type t on o.classid = 'pg_type'::regclass and t.oid = o.objid and t.typtype = 'd'
where o.generation = %(generation)s and t.typdefaultbin is not null and t.typdefault <> pg_get_expr(t.typdefaultbin, 0)
