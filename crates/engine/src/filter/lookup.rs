//! What the index of facets can tell of a filter: a superset of the memories that pass.

use rusqlite::types::Value as Sql;

use super::{Comparison, Node, Target};
use crate::facet::{self, Compared, Lookup};

/// What finds every memory that passes `node`, and perhaps others; `None` when no index knows.
pub(super) fn of(node: &Node) -> Option<Lookup> {
    match node {
        Node::And(nodes) => {
            let mut known: Vec<_> = nodes.iter().filter_map(of).collect();
            if known.len() > 1 { Some(Lookup::All(known)) } else { known.pop() }
        }
        Node::Or(nodes) => nodes.iter().map(of).collect::<Option<_>>().map(Lookup::Any),
        Node::Not(_) => None,
        Node::Test { target, comparison } => of_test(target, comparison),
    }
}

fn of_test(target: &Target, comparison: &Comparison) -> Option<Lookup> {
    let field = match target {
        Target::Column(field) if facet::COLUMNS.contains(&field.name) => facet::Field::Column(field.name),
        Target::Tags => facet::Field::Tag,
        Target::Metadata(path) => facet::Field::Metadata(path),
        Target::Column(_) | Target::Embedding => return None,
    };
    let of_value = |value: &Sql| {
        let compared = match value {
            Sql::Text(text) => Compared::Text(text),
            Sql::Integer(number) => Compared::Integer(*number),
            Sql::Real(number) => Compared::Real(*number),
            Sql::Null | Sql::Blob(_) => return None,
        };
        Some(Lookup::Term(facet::term(field, compared)))
    };
    match comparison {
        Comparison::Eq(value) => of_value(value),
        Comparison::In(values) if !values.is_empty() => {
            values.iter().map(of_value).collect::<Option<_>>().map(Lookup::Any)
        }
        Comparison::Contains(tag) if *target == Target::Tags => {
            Some(Lookup::Term(facet::term(field, Compared::Text(tag))))
        }
        Comparison::EqBool { value, negated: false } => {
            Some(Lookup::Term(facet::term(field, Compared::Bool(*value))))
        }
        Comparison::In(_)
        | Comparison::Contains(_)
        | Comparison::EqBool { .. }
        | Comparison::Ne(_)
        | Comparison::Less(..)
        | Comparison::NotIn(_)
        | Comparison::Exists(_) => None,
    }
}
