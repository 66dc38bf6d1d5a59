-- Backups, the keys they are encrypted with, restores, and what proves them. No foreign keys to tenants: what a rebuild
-- finds in the vault may belong to a tenant that this database has forgotten.

CREATE TABLE backups (
    id             text PRIMARY KEY,
    tenant_id      text NOT NULL,
    created_at     timestamptz NOT NULL, -- the moment it shows
    reason         text NOT NULL,
    schema_version bigint NOT NULL,
    object_key     text NOT NULL UNIQUE,
    size_bytes     bigint NOT NULL,
    sha256         text NOT NULL,
    plain_bytes    bigint NOT NULL,
    memories       bigint NOT NULL,
    ids_handed_out bigint NOT NULL,
    source_stamp   text,             -- what the file looked like, so that an unchanged one is not backed up again
    verified_at    timestamptz           -- when a restore of it was proven
);

CREATE INDEX backups_by_tenant ON backups (tenant_id, created_at);

-- A destroyed key leaves its row, so that it is never made again.
CREATE TABLE backup_keys (
    subject      text PRIMARY KEY, -- a tenant's id, or 'control'
    operator_key text,             -- the operator's key that opens it
    wrapped      text,
    created_at   timestamptz NOT NULL,
    destroyed_at timestamptz,
    CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL))
);

-- Memories that must never come back, by id and by a hash of what they said.
CREATE TABLE erasures (
    tenant_id    text NOT NULL,
    memory_id    bigint NOT NULL,
    content_hash text NOT NULL,
    requested_at timestamptz NOT NULL,
    requested_by text NOT NULL,
    done_at      timestamptz,
    PRIMARY KEY (tenant_id, memory_id)
);

CREATE INDEX erasures_undone ON erasures (requested_at) WHERE done_at IS NULL;

CREATE TABLE restores (
    id               text PRIMARY KEY,
    tenant_id        text NOT NULL,
    source_tenant_id text NOT NULL,
    backup_id        text,
    requested_at     timestamptz NOT NULL,
    requested_by     text NOT NULL,
    node             text NOT NULL,
    state            text NOT NULL CHECK (state IN ('running', 'done', 'failed')),
    error            text,
    result           jsonb,
    finished_at      timestamptz
);

CREATE INDEX restores_by_tenant ON restores (tenant_id, requested_at);

CREATE TABLE restore_tests (
    id          text PRIMARY KEY,
    run_id      text NOT NULL,
    tenant_id   text NOT NULL,
    backup_id   text NOT NULL,
    status      text NOT NULL CHECK (status IN ('passed', 'failed')),
    checks      jsonb NOT NULL,
    started_at  timestamptz NOT NULL,
    finished_at timestamptz NOT NULL
);

CREATE INDEX restore_tests_by_time ON restore_tests (finished_at);
CREATE INDEX restore_tests_by_tenant ON restore_tests (tenant_id, finished_at);

-- An import stores keys before the ones they were rotated to.
ALTER TABLE api_keys ALTER CONSTRAINT api_keys_rotated_to_fkey DEFERRABLE INITIALLY IMMEDIATE;
