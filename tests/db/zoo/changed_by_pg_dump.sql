-- What pg_dump itself does not bring over as it was. Needs no other part.

create schema changed;

-- A heir that was attached with its columns in another order gets them in its parent's.
create table changed.parent (id int, name text);
create table changed.heir (own int, name text, id int);
alter table changed.heir inherit changed.parent;
insert into changed.heir values (1, 'heir', 7);

-- A view that is nothing but values becomes one of a subquery, which is written with one more blank.
create view changed.of_values (number, name) as values (1, 'one'), (2, 'two');
