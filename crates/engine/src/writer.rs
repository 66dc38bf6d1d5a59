//! The group-committing writer: whoever finds nobody writing leads, runs what is queued in one
//! transaction, and answers everybody after the commit.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;
use stdx::stage::stage;

use crate::error::EngineError;
use crate::index::IndexChange;
use crate::typo::KnownWords;
use crate::write::{Counts, Session};

/// Most operations of one commit; bounds what one caller waits for the others.
const OPERATIONS_PER_COMMIT_MAX: usize = 64;
/// A leader waits at most this part of the last commit's time for callers that were just answered.
const PAUSE_DIVISOR: u32 = 8;
/// The longest pause, whatever the disk.
const PAUSE_MAX: Duration = Duration::from_millis(1);

/// Serialises writes to one store and commits them in groups.
pub(crate) struct Writer {
    queue: Mutex<Queue>,
    arrived: Condvar,
    held: Mutex<Held>,
}

/// What only the leader of the moment touches.
struct Held {
    connection: Connection,
    /// Words that were committed lately, so that each is asked for once and not with every memory.
    known_words: KnownWords,
    /// What the row `tally` says; `None` when that is not known.
    counts: Option<Counts>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Ticket>,
    led: bool,
    last_group: usize,
    last_commit: Duration,
}

struct Ticket {
    run: Box<dyn FnOnce(&mut Session<'_>) -> Verdict + Send>,
    fail: Box<dyn FnOnce(EngineError) + Send>,
    turn: Arc<Turn>,
}

/// What an operation leaves behind: its changes stay, or they are rolled back.
pub(crate) enum Verdict {
    Keep,
    RollBack(EngineError),
}

/// Where a caller waits: to be answered, or to lead the next group.
#[derive(Default)]
struct Turn {
    state: Mutex<TurnState>,
    changed: Condvar,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum TurnState {
    #[default]
    Waiting,
    Leads,
    Answered,
}

impl Turn {
    fn set(&self, state: TurnState) {
        *self.state.lock() = state;
        self.changed.notify_one();
    }

    fn wait(&self) -> TurnState {
        let mut state = self.state.lock();
        while *state == TurnState::Waiting {
            self.changed.wait(&mut state);
        }
        *state
    }
}

impl Writer {
    pub(crate) fn new(connection: Connection) -> Self {
        let held = Held { connection, known_words: KnownWords::default(), counts: None };
        Self { queue: Mutex::default(), arrived: Condvar::new(), held: Mutex::new(held) }
    }

    /// Runs `operation` in a transaction and returns after its commit. `publish` sees the changes of the
    /// whole group after the commit and before anybody is answered.
    ///
    /// # Errors
    /// Those of `operation` (its changes are rolled back, those of others stay) and of the commit.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&mut Session<'_>) -> Result<T, EngineError> + Send + 'static,
        now_ms: impl Fn() -> i64,
        publish: impl Fn(Vec<IndexChange>),
    ) -> Result<T, EngineError> {
        let answer: Arc<Mutex<Option<Result<T, EngineError>>>> = Arc::default();
        let turn = Arc::new(Turn::default());
        let ticket = Ticket {
            run: {
                let answer = Arc::clone(&answer);
                Box::new(move |session| {
                    let outcome = operation(session);
                    let verdict = match &outcome {
                        Ok(_) => Verdict::Keep,
                        Err(error) => Verdict::RollBack(error.clone()),
                    };
                    *answer.lock() = Some(outcome);
                    verdict
                })
            },
            fail: {
                let answer = Arc::clone(&answer);
                Box::new(move |error| *answer.lock() = Some(Err(error)))
            },
            turn: Arc::clone(&turn),
        };
        let leads = {
            let mut queue = self.queue.lock();
            queue.waiting.push_back(ticket);
            self.arrived.notify_one();
            !std::mem::replace(&mut queue.led, true)
        };
        if leads || stage!("wait_for_commit").in_scope(|| turn.wait()) == TurnState::Leads {
            let _commit = stage!("commit").entered();
            self.lead(&now_ms, &publish);
        }
        let answer = answer.lock().take();
        answer.unwrap_or_else(|| Err(EngineError::Internal("the writer gave no answer".into())))
    }

    /// Operations that wait for their commit.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.lock().waiting.len()
    }

    /// Runs `work` with the connection while no group is being written.
    pub(crate) fn exclusively<T>(&self, work: impl FnOnce(&mut Connection) -> T) -> T {
        work(&mut self.held.lock().connection)
    }

    /// Commits one group, the leader's own operation in it, and hands the lead on.
    fn lead(&self, now_ms: &impl Fn() -> i64, publish: &impl Fn(Vec<IndexChange>)) {
        let group = self.gather();
        let started = Instant::now();
        let turns: Vec<_> = group.iter().map(|ticket| Arc::clone(&ticket.turn)).collect();
        let changes = commit_group(&mut self.held.lock(), group, now_ms());
        publish(changes);
        {
            let mut queue = self.queue.lock();
            queue.last_group = turns.len();
            queue.last_commit = started.elapsed();
            match queue.waiting.front() {
                Some(next) => next.turn.set(TurnState::Leads),
                None => queue.led = false,
            }
        }
        for turn in turns {
            turn.set(TurnState::Answered);
        }
    }

    /// Takes what is queued. Callers that were just answered tend to come straight back; without a short
    /// pause for them two half-sized groups would alternate for ever.
    fn gather(&self) -> Vec<Ticket> {
        let mut queue = self.queue.lock();
        let pause = (queue.last_commit / PAUSE_DIVISOR).min(PAUSE_MAX);
        let until = Instant::now() + pause;
        while queue.waiting.len() < queue.last_group.min(OPERATIONS_PER_COMMIT_MAX) {
            if self.arrived.wait_until(&mut queue, until).timed_out() {
                break;
            }
        }
        let count = queue.waiting.len().min(OPERATIONS_PER_COMMIT_MAX);
        queue.waiting.drain(..count).collect()
    }
}

/// An operation's place in its group. Before the first one there is nothing to keep: it does without a savepoint, which
/// copies every page that is touched, and the whole transaction is rolled back.
#[derive(Debug, Clone, Copy)]
enum Place {
    First,
    Later,
}

impl Place {
    fn begin(self, connection: &Connection) -> Result<(), EngineError> {
        match self {
            Self::First => Ok(()),
            Self::Later => run(connection, "SAVEPOINT operation"),
        }
    }

    fn roll_back(self, connection: &Connection) -> Result<(), EngineError> {
        match self {
            Self::First => {
                run(connection, "ROLLBACK")?;
                run(connection, "BEGIN IMMEDIATE")
            }
            Self::Later => run(connection, "ROLLBACK TO operation"),
        }
    }

    fn end(self, connection: &Connection) -> Result<(), EngineError> {
        match self {
            Self::First => Ok(()),
            Self::Later => run(connection, "RELEASE operation"),
        }
    }
}

fn run(connection: &Connection, sql: &str) -> Result<(), EngineError> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}

/// One transaction for the group, a savepoint for each operation. Returns what changed in the index.
fn commit_group(held: &mut Held, group: Vec<Ticket>, now_ms: i64) -> Vec<IndexChange> {
    // Taken out: after a failure nothing is known.
    let known_words = std::mem::take(&mut held.known_words);
    let known_counts = held.counts.take();
    let connection = &held.connection;
    let mut failures = Vec::with_capacity(group.len());
    let outcome = (|| {
        run(connection, "BEGIN IMMEDIATE")?;
        let counts_before = match known_counts {
            Some(counts) => counts,
            None => Counts::read(connection)?,
        };
        let mut session = Session::new(connection, now_ms, known_words, counts_before);
        for (at, ticket) in group.into_iter().enumerate() {
            failures.push(ticket.fail);
            let place = if at == 0 { Place::First } else { Place::Later };
            place.begin(connection)?;
            let mark = session.mark();
            let verdict = catch_unwind(AssertUnwindSafe(|| (ticket.run)(&mut session)));
            let error = match verdict {
                Ok(Verdict::Keep) => None,
                Ok(Verdict::RollBack(error)) => Some(error),
                Err(_panic) => {
                    let error = EngineError::Internal("an operation panicked".into());
                    if let Some(fail) = failures.pop() {
                        fail(error.clone());
                    }
                    Some(error)
                }
            };
            if let Some(error) = error {
                // A full or failing disk ends the whole transaction: nobody's changes are there any more.
                if connection.is_autocommit() {
                    return Err(error);
                }
                place.roll_back(connection)?;
                session.return_to(mark);
            }
            place.end(connection)?;
        }
        session.write_postings()?;
        if session.counts != counts_before {
            session.counts.save(connection)?;
        }
        run(connection, "COMMIT")?;
        Ok::<_, EngineError>((session.changes, session.words, session.counts))
    })();
    match outcome {
        Ok((changes, known_words, counts)) => {
            held.known_words = known_words;
            held.counts = Some(counts);
            changes
        }
        Err(error) => {
            let _ = connection.execute_batch("ROLLBACK");
            for fail in failures {
                fail(error.clone());
            }
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector::ModelIdentity;

    /// An operation that leaves a row of this name behind, if it is kept.
    fn ticket(name: char, end: char) -> Ticket {
        let run = move |session: &mut Session<'_>| {
            let model = ModelIdentity { name: name.to_string().into(), revision: "1".into(), dimensions: 4 };
            session.model_id(&model).unwrap();
            match end {
                '+' => Verdict::Keep,
                '-' => Verdict::RollBack(EngineError::Internal("refused".into())),
                _ => panic!("as the test wants it"),
            }
        };
        Ticket { run: Box::new(run), fail: Box::new(|_| ()), turn: Arc::default() }
    }

    fn check(group: &str, want: &str) {
        let mut connection = Connection::open_in_memory().unwrap();
        crate::schema::migrate(&mut connection).unwrap();
        let mut held = Held { connection, known_words: KnownWords::default(), counts: None };
        let group = group.split(' ').map(|operation| {
            let mut letters = operation.chars();
            ticket(letters.next().unwrap(), letters.next().unwrap())
        });
        commit_group(&mut held, group.collect(), 0);
        assert!(held.connection.is_autocommit());
        let mut names = held.connection.prepare("SELECT name FROM model ORDER BY name").unwrap();
        let names = names.query_map([], |row| row.get::<_, String>(0)).unwrap();
        assert_eq!(names.collect::<Result<Vec<_>, _>>().unwrap().concat(), want);
    }

    #[test]
    fn an_operation_that_fails_takes_only_itself_back() {
        check("a+ b+ c+", "abc");
        check("a- b+ c+", "bc");
        check("a+ b- c+", "ac");
        check("a- b- c+", "c");
        check("a! b+ c!", "b");
        check("a-", "");
    }
}
