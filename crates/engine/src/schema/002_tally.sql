-- How much there is, so that a bound is checked without counting. Whatever adds or removes a memory keeps it,
-- in the same transaction.
CREATE TABLE tally (
    id         INTEGER PRIMARY KEY CHECK (id = 1), -- one row
    memories   INTEGER NOT NULL CHECK (memories >= 0),
    workspaces INTEGER NOT NULL CHECK (workspaces >= 0) -- those that hold a memory
) STRICT;
INSERT INTO tally (id, memories, workspaces)
    SELECT 1, count(*), count(DISTINCT workspace_id) FROM memory;
