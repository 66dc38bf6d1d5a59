//! Whether a store's file is whole: every page and index, and every reference between tables.

use rusqlite::Connection;

use crate::error::EngineError;

/// Problems that are listed; a damaged file can have thousands.
const PROBLEMS_MAX: usize = 20;

/// What is wrong with the file, in the words of SQLite; nothing when it is whole.
pub(crate) fn problems(connection: &Connection) -> Result<Vec<String>, EngineError> {
    // As a table-valued function it would take a bound number for the name of a table.
    let mut check = connection.prepare(&format!("PRAGMA integrity_check({PROBLEMS_MAX})"))?;
    let told = check.query_map([], |row| row.get::<_, String>(0))?;
    let mut problems = told.collect::<rusqlite::Result<Vec<_>>>()?;
    problems.retain(|problem| problem != "ok");
    let mut check =
        connection.prepare("SELECT \"table\", count(*) FROM pragma_foreign_key_check GROUP BY 1")?;
    let dangling = check.query_map([], |row| {
        let (table, rows): (String, i64) = (row.get(0)?, row.get(1)?);
        Ok(format!("{rows} rows of {table} refer to what is not there"))
    })?;
    for problem in dangling.take(PROBLEMS_MAX) {
        problems.push(problem?);
    }
    Ok(problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_to_nothing_is_a_problem_and_a_whole_file_has_none() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "PRAGMA foreign_keys = off; CREATE TABLE a (id INTEGER PRIMARY KEY);
                 CREATE TABLE b (a INTEGER REFERENCES a (id));",
            )
            .unwrap();
        assert_eq!(problems(&connection).unwrap(), Vec::<String>::new());
        connection.execute("INSERT INTO b VALUES (1), (2)", []).unwrap();
        assert_eq!(problems(&connection).unwrap(), ["2 rows of b refer to what is not there"]);
    }
}
