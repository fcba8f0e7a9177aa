-- Take from the live generation the enums that the next one is made of as well, because tables of others are, too.
--
-- %(live)s, %(new)s  bigint
-- returns            objid oid, comments jsonb, facts jsonb: what the next one is to have of elt.object
with shared as materialized (
    select t.oid, t.typarray
    from elt.object o
    join pg_type t on o.classid = 'pg_type'::regclass and t.oid = o.objid and t.typtype = 'e'
    where o.generation = %(live)s
        and exists (
            select
            from pg_depend d
            join elt.object n on (n.generation, n.classid, n.objid) = (%(new)s, d.classid, d.objid)
            where d.refclassid = 'pg_type'::regclass and d.refobjid in (t.oid, t.typarray)
        )
)
delete from elt.object o
using shared
where o.generation = %(live)s and o.classid = 'pg_type'::regclass and o.objid in (shared.oid, shared.typarray)
returning o.objid, o.comments, o.facts
