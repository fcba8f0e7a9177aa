-- The statements that take the locks of a swap on the relations of a generation: one for all tables and views, and
-- one for each relation that `lock table` does not know, which moves it to where it is.
--
-- %(generation)s  bigint
-- returns         statement text
with relations as (
    select c.oid, c.relkind, c.relkind in ('r', 'p', 'v') as lockable, n.nspname
    from elt.object o
    join pg_class c on o.classid = 'pg_class'::regclass and c.oid = o.objid
    join pg_namespace n on n.oid = c.relnamespace
    where o.generation = %(generation)s
)
select format('lock table %%s in access exclusive mode', string_agg(oid::regclass::text, ', ' order by oid)) as statement
from relations
where lockable
having count(*) > 0
union all
select format(
    'alter %%s %%s set schema %%I', case relkind when 'm' then 'materialized view' else 'sequence' end,
    oid::regclass, nspname
)
from relations
where relkind = 'm'
    or relkind = 'S' and not exists (
        select from pg_depend d
        where d.classid = 'pg_class'::regclass and d.objid = relations.oid
            and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')
    )
