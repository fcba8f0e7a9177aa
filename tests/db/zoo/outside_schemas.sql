-- What an ordinary owner can make and is in no schema: needs the other parts.

create function shop.as_text(p shop.point3) returns text language sql immutable return p.x || '/' || p.y || '/' || p.z;
create cast (shop.point3 as text) with function shop.as_text(shop.point3) as assignment;
create cast (shop.size as int) with inout;
comment on cast (shop.point3 as text) is 'it''s a cast';

create publication "Odd ""publication""" for table shop.customer, only shop.animal with (publish = 'insert, update');
comment on publication "Odd ""publication""" is 'it''s public';
