-- What others built on the tables, types and functions of a generation, and how each is pointed at the next one.
--
-- Must run with an empty search_path, so that every name in a definition is written in full.
--
-- %(generation)s  bigint
-- %(places)s      jsonb {final schema: where the next generation is staged}, empty if there is none
-- %(staying)s     bigint[], types that will be the next generation's, too
-- {reach}         reach.sql
-- returns      id text, rests jsonb [id, …] (of what it reads or is on, which may be something of others, too), kind text, object text (as people name it), relation oid (which the swap locks, or null), lock text (the
--              statement that locks it), reads jsonb [[OID, name], …] (of the tables
--              that it reads beside our own), before, after and clear text
--              (statements for before and after the swap, and after all of those, or null), turn int (their order), owned
--              bool, part bool (of a table of the generation: goes with it), uses jsonb [[table as schema.table, column or
--              null], …], fault text (why it cannot come along, or null), temporary bool (of another session)
{reach},
direct as (
    select d.classid, d.objid, d.objsubid, d.refclassid, d.refobjid, d.refobjsubid, d.deptype
    from ours
    join pg_depend d on d.refclassid = ours.classid and d.refobjid = ours.objid
    where not exists (select from ours own where own.classid = d.classid and own.objid = d.objid)
        and not exists (select from published own where own.classid = d.classid and own.objid = d.objid)
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
            when d.classid = 'pg_class'::regclass then coalesce((select indrelid from pg_index where indexrelid = d.objid), d.objid)
        end as relation
    from direct d
),
merged as materialized (
    select
        f.classid,
        f.objid,
        f.relation,
        coalesce(jsonb_agg(distinct jsonb_build_array(t.nspname || '.' || t.relname, a.attname)) filter (where t.oid is not null), '[]') as uses,
        exists (select from generation g where g.classid = 'pg_class'::regclass and g.objid = f.relation) as part,
        exists (select from ours where ours.classid = 'pg_class'::regclass and ours.objid = f.relation) as on_ours
    from found f
    left join tables t on f.refclassid = 'pg_class'::regclass and t.oid = f.refobjid
    left join pg_attribute a on a.attrelid = t.oid and a.attnum = f.refobjsubid and f.refobjsubid > 0
    group by f.classid, f.objid, f.relation
),
used as materialized (
    select n.classid, n.objid, jsonb_agg(distinct jsonb_build_array(t.nspname || '.' || t.relname, a.attname)) as uses
    from needs n
    join tables t on n.refclassid = 'pg_class'::regclass and t.oid = n.refobjid
    left join pg_attribute a on a.attrelid = t.oid and a.attnum = n.refobjsubid and n.refobjsubid > 0
    group by n.classid, n.objid
),
listed as (
    select
        'pg_class'::regclass::oid as classid, c.oid as objid, 'view' as kind, c.oid::regclass::text as object, c.oid as relation,
        null as before,
        format(
            'create or replace view %%s%%s as %%s', c.oid::regclass,
            ' with (' || array_to_string(c.reloptions, ', ') || ')', pg_get_viewdef(c.oid)
        ) as after,
        depths.depth + 10 as turn, c.relowner as owner, m.part, m.uses, null as fault, null as clear
    from merged m
    join pg_rewrite r on m.classid = 'pg_rewrite'::regclass and r.oid = m.objid and r.rulename = '_RETURN'
    join pg_class c on c.oid = m.relation and c.relkind = 'v'
    join depths on depths.classid = 'pg_class'::regclass and depths.objid = c.oid
    union all
    select
        'pg_class'::regclass, v.oid, case v.relkind when 'm' then 'materialized view' else 'view' end, v.oid::regclass::text, v.oid,
        format(
            'create schema if not exists elt_aside_%%s; alter table %%s set schema elt_aside_%%s',
            v.relnamespace, v.oid::regclass, v.relnamespace
        ),
        format(
            'create %%s %%s%%s as %%s', case v.relkind when 'm' then 'materialized view' else 'view' end,
            v.oid::regclass, ' with (' || array_to_string(v.reloptions, ', ') || ')', rtrim(pg_get_viewdef(v.oid), '; ')
        )
            -- it is filled by a refresh, which freezes its rows, create … as does not: older snapshots would see an empty view
            || case when v.relkind = 'm' then ' with no data' else '' end
            || coalesce((
                select string_agg('; ' || pg_get_indexdef(indexrelid), '') from pg_index where indrelid = v.oid
            ), ''),
        v.depth + 10, v.relowner, false, coalesce(m.uses, '[]'), null,
        format(
            'drop %%s elt_aside_%%s.%%I', case v.relkind when 'm' then 'materialized view' else 'view' end, v.relnamespace, v.relname
        )
    from rebuilt v
    left join used m on m.classid = 'pg_class'::regclass and m.objid = v.oid
    union all
    select
        m.classid, m.objid, 'rule', format('%%I on %%s', r.rulename, c.oid::regclass), c.oid,
        case when m.part then format('drop rule %%I on %%s', r.rulename, c.oid::regclass) end,
        case when m.part then pg_get_ruledef(r.oid) else regexp_replace(pg_get_ruledef(r.oid), '^CREATE RULE ', 'CREATE OR REPLACE RULE ') end
            || case r.ev_enabled when 'O' then '' else format(
                ' alter table %%s %%s rule %%I', c.oid::regclass,
                case r.ev_enabled when 'D' then 'disable' when 'R' then 'enable replica' else 'enable always' end, r.rulename
            ) end
            || format('; comment on rule %%I on %%s is %%L', r.rulename, c.oid::regclass, obj_description(r.oid, 'pg_rewrite')),
        205, c.relowner, m.part, m.uses, null, null
    from merged m
    join pg_rewrite r on m.classid = 'pg_rewrite'::regclass and r.oid = m.objid and r.rulename <> '_RETURN'
    join pg_class c on c.oid = m.relation
    union all
    select
        m.classid, m.objid, case k.contype when 'f' then 'foreign key' else 'constraint' end,
        format('%%I on %%s', k.conname, k.conrelid::regclass), case when not m.on_ours then k.conrelid end,
        format('alter table %%s drop constraint %%I', k.conrelid::regclass, k.conname),
        coalesce(parts.before, '')
            || format('alter table %%s add constraint %%I %%s', k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid))
            -- a check that holds is not merged with one of a whole that is not known to
            || case when k.contype = 'c' and k.coninhcount > 0 and k.convalidated
                then format(' not valid; alter table %%s validate constraint %%I', k.conrelid::regclass, k.conname) else '' end
            || format('; comment on constraint %%I on %%s is %%L', k.conname, k.conrelid::regclass, obj_description(k.oid, 'pg_constraint'))
            || coalesce(parts.after, ''),
        206 + least(k.coninhcount, 1), c.relowner, m.part, m.uses, null, null -- what a parent gives comes and goes with the parent's
    from merged m
    join pg_constraint k on m.classid = 'pg_constraint'::regclass and k.oid = m.objid and k.conparentid = 0 and k.contype not in ('n', 't')
        and (k.conislocal or k.contype <> 'c')
    join pg_class c on c.oid = k.conrelid
    left join lateral ( -- of partitions and heirs: keys with names or states of their own, which the whole's then takes over, and valid checks
        with recursive tree as (
            select k.oid, k.conrelid, k.conname, k.convalidated, 0 as level
            union all
            select p.oid, p.conrelid, p.conname, p.convalidated, tree.level + 1
            from tree
            cross join lateral (
                select * from pg_constraint where k.contype = 'f' and conparentid = tree.oid and conrelid <> tree.conrelid
                union all
                select o.*
                from pg_inherits h
                join pg_constraint o on o.conrelid = h.inhrelid and o.contype = 'c' and o.conname = k.conname
                where k.contype = 'c' and not k.convalidated and h.inhparent = tree.conrelid
            ) p
        )
        select
            string_agg(format('do %%L; ', format('begin if to_regclass(%%L) is not null then alter table %%s add constraint %%I %%s;'
                ' comment on constraint %%I on %%s is %%L; end if; end', t.conrelid::regclass, t.conrelid::regclass,
                t.conname, pg_get_constraintdef(t.oid), t.conname, t.conrelid::regclass, t.comment
            )), '' order by t.level desc) filter (where k.contype = 'f') as before,
            string_agg(format('; do %%L', format('begin if to_regclass(%%L) is not null then alter table %%s validate constraint %%I; end if; end',
                t.conrelid::regclass, t.conrelid::regclass, t.conname
            )), '') filter (where k.contype = 'c' and t.convalidated) as after
        from (select *, obj_description(oid, 'pg_constraint') as comment from tree where level > 0) t
        where (t.conname, t.convalidated) <> (k.conname, k.convalidated) or t.comment is not null
    ) parts on k.contype in ('c', 'f')
    union all
    select
        m.classid, m.objid, 'trigger', format('%%I on %%s', t.tgname, t.tgrelid::regclass), case when not m.on_ours then t.tgrelid end,
        case when c.oid not in (select oid from rebuilt) then format('drop trigger %%I on %%s', t.tgname, t.tgrelid::regclass) end,
        pg_get_triggerdef(t.oid)
            || coalesce((
                with recursive tree as ( -- of those of partitions, which it makes again
                    select t.oid, t.tgrelid, t.tgenabled union all
                    select p.oid, p.tgrelid, p.tgenabled from tree join pg_trigger p on p.tgparentid = tree.oid
                )
                select string_agg(format('; do %%L', format(
                    'begin if exists (select from pg_trigger where tgrelid = to_regclass(%%L) and tgname = %%L)'
                    ' then alter table only %%s %%s trigger %%I; end if; end', tgrelid::regclass, t.tgname, tgrelid::regclass,
                    case tgenabled when 'D' then 'disable' when 'R' then 'enable replica' else 'enable always' end, t.tgname
                )), '')
                from tree where tgenabled <> 'O'), '')
            || format('; comment on trigger %%I on %%s is %%L', t.tgname, t.tgrelid::regclass, obj_description(t.oid, 'pg_trigger'))
            || coalesce((
                select string_agg(format('; alter trigger %%I on %%s depends on extension %%I', t.tgname, t.tgrelid::regclass, e.extname), '')
                from pg_depend x
                join pg_extension e on x.refclassid = 'pg_extension'::regclass and e.oid = x.refobjid
                where x.classid = m.classid and x.objid = t.oid and x.deptype = 'x'
            ), ''),
        207, c.relowner, m.part, m.uses, null, null
    from merged m
    join pg_trigger t on m.classid = 'pg_trigger'::regclass and t.oid = m.objid and not t.tgisinternal and t.tgparentid = 0
    join pg_class c on c.oid = t.tgrelid
    union all
    select
        m.classid, m.objid, 'policy', format('%%I on %%s', p.polname, p.polrelid::regclass), case when not m.on_ours then p.polrelid end,
        format('drop policy %%I on %%s', p.polname, p.polrelid::regclass),
        format(
            'create policy %%I on %%s as %%s for %%s to %%s', p.polname, p.polrelid::regclass,
            case when p.polpermissive then 'permissive' else 'restrictive' end,
            case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
            (select string_agg(case role when 0 then 'public' else quote_ident(pg_get_userbyid(role)) end, ', ') from unnest(p.polroles) role)
        )
            || coalesce(' using (' || pg_get_expr(p.polqual, p.polrelid) || ')', '')
            || coalesce(' with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', '')
            || format('; comment on policy %%I on %%s is %%L', p.polname, p.polrelid::regclass, obj_description(p.oid, 'pg_policy')),
        -- as soon as what it rests on is there: who may see what must be known as views are filled anew
        11 + coalesce((
            select max(depths.depth)
            from pg_depend d
            join depths on depths.classid = d.refclassid and depths.objid = d.refobjid
            where d.classid = m.classid and d.objid = p.oid
        ), 0), c.relowner, m.part, m.uses, null, null
    from merged m
    join pg_policy p on m.classid = 'pg_policy'::regclass and p.oid = m.objid
    join pg_class c on c.oid = p.polrelid
    union all
    select
        m.classid, m.objid, 'default', format('of %%s.%%I', d.adrelid::regclass, a.attname), d.adrelid, null,
        -- of this table alone: its heirs and partitions have defaults of their own
        format('alter table only %%s alter column %%I set default %%s', d.adrelid::regclass, a.attname, pg_get_expr(d.adbin, d.adrelid)),
        204, c.relowner, m.part, m.uses,
        case
            when a.attgenerated <> '' then 'a generated column cannot be pointed at another object'
            when m.part then 'it was added to a published table'
        end,
        null
    from merged m
    join pg_attrdef d on m.classid = 'pg_attrdef'::regclass and d.oid = m.objid
    join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
    join pg_class c on c.oid = d.adrelid
    union all
    select
        m.classid, m.objid, 'function', p.oid::regprocedure::text, null, null, case when p.prokind <> 'a' then pg_get_functiondef(p.oid) end
            || coalesce((
                select string_agg(format('; alter routine %%s depends on extension %%I', p.oid::regprocedure, e.extname), '')
                from pg_depend x
                join pg_extension e on x.refclassid = 'pg_extension'::regclass and e.oid = x.refobjid
                where x.classid = m.classid and x.objid = p.oid and x.deptype = 'x'
            ), ''),
        coalesce(depths.depth, 1) + 10, p.proowner, false, m.uses,
        case when p.prokind = 'a' then 'an aggregate cannot be pointed at other functions or types' end,
        null
    from merged m
    join pg_proc p on m.classid = 'pg_proc'::regclass and p.oid = m.objid
    left join depths on depths.classid = 'pg_proc'::regclass and depths.objid = p.oid
    union all
    select
        'pg_proc'::regclass, p.oid, 'function', p.oid::regprocedure::text, null,
        -- by number: the types that are part of its name may be elsewhere by then
        format('create schema if not exists elt_aside_%%s; ', p.pronamespace) || format('do %%L', format(
            'begin execute format(''alter routine %%%%s set schema elt_aside_%%s'', %%s::regprocedure); end', p.pronamespace, p.oid
        )),
        -- unlooked at: names in its text are found by the search_path of its callers
        'set local check_function_bodies = off; ' || pg_get_functiondef(p.oid), depths.depth + 10, p.proowner, false, coalesce(m.uses, '[]'), null,
        format('do %%L', format('begin execute format(''drop routine %%%%s'', %%s::regprocedure); end', p.oid))
    from remade
    join pg_proc p on p.oid = remade.oid
    join depths on depths.classid = 'pg_proc'::regclass and depths.objid = p.oid
    left join used m on m.classid = 'pg_proc'::regclass and m.objid = p.oid
    union all
    select
        m.classid, m.objid, 'publication', quote_ident(p.pubname) || ' of ' || r.prrelid::regclass, null,
        format('alter publication %%I drop table only %%s', p.pubname, r.prrelid::regclass),
        format('alter publication %%I add table only %%s', p.pubname, r.prrelid::regclass)
            || coalesce((
                select ' (' || string_agg(quote_ident(a.attname), ', ' order by a.attnum) || ')'
                from pg_attribute a
                where a.attrelid = r.prrelid and jsonb_typeof(to_jsonb(r) -> 'prattrs') = 'array'
                    and to_jsonb(r) -> 'prattrs' @> to_jsonb(a.attnum)
            ), '')
            || coalesce((
                select format(' where (%%s)', to_jsonb(t) ->> 'rowfilter')
                from pg_publication_tables t join pg_namespace n on n.nspname = t.schemaname
                join pg_class c on c.relnamespace = n.oid and c.relname = t.tablename
                where t.pubname = p.pubname and c.oid = r.prrelid and to_jsonb(t) ->> 'rowfilter' is not null
            ), ''),
        209, p.pubowner, false, m.uses, null, null
    from merged m
    join pg_publication_rel r on m.classid = 'pg_publication_rel'::regclass and r.oid = m.objid
    join pg_publication p on p.oid = r.prpubid
    union all
    select
        m.classid, m.objid, 'statistics', format('%%I.%%I', n.nspname, s.stxname), null, format('drop statistics %%I.%%I', n.nspname, s.stxname),
        pg_get_statisticsobjdef(s.oid)
            || case when s.stxstattarget >= 0 then format('; alter statistics %%I.%%I set statistics %%s', n.nspname, s.stxname, s.stxstattarget) else '' end
            || format('; comment on statistics %%I.%%I is %%L', n.nspname, s.stxname, obj_description(s.oid, 'pg_statistic_ext'))
            || case when pg_get_userbyid(s.stxowner) = current_user then '' else format(
                '; alter statistics %%I.%%I owner to %%I', n.nspname, s.stxname, pg_get_userbyid(s.stxowner)
            ) end,
        209, s.stxowner, false, m.uses, null, null
    from merged m
    join pg_statistic_ext s on m.classid = 'pg_statistic_ext'::regclass and s.oid = m.objid
    join pg_namespace n on n.oid = s.stxnamespace
    union all
    select
        m.classid, m.objid,
        case when u.name is not null then 'constraint' when c.relkind in ('i', 'I') then 'index' when c.relkind = 'S' then 'sequence' else 'table' end,
        coalesce(u.name, c.oid::regclass::text), null,
        case when u.name is not null then u.gone when x.needy then format('drop index %%s', c.oid::regclass) end,
        case when x.needy then x.definition
            || format('; comment on index %%s is %%L', c.oid::regclass, obj_description(c.oid, 'pg_class'))
            || coalesce((
                select string_agg(format('; alter index %%s alter column %%s set statistics %%s', c.oid::regclass, a.attnum, a.attstattarget), '')
                from pg_attribute a
                where a.attrelid = c.oid and a.attstattarget >= 0
            ), '')
        end,
        300, c.relowner, m.part, m.uses,
        case
            when c.relkind in ('i', 'I') and m.part then null
            when c.relkind in ('i', 'I') then 'its expressions rest on a published function or type'
            when c.relkind = 'S' or exists (select from pg_inherits where inhrelid = c.oid)
                then 'it inherits from, or is a partition or a sequence of, a published table'
            else coalesce((
                select format('its %%s is of a published type, which each run makes anew: keep it as text', string_agg(a.attname, ', ' order by a.attnum))
                from pg_attribute a
                join ours t on t.classid = 'pg_type'::regclass and t.objid = a.atttypid
                where a.attrelid = c.oid and a.attnum > 0
                having count(*) > 0
            ), 'it is of a published type, which each run makes anew')
        end,
        null
    from merged m
    join pg_class c on m.classid = 'pg_class'::regclass and c.oid = m.objid
    left join lateral ( -- a partitioned index is always written with ONLY, and never meant so
        select
            m.part and exists ( -- else it is built beforehand
                select from found f where f.classid = m.classid and f.objid = m.objid and f.refclassid <> 'pg_class'::regclass
            ) as needy,
            case c.relkind
                when 'I' then written.beginning || substr(pg_get_indexdef(c.oid), length(written.beginning) + length('ONLY ') + 1)
                else pg_get_indexdef(c.oid)
            end as definition
        from pg_index i
        cross join lateral (
            select format('CREATE %%sINDEX %%I ON ', case when i.indisunique then 'UNIQUE ' else '' end, c.relname) as beginning
        ) written
        where i.indexrelid = c.oid
    ) x on true
    left join lateral ( -- a constraint's index
        select
            format('%%I on %%s', k.conname, k.conrelid::regclass) as name,
            format('alter table %%s drop constraint %%I', k.conrelid::regclass, k.conname) as gone
        from pg_constraint k
        where k.conindid = c.oid and k.contype in ('p', 'u', 'x')
    ) u on true
    where c.relkind in ('r', 'p', 'c', 'f', 'S')
        or c.relkind in ('i', 'I') and not (m.part and u.name is not null) and not exists (select from pg_inherits where inhrelid = c.oid)
            and not (m.part and c.relkind = 'i' and exists (select from pg_index where indexrelid = c.oid and not indisvalid))
    union all
    select
        m.classid, m.objid, 'object', pg_describe_object(m.classid, m.objid, 0), null, null, null, 300, 0, false, m.uses,
        'it rests on a published type, function or operator', null
    from merged m
    left join pg_constraint k on m.classid = 'pg_constraint'::regclass and k.oid = m.objid
    where m.classid not in (
            'pg_rewrite'::regclass, 'pg_constraint'::regclass, 'pg_trigger'::regclass, 'pg_policy'::regclass,
            'pg_attrdef'::regclass, 'pg_proc'::regclass, 'pg_publication_rel'::regclass, 'pg_statistic_ext'::regclass,
            'pg_class'::regclass
        )
        or k.conrelid = 0 -- a domain's
    union all
    select -- what rests on others' views alone: it comes along with them, and goes with them
        d.classid, d.objid, case when c.oid is null then 'function' else 'view' end,
        coalesce(c.oid::regclass::text, d.objid::regprocedure::text), null, null, null, d.depth + 10, 0, false, '[]', null, null
    from depths d
    left join pg_class c on d.classid = 'pg_class'::regclass and c.oid = d.objid
    where not exists (select from rebuilt where d.classid = 'pg_class'::regclass and rebuilt.oid = d.objid)
        and not exists (select from remade where d.classid = 'pg_proc'::regclass and remade.oid = d.objid)
        and not exists (select from merged m where m.classid = d.classid and m.objid = d.objid)
        and not exists (select from merged m where m.classid = 'pg_rewrite'::regclass and m.relation = c.oid)
)
select
    format('%%s.%%s', classid, objid) as id,
    (
        select coalesce(jsonb_agg(distinct format('%%s.%%s', n.refclassid::oid, n.refobjid)), '[]')
        from (
            select refclassid, refobjid from needs n where n.classid = listed.classid and n.objid = listed.objid
            union all
            select 'pg_class'::regclass, relation where relation <> objid
        ) n
    ) as rests,
    kind, object, relation::bigint,
    (
        select case -- `lock table` would lock all that a view reads, and ask for its owner's rights
            when c.relkind in ('v', 'm') then format(
                'alter %%s %%s set schema %%I', case c.relkind when 'v' then 'view' else 'materialized view' end, c.oid::regclass, n.nspname
            )
            else format('lock table %%s in access exclusive mode', c.oid::regclass)
        end
        from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
        where c.oid = relation
    ) as lock,
    (
        select coalesce(jsonb_agg(distinct jsonb_build_array(c.oid::bigint, c.oid::regclass::text)), '[]')
        from needs n
        join pg_class c on n.refclassid = 'pg_class'::regclass and c.oid = n.refobjid and c.relkind in ('r', 'p')
        where n.classid = listed.classid and n.objid = listed.objid
            and listed.after is not null
            and c.oid >= 16384
            and has_table_privilege(c.oid, 'select')
            and not exists (select from ours where ours.classid = 'pg_class'::regclass and ours.objid = c.oid)
    ) as reads,
    before, after, clear, turn, owner = 0 or pg_has_role(owner, 'usage') as owned, part, uses,
    coalesce(fault, (
        select format('%%s may not create in schema %%I', pg_get_userbyid(role.oid), home.nspname)
        from (values (quote_ident(current_user)::regrole::oid), (case when clear is not null or kind = 'statistics' then owner end)) role (oid)
        join pg_namespace home on home.oid = case kind
            when 'function' then (select pronamespace from pg_proc where oid = objid)
            when 'statistics' then (select stxnamespace from pg_statistic_ext where oid = objid)
            else (select relnamespace from pg_class where oid = objid)
        end
        where kind in ('view', 'materialized view', 'function', 'statistics') and after is not null
            and not has_schema_privilege(role.oid, home.oid, 'create')
        limit 1
    )) as fault,
    exists (
        select from pg_class c where c.oid = coalesce(relation, case classid when 'pg_class'::regclass then objid end) and pg_is_other_temp_schema(c.relnamespace)
        union all
        select from pg_proc p where classid = 'pg_proc'::regclass and p.oid = objid and pg_is_other_temp_schema(p.pronamespace)
    ) as temporary
from listed
order by turn, kind <> 'policy', kind, object
