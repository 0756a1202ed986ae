-- Temporary relations come last, not first.
alter function holdfast.index_bloat() set search_path = pg_catalog, pg_temp;
