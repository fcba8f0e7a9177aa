-- Why this role could not read, in full, what it is asked to copy.
--
-- %(tables)s   bigint[], OIDs of the tables to copy
-- %(parents)s  bigint[], OIDs of the partitioned tables whose definition is copied: pg_dump locks them
-- %(schemas)s  text[]
-- %(without)s  bigint[], OIDs of the relations that are left out
-- returns      fault text, with the statement that mends it
select format('schema %%1$I: no usage: grant usage on schema %%1$I to %%2$I', n.nspname, current_user) as fault
from pg_namespace n
where n.nspname = any(%(schemas)s) and not has_schema_privilege(n.oid, 'usage')
union all
select format('table %%1$s: no select: grant select on table %%1$s to %%2$I', c.oid::regclass, current_user)
from pg_class c
where c.oid = any(%(tables)s::oid[] || %(parents)s::oid[])
    and has_schema_privilege(c.relnamespace, 'usage')
    and not has_table_privilege(c.oid, 'select')
union all
select format(
    'table %%1$s: row security would hide rows from %%2$I: alter role %%2$I bypassrls, or skip the table',
    c.oid::regclass, current_user
)
from pg_class c
where c.oid = any(%(tables)s::oid[]) and row_security_active(c.oid)
union all
select format('sequence %%1$s: no select: grant select on sequence %%1$s to %%2$I', c.oid::regclass, current_user)
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'S' and n.nspname = any(%(schemas)s) and c.oid <> all(%(without)s::oid[])
    and has_schema_privilege(n.oid, 'usage')
    and case when c.relkind = 'S' then not has_sequence_privilege(c.oid, 'select') end
    and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e')
order by 1
