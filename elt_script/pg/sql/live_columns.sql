-- The columns of a generation's relations.
--
-- %(generation)s  bigint or null
-- returns         schema text, name text, columns jsonb {name: type}
select
    n.nspname::text as schema,
    c.relname::text as name,
    coalesce((
        select jsonb_object_agg(a.attname, format_type(a.atttypid, a.atttypmod))
        from pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    ), '{{}}') as columns
from elt.object o
join pg_class c on o.classid = 'pg_class'::regclass and c.oid = o.objid and c.relkind in ('r', 'p', 'v', 'm')
join pg_namespace n on n.oid = c.relnamespace
where o.generation = %(generation)s
