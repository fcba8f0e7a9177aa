-- What Postgres knows since version 17.

create table shop.numbered_parts (id int generated always as identity (start 5), n int) partition by list (n);
create table shop.numbered_part partition of shop.numbered_parts for values in (1);
insert into shop.numbered_parts (n) values (1), (1);

create collation shop.builtin (provider = builtin, locale = 'C.UTF-8');
create table shop.builtin_sorted (t text collate shop.builtin primary key);
insert into shop.builtin_sorted values ('é'), ('Z');

create table shop.endless (v interval);
insert into shop.endless values ('infinity'), ('-infinity');

create view shop.tabled as
    select j.* from json_table('[{"a": 1, "b": ["x"]}]', '$[*]' columns (
        n for ordinality, a int path '$.a' default 0 on empty, nested '$.b[*]' columns (b text path '$')
    )) as j;
create function shop.merged() returns void language sql begin atomic
    merge into shop.endless as e using (values (interval '1 day')) as s (v) on e.v = s.v
        when matched then delete when not matched by source then do nothing when not matched then insert values (s.v);
end;
