-- Where the rows of the accelerometer data go first, each with its place in the file.
create temporary table base (
    wconfid integer,
    pctid integer,
    x double precision,
    y double precision,
    z double precision,
    place bigint generated always as identity
)
