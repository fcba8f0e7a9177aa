-- The extensions that a database has, or that the session's role could create in it.
--
-- returns    name text
select a.name::text as name
from pg_available_extensions a
left join pg_available_extension_versions v on v.name = a.name and v.version = a.default_version
where a.installed_version is not null
    or not v.superuser
    or v.trusted and has_database_privilege(current_database(), 'create')
    or pg_has_role(10, 'usage')
