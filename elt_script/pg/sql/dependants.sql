-- What others built on the tables, types and functions of a generation, and how each is pointed at the next one.
--
-- Must run with an empty search_path, so that every name in a definition is written in full.
--
-- %(generation)s  bigint
-- returns      kind text, object text (as people name it), lock text (the statement that takes the
--              lock it needs, or null), before text and
--              after text (statements to run before and after the swap, or null), turn int (order of the latter),
--              owned bool, part bool (of a table of the generation: goes with it), uses text[] (columns it reads, as schema.table.column), fault text (why it can't come
--              along, or null)
with recursive generation as materialized (
    select classid, objid from elt.object where generation = %(generation)s
),
views as materialized (
    select distinct r.ev_class as view, c.relkind, d.refclassid, d.refobjid
    from pg_rewrite r
    join pg_class c on c.oid = r.ev_class and c.relkind in ('v', 'm')
    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refobjid <> c.oid
    where r.rulename = '_RETURN'
        and not exists (select from generation g where g.classid = 'pg_class'::regclass and g.objid = c.oid)
),
reach (view, relkind, depth) as (
    select distinct v.view, v.relkind, 1
    from views v
    join generation g on g.classid = v.refclassid and g.objid = v.refobjid
    union
    select v.view, v.relkind, reach.depth + 1
    from reach
    join views v on v.refclassid = 'pg_class'::regclass and v.refobjid = reach.view
    where reach.depth < 100
),
depths as materialized (
    select view, relkind, max(depth) as depth from reach group by view, relkind
),
rebuilt as materialized (
    select c.* from depths join pg_class c on c.oid = depths.view where depths.relkind = 'm'
),
ours as materialized (
    select classid, objid from generation
    union
    select 'pg_class'::regclass, oid from rebuilt
    union
    select 'pg_rewrite'::regclass, r.oid from rebuilt join pg_rewrite r on r.ev_class = rebuilt.oid
    union
    select 'pg_class'::regclass, x.indexrelid from rebuilt join pg_index x on x.indrelid = rebuilt.oid
    union
    select 'pg_class'::regclass, reltoastrelid from rebuilt
    union
    select 'pg_type'::regclass, t.oid from rebuilt join pg_type t on t.oid = rebuilt.reltype
    union
    select 'pg_type'::regclass, t.typarray from rebuilt join pg_type t on t.oid = rebuilt.reltype
),
tables as materialized (
    select c.oid, c.relkind, n.nspname, c.relname
    from generation g
    join pg_class c on g.classid = 'pg_class'::regclass and c.oid = g.objid and c.relkind in ('r', 'p', 'v', 'm')
    join pg_namespace n on n.oid = c.relnamespace
),
direct as (
    select d.classid, d.objid, d.objsubid, d.refclassid, d.refobjid, d.refobjsubid, d.deptype
    from ours
    join pg_depend d on d.refclassid = ours.classid and d.refobjid = ours.objid
    where not exists (select from ours own where own.classid = d.classid and own.objid = d.objid)
),
found as (
    select
        d.*,
        case
            when d.classid = 'pg_rewrite'::regclass then (select ev_class from pg_rewrite where oid = d.objid)
            when d.classid = 'pg_attrdef'::regclass then (select adrelid from pg_attrdef where oid = d.objid)
            when d.classid = 'pg_constraint'::regclass then (select conrelid from pg_constraint where oid = d.objid)
            when d.classid = 'pg_trigger'::regclass then (select tgrelid from pg_trigger where oid = d.objid)
            when d.classid = 'pg_policy'::regclass then (select polrelid from pg_policy where oid = d.objid)
            when d.classid = 'pg_publication_rel'::regclass then (select prrelid from pg_publication_rel where oid = d.objid)
            when d.classid = 'pg_class'::regclass then d.objid
        end as relation
    from direct d
),
merged as (
    select
        f.classid,
        f.objid,
        f.relation,
        array_remove(array_agg(distinct
            case when f.refclassid = 'pg_class'::regclass and f.refobjsubid > 0 then (
                select format('%%s.%%s.%%s', t.nspname, t.relname, a.attname)
                from tables t
                join pg_attribute a on a.attrelid = t.oid and a.attnum = f.refobjsubid
                where t.oid = f.refobjid
            ) end), null) as uses,
        bool_or(f.refclassid = 'pg_type'::regclass) as uses_type,
        exists (select from ours where classid = 'pg_class'::regclass and ours.objid = f.relation) as on_ours
    from found f
    group by f.classid, f.objid, f.relation
)
select
    'view' as kind,
    c.oid::regclass::text as object,
    format('lock table %%s in access exclusive mode', c.oid::regclass) as lock,
    null as before,
    format(
        'create or replace view %%s%%s as %%s', c.oid::regclass,
        ' with (' || array_to_string(c.reloptions, ', ') || ')', pg_get_viewdef(c.oid)
    ) as after,
    coalesce((select depth from depths where view = c.oid), 1) + 10 as turn,
    pg_has_role(c.relowner, 'usage') as owned,
    false as part,
    m.uses,
    null as fault
from merged m
join pg_rewrite r on m.classid = 'pg_rewrite'::regclass and r.oid = m.objid and r.rulename = '_RETURN'
join pg_class c on c.oid = m.relation and c.relkind = 'v'
union all
select
    'materialized view', c.oid::regclass::text,
    format('alter materialized view %%s set schema %%I', c.oid::regclass, n.nspname),
    format(
        'create schema if not exists elt_aside_%%s; alter materialized view %%s set schema elt_aside_%%s',
        n.oid, c.oid::regclass, n.oid
    ),
    format(
        'create materialized view %%s%%s as %%s',
        c.oid::regclass, ' with (' || array_to_string(c.reloptions, ', ') || ')', rtrim(pg_get_viewdef(c.oid), '; ')
    )
        -- a refresh freezes its rows, create … as does not: older snapshots would see an empty view
        || ' with no data'
        || case when c.relispopulated then format('; refresh materialized view %%s', c.oid::regclass) else '' end
        || coalesce((
            select string_agg('; ' || pg_get_indexdef(indexrelid), '') from pg_index where indrelid = c.oid
        ), '')
        || coalesce((
            select string_agg(format(
                '; grant %%s on %%s to %%s%%s', a.privilege_type, c.oid::regclass,
                case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end,
                case when a.is_grantable then ' with grant option' else '' end
            ), '')
            from aclexplode(c.relacl) a
            where a.grantee <> c.relowner
        ), '')
        || coalesce((
            select string_agg(format(
                '; comment on %%s is %%L',
                case d.objsubid
                    when 0 then 'materialized view ' || c.oid::regclass
                    else format('column %%s.%%I', c.oid::regclass, a.attname)
                end,
                d.description
            ), '')
            from pg_description d
            left join pg_attribute a on a.attrelid = c.oid and a.attnum = d.objsubid and d.objsubid > 0
            where d.classoid = 'pg_class'::regclass and d.objoid = c.oid
        ), ''),
    depths.depth + 10, pg_has_role(c.relowner, 'usage'), false, coalesce(m.uses, '{{}}'), null
from depths
join pg_class c on c.oid = depths.view and c.relkind = 'm'
join pg_namespace n on n.oid = c.relnamespace
left join (
    select r.ev_class, array_agg(distinct format('%%s.%%s.%%s', t.nspname, t.relname, a.attname)) as uses
    from pg_rewrite r
    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refobjsubid > 0
    join tables t on d.refclassid = 'pg_class'::regclass and t.oid = d.refobjid
    join pg_attribute a on a.attrelid = t.oid and a.attnum = d.refobjsubid
    group by r.ev_class
) m on m.ev_class = c.oid
union all
select
    'rule', format('%%I on %%s', r.rulename, c.oid::regclass),
    format('lock table %%s in access exclusive mode', c.oid::regclass),
    null, replace(pg_get_ruledef(r.oid), 'CREATE RULE ', 'CREATE OR REPLACE RULE '), 205,
    pg_has_role(c.relowner, 'usage'), m.on_ours, m.uses, null
from merged m
join pg_rewrite r on m.classid = 'pg_rewrite'::regclass and r.oid = m.objid and r.rulename <> '_RETURN'
join pg_class c on c.oid = m.relation
union all
select
    case k.contype when 'f' then 'foreign key' else 'constraint' end,
    format('%%I on %%s', k.conname, k.conrelid::regclass),
    case when not m.on_ours then format('lock table %%s in access exclusive mode', k.conrelid::regclass) end,
    format('alter table %%s drop constraint %%I', k.conrelid::regclass, k.conname),
    format('alter table %%s add constraint %%I %%s', k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid))
        || format('; comment on constraint %%I on %%s is %%L', k.conname, k.conrelid::regclass, obj_description(k.oid, 'pg_constraint')),
    6,
    pg_has_role(c.relowner, 'usage'),
    m.on_ours,
    m.uses,
    null
from merged m
join pg_constraint k on m.classid = 'pg_constraint'::regclass and k.oid = m.objid and k.conparentid = 0 and k.contype <> 'n'
join pg_class c on c.oid = k.conrelid
union all
select
    'trigger', format('%%I on %%s', t.tgname, t.tgrelid::regclass),
    case when not m.on_ours then format('lock table %%s in access exclusive mode', t.tgrelid::regclass) end,
    format('drop trigger %%I on %%s', t.tgname, t.tgrelid::regclass),
    pg_get_triggerdef(t.oid)
        || case t.tgenabled when 'O' then '' else format(
            '; alter table %%s %%s trigger %%I', t.tgrelid::regclass,
            case t.tgenabled when 'D' then 'disable' when 'R' then 'enable replica' else 'enable always' end, t.tgname
        ) end
        || format('; comment on trigger %%I on %%s is %%L', t.tgname, t.tgrelid::regclass, obj_description(t.oid, 'pg_trigger')),
    205, pg_has_role(c.relowner, 'usage'), m.on_ours, m.uses, null
from merged m
join pg_trigger t on m.classid = 'pg_trigger'::regclass and t.oid = m.objid and not t.tgisinternal and t.tgparentid = 0
join pg_class c on c.oid = t.tgrelid
union all
select
    'policy', format('%%I on %%s', p.polname, p.polrelid::regclass),
    case when not m.on_ours then format('lock table %%s in access exclusive mode', p.polrelid::regclass) end,
    format('drop policy %%I on %%s', p.polname, p.polrelid::regclass),
    format(
        'create policy %%I on %%s as %%s for %%s to %%s', p.polname, p.polrelid::regclass,
        case when p.polpermissive then 'permissive' else 'restrictive' end,
        case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
        (
            select string_agg(case role when 0 then 'public' else quote_ident(pg_get_userbyid(role)) end, ', ')
            from unnest(p.polroles) role
        )
    )
        || coalesce(' using (' || pg_get_expr(p.polqual, p.polrelid) || ')', '')
        || coalesce(' with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', '')
        || format('; comment on policy %%I on %%s is %%L', p.polname, p.polrelid::regclass, obj_description(p.oid, 'pg_policy')),
    205, pg_has_role(c.relowner, 'usage'), m.on_ours, m.uses, null
from merged m
join pg_policy p on m.classid = 'pg_policy'::regclass and p.oid = m.objid
join pg_class c on c.oid = p.polrelid
union all
select
    'default', format('of %%s.%%I', d.adrelid::regclass, a.attname),
    format('lock table %%s in access exclusive mode', d.adrelid::regclass), null,
    format('alter table %%s alter column %%I set default %%s', d.adrelid::regclass, a.attname, pg_get_expr(d.adbin, d.adrelid)),
    204, pg_has_role(c.relowner, 'usage'), m.on_ours, m.uses,
    case
        when a.attgenerated <> '' then 'a generated column cannot be pointed at another object'
        when m.on_ours then 'it was added to a published table'
    end
from merged m
join pg_attrdef d on m.classid = 'pg_attrdef'::regclass and d.oid = m.objid
join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
join pg_class c on c.oid = d.adrelid
union all
select
    'function', p.oid::regprocedure::text, null, null, pg_get_functiondef(p.oid), 1, pg_has_role(p.proowner, 'usage'), false, m.uses,
    case
        when m.uses_type then 'its arguments or its result are of a published type'
        when p.prokind = 'a' then 'an aggregate cannot be pointed at other functions'
    end
from merged m
join pg_proc p on m.classid = 'pg_proc'::regclass and p.oid = m.objid
union all
select
    'publication', quote_ident(p.pubname) || ' of ' || r.prrelid::regclass, null,
    format('alter publication %%I drop table only %%s', p.pubname, r.prrelid::regclass),
    format('alter publication %%I add table only %%s', p.pubname, r.prrelid::regclass)
        || coalesce((
            select ' (' || string_agg(quote_ident(a.attname), ', ' order by a.attnum) || ')'
            from pg_attribute a
            where a.attrelid = r.prrelid
                and jsonb_typeof(to_jsonb(r) -> 'prattrs') = 'array'
                and to_jsonb(r) -> 'prattrs' @> to_jsonb(a.attnum)
        ), '')
        || coalesce((
            select format(' where (%%s)', to_jsonb(t) ->> 'rowfilter')
            from pg_publication_tables t
            join pg_namespace n on n.nspname = t.schemaname
            join pg_class c on c.relnamespace = n.oid and c.relname = t.tablename
            where t.pubname = p.pubname and c.oid = r.prrelid and to_jsonb(t) ->> 'rowfilter' is not null
        ), ''),
    207, pg_has_role(p.pubowner, 'usage'), false, m.uses, null
from merged m
join pg_publication_rel r on m.classid = 'pg_publication_rel'::regclass and r.oid = m.objid
join pg_publication p on p.oid = r.prpubid
union all
select
    'statistics', format('%%I.%%I', n.nspname, s.stxname), null, format('drop statistics %%I.%%I', n.nspname, s.stxname),
    pg_get_statisticsobjdef(s.oid), 207, pg_has_role(s.stxowner, 'usage'), false, m.uses, null
from merged m
join pg_statistic_ext s on m.classid = 'pg_statistic_ext'::regclass and s.oid = m.objid
join pg_namespace n on n.oid = s.stxnamespace
union all
select
    case c.relkind when 'i' then 'index' when 'I' then 'index' when 'S' then 'sequence' else 'table' end,
    c.oid::regclass::text, null, null, null, 300, pg_has_role(c.relowner, 'usage'), c.relkind in ('i', 'I'), m.uses,
    case
        when c.relkind in ('i', 'I') then null
        when m.uses_type then 'a column of it is of a published type'
        else 'it inherits from, or is a partition or a sequence of, a published table'
    end
from merged m
join pg_class c on m.classid = 'pg_class'::regclass and c.oid = m.objid
where c.relkind in ('r', 'p', 'c', 'f', 'S')
    or c.relkind in ('i', 'I') and not exists (
        select from pg_constraint k where k.conindid = c.oid and k.contype in ('p', 'u', 'x')
    ) and not exists (select from pg_inherits where inhrelid = c.oid)
union all
select
    'object', pg_describe_object(m.classid, m.objid, 0), null, null, null, 300, true, false, m.uses,
    'it rests on a published type, function or operator'
from merged m
where m.classid not in (
    'pg_rewrite'::regclass, 'pg_constraint'::regclass, 'pg_trigger'::regclass, 'pg_policy'::regclass,
    'pg_attrdef'::regclass, 'pg_proc'::regclass, 'pg_publication_rel'::regclass, 'pg_statistic_ext'::regclass,
    'pg_class'::regclass
)
order by turn, kind, object
