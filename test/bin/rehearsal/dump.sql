--
-- PostgreSQL database dump
--

\restrict a1b2c3

SET statement_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);

CREATE SCHEMA "Ünï;cødé";
CREATE SCHEMA public;

ALTER SCHEMA "Ünï;cødé" OWNER TO "shop owner";

/* a comment; with /* a nested */ semicolon; */
CREATE FUNCTION public.atomic(a integer) RETURNS integer
    LANGUAGE sql
    BEGIN ATOMIC
 SELECT CASE WHEN (a > 0) THEN a ELSE (- a) END AS "case";
 SELECT (a + 1) AS result;
END;

CREATE FUNCTION public.quoted() RETURNS trigger
    LANGUAGE plpgsql
    AS $_$
begin
  -- it's; not the end $$
  new.note := E'it\'s; ' || new.note || $q$;$q$;
  return new;
end
$_$;

CREATE TYPE public.mood AS ENUM ('sad; very', 'ok');

CREATE TABLE public.plain (
    id integer NOT NULL,
    note text DEFAULT 'a;b''c'::text, -- trailing; comment
    mood public.mood,
    doc jsonb,
    bin bytea
);
CREATE TABLE "Ünï;cødé"."Täble" (at timestamp with time zone) PARTITION BY RANGE (at);
CREATE TABLE "Ünï;cødé".part PARTITION OF "Ünï;cødé"."Täble" FOR VALUES FROM (MINVALUE) TO (MAXVALUE);

GRANT SELECT ON TABLE public.plain TO reader, "shop owner";

COPY public.plain (id, note, mood, doc, bin) FROM stdin;
1	tab\tand; newline\nand \\. inside	sad; very	{"a": "\\u00e9;"}	\\x00ff
2	\N	\N	\N	\N
3	ünï -- not a comment	ok	[]	\\x
\.

COPY "Ünï;cødé".part (at) FROM stdin;
2026-01-01 00:00:00+00
\.

CREATE TRIGGER quoted BEFORE INSERT ON public.plain FOR EACH ROW EXECUTE FUNCTION public.quoted();
ALTER TABLE ONLY public.plain ADD CONSTRAINT plain_pkey PRIMARY KEY (id);
INSERT INTO public.plain VALUES (4, 'in''serted; too');

\unrestrict a1b2c3

--
-- PostgreSQL database dump complete
--
