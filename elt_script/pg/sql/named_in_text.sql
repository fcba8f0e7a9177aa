-- The routines of some schemas whose text or search_path may name a schema that has another name at the destination.
--
-- What is a string is nothing that Postgres renames anything in.
--
-- %(schemas)s  text[]
-- %(renamed)s  jsonb {schema: its name at the destination}
-- returns      kind text, name text, reason text, catalog oid and oid null
select
    'names of schemas in' as kind, p.oid::regprocedure::text as name,
    format(
        'its text stays as it is, and may name %%s',
        string_agg(format('%%s, which is %%s at the destination', r.key, r.value), ', and ' order by r.key)
    ) as reason,
    null::bigint as catalog, null::bigint as oid
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace and n.nspname = any(%(schemas)s)
join pg_language l on l.oid = p.prolang and l.lanname not in ('c', 'internal')
cross join jsonb_each_text(%(renamed)s::jsonb) r
where p.prosqlbody is null
    and not exists (select from pg_depend where classid = 'pg_proc'::regclass and objid = p.oid and deptype = 'e')
    and (
        case when r.key ~ '^[a-z_][a-z0-9_]*$' then p.prosrc ~* format('(^|[^[:alnum:]_$.])"?%%s"?\s*\.', r.key)
            else strpos(p.prosrc, quote_ident(r.key) || '.') > 0 end
        or exists (
            select
            from unnest(p.proconfig) setting
            cross join unnest(string_to_array(substr(setting, length('search_path=') + 1), ',')) named
            where setting like 'search\_path=%%' and btrim(named) in (r.key, quote_ident(r.key), format('"%%s"', r.key))
        )
    )
group by p.oid
order by 2
