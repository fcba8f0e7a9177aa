-- What the objects of a new generation must be relieved of before they get the grants of those that they replace:
-- what default privileges gave them where they were created, or what they had when they were live before.
--
-- %(generation)s  bigint, the new generation, under its final names
-- %(previous)s    jsonb {final schema: where the generation before now stands}
-- returns         statement text
with ours as materialized (
    select classid, objid from elt.object where generation = %(generation)s
),
pairs as materialized (
    select n.oid as now, p.oid as before
    from jsonb_each_text(%(previous)s::jsonb) e
    join pg_namespace n on n.nspname = e.key
    join pg_namespace p on p.nspname = e.value
),
found as (
    select
        case c.relkind when 'S' then 'sequence' else 'table' end as word, c.oid::regclass::text as name,
        c.relowner as owner, a.grantee
    from ours
    join pg_class c on ours.classid = 'pg_class'::regclass and c.oid = ours.objid
    join pairs on pairs.now = c.relnamespace
    cross join lateral (
        select grantee from aclexplode(c.relacl)
        union
        select x.grantee from pg_attribute t cross join aclexplode(t.attacl) x where t.attrelid = c.oid
    ) a
    where exists (select from pg_class where relname = c.relname and relnamespace = pairs.before)
    union
    select 'routine', f.oid::regprocedure::text, f.proowner, a.grantee
    from ours
    join pg_proc f on ours.classid = 'pg_proc'::regclass and f.oid = ours.objid
    join pairs on pairs.now = f.pronamespace
    cross join aclexplode(f.proacl) a
    where exists (select from pg_proc where proname = f.proname and pronamespace = pairs.before)
    union
    select 'type', t.oid::regtype::text, t.typowner, a.grantee
    from ours
    join pg_type t on ours.classid = 'pg_type'::regclass and t.oid = ours.objid
    join pairs on pairs.now = t.typnamespace
    cross join aclexplode(t.typacl) a
    where exists (select from pg_type where typname = t.typname and typnamespace = pairs.before)
)
select format(
    'revoke all on %%s %%s from %%s cascade', word, name, case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end
) as statement
from found
where grantee <> owner
    and (grantee = 0 or exists (select from pg_roles where oid = grantee))
order by 1
