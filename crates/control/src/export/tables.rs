//! Every table of the control plane with its columns, as an export has them; a test compares this with the schemas.

use serde_json::{Map, Value};
use stdx::hex;

/// A table; its first `key_columns` columns are its key, in whose order its rows are exported.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) key_columns: usize,
    pub(crate) columns: &'static [Column],
}

#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
}

/// What a column holds, and how it is written; `null` where there is nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A string.
    Text,
    /// A number.
    Int,
    /// A moment: `"2026-11-23T10:00:00.123Z"`. Milliseconds in SQLite, microseconds in PostgreSQL.
    Time,
    /// A day in UTC: `"2026-11-23"`.
    Day,
    /// Itself.
    Json,
    /// Hexadecimal digits.
    Bytes,
    /// With dashes.
    Uuid,
}

/// In an order in which every row finds the rows it refers to, but for keys that were rotated to others.
#[rustfmt::skip]
pub(crate) const TABLES: &[Table] = &[
    table("plans", 1, &[text("name"), json("limits"), time("updated_at")]),
    table("tenants", 1, &[
        text("id"), text("slug"), text("name"), text("status"), text("kind"), text("plan"), time("created_at"),
    ]),
    table("members", 2, &[
        text("tenant_id"), text("user_id"), text("email"), text("role"), time("created_at"),
    ]),
    table("invites", 1, &[
        text("id"), text("tenant_id"), text("email"), text("role"), bytes("token_hash"), time("created_at"),
        time("expires_at"), time("accepted_at"), text("accepted_by"), time("revoked_at"),
    ]),
    table("api_keys", 1, &[
        text("id"), text("tenant_id"), text("prefix"), bytes("hash"), int("pepper_version"), text("scopes"),
        text("name"), time("created_at"), time("expires_at"), time("revoked_at"), time("last_used_at"),
        text("rotated_to"),
    ]),
    table("tenant_deletions", 1, &[
        text("tenant_id"), text("slug"), time("requested_at"), text("requested_by"), json("steps"),
        int("attempts"), text("last_error"), time("finished_at"),
    ]),
    table("backups", 1, &[
        text("id"), text("tenant_id"), time("created_at"), text("reason"), int("schema_version"),
        text("object_key"), int("size_bytes"), text("sha256"), int("plain_bytes"), int("memories"),
        int("ids_handed_out"), text("source_stamp"), time("verified_at"),
    ]),
    table(BACKUP_KEYS, 1, &[
        text("subject"), text("operator_key"), text("wrapped"), time("created_at"), time(DESTROYED_AT),
    ]),
    table("erasures", 2, &[
        text("tenant_id"), int("memory_id"), text("content_hash"), time("requested_at"), text("requested_by"),
        time("done_at"),
    ]),
    table("restores", 1, &[
        text("id"), text("tenant_id"), text("source_tenant_id"), text("backup_id"), time("requested_at"),
        text("requested_by"), text("node"), text("state"), text("error"), json("result"), time("finished_at"),
    ]),
    table("restore_tests", 1, &[
        text("id"), text("run_id"), text("tenant_id"), text("backup_id"), text("status"), json("checks"),
        time("started_at"), time("finished_at"),
    ]),
    table("usage_adjustments", 1, &[
        text("id"), text("tenant_id"), day("day"), int("api_calls"), int("search_queries"),
        int("memories_created"), int("storage_bytes_delta"), text("reason"), text("actor"), time("created_at"),
    ]),
    table("usage_closed_days", 1, &[day("day"), int("events"), time("closed_at")]),
    table("usage_daily", 2, &[
        text("tenant_id"), day("day"), int("requests"), int("api_calls"), int("search_queries"),
        int("memories_created"), int("storage_bytes_delta"),
    ]),
    table("usage_hourly", 2, &[
        text("tenant_id"), time("hour_start"), int("requests"), int("api_calls"), int("search_queries"),
        int("memories_created"), int("storage_bytes_delta"),
    ]),
    table("usage_node_hours", 2, &[
        time("hour_start"), text("node"), int("requests"), int("api_calls"), int("search_queries"),
        int("memories_created"), int("storage_bytes_delta"), int("sent_requests"), int("sent_api_calls"),
        int("sent_search_queries"), int("sent_memories_created"), int("sent_storage_bytes_delta"),
        time("reported_at"),
    ]),
    table("usage_late_events", 1, USAGE_EVENT),
    table("usage_events", 1, USAGE_EVENT),
    table(AUDIT_LOG, 1, &[
        int("id"), time("occurred_at"), text("tenant_id"), text("actor"), text("origin"), text("action"),
        text("target"), json("details"),
    ]),
];

#[rustfmt::skip]
const USAGE_EVENT: &[Column] = &[
    uuid("request_id"), text("tenant_id"), text("workspace"), text("route"), int("status_code"),
    int("api_calls"), int("search_queries"), int("memories_created"), int("storage_bytes_delta"),
    time("occurred_at"),
];

pub(crate) const AUDIT_LOG: &str = "audit_log";
pub(crate) const BACKUP_KEYS: &str = "backup_keys";
const DESTROYED_AT: &str = "destroyed_at";
/// The one table that has rows before anybody does anything.
pub(crate) const SEEDED: &str = "plans";

impl Table {
    /// What is wrong with a row, if anything is: it has these columns and no others.
    pub(crate) fn check(&self, row: &Map<String, Value>) -> Result<(), String> {
        for column in self.columns {
            let value =
                row.get(column.name).ok_or_else(|| format!("the column {} is missing", column.name))?;
            column.check(value)?;
        }
        let known = |name: &String| self.columns.iter().any(|column| column.name == name);
        match row.keys().find(|name| !known(name)) {
            Some(name) => Err(format!("{} has no column {name:?}", self.name)),
            None => Ok(()),
        }
    }

    /// Its key, for an order by it.
    pub(crate) fn key(&self) -> &'static [Column] {
        &self.columns[..self.key_columns]
    }

    /// The names of its columns, as statements list them.
    pub(crate) fn column_names(&self) -> String {
        self.columns.iter().map(|column| column.name).collect::<Vec<_>>().join(", ")
    }
}

/// Which rows of a table an export without living keys has.
pub(crate) fn where_destroyed(table: &Table) -> &'static str {
    if table.name == BACKUP_KEYS { "WHERE destroyed_at IS NOT NULL" } else { "" }
}

impl Column {
    /// What is wrong with a value, if anything is.
    fn check(&self, value: &Value) -> Result<(), String> {
        let fits = match (self.kind, value) {
            (_, Value::Null) | (Kind::Json, _) => true,
            (Kind::Int, value) => value.as_i64().is_some(),
            (Kind::Text, value) => value.is_string(),
            (Kind::Time, value) => parses::<jiff::Timestamp>(value),
            (Kind::Day, value) => parses::<jiff::civil::Date>(value),
            (Kind::Uuid, value) => parses::<uuid::Uuid>(value),
            (Kind::Bytes, value) => value.as_str().is_some_and(|text| hex::decode(text).is_some()),
        };
        if fits { Ok(()) } else { Err(format!("{value} is no value of the column {}", self.name)) }
    }
}

fn parses<T: std::str::FromStr>(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.parse::<T>().is_ok())
}

const fn table(name: &'static str, key_columns: usize, columns: &'static [Column]) -> Table {
    Table { name, key_columns, columns }
}

const fn text(name: &'static str) -> Column {
    Column { name, kind: Kind::Text }
}

const fn int(name: &'static str) -> Column {
    Column { name, kind: Kind::Int }
}

const fn time(name: &'static str) -> Column {
    Column { name, kind: Kind::Time }
}

const fn day(name: &'static str) -> Column {
    Column { name, kind: Kind::Day }
}

const fn json(name: &'static str) -> Column {
    Column { name, kind: Kind::Json }
}

const fn bytes(name: &'static str) -> Column {
    Column { name, kind: Kind::Bytes }
}

const fn uuid(name: &'static str) -> Column {
    Column { name, kind: Kind::Uuid }
}
