-- Values of every type that are easily lost: a table for each type, its values alone and in arrays.

set client_min_messages = warning;  -- an empty text search query is worth a notice

create function public.keep(kind text, variadic inputs text[]) returns void language plpgsql as $$
declare
    place text := format('public.%I', 'values of ' || kind);
    input text;
begin
    execute format('create table %s (n serial, v %s, a %2$s[])', place, kind);
    execute format('insert into %s (v, a) values (null, null), (null, ''{}''), (null, ''{null}'')', place);
    foreach input in array inputs loop
        execute format(
            'insert into %s (v, a) values (%L::%s, array[%2$L, null, %2$L]::%3$s[])', place, input, kind
        );
    end loop;
    execute format('update %s set a[-5] = v where n = 4', place);
    begin
        execute format('insert into %s (a) select array[array[v, null], array[null, v]] from %1$s', place);
    exception when undefined_object then
        null;  -- a domain over an array has no arrays of several dimensions
    end;
end $$;

select public.keep(kind, variadic inputs) from (values
    ('bool', array['t', 'f']),
    ('int2', array['-32768', '32767', '0']),
    ('int4', array['-2147483648', '2147483647']),
    ('int8', array['-9223372036854775808', '9223372036854775807']),
    ('float4', array['NaN', '-0', '0', 'Infinity', '-Infinity', '1e-45', '3.4028235e38', '0.1', '16777217']),
    ('float8', array['NaN', '-0', '0', 'Infinity', '-Infinity', '4.9e-324', '1.7976931348623157e308', '0.1',
        '0.30000000000000004', '2.2250738585072014e-308']),
    ('numeric', array['NaN', 'Infinity', '-Infinity', '0', '0.00', '1.0', '1.00', '-1e-16383', '1e131071',
        repeat('9', 1000) || '.' || repeat('1', 1000), '123.4500']),
    ('numeric(10,2)', array['NaN', '0', '99999999.99', '-0.01']),
    ('numeric(5,0)', array['12345']),
    ('money', array['0', '-92233720368547758.08', '92233720368547758.07', '1.10']),
    ('oid', array['0', '4294967295']),
    ('text', array['', ' ', 'a ', E'tab\tnewline\nreturn\rend\\', '\.', E'x\n\\.\ny', '\N', 'NULL', 'null', '''', '"',
        '{}', ',', '$$', ';--', '-1', '=1+1', '%s', E'\x01\x1f\x7f', '😀', 'é', U&'e\0301', U&'\FEFF', U&'\200B',
        U&'\+01F468\200D\+01F469', 'ı', 'ß', 'a''b"c\d', E'\b\f\x0b', '\x00']),
    ('varchar', array['', 'x']),
    ('varchar(3)', array['', 'äöü', '   ']),
    ('bpchar', array['', 'a', 'a   ']),
    ('char(5)', array['', 'a', 'a b', 'ääääa']),
    ('"char"', array['', 'a', '\377', '\\']),
    ('name', array['', 'a', repeat('x', 63)]),
    ('bytea', array['', '\x', '\x00', '\x5c', '\x5c2e', '\x0a', '\xff00ff', '\x27', '\x2827']),
    ('date', array['infinity', '-infinity', '4714-11-24 BC', '5874897-12-31', '0001-12-31 BC', '1582-10-10']),
    ('time', array['00:00:00', '24:00:00', '23:59:59.999999', '12:00:00.000001']),
    ('time(0)', array['23:59:59']),
    ('timetz', array['00:00:00+15:59:59', '24:00:00-15:59:59', '12:34:56.789012+05:30', '23:59:59.999999+00']),
    ('timestamp', array['infinity', '-infinity', '4714-11-24 00:00:00 BC', '294276-12-31 23:59:59.999999',
        '1999-12-31 23:59:59.999999', '2000-01-01']),
    ('timestamp(3)', array['2000-01-01 00:00:00.001']),
    ('timestamptz', array['infinity', '-infinity', '4714-11-24 00:00:00+00 BC', '294276-12-31 23:59:59.999999+00',
        '1900-01-01 00:00:00+00', '2021-10-31 02:30:00+01', '2021-10-31 02:30:00+02']),
    ('interval', array['0', '1 month', '30 days', '24 hours', '1 day -1 hour', '-1 year +2 months -3 days 04:05:06.789',
        '178000000 years', '-178000000 years', '00:00:00.000001', '1 year 2 mons 3 days 04:05:06.000007']),
    ('interval year to month', array['1 year 2 months', '-11 months']),
    ('interval day to second(3)', array['1 day 02:03:04.567']),
    ('uuid', array['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff']),
    ('json', array['null', '{"a":1,"a":2}', ' { "b" : 1.0 } ', '1E5', '"\u0000"', '"\ud83d\ude00"', '[]', '"\\."']),
    ('jsonb', array['null', '{"a":1,"a":2}', '1.0', '1.00', '1E5', '-0', '"\n\t\\"', '[[],{}]', '{"":{"":""}}',
        '123456789012345678901234567890.1234567890']),
    ('jsonpath', array['$', 'strict $."a b"[*] ? (@.x > 1.50 && @.y like_regex "^\\d+$" flag "i")', '$.a.type()']),
    ('bit', array['0', '1']),
    ('bit(9)', array['000000000', '101010101']),
    ('varbit', array['', '1', repeat('10', 100)]),
    ('varbit(3)', array['', '011']),
    ('inet', array['0.0.0.0', '192.168.0.1/24', '::', 'fe80::1/64', '::ffff:1.2.3.4']),
    ('cidr', array['0.0.0.0/0', '10.0.0.0/8', '::/0', '2001:db8::/32']),
    ('macaddr', array['00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff']),
    ('macaddr8', array['00:00:00:00:00:00:00:00', '08:00:2b:01:02:03:04:05']),
    ('point', array['(0,0)', '(-0,NaN)', '(Infinity,1e-300)']),
    ('line', array['{1,-1,0}', '{0,1,-0}']),
    ('lseg', array['[(0,0),(1,-0)]']),
    ('box', array['(1,1),(0,0)', '(0,0),(0,0)']),
    ('path', array['[(0,0),(1,1)]', '((0,0),(1,1))']),
    ('polygon', array['((0,0))', '((0,0),(1,0),(0.1,0.2))']),
    ('circle', array['<(0,0),0>', '<(1,2),Infinity>']),
    ('tsvector', array['', 'a b c', '''it''''s'':1A,2B,3C,4 ''back\\slash'':5', 'x:16383']),
    ('tsquery', array['', 'a & !b | (c <-> d <3> ''e f'')', 'p:*AB']),
    ('pg_lsn', array['0/0', 'FFFFFFFF/FFFFFFFF']),
    ('xid', array['0', '4294967295']),
    ('cid', array['0', '4294967295']),
    ('xid8', array['0', '18446744073709551615']),
    ('tid', array['(0,0)', '(4294967295,65535)']),
    ('pg_snapshot', array['10:20:10,14,15', '1:1:']),
    ('txid_snapshot', array['10:20:10,14,15']),
    ('refcursor', array['', 'a cursor']),
    ('int2vector', array['', '1 2 3']),
    ('oidvector', array['', '1 2 3']),
    ('regtype', array['integer', '-', 'timestamp with time zone']),
    ('regproc', array['now', '-']),
    ('regprocedure', array['abs(integer)', '-']),
    ('regclass', array['pg_catalog.pg_class', '-']),
    ('regrole', array['pg_monitor', '-']),
    ('regnamespace', array['pg_catalog', '-']),
    ('int4range', array['empty', '(,)', '[1,2)', '[1,]', '(,2147483647)']),
    ('int8range', array['empty', '[-9223372036854775808,9223372036854775807)']),
    ('numrange', array['empty', '[1.0,1.00]', '(NaN,)', '[-Infinity,Infinity]']),
    ('tsrange', array['[-infinity,infinity]', '(,infinity)']),
    ('tstzrange', array['["2020-01-01 00:00:00+00",)', 'empty']),
    ('daterange', array['(,infinity)', '[2020-01-01,2020-01-01]']),
    ('int4multirange', array['{}', '{[1,2),[5,)}', '{(,)}']),
    ('nummultirange', array['{[1.0,1.00],(2,3)}']),
    ('datemultirange', array['{[2020-01-01,2020-02-01),[2021-01-01,)}']),
    ('shop.size', array['tiny', 'small', 'medium', 'large', 'huge']),
    ('shop.positive', array['1', '2147483647']),
    ('shop.price', array['0', '9999999999.99']),
    ('shop.code', array['', 'ABCDEFGH']),
    ('shop.sizes', array['{}', '{small,NULL,large}', '[3:4]={tiny,huge}']),
    ('shop.matrix', array['{}', '{{1,NULL},{3,4}}']),
    ('"Odd Schème"."Größe"', array['tiny', 'large']),
    ('shop.point3', array['(,,)', '(-0,NaN,Infinity)', '(0.1,,1e-300)']),
    ('shop.origin', array['(0,1,)']),
    ('shop.line', array['(,,,,,)', '("a "" b\\, (c)",1,1.50,huge,"(1,-0,)","{a,NULL,""""}")']),
    ('"Odd Schème"."Bag"', array['({},tiny,1)', '(,,)']),
    ('public.shrunk', array['(1,2020-01-01,infinity)']),
    ('public.nothing', array['()']),
    ('shop.float_range', array['empty', '[-0,0]', '(,NaN)', '[0.1,0.30000000000000004)']),
    ('shop.float_ranges', array['{}', '{[-0,0],(1,2]}']),
    ('shop.name_range', array['empty', '["",a)', '["a,b","c""d"]']),
    ('shop.size_range', array['empty', '[tiny,small]', '(large,)']),
    ('shop.size_multirange', array['{}', '{[tiny,small],(large,)}']),
    ('"Odd Schème"."Zeit, Raum"', array['[00:00:00,24:00:00]']),
    ('"Odd Schème"."Zeiten, Räume"', array['{[00:00:00,01:00:00),[02:00:00,24:00:00]}']),
    ('shop.point_range', array['["(0,0,0)","(1,,-0)")']),
    ('shop.positive_range', array['[1,2]', 'empty'])
) as kinds (kind, inputs);

do $$
declare
    label text;
begin
    create table public."values of mood" (v "Odd Schème"."Mood" primary key, a "Odd Schème"."Mood"[]);
    insert into public."values of mood" select v, array[v, null, v] from unnest(enum_range(null::"Odd Schème"."Mood")) as v;
    create table public."values of lonely" (v public.lonely, a public.lonely[]);
    insert into public."values of lonely" values (null, '{null}');
end $$;

create table public."values of xml" (v xml);  -- a server may be built without XML: see xml.sql
insert into public."values of xml" values (null);

-- Long values: in line, compressed, out of line, in parts that do not compress.
create table public."values of long" (n int primary key, t text, b bytea, j jsonb, a text[]);
insert into public."values of long" values
    (1, repeat('abc😀', 200000), decode(repeat('00ff', 300000), 'hex'), null, null),
    (2, null, null, jsonb_build_object('k', repeat(E'\\\n', 100000)), array[repeat('x', 100000), null]),
    (3, (select string_agg(md5(i::text), E'\n') from generate_series(1, 20000) as i), '', '{}', '{}');

-- A wide table: 200 columns, and rows of nulls.
select format('create table public.wide (%s)', string_agg(format('c%s %s', i,
    (array['int', 'text', 'numeric', 'timestamptz', 'bool'])[1 + i % 5]), ', ' order by i))
from generate_series(1, 200) as i
\gexec
insert into public.wide default values;
insert into public.wide (c1, c5, c6, c7, c8, c9, c199, c200)
    values ('text', 1, 'text', 1.50, 'infinity', true, false, 200);
