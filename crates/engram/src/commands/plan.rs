//! `engram plan`: what tenants may use, changed while the service runs.

use api::{Plan as WirePlan, PlanList, TenantDetails, UsageLimits};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::cli::{Reach, Shared};
use crate::door::{Door, encode};
use crate::failure::Failure;
use crate::terminal::{self, Format};

const EXAMPLES: &str = "\
Examples:
  engram plan list
  engram plan show free
  engram plan show --tenant acme                                  the limits in force for one tenant
  engram plan set --tenant acme --limit memories=100              limits of one tenant alone
  engram plan set --plan team --limit memories=1000000 --limit api_calls_per_day=none
  engram plan set --plan team --limit read.per_second=50 --limit read.burst=100

Limits: memories, workspaces, storage_bytes, api_calls_per_day, and per_second and burst of read, write and search;
`none` removes one. What is not named stays as it is. Running services follow at once.
To put a tenant on another plan: engram tenant set-plan acme team";

/// Limits that stand alone.
const AMOUNTS: &[&str] = &["memories", "workspaces", "storage_bytes", "api_calls_per_day"];
/// Classes of requests, each with a rate.
const CLASSES: &[&str] = &["read", "write", "search"];
/// The two numbers of a rate.
const RATE_PARTS: &[&str] = &["per_second", "burst"];

/// Show and change what tenants may use
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Plan {
    #[command(subcommand)]
    deed: Deed,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// List plans with their limits
    List,
    /// Show the limits of a plan, or those in force for a tenant
    Show {
        /// The plan
        #[arg(required_unless_present = "tenant", conflicts_with = "tenant")]
        name: Option<String>,
        /// The tenant
        #[arg(long, value_name = "SLUG")]
        tenant: Option<String>,
    },
    /// Make or change a plan, or the limits of one tenant alone
    Set {
        /// The plan; made if there is none of that name
        #[arg(long, value_name = "NAME", required_unless_present = "tenant", conflicts_with = "tenant")]
        plan: Option<String>,
        /// The tenant that gets limits of its own
        #[arg(long, value_name = "SLUG")]
        tenant: Option<String>,
        /// A limit, such as memories=100 or write=none; may be given several times
        #[arg(long = "limit", value_name = "NAME=VALUE", required = true)]
        limits: Vec<String>,
    },
}

impl Plan {
    pub(crate) async fn run(self, shared: &Shared) -> Result<(), Failure> {
        let door = Door::open(&self.reach, shared).await?;
        let outcome = self.deed.run(&door, shared.format()).await;
        door.close().await;
        outcome
    }
}

impl Deed {
    async fn run(self, door: &Door, format: Format) -> Result<(), Failure> {
        match self {
            Self::List => {
                let plans: PlanList = door.get("/plans").await?;
                if format == Format::Json {
                    return terminal::json(&plans);
                }
                show_plans(plans.items);
            }
            Self::Show { name, tenant } => {
                let plan = match tenant {
                    Some(slug) => of_tenant(door, &slug).await?,
                    None => named(door, &name.unwrap_or_default()).await?,
                };
                show(format, plan)?;
            }
            Self::Set { plan, tenant, limits } => {
                let mut body = json!({ "limits": limits_of(&limits)? });
                match (plan, tenant) {
                    (_, Some(slug)) => body["tenant"] = slug.into(),
                    (name, None) => body["name"] = name.unwrap_or_default().into(),
                }
                show(format, door.post("/plans", &body).await?)?;
            }
        }
        Ok(())
    }
}

async fn of_tenant(door: &Door, slug: &str) -> Result<WirePlan, Failure> {
    let found: TenantDetails = door.get(&format!("/tenants/{}", encode(slug))).await?;
    Ok(WirePlan { name: found.tenant.plan, limits: found.limits })
}

async fn named(door: &Door, name: &str) -> Result<WirePlan, Failure> {
    let plans: PlanList = door.get("/plans").await?;
    let found = plans.items.into_iter().find(|plan| plan.name == name);
    found.ok_or_else(|| Failure::refused(format!("there is no plan {name:?}; `engram plan list` lists them")))
}

fn show(format: Format, plan: WirePlan) -> Result<(), Failure> {
    if format == Format::Json {
        return terminal::json(&plan);
    }
    show_plans(vec![plan]);
    Ok(())
}

fn show_plans(plans: Vec<WirePlan>) {
    let rows = plans.into_iter().map(|plan| {
        let [memories, workspaces, bytes, calls, read, write, search] = cells(&plan.limits);
        [plan.name, memories, workspaces, bytes, calls, read, write, search]
    });
    let header = ["PLAN", "MEMORIES", "WORKSPACES", "BYTES", "CALLS/DAY", "READ/S", "WRITE/S", "SEARCH/S"];
    terminal::table(header, &[1, 2, 3, 4, 5, 6, 7], rows);
}

/// Each limit as a person reads it; a dash is no limit.
pub(super) fn cells(limits: &UsageLimits) -> [String; 7] {
    let amount = |limit: Option<u64>| limit.map_or_else(|| "-".to_owned(), |limit| limit.to_string());
    let rate = |bucket: &Option<api::TokenBucket>| {
        let text = bucket.as_ref().map(|bucket| format!("{} ({} at once)", bucket.per_second, bucket.burst));
        text.unwrap_or_else(|| "-".to_owned())
    };
    [
        amount(limits.memories),
        amount(limits.workspaces),
        amount(limits.storage_bytes),
        amount(limits.api_calls_per_day),
        rate(&limits.rates.read),
        rate(&limits.rates.write),
        rate(&limits.rates.search),
    ]
}

/// The limits that change, as the service takes them: `null` removes one, an absent one stays.
fn limits_of(pairs: &[String]) -> Result<Value, Failure> {
    let mut limits = Map::new();
    let mut rates: Map<String, Value> = Map::new();
    for pair in pairs {
        let wrong = |why: &str| Failure::usage(format!("--limit {pair}: {why}"));
        let (name, value) = pair.split_once('=').ok_or_else(|| wrong("must have the form NAME=VALUE"))?;
        let value = match value {
            "none" => Value::Null,
            number => number.parse::<u64>().map_err(|_| wrong("must be a whole number or none"))?.into(),
        };
        let name = name.strip_prefix("rates.").unwrap_or(name);
        match name.split_once('.') {
            None if AMOUNTS.contains(&name) => {
                limits.insert(name.to_owned(), value);
            }
            None if CLASSES.contains(&name) && value.is_null() => {
                rates.insert(name.to_owned(), Value::Null);
            }
            Some((class, part)) if CLASSES.contains(&class) && RATE_PARTS.contains(&part) => {
                if value.is_null() {
                    return Err(wrong(&format!("a rate is removed as a whole: --limit {class}=none")));
                }
                match rates.entry(class).or_insert_with(|| json!({})) {
                    Value::Object(rate) => {
                        rate.insert(part.to_owned(), value);
                    }
                    _ => return Err(wrong("the same rate is removed and set")),
                }
            }
            None | Some(_) => {
                let known = "memories, workspaces, storage_bytes, api_calls_per_day, and read, write and search with \
                             .per_second and .burst";
                return Err(wrong(&format!("there is no such limit; there are {known}")));
            }
        }
    }
    if !rates.is_empty() {
        limits.insert("rates".to_owned(), Value::Object(rates));
    }
    Ok(Value::Object(limits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pairs: &[&str], want: Result<Value, &str>) {
        let pairs: Vec<_> = pairs.iter().map(ToString::to_string).collect();
        match (limits_of(&pairs), want) {
            (Ok(got), Ok(want)) => assert_eq!(got, want, "{pairs:?}"),
            (Err(got), Err(want)) => assert!(got.to_string().contains(want), "{pairs:?}: {got}"),
            (got, want) => panic!("{pairs:?}: {got:?}, not {want:?}"),
        }
    }

    #[test]
    fn limits_are_said_as_name_and_value() {
        check(&["memories=100", "workspaces=none"], Ok(json!({"memories": 100, "workspaces": null})));
        check(
            &["read.per_second=5", "read.burst=9", "write=none", "rates.search.per_second=1"],
            Ok(json!({"rates": {
                "read": {"per_second": 5, "burst": 9}, "write": null, "search": {"per_second": 1},
            }})),
        );
        check(&["memories"], Err("NAME=VALUE"));
        check(&["memories=many"], Err("whole number or none"));
        check(&["memory=1"], Err("there is no such limit"));
        check(&["read=5"], Err("there is no such limit"));
        check(&["read.per_second=none"], Err("--limit read=none"));
        check(&["read=none", "read.burst=1"], Err("removed and set"));
    }
}
