//! `engram memory`: add, get, search, recall, list and delete memories, for people at a terminal.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::cli::{AsTenant, Reach, Shared};
use crate::door::{Door, encode};
use crate::failure::Failure;
use crate::terminal::{self, Format};

const EXAMPLES: &str = "\
Examples:
  engram memory add \"Anna prefers tea to coffee\" --kind preference --tag drinks
  echo \"a long text\" | engram memory add -
  engram memory search \"what does Anna drink?\" --limit 3
  engram memory context \"announce the release\" --budget-tokens 500
  engram memory list --workspace default
  engram memory get 1
  engram memory delete 1";

/// Characters of a memory's text in a table.
const SHOWN_CHARS: usize = 200;

/// Add, get, search, list and delete memories
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Memory {
    #[command(subcommand)]
    deed: Deed,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// Remember a text
    Add(Add),
    /// Show one memory
    Get(Get),
    /// Find memories by words and meaning
    Search(Search),
    /// Recall what bears on a task, ready to paste into a prompt
    Context(Context),
    /// List memories, newest first
    List(List),
    /// Forget one memory
    Delete(Delete),
}

/// Forget a memory
#[derive(Debug, Args)]
pub(crate) struct Delete {
    #[command(flatten)]
    get: Get,
    /// Keep it away from every restore of a backup, too
    #[arg(long)]
    erase: bool,
}

/// Remember a text
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// The text; - reads it from standard input
    content: String,
    /// note, fact, preference, decision, todo, event, or a word of your own
    #[arg(long)]
    kind: Option<String>,
    /// A label; may be given several times
    #[arg(long = "tag")]
    tags: Vec<String>,
    /// 0 (trivial) to 1 (vital)
    #[arg(long)]
    importance: Option<f64>,
    /// Workspace it goes to
    #[arg(long)]
    workspace: Option<String>,
    /// Who said or did it
    #[arg(long)]
    actor: Option<String>,
    /// Session it came from
    #[arg(long)]
    session: Option<String>,
    /// When it happened, as in 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    event_time: Option<String>,
    /// Your own key for it; a known one updates
    #[arg(long)]
    custom_id: Option<String>,
    #[command(flatten)]
    tenant: AsTenant,
    #[command(flatten)]
    reach: Reach,
}

/// Find memories by words and meaning
#[derive(Debug, Args)]
pub(crate) struct Search {
    /// What to look for, in plain words
    query: String,
    /// Most memories to show, 1 to 100
    #[arg(long, default_value_t = 10)]
    limit: u32,
    /// Only this workspace
    #[arg(long)]
    workspace: Option<String>,
    /// A filter in JSON, as in '{"kind": "decision", "importance": {"gte": 0.5}}'
    #[arg(long, value_name = "JSON")]
    filters: Option<String>,
    /// How much novelty counts beside the score, 0 to 1
    #[arg(long, value_name = "SHARE")]
    diversity: Option<f64>,
    /// Say where each score comes from
    #[arg(long)]
    explain: bool,
    /// Ask a second, slower model about the best; the service must have one
    #[arg(long)]
    rerank: bool,
    #[command(flatten)]
    tenant: AsTenant,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, Args)]
struct Context {
    /// The task, in plain words
    query: String,
    /// Most tokens of the text, 64 to 32000 (an estimate)
    #[arg(long, default_value_t = 2_000, value_name = "TOKENS")]
    budget_tokens: u32,
    /// Most memories, 1 to 200
    #[arg(long)]
    limit: Option<u32>,
    /// relevance (the best match first) or time (the oldest first)
    #[arg(long, default_value = "relevance")]
    order: String,
    /// Only this workspace
    #[arg(long)]
    workspace: Option<String>,
    /// A filter in JSON, as in '{"kind": "decision"}'
    #[arg(long, value_name = "JSON")]
    filters: Option<String>,
    /// Only memories with at least this score
    #[arg(long, value_name = "SCORE")]
    min_score: Option<f64>,
    /// Ask a second, slower model about the best; the service must have one
    #[arg(long)]
    rerank: bool,
    #[command(flatten)]
    tenant: AsTenant,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, Args)]
struct Get {
    /// The memory's number
    id: i64,
    #[command(flatten)]
    tenant: AsTenant,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, Args)]
struct List {
    /// Most memories to show, 1 to 100
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Where the page starts: `next_cursor` of the one before
    #[arg(long)]
    cursor: Option<String>,
    /// Only this workspace
    #[arg(long)]
    workspace: Option<String>,
    #[command(flatten)]
    tenant: AsTenant,
    #[command(flatten)]
    reach: Reach,
}

impl Memory {
    pub(crate) async fn run(self, shared: &Shared) -> Result<(), Failure> {
        match self.deed {
            Deed::Add(add) => add.run(shared).await,
            Deed::Search(search) => search.run(shared).await,
            Deed::Context(context) => context.run(shared).await,
            Deed::Get(get) => {
                let path = format!("/v1/memories/{}", get.id);
                let memory: Value =
                    ask(&get.reach, &get.tenant, shared, async |door| door.get(&path).await).await?;
                show(shared, &memory, one)
            }
            Deed::Delete(Delete { get, erase }) => {
                let query = if erase { "?erase=true" } else { "" };
                let path = format!("/v1/memories/{}{query}", get.id);
                ask(&get.reach, &get.tenant, shared, async |door| door.delete(&path).await).await?;
                let shown = json!({"id": get.id, "deleted": true, "erased": erase});
                show(shared, &shown, |_| {
                    let how = if erase { "erased" } else { "forgot" };
                    terminal::line(format!("{how} memory {}", get.id))
                })
            }
            Deed::List(list) => list.run(shared).await,
        }
    }
}

impl Add {
    pub(crate) async fn run(self, shared: &Shared) -> Result<(), Failure> {
        let content = match self.content.as_str() {
            "-" => std::io::read_to_string(std::io::stdin()).map_err(Failure::refused)?,
            _ => self.content,
        };
        let mut body = Map::new();
        body.insert("content".to_owned(), content.into());
        if !self.tags.is_empty() {
            body.insert("tags".to_owned(), self.tags.into());
        }
        for (name, value) in [
            ("kind", self.kind.map(Value::from)),
            ("importance", self.importance.map(Value::from)),
            ("workspace", self.workspace.map(Value::from)),
            ("actor", self.actor.map(Value::from)),
            ("session_id", self.session.map(Value::from)),
            ("event_time", self.event_time.map(Value::from)),
            ("custom_id", self.custom_id.map(Value::from)),
        ] {
            if let Some(value) = value {
                body.insert(name.to_owned(), value);
            }
        }
        let memory: Value =
            ask(&self.reach, &self.tenant, shared, async |door| door.post("/v1/memories", &body).await)
                .await?;
        show(shared, &memory, |memory| terminal::line(format!("remembered as memory {}", memory["id"])))
    }
}

impl Search {
    pub(crate) async fn run(self, shared: &Shared) -> Result<(), Failure> {
        let mut body =
            json!({"query": self.query, "limit": self.limit, "explain": self.explain, "rerank": self.rerank});
        if let Some(workspace) = self.workspace {
            body["workspace"] = workspace.into();
        }
        if let Some(diversity) = self.diversity {
            body["diversity"] = diversity.into();
        }
        if let Some(filters) = self.filters {
            body["filters"] = filters_of(&filters)?;
        }
        let answer: Value =
            ask(&self.reach, &self.tenant, shared, async |door| door.post("/v1/search", &body).await).await?;
        show(shared, &answer, hits)
    }
}

impl Context {
    async fn run(self, shared: &Shared) -> Result<(), Failure> {
        let body = json!({
            "query": self.query,
            "budget_tokens": self.budget_tokens,
            "limit": self.limit,
            "order": self.order,
            "workspace": self.workspace,
            "filters": self.filters.as_deref().map(filters_of).transpose()?,
            "min_score": self.min_score,
            "rerank": self.rerank.then_some(true),
        });
        let answer: Value =
            ask(&self.reach, &self.tenant, shared, async |door| door.post("/v1/context", &body).await)
                .await?;
        show(shared, &answer, |answer| {
            match answer["text"].as_str() {
                Some(text) if !text.is_empty() => terminal::line(text),
                _ => terminal::remark("nothing is remembered of it"),
            }
            let left_out = &answer["left_out"];
            terminal::remark(format!(
                "about {} tokens; left out: {} that say the same, {} for want of room",
                answer["tokens"], left_out["near_duplicates"], left_out["over_budget"],
            ));
        })
    }
}

impl List {
    async fn run(self, shared: &Shared) -> Result<(), Failure> {
        let mut path = format!("/v1/memories?limit={}", self.limit);
        for (name, value) in [("cursor", self.cursor), ("workspace", self.workspace)] {
            if let Some(value) = value {
                path.push_str(&format!("&{name}={}", encode(&value)));
            }
        }
        let page: Value = ask(&self.reach, &self.tenant, shared, async |door| door.get(&path).await).await?;
        show(shared, &page, |page| {
            let rows = items(page).map(|memory| {
                [
                    text(&memory["id"]),
                    text(&memory["workspace"]),
                    text(&memory["kind"]),
                    shortened(&memory["content"]),
                ]
            });
            terminal::table(["ID", "WORKSPACE", "KIND", "CONTENT"], &[0], rows);
            if let Some(cursor) = page["next_cursor"].as_str() {
                terminal::remark(format!("more: --cursor {cursor}"));
            }
        })
    }
}

fn filters_of(text: &str) -> Result<Value, Failure> {
    serde_json::from_str(text).map_err(|error| Failure::usage(format!("--filters is not JSON: {error}")))
}

/// Opens the door, asks once, closes it.
async fn ask<T>(
    reach: &Reach,
    tenant: &AsTenant,
    shared: &Shared,
    question: impl AsyncFnOnce(&Door) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let door = Door::open(reach, shared).await?.acting_for(tenant.tenant.as_deref());
    let answer = question(&door).await;
    door.close().await;
    answer
}

fn show(shared: &Shared, value: &Value, people: impl FnOnce(&Value)) -> Result<(), Failure> {
    match shared.format() {
        Format::Json => terminal::json(value),
        Format::People => {
            people(value);
            Ok(())
        }
    }
}

/// Every field that is set, one a line.
fn one(memory: &Value) {
    for (name, value) in memory.as_object().into_iter().flatten() {
        let empty = value.is_null()
            || value.as_array().is_some_and(Vec::is_empty)
            || value.as_object().is_some_and(Map::is_empty);
        if !empty {
            terminal::line(format!("{:<14} {}", name, text(value)));
        }
    }
}

fn hits(answer: &Value) {
    for hit in items(answer) {
        let memory = &hit["memory"];
        let score = hit["score"].as_f64().unwrap_or_default();
        terminal::line(format!(
            "{score:.2}  {}  {}",
            terminal::strong(&format!("#{}", memory["id"])),
            shortened(&memory["content"])
        ));
        for signal in hit["explain"]["signals"].as_array().into_iter().flatten() {
            let number = |name: &str| signal[name].as_f64().unwrap_or_default();
            let (value, weight, part) = (number("value"), number("weight"), number("contribution"));
            terminal::line(format!(
                "        {:<11} {value:.3} x {weight} = {part:.3}",
                text(&signal["name"])
            ));
        }
    }
    if items(answer).next().is_none() {
        terminal::remark("nothing found");
    }
}

fn items(page: &Value) -> impl Iterator<Item = &Value> {
    page["items"].as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The text on one line, cut at a length that a terminal shows well.
fn shortened(value: &Value) -> String {
    let line = text(value).split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}
