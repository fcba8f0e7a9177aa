-- A lending library, in the style of what frameworks dump: no rows, ids from sequences that are set later,
-- keys at the end, what some servers do not know.
SET statement_timeout = 0;
SET check_function_bodies = false;
SELECT pg_catalog.set_config('search_path', '', false);
CREATE SCHEMA audit;
CREATE EXTENSION IF NOT EXISTS no_such_extension WITH SCHEMA public;
CREATE TYPE public.loan_state AS ENUM ('open', 'overdue', 'returned');
CREATE DOMAIN public.isbn AS text CONSTRAINT thirteen CHECK ((length(VALUE) >= 2));
CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at := '2020-01-01'; RETURN NEW; END $$;
CREATE FUNCTION audit.note() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN INSERT INTO audit.notes(what) VALUES (TG_TABLE_NAME); RETURN NULL; END $$;
CREATE TABLE audit.notes (id bigint GENERATED ALWAYS AS IDENTITY, what text, at timestamp with time zone DEFAULT now());
CREATE TABLE public.authors (id bigint NOT NULL, name character varying(20) NOT NULL, extra jsonb, updated_at timestamp(6) without time zone);
CREATE SEQUENCE public.authors_id_seq START WITH 1 INCREMENT BY 1 NO MINVALUE NO MAXVALUE CACHE 1;
ALTER SEQUENCE public.authors_id_seq OWNED BY public.authors.id;
CREATE TABLE public.books (id bigint NOT NULL, author_id bigint NOT NULL, code public.isbn NOT NULL, tags text[], price numeric(8,2),
  cover bytea, words tsvector GENERATED ALWAYS AS (to_tsvector('english'::regconfig, (code)::text)) STORED);
CREATE TABLE public.members (id uuid DEFAULT gen_random_uuid() NOT NULL, name text, invited_by uuid, from_address inet, active boolean);
CREATE TABLE public.loans (book_id bigint NOT NULL, member_id uuid NOT NULL, state public.loan_state DEFAULT 'open'::public.loan_state,
  at date NOT NULL, during daterange) PARTITION BY RANGE (at);
CREATE TABLE public.loans_old PARTITION OF public.loans FOR VALUES FROM (MINVALUE) TO ('2021-02-05');
CREATE TABLE public.loans_rest PARTITION OF public.loans DEFAULT;
CREATE TABLE public.refuses (id integer NOT NULL CHECK (false));
CREATE VIEW public.lent AS SELECT b.code, count(*) AS times FROM public.loans l JOIN public.books b ON b.id = l.book_id GROUP BY b.code;
CREATE MATERIALIZED VIEW public.popular AS SELECT * FROM public.lent WITH NO DATA;
ALTER TABLE ONLY public.authors ALTER COLUMN id SET DEFAULT nextval('public.authors_id_seq'::regclass);
ALTER TABLE ONLY public.authors ADD CONSTRAINT authors_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.books ADD CONSTRAINT books_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.members ADD CONSTRAINT members_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.loans ADD CONSTRAINT loans_pkey PRIMARY KEY (book_id, at);
CREATE UNIQUE INDEX index_books_on_code ON public.books USING btree (lower((code)::text));
CREATE INDEX index_books_on_words ON public.books USING gin (words);
CREATE INDEX index_loans_on_state ON public.loans USING btree (state) WHERE (state <> 'returned'::public.loan_state);
ALTER TABLE ONLY public.books ADD CONSTRAINT fk_rails_1 FOREIGN KEY (author_id) REFERENCES public.authors(id) ON DELETE CASCADE;
ALTER TABLE public.members ADD CONSTRAINT fk_rails_2 FOREIGN KEY (invited_by) REFERENCES public.members(id) NOT VALID;
ALTER TABLE public.loans ADD CONSTRAINT fk_rails_3 FOREIGN KEY (book_id) REFERENCES public.books(id);
ALTER TABLE public.loans ADD CONSTRAINT fk_rails_4 FOREIGN KEY (member_id) REFERENCES public.members(id) DEFERRABLE INITIALLY DEFERRED;
CREATE TRIGGER touched BEFORE INSERT OR UPDATE ON public.authors FOR EACH ROW EXECUTE FUNCTION public.touch();
CREATE TRIGGER noted AFTER INSERT ON public.loans FOR EACH ROW EXECUTE FUNCTION audit.note();
COMMENT ON TABLE public.loans IS 'who has what';
REFRESH MATERIALIZED VIEW public.popular;
