-- Values of fields, tags and metadata, as terms for filters (`facet.rs`); `schema/facet.rs` makes them for the memories that
-- are there.
CREATE VIRTUAL TABLE facet USING fts5 (
    terms, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii'
);
