//! Reads the index from the file, at once and in one snapshot.

use rusqlite::{Connection, OptionalExtension};

use super::postings::Postings;
use super::{Fact, Index, Sizes};
use crate::error::EngineError;
use crate::vector::{ModelIdentity, split_bytes};

impl Index {
    /// Reads everything; `model` is the one in use and its dimensions.
    pub(crate) fn load(
        connection: &Connection,
        model: Option<(i64, usize)>,
        sizes: Sizes,
    ) -> Result<Self, EngineError> {
        Postings::open_view(connection)?;
        let transaction = connection.unchecked_transaction()?;
        let memories = transaction.query_row("SELECT count(*) FROM fact", [], |row| row.get(0))?;
        let mut index = Self::empty(model, memories, sizes);
        index.reserve(memories);
        index.load_facts(&transaction)?;
        index.load_actors(&transaction)?;
        if let Some((model_id, dimensions)) = model {
            index.model = name_of(&transaction, model_id, dimensions)?;
            index.load_vectors(&transaction, model_id)?;
        }
        if index.slots() <= sizes.postings_whole_max {
            index.postings = Postings::load(&transaction, |id| index.slot(id))?;
        } else {
            index.postings = Postings::default();
        }
        Ok(index)
    }

    fn load_facts(&mut self, connection: &Connection) -> Result<(), EngineError> {
        let mut facts = connection.prepare_cached(
            "SELECT memory_id, tokens, session, position, actor, at, expires_at, importance, stated FROM fact \
             ORDER BY memory_id",
        )?;
        let mut rows = facts.query([])?;
        while let Some(row) = rows.next()? {
            let fact = Fact {
                tokens: row.get(1)?,
                session: row.get(2)?,
                position: row.get(3)?,
                actor: row.get(4)?,
                at_ms: row.get(5)?,
                expires_ms: row.get::<_, Option<i64>>(6)?.unwrap_or(i64::MAX),
                importance: row.get(7)?,
                stated: row.get(8)?,
            };
            self.push(row.get(0)?, fact);
        }
        self.sessions.link_all();
        Ok(())
    }

    fn load_actors(&mut self, connection: &Connection) -> Result<(), EngineError> {
        let mut actors = connection.prepare_cached("SELECT id, name FROM actor")?;
        let mut rows = actors.query([])?;
        while let Some(row) = rows.next()? {
            self.name_actor(row.get(0)?, &row.get::<_, String>(1)?);
        }
        Ok(())
    }

    fn load_vectors(&mut self, connection: &Connection, model_id: i64) -> Result<(), EngineError> {
        let mut vectors = connection
            .prepare_cached("SELECT memory_id, code FROM vector WHERE model_id = ? ORDER BY memory_id")?;
        let mut rows = vectors.query([model_id])?;
        while let Some(row) = rows.next()? {
            let (id, code) = (row.get(0)?, row.get_ref(1)?.as_blob().unwrap_or_default());
            if let (Some(slot), Some((scale, codes))) = (self.slot(id), split_bytes(code)) {
                self.vectors.set(
                    slot,
                    scale,
                    &codes.iter().map(|code| code.cast_signed()).collect::<Vec<_>>(),
                );
            }
        }
        Ok(())
    }
}

fn name_of(
    connection: &Connection,
    model_id: i64,
    dimensions: usize,
) -> Result<Option<ModelIdentity>, EngineError> {
    let text = |row: &rusqlite::Row<'_>, at: usize| row.get::<_, String>(at).map(Into::into);
    Ok(connection
        .prepare_cached("SELECT name, revision FROM model WHERE id = ?")?
        .query_row([model_id], |row| {
            Ok(ModelIdentity { name: text(row, 0)?, revision: text(row, 1)?, dimensions })
        })
        .optional()?)
}
