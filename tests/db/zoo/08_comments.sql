-- Comments on everything that there is.

do $do$
declare
    kinds jsonb := '{"table column": "column", "composite type": "type", "statistics object": "statistics",
        "table constraint": "constraint", "domain constraint": "constraint", "foreign table column": "column",
        "view column": "column", "materialized view column": "column", "index column": "column"}';
    kept oid[] := array['public'::regnamespace, 'shop'::regnamespace, '"Odd Schème"'::regnamespace];
    thing record;
begin
    for thing in
        select i.type, i.identity,
            case when k.oid is not null then format('%I on domain %s', k.conname, k.contypid::regtype) end
                as constraint_of_domain
        from (
            select 'pg_class'::regclass as class, oid, 0 as part from pg_class
                where relnamespace = any(kept) and relkind <> 'c'
            union all
            select 'pg_class'::regclass, attrelid, attnum from pg_attribute join pg_class c on c.oid = attrelid
                where relnamespace = any(kept) and relkind in ('r', 'v', 'm', 'p') and attnum > 0
                and not attisdropped and attname !~ 'wide|^c\d+$'
            union all
            select 'pg_constraint'::regclass, oid, 0 from pg_constraint
                where connamespace = any(kept) and contype <> 'n'
            union all
            select 'pg_trigger'::regclass, t.oid, 0 from pg_trigger t join pg_class c on c.oid = tgrelid
                where relnamespace = any(kept) and not tgisinternal and tgparentid = 0
            union all
            select 'pg_rewrite'::regclass, w.oid, 0 from pg_rewrite w join pg_class c on c.oid = ev_class
                where relnamespace = any(kept)
            union all
            select 'pg_policy'::regclass, p.oid, 0 from pg_policy p join pg_class c on c.oid = polrelid
                where relnamespace = any(kept)
            union all
            select 'pg_type'::regclass, t.oid, 0 from pg_type t left join pg_class c on c.oid = typrelid
                where typnamespace = any(kept) and typcategory <> 'A' and coalesce(relkind, 'c') = 'c'
            union all select 'pg_proc'::regclass, oid, 0 from pg_proc
                where pronamespace = any(kept) and pg_get_userbyid(proowner) = current_user  -- not so ranges' constructors
            union all select 'pg_operator'::regclass, oid, 0 from pg_operator where oprnamespace = any(kept)
            union all select 'pg_collation'::regclass, oid, 0 from pg_collation where collnamespace = any(kept)
            union all select 'pg_conversion'::regclass, oid, 0 from pg_conversion where connamespace = any(kept)
            union all select 'pg_ts_dict'::regclass, oid, 0 from pg_ts_dict where dictnamespace = any(kept)
            union all select 'pg_ts_config'::regclass, oid, 0 from pg_ts_config where cfgnamespace = any(kept)
            union all select 'pg_statistic_ext'::regclass, oid, 0 from pg_statistic_ext where stxnamespace = any(kept)
            union all select 'pg_namespace'::regclass, oid, 0 from pg_namespace
                where oid = any(kept) and nspname <> 'public'
        ) as things (class, oid, part)
        cross join lateral pg_identify_object(class, oid, part) as i
        left join pg_constraint k on class = 'pg_constraint'::regclass and k.oid = things.oid and contypid <> 0
    loop
        execute format(
            'comment on %s %s is %L', coalesce(kinds ->> thing.type, thing.type),
            case thing.type
                when 'domain constraint' then thing.constraint_of_domain
                when 'aggregate' then regexp_replace(thing.identity, '\(\)$', '(*)')
                else thing.identity
            end,
            format(E'This is %s "%s";\n-- it''s commented \\. $$ 😀', thing.type, thing.identity)
        );
    end loop;
end $do$;
