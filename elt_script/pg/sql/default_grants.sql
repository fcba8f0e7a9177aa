-- What `alter default privileges in schema` gives to objects that are new in a generation.
--
-- Postgres applies it where an object is created, and ours are created in staging.
--
-- %(generation)s  bigint, the new generation, under its final names
-- %(previous)s    jsonb {final schema: where the generation before now stands}
-- returns         statement text
with ours as materialized (
    select classid, objid from elt.object where generation = %(generation)s
),
objects as (
    select
        case c.relkind when 'S' then 'S' else 'r' end as kind, c.relnamespace as namespace, c.relowner as owner,
        c.oid::regclass::text as name,
        exists (
            select from pg_class b join pg_namespace p on p.oid = b.relnamespace
            where b.relname = c.relname and p.nspname = %(previous)s::jsonb ->> n.nspname::text
        ) as known
    from ours
    join pg_class c on ours.classid = 'pg_class'::regclass and c.oid = ours.objid and c.relkind in ('r', 'p', 'v', 'm', 'S')
    join pg_namespace n on n.oid = c.relnamespace
    union all
    select
        'f', f.pronamespace, f.proowner, f.oid::regprocedure::text,
        exists (
            select from pg_proc b join pg_namespace p on p.oid = b.pronamespace
            where b.proname = f.proname and p.nspname = %(previous)s::jsonb ->> n.nspname::text
        )
    from ours
    join pg_proc f on ours.classid = 'pg_proc'::regclass and f.oid = ours.objid
    join pg_namespace n on n.oid = f.pronamespace
)
select format(
    'grant %%s on %%s %%s to %%s%%s', a.privilege_type,
    case o.kind when 'S' then 'sequence' when 'f' then 'routine' else 'table' end, o.name,
    case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end,
    case when a.is_grantable then ' with grant option' else '' end
) as statement
from objects o
join pg_default_acl d on d.defaclnamespace = o.namespace and d.defaclrole = o.owner and d.defaclobjtype = o.kind
cross join aclexplode(d.defaclacl) a
where not o.known and a.grantee <> o.owner
order by 1
