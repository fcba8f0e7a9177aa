-- What has the name of a table that is to be seeded.
--
-- %(schema)s  text
-- %(name)s    text
-- returns     schema_there bool, may_create bool, kind text (relkind; empty if the name is free), partition bool,
--             owned bool, may_insert bool, columns jsonb [[name, type as SQL, needs a value, is computed], …],
--             grants text[] (statements that give a table of that name what this one's grantees have)
select
    n.oid is not null as schema_there,
    coalesce(has_schema_privilege(n.oid, 'create'), false) as may_create,
    coalesce(c.relkind::text, '') as kind,
    coalesce(c.relispartition, false) as partition,
    coalesce(pg_has_role(c.relowner, 'usage'), false) as owned,
    coalesce(has_table_privilege(c.oid, 'insert'), false) as may_insert,
    coalesce((
        select jsonb_agg(
            jsonb_build_array(
                a.attname, format_type(a.atttypid, a.atttypmod),
                a.attnotnull and not a.atthasdef and a.attidentity = '', a.attgenerated <> '' or a.attidentity = 'a'
            ) order by a.attnum
        )
        from pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    ), '[]') as columns,
    array(
        select format(
            'grant %%s on table %%I.%%I to %%s%%s', g.privilege_type, n.nspname, c.relname,
            case g.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(g.grantee)) end,
            case when g.is_grantable then ' with grant option' else '' end
        )
        from aclexplode(c.relacl) g
        where g.grantee <> c.relowner
    ) as grants
from (values (1)) one
left join pg_namespace n on n.nspname = %(schema)s
left join pg_class c on c.relnamespace = n.oid and c.relname = %(name)s
