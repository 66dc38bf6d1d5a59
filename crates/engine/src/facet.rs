//! What a filter can look up: every value of a memory's fields, tags and metadata as a term of an index of its own.
//!
//! A look-up finds every memory that passes the filter and perhaps others: terms are short digests, and not every condition
//! has one. Whoever looks up asks the filter itself of what was found.

use serde_json::Value;

use crate::memory::Memory;

/// Values of one memory that have a term; one with more has [`CROWDED`] instead, which every look-up finds.
const TERMS_MAX: usize = 128;
/// The term of memories with too many values.
const CROWDED: &str = "crowded";
/// Terms of one look-up: beyond this it is no shorter way.
const LOOKUP_TERMS_MAX: usize = 256;

/// Which memories can pass a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// Those with this term.
    Term(String),
    /// Those that each of these finds.
    All(Vec<Lookup>),
    /// Those that one of these finds.
    Any(Vec<Lookup>),
}

/// The field whose value a term stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field<'a> {
    /// A column, by the name filters have for it.
    Column(&'a str),
    /// One of the tags.
    Tag,
    /// A path of the metadata, as [`path_of`] writes it.
    Metadata(&'a str),
}

/// A value as filters compare it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Compared<'a> {
    Text(&'a str),
    Integer(i64),
    Real(f64),
    Bool(bool),
}

/// The columns that have terms, in the order of [`terms`].
pub(crate) const COLUMNS: [&str; 7] =
    ["workspace", "kind", "user_id", "agent_id", "session_id", "actor", "tier"];

/// The terms of a memory, separated by blanks.
pub(crate) fn terms(memory: &Memory) -> String {
    let columns = [
        Some(memory.workspace.as_str()),
        Some(memory.kind.as_str()),
        memory.user_id.as_deref(),
        memory.agent_id.as_deref(),
        memory.session_id.as_deref(),
        memory.actor.as_deref(),
        Some(memory.tier.as_str()),
    ];
    let of_columns = COLUMNS.into_iter().zip(columns);
    let of_columns =
        of_columns.filter_map(|(name, text)| Some(term(Field::Column(name), Compared::Text(text?))));
    let mut terms: Vec<String> = of_columns.collect();
    terms.extend(memory.tags.iter().map(|tag| term(Field::Tag, Compared::Text(tag))));
    let mut path = String::from("$");
    for (key, value) in &memory.metadata {
        add_leaves(key, value, &mut path, &mut terms);
    }
    if terms.len() > TERMS_MAX {
        return CROWDED.to_owned();
    }
    terms.sort_unstable();
    terms.dedup();
    terms.join(" ")
}

fn add_leaves(key: &str, value: &Value, path: &mut String, terms: &mut Vec<String>) {
    let before = path.len();
    push_key(path, key);
    let compared = match value {
        Value::String(text) => Some(Compared::Text(text)),
        Value::Bool(value) => Some(Compared::Bool(*value)),
        Value::Number(number) => {
            number.as_i64().map(Compared::Integer).or_else(|| number.as_f64().map(Compared::Real))
        }
        Value::Object(inner) => {
            for (key, value) in inner {
                add_leaves(key, value, path, terms);
            }
            None
        }
        // No condition that has a term looks into an array or for null.
        Value::Array(_) | Value::Null => None,
    };
    if let Some(compared) = compared {
        terms.push(term(Field::Metadata(path), compared));
    }
    path.truncate(before);
}

/// A path of the metadata by its keys: `$."outer"."inner"`.
pub(crate) fn path_of<'k>(keys: impl IntoIterator<Item = &'k str>) -> String {
    let mut path = String::from("$");
    for key in keys {
        push_key(&mut path, key);
    }
    path
}

fn push_key(path: &mut String, key: &str) {
    path.push_str(".\"");
    path.push_str(key);
    path.push('"');
}

/// Twelve hexadecimal digits for a value of a field. Numbers that are equal have one term, however they are written.
pub(crate) fn term(field: Field<'_>, value: Compared<'_>) -> String {
    let mut hash = blake3::Hasher::new();
    let (kind, name) = match field {
        Field::Column(name) => (b'c', name),
        Field::Tag => (b't', ""),
        Field::Metadata(path) => (b'm', path),
    };
    hash.update(&[kind]).update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes());
    match value {
        Compared::Text(text) => hash.update(b"t").update(text.as_bytes()),
        Compared::Bool(value) => hash.update(&[b'b', u8::from(value)]),
        Compared::Real(number) => real(&mut hash, number),
        Compared::Integer(number) => match number as f64 {
            float if float as i128 == i128::from(number) => real(&mut hash, float),
            // No float is equal to it.
            _ => hash.update(b"i").update(&number.to_le_bytes()),
        },
    };
    hash.finalize().to_hex()[..12].to_owned()
}

fn real(hash: &mut blake3::Hasher, number: f64) -> &mut blake3::Hasher {
    // Both zeros are one number.
    hash.update(b"n").update(&(number + 0.0).to_bits().to_le_bytes())
}

impl Lookup {
    /// The look-up as a query of the index; `None` when it has too many terms to be worth it.
    pub(crate) fn to_query(&self) -> Option<String> {
        if self.count() > LOOKUP_TERMS_MAX {
            return None;
        }
        let mut query = String::new();
        self.write(&mut query);
        Some(format!("({query}) OR {CROWDED}"))
    }

    fn count(&self) -> usize {
        match self {
            Self::Term(_) => 1,
            Self::All(lookups) | Self::Any(lookups) => lookups.iter().map(Self::count).sum(),
        }
    }

    fn write(&self, query: &mut String) {
        let (lookups, glue) = match self {
            Self::Term(term) => return query.push_str(&format!("\"{term}\"")),
            Self::All(lookups) => (lookups, " AND "),
            Self::Any(lookups) => (lookups, " OR "),
        };
        query.push('(');
        for (at, lookup) in lookups.iter().enumerate() {
            if at > 0 {
                query.push_str(glue);
            }
            lookup.write(query);
        }
        query.push(')');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_numbers_have_one_term_and_different_values_different_ones() {
        let of = |value| term(Field::Metadata("$.\"n\""), value);
        assert_eq!(of(Compared::Integer(1)), of(Compared::Real(1.0)));
        assert_eq!(of(Compared::Real(0.0)), of(Compared::Real(-0.0)));
        assert_eq!(of(Compared::Integer(1 << 53)), of(Compared::Real((1_u64 << 53) as f64)));
        let different = [
            of(Compared::Integer(1)),
            of(Compared::Integer((1 << 53) + 1)),
            of(Compared::Integer(1 << 53)),
            of(Compared::Integer(i64::MAX)),
            of(Compared::Real(i64::MAX as f64)),
            of(Compared::Text("1")),
            of(Compared::Bool(true)),
            term(Field::Tag, Compared::Text("1")),
            term(Field::Column("kind"), Compared::Text("1")),
        ];
        let distinct: std::collections::HashSet<_> = different.iter().collect();
        assert_eq!(distinct.len(), different.len());
    }

    #[test]
    fn a_lookup_is_a_query_that_finds_crowded_memories_too() {
        let term = |text: &str| Lookup::Term(text.to_owned());
        let lookup = Lookup::All(vec![term("a"), Lookup::Any(vec![term("b"), term("c")])]);
        assert_eq!(lookup.to_query().unwrap(), "((\"a\" AND (\"b\" OR \"c\"))) OR crowded");
        let long = Lookup::Any((0..=LOOKUP_TERMS_MAX).map(|n| term(&n.to_string())).collect());
        assert_eq!(long.to_query(), None);
    }
}
