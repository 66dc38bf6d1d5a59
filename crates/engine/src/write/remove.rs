//! Takes memories out: the row, and whatever any index or the vocabulary holds of it.

use std::collections::BTreeSet;

use rusqlite::params_from_iter;
use rusqlite::types::Value as Sql;

use super::tally::Left;
use super::{PURGED_PER_CALL_MAX, Session, analyse, idempotency};
use crate::analysis;
use crate::error::EngineError;
use crate::filter::Filter;
use crate::index::IndexChange;
use crate::memory::MemoryId;
use crate::read;
use crate::store::{DeleteMode, Deleted};
use crate::typo;

/// Ids a deletion names in its answer; the count is always exact.
const DELETED_IDS_NAMED_MAX: usize = 1_000;

impl Session<'_> {
    pub(crate) fn delete(&mut self, id: MemoryId) -> Result<Deleted, EngineError> {
        read::get(self.connection, id, None, self.now_ms)?;
        let freed = self.remove_all(&[id])?;
        Ok(Deleted { ids: vec![id], count: 1, storage_bytes_delta: -freed })
    }

    pub(crate) fn delete_matching(
        &mut self,
        filter: &Filter,
        workspace: Option<&str>,
        mode: DeleteMode,
        model: Option<i64>,
    ) -> Result<Deleted, EngineError> {
        let mut sql = format!("SELECT memory.id FROM memory WHERE {}", read::ALIVE);
        let mut values = vec![Sql::Integer(self.now_ms)];
        if let Some(workspace) = workspace {
            sql.push_str(" AND memory.workspace_id = (SELECT id FROM workspace WHERE name = ?)");
            values.push(Sql::Text(workspace.to_owned()));
        }
        let (condition, more) = filter.to_sql(model);
        sql.push_str(&format!(" AND {condition} ORDER BY memory.id"));
        values.extend(more);
        let ids: Vec<MemoryId> = self
            .connection
            .prepare_cached(&sql)?
            .query_map(params_from_iter(values), |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let freed = if mode == DeleteMode::Delete { self.remove_all(&ids)? } else { 0 };
        Ok(Deleted {
            count: ids.len() as u64,
            ids: ids.into_iter().take(DELETED_IDS_NAMED_MAX).collect(),
            storage_bytes_delta: -freed,
        })
    }

    /// Removes what has expired, and idempotency keys past their time.
    pub(crate) fn purge_expired(&mut self) -> Result<u64, EngineError> {
        let purged = self.purge(PURGED_PER_CALL_MAX)?;
        self.connection
            .prepare_cached("DELETE FROM idempotency WHERE created_at < ?")?
            .execute([self.now_ms - idempotency::LIFETIME_MS])?;
        Ok(purged)
    }

    pub(super) fn remove_all(&mut self, ids: &[MemoryId]) -> Result<i64, EngineError> {
        let (mut freed, mut words, mut left) = (0, BTreeSet::new(), Left::new());
        for id in ids {
            let (content, actor, workspace_id): (String, Option<String>, i64) = self
                .connection
                .prepare_cached("SELECT content, actor, workspace_id FROM memory WHERE id = ?")?
                .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            left.insert(workspace_id);
            let mut analysed = analyse(&content, actor.as_deref());
            freed += self.remove(*id, analysed.terms)?;
            words.append(&mut analysed.words);
        }
        self.counts.memories = self.counts.memories.saturating_sub(ids.len() as u64);
        self.count_left(left)?;
        self.forget_words(&words)?;
        Ok(freed)
    }

    /// Removes a memory from every table; its history, facts and vector go with the row.
    fn remove(&mut self, id: MemoryId, terms: String) -> Result<i64, EngineError> {
        self.remove_postings(id)?;
        let freed: i64 = self
            .connection
            .prepare_cached(
                "DELETE FROM memory WHERE id = ? \
                 RETURNING length(CAST(content AS BLOB)) + length(CAST(metadata AS BLOB))",
            )?
            .query_row([id], |row| row.get(0))?;
        self.changes.push(IndexChange::Remove { id, terms });
        Ok(freed)
    }

    /// Takes words out of the vocabulary that no memory uses any more.
    pub(super) fn forget_words(&mut self, words: &BTreeSet<String>) -> Result<(), EngineError> {
        self.write_postings()?;
        for word in words {
            let used = self
                .connection
                .prepare_cached("SELECT 1 FROM keyword WHERE keyword MATCH ? LIMIT 1")?
                .exists([format!("\"{}\"", analysis::stem(word))])?;
            if !used {
                typo::forget(self.connection, word)?;
                self.words.forget(word);
            }
        }
        Ok(())
    }
}
