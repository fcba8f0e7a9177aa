-- Statements that wait for a vacuum or an analyze of some relations to end, and for nothing else.
--
-- %(relations)s  bigint[], OIDs
-- returns        statement text
select case c.relkind
    when 'm' then format('comment on materialized view %%s is null', c.oid::regclass) -- `lock table` knows none
    else format('lock table %%s in share update exclusive mode', c.oid::regclass)
end as statement
from pg_class c
where c.oid = any(%(relations)s::oid[])
    and c.relkind in ('r', 'm')
    and exists (
        select
        from pg_locks l
        where l.relation = c.oid
            and l.database = (select oid from pg_database where datname = current_database())
            and l.granted
            and l.mode = 'ShareUpdateExclusiveLock'
            and l.pid <> pg_backend_pid()
    )
