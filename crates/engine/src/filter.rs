//! The filter language: `and`, `or`, `not` over fields of a memory and paths of its metadata, parsed whole
//! (every mistake is reported) and compiled to SQL with bound values.

mod lookup;
mod sql;

use jiff::Timestamp;
use rusqlite::types::Value as Sql;
#[cfg(test)]
use serde_json::Map;
use serde_json::Value;

use crate::error::Problem;
use crate::facet::{self, Lookup};

/// Deepest nesting of `and`, `or`, `not`.
const DEPTH_MAX: usize = 8;
/// Most conditions in one filter; each becomes a piece of one SQL statement.
const CONDITIONS_MAX: usize = 100;
/// Most values of `in` and `nin`.
const VALUES_MAX: usize = 200;
/// Deepest `metadata.a.b.c`.
const PATH_SEGMENTS_MAX: usize = 16;

/// A condition on memories.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter(Node);

#[derive(Debug, Clone, PartialEq)]
enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Test { target: Target, comparison: Comparison },
}

/// What a condition looks at.
#[derive(Debug, Clone, PartialEq)]
enum Target {
    Column(&'static Field),
    Tags,
    Embedding,
    /// A JSON path such as `$."a"."b"`.
    Metadata(String),
}

#[derive(Debug, Clone, PartialEq)]
enum Comparison {
    Eq(Sql),
    Ne(Sql),
    Less(&'static str, Sql),
    In(Vec<Sql>),
    NotIn(Vec<Sql>),
    Contains(String),
    Exists(Presence),
    /// Metadata only: JSON `true` and `false` are not 1 and 0.
    EqBool {
        value: bool,
        negated: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Present,
    Absent,
}

/// A field of a memory that is a column, possibly of another table.
#[derive(Debug, PartialEq)]
struct Field {
    name: &'static str,
    sql: &'static str,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Integer,
    Number,
    Text,
    Time,
    Workspace,
    /// One of a few words.
    Word(&'static [&'static str]),
}

/// Stands for the model in use until the statement is made.
const MODEL_MARK: &str = "$MODEL";

const WORKSPACE_SQL: &str = "(SELECT name FROM workspace WHERE id = memory.workspace_id)";

/// Every field there is, beside `tags`, `embedding` and `metadata.<path>`.
static FIELDS: &[Field] = &[
    Field { name: "id", sql: "memory.id", kind: Kind::Integer },
    Field { name: "content", sql: "memory.content", kind: Kind::Text },
    Field { name: "kind", sql: "memory.kind", kind: Kind::Text },
    Field { name: "importance", sql: "memory.importance", kind: Kind::Number },
    Field { name: "workspace", sql: WORKSPACE_SQL, kind: Kind::Workspace },
    Field { name: "user_id", sql: "memory.user_id", kind: Kind::Text },
    Field { name: "agent_id", sql: "memory.agent_id", kind: Kind::Text },
    Field { name: "session_id", sql: "memory.session_id", kind: Kind::Text },
    Field { name: "actor", sql: "memory.actor", kind: Kind::Text },
    Field { name: "tier", sql: "memory.tier", kind: Kind::Word(&["permanent", "daily"]) },
    Field { name: "expires_at", sql: "memory.expires_at", kind: Kind::Time },
    Field { name: "event_time", sql: "memory.event_time", kind: Kind::Time },
    Field { name: "valid_from", sql: "memory.valid_from", kind: Kind::Time },
    Field { name: "valid_to", sql: "memory.valid_to", kind: Kind::Time },
    Field { name: "superseded_by", sql: "memory.superseded_by", kind: Kind::Integer },
    Field { name: "custom_id", sql: "memory.custom_id", kind: Kind::Text },
    Field { name: "version", sql: "memory.version", kind: Kind::Integer },
    Field { name: "created_at", sql: "memory.created_at", kind: Kind::Time },
    Field { name: "updated_at", sql: "memory.updated_at", kind: Kind::Time },
];

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// Every unknown field, unknown operator, wrong type and bound that is passed, each with its place
    /// (`importance.gte`, `and[1].user_id`).
    pub fn parse(value: &Value) -> Result<Self, Vec<Problem>> {
        let mut parser = Parser { problems: Vec::new(), conditions: 0 };
        let node = parser.node(value, "", DEPTH_MAX);
        match node {
            Some(node) if parser.problems.is_empty() => Ok(Self(node)),
            _ => Err(parser.problems),
        }
    }

    /// A condition for a `WHERE` over `memory`, and the values of its `?`, in order. `model` is the row of
    /// the model in use, which decides whether an embedding is `ready`.
    pub(crate) fn to_sql(&self, model: Option<i64>) -> (String, Vec<Sql>) {
        let (mut condition, mut values) = (String::new(), Vec::new());
        sql::write_node(&self.0, &mut condition, &mut values);
        // No text of a caller is ever part of `condition`, so the mark is ours.
        let model = model.map_or_else(|| "-1".to_owned(), |id| id.to_string());
        (condition.replace(MODEL_MARK, &model), values)
    }

    /// Finds every memory that passes, and perhaps others; `None` when no index knows.
    pub(crate) fn lookup(&self) -> Option<Lookup> {
        lookup::of(&self.0)
    }
}

struct Parser {
    problems: Vec<Problem>,
    conditions: usize,
}

impl Parser {
    fn refuse<T>(&mut self, path: &str, message: impl Into<String>) -> Option<T> {
        self.problems.push(Problem::new(path, message));
        None
    }

    fn node(&mut self, value: &Value, path: &str, depth: usize) -> Option<Node> {
        let Value::Object(object) = value else {
            return self.refuse(path, format!("must be an object, got {}", kind_of(value)));
        };
        if depth == 0 {
            return self.refuse(path, format!("is nested deeper than {DEPTH_MAX} levels"));
        }
        let mut nodes = Vec::with_capacity(object.len());
        for (key, value) in object {
            let path = joined(path, key);
            let node = match key.as_str() {
                "and" => self.list(value, &path, depth).map(Node::And),
                "or" => self.list(value, &path, depth).map(Node::Or),
                "not" => self.node(value, &path, depth - 1).map(|node| Node::Not(Box::new(node))),
                _ => self.field(key, value, &path),
            };
            nodes.extend(node);
        }
        Some(if nodes.len() == 1 { nodes.swap_remove(0) } else { Node::And(nodes) })
    }

    fn list(&mut self, value: &Value, path: &str, depth: usize) -> Option<Vec<Node>> {
        match value {
            Value::Array(items) if !items.is_empty() => {
                let nodes = items.iter().enumerate();
                Some(
                    nodes
                        .filter_map(|(at, item)| self.node(item, &format!("{path}[{at}]"), depth - 1))
                        .collect(),
                )
            }
            _ => self.refuse(path, "must be a non-empty array of filters"),
        }
    }

    fn field(&mut self, name: &str, value: &Value, path: &str) -> Option<Node> {
        let target = self.target(name, path)?;
        let Value::Object(tests) = value else {
            return self.test(&target, "eq", value, path);
        };
        if tests.is_empty() {
            return self.refuse(path, "needs a value or an operator such as {\"eq\": ..}");
        }
        let nodes: Vec<_> = tests
            .iter()
            .filter_map(|(operator, value)| self.test(&target, operator, value, &joined(path, operator)))
            .collect();
        Some(Node::And(nodes))
    }

    fn target(&mut self, name: &str, path: &str) -> Option<Target> {
        if name == "tags" {
            return Some(Target::Tags);
        }
        if name == "embedding" {
            return Some(Target::Embedding);
        }
        if let Some(keys) = name.strip_prefix("metadata.") {
            let segments: Vec<_> = keys.split('.').collect();
            let sound = segments.iter().all(|s| !s.is_empty() && !s.contains(['"', '\\', '\0']));
            if !sound || segments.len() > PATH_SEGMENTS_MAX {
                return self.refuse(path, "is no path: write metadata.key or metadata.outer.inner");
            }
            return Some(Target::Metadata(facet::path_of(segments)));
        }
        match FIELDS.iter().find(|field| field.name == name) {
            Some(field) => Some(Target::Column(field)),
            None => {
                let names: Vec<_> = FIELDS.iter().map(|field| field.name).collect();
                let known = names.join(", ");
                self.refuse(
                    path,
                    format!("is no field; there are {known}, tags, embedding, metadata.<path>, and, or, not"),
                )
            }
        }
    }

    fn test(&mut self, target: &Target, operator: &str, value: &Value, path: &str) -> Option<Node> {
        self.conditions += 1;
        if self.conditions > CONDITIONS_MAX {
            if self.conditions == CONDITIONS_MAX + 1 {
                self.problems.push(Problem::new("", format!("has more than {CONDITIONS_MAX} conditions")));
            }
            return None;
        }
        let comparison = match operator {
            "eq" | "ne" => self.equality(target, operator == "ne", value, path)?,
            "gt" | "gte" | "lt" | "lte" => {
                let sign = match operator {
                    "gt" => ">",
                    "gte" => ">=",
                    "lt" => "<",
                    _ => "<=",
                };
                if matches!(target, Target::Tags | Target::Embedding) {
                    return self.refuse(path, "has no order");
                }
                Comparison::Less(sign, self.scalar(target, value, path, Nulls::Refused)?)
            }
            "in" | "nin" => {
                let values = self.values(target, value, path)?;
                if operator == "in" { Comparison::In(values) } else { Comparison::NotIn(values) }
            }
            "contains" => match (target, value) {
                (Target::Column(Field { kind: Kind::Text | Kind::Workspace, .. }), Value::String(text))
                | (Target::Tags | Target::Metadata(_), Value::String(text)) => {
                    Comparison::Contains(text.clone())
                }
                (Target::Column(_) | Target::Embedding, Value::String(_)) => {
                    return self.refuse(path, "works on text, tags and metadata");
                }
                _ => return self.refuse(path, format!("must be a string, got {}", kind_of(value))),
            },
            "exists" => match value {
                Value::Bool(true) => Comparison::Exists(Presence::Present),
                Value::Bool(false) => Comparison::Exists(Presence::Absent),
                _ => return self.refuse(path, format!("must be true or false, got {}", kind_of(value))),
            },
            _ => {
                let known = "eq, ne, gt, gte, lt, lte, in, nin, contains, exists";
                return self.refuse(path, format!("is no operator; there are {known}"));
            }
        };
        Some(Node::Test { target: target.clone(), comparison })
    }

    fn equality(&mut self, target: &Target, negated: bool, value: &Value, path: &str) -> Option<Comparison> {
        if let (Target::Metadata(_), Value::Bool(value)) = (target, value) {
            return Some(Comparison::EqBool { value: *value, negated });
        }
        let value = self.scalar(target, value, path, Nulls::Allowed)?;
        Some(if negated { Comparison::Ne(value) } else { Comparison::Eq(value) })
    }

    fn values(&mut self, target: &Target, value: &Value, path: &str) -> Option<Vec<Sql>> {
        let Value::Array(items) = value else {
            return self.refuse(path, format!("must be an array, got {}", kind_of(value)));
        };
        if items.len() > VALUES_MAX {
            return self
                .refuse(path, format!("has {} values, at most {VALUES_MAX} are allowed", items.len()));
        }
        let before = self.problems.len();
        let values = items
            .iter()
            .enumerate()
            .filter_map(|(at, item)| self.scalar(target, item, &format!("{path}[{at}]"), Nulls::Refused))
            .collect();
        (self.problems.len() == before).then_some(values)
    }

    fn scalar(&mut self, target: &Target, value: &Value, path: &str, nulls: Nulls) -> Option<Sql> {
        let kind = match target {
            Target::Column(field) => field.kind,
            Target::Tags => Kind::Text,
            Target::Embedding => Kind::Word(&["ready", "pending"]),
            Target::Metadata(_) => {
                return match value {
                    Value::Null if nulls == Nulls::Allowed => Some(Sql::Null),
                    Value::String(text) => Some(Sql::Text(text.clone())),
                    Value::Number(number) => {
                        number.as_i64().map(Sql::Integer).or_else(|| number.as_f64().map(Sql::Real))
                    }
                    Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                        self.refuse(path, format!("must be a string or a number, got {}", kind_of(value)))
                    }
                };
            }
        };
        if value.is_null() && nulls == Nulls::Allowed {
            return Some(Sql::Null);
        }
        match kind {
            Kind::Integer => match value.as_i64() {
                Some(number) => Some(Sql::Integer(number)),
                None => self.refuse(path, format!("must be an integer, got {}", kind_of(value))),
            },
            Kind::Number => match value.as_f64() {
                Some(number) => Some(Sql::Real(number)),
                None => self.refuse(path, format!("must be a number, got {}", kind_of(value))),
            },
            Kind::Text => match value.as_str() {
                Some(text) => Some(Sql::Text(text.to_owned())),
                None => self.refuse(path, format!("must be a string, got {}", kind_of(value))),
            },
            Kind::Workspace => match value.as_str().map(crate::memory::normal_workspace) {
                Some(Some(name)) => Some(Sql::Text(name)),
                Some(None) => self.refuse(path, "must match [a-z0-9._-]{1,64}"),
                None => self.refuse(path, format!("must be a string, got {}", kind_of(value))),
            },
            Kind::Word(words) => match value.as_str().filter(|word| words.contains(word)) {
                Some(word) => Some(Sql::Text(word.to_owned())),
                None => self.refuse(path, format!("must be one of {}", words.join(", "))),
            },
            Kind::Time => match value.as_str().and_then(|text| text.parse::<Timestamp>().ok()) {
                Some(time) => Some(Sql::Integer(time.as_millisecond())),
                None => self.refuse(path, "must be a time such as 2026-11-24T10:00:00Z"),
            },
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nulls {
    Allowed,
    Refused,
}

fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The names of a JSON object's keys, for tests of the grammar.
#[cfg(test)]
fn object(pairs: &[(&str, Value)]) -> Map<String, Value> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(filter: Value, places: &[&str]) {
        let problems = Filter::parse(&filter).err().unwrap_or_default();
        let found: Vec<_> = problems.iter().map(|p| p.field.as_str()).collect();
        assert_eq!(found, places, "{filter}");
    }

    #[test]
    fn good_filters_are_taken() {
        for filter in [
            json!({}),
            json!({"kind": "fact", "importance": {"gte": 0.5, "lt": 1}}),
            json!({"and": [{"or": [{"user_id": "a"}, {"not": {"tags": {"contains": "x"}}}]}, {"id": {"in": [1, 2]}}]}),
            json!({"metadata.a.b c": {"ne": true}, "metadata.n": {"nin": [1, "1"]}, "metadata.z": null}),
            json!({"event_time": {"gt": "2023-05-08T00:00:00Z", "lte": "2024-01-01T00:00:00+02:00"}}),
            json!({"embedding": "pending", "actor": {"exists": false}, "tier": {"ne": "daily"}}),
        ] {
            check(filter, &[]);
        }
    }

    #[test]
    fn every_mistake_is_named_with_its_place() {
        check(json!([]), &[""]);
        check(json!({"colour": 1, "importance": {"above": 1}}), &["colour", "importance.above"]);
        check(json!({"id": "1", "tier": "weekly", "event_time": "soon"}), &["event_time", "id", "tier"]);
        check(json!({"and": {}, "or": []}), &["and", "or"]);
        check(json!({"and": [{"x": 1}, {"kind": {"in": "a"}}]}), &["and[0].x", "and[1].kind.in"]);
        check(
            json!({"metadata.": 1, "metadata.a..b": 1, "metadata.\"": 1}),
            &["metadata.", "metadata.\"", "metadata.a..b"],
        );
        check(
            json!({"tags": {"gt": "a"}, "importance": {"contains": "a"}}),
            &["importance.contains", "tags.gt"],
        );
        check(json!({"kind": {}}), &["kind"]);
        check(json!({"kind": {"in": ["a", 5, null]}}), &["kind.in[1]", "kind.in[2]"]);
    }

    #[test]
    fn depth_and_width_are_bounded() {
        let mut deep = json!({"kind": "a"});
        for _ in 0..50 {
            deep = json!({"not": deep});
        }
        assert_eq!(Filter::parse(&deep).unwrap_err().len(), 1);
        let many: Vec<_> = (0..500).map(|i| json!({"id": i})).collect();
        check(json!({"or": many}), &[""]);
        let values: Vec<_> = (0..500).collect();
        check(json!({"id": {"in": values}}), &["id.in"]);
    }

    #[test]
    fn values_never_become_sql() {
        let evil = "x') OR 1=1 --";
        let filter = object(&[("kind", json!(evil)), ("metadata.a", json!({"contains": evil}))]);
        let (sql, values) = Filter::parse(&Value::Object(filter)).unwrap().to_sql(None);
        assert!(!sql.contains(evil));
        assert_eq!(sql.matches('?').count(), values.len());
    }

    proptest::proptest! {
        #[test]
        fn odd_paths_never_panic(name in "\\PC{0,40}", value in "\\PC{0,20}") {
            let mut filter = Map::new();
            filter.insert(format!("metadata.{name}"), Value::String(value));
            let _ = Filter::parse(&Value::Object(filter)).map(|f| f.to_sql(None));
        }
    }
}
