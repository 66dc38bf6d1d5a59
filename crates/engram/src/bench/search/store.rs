//! A store of made-up memories, filled to the size asked for; one that was kept is used again.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use engine::{BATCH_ROWS_MAX, Bounds, Draft, NewMemory, Store, StoreOptions};
use jiff::Timestamp;
use serde_json::{Map, Value};
use stdx::clock::ManualClock;

use crate::bench::builtin::Builtin;
use crate::bench::texts::Texts;

/// The day of the run; every run is the same.
const TODAY_S: i64 = 1_767_225_600;
/// One memory in this many is of one user, and of one part.
pub(super) const USERS: u64 = 100;

/// The store of `size` memories in `folder`, filled as far as it is not yet.
pub(super) fn open_filled(folder: &Path, texts: &Texts, builtin: &Builtin, size: u64) -> Result<Store> {
    let clock = ManualClock::at(Timestamp::from_second(TODAY_S)?);
    let options = StoreOptions { clock, model: Some(builtin.identity().clone()) };
    let file = folder.join(format!("search-{}-{size}.db", texts.seed()));
    let store = Store::open(&file, options)?;
    let stored = store.tally()?.memories;
    ensure!(
        stored <= size,
        "{} holds {stored} memories: remove it, or choose another --keep",
        file.display()
    );
    fill(&store, texts, builtin, stored, size)?;
    store.checkpoint()?;
    Ok(store)
}

/// Stores the memories numbered `from` to `to`.
fn fill(store: &Store, texts: &Texts, builtin: &Builtin, from: u64, to: u64) -> Result<()> {
    let numbers: Vec<u64> = (from..to).collect();
    for numbers in numbers.chunks(BATCH_ROWS_MAX) {
        let drafts = numbers.iter().map(|number| {
            let memory = memory(texts, *number).with_context(|| format!("memory {number}"))?;
            let embedded = Some(builtin.embed(&memory.content));
            Ok(Draft { memory, embedded })
        });
        store.create(drafts.collect::<Result<_>>()?, None, Bounds::NONE)?;
    }
    Ok(())
}

fn memory(texts: &Texts, number: u64) -> Result<NewMemory> {
    let body = texts.memory(number);
    let text = |field: &str| body[field].as_str().map(str::to_owned);
    // The same hundredth by a field that has an index and by one that has none.
    let part = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % USERS;
    Ok(NewMemory {
        content: text("content").context("no content")?,
        kind: text("kind"),
        importance: body["importance"].as_f64(),
        user_id: Some(format!("user-{part}")),
        metadata: Map::from_iter([("part".to_owned(), Value::from(part))]),
        session_id: text("session_id"),
        actor: text("actor"),
        event_time: text("event_time").map(|time| time.parse()).transpose()?,
        ..NewMemory::default()
    })
}
