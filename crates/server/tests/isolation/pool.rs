//! What a tenant's own answers told of it, by what it is: ids, cursors, names to try at other doors.

use std::collections::BTreeMap;

use serde_json::Value;

/// Values remembered of one kind; the newest stay.
const VALUES_MAX: usize = 64;
/// Fields that are never sent by anybody else, so that one of their words in an answer is proof.
const TREASURES: &[&str] = &["content", "metadata", "name", "key", "prefix", "message", "detail", "error"];
/// Fields whose values are found under another noun or name than their own.
const ALIASES: &[(&str, &str, &str)] = &[
    ("workspace", "workspaces", "name"),
    ("tenant", "tenants", "slug"),
    ("slug", "tenants", "slug"),
    ("plan", "plans", "name"),
    ("tag", "memories", "tags"),
    ("superseded_by", "memories", "id"),
    ("to_version", "memories", "version"),
    ("cursor", "memories", "next_cursor"),
];

/// Values by noun and field.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pool {
    values: BTreeMap<(String, String), Vec<Value>>,
    kept_out: Vec<Value>,
}

impl Pool {
    /// A value that no request may use, such as the id of the key that makes the requests.
    pub(crate) fn keep_out(&mut self, value: impl Into<Value>) {
        let value = value.into();
        for values in self.values.values_mut() {
            values.retain(|known| *known != value);
        }
        self.kept_out.push(value);
    }

    pub(crate) fn add(&mut self, noun: &str, field: &str, value: Value) {
        if self.kept_out.contains(&value) {
            return;
        }
        let values = self.values.entry((noun.to_owned(), field.to_owned())).or_default();
        if values.contains(&value) {
            return;
        }
        if values.len() == VALUES_MAX {
            values.remove(0);
        }
        values.push(value);
    }

    /// Everything in an answer about `noun` that may be tried elsewhere.
    pub(crate) fn harvest(&mut self, noun: &str, answer: &Value) {
        match answer {
            Value::Object(fields) => {
                for (field, value) in fields {
                    let is_name = noun == "workspaces" && field == "name";
                    if TREASURES.contains(&field.as_str()) && !is_name {
                        continue;
                    }
                    match value {
                        Value::String(_) | Value::Number(_) => self.add(noun, field, value.clone()),
                        Value::Array(items) if items.iter().all(Value::is_string) => {
                            items.iter().for_each(|item| self.add(noun, field, item.clone()));
                        }
                        Value::Array(items) => items.iter().for_each(|item| self.harvest(noun, item)),
                        Value::Object(_) => self.harvest(&plural(field), value),
                        Value::Null | Value::Bool(_) => {}
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.harvest(noun, item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// Values for a field of a request about `noun`.
    pub(crate) fn of(&self, noun: &str, field: &str) -> &[Value] {
        let at = |noun: &str, field: &str| self.values.get(&(noun.to_owned(), field.to_owned()));
        let alias = || {
            let (_, noun, field) = ALIASES.iter().find(|(name, ..)| *name == field)?;
            at(noun, field)
        };
        at(noun, field).or_else(alias).or_else(|| self.anywhere(field)).map_or(&[], Vec::as_slice)
    }

    /// `id` means something else in every noun; other names do not.
    fn anywhere(&self, field: &str) -> Option<&Vec<Value>> {
        if field == "id" {
            return None;
        }
        self.values.iter().find(|((_, name), _)| name == field).map(|(_, values)| values)
    }
}

/// The noun that a single thing's name belongs to.
pub(crate) fn plural(name: &str) -> String {
    match name.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if name.ends_with('s') => name.to_owned(),
        None => format!("{name}s"),
    }
}
