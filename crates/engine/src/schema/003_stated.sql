-- Words of a memory outside questions; `schema/stated.rs` counts them for the memories that are there.
ALTER TABLE fact ADD COLUMN stated INTEGER NOT NULL DEFAULT 0;
