-- What in some schemas has an owner, and what others were given on it.
--
-- An object has the same key in every database: its catalog, the source's name of its schema, its name, and what it
-- takes, where several have that name. What belongs to extensions, or follows the owner of a table or type, is left out.
--
-- %(places)s  jsonb {schema here: the source's name of it}
-- returns    catalog oid, schema text (the source's name), name text, takes text[], kind text (as `alter` says it, null where it
--            has no owner of its own), word text (as `grant` says it, or null), identity text (its full name here), owner text,
--            grants jsonb [[column or null, privilege, grantee or null for public, grantable], …] and usual jsonb (the grants
--            that such an object is born with), neither with the owner's own
with places as (
    select n.oid as namespace, n.nspname, m.value as name
    from jsonb_each_text(%(places)s::jsonb) m
    join pg_namespace n on n.nspname = m.key
),
types as materialized (
    select
        t.oid,
        coalesce('extension ' || e.extname, places.name, n.nspname::text) || '.' || t.typname
            || case when t.oid = a.oid then '' else '[]' end as key
    from pg_type a
    join pg_type t on t.oid in (a.oid, a.typarray)
    join pg_namespace n on n.oid = a.typnamespace
    left join places on places.namespace = n.oid
    left join pg_depend d on d.classid = 'pg_type'::regclass and d.objid = a.oid and d.deptype = 'e'
    left join pg_extension e on e.oid = d.refobjid
    where not exists (select from pg_type of where of.typarray = a.oid)
),
listed as (
    select
        'pg_class'::regclass as catalog, c.oid, c.relnamespace as namespace, c.relname::text as name, '{{}}'::oid[] as takes, null::oid as method,
        c.relowner as owner, case c.relkind when 'S' then 'sequence' else 'table' end as word, c.relacl as acl,
        acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner) as born,
        not exists (
            select from pg_depend d
            where c.relkind = 'S' and d.classid = 'pg_class'::regclass and d.objid = c.oid
                and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')
        ) as own
    from pg_class c
    where c.relkind in ('r', 'p', 'v', 'm', 'S')
    union all
    select
        'pg_proc', p.oid, pronamespace, proname, p.proargtypes, null, proowner, 'routine', proacl, acldefault('f', proowner), true
    from pg_proc p
    where not exists (select from pg_depend where classid = 'pg_proc'::regclass and objid = p.oid and deptype = 'i')
    union all
    select 'pg_type', t.oid, typnamespace, typname, '{{}}', null, typowner, 'type', typacl, acldefault('T', typowner), true
    from pg_type t
    left join pg_class c on c.oid = t.typrelid
    where t.typtype in ('d', 'e', 'r')
        or t.typtype = 'c' and c.relkind = 'c'
        or t.typtype = 'b' and not exists (select from pg_type of where of.typarray = t.oid)
    union all
    select 'pg_namespace', oid, oid, '', '{{}}', null, nspowner, 'schema', nspacl, acldefault('n', nspowner), false from pg_namespace
    union all
    select 'pg_operator', oid, oprnamespace, oprname, array[oprleft, oprright], null, oprowner, null, null, null, true from pg_operator
    union all
    select 'pg_opclass', oid, opcnamespace, opcname, '{{}}', opcmethod, opcowner, null, null, null, true from pg_opclass
    union all
    select 'pg_opfamily', oid, opfnamespace, opfname, '{{}}', opfmethod, opfowner, null, null, null, true from pg_opfamily
    union all
    select 'pg_collation', oid, collnamespace, collname, '{{}}', null, collowner, null, null, null, true from pg_collation
    union all
    select 'pg_conversion', oid, connamespace, conname, '{{}}', null, conowner, null, null, null, true from pg_conversion
    union all
    select 'pg_ts_config', oid, cfgnamespace, cfgname, '{{}}', null, cfgowner, null, null, null, true from pg_ts_config
    union all
    select 'pg_ts_dict', oid, dictnamespace, dictname, '{{}}', null, dictowner, null, null, null, true from pg_ts_dict
    union all
    select 'pg_statistic_ext', oid, stxnamespace, stxname, '{{}}', null, stxowner, null, null, null, true from pg_statistic_ext
),
objects as materialized (
    select o.*, places.name as schema
    from listed o
    join places on places.namespace = o.namespace
    where not exists (
        select from pg_depend d where d.classid = o.catalog and d.objid = o.oid and d.deptype = 'e'
    )
),
given as (
    select o.catalog, o.oid, o.owner, null::text as "column", a.*, false as usual
    from objects o cross join aclexplode(coalesce(o.acl, o.born)) a
    union all
    select o.catalog, o.oid, o.owner, null, a.*, true
    from objects o cross join aclexplode(o.born) a
    union all
    select o.catalog, o.oid, o.owner, t.attname, a.*, false
    from objects o
    join pg_attribute t on o.catalog = 'pg_class'::regclass and t.attrelid = o.oid and t.attacl is not null and not t.attisdropped
    cross join aclexplode(t.attacl) a
),
gathered as (
    select
        g.catalog, g.oid,
        jsonb_agg(jsonb_build_array(g."column", g.privilege_type, r.rolname, g.is_grantable)) filter (where not g.usual) as grants,
        jsonb_agg(jsonb_build_array(g."column", g.privilege_type, r.rolname, g.is_grantable)) filter (where g.usual) as usual
    from given g
    left join pg_roles r on r.oid = g.grantee
    where g.grantee <> g.owner and (g.grantee = 0 or r.oid is not null)
    group by g.catalog, g.oid
)
select
    o.catalog::oid::bigint as catalog,
    o.schema,
    o.name,
    array(
        select coalesce(types.key, '') from unnest(o.takes) with ordinality u (oid, place)
        left join types on types.oid = u.oid order by u.place
    ) || array(select amname::text from pg_am where oid = o.method) as takes,
    case
        when not o.own then null
        when o.catalog = 'pg_proc'::regclass then 'routine'
        when o.catalog = 'pg_type'::regclass then 'type'
        when o.catalog = 'pg_statistic_ext'::regclass then 'statistics'
        else i.type
    end as kind,
    o.word,
    i.identity,
    pg_get_userbyid(o.owner)::text as owner,
    coalesce(g.grants, '[]') as grants,
    coalesce(g.usual, '[]') as usual
from objects o
cross join pg_identify_object(o.catalog, o.oid, 0) i
left join gathered g on g.catalog = o.catalog and g.oid = o.oid
order by 1, 2, 3, 4
