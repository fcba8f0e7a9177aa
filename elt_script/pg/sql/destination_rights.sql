-- Why this role could not stage and publish.
--
-- %(schemas)s     text[], the final schemas
-- %(extensions)s  text[], extensions that the copied schema needs
-- returns         fault text
select format('database %%I: no create', current_database()) as fault
where not has_database_privilege(current_database(), 'create')
union all
select format('role %%I: no createdb, which the drawing board (a scratch database) needs', current_user)
from pg_roles
where rolname = current_user and not (rolcreatedb or rolsuper)
union all
select format('schema %%I: no create', n.nspname)
from pg_namespace n
where n.nspname = any(%(schemas)s) and not has_schema_privilege(n.oid, 'create')
union all
select format('extension %%I: not available on this server', e)
from unnest(%(extensions)s::text[]) e
where not exists (select from pg_available_extensions a where a.name = e)
union all
select 'the server is in recovery: a standby cannot be written to'
where pg_is_in_recovery()
order by 1
