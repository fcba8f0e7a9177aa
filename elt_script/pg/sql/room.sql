-- How many sessions a server may ever let this role have in this database at once, and by whose limit.
--
-- returns  most int, whose text, mend text (what raises it, but for the number)
select most, whose, mend
from pg_roles r, pg_database d, lateral (values
    (
        nullif(r.rolconnlimit, -1), format('role %I', r.rolname),
        format('alter role %I connection limit', r.rolname)
    ),
    (
        nullif(d.datconnlimit, -1), format('database %I', d.datname),
        format('alter database %I connection limit', d.datname)
    ),
    (
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
        - coalesce(current_setting('reserved_connections', true), '0')::int,
        'the server', 'raise max_connections until it has'
    )
) as limits (most, whose, mend)
where r.rolname = session_user and d.datname = current_database()
    and most is not null and not (r.rolsuper and whose <> 'the server')
order by most
limit 1
