-- What of some schemas has text that may name a schema which has another name at the destination: routines by their text or
-- search_path; defaults, checks, views, rules, policies, triggers and indexes by strings in them.
--
-- What is a string is nothing that Postgres renames anything in. A schema as an object (regnamespace) is the source's: what
-- holds one is of kind 'held'.
--
-- %(schemas)s  text[]
-- %(renamed)s  jsonb {schema: its name at the destination}
-- returns      kind text, name text, reason text, catalog oid and oid null
with renamed as (
    select
        key as schema, quote_ident(key) as quoted, format('%%s, which is %%s at the destination', key, value) as said,
        case when key ~ '^[a-z_][a-z0-9_]*$' then format('(^|[^[:alnum:]_$.])"?%%s"?\s*\.', key) end as pattern
    from jsonb_each_text(%(renamed)s::jsonb)
),
chosen as (
    select oid from pg_namespace where nspname = any(%(schemas)s)
),
texts as materialized (
    select p.oid::regprocedure::text as name, p.prosrc as text, true as whole, false as names, p.proconfig as settings
    from pg_proc p
    join chosen on chosen.oid = p.pronamespace
    join pg_language l on l.oid = p.prolang and l.lanname not in ('c', 'internal')
    where p.prosqlbody is null
        and not exists (select from pg_depend where classid = 'pg_proc'::regclass and objid = p.oid and deptype = 'e')
    union all
    select p.oid::regprocedure::text, pg_get_functiondef(p.oid), false, false, null
    from pg_proc p
    join chosen on chosen.oid = p.pronamespace
    where p.prosqlbody is not null or p.proargdefaults is not null and p.prokind <> 'a'
    union all
    select format('the default of %%s.%%I', c.oid::regclass, a.attname), pg_get_expr(d.adbin, d.adrelid), false, false, null
    from pg_attrdef d
    join pg_class c on c.oid = d.adrelid
    join chosen on chosen.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attnum = d.adnum
    union all
    select format('the default of %%s', t.oid::regtype), pg_get_expr(t.typdefaultbin, 0), false, false, null
    from pg_type t
    join chosen on chosen.oid = t.typnamespace
    where t.typdefaultbin is not null
    union all
    select format('constraint %%I on %%s', k.conname, coalesce(nullif(k.conrelid, 0)::regclass::text, k.contypid::regtype::text)), pg_get_constraintdef(k.oid), false, false, null
    from pg_constraint k
    join chosen on chosen.oid = k.connamespace
    where k.contype in ('c', 'x')
    union all
    select case r.rulename when '_RETURN' then '' else format('rule %%I on ', r.rulename) end || c.oid::regclass, pg_get_ruledef(r.oid), false, false, null
    from pg_rewrite r
    join pg_class c on c.oid = r.ev_class
    join chosen on chosen.oid = c.relnamespace
    union all
    select
        format('policy %%I on %%s', p.polname, c.oid::regclass), concat_ws(' ', pg_get_expr(p.polqual, c.oid), pg_get_expr(p.polwithcheck, c.oid)),
        false, false, null
    from pg_policy p
    join pg_class c on c.oid = p.polrelid
    join chosen on chosen.oid = c.relnamespace
    union all
    select format('trigger %%I on %%s', t.tgname, c.oid::regclass), pg_get_triggerdef(t.oid), false, true, null
    from pg_trigger t
    join pg_class c on c.oid = t.tgrelid
    join chosen on chosen.oid = c.relnamespace
    where not t.tgisinternal
    union all
    select 'index ' || i.indexrelid::regclass, pg_get_indexdef(i.indexrelid), false, false, null
    from pg_index i
    join pg_class c on c.oid = i.indexrelid
    join chosen on chosen.oid = c.relnamespace
    where i.indexprs is not null or i.indpred is not null
),
strings as ( -- one after the other, so that none begins where another ends
    select t.name, t.text, false as is_name, t.settings, null as type
    from texts t
    where t.whole
    union all
    select t.name, replace(substr(part[1], 2, length(part[1]) - 2), '''''', ''''), t.names or part[2] = '::name', null, part[2]
    from texts t
    cross join regexp_matches(t.text, '"(?:[^"]|"")*"|(''(?:[^'']|'''')*'')(::\w+)?', 'g') part
    where not t.whole and part[1] is not null and (part[2] = '::regnamespace' or coalesce(part[2], '') !~ '^::reg')
)
select
    'names of schemas in' as kind, s.name,
    format('its text stays as it is, and may name %%s', string_agg(distinct r.said, ', and ')) as reason,
    null::bigint as catalog, null::bigint as oid
from strings s
join renamed r on s.type is distinct from '::regnamespace' and (
    case when r.pattern is not null then s.text ~* r.pattern else strpos(s.text, r.quoted || '.') > 0 end
    or s.is_name and s.text in (r.schema, r.quoted)
    or exists (
        select
        from unnest(s.settings) setting
        cross join unnest(string_to_array(substr(setting, length('search_path=') + 1), ',')) named
        where setting like 'search\_path=%%' and btrim(named) in (r.schema, r.quoted, format('"%%s"', r.schema))
    )
)
group by s.name
union all
select distinct 'held', s.name, r.said, null::bigint, null::bigint
from strings s
join renamed r on s.type = '::regnamespace' and s.text = r.quoted
order by 2
