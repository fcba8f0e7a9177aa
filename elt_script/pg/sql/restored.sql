-- What views and functions that are made anew must be given again: grants, comments, settings of columns, their owner,
-- and then a materialized view's rows.
--
-- Must run with an empty search_path, while they stand where they will be made, and with the types that they take.
--
-- %(ids)s    text[], each "catalog.number", as in dependants.sql
-- returns    id text, statements text, each with a semicolon before it
with anew as (
    select o.*, format('%%s.%%s', o.classid, o.objid) as id, me.oid as me
    from (
        select
            'pg_class'::regclass::oid as classid, c.oid as objid, c.oid::regclass::text as name, 'table' as word,
            case c.relkind when 'm' then 'materialized view' else 'view' end as kind, c.relacl as acl, c.relowner as owner,
            c.relnamespace as namespace, 'r' as usual
        from pg_class c
        where c.relkind in ('v', 'm')
        union all
        select
            'pg_proc'::regclass, p.oid, p.oid::regprocedure::text, 'routine', 'routine', coalesce(p.proacl, acldefault('f', p.proowner)),
            p.proowner, p.pronamespace, 'f'
        from pg_proc p
    ) o
    cross join pg_roles me
    where format('%%s.%%s', o.classid, o.objid) = any(%(ids)s) and me.rolname = current_user
),
views as (
    select v.*, anew.id, anew.name
    from anew
    join pg_class v on anew.classid = 'pg_class'::regclass and v.oid = anew.objid
),
columns as (
    select v.id, v.name, v.relkind, v.relowner, a.*
    from views v
    join pg_attribute a on a.attrelid = v.oid and a.attnum > 0
),
wanted as (
    -- what default privileges gave it as it was created, and somebody may have taken back
    select n.id, 1 as turn, format('revoke all on %%s %%s from %%s', n.word, n.name, a.grantee::regrole) as statement
    from anew n
    join pg_default_acl d on d.defaclrole = n.me and d.defaclobjtype::text = n.usual and d.defaclnamespace in (0, n.namespace)
    cross join aclexplode(d.defaclacl) a
    where a.grantee not in (0, n.me)
    union
    select n.id, 1, format('revoke all on %%s %%s from public', n.word, n.name)
    from anew n
    union all
    select
        n.id, 2,
        format(
            'grant %%s on %%s %%s to %%s%%s', a.privilege_type, n.word, n.name,
            case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end,
            case when a.is_grantable then ' with grant option' else '' end
        )
    from anew n
    cross join aclexplode(n.acl) a
    where a.grantee <> n.owner
    union all
    select n.id, 2, format('comment on %%s %%s is %%L', n.kind, n.name, d.description)
    from anew n
    join pg_description d on d.classoid = n.classid and d.objoid = n.objid and d.objsubid = 0
    union all
    select n.id, 3, format('alter %%s %%s owner to %%I', n.word, n.name, pg_get_userbyid(n.owner))
    from anew n
    where n.owner <> n.me
    union all
    select n.id, 3, format('alter %%s %%s depends on extension %%I', n.kind, n.name, e.extname)
    from anew n
    join pg_depend d on (d.classid, d.objid, d.refclassid) = (n.classid, n.objid, 'pg_extension'::regclass) and d.deptype = 'x'
    join pg_extension e on e.oid = d.refobjid
    union all -- as its owner, who may see less than we do: not before it is his again
    select v.id, 5, format('set local row_security = on; refresh materialized view %%s; set local row_security = off', v.name)
    from views v
    where v.relkind = 'm' and v.relispopulated
    union all -- what its owner took from himself
    select n.id, 4, format('revoke %%s on %%s %%s from %%I', whole.privilege_type, n.word, n.name, pg_get_userbyid(n.owner))
    from anew n
    cross join aclexplode(acldefault(n.usual::"char", n.owner)) whole
    where whole.grantee = n.owner and n.acl is not null and not exists (
        select from aclexplode(n.acl) a where (a.grantee, a.privilege_type) = (n.owner, whole.privilege_type)
    )
    union all
    select
        c.id, 2,
        format(
            'grant %%s (%%I) on %%s to %%s%%s', a.privilege_type, c.attname, c.name,
            case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end,
            case when a.is_grantable then ' with grant option' else '' end
        )
    from columns c
    cross join aclexplode(c.attacl) a
    where a.grantee <> c.relowner
    union all
    select c.id, 2, format('comment on column %%s.%%I is %%L', c.name, c.attname, d.description)
    from columns c
    join pg_description d on d.classoid = 'pg_class'::regclass and d.objoid = c.attrelid and d.objsubid = c.attnum
    union all
    select v.id, 2, format('comment on index %%s is %%L', d.objoid::regclass, d.description)
    from views v
    join pg_index i on i.indrelid = v.oid
    join pg_description d on d.classoid = 'pg_class'::regclass and d.objoid = i.indexrelid
    union all
    select v.id, 3, format('alter index %%s depends on extension %%I', d.objid::regclass, e.extname)
    from views v
    join pg_index i on i.indrelid = v.oid
    join pg_depend d on (d.classid, d.objid, d.refclassid) = ('pg_class'::regclass, i.indexrelid, 'pg_extension'::regclass) and d.deptype = 'x'
    join pg_extension e on e.oid = d.refobjid
    union all
    select v.id, 2, format('alter table %%s cluster on %%I', v.name, x.relname)
    from views v
    join pg_index i on i.indrelid = v.oid and i.indisclustered
    join pg_class x on x.oid = i.indexrelid
    union all
    select
        v.id, 2,
        format('alter table %%s set (%%s)', v.name, (
            select string_agg(format('toast.%%s = %%L', split_part(o, '=', 1), substr(o, strpos(o, '=') + 1)), ', ')
            from unnest(t.reloptions) o
        ))
    from views v
    join pg_class t on t.oid = v.reltoastrelid and t.reloptions is not null
    union all
    select v.id, 2, format('alter index %%s alter column %%s set statistics %%s', a.attrelid::regclass, a.attnum, a.attstattarget)
    from views v
    join pg_index i on i.indrelid = v.oid
    join pg_attribute a on a.attrelid = i.indexrelid and a.attstattarget >= 0
    union all
    select c.id, 2, format('alter table %%s alter column %%I set %%s', c.name, c.attname, s.setting)
    from columns c
    join pg_type t on t.oid = c.atttypid
    cross join lateral (
        values
        (c.attstattarget >= 0, 'statistics ' || c.attstattarget),
        (c.attoptions is not null, '(' || array_to_string(c.attoptions, ', ') || ')'),
        (
            c.attstorage <> t.typstorage,
            'storage ' || case c.attstorage when 'p' then 'plain' when 'e' then 'external' when 'x' then 'extended' else 'main' end
        ),
        (c.attcompression <> '', 'compression ' || case c.attcompression when 'l' then 'lz4' else 'pglz' end)
    ) s (wanted, setting)
    where s.wanted and c.relkind = 'm'
)
select id, string_agg('; ' || statement, '' order by turn, statement) as statements
from wanted
group by id
