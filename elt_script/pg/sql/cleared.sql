-- What the objects of a new generation must be relieved of before they get the grants of those that they replace:
-- what default privileges gave them where they were created, or what they had when they were live before. What those
-- do not have (a routine of other arguments, a sequence, a column) keeps its grants.
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
relations as materialized (
    select c.oid, c.relkind, c.relacl, c.relowner, b.oid as before, (b.relkind = 'S') = (c.relkind = 'S') as alike
    from ours
    join pg_class c on ours.classid = 'pg_class'::regclass and c.oid = ours.objid and c.relkind in ('r', 'p', 'v', 'm', 'S')
    join pairs on pairs.now = c.relnamespace
    join pg_class b on b.relname = c.relname and b.relnamespace = pairs.before
),
columns as materialized (
    select r.oid, r.before, r.relowner, r.alike, t.attname, t.attacl
    from relations r
    join pg_attribute t on t.attrelid = r.oid and t.attnum > 0 and t.attacl is not null and not t.attisdropped
),
found as (
    select case r.relkind when 'S' then 'sequence' else 'table' end as word, r.oid::regclass::text as name, r.relowner as owner, a.grantee
    from relations r
    cross join aclexplode(r.relacl) a
    where r.alike and r.relacl is not null
    union
    select 'table', t.oid::regclass::text, t.relowner, a.grantee
    from columns t
    cross join aclexplode(t.attacl) a
    where t.alike
    union
    select 'routine', f.oid::regprocedure::text, f.proowner, a.grantee
    from ours
    join pg_proc f on ours.classid = 'pg_proc'::regclass and f.oid = ours.objid
    join pairs on pairs.now = f.pronamespace
    cross join aclexplode(f.proacl) a
    where f.proacl is not null and exists (
        select
        from pg_proc b
        where b.proname = f.proname and b.pronamespace = pairs.before and (
            select array_agg(t.typname order by place)
            from unnest(b.proargtypes) with ordinality args (type, place) join pg_type t on t.oid = type
        ) is not distinct from (
            select array_agg(t.typname order by place)
            from unnest(f.proargtypes) with ordinality args (type, place) join pg_type t on t.oid = type
        )
    )
    union
    select 'type', t.oid::regtype::text, t.typowner, a.grantee
    from pg_type t
    join pairs on pairs.now = t.typnamespace
    cross join aclexplode(t.typacl) a
    where t.typacl is not null and t.oid in (select objid from ours where classid = 'pg_type'::regclass)
        and exists (select from pg_type where typname = t.typname and typnamespace = pairs.before)
)
select statement
from (
    select format('revoke all on %%s %%s from %%s cascade', word, name, case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end)
    from found
    where grantee <> owner
        and (grantee = 0 or exists (select from pg_roles where oid = grantee))
    union
    select format( -- again: to revoke what a table has takes that of its columns along
        'grant %%s (%%I) on table %%s to %%s%%s', a.privilege_type, t.attname, t.oid::regclass,
        case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end,
        case when a.is_grantable then ' with grant option' else '' end
    )
    from columns t
    cross join aclexplode(t.attacl) a
    where a.grantee <> t.relowner and (a.grantee = 0 or exists (select from pg_roles where oid = a.grantee))
        and not exists (select from pg_attribute o where o.attrelid = t.before and o.attname = t.attname and o.attnum > 0)
) s (statement)
order by statement not like 'revoke %%', statement
