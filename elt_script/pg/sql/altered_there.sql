-- What somebody has altered of a live generation's objects, and the next one has as at the source.
--
-- %(generation)s  bigint
-- {state}         state.sql
-- returns         name text
select coalesce('view ' || c.oid::regclass, i.type || ' ' || i.identity)
from elt.object o
join ({state}) now on now.classid = o.classid and now.objid = o.objid and now.state <> o.facts ->> 'state'
left join pg_rewrite r on o.classid = 'pg_rewrite'::regclass and r.oid = o.objid and r.rulename = '_RETURN'
left join pg_class c on c.oid = r.ev_class
cross join pg_identify_object(o.classid, o.objid, 0) i
where o.generation = %(generation)s
order by 1
