-- Facts about every type that a column may have, to decide how its values travel and are compared.
--
-- returns    oid, schema text, name text, kind (typtype), built_in bool (of the same OID on every server), element oid
--            (of a true array, else 0), base oid (of a domain, else 0), subtype oid (of a range or multirange, else 0),
--            send text (name of the send function in pg_catalog, or null where no call of it takes the type),
--            receives bool
select
    t.oid::bigint as oid,
    n.nspname::text as schema,
    t.typname::text as name,
    t.typtype::text as kind,
    t.oid < 10000 as built_in,
    case when t.typcategory = 'A' and t.typlen = -1 then t.typelem else 0 end::bigint as element,
    t.typbasetype::bigint as base,
    coalesce(r.rngsubtype, 0)::bigint as subtype,
    p.proname::text as send,
    t.typreceive <> 0 as receives
from pg_type t
join pg_namespace n on n.oid = t.typnamespace
left join pg_range r on t.oid in (r.rngtypid, r.rngmultitypid)
left join pg_proc p on p.oid = t.typsend and p.pronamespace = 'pg_catalog'::regnamespace
    and (t.typtype = 'd' or p.proargtypes[0] = t.oid or p.proargtypes[0]::regtype::text ~ '^any')
where t.typisdefined and t.typtype <> 'p'
