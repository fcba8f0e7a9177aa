-- What rests on a table that is to be replaced by a new one.
--
-- %(schema)s  text
-- %(name)s    text
-- returns     object text (as people name it), lost bool (it goes with the table; else it is in the way)
with seeded as (
    select c.oid, c.reltype, t.typarray
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    join pg_type t on t.oid = c.reltype
    where n.nspname = %(schema)s and c.relname = %(name)s
),
depending as (
    select distinct d.classid, d.objid, d.deptype
    from seeded
    join pg_depend d on
        d.refclassid = 'pg_class'::regclass and d.refobjid = seeded.oid
        or d.refclassid = 'pg_type'::regclass and d.refobjid in (seeded.reltype, seeded.typarray)
)
select distinct
    coalesce(
        (
            select pg_describe_object('pg_class'::regclass, r.ev_class, 0)
            from pg_rewrite r
            where d.classid = 'pg_rewrite'::regclass and r.oid = d.objid and r.rulename = '_RETURN'
        ),
        pg_describe_object(d.classid, d.objid, 0)
    ) as object,
    d.deptype <> 'n' as lost
from depending d
cross join seeded
left join pg_constraint k on d.classid = 'pg_constraint'::regclass and k.oid = d.objid
left join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
left join pg_class c on d.classid = 'pg_class'::regclass and c.oid = d.objid
where case d.deptype
        when 'n' then k.conrelid is distinct from seeded.oid and r.ev_class is distinct from seeded.oid
        else k.contype <> 'n'
            or c.relkind = 'i'
            or d.classid in (
                'pg_trigger'::regclass, 'pg_policy'::regclass, 'pg_publication_rel'::regclass,
                'pg_statistic_ext'::regclass
            )
    end
order by object
