-- Put a few rows into every table that has none, as far as its constraints and triggers let us.
--
-- Columns of a foreign key take what is there to refer to, so it takes several rounds, until one adds nothing.
-- What refuses a full row is offered one of only the columns that must not be null. Materialized views then show them.
do $fill$
declare
    target record;
    inserts text[];
    one text;
    is_empty bool;
    added bigint;
    nasty text := E'\t\\N \\. é ''"';
begin
    set constraints all immediate;
    for round in 1 .. 8 loop
        added := 0;
        for target in
            select c.oid, c.oid::regclass as name
            from pg_class as c
            join pg_namespace as n on n.oid = c.relnamespace
            where c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence <> 't'
                and n.nspname not in ('pg_catalog', 'information_schema')
                and not exists (select from pg_depend as d where d.objid = c.oid and d.deptype = 'e')
            order by c.oid
        loop
            execute format('select not exists (select from %s)', target.name) into is_empty;
            continue when not is_empty;
            for row in 1 .. 3 loop
                with columns as (
                    select
                        quote_ident(a.attname) as name, a.attnotnull as needed, a.atthasdef or a.attidentity <> '' as has_default,
                        format_type(a.atttypid, a.atttypmod) as type, b.typname as base, b.oid as base_oid, b.typcategory as category,
                        (select format('(select %I from %s order by ctid offset %s limit 1)', r.attname, k.confrelid::regclass, row - 1)
                            from pg_constraint as k
                            join pg_attribute as r on r.attrelid = k.confrelid
                                and r.attnum = k.confkey[array_position(k.conkey, a.attnum)]
                            where k.conrelid = target.oid and k.contype = 'f' and a.attnum = any (k.conkey)
                            order by k.conname limit 1) as parent
                    from pg_attribute as a
                    join pg_type as t on t.oid = a.atttypid
                    join pg_type as b on b.oid = coalesce(nullif(t.typbasetype, 0), t.oid)
                    where a.attrelid = target.oid and a.attnum > 0 and not a.attisdropped
                        and a.attgenerated = '' and a.attidentity <> 'a'
                ), "values" as (
                    select *, coalesce(parent, format('%s::%s', case
                        when category = 'N' then quote_literal(row)
                        when category = 'S' and needed then quote_literal('v' || row)
                        when category = 'S' then quote_literal(row || nasty)
                        when category = 'D' then quote_literal(timestamptz '2021-02-03 04:05:06.789' + row * interval '1 day')
                        when category = 'B' then quote_literal(row = 1)
                        when category = 'T' then quote_literal(row || ' days')
                        when category = 'I' then quote_literal('10.0.0.' || row)
                        when category = 'R' then quote_literal('empty')
                        when category = 'A' then quote_literal('{}')
                        when category = 'E' then (select quote_literal(e.enumlabel) from pg_enum as e
                            where e.enumtypid = base_oid order by e.enumsortorder limit 1)
                        when base in ('json', 'jsonb') then quote_literal(jsonb_build_object('é', row))
                        when base = 'uuid' then quote_literal(md5(row::text))
                        when base = 'bytea' then quote_literal('\x00ff5c' || to_hex(16 + row))
                        when base in ('tsvector', 'hstore', 'ltree') then quote_literal('')
                        when base in ('xml') then quote_literal('<a/>')
                        when base = 'point' then quote_literal(format('(%s, -0)', row))
                        else 'null'
                    end, type)) as value
                    from columns
                )
                select array[
                    format('insert into %s (%s) values (%s)', target.name, string_agg(name, ', ') filter (where not has_default),
                        string_agg(value, ', ') filter (where not has_default)),
                    format('insert into %s (%s) values (%s)', target.name, string_agg(name, ', ') filter (where needed and not has_default),
                        string_agg(value, ', ') filter (where needed and not has_default)),
                    format('insert into %s default values', target.name)
                ] into inserts from "values";
                foreach one in array inserts loop
                    begin
                        execute one;
                        added := added + 1;
                        exit;
                    exception when others then  -- whatever it refuses: there are other tables
                        null;
                    end;
                end loop;
            end loop;
        end loop;
        exit when added = 0;
    end loop;
    for target in select oid::regclass as name from pg_class where relkind = 'm' and relispopulated order by oid loop
        begin
            execute format('refresh materialized view %s', target.name);
        exception when others then
            null;
        end;
    end loop;
end
$fill$;
