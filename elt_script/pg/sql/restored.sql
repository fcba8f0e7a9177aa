-- What views that are built anew must be given again: grants, comments, settings of columns, what their owner is.
--
-- Must run with an empty search_path, while the views stand where they will be built.
--
-- %(views)s  bigint[]
-- returns    view bigint, statements text, each with a semicolon before it
with views as (
    select v.*, v.oid::regclass::text as name, me.oid as me
    from pg_class v
    cross join pg_roles me
    where v.oid = any(%(views)s::oid[]) and me.rolname = current_user
),
columns as (
    select v.oid, v.name, v.me, a.*
    from views v
    join pg_attribute a on a.attrelid = v.oid and a.attnum > 0
),
wanted as (
    -- what default privileges gave it as it was created, and somebody may have taken back
    select v.oid, 1 as turn, format('revoke all on %%s from %%s', v.name, a.grantee::regrole) as statement
    from views v
    join pg_default_acl d on d.defaclrole = v.me and d.defaclobjtype = 'r' and d.defaclnamespace in (0, v.relnamespace)
    cross join aclexplode(d.defaclacl) a
    where a.grantee not in (0, v.me)
    union
    select v.oid, 1, format('revoke all on %%s from public', v.name)
    from views v
    union all
    select
        v.oid, 2,
        format(
            'grant %%s on %%s to %%s%%s', a.privilege_type, v.name,
            case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end,
            case when a.is_grantable then ' with grant option' else '' end
        )
    from views v
    cross join aclexplode(v.relacl) a
    where a.grantee <> v.relowner
    union all
    select
        c.oid, 2,
        format(
            'grant %%s (%%I) on %%s to %%s%%s', a.privilege_type, c.attname, c.name,
            case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end,
            case when a.is_grantable then ' with grant option' else '' end
        )
    from columns c
    join views v on v.oid = c.oid
    cross join aclexplode(c.attacl) a
    where a.grantee <> v.relowner
    union all
    select
        v.oid, 2,
        format(
            'comment on %%s is %%L',
            case d.objsubid
                when 0 then case v.relkind when 'm' then 'materialized ' else '' end || 'view ' || v.name
                else format('column %%s.%%I', v.name, c.attname)
            end,
            d.description
        )
    from views v
    join pg_description d on d.classoid = 'pg_class'::regclass and d.objoid = v.oid
    left join columns c on c.oid = v.oid and c.attnum = d.objsubid
    union all
    select v.oid, 2, format('comment on index %%s is %%L', d.objoid::regclass, d.description)
    from views v
    join pg_index i on i.indrelid = v.oid
    join pg_description d on d.classoid = 'pg_class'::regclass and d.objoid = i.indexrelid
    union all
    select v.oid, 2, format('alter table %%s cluster on %%I', v.name, x.relname)
    from views v
    join pg_index i on i.indrelid = v.oid and i.indisclustered
    join pg_class x on x.oid = i.indexrelid
    union all
    select
        v.oid, 2,
        format('alter table %%s set (%%s)', v.name, (
            select string_agg(format('toast.%%s = %%L', split_part(o, '=', 1), substr(o, strpos(o, '=') + 1)), ', ')
            from unnest(t.reloptions) o
        ))
    from views v
    join pg_class t on t.oid = v.reltoastrelid and t.reloptions is not null
    union all
    select i.indrelid, 2, format('alter index %%s alter column %%s set statistics %%s', a.attrelid::regclass, a.attnum, a.attstattarget)
    from pg_index i
    join pg_attribute a on a.attrelid = i.indexrelid and a.attstattarget >= 0
    where i.indrelid in (select oid from views)
    union all
    select c.oid, 2, format('alter table %%s alter column %%I set %%s', c.name, c.attname, s.setting)
    from columns c
    join views v on v.oid = c.oid and v.relkind = 'm'
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
    where s.wanted
    union all
    select v.oid, 3, format('alter table %%s owner to %%I', v.name, pg_get_userbyid(v.relowner))
    from views v
    where v.relowner <> v.me
)
select oid::bigint as view, string_agg('; ' || statement, '' order by turn, statement) as statements
from wanted
group by oid
