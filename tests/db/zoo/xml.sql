-- Values for servers that are built with XML: needs the other parts.

insert into public."values of xml" values
    (''), ('text'), ('<a b="c">&lt;é😀</a>'), ('<?xml version="1.0" standalone="yes"?><a/>'), ('<!DOCTYPE a><a/>'),
    ('<?xml version="1.0" encoding="ISO-8859-1"?><é/>'), ('<a/><b/>'), (E'<a>\n\\.\n</a>');
create view shop.as_xml as
    select xmlelement(name "Größe", xmlattributes(id as "a b"), xmlforest(name, best_friend as "?")) as x, t.*
    from shop.customer cross join xmltable(
        xmlnamespaces('urn:x' as x), '/a/b' passing xml '<a><b c="1"/></a>' columns c int path '@c' default 2, o for ordinality
    ) as t;
