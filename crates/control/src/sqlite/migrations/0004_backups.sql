-- Backups, the keys they are encrypted with, restores, and what proves them. No foreign keys to tenants: what a rebuild
-- finds in the vault may belong to a tenant that this database has forgotten.

CREATE TABLE backups (
    id             TEXT PRIMARY KEY,
    tenant_id      TEXT NOT NULL,
    created_at     INTEGER NOT NULL, -- the moment it shows
    reason         TEXT NOT NULL,
    schema_version INTEGER NOT NULL,
    object_key     TEXT NOT NULL UNIQUE,
    size_bytes     INTEGER NOT NULL,
    sha256         TEXT NOT NULL,
    plain_bytes    INTEGER NOT NULL,
    memories       INTEGER NOT NULL,
    ids_handed_out INTEGER NOT NULL,
    source_stamp   TEXT,             -- what the file looked like, so that an unchanged one is not backed up again
    verified_at    INTEGER           -- when a restore of it was proven
) STRICT, WITHOUT ROWID;

CREATE INDEX backups_by_tenant ON backups (tenant_id, created_at);

-- A destroyed key leaves its row, so that it is never made again.
CREATE TABLE backup_keys (
    subject      TEXT PRIMARY KEY, -- a tenant's id, or 'control'
    operator_key TEXT,             -- the operator's key that opens it
    wrapped      TEXT,
    created_at   INTEGER NOT NULL,
    destroyed_at INTEGER,
    CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- Memories that must never come back, by id and by a hash of what they said.
CREATE TABLE erasures (
    tenant_id    TEXT NOT NULL,
    memory_id    INTEGER NOT NULL,
    content_hash TEXT NOT NULL,
    requested_at INTEGER NOT NULL,
    requested_by TEXT NOT NULL,
    done_at      INTEGER,
    PRIMARY KEY (tenant_id, memory_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX erasures_undone ON erasures (requested_at) WHERE done_at IS NULL;

CREATE TABLE restores (
    id               TEXT PRIMARY KEY,
    tenant_id        TEXT NOT NULL,
    source_tenant_id TEXT NOT NULL,
    backup_id        TEXT,
    requested_at     INTEGER NOT NULL,
    requested_by     TEXT NOT NULL,
    node             TEXT NOT NULL,
    state            TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed')),
    error            TEXT,
    result           TEXT CHECK (json_valid(result)),
    finished_at      INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX restores_by_tenant ON restores (tenant_id, requested_at);

CREATE TABLE restore_tests (
    id          TEXT PRIMARY KEY,
    run_id      TEXT NOT NULL,
    tenant_id   TEXT NOT NULL,
    backup_id   TEXT NOT NULL,
    status      TEXT NOT NULL CHECK (status IN ('passed', 'failed')),
    checks      TEXT NOT NULL CHECK (json_valid(checks)),
    started_at  INTEGER NOT NULL,
    finished_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX restore_tests_by_time ON restore_tests (finished_at);
CREATE INDEX restore_tests_by_tenant ON restore_tests (tenant_id, finished_at);
