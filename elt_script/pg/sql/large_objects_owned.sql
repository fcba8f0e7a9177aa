-- Whom large objects that are to be made will belong to.
--
-- {objects}  the wanted ones, behind `from`
-- %(anew)s   oid[], those to make
-- returns    owner text, ours bool (it is this role), oids bigint[]
select coalesce(r.rolname, current_user)::text as owner, coalesce(r.rolname = current_user, true) as ours, array_agg(w.oid::bigint) as oids
from {objects} w
left join pg_roles r on r.rolname = w.owner and pg_has_role(r.oid, 'usage')
where w.oid = any(%(anew)s::oid[])
group by 1, 2
