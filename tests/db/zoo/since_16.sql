-- What Postgres knows since version 16.

create table shop.stored_otherwise (a text storage external compression pglz, b text storage default);
create statistics on a, b from shop.stored_otherwise;
create view shop.judged as
    select doc is json object with unique keys as is_json, json_arrayagg(n absent on null returning jsonb) as list,
        json_object('k' value n, 'l' : t null on null with unique keys) as object,
        any_value(n) as any, system_user as who, 1_000_000 + 0x_ff + 0b11 + 0o7 as numbers
    from (values (1, 't', '{}')) as v (n, t, doc) group by doc, n, t;
