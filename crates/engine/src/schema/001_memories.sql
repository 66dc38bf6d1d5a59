-- The table `memory` is the truth; everything an index needs beyond it can be made again from it.
-- Times are milliseconds since 1970, UTC.
CREATE TABLE workspace (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE model (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    revision   TEXT NOT NULL,
    dimensions INTEGER NOT NULL,
    UNIQUE (name, revision, dimensions)
) STRICT;

CREATE TABLE memory (
    id            INTEGER PRIMARY KEY AUTOINCREMENT, -- ids are never reused
    workspace_id  INTEGER NOT NULL REFERENCES workspace (id),
    content       TEXT NOT NULL CHECK (content <> ''),
    kind          TEXT NOT NULL,
    tags          TEXT NOT NULL, -- JSON array of strings
    metadata      TEXT NOT NULL, -- JSON object
    importance    REAL NOT NULL,
    user_id       TEXT,
    agent_id      TEXT,
    session_id    TEXT,
    actor         TEXT,
    tier          TEXT NOT NULL,
    expires_at    INTEGER,
    event_time    INTEGER,
    valid_from    INTEGER,
    valid_to      INTEGER,
    superseded_by INTEGER,
    custom_id     TEXT,
    version       INTEGER NOT NULL,
    change        TEXT NOT NULL, -- what made this version
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    model_id      INTEGER REFERENCES model (id), -- whose vector it has; NULL: none yet
    CHECK (tier = 'permanent' OR expires_at IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX memory_by_custom_id ON memory (workspace_id, custom_id) WHERE custom_id IS NOT NULL;
CREATE INDEX memory_by_workspace ON memory (workspace_id);
CREATE INDEX memory_by_user ON memory (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX memory_by_agent ON memory (agent_id) WHERE agent_id IS NOT NULL;
CREATE INDEX memory_by_session ON memory (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX memory_by_expiry ON memory (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX memory_by_model ON memory (model_id);

-- Earlier versions of memories that still exist.
CREATE TABLE memory_version (
    memory_id INTEGER NOT NULL REFERENCES memory (id) ON DELETE CASCADE,
    version   INTEGER NOT NULL,
    body      TEXT NOT NULL, -- the whole memory as JSON
    change    TEXT NOT NULL,
    PRIMARY KEY (memory_id, version)
) STRICT, WITHOUT ROWID;

-- Creates that were asked for with an idempotency key, and what came of them.
CREATE TABLE idempotency (
    key         TEXT PRIMARY KEY,
    fingerprint BLOB NOT NULL,
    outcome     TEXT NOT NULL, -- JSON: [[id, created], ...]
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_age ON idempotency (created_at);

-- Names that facts refer to by number.
CREATE TABLE session (
    id           INTEGER PRIMARY KEY,
    workspace_id INTEGER NOT NULL,
    name         TEXT NOT NULL,
    end_position INTEGER NOT NULL, -- tokens stored so far; where the next memory starts
    UNIQUE (workspace_id, name)
) STRICT;
CREATE TABLE actor (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- What ranking needs to know of each memory, in a row small enough to read them all at open.
CREATE TABLE fact (
    memory_id  INTEGER PRIMARY KEY REFERENCES memory (id) ON DELETE CASCADE,
    tokens     INTEGER NOT NULL,
    session    INTEGER NOT NULL, -- 0: none
    position   INTEGER NOT NULL, -- in tokens, within the session
    actor      INTEGER NOT NULL, -- 0: none
    at         INTEGER NOT NULL, -- event time, else when it was stored
    expires_at INTEGER,
    importance REAL NOT NULL
) STRICT;

CREATE TABLE vector (
    memory_id INTEGER PRIMARY KEY REFERENCES memory (id) ON DELETE CASCADE,
    model_id  INTEGER NOT NULL REFERENCES model (id),
    code      BLOB NOT NULL -- scale as f32 little endian, then one int8 a dimension
) STRICT;

-- Postings only. Terms arrive analysed and separated by blanks, so the plain tokenizer splits them back.
CREATE VIRTUAL TABLE keyword USING fts5 (
    terms, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii'
);

-- Surface forms for typo tolerance, found by any of their one-letter deletions.
CREATE TABLE word (
    id   INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE word_deletion (
    key     INTEGER NOT NULL, -- hash of the word with one letter taken out
    word_id INTEGER NOT NULL,
    PRIMARY KEY (key, word_id)
) STRICT, WITHOUT ROWID;
