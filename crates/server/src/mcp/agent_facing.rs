//! What an agent sees of the service: the protocol library asks, this answers from tools, resources and the prompt.

use std::sync::Arc;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, CustomRequest, CustomResult,
    ErrorCode, ErrorData, GetPromptRequestParams, GetPromptResponse, Implementation, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, ResourceContents,
    ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, ServerHandler};
use serde_json::{Value, json};

use super::admitted::Admitted;
use super::instructions::INSTRUCTIONS;
use super::resources::{self, Address};
use super::{failures, recall_context, tools};
use crate::app::App;

/// The service as an MCP server; made anew for every request.
#[derive(Debug, Clone)]
pub(super) struct AgentFacing {
    app: Arc<App>,
}

impl AgentFacing {
    pub(super) fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

impl ServerHandler for AgentFacing {
    fn get_info(&self) -> ServerConfig {
        let capabilities =
            ServerCapabilities::builder().enable_tools().enable_resources().enable_prompts().build();
        let itself = Implementation::new("engram", env!("CARGO_PKG_VERSION"))
            .with_title("Engram")
            .with_description("Long-term memory for AI agents");
        ServerConfig::new(capabilities).with_server_info(itself).with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::described().to_vec()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        tools::described().iter().find(|tool| tool.name == name).cloned()
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(tool) = tools::named(&request.name) else {
            let message = format!("there is no tool {:?}; there are {}", request.name, tools::names());
            return Err(ErrorData::invalid_params(message, Some(json!({ "error": "unknown_tool" }))));
        };
        let admitted = Admitted::of(&context)?;
        let arguments = request.arguments.unwrap_or_default();
        let outcome = admitted.perform(&self.app, async |call| (tool.call)(call, arguments).await).await?;
        let result = match outcome {
            Ok(value) => succeeded(value),
            Err(failure) => failures::tool_failure(&failure, admitted.request())?,
        };
        Ok(result.into())
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(resources::resources()))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(ListResourceTemplatesResult::with_all_items(resources::templates()))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let Some(address) = Address::parse(&request.uri) else {
            let message = format!("there is no resource {:?}", request.uri);
            return Err(ErrorData::resource_not_found(
                message,
                Some(json!({ "error": "not_found", "uri": request.uri })),
            ));
        };
        let admitted = Admitted::of(&context)?;
        let outcome = admitted.perform(&self.app, async |call| resources::read(call, address).await).await?;
        let value = outcome.map_err(|failure| failures::reading_error(&failure, admitted.request()))?;
        let contents =
            ResourceContents::text(value.to_string(), request.uri).with_mime_type("application/json");
        Ok(ReadResourceResult::new(vec![contents]).into())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(vec![recall_context::described()]))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        if request.name != recall_context::NAME {
            let message = format!("there is no prompt {:?}; there is {}", request.name, recall_context::NAME);
            return Err(ErrorData::invalid_params(message, Some(json!({ "error": "unknown_prompt" }))));
        }
        let admitted = Admitted::of(&context)?;
        let arguments = request.arguments.unwrap_or_default();
        let outcome = admitted
            .perform(&self.app, async |call| recall_context::recall_context(call, arguments).await)
            .await?;
        let prompt = outcome.map_err(|failure| failures::reading_error(&failure, admitted.request()))?;
        Ok(prompt.into())
    }

    /// A method that is not known, or a known one whose parameters could not be read.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        let method = request.method;
        let has_handshake = context.protocol_version().is_none_or(|version| version.has_initialize());
        let known = METHODS.contains(&method.as_str()) && (method != "initialize" || has_handshake);
        Err(if known {
            ErrorData::invalid_params(format!("the params of {method} cannot be read"), None)
        } else {
            ErrorData::new(ErrorCode::METHOD_NOT_FOUND, format!("there is no method {method:?}"), None)
        })
    }
}

/// Methods this server answers.
const METHODS: &[&str] = &[
    "initialize",
    "ping",
    "prompts/get",
    "prompts/list",
    "resources/list",
    "resources/read",
    "resources/templates/list",
    "server/discover",
    "tools/call",
    "tools/list",
];

/// The same twice: structured for programs, and as text, which is all that older clients read.
fn succeeded(value: Value) -> CallToolResult {
    let mut result = CallToolResult::success(vec![ContentBlock::text(value.to_string())]);
    result.structured_content = Some(value);
    result
}
