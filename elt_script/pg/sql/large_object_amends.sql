-- The statements after which large objects have the wanted owners, or the wanted grants and comments.
--
-- {objects}      the wanted ones, behind `from`; where their grants are null, those that are there stay
-- %(owners)s     bool, whether it is owners that are asked for
-- %(anew)s       oid[], those that were not there: they get the wanted grants in any case
-- %(keeps)s      bool, whether the grants of the others stay
-- returns        statement text
with wanted as materialized (
    select w.oid, w.grants, w.comment, w.oid = any(%(anew)s::oid[]) or not %(keeps)s as granted, m.lomowner, m.lomacl, coalesce(r.oid, u.oid) as owner
    from {objects} w
    join pg_largeobject_metadata m on m.oid = w.oid
    join pg_roles u on u.rolname = current_user
    left join pg_roles r on r.rolname = w.owner and pg_has_role(r.oid, 'usage')
),
now as (
    select w.oid, a.privilege_type as privilege, a.grantee, a.is_grantable as grantable
    from wanted w
    cross join aclexplode(w.lomacl) a
    where w.granted and w.grants is not null and a.grantee <> w.lomowner
),
later as (
    select w.oid, g.v ->> 0 as privilege, coalesce(r.oid, 0) as grantee, (g.v ->> 2)::bool as grantable
    from wanted w
    cross join jsonb_array_elements(w.grants) g (v)
    left join pg_roles r on r.rolname = g.v ->> 1
    where w.granted and (g.v ->> 1 is null or r.oid is not null and r.oid <> w.lomowner)
)
select format('alter large object %%s owner to %%I', oid, pg_get_userbyid(owner)) as statement
from wanted
where %(owners)s and owner <> lomowner
union all
select format('revoke %%s on large object %%s from %%s', privilege, oid, case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end)
from (select * from now except select * from later) gone
where not %(owners)s
union all
select format(
    'grant %%s on large object %%s to %%s%%s', privilege, oid, case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end,
    case when grantable then ' with grant option' else '' end
)
from (select * from later except select * from now) new
where not %(owners)s
union all
select format('comment on large object %%s is %%L', oid, comment)
from wanted
where not %(owners)s and comment is distinct from obj_description(oid, 'pg_largeobject')
