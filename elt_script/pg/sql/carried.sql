-- Grants and comments that people gave to the objects of a generation, and what they set and switched on its tables
-- and views, as statements for the next one.
--
-- Must run with an empty search_path, while the generation stands under its final names.
--
-- %(generation)s  bigint
-- returns         kind (what it must be there, see still_there.sql), object text (its name in full), statement text
with ours as materialized (
    select classid, objid, comments, facts from elt.object where generation = %(generation)s
),
found as materialized (
    select
        c.oid, c.relacl, c.relowner, ours.comments, ours.facts, c.relkind,
        c.relrowsecurity, c.relforcerowsecurity, c.relreplident, c.reloptions, c.reltoastrelid,
        ours.facts -> 'columns' as columns, ours.facts -> 'options' as options, ours.facts -> 'toast options' as toast_options,
        case c.relkind when 'S' then 'sequence' when 'v' then 'view' when 'm' then 'materialized view' else 'table' end as word
    from ours
    join pg_class c on ours.classid = 'pg_class'::regclass and c.oid = ours.objid
    where c.relkind in ('r', 'p', 'v', 'm', 'S')
),
relations as not materialized ( -- to write the names of thousands takes its time
    select *, oid::regclass::text as name from found
),
optioned as not materialized (
    select r.word, r.name, r.reloptions, t.reloptions as toasted, r.options, r.toast_options
    from relations r
    left join pg_class t on t.oid = r.reltoastrelid
    union all
    select 'index', c.oid::regclass::text, c.reloptions, null, ours.facts -> 'options', null
    from ours
    join pg_class c on ours.classid = 'pg_class'::regclass and c.oid = ours.objid and c.relkind = 'i'
    where c.reloptions is not null or ours.facts is not null
),
usual (differs) as materialized ( -- default privileges keep from everybody what Postgres gives
    select exists (select from pg_default_acl where defaclnamespace = 0 and defaclobjtype in ('f', 'T'))
),
types as materialized ( -- whose rights may not be the usual ones
    select t.*
    from pg_type t
    where (t.typacl is not null or (select differs from usual)) and t.oid in (select objid from ours where classid = 'pg_type'::regclass)
)
select
    case r.word when 'sequence' then 'sequence' else 'rows' end as kind, r.name as object,
    format(
        'grant %%s on %%s %%s to %%s%%s', a.privilege_type, case r.word when 'sequence' then 'sequence' else 'table' end, r.name,
        case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end,
        case when a.is_grantable then ' with grant option' else '' end
    ) as statement
from relations r
cross join aclexplode(r.relacl) a
where r.relacl is not null and a.grantee <> r.relowner and (a.grantee = 0 or exists (select from pg_roles where oid = a.grantee))
union all
select
    'column', r.name || '.' || quote_ident(t.attname),
    format(
        'grant %%s (%%I) on table %%s to %%s%%s', a.privilege_type, t.attname, r.name,
        case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end,
        case when a.is_grantable then ' with grant option' else '' end
    )
from relations r
join pg_attribute t on t.attrelid = r.oid and t.attnum > 0 and t.attacl is not null and not t.attisdropped
cross join aclexplode(t.attacl) a
where a.grantee <> r.relowner and (a.grantee = 0 or exists (select from pg_roles where oid = a.grantee))
union all
select
    'routine', p.oid::regprocedure::text,
    format('revoke all on routine %%s from public', p.oid::regprocedure)
from ours
join pg_proc p on ours.classid = 'pg_proc'::regclass and p.oid = ours.objid and p.proacl is not null
union all
select
    'routine', p.oid::regprocedure::text,
    format(
        'grant execute on routine %%s to %%s%%s', p.oid::regprocedure,
        case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end,
        case when a.is_grantable then ' with grant option' else '' end
    )
from ours
join pg_proc p on ours.classid = 'pg_proc'::regclass and p.oid = ours.objid
cross join usual
cross join aclexplode(coalesce(p.proacl, case when usual.differs then acldefault('f', p.proowner) end)) a
where a.grantee <> p.proowner and (a.grantee = 0 or exists (select from pg_roles where oid = a.grantee))
union all
select
    'type', t.oid::regtype::text,
    format('revoke all on type %%s from public', t.oid::regtype)
from types t
where t.typacl is not null
union all
select
    'type', t.oid::regtype::text,
    format(
        'grant usage on type %%s to %%s%%s', t.oid::regtype,
        case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end,
        case when a.is_grantable then ' with grant option' else '' end
    )
from types t
cross join usual
left join pg_class c on c.oid = t.typrelid
cross join aclexplode(coalesce(t.typacl, case
    -- arrays, multiranges and rows of tables have no rights of their own
    when usual.differs and t.typcategory <> 'A' and t.typtype <> 'm' and coalesce(c.relkind, 'c') = 'c' then acldefault('T', t.typowner)
end)) a
where a.grantee <> t.typowner and (a.grantee = 0 or exists (select from pg_roles where oid = a.grantee))
union all -- what an owner took from himself
select o.kind, o.name, format('revoke %%s on %%s %%s from %%I', whole.privilege_type, o.word, o.name, pg_get_userbyid(o.owner))
from (
    select
        case r.word when 'sequence' then 'sequence' else 'rows' end, case r.word when 'sequence' then 'sequence' else 'table' end,
        r.name, r.relacl, r.relowner, case r.word when 'sequence' then 's' else 'r' end
    from relations r
    union all
    select 'routine', 'routine', p.oid::regprocedure::text, p.proacl, p.proowner, 'f'
    from ours
    join pg_proc p on ours.classid = 'pg_proc'::regclass and p.oid = ours.objid
    union all
    select 'type', 'type', t.oid::regtype::text, t.typacl, t.typowner, 'T'
    from types t
) o (kind, word, name, acl, owner, class)
cross join aclexplode(acldefault(o.class::"char", o.owner)) whole
where whole.grantee = o.owner and o.acl is not null and not exists (
    select from aclexplode(o.acl) a where (a.grantee, a.privilege_type) = (o.owner, whole.privilege_type)
)
union all
select
    case d.objsubid when 0 then 'described' else 'column' end,
    r.name || coalesce('.' || quote_ident(t.attname), ''),
    case d.objsubid when 0 then format('is %%L', d.description) -- of what it is there
        else format('comment on column %%s.%%I is %%L', r.name, t.attname, d.description) end
from relations r
join pg_description d on d.classoid = 'pg_class'::regclass and d.objoid = r.oid
left join pg_attribute t on t.attrelid = r.oid and t.attnum = d.objsubid and d.objsubid > 0
where d.description is distinct from r.comments ->> d.objsubid::text
union all
select 'column', c.oid::regclass || '.' || quote_ident(a.attname), format('comment on column %%s.%%I is %%L', c.oid::regclass, a.attname, d.description)
from ours
join pg_class c on ours.classid = 'pg_class'::regclass and c.oid = ours.objid and c.relkind = 'c'
join pg_description d on d.classoid = 'pg_class'::regclass and d.objoid = c.oid
join pg_attribute a on a.attrelid = c.oid and a.attnum = d.objsubid
where d.description is distinct from ours.comments ->> d.objsubid::text
union all
select named.kind, named.object, format('comment on %%s is %%L', named.words, d.description)
from ours
join pg_description d on d.classoid = ours.classid and d.objoid = ours.objid and d.objsubid = 0
cross join lateral (
    select part.kind, part.relation::regclass || '.' || quote_ident(part.name) as object, format('%%s %%I on %%s', part.kind, part.name, part.relation::regclass) as words
    from (
        select 'constraint' as kind, conrelid as relation, conname as name
        from pg_constraint
        where d.classoid = 'pg_constraint'::regclass and oid = d.objoid and conrelid <> 0
        union all
        select 'trigger', tgrelid, tgname from pg_trigger where d.classoid = 'pg_trigger'::regclass and oid = d.objoid
        union all
        select 'rule', ev_class, rulename from pg_rewrite where d.classoid = 'pg_rewrite'::regclass and oid = d.objoid
        union all
        select 'policy', polrelid, polname from pg_policy where d.classoid = 'pg_policy'::regclass and oid = d.objoid
    ) part
    union all
    select 'statistics', format('%%I.%%I', n.nspname, s.stxname), format('statistics %%I.%%I', n.nspname, s.stxname)
    from pg_statistic_ext s
    join pg_namespace n on n.oid = s.stxnamespace
    where d.classoid = 'pg_statistic_ext'::regclass and s.oid = d.objoid
    union all
    select 'index', c.oid::regclass::text, 'index ' || c.oid::regclass
    from pg_class c
    where d.classoid = 'pg_class'::regclass and c.oid = d.objoid and c.relkind in ('i', 'I')
    union all
    select 'routine', p.oid::regprocedure::text, 'routine ' || p.oid::regprocedure
    from pg_proc p
    where d.classoid = 'pg_proc'::regclass and p.oid = d.objoid
    union all
    select 'type', t.oid::regtype::text, 'type ' || t.oid::regtype
    from pg_type t
    where d.classoid = 'pg_type'::regclass and t.oid = d.objoid
    union all
    select 'other', i.type || ' ' || i.identity, case d.classoid
        when 'pg_constraint'::regclass then (
            select format('constraint %%I on domain %%s', conname, contypid::regtype) from pg_constraint where oid = d.objoid
        )
        else i.type || ' ' || i.identity
    end
    from pg_identify_object(d.classoid, d.objoid, 0) i
    where i.type in ('domain constraint', 'operator', 'operator class', 'operator family', 'collation', 'conversion', 'cast')
        or i.type like 'text search %%'
) named
where d.description is distinct from ours.comments ->> '0'
union all
select
    r.word, r.name,
    format('alter table %%s %%s row level security', r.name, case when r.relrowsecurity then 'enable' else 'disable' end)
from relations r
where r.relkind in ('r', 'p') and r.relrowsecurity <> coalesce((r.facts ->> 'row security')::bool, false)
union all
select
    r.word, r.name,
    format('alter table %%s %%s row level security', r.name, case when r.relforcerowsecurity then 'force' else 'no force' end)
from relations r
where r.relkind in ('r', 'p') and r.relforcerowsecurity <> coalesce((r.facts ->> 'forced row security')::bool, false)
union all
select
    r.word, r.name,
    format(
        'alter table %%s replica identity %%s', r.name,
        case r.relreplident when 'f' then 'full' when 'n' then 'nothing' else 'default' end
    )
from relations r
where r.relkind in ('r', 'p') and r.relreplident <> 'i' and r.relreplident::text <> coalesce(r.facts ->> 'identity', 'd')
union all
select chosen.kind, r.name || '.' || quote_ident(x.relname), format('alter table %%s %%s %%I', r.name, chosen.words, x.relname)
from relations r
join pg_index i on i.indrelid = r.oid and (i.indisreplident or i.indisclustered)
join pg_class x on x.oid = i.indexrelid
cross join lateral (
    values
    (i.indisreplident and r.relreplident = 'i', 'identity index', 'replica identity', 'replica identity using index'),
    (i.indisclustered, 'cluster', 'clustering', 'cluster on')
) chosen (is_so, fact, kind, words)
where chosen.is_so and x.relname is distinct from r.facts ->> chosen.fact
union all
select
    case r.word when 'view' then 'view' when 'index' then 'index' else 'stored' end, r.name, string_agg(
        case when o.now is null then format('alter %%s %%s reset (%%s%%s)', o.word, r.name, o.prefix, o.key)
            else format('alter %%s %%s set (%%s%%s = %%L)', o.word, r.name, o.prefix, o.key, o.now) end,
        '; ' order by o.prefix, o.place -- which is how Postgres lists them
    )
from optioned r
cross join lateral (
    values ('', r.reloptions, r.options), ('toast.', r.toasted, r.toast_options)
) kinds (prefix, now, before)
cross join lateral (
    select
        case when r.word in ('view', 'index') then r.word else 'table' end as word,
        kinds.prefix, key, max(value) filter (where is_now) as now, max(value) filter (where not is_now) as before, max(place) as place
    from (
        select split_part(o, '=', 1) as key, substr(o, strpos(o, '=') + 1) as value, true as is_now, place
        from unnest(kinds.now) with ordinality n (o, place)
        union all
        select split_part(o, '=', 1), substr(o, strpos(o, '=') + 1), false, 0 from jsonb_array_elements_text(kinds.before) o
    ) told
    group by key
) o
where coalesce(r.reloptions::text, r.toasted::text, r.options::text, r.toast_options::text) is not null and o.now is distinct from o.before
group by r.word, r.name
union all
select s.kind, r.name || '.' || quote_ident(a.attname), format('alter table %%s alter column %%I set %%s', r.name, a.attname, s.setting)
from relations r
join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
join pg_type t on t.oid = a.atttypid
cross join lateral (
    values
    ('stored column', coalesce(a.attstattarget, -1) <> coalesce((r.columns #>> array[a.attnum::text, '0'])::int, -1),
        'statistics ' || coalesce(a.attstattarget, -1)),
    ('stored column', to_jsonb(a.attoptions) is distinct from r.columns #> array[a.attnum::text, '1'] and a.attoptions is not null,
        '(' || array_to_string(a.attoptions, ', ') || ')'),
    ('long column', a.attstorage::text <> coalesce(r.columns #>> array[a.attnum::text, '2'], t.typstorage::text),
        'storage ' || case a.attstorage when 'p' then 'plain' when 'e' then 'external' when 'x' then 'extended' else 'main' end),
    ('long column', a.attcompression::text <> coalesce(r.columns #>> array[a.attnum::text, '3'], ''),
        'compression ' || case a.attcompression when 'l' then 'lz4' when 'p' then 'pglz' else 'default' end)
) s (kind, differs, setting)
where r.relkind in ('r', 'p', 'm')
    and (a.attstattarget >= 0 or a.attoptions is not null or a.attstorage <> t.typstorage or a.attcompression <> '' or r.columns ? a.attnum::text)
    and s.differs
union all
select labelled.kind, labelled.object, format('security label for %%I on %%s %%s is %%L', l.provider, labelled.word, labelled.object, l.label)
from ours
join pg_seclabel l on l.classoid = ours.classid and l.objoid = ours.objid
cross join lateral (
    select r.word as kind, r.name as object, r.word from relations r where l.classoid = 'pg_class'::regclass and r.oid = l.objoid and l.objsubid = 0
    union all
    select 'column', r.name || '.' || quote_ident(a.attname), 'column'
    from relations r
    join pg_attribute a on a.attrelid = r.oid and a.attnum = l.objsubid and a.attnum > 0
    where l.classoid = 'pg_class'::regclass and r.oid = l.objoid
    union all
    select 'routine', p.oid::regprocedure::text, 'routine' from pg_proc p where l.classoid = 'pg_proc'::regclass and p.oid = l.objoid
    union all
    select 'type', t.oid::regtype::text, 'type' from pg_type t where l.classoid = 'pg_type'::regclass and t.oid = l.objoid
) labelled
union all
select 'extension of ' || part.kind, part.object, format('alter %%s depends on extension %%I', part.words, e.extname)
from pg_extension e
join pg_depend x on x.refclassid = 'pg_extension'::regclass and x.refobjid = e.oid and x.deptype = 'x'
left join ours o on o.classid = x.classid and o.objid = x.objid
left join pg_index i on x.classid = 'pg_class'::regclass and i.indexrelid = x.objid
cross join lateral (
    select 'index' as kind, c.oid::regclass::text as object, 'index ' || c.oid::regclass as words
    from pg_class c
    where i.indexrelid = c.oid and exists (select from ours t where t.classid = 'pg_class'::regclass and t.objid = i.indrelid)
    union all
    select 'materialized view', r.name, 'materialized view ' || r.name from relations r where o.classid = 'pg_class'::regclass and r.oid = o.objid and r.relkind = 'm'
    union all
    select 'routine', p.oid::regprocedure::text, 'routine ' || p.oid::regprocedure
    from pg_proc p
    where o.classid = 'pg_proc'::regclass and p.oid = o.objid
    union all
    select 'trigger', t.tgrelid::regclass || '.' || quote_ident(t.tgname), format('trigger %%I on %%s', t.tgname, t.tgrelid::regclass)
    from pg_trigger t
    where o.classid = 'pg_trigger'::regclass and t.oid = o.objid
) part
where not coalesce(o.facts -> 'extensions' ? e.extname, false)
