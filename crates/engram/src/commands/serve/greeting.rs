//! What a service says when it answers: for people, lines to paste; for machines, one line of JSON.

use std::path::Path;

use serde_json::json;
use server::app::DevAccess;

use crate::failure::Failure;
use crate::terminal::{self, Format, strong};

/// Prints it; `console` is the path of the pages for people, where they are served.
pub(super) fn print(
    url: &str,
    dev: Option<&DevAccess>,
    folder: &Path,
    console: Option<&str>,
    format: Format,
) -> Result<(), Failure> {
    match format {
        Format::Json => {
            let (tenant, key) = dev.map(|dev| (dev.tenant.as_str(), dev.api_key.as_str())).unzip();
            terminal::json(&json!({"url": url, "tenant": tenant, "api_key": key}))
        }
        Format::People => {
            terminal::line(text(url, dev, folder, console));
            Ok(())
        }
    }
}

fn text(url: &str, dev: Option<&DevAccess>, folder: &Path, console: Option<&str>) -> String {
    let console = console.map(|path| format!("\n  look  {url}{path}")).unwrap_or_default();
    let head =
        format!("{} is ready.\n\n  url   {url}{console}\n  data  {}", strong("Engram"), folder.display());
    let Some(DevAccess { tenant, api_key }) = dev else {
        return format!(
            "{head}\n\nMake a tenant and a key:\n\n  engram tenant create acme\n  engram key create --tenant acme\n"
        );
    };
    let mcp = json!({"mcpServers": {"engram": {
        "type": "http",
        "url": format!("{url}/v1/mcp"),
        "headers": {"Authorization": format!("Bearer {api_key}")},
    }}});
    let store = curl(url, "/v1/memories", api_key, r#"{"content": "Anna prefers tea to coffee."}"#);
    let search = curl(url, "/v1/search", api_key, r#"{"query": "what does Anna drink?"}"#);
    format!(
        "{head}\n  key   {api_key}  (tenant {tenant}, for development)\n\n\
         Store a memory:\n\n  {store}\n\nFind it again:\n\n  {search}\n\n\
         MCP for a coding agent:\n\n  {mcp}\n\nAPI: {url}/docs   Stop: Ctrl-C\n"
    )
}

/// One line that a shell takes as it is.
fn curl(url: &str, path: &str, key: &str, body: &str) -> String {
    format!(
        "curl {url}{path} -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' -d '{body}'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_to_paste_stands_on_one_line() {
        let dev = DevAccess { tenant: "default".to_owned(), api_key: "eng_live_x".to_owned() };
        let text = text("http://127.0.0.1:8080", Some(&dev), Path::new("/data"), Some("/console"));
        let curls: Vec<_> = text.lines().filter(|line| line.trim_start().starts_with("curl ")).collect();
        assert_eq!(curls.len(), 2);
        assert!(curls.iter().all(|line| line.contains("eng_live_x") && line.ends_with('\'')));
        assert!(text.contains("look  http://127.0.0.1:8080/console"));
        let mcp = text.lines().find(|line| line.contains("mcpServers")).unwrap();
        let mcp: serde_json::Value = serde_json::from_str(mcp.trim()).unwrap();
        assert_eq!(mcp["mcpServers"]["engram"]["url"], "http://127.0.0.1:8080/v1/mcp");
    }
}
