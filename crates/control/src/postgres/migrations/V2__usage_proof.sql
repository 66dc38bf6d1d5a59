-- What is needed to bill on usage: hours of nodes to reconcile with, corrections, and days whose single events are gone.

CREATE INDEX usage_events_by_time ON usage_events (occurred_at, request_id);

-- What each node says it served, and what of it the ledger confirmed. Replaced by each report of the node.
CREATE TABLE usage_node_hours (
    node                     text NOT NULL,
    hour_start               timestamptz NOT NULL,
    requests                 bigint NOT NULL,
    api_calls                bigint NOT NULL,
    search_queries           bigint NOT NULL,
    memories_created         bigint NOT NULL,
    storage_bytes_delta      bigint NOT NULL,
    sent_requests            bigint NOT NULL,
    sent_api_calls           bigint NOT NULL,
    sent_search_queries      bigint NOT NULL,
    sent_memories_created    bigint NOT NULL,
    sent_storage_bytes_delta bigint NOT NULL,
    reported_at              timestamptz NOT NULL,
    PRIMARY KEY (hour_start, node)
);

-- Corrections are rows of their own; nothing that was counted is ever edited.
CREATE TABLE usage_adjustments (
    id                  text PRIMARY KEY, -- the caller's own: sent twice is one correction
    tenant_id           text NOT NULL REFERENCES tenants (id),
    day                 date NOT NULL,
    api_calls           bigint NOT NULL,
    search_queries      bigint NOT NULL,
    memories_created    bigint NOT NULL,
    storage_bytes_delta bigint NOT NULL,
    reason              text NOT NULL,
    actor               text NOT NULL,
    created_at          timestamptz NOT NULL
);

CREATE INDEX usage_adjustments_by_day ON usage_adjustments (tenant_id, day);

-- Days that are closed: their sums were equal to their single events, which then went. The newest closes all before it.
CREATE TABLE usage_closed_days (
    day       date PRIMARY KEY,
    events    bigint NOT NULL,
    closed_at timestamptz NOT NULL
);

-- Events of a closed day: nobody can tell any more whether they were counted, so a person decides.
CREATE TABLE usage_late_events (LIKE usage_events);
ALTER TABLE usage_late_events ADD PRIMARY KEY (request_id);
