//! Postings of a group's memories, kept back and written together. FTS5 writes what it was given at every savepoint, and at
//! every statement that might have to be taken back: each time a segment, which is then merged with others time and again.

use rusqlite::Connection;

use super::Session;
use crate::error::EngineError;
use crate::memory::MemoryId;

/// What the group's memories hold, in the order it was put.
#[derive(Debug, Default)]
pub(super) struct Postings {
    terms: Kept,
    facets: Kept,
}

/// Rows for one table. Those that were written stay: an operation that is rolled back takes what it wrote of earlier
/// ones with it.
#[derive(Debug, Default)]
struct Kept {
    rows: Vec<(MemoryId, String)>,
    written: usize,
}

/// How far the postings had come.
#[derive(Debug, Clone, Copy)]
pub(super) struct PostingsMark {
    terms: (usize, usize),
    facets: (usize, usize),
}

impl Postings {
    pub(super) fn put_terms(&mut self, id: MemoryId, terms: String) {
        self.terms.rows.push((id, terms));
    }

    pub(super) fn put_facets(&mut self, id: MemoryId, terms: String) {
        self.facets.rows.push((id, terms));
    }

    pub(super) fn mark(&self) -> PostingsMark {
        PostingsMark { terms: self.terms.mark(), facets: self.facets.mark() }
    }

    pub(super) fn return_to(&mut self, mark: PostingsMark) {
        self.terms.return_to(mark.terms);
        self.facets.return_to(mark.facets);
    }
}

impl Kept {
    fn mark(&self) -> (usize, usize) {
        (self.rows.len(), self.written)
    }

    fn return_to(&mut self, (rows, written): (usize, usize)) {
        self.rows.truncate(rows);
        self.written = written;
    }

    fn write(&mut self, connection: &Connection, sql: &str) -> Result<(), EngineError> {
        if self.written < self.rows.len() {
            let mut insert = connection.prepare_cached(sql)?;
            for (id, terms) in &self.rows[self.written..] {
                insert.execute((id, terms))?;
            }
            self.written = self.rows.len();
        }
        Ok(())
    }
}

impl Session<'_> {
    /// Writes the postings that were kept back. Whatever looks into their tables within the transaction, or takes rows
    /// out of them, calls this before.
    pub(crate) fn write_postings(&mut self) -> Result<(), EngineError> {
        let Postings { terms, facets } = &mut self.postings;
        terms.write(self.connection, "INSERT INTO keyword (rowid, terms) VALUES (?, ?)")?;
        facets.write(self.connection, "INSERT INTO facet (rowid, terms) VALUES (?, ?)")
    }

    /// Takes a memory out of both tables.
    pub(super) fn remove_postings(&mut self, id: MemoryId) -> Result<(), EngineError> {
        self.remove_terms(id)?;
        self.remove_facets(id)
    }

    pub(super) fn remove_terms(&mut self, id: MemoryId) -> Result<(), EngineError> {
        self.write_postings()?;
        self.connection.prepare_cached("DELETE FROM keyword WHERE rowid = ?")?.execute([id])?;
        Ok(())
    }

    pub(super) fn remove_facets(&mut self, id: MemoryId) -> Result<(), EngineError> {
        self.write_postings()?;
        self.connection.prepare_cached("DELETE FROM facet WHERE rowid = ?")?.execute([id])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::typo::KnownWords;
    use crate::write::Counts;

    fn found(connection: &Connection, term: &str) -> Vec<MemoryId> {
        let mut found = connection.prepare("SELECT rowid FROM keyword WHERE keyword MATCH ?").unwrap();
        found.query_map([term], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn what_a_rolled_back_operation_wrote_of_earlier_ones_is_written_again() {
        let mut connection = Connection::open_in_memory().unwrap();
        crate::schema::migrate(&mut connection).unwrap();
        let mut session = Session::new(&connection, 0, KnownWords::default(), Counts::default());
        session.postings.put_terms(1, "dog".to_owned());
        connection.execute_batch("SAVEPOINT operation").unwrap();
        let mark = session.mark();
        session.postings.put_terms(2, "dog cat".to_owned());
        session.remove_postings(7).unwrap();
        assert_eq!(found(&connection, "dog"), [1, 2]);
        connection.execute_batch("ROLLBACK TO operation; RELEASE operation").unwrap();
        session.return_to(mark);
        assert_eq!(found(&connection, "dog"), Vec::<MemoryId>::new());
        session.postings.put_terms(3, "cat".to_owned());
        session.write_postings().unwrap();
        assert_eq!((found(&connection, "dog"), found(&connection, "cat")), (vec![1], vec![3]));
    }
}
