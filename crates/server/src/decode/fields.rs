//! Reads the fields of a JSON object one by one, and keeps every problem on the way.

use engine::{Change, Problem};
use serde_json::{Map, Value};

use super::values::kind_of;

/// Everything that is wrong with a request.
pub type Problems = Vec<Problem>;

/// Most problems that are told of one request; it has to be mended anyway.
const PROBLEMS_MAX: usize = 2_000;
/// Most characters of an unknown field's name that are repeated.
const NAME_CHARS_SHOWN: usize = 64;

/// How values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A JSON body: numbers are numbers.
    Json,
    /// A query string: everything is text, and `10` is a number.
    Query,
}

/// The fields of one object. Values are moved out, and what is left at the end is a problem.
#[derive(Debug)]
pub struct Fields<'p> {
    object: Map<String, Value>,
    form: Form,
    parent: Parent,
    known: Vec<&'static str>,
    problems: &'p mut Problems,
}

#[derive(Debug, Clone, Copy)]
enum Parent {
    Root,
    Row { list: &'static str, index: usize },
}

impl<'p> Fields<'p> {
    /// The fields of a whole request; `None`, and a problem, when it is no object.
    pub fn of(value: Value, form: Form, problems: &'p mut Problems) -> Option<Self> {
        Self::new(value, form, Parent::Root, problems)
    }

    /// The fields of one row of a list in the request.
    pub fn of_row(
        value: Value,
        list: &'static str,
        index: usize,
        problems: &'p mut Problems,
    ) -> Option<Self> {
        Self::new(value, Form::Json, Parent::Row { list, index }, problems)
    }

    fn new(value: Value, form: Form, parent: Parent, problems: &'p mut Problems) -> Option<Self> {
        match value {
            Value::Object(object) => {
                Some(Self { object, form, parent, known: Vec::with_capacity(20), problems })
            }
            other => {
                let name = if matches!(parent, Parent::Root) { "body" } else { "" };
                let message = format!("must be an object, got {}", kind_of(&other));
                problems.push(parent.place(Problem::new(name, message)));
                None
            }
        }
    }

    /// The field, if it is there and not `null`. A value of the wrong kind is a problem, and `None`.
    pub fn get<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Value, Form) -> Result<T, Problems>,
    ) -> Option<T> {
        match self.take(name)? {
            Value::Null => None,
            value => self.keep(name, read(value, self.form)),
        }
    }

    /// The field, which must be there.
    pub fn need<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Value, Form) -> Result<T, Problems>,
    ) -> Option<T> {
        match self.take(name) {
            None => {
                self.refuse(name, "is required");
                None
            }
            Some(value) => self.keep(name, read(value, self.form)),
        }
    }

    /// The field as a change: absent keeps, `null` clears.
    pub fn change<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Value, Form) -> Result<T, Problems>,
    ) -> Change<T> {
        match self.take(name) {
            None => Change::Keep,
            Some(Value::Null) => Change::Clear,
            Some(value) => self.keep(name, read(value, self.form)).map_or(Change::Keep, Change::Set),
        }
    }

    /// Adds a problem of one field.
    pub fn refuse(&mut self, name: &str, message: impl Into<String>) {
        self.problems.push(self.parent.place(Problem::new(name, message)));
    }

    /// Adds problems that somebody else found in this object; the first problem of a field is enough.
    pub fn refuse_all(&mut self, found: Problems) {
        for problem in found {
            let problem = self.parent.place(problem);
            if !self.problems.iter().any(|known| known.field == problem.field) {
                self.problems.push(problem);
            }
        }
    }

    /// Whether anything is wrong so far, here or in what was read before.
    pub fn is_flawed(&self) -> bool {
        !self.problems.is_empty()
    }

    /// Whatever nobody asked for is a problem.
    pub fn finish(self) {
        self.finish_with(Problems::new);
    }

    /// The same, and if anything is wrong in the request so far, `rules` are looked at too: somebody else would
    /// tell them later, but problems are told together.
    pub fn finish_with(mut self, rules: impl FnOnce() -> Problems) {
        let left = std::mem::take(&mut self.object);
        for (at, name) in left.keys().enumerate() {
            if self.problems.len() >= PROBLEMS_MAX {
                break;
            }
            let message = match nearest(name, &self.known) {
                Some(known) => format!("is not a known field; did you mean {known}?"),
                None if at == 0 => format!("is not a known field; there are {}", self.known.join(", ")),
                None => "is not a known field".to_owned(),
            };
            let shown: String = name.chars().take(NAME_CHARS_SHOWN).collect();
            self.problems.push(self.parent.place(Problem::new(shown, message)));
        }
        if self.is_flawed() {
            self.refuse_all(rules());
        }
    }

    fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.object.remove(name)
    }

    fn keep<T>(&mut self, name: &'static str, read: Result<T, Problems>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(found) => {
                let parent = self.parent;
                let room = PROBLEMS_MAX.saturating_sub(self.problems.len()).max(1);
                let found = found.into_iter().take(room).collect::<Problems>();
                self.problems.extend(found.into_iter().map(|problem| parent.place(problem.within(name))));
                None
            }
        }
    }
}

impl Parent {
    fn place(self, problem: Problem) -> Problem {
        match self {
            Self::Root => problem,
            Self::Row { list, index } => problem.within(&format!("[{index}]")).within(list),
        }
    }
}

/// The known name that a mistyped one stands for: one letter too many, too few or another, or two swapped.
fn nearest(name: &str, known: &[&'static str]) -> Option<&'static str> {
    fn is_near(a: &[u8], b: &[u8]) -> bool {
        let same = a.iter().zip(b).take_while(|(x, y)| x == y).count();
        let (a, b) = (&a[same..], &b[same..]);
        match (a, b) {
            ([], rest) | (rest, []) => rest.len() <= 1,
            ([x, ..], [y, ..]) => {
                a[1..] == b[1..]
                    || a[1..] == *b
                    || *a == b[1..]
                    || (a.len() > 1 && b.len() > 1 && (*x, a[1]) == (b[1], *y) && a[2..] == b[2..])
            }
        }
    }
    let name = name.to_ascii_lowercase();
    known.iter().copied().find(|known| is_near(name.as_bytes(), known.as_bytes()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::values::{boolean, integer, number, text, texts, time};
    use super::*;

    fn check(value: Value, form: Form, wanted: &[&str]) {
        let mut problems = Problems::new();
        if let Some(mut fields) = Fields::of(value, form, &mut problems) {
            fields.need("query", text);
            fields.get("limit", integer(1, 100));
            fields.get("when", time);
            fields.get("explain", boolean);
            fields.get("tags", texts);
            fields.get("score", number);
            fields.finish();
        }
        let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(told, wanted);
    }

    #[test]
    fn every_problem_is_kept_with_its_place() {
        check(
            json!({"query": "x", "limit": 10, "tags": ["a"], "score": 1, "when": "2026-01-01T00:00:00+02:00"}),
            Form::Json,
            &[],
        );
        check(
            json!({"limit": "10", "when": "soon", "explain": 1, "tags": ["a", 2], "extra": 1}),
            Form::Json,
            &[
                "query is required",
                "limit must be an integer between 1 and 100, got a string",
                "when must be an RFC 3339 time such as 2026-11-24T10:00:00Z",
                "explain must be true or false, got a number",
                "tags[1] must be a string, got a number",
                "extra is not a known field; there are query, limit, when, explain, tags, score",
            ],
        );
        check(
            json!({"query": null, "limit": 101, "score": null}),
            Form::Json,
            &["query must be a string, got null", "limit must be an integer between 1 and 100, got 101"],
        );
        check(
            json!({"query": "x", "limit": 1.5}),
            Form::Json,
            &["limit must be an integer between 1 and 100, got a number"],
        );
        check(json!([1]), Form::Json, &["body must be an object, got an array"]);
    }

    #[test]
    fn a_mistyped_name_is_recognised() {
        let known = ["content", "tags", "user_id"];
        for (name, want) in [
            ("contnt", Some("content")),
            ("Content", Some("content")),
            ("contents", Some("content")),
            ("tag", Some("tags")),
            ("usre_id", Some("user_id")),
            ("userid", Some("user_id")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, &known), want, "{name}");
        }
    }

    #[test]
    fn a_query_string_may_write_numbers_as_text() {
        check(json!({"query": "x", "limit": "10", "explain": "true", "score": "0.5"}), Form::Query, &[]);
        check(
            json!({"query": "x", "limit": "ten", "explain": "yes", "score": "NaN"}),
            Form::Query,
            &[
                "limit must be an integer between 1 and 100, got a string",
                "explain must be true or false, got a string",
                "score must be a number, got a string",
            ],
        );
    }
}
