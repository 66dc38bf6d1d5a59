-- What is needed to bill on usage: hours of nodes to reconcile with, corrections, and days whose single events are gone.

CREATE INDEX usage_events_by_time ON usage_events (occurred_at);

-- What each node says it served, and what of it the ledger confirmed. Replaced by each report of the node.
CREATE TABLE usage_node_hours (
    node                     TEXT NOT NULL,
    hour_start               INTEGER NOT NULL,
    requests                 INTEGER NOT NULL,
    api_calls                INTEGER NOT NULL,
    search_queries           INTEGER NOT NULL,
    memories_created         INTEGER NOT NULL,
    storage_bytes_delta      INTEGER NOT NULL,
    sent_requests            INTEGER NOT NULL,
    sent_api_calls           INTEGER NOT NULL,
    sent_search_queries      INTEGER NOT NULL,
    sent_memories_created    INTEGER NOT NULL,
    sent_storage_bytes_delta INTEGER NOT NULL,
    reported_at              INTEGER NOT NULL,
    PRIMARY KEY (hour_start, node)
) STRICT, WITHOUT ROWID;

-- Corrections are rows of their own; nothing that was counted is ever edited.
CREATE TABLE usage_adjustments (
    id                  TEXT PRIMARY KEY, -- the caller's own: sent twice is one correction
    tenant_id           TEXT NOT NULL REFERENCES tenants (id),
    day                 TEXT NOT NULL,
    api_calls           INTEGER NOT NULL,
    search_queries      INTEGER NOT NULL,
    memories_created    INTEGER NOT NULL,
    storage_bytes_delta INTEGER NOT NULL,
    reason              TEXT NOT NULL,
    actor               TEXT NOT NULL,
    created_at          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX usage_adjustments_by_day ON usage_adjustments (tenant_id, day);

-- Days that are closed: their sums were equal to their single events, which then went. The newest closes all before it.
CREATE TABLE usage_closed_days (
    day       TEXT PRIMARY KEY,
    events    INTEGER NOT NULL,
    closed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Events of a closed day: nobody can tell any more whether they were counted, so a person decides.
CREATE TABLE usage_late_events (
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
