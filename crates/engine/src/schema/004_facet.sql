-- Values of fields, tags and metadata, as terms for filters (`facet.rs`); `schema/facet.rs` makes them for the memories that
-- are there.
CREATE VIRTUAL TABLE facet USING fts5 (
    terms, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii'
);

-- What programs of other versions must know of this file; see docs/adr/2026-11-25-a-newer-schema-says-who-may-go-on.md.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('reader_min', '3');
