-- The ledger: what has run, what is live, and since when. Made once, in the destination.
--
create schema if not exists elt;
comment on schema elt is 'what elt has run and published here: select * from elt.status';
create table if not exists elt.run (
    run_id text primary key,
    pipeline text not null,
    version text not null,
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    status text not null default 'running'
        check (status in ('running', 'published', 'failed', 'interrupted', 'rolled back')),
    exit_status int,
    step text,
    error text,
    staging text[] not null default array[]::text[],
    tables int,
    rows bigint,
    bytes bigint,
    report jsonb
);
create index if not exists run_pipeline_started_at on elt.run (pipeline, started_at);
create table if not exists elt.generation (
    number bigint generated always as identity primary key,
    pipeline text not null,
    run_id text not null,
    as_of timestamptz,
    lsn text,
    published_at timestamptz,
    place int check (place >= 0),
    schemas text[] not null,
    tables int not null,
    rows bigint not null,
    bytes bigint not null
);
alter table elt.generation add column if not exists comments jsonb;
comment on column elt.generation.comments is 'on its schemas, by their names';
comment on column elt.generation.place is '0: live; 1: what rollback returns to; 2, 3, ...: older; null: never published';
create table if not exists elt.object (
    generation bigint not null references elt.generation on delete cascade,
    classid oid not null,
    objid oid not null,
    comments jsonb,
    facts jsonb,
    primary key (generation, classid, objid)
);
comment on column elt.object.facts is 'what an owner may change on a table, as it was published';
create table if not exists elt.published_table (
    generation bigint not null references elt.generation on delete cascade,
    schema text not null,
    name text not null,
    rows bigint not null,
    digest numeric,
    bytes bigint not null,
    primary key (generation, schema, name)
);
create table if not exists elt.large_object (
    generation bigint not null references elt.generation on delete cascade,
    oid oid not null,
    length bigint,
    owner text,
    grants jsonb,
    comment text,
    primary key (generation, oid)
);
comment on column elt.large_object.length is 'of one whose content is kept, as a later generation has another';
create table if not exists elt.large_object_part (
    generation bigint not null references elt.generation on delete cascade,
    oid oid not null,
    number int not null,
    data bytea not null,
    primary key (generation, oid, number)
);
create table if not exists elt.large_object_gone (
    oid oid primary key
);
comment on table elt.large_object_gone is 'large objects that no generation has any more, and that are about to be removed';
create table if not exists elt.staging (
    pipeline text primary key,
    fingerprint text not null,
    archive bytea not null
);
comment on table elt.staging is 'the schema as it was last staged, for as long as nothing that it depends on changes';
create table if not exists elt.home (
    objects oid[] not null
);
comment on table elt.home is 'the OIDs of the ledger''s own tables and keys: elt.object is true of the database where they are these';
insert into elt.home select {home} where not exists (select from elt.home);
create or replace view elt.status as
select pipeline, number as generation, as_of, published_at, clock_timestamp() - as_of as age, schemas, tables, rows
from elt.generation
where place = 0;
comment on view elt.status is 'what readers see now, and the moment of the source that it shows';
