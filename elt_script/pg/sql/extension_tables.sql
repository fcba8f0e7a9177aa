-- The tables whose rows an extension leaves to its users, such as its configuration.
--
-- returns    extension text, at text (the extension's schema), schema, name text (of the table), condition text (which rows:
--            `where …`, or nothing), columns text[] (those that are not computed), in the order in which they were made
select
    e.extname::text as extension,
    en.nspname::text as at,
    n.nspname::text as schema,
    c.relname::text as name,
    coalesce(e.extcondition[config.place], '') as condition,
    array(
        select attname::text from pg_attribute
        where attrelid = c.oid and attnum > 0 and not attisdropped and attgenerated = ''
        order by attnum
    ) as columns
from pg_extension e
join pg_namespace en on en.oid = e.extnamespace
cross join unnest(e.extconfig) with ordinality config (oid, place)
join pg_class c on c.oid = config.oid and c.relkind = 'r'
join pg_namespace n on n.oid = c.relnamespace
order by e.oid, c.oid
