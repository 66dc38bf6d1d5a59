//! How an agent reaches this tenant: lines to paste, with its own address and key.

use axum::response::Response;
use maud::{Markup, html};
use serde_json::json;

use crate::console::asked::Asked;
use crate::console::layout::{Tab, page};
use crate::console::parts::copyable;

/// The ways, by the word of the address.
pub(super) const WAYS: [(&str, &str); 4] =
    [("curl", "curl"), ("python", "Python"), ("typescript", "TypeScript"), ("mcp", "MCP clients")];

/// `GET /console/quickstart`.
pub(in crate::console) async fn show(asked: Asked) -> Response {
    let wanted = asked.sent().text("for").to_owned();
    let way = WAYS.iter().find(|(word, _)| *word == wanted).map_or("curl", |(word, _)| word);
    let origin = asked.guest.origin();
    page(
        &asked,
        Tab::Quickstart,
        "Quickstart",
        &html! {
            h1 { "Quickstart" }
            dl .properties .reach {
                dt { "Address" } dd { (copyable(&origin, "Address of the service")) }
                dt { "Key" } dd {
                    @match own_key(&asked) {
                        Some(key) => (copyable(key, "Key of this tenant")),
                        None => p { "Lines below read it from " code { "ENGRAM_API_KEY" } ". " a href="/console/keys" { "Make a key" } " if there is none." },
                    }
                }
            }
            nav .tabs aria-label="Ways to reach the service" {
                @for (word, label) in WAYS { a href={ "/console/quickstart?for=" (word) } aria-current=[(word == way).then_some("page")] { (label) } }
            }
            @match way {
                "python" => (python(&asked)),
                "typescript" => (typescript(&asked)),
                "mcp" => (mcp(&asked)),
                _ => (curl(&asked)),
            }
            p .hint { "Everything else is in " a href="/docs" { "the API's own page" } " and in " a href="/openapi.json" { "its OpenAPI document" } "." }
        },
    )
}

/// The line that stores a memory.
pub(super) fn store(asked: &Asked) -> String {
    line(asked, "/v1/memories", r#"{"content": "Anna prefers tea to coffee."}"#)
}

fn curl(asked: &Asked) -> Markup {
    html! {
        h2 { "Store" }
        (copyable(&store(asked), "Command that stores a memory"))
        h2 { "Find" }
        (copyable(&line(asked, "/v1/search", r#"{"query": "what does Anna drink?", "explain": true}"#), "Command that searches"))
    }
}

fn python(asked: &Asked) -> Markup {
    let (origin, key) = (asked.guest.origin(), key_or(asked, "os.environ[\"ENGRAM_API_KEY\"]"));
    let text = format!(
        "import os, requests\n\nengram = requests.Session()\nengram.headers[\"Authorization\"] = \"Bearer \" + {key}\n\n\
         engram.post(\"{origin}/v1/memories\", json={{\"content\": \"Anna prefers tea to coffee.\"}}).raise_for_status()\n\n\
         found = engram.post(\"{origin}/v1/search\", json={{\"query\": \"what does Anna drink?\"}}).json()\n\
         for hit in found[\"items\"]:\n    print(round(hit[\"score\"], 2), hit[\"memory\"][\"content\"])\n"
    );
    html! { h2 { "Store and find" } (copyable(&text, "Python that stores and finds a memory")) }
}

fn typescript(asked: &Asked) -> Markup {
    let (origin, key) = (asked.guest.origin(), key_or(asked, "process.env.ENGRAM_API_KEY"));
    let text = format!(
        "const engram = async (path: string, body: object) => {{\n  const answer = await fetch(`{origin}${{path}}`, {{\n    \
         method: \"POST\",\n    headers: {{ authorization: \"Bearer \" + {key}, \"content-type\": \"application/json\" }},\n    \
         body: JSON.stringify(body),\n  }});\n  if (!answer.ok) throw new Error(await answer.text());\n  return answer.json();\n}};\n\n\
         await engram(\"/v1/memories\", {{ content: \"Anna prefers tea to coffee.\" }});\n\n\
         const found = await engram(\"/v1/search\", {{ query: \"what does Anna drink?\" }});\n\
         for (const {{ score, memory }} of found.items) console.log(score.toFixed(2), memory.content);\n"
    );
    html! { h2 { "Store and find" } (copyable(&text, "TypeScript that stores and finds a memory")) }
}

fn mcp(asked: &Asked) -> Markup {
    let url = format!("{}/v1/mcp", asked.guest.origin());
    let key = own_key(asked).unwrap_or("YOUR_KEY");
    let command =
        format!("claude mcp add --transport http engram {url} --header \"Authorization: Bearer {key}\"");
    let config = json!({"mcpServers": {"engram": {"type": "http", "url": url, "headers": {"Authorization": format!("Bearer {key}")}}}});
    let config = serde_json::to_string_pretty(&config).unwrap_or_default();
    html! {
        h2 { "Claude Code" }
        (copyable(&command, "Command for Claude Code"))
        h2 { "Clients with a configuration file" }
        (copyable(&config, "Configuration of an MCP client"))
        p .hint { "Without a network, " code { "engram mcp" } " speaks the same over stdio." }
    }
}

fn line(asked: &Asked, path: &str, body: &str) -> String {
    let origin = asked.guest.origin();
    let header = match own_key(asked) {
        Some(key) => format!("'Authorization: Bearer {key}'"),
        None => "\"Authorization: Bearer $ENGRAM_API_KEY\"".to_owned(),
    };
    format!(
        "curl {origin}{path} \\\n  -H {header} \\\n  -H 'Content-Type: application/json' \\\n  -d '{body}'"
    )
}

/// A key as a text of the language, or where the language finds it.
fn key_or(asked: &Asked, elsewhere: &str) -> String {
    own_key(asked).map_or_else(|| elsewhere.to_owned(), |key| format!("\"{key}\""))
}

/// The development key. Any other key stays out of pages: somebody may look over a shoulder.
fn own_key(asked: &Asked) -> Option<&str> {
    let dev = asked.app().dev.as_ref()?;
    let used = asked.session.authorization.reveal().strip_prefix("Bearer ")?;
    (used == dev.api_key).then_some(dev.api_key.as_str())
}
