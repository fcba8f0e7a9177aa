-- What others build on the objects of hostile.sql where they are published.

create schema {theirs};
create view {theirs}.{view} as select * from {s}.{view};
create materialized view {theirs}.{m} as select {n} from {s}.{p};
create index {x} on {theirs}.{m} ({n});
create table {theirs}.{r} (z int constraint {n} references {s}.{p});
create function {theirs}.{f}() returns bigint language sql begin atomic select count({n}) from {s}.{p}; end;
create function {theirs}.{p}({n} {s}.{r}) returns setof {s}.{p} language plpgsql as 'begin end';
create view {theirs}.{f} as select {theirs}.{p}(t) from {s}.{r} t;
create index {theirs} on {s}.{r} (x);
create trigger {theirs} after insert on {s}.{r} for each row execute function {s}.{t}();
create policy {theirs} on {s}.{p} to {role} using (false);
create rule {theirs} as on delete to {s}.{r} do also select 2;
create statistics {s}.{theirs} on x, y from {s}.{r};
create publication {n} for table {s}.{r};
comment on view {theirs}.{view} is {l};
grant select on {theirs}.{view}, {s}.{r} to {role};
