//! `engram mcp`: MCP over stdio for a local coding agent. Each line is posted to the service's own MCP door.

mod bridge;
mod switch;

use std::sync::Arc;

use clap::Args;

use server::telemetry::start_logging;

use crate::cli::{AsTenant, Reach, Shared};
use crate::failure::Failure;

use switch::Switch;

const EXAMPLES: &str = "\
In the configuration of a coding agent:
  {\"mcpServers\": {\"engram\": {\"command\": \"engram\", \"args\": [\"mcp\"]}}}

With a hosted service:
  {\"mcpServers\": {\"engram\": {\"command\": \"engram\", \"args\": [\"mcp\"],
    \"env\": {\"ENGRAM_URL\": \"https://engram.example.com\", \"ENGRAM_API_KEY\": \"eng_live_...\"}}}}

Any number of them share one data folder: the first becomes its owner, the others and every other command go
through it; when it ends, another takes over. Standard output carries MCP alone, logs go to standard error.";

/// Speak MCP over stdio, for a local coding agent
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Mcp {
    #[command(flatten)]
    tenant: AsTenant,
    #[command(flatten)]
    reach: Reach,
}

impl Mcp {
    pub(crate) async fn run(self, shared: &Shared) -> Result<(), Failure> {
        let config = shared.configuration()?;
        start_logging(&config.telemetry, &config.traces);
        let switch = Arc::new(Switch::new(self.reach, shared.clone(), self.tenant.tenant));
        // Found before the first line comes, so that a wrong folder or key address is told at once.
        switch.connect().await?;
        bridge::run(&switch).await;
        switch.close().await;
        Ok(())
    }
}
