CREATE TABLE members (
    tenant_id  TEXT NOT NULL REFERENCES tenants (id),
    user_id    TEXT NOT NULL, -- the `sub` of their tokens
    email      TEXT,
    role       TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX members_by_user ON members (user_id);

CREATE TABLE invites (
    id          TEXT PRIMARY KEY,
    tenant_id   TEXT NOT NULL REFERENCES tenants (id),
    email       TEXT,
    role        TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
    token_hash  BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    accepted_at INTEGER,
    accepted_by TEXT,
    revoked_at  INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX invites_by_tenant ON invites (tenant_id);

-- One row for each tenant that is on its way out, or gone; what was removed is the receipt.
CREATE TABLE tenant_deletions (
    tenant_id    TEXT PRIMARY KEY REFERENCES tenants (id),
    slug         TEXT NOT NULL,
    requested_at INTEGER NOT NULL,
    requested_by TEXT NOT NULL,
    steps        TEXT NOT NULL CHECK (json_valid(steps)), -- by name, what each step did
    attempts     INTEGER NOT NULL DEFAULT 0,
    last_error   TEXT,
    finished_at  INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX tenant_deletions_unfinished ON tenant_deletions (requested_at) WHERE finished_at IS NULL;

ALTER TABLE api_keys ADD COLUMN rotated_to TEXT REFERENCES api_keys (id);

ALTER TABLE audit_log ADD COLUMN tenant_id TEXT;

CREATE INDEX audit_log_by_tenant ON audit_log (tenant_id, id);

-- What was written before this column: tenants by their id, keys by their row.
UPDATE audit_log SET tenant_id = target WHERE target IN (SELECT id FROM tenants);
UPDATE audit_log SET tenant_id = (SELECT k.tenant_id FROM api_keys k WHERE k.id = audit_log.target)
WHERE tenant_id IS NULL;
