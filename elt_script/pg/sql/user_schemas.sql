-- The schemas that are neither Postgres' own nor an extension's alone.
--
-- returns    name text, own bool (it may hold things of users: not only extensions)
select name, own
from (
    select
        n.nspname::text as name,
        n.nspname = 'public'
            or not (made_by_one or exists (select from pg_extension where extnamespace = n.oid))
            or exists (
                select
                from pg_depend d
                where d.refclassid = 'pg_namespace'::regclass
                    and d.refobjid = n.oid
                    and d.classid <> 'pg_extension'::regclass
                    and not exists (
                        select from pg_depend m where m.classid = d.classid and m.objid = d.objid and m.deptype = 'e'
                    )
            ) as own,
        made_by_one
    from pg_namespace n
    cross join lateral (
        select exists (
            select from pg_depend where classid = 'pg_namespace'::regclass and objid = n.oid and deptype = 'e'
        ) as made_by_one
    ) m
    where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
) s
where own or not made_by_one
order by 1
