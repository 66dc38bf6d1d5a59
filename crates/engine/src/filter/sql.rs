//! A parsed filter as a condition over the table `memory`; every value is bound, none becomes SQL.

use rusqlite::types::Value as Sql;

use super::{Comparison, MODEL_MARK, Node, Presence, Target};

/// Appends the condition of `node` to `sql` and what its `?` stand for to `values`, in order.
pub(super) fn write_node(node: &Node, sql: &mut String, values: &mut Vec<Sql>) {
    match node {
        Node::And(nodes) => write_list(nodes, " AND ", "1", sql, values),
        Node::Or(nodes) => write_list(nodes, " OR ", "0", sql, values),
        Node::Not(node) => {
            // A comparison with NULL is NULL; negated it must be true, or rows without the field vanish.
            sql.push_str("NOT ifnull(");
            write_node(node, sql, values);
            sql.push_str(", 0)");
        }
        Node::Test { target, comparison } => write_test(target, comparison, sql, values),
    }
}

fn write_list(nodes: &[Node], glue: &str, empty: &str, sql: &mut String, values: &mut Vec<Sql>) {
    sql.push('(');
    for (at, node) in nodes.iter().enumerate() {
        if at > 0 {
            sql.push_str(glue);
        }
        write_node(node, sql, values);
    }
    if nodes.is_empty() {
        sql.push_str(empty);
    }
    sql.push(')');
}

fn write_test(target: &Target, comparison: &Comparison, sql: &mut String, values: &mut Vec<Sql>) {
    match target {
        Target::Column(field) => write_column_test(field.sql, comparison, sql, values),
        Target::Embedding => {
            let state = format!("CASE WHEN memory.model_id IS {MODEL_MARK} THEN 'ready' ELSE 'pending' END");
            write_column_test(&state, comparison, sql, values);
        }
        Target::Tags => write_tags_test(comparison, sql, values),
        Target::Metadata(path) => write_metadata_test(path, comparison, sql, values),
    }
}

fn write_column_test(column: &str, comparison: &Comparison, sql: &mut String, values: &mut Vec<Sql>) {
    match comparison {
        Comparison::Eq(Sql::Null) | Comparison::Exists(Presence::Absent) => {
            sql.push_str(&format!("{column} IS NULL"))
        }
        Comparison::Ne(Sql::Null) | Comparison::Exists(Presence::Present) => {
            sql.push_str(&format!("{column} IS NOT NULL"));
        }
        Comparison::Eq(value) => bind(&format!("{column} = "), value, sql, values),
        Comparison::Ne(value) => bind(&format!("{column} IS NOT "), value, sql, values),
        Comparison::Less(sign, value) => bind(&format!("{column} {sign} "), value, sql, values),
        Comparison::In(list) => bind_list(&format!("{column} IN "), list, sql, values),
        Comparison::NotIn(list) => {
            sql.push_str(&format!("({column} IS NULL OR "));
            bind_list(&format!("{column} NOT IN "), list, sql, values);
            sql.push(')');
        }
        Comparison::Contains(text) => {
            sql.push_str(&format!("instr(lower({column}), lower(?)) > 0"));
            values.push(Sql::Text(text.clone()));
        }
        Comparison::EqBool { .. } => sql.push('0'),
    }
}

/// A memory has many tags, so `eq` and `contains` both ask whether one of them is the value.
fn write_tags_test(comparison: &Comparison, sql: &mut String, values: &mut Vec<Sql>) {
    const ANY: &str = "EXISTS (SELECT 1 FROM json_each(memory.tags) WHERE value ";
    match comparison {
        Comparison::Eq(Sql::Null) | Comparison::Exists(Presence::Absent) => {
            sql.push_str("memory.tags = '[]'")
        }
        Comparison::Ne(Sql::Null) | Comparison::Exists(Presence::Present) => {
            sql.push_str("memory.tags <> '[]'")
        }
        Comparison::Eq(value) => {
            bind(&format!("{ANY}= "), value, sql, values);
            sql.push(')');
        }
        Comparison::Ne(value) => {
            bind(&format!("NOT {ANY}= "), value, sql, values);
            sql.push(')');
        }
        Comparison::Contains(text) => {
            bind(&format!("{ANY}= "), &Sql::Text(text.clone()), sql, values);
            sql.push(')');
        }
        Comparison::In(list) => {
            bind_list(&format!("{ANY}IN "), list, sql, values);
            sql.push(')');
        }
        Comparison::NotIn(list) => {
            bind_list(&format!("NOT {ANY}IN "), list, sql, values);
            sql.push(')');
        }
        Comparison::Less(..) | Comparison::EqBool { .. } => sql.push('0'),
    }
}

/// JSON compares within a type only: the number 1, the text "1" and `true` are three values.
fn write_metadata_test(path: &str, comparison: &Comparison, sql: &mut String, values: &mut Vec<Sql>) {
    let path = Sql::Text(path.to_owned());
    let mut typed = |sign: &str, value: &Sql, sql: &mut String| {
        let types = match value {
            Sql::Text(_) => "('text')",
            Sql::Null | Sql::Integer(_) | Sql::Real(_) | Sql::Blob(_) => "('integer', 'real')",
        };
        sql.push_str(&format!(
            "(json_type(memory.metadata, ?) IN {types} AND json_extract(memory.metadata, ?) {sign} ?)"
        ));
        values.extend([path.clone(), path.clone(), value.clone()]);
    };
    match comparison {
        Comparison::Eq(Sql::Null) => {
            sql.push_str("ifnull(json_type(memory.metadata, ?), 'null') = 'null'");
            values.push(path);
        }
        Comparison::Ne(Sql::Null) => {
            sql.push_str("ifnull(json_type(memory.metadata, ?), 'null') <> 'null'");
            values.push(path);
        }
        Comparison::Exists(presence) => {
            let test = if *presence == Presence::Present { "IS NOT NULL" } else { "IS NULL" };
            sql.push_str(&format!("json_type(memory.metadata, ?) {test}"));
            values.push(path);
        }
        Comparison::EqBool { value, negated } => {
            let not = if *negated { "IS NOT" } else { "IS" };
            sql.push_str(&format!("json_type(memory.metadata, ?) {not} '{value}'"));
            values.push(path);
        }
        Comparison::Eq(value) => typed("=", value, sql),
        Comparison::Less(sign, value) => typed(sign, value, sql),
        Comparison::Ne(value) => {
            sql.push_str("NOT ifnull(");
            typed("=", value, sql);
            sql.push_str(", 0)");
        }
        Comparison::In(list) | Comparison::NotIn(list) => {
            let negated = matches!(comparison, Comparison::NotIn(_));
            sql.push_str(if negated { "NOT ifnull((" } else { "((" });
            for (at, value) in list.iter().enumerate() {
                if at > 0 {
                    sql.push_str(" OR ");
                }
                typed("=", value, sql);
            }
            if list.is_empty() {
                sql.push('0');
            }
            sql.push_str(if negated { "), 0)" } else { "))" });
        }
        Comparison::Contains(text) => {
            // An array holds the value, or a text holds the piece.
            sql.push_str(
                "CASE json_type(memory.metadata, ?) \
                 WHEN 'array' THEN EXISTS (SELECT 1 FROM json_each(memory.metadata, ?) WHERE value = ?) \
                 WHEN 'text' THEN instr(lower(json_extract(memory.metadata, ?)), lower(?)) > 0 ELSE 0 END",
            );
            let text = Sql::Text(text.clone());
            values.extend([path.clone(), path.clone(), text.clone(), path, text]);
        }
    }
}

fn bind(before: &str, value: &Sql, sql: &mut String, values: &mut Vec<Sql>) {
    sql.push_str(before);
    sql.push('?');
    values.push(value.clone());
}

fn bind_list(before: &str, list: &[Sql], sql: &mut String, values: &mut Vec<Sql>) {
    sql.push_str(before);
    sql.push('(');
    sql.push_str(&vec!["?"; list.len()].join(", "));
    sql.push(')');
    values.extend_from_slice(list);
}
