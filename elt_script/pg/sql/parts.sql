-- The parts of tables that runs at work have loaded: each is written down by the transaction that loads it.
--
-- Nothing goes in; returns nothing. What runs that have ended left is removed.
create table if not exists elt.part (
    key bigint primary key,
    run_id text not null
);
comment on table elt.part is 'parts of tables that a run at work has loaded, so that none is loaded twice';
delete from elt.part where run_id not in (select run_id from elt.run where status = 'running');
