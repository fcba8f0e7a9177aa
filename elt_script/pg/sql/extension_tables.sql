-- The tables whose rows an extension leaves to its users, such as its configuration, and sequences of that kind.
--
-- returns    extension text, at text (the extension's schema), schema, name text (of the table), kind (relkind: r table,
--            S sequence), readable bool (by this role), condition text (which rows: `where …`, or nothing), columns jsonb
--            (those that are not computed, of a sequence its position; as in tables.sql), in the order in which they were made
select
    e.extname::text as extension,
    en.nspname::text as at,
    n.nspname::text as schema,
    c.relname::text as name,
    c.relkind::text as kind,
    has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') as readable,
    coalesce(e.extcondition[config.place], '') as condition,
    coalesce((
        select jsonb_agg(
            jsonb_build_array(
                a.attname, a.atttypid::bigint, format_type(a.atttypid, a.atttypmod),
                coalesce(l.collisdeterministic, true), false
            ) order by a.attnum)
        from pg_attribute a
        left join pg_collation l on l.oid = a.attcollation
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
            and not (c.relkind = 'S' and a.attname = 'log_cnt')
    ), '[]') as columns
from pg_extension e
join pg_namespace en on en.oid = e.extnamespace
cross join unnest(e.extconfig) with ordinality config (oid, place)
join pg_class c on c.oid = config.oid and c.relkind in ('r', 'S')
join pg_namespace n on n.oid = c.relnamespace
order by e.oid, c.oid
