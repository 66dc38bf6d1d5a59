//! `/v1/export` and `/v1/import`: all of a tenant's memories as lines of JSON.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, header};
use tenancy::Operation;

use super::call::Call;
use crate::decode;
use crate::operations::{self, Export};

/// The route whose body may be as large as a tenant, and may take as long.
pub(crate) const IMPORT: &str = "/v1/import";

/// Export every memory with its versions
///
/// One JSON object a line (`application/x-ndjson`): a first line that says what it is, each memory followed by its earlier
/// versions, a last line that says it is all. An export without its last line was cut off.
#[utoipa::path(get, path = "/v1/export", tag = "memories", operation_id = "export_memories",
    responses((status = 200, description = "The lines", body = String, content_type = "application/x-ndjson")))]
pub(super) async fn export_memories(call: Call) -> Response {
    let shape = |export: &Export| lines_answer(export.take());
    call.answer_as(
        Operation::ExportMemories,
        |_| 200,
        shape,
        async |call, pass| {
            call.expect_no_query()?;
            operations::export_memories(call.app(), pass).await
        },
    )
    .await
}

pub(super) fn lines_answer(lines: Body) -> Response {
    let mut response = Response::new(lines);
    let kind = HeaderValue::from_static("application/x-ndjson");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// Import what an export holds
///
/// The body is an export, of any size. It is read to its end first: a bad line is named and nothing is stored. Ids, versions and
/// times are kept; an id that another memory has is refused, unless `ids=renumber` raises all of them. The same import twice
/// changes nothing, with ids kept.
#[utoipa::path(post, path = "/v1/import", tag = "memories", operation_id = "import_memories",
    params(("ids" = Option<String>, Query, description = "`keep` unless said, or `renumber`.")),
    request_body(content = String, content_type = "application/x-ndjson"),
    responses((status = 200, description = "What was stored", body = api::Imported)))]
pub(super) async fn import_memories(call: Call) -> Response {
    call.answer(
        Operation::ImportMemories,
        |_| 200,
        async |call, pass| {
            let ids = decode::import_memories(call.query()?)?;
            let body = call.take_body();
            operations::import_memories(call.app(), pass, ids, body).await
        },
    )
    .await
}
