-- Take from the live generation the types that the next one is made of as well, because tables of others are, too.
--
-- %(live)s, %(new)s  bigint
-- returns            objid oid, comments jsonb, facts jsonb: what the next one is to have of elt.object
with needed as (
    select distinct d.refobjid as oid
    from elt.object n
    join pg_depend d on d.classid = n.classid and d.objid = n.objid and d.refclassid = 'pg_type'::regclass
    where n.generation = %(new)s and d.refobjid >= 16384
)
delete from elt.object o
where o.generation = %(live)s and o.classid = 'pg_type'::regclass
    and exists (select from needed join pg_type t on needed.oid in (t.oid, t.typarray) where o.objid in (t.oid, t.typarray))
returning o.objid, o.comments, o.facts
