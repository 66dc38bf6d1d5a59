//! Erases memories: they are deleted, and stay away whatever backup is restored.

use engine::{DeleteMode, EngineError, ListQuery, MemoryId, Order};
use fleet::Lease;
use gateway::Pass;
use tenancy::Work;

use super::{Done, Failure};
use crate::app::App;
use crate::backups::content_hash;
use crate::decode::DeleteInput;

/// Memories that are put on record and deleted together.
const PAGE: usize = 500;
/// Ids that an answer names.
const IDS_TOLD_MAX: usize = 1_000;

/// Erases one memory with its history.
///
/// # Errors
/// [`Failure::Store`] when there is no such memory, [`Failure::Control`] when it cannot be put on record; it is still
/// there then.
pub async fn erase_memory(app: &App, pass: &Pass, id: MemoryId) -> Result<Done<()>, Failure> {
    let lease = app.fleet.store(pass.tenant()).await?;
    let memory = lease.glance(|store| store.get(id))?;
    let erased = erase(app, pass, &lease, vec![(id, memory.content)], 0).await?;
    let work = Work { memories_created: 0, storage_bytes_delta: erased };
    Ok(Done { value: (), work, workspace: None })
}

/// Erases every memory that a filter matches, or tells which ones that would be.
///
/// # Errors
/// [`Failure::Store`], [`Failure::Control`]; those that are erased by then stay erased.
pub async fn erase_memories_by_filter(
    app: &App,
    pass: &Pass,
    input: DeleteInput,
) -> Result<Done<api::DeletedMemories>, Failure> {
    if input.mode == DeleteMode::DryRun {
        return super::delete_memories_by_filter(app, pass, input).await;
    }
    let lease = app.fleet.store(pass.tenant()).await?;
    let (mut count, mut ids, mut storage_bytes_delta, mut after) = (0, Vec::new(), 0, None);
    loop {
        let query = ListQuery {
            filter: Some(input.filter.clone()),
            workspace: input.workspace.clone(),
            limit: PAGE,
            order: Order::OldestFirst,
            after,
        };
        let page = lease.read(move |store| store.list(&query)).await?;
        if page.items.is_empty() {
            break;
        }
        after = page.next;
        count += page.items.len() as u64;
        ids.extend(page.items.iter().map(|memory| memory.id));
        let memories = page.items.into_iter().map(|memory| (memory.id, memory.content)).collect();
        storage_bytes_delta += erase(app, pass, &lease, memories, storage_bytes_delta).await?;
        if after.is_none() {
            break;
        }
    }
    ids.truncate(IDS_TOLD_MAX);
    let value = api::DeletedMemories { count, ids, dry_run: false };
    let work = Work { memories_created: 0, storage_bytes_delta };
    Ok(Done { value, work, workspace: input.workspace })
}

/// Erases some more, after those that gave back `before` bytes. On record first: a crash before the deletion leaves an
/// erasure that a job finishes, and never one that is forgotten.
async fn erase(
    app: &App,
    pass: &Pass,
    lease: &Lease,
    memories: Vec<(MemoryId, String)>,
    before: i64,
) -> Result<i64, Failure> {
    let tenant = pass.tenant();
    let hashed: Vec<_> =
        memories.into_iter().map(|(id, content)| (id, content_hash(tenant, &content))).collect();
    app.control.request_erasures(tenant, &hashed, &pass.principal().actor()).await?;
    let ids: Vec<_> = hashed.into_iter().map(|(id, _)| id).collect();
    let going = ids.clone();
    let delta = lease
        .remove(move |store| {
            let mut delta = 0;
            for id in going {
                match store.delete(id) {
                    Ok(deleted) => delta += deleted.storage_bytes_delta,
                    // Somebody else deleted it meanwhile; it is on record all the same.
                    Err(EngineError::MemoryNotFound(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(delta)
        })
        .await?;
    pass.stays(Work { memories_created: 0, storage_bytes_delta: before + delta });
    app.control.finish_erasures(tenant, &ids).await?;
    Ok(delta)
}
