-- What `alter default privileges in schema` gives to tables that are new in a generation.
--
-- Postgres applies it where a table is created, and ours are created in staging.
--
-- %(generation)s  bigint, the new generation, under its final names
-- %(previous)s    jsonb {final schema: where the generation before now stands}
-- returns         statement text
select format(
    'grant %%s on %%s %%s to %%s%%s', a.privilege_type, case c.relkind when 'S' then 'sequence' else 'table' end,
    c.oid::regclass, case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end,
    case when a.is_grantable then ' with grant option' else '' end
) as statement
from elt.object o
join pg_class c on o.classid = 'pg_class'::regclass and c.oid = o.objid and c.relkind in ('r', 'p', 'v', 'm', 'S')
join pg_namespace n on n.oid = c.relnamespace
join pg_default_acl d on d.defaclnamespace = n.oid and d.defaclrole = c.relowner
    and d.defaclobjtype = case c.relkind when 'S' then 'S' else 'r' end
cross join aclexplode(d.defaclacl) a
where o.generation = %(generation)s
    and a.grantee <> c.relowner
    and not exists (
        select from pg_class before
        join pg_namespace p on p.oid = before.relnamespace
        where before.relname = c.relname and p.nspname = %(previous)s::jsonb ->> n.nspname::text
    )
