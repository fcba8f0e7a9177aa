-- Why this role could not stage and publish.
--
-- %(schemas)s     text[], the final schemas
-- %(extensions)s  text[], extensions that the copied schema needs
-- returns         fault text, with the statement that mends it
select format(
    'database %%1$I: no create: grant create on database %%1$I to %%2$I', current_database(), current_user
) as fault
where not has_database_privilege(current_database(), 'create')
union all
select format(
    'role %%1$I: no createdb, which the drawing board (a scratch database) needs: alter role %%1$I createdb',
    current_user
)
from pg_roles
where rolname = current_user and not (rolcreatedb or rolsuper)
union all
select format('schema %%1$I: no %%2$s: grant %%2$s on schema %%1$I to %%3$I', n.nspname, p.name, current_user)
from pg_namespace n, unnest(array['create', 'usage']) p (name)
where n.nspname = any(%(schemas)s) and not has_schema_privilege(n.oid, p.name)
union all
select format('extension %%I: not available on this server', e)
from unnest(%(extensions)s::text[]) e
where not exists (select from pg_available_extensions a where a.name = e)
union all
select 'the server is in recovery: a standby cannot be written to'
where pg_is_in_recovery()
order by 1
