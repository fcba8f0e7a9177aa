"""What an archive's script keeps of what only the source's server understands: nothing."""

from __future__ import annotations

from elt_script.pg.archive import understood


def test_a_number_that_a_server_keeps_among_the_options_of_its_columns_stays_there() -> None:
    script = rb'''ALTER TABLE ONLY public.orders ALTER COLUMN id SET (pg_attver=22120600);
ALTER TABLE ONLY "Odd
""Schema""". "x" ALTER COLUMN n SET (pg_attver=1);
ALTER TABLE ONLY "Odd
""Schema"""." " ALTER COLUMN "a;b" SET (pg_attver=22120600, n_distinct=5);
ALTER FOREIGN TABLE ONLY public.remote ALTER COLUMN id SET (n_distinct_inherited=-1, pg_attver=7);
'''

    assert understood(script) == (
        rb'''ALTER TABLE ONLY "Odd
""Schema""". "x" ALTER COLUMN n SET (pg_attver=1);
ALTER TABLE ONLY "Odd
""Schema"""." " ALTER COLUMN "a;b" SET (n_distinct=5);
ALTER FOREIGN TABLE ONLY public.remote ALTER COLUMN id SET (n_distinct_inherited=-1);
'''
    )


def test_what_only_looks_like_such_an_option_stays() -> None:
    script = b"""CREATE FUNCTION public.f() RETURNS text LANGUAGE sql AS $$
select 'ALTER TABLE ONLY public.t ALTER COLUMN a SET (pg_attver=1);'
  ALTER TABLE ONLY public.t ALTER COLUMN a SET (pg_attver=1);
$$;
COMMENT ON TABLE public.t IS 'SET (pg_attver=1);';
"""

    assert understood(script) == script
