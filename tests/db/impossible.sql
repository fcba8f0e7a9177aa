-- What others build on a published copy that cannot come along to the next one.
--
-- {reader}   any other role

create schema theirs;
grant usage, create on schema theirs to {reader};
create view theirs.of_another_role as select id from public.orders;
create table theirs.heir () inherits (public.orders);
create table theirs.partition_of_theirs partition of public.days for values from ('2030-01-01') to ('2031-01-01');
create table theirs.mooded (mood public.mood, word text, other public.mood[]);
create table theirs.typed of public.of_table;
create table theirs.rowed (o public.orders[]);
create domain theirs.moody as public.mood;
create domain theirs.doubled as int check (public.double(value) > 0);
create aggregate theirs.last(int) (sfunc = public.latest, stype = int);
create function theirs.next_mood(m public.mood, n int) returns public.mood language sql as 'select m';
create aggregate theirs.last_mood(int) (sfunc = theirs.next_mood, stype = public.mood);
create table theirs.computed (n int, twice int generated always as (public.double(n)) stored);
create sequence public.owned owned by public.days.n;
alter table public.orders alter note set default 'none';
create view theirs.of_a_column_that_goes as select gone from public.going;
create view theirs.of_a_table_that_goes as select count(*) as n from public.leaving;
create function theirs.of_rows_that_go() returns setof public.leaving language sql as 'select * from public.leaving';
create view theirs.of_such_a_function as select n from theirs.of_rows_that_go();
create materialized view theirs.of_a_view_that_goes as select n from public.gone_view;
alter table public.customers add theirs text, add "the'irs" int;
alter table public.kept rename to backup;
alter view public.moved_view set schema theirs;
create schema closed;
create view closed.of_a_closed_schema as select id from public.orders;
