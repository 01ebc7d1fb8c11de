-- What a careful developer of the peer adds: the list's own order, and trigrams for the search.
CREATE INDEX ON tuned.repairs (is_open DESC, due_at, id);
CREATE INDEX ON tuned.repairs (status, is_open DESC, due_at, id);
CREATE INDEX ON tuned.repairs USING gin (problem gin_trgm_ops);
CREATE INDEX ON tuned.repairs USING gin (ticket gin_trgm_ops);
CREATE INDEX ON tuned.customers USING gin (name gin_trgm_ops);
CREATE INDEX ON tuned.customers USING gin (email gin_trgm_ops);
