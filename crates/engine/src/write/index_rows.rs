//! The rows beside a memory's own: postings, words, facts, vector, and the names they refer to by number.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension};

use super::{Analysed, Session, ms};
use crate::error::EngineError;
use crate::facet;
use crate::index::{Fact, IndexChange};
use crate::memory::{Memory, MemoryId};
use crate::typo;
use crate::vector::{Embedded, ModelIdentity, Quantized};

/// Positions in a session stay below this.
pub(super) const POSITION_MAX: u32 = 4_000_000_000;

impl Session<'_> {
    /// Stores the terms of a memory that has its fact; `gone` are those it held before.
    pub(super) fn put_terms(
        &mut self,
        id: MemoryId,
        analysed: &Analysed,
        gone: String,
    ) -> Result<(), EngineError> {
        self.postings.put_terms(id, analysed.terms.clone());
        self.changes.push(terms_change(id, &gone, &analysed.terms));
        for word in &analysed.words {
            if self.words.is_news(word) {
                typo::learn(self.connection, word)?;
            }
        }
        Ok(())
    }

    /// Stores the facts and the facets of a memory that has none.
    pub(super) fn put_fact(
        &mut self,
        memory: &Memory,
        analysed: &Analysed,
        (session, position): (u32, u32),
    ) -> Result<(), EngineError> {
        let actor = match &memory.actor {
            Some(actor) => self.actor_number(actor)?,
            None => 0,
        };
        let fact = Fact {
            tokens: analysed.tokens,
            stated: analysed.stated,
            session,
            position,
            actor,
            at_ms: memory.event_time.unwrap_or(memory.created_at).as_millisecond(),
            expires_ms: ms(memory.expires_at).unwrap_or(i64::MAX),
            importance: memory.importance as f32,
        };
        self.connection
            .prepare_cached(
                "INSERT INTO fact (memory_id, tokens, session, position, actor, at, expires_at, importance, \
                 stated) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute((
                memory.id,
                fact.tokens,
                session,
                position,
                actor,
                fact.at_ms,
                ms(memory.expires_at),
                memory.importance,
                fact.stated,
            ))?;
        self.changes.push(IndexChange::Put { id: memory.id, fact });
        self.postings.put_facets(memory.id, facet::terms(memory));
        Ok(())
    }

    /// Stores the vector of a memory that has none.
    pub(super) fn put_vector(&mut self, id: MemoryId, embedded: &Embedded) -> Result<i64, EngineError> {
        if embedded.values.len() != embedded.model.dimensions {
            let (got, want) = (embedded.values.len(), embedded.model.dimensions);
            return Err(EngineError::Internal(format!("a vector of {got} components instead of {want}")));
        }
        let model_id = self.model_id(&embedded.model)?;
        let vector = Quantized::of(&embedded.values);
        self.connection
            .prepare_cached("INSERT INTO vector (memory_id, model_id, code) VALUES (?, ?, ?)")?
            .execute((id, model_id, vector.to_bytes()))?;
        self.changes.push(IndexChange::Vector { id, model_id, vector: Some(vector) });
        Ok(model_id)
    }

    pub(super) fn remove_vector(&self, id: MemoryId) -> Result<(), EngineError> {
        self.connection.prepare_cached("DELETE FROM vector WHERE memory_id = ?")?.execute([id])?;
        Ok(())
    }

    /// Takes out the facts and the facets of a memory.
    pub(super) fn remove_fact(&mut self, id: MemoryId) -> Result<(), EngineError> {
        self.remove_facets(id)?;
        self.connection.prepare_cached("DELETE FROM fact WHERE memory_id = ?")?.execute([id])?;
        Ok(())
    }

    pub(super) fn drop_vector(&mut self, id: MemoryId, model: Option<i64>) -> Result<(), EngineError> {
        self.remove_vector(id)?;
        if let Some(model_id) = model {
            self.changes.push(IndexChange::Vector { id, model_id, vector: None });
        }
        Ok(())
    }

    /// The session's number and where a memory of `tokens` words starts in it.
    pub(super) fn place_in_session(
        &self,
        workspace_id: i64,
        session: Option<&str>,
        tokens: u32,
    ) -> Result<(u32, u32), EngineError> {
        let Some(session) = session else { return Ok((0, 0)) };
        // Two statements: one that does it all (ON CONFLICT ... RETURNING) keeps a journal to take itself back.
        let known: Option<(u32, u32)> = self
            .connection
            .prepare_cached("SELECT id, end_position FROM session WHERE workspace_id = ? AND name = ?")?
            .query_row((workspace_id, session), |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        match known {
            Some((number, start)) => {
                let end = start.saturating_add(tokens).min(POSITION_MAX);
                self.connection
                    .prepare_cached("UPDATE session SET end_position = ? WHERE id = ?")?
                    .execute((end, number))?;
                Ok((number, end.saturating_sub(tokens)))
            }
            None => {
                let number = self
                    .connection
                    .prepare_cached(
                        "INSERT INTO session (workspace_id, name, end_position) VALUES (?, ?, ?) RETURNING id",
                    )?
                    .query_row((workspace_id, session, tokens), |row| row.get(0))?;
                Ok((number, 0))
            }
        }
    }

    pub(super) fn workspace_id(&mut self, name: &str) -> Result<i64, EngineError> {
        if let Some(id) = self.workspaces.get(name) {
            return Ok(*id);
        }
        let known = self
            .connection
            .prepare_cached("SELECT id FROM workspace WHERE name = ?")?
            .query_row([name], |row| row.get(0))
            .optional()?;
        let id = match known {
            Some(id) => id,
            None => {
                self.connection
                    .prepare_cached("INSERT INTO workspace (name, created_at) VALUES (?, ?)")?
                    .execute((name, self.now_ms))?;
                self.connection.last_insert_rowid()
            }
        };
        self.workspaces.insert(name.to_owned(), id);
        Ok(id)
    }

    pub(super) fn actor_number(&mut self, name: &str) -> Result<u32, EngineError> {
        if let Some(number) = self.actors.get(name) {
            return Ok(*number);
        }
        let known = self
            .connection
            .prepare_cached("SELECT id FROM actor WHERE name = ?")?
            .query_row([name], |row| row.get(0))
            .optional()?;
        let number = match known {
            Some(number) => number,
            None => {
                let number = self
                    .connection
                    .prepare_cached("INSERT INTO actor (name) VALUES (?) RETURNING id")?
                    .query_row([name], |row| row.get(0))?;
                self.changes.push(IndexChange::Actor { number, name: name.to_owned() });
                number
            }
        };
        self.actors.insert(name.to_owned(), number);
        Ok(number)
    }
}

/// What changes of the terms of a memory; what stays is not touched in any list.
fn terms_change(id: MemoryId, before: &str, after: &str) -> IndexChange {
    if before.is_empty() {
        return IndexChange::Terms { id, gone: String::new(), now: after.to_owned() };
    }
    let only = |terms: &str, other: &str| {
        let other: HashSet<&str> = other.split_ascii_whitespace().collect();
        let terms = terms.split_ascii_whitespace().filter(|term| !other.contains(term));
        terms.collect::<Vec<_>>().join(" ")
    };
    IndexChange::Terms { id, gone: only(before, after), now: only(after, before) }
}

/// The row of a model, made when it is new.
pub(crate) fn model_id(connection: &Connection, model: &ModelIdentity) -> Result<i64, EngineError> {
    let key = (&*model.name, &*model.revision, model.dimensions as i64);
    let known = connection
        .prepare_cached("SELECT id FROM model WHERE name = ? AND revision = ? AND dimensions = ?")?
        .query_row(key, |row| row.get(0))
        .optional()?;
    match known {
        Some(id) => Ok(id),
        None => Ok(connection
            .prepare_cached("INSERT INTO model (name, revision, dimensions) VALUES (?, ?, ?) RETURNING id")?
            .query_row(key, |row| row.get(0))?),
    }
}
