-- A condition: is object o (classid, objid) of a generation.
--
-- {}  the generation's number
exists (
    select
    from elt.object g
    where g.generation = {} and g.classid = o.classid and g.objid = o.objid
)
