//! `/v1/memories`: store, read, change, delete, history.

use axum::response::Response;
use engine::Outcome;
use tenancy::Operation;

use super::call::Call;
use crate::decode::{self, Deletion, Form};
use crate::edge::json_answer;
use crate::operations::{self, StoredMemory};

/// Store a memory
///
/// A known `custom_id` updates that memory and answers 200 instead of 201.
#[utoipa::path(post, path = "/v1/memories", tag = "memories", operation_id = "create_memory",
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body within 24 hours happen once.", max_length = 255)),
    request_body = api::CreateMemory,
    responses((status = 201, description = "Stored", body = api::Memory), (status = 200, description = "Updated", body = api::Memory)))]
pub(super) async fn create_memory(call: Call) -> Response {
    let status = |stored: &StoredMemory| if stored.outcome == Outcome::Created { 201 } else { 200 };
    let shape = |stored: &StoredMemory| json_answer(status(stored), &stored.memory);
    call.answer_as(Operation::CreateMemory, status, shape, async |call, pass| {
        call.expect_no_query()?;
        let body = call.json().await?;
        let idempotency = call.idempotency(&body)?;
        let memory = decode::create_memory(body, call.app().clock.now())?;
        operations::create_memory(call.app(), pass, memory, idempotency).await
    })
    .await
}

/// Store up to 1,000 memories, all or none
#[utoipa::path(post, path = "/v1/memories/batch", tag = "memories", operation_id = "create_memory_batch",
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body within 24 hours happen once.", max_length = 255)),
    request_body = api::CreateMemoryBatch,
    responses((status = 201, description = "Stored, in the order sent", body = api::MemoryList)))]
pub(super) async fn create_memory_batch(call: Call) -> Response {
    let shape =
        |stored: Vec<StoredMemory>| api::MemoryList { items: stored.into_iter().map(|s| s.memory).collect() };
    call.answer(
        Operation::CreateMemoryBatch,
        |_| 201,
        async |call, pass| {
            call.expect_no_query()?;
            let body = call.json().await?;
            let idempotency = call.idempotency(&body)?;
            let memories = decode::create_memory_batch(body, call.app().clock.now())?;
            Ok(operations::create_memory_batch(call.app(), pass, memories, idempotency).await?.map(shape))
        },
    )
    .await
}

/// List memories, a page at a time
#[utoipa::path(get, path = "/v1/memories", tag = "memories", operation_id = "list_memories",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 100; 50 unless said.", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before."),
        ("order" = Option<String>, Query, description = "`newest` (first) or `oldest`."),
        ("workspace" = Option<String>, Query, description = "Only this workspace."),
        ("kind" = Option<String>, Query, description = "Only this kind."),
        ("tag" = Option<String>, Query, description = "Only with this tag."),
        ("user_id" = Option<String>, Query, description = "Only of this user."),
        ("agent_id" = Option<String>, Query, description = "Only of this agent."),
        ("session_id" = Option<String>, Query, description = "Only of this session."),
        ("actor" = Option<String>, Query, description = "Only by this actor."),
        ("tier" = Option<String>, Query, description = "`permanent` or `daily`."),
        ("filters" = Option<String>, Query, description = "A filter, as JSON text.")),
    responses((status = 200, description = "One page", body = api::MemoryPage)))]
pub(super) async fn list_memories(call: Call) -> Response {
    call.answer(
        Operation::ListMemories,
        |_| 200,
        async |call, pass| {
            let query = decode::list_memories(call.query()?, Form::Query)?;
            operations::list_memories(call.app(), pass, query).await
        },
    )
    .await
}

/// Read a memory
#[utoipa::path(get, path = "/v1/memories/{id}", tag = "memories", operation_id = "get_memory",
    params(("id" = i64, Path, description = "The memory's id.", minimum = 1)),
    responses((status = 200, description = "The memory", body = api::Memory)))]
pub(super) async fn get_memory(call: Call) -> Response {
    call.answer(
        Operation::GetMemory,
        |_| 200,
        async |call, pass| {
            call.expect_no_query()?;
            let id = call.memory_id().await?;
            operations::get_memory(call.app(), pass, id).await
        },
    )
    .await
}

/// Change a memory
///
/// An absent field stays, `null` clears. With `version` the change happens only if that is still the newest.
#[utoipa::path(patch, path = "/v1/memories/{id}", tag = "memories", operation_id = "update_memory",
    params(("id" = i64, Path, description = "The memory's id.", minimum = 1)),
    request_body = api::UpdateMemory,
    responses((status = 200, description = "The memory as it is now", body = api::Memory)))]
pub(super) async fn update_memory(call: Call) -> Response {
    call.answer(
        Operation::UpdateMemory,
        |_| 200,
        async |call, pass| {
            call.expect_no_query()?;
            let id = call.memory_id().await?;
            let input = decode::update_memory(call.json().await?, call.app().clock.now())?;
            operations::update_memory(call.app(), pass, id, input).await
        },
    )
    .await
}

/// Delete a memory and its history
///
/// A deleted memory is back when an older backup is restored; with `erase=true` it stays away.
#[utoipa::path(delete, path = "/v1/memories/{id}", tag = "memories", operation_id = "delete_memory",
    params(
        ("id" = i64, Path, description = "The memory's id.", minimum = 1),
        ("erase" = Option<bool>, Query, description = "Keep it away from every restore, too."),
    ),
    responses((status = 204, description = "Deleted")))]
pub(super) async fn delete_memory(call: Call) -> Response {
    call.answer_empty(Operation::DeleteMemory, async |call, pass| {
        let deletion = decode::delete_memory(call.query()?)?;
        let id = call.memory_id().await?;
        match deletion {
            Deletion::Delete => operations::delete_memory(call.app(), pass, id).await,
            Deletion::Erase => operations::erase_memory(call.app(), pass, id).await,
        }
    })
    .await
}

/// Delete every memory a filter matches
///
/// With `dry_run` it only tells which ones that would be. An empty filter matches everything. With `erase` they stay away from
/// every restore, too.
#[utoipa::path(post, path = "/v1/memories/delete", tag = "memories", operation_id = "delete_memories_by_filter",
    request_body = api::DeleteMemories,
    responses((status = 200, description = "What was deleted, or would be", body = api::DeletedMemories)))]
pub(super) async fn delete_memories_by_filter(call: Call) -> Response {
    call.answer(
        Operation::DeleteMemoriesByFilter,
        |_| 200,
        async |call, pass| {
            call.expect_no_query()?;
            let input = decode::delete_memories(call.json().await?)?;
            match input.deletion {
                Deletion::Delete => operations::delete_memories_by_filter(call.app(), pass, input).await,
                Deletion::Erase => operations::erase_memories_by_filter(call.app(), pass, input).await,
            }
        },
    )
    .await
}

/// Read every version of a memory
#[utoipa::path(get, path = "/v1/memories/{id}/history", tag = "memories", operation_id = "memory_history",
    params(("id" = i64, Path, description = "The memory's id.", minimum = 1)),
    responses((status = 200, description = "Newest first", body = api::MemoryHistory)))]
pub(super) async fn memory_history(call: Call) -> Response {
    call.answer(
        Operation::MemoryHistory,
        |_| 200,
        async |call, pass| {
            call.expect_no_query()?;
            let id = call.memory_id().await?;
            operations::memory_history(call.app(), pass, id).await
        },
    )
    .await
}

/// Bring back an earlier version of a memory, as a new version
#[utoipa::path(post, path = "/v1/memories/{id}/revert", tag = "memories", operation_id = "revert_memory",
    params(("id" = i64, Path, description = "The memory's id.", minimum = 1)),
    request_body = api::RevertMemory,
    responses((status = 200, description = "The memory as it is now", body = api::Memory)))]
pub(super) async fn revert_memory(call: Call) -> Response {
    call.answer(
        Operation::RevertMemory,
        |_| 200,
        async |call, pass| {
            call.expect_no_query()?;
            let id = call.memory_id().await?;
            let input = decode::revert_memory(call.json().await?)?;
            operations::revert_memory(call.app(), pass, id, input).await
        },
    )
    .await
}
