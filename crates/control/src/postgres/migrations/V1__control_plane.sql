CREATE TABLE meta (
    name  text PRIMARY KEY,
    value text NOT NULL
);

CREATE TABLE plans (
    name       text PRIMARY KEY,
    limits     jsonb NOT NULL,
    updated_at timestamptz NOT NULL
);

INSERT INTO plans (name, limits, updated_at) VALUES
    ('unlimited', '{}', 'epoch'),
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
    }', 'epoch');

CREATE TABLE tenants (
    id         text PRIMARY KEY,
    slug       text NOT NULL,
    name       text NOT NULL,
    status     text NOT NULL CHECK (status IN ('active', 'suspended', 'deleted')),
    kind       text NOT NULL CHECK (kind IN ('live', 'test')),
    plan       text NOT NULL REFERENCES plans (name),
    created_at timestamptz NOT NULL
);

-- A deleted tenant gives its slug back; its row stays, because bills and audit rows name it.
CREATE UNIQUE INDEX tenants_by_slug ON tenants (slug) WHERE status <> 'deleted';

CREATE TABLE members (
    tenant_id  text NOT NULL REFERENCES tenants (id),
    user_id    text NOT NULL, -- the `sub` of their tokens
    email      text,
    role       text NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
);

CREATE INDEX members_by_user ON members (user_id);

CREATE TABLE invites (
    id          text PRIMARY KEY,
    tenant_id   text NOT NULL REFERENCES tenants (id),
    email       text,
    role        text NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
    token_hash  bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    accepted_at timestamptz,
    accepted_by text,
    revoked_at  timestamptz
);

CREATE INDEX invites_by_tenant ON invites (tenant_id);

CREATE TABLE api_keys (
    id             text PRIMARY KEY,
    tenant_id      text REFERENCES tenants (id), -- null: an operator's key
    prefix         text NOT NULL UNIQUE,
    hash           bytea NOT NULL CHECK (length(hash) = 32),
    pepper_version bigint NOT NULL,
    scopes         text NOT NULL,
    name           text NOT NULL,
    created_at     timestamptz NOT NULL,
    expires_at     timestamptz,
    revoked_at     timestamptz,
    last_used_at   timestamptz,
    rotated_to     text REFERENCES api_keys (id)
);

CREATE INDEX api_keys_by_tenant ON api_keys (tenant_id);

-- One row for each tenant that is on its way out, or gone; what was removed is the receipt.
CREATE TABLE tenant_deletions (
    tenant_id    text PRIMARY KEY REFERENCES tenants (id),
    slug         text NOT NULL,
    requested_at timestamptz NOT NULL,
    requested_by text NOT NULL,
    steps        jsonb NOT NULL, -- by name, what each step did
    attempts     bigint NOT NULL DEFAULT 0,
    last_error   text,
    finished_at  timestamptz
);

CREATE INDEX tenant_deletions_unfinished ON tenant_deletions (requested_at) WHERE finished_at IS NULL;

-- No foreign key to tenants: an event of a tenant this database has forgotten (a control plane restored from an
-- older backup) must still reach the ledger instead of blocking every event behind it.
CREATE TABLE usage_events (
    request_id          uuid PRIMARY KEY,
    tenant_id           text NOT NULL,
    workspace           text,
    route               text NOT NULL,
    status_code         integer NOT NULL,
    api_calls           bigint NOT NULL,
    search_queries      bigint NOT NULL,
    memories_created    bigint NOT NULL,
    storage_bytes_delta bigint NOT NULL,
    occurred_at         timestamptz NOT NULL
);

CREATE TABLE usage_hourly (
    tenant_id           text NOT NULL,
    hour_start          timestamptz NOT NULL,
    requests            bigint NOT NULL,
    api_calls           bigint NOT NULL,
    search_queries      bigint NOT NULL,
    memories_created    bigint NOT NULL,
    storage_bytes_delta bigint NOT NULL,
    PRIMARY KEY (tenant_id, hour_start)
);

CREATE TABLE usage_daily (
    tenant_id           text NOT NULL,
    day                 date NOT NULL, -- in UTC
    requests            bigint NOT NULL,
    api_calls           bigint NOT NULL,
    search_queries      bigint NOT NULL,
    memories_created    bigint NOT NULL,
    storage_bytes_delta bigint NOT NULL,
    PRIMARY KEY (tenant_id, day)
);

CREATE TABLE audit_log (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    occurred_at timestamptz NOT NULL,
    tenant_id   text,
    actor       text NOT NULL,
    origin      text,
    action      text NOT NULL,
    target      text NOT NULL,
    details     jsonb NOT NULL
);

CREATE INDEX audit_log_by_tenant ON audit_log (tenant_id, id);

-- What other processes must forget, in the order it was committed: whoever adds a row holds the counter's row lock
-- until the commit. Rows go after an hour.
CREATE TABLE change_counter (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    revision bigint NOT NULL
);

INSERT INTO change_counter (revision) VALUES (0);

CREATE TABLE changes (
    revision   bigint PRIMARY KEY,
    origin     uuid NOT NULL, -- the process that made it, and knows already
    kind       text NOT NULL,
    tenant_id  text,
    name       text NOT NULL, -- a slug, a key's prefix, a user's id, a plan's name
    changed_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX changes_by_age ON changes (changed_at);
