-- Times are milliseconds since 1970-01-01T00:00:00Z; days are 'YYYY-MM-DD' in UTC.
PRAGMA application_id = 1164863299; -- "EngC"

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE plans (
    name       TEXT PRIMARY KEY,
    limits     TEXT NOT NULL CHECK (json_valid(limits)),
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO plans (name, limits, updated_at) VALUES
    ('unlimited', '{}', 0),
    ('free', '{
        "rates": {
            "read":   {"per_second": 50, "burst": 100},
            "write":  {"per_second": 20, "burst": 40},
            "search": {"per_second": 20, "burst": 40}
        },
        "memories": 10000,
        "workspaces": 10,
        "storage_bytes": 104857600,
        "api_calls_per_day": 50000
    }', 0);

CREATE TABLE tenants (
    id         TEXT PRIMARY KEY,
    slug       TEXT NOT NULL,
    name       TEXT NOT NULL,
    status     TEXT NOT NULL CHECK (status IN ('active', 'suspended', 'deleted')),
    kind       TEXT NOT NULL CHECK (kind IN ('live', 'test')),
    plan       TEXT NOT NULL REFERENCES plans (name),
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A deleted tenant gives its slug back; its row stays, because bills and audit rows name it.
CREATE UNIQUE INDEX tenants_by_slug ON tenants (slug) WHERE status <> 'deleted';

CREATE TABLE api_keys (
    id             TEXT PRIMARY KEY,
    tenant_id      TEXT REFERENCES tenants (id), -- null: an operator's key
    prefix         TEXT NOT NULL UNIQUE,
    hash           BLOB NOT NULL CHECK (length(hash) = 32),
    pepper_version INTEGER NOT NULL,
    scopes         TEXT NOT NULL,
    name           TEXT NOT NULL,
    created_at     INTEGER NOT NULL,
    expires_at     INTEGER,
    revoked_at     INTEGER,
    last_used_at   INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX api_keys_by_tenant ON api_keys (tenant_id);

-- No foreign key to tenants: an event of a tenant this database has forgotten (a control plane restored from an
-- older backup) must still reach the ledger instead of blocking every event behind it.
CREATE TABLE usage_events (
    request_id          TEXT PRIMARY KEY,
    tenant_id           TEXT NOT NULL,
    workspace           TEXT,
    route               TEXT NOT NULL,
    status_code         INTEGER NOT NULL,
    api_calls           INTEGER NOT NULL,
    search_queries      INTEGER NOT NULL,
    memories_created    INTEGER NOT NULL,
    storage_bytes_delta INTEGER NOT NULL,
    occurred_at         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_hourly (
    tenant_id           TEXT NOT NULL,
    hour_start          INTEGER NOT NULL,
    requests            INTEGER NOT NULL,
    api_calls           INTEGER NOT NULL,
    search_queries      INTEGER NOT NULL,
    memories_created    INTEGER NOT NULL,
    storage_bytes_delta INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, hour_start)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_daily (
    tenant_id           TEXT NOT NULL,
    day                 TEXT NOT NULL,
    requests            INTEGER NOT NULL,
    api_calls           INTEGER NOT NULL,
    search_queries      INTEGER NOT NULL,
    memories_created    INTEGER NOT NULL,
    storage_bytes_delta INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_log (
    id          INTEGER PRIMARY KEY,
    occurred_at INTEGER NOT NULL,
    actor       TEXT NOT NULL,
    origin      TEXT,
    action      TEXT NOT NULL,
    target      TEXT NOT NULL,
    details     TEXT NOT NULL CHECK (json_valid(details))
) STRICT;
