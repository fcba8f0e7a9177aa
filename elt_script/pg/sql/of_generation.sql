-- A condition: is object o (classid, objid) of a generation.
--
-- {}  the generation's number
(o.classid, o.objid) in (
    select g.classid, g.objid
    from elt.object g
    where g.generation = {}
)
