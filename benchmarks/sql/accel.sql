-- The accelerometer data again and again, in the order of its file.
--
-- {rows}  how many rows in all
create table public.accelerometer (
    wconfid integer,
    pctid integer,
    x double precision,
    y double precision,
    z double precision
);

insert into public.accelerometer
select wconfid, pctid, x, y, z
from
    generate_series(0, {rows} / (select count(*) from base)) as repeat (number)
    cross join base
where repeat.number * (select count(*) from base) + base.place <= {rows}
order by repeat.number, base.place
