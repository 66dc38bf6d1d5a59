//! The proof of isolation: tenants ask for everything the service offers with each other's ids, cursors, names, keys,
//! tokens, hosts and filters, in ten thousand seeded requests; nobody learns a word of another, and a tenant that only
//! watches is left exactly as it was.
//!
//! What can be asked is read from the service itself (its OpenAPI document and its MCP lists), so a new route or tool
//! is part of this by being there. `ISOLATION_SEED` and `ISOLATION_REQUESTS` make another run or a longer one.

mod asking;
mod deeds;
mod dice;
#[path = "../suite/house.rs"]
#[allow(dead_code, reason = "the tests of the REST contract use more of it")]
mod house;
#[path = "../suite/issuer.rs"]
mod issuer;
mod marks;
mod pool;
mod settlers;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::Value;

use asking::{Asked, ask, build};
use deeds::Deed;
use dice::Dice;
use house::{Answer, House};
use issuer::Issuer;
use marks::{Leak, Marks};
use settlers::{Settler, settle};

const REQUESTS: usize = 10_000;
const SEED: u64 = 20_261_125;
/// Who only watches: everybody else tries its names, and it must stay as it was.
const WATCHER: usize = 0;
const TENANTS: usize = 3;
/// What ends the tenant that does it.
const DELETE_A_TENANT: &str = "DELETE /tenants/{slug}";
const REVERT_A_MEMORY: &str = "POST /v1/memories/{id}/revert";
const RESTORE_A_TENANT: &str = "POST /tenants/{slug}/restores";
/// What ends the caller's membership of the tenant it names.
const LEAVE_A_TENANT: &str = "DELETE /membership";
/// What makes the caller a member of the tenant whose token it holds.
const ACCEPT_AN_INVITE: &str = "POST /invites/accept";

/// How often a deed was asked for, and how often it was done.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    asked: usize,
    done: usize,
}

struct World {
    house: House,
    issuer: Issuer,
    settlers: Vec<Settler>,
    marks: Marks,
    dice: Dice,
    tallies: BTreeMap<String, Tally>,
}

#[tokio::test]
async fn ten_thousand_requests_with_each_others_names_leak_nothing() {
    let seed = number("ISOLATION_SEED", SEED);
    let requests = number("ISOLATION_REQUESTS", REQUESTS as u64) as usize;
    let mut world = World::new(seed).await;
    let deeds = deeds::all(&world.house).await;
    let before = world.settlers[WATCHER].snapshot(&world.house).await;
    for round in 0..requests {
        let deed = &deeds[round % deeds.len()];
        let caller = 1 + world.dice.below(TENANTS - 1);
        if let Err(fault) = world.one(deed, caller).await {
            panic!("seed {seed}, request {round}, {}: {fault}", deed.name);
        }
    }
    let after = world.settlers[WATCHER].snapshot(&world.house).await;
    assert_eq!(before, after, "seed {seed}: who only watched was changed");
    world.require_a_fair_trial(&deeds, requests);
}

/// What the detector says of an answer that belongs to somebody else: if this were green, so would be a leak.
#[tokio::test]
async fn an_answer_of_another_tenant_is_noticed() {
    let world = World::new(SEED).await;
    let watcher = &world.settlers[WATCHER];
    for path in ["/v1/memories", "/members", "/invites", "/api-keys", "/audit-log", "/v1/workspaces"] {
        let theirs = world.house.ask_as(&watcher.key, http::Method::GET, path, Value::Null).await;
        assert_eq!(theirs.status, 200, "{path}: {}", theirs.text);
        assert!(world.judge(1, &theirs).is_err(), "{path} tells nothing of its tenant: {}", theirs.text);
        assert!(world.judge(WATCHER, &theirs).is_ok());
    }
}

impl World {
    async fn new(seed: u64) -> Self {
        let issuer = Issuer::start().await;
        let house = House::with(|config| {
            issuer.trusted_by(config);
            config.service.domain = Some("engram.test".to_owned());
        })
        .await;
        let mut marks = Marks::default();
        let mut settlers = Vec::new();
        for number in 0..TENANTS {
            settlers.push(settle(&house, &issuer, &mut marks, number).await);
        }
        Self { house, issuer, settlers, marks, dice: Dice::seeded(seed), tallies: BTreeMap::new() }
    }

    /// Asks once, as `caller`, with names of a third.
    async fn one(&mut self, deed: &Deed, caller: usize) -> Result<(), String> {
        let mut victim = self.dice.below(TENANTS);
        if victim == caller {
            victim = WATCHER;
        }
        let (own, foreign) = (&self.settlers[caller], &self.settlers[victim]);
        let (names, others) = match deed.name.as_str() {
            // It may delete itself, leave itself or go back to an older state, and what follows would be refused and prove nothing.
            DELETE_A_TENANT | LEAVE_A_TENANT | RESTORE_A_TENANT => (foreign, foreign),
            // An invite's token makes whoever holds it a member: that is its purpose, and no leak.
            ACCEPT_AN_INVITE => (own, own),
            _ => (own, foreign),
        };
        let asked: Asked = build(deed, names, others, &mut self.marks, &mut self.dice, caller);
        let answer = ask(&self.house, &self.issuer, own, &asked, &mut self.dice).await;
        let tally = self.tallies.entry(deed.name.clone()).or_default();
        tally.asked += 1;
        tally.done += usize::from((200..300).contains(&answer.status));
        if answer.status >= 500 {
            return Err(format!("{asked:?} is answered {}: {}", answer.status, answer.text));
        }
        self.judge(caller, &answer).map_err(|leaks| format!("{asked:?} leaks {leaks:?}: {}", answer.text))?;
        // What is new belongs to whoever made it, and may be tried on the others.
        if let Ok(body) = serde_json::from_str::<Value>(&answer.text) {
            self.settlers[caller].learn(&deed.noun, &body, &mut self.marks, caller);
        }
        Ok(())
    }

    fn judge(&self, caller: usize, answer: &Answer) -> Result<(), Vec<Leak>> {
        let mut said = answer.text.clone();
        for (name, value) in &answer.headers {
            let _ = write!(said, "\n{name}: {}", value.to_str().unwrap_or(""));
        }
        let leaks = self.marks.leaks(caller, &said);
        if leaks.is_empty() { Ok(()) } else { Err(leaks) }
    }

    /// A run in which everything is refused proves nothing.
    fn require_a_fair_trial(&self, deeds: &[Deed], requests: usize) {
        let enough = requests / deeds.len();
        let mut told = String::new();
        for deed in deeds {
            let tally = self.tallies.get(&deed.name).copied().unwrap_or_default();
            let _ = writeln!(told, "{:6} asked {:6} done  {}", tally.asked, tally.done, deed.name);
            assert!(tally.asked >= enough, "{} was asked for {} times", deed.name, tally.asked);
        }
        let done: usize = self.tallies.values().map(|tally| tally.done).sum();
        let never: BTreeSet<_> = deeds
            .iter()
            .filter(|deed| self.tallies.get(&deed.name).is_none_or(|tally| tally.done == 0))
            .map(|deed| deed.name.as_str())
            .collect();
        assert!(done * 100 >= requests * 30, "only {done} of {requests} were done:\n{told}");
        let mut closed: BTreeSet<_> = settlers::CLOSED_TO_TENANTS.iter().copied().collect();
        // It needs a memory that still lives and has the version asked for, which is a matter of luck.
        closed.extend(never.iter().copied().filter(|name| *name == REVERT_A_MEMORY));
        assert_eq!(never, closed, "what no tenant ever got done:\n{told}");
    }
}

/// A number from the environment.
#[allow(clippy::disallowed_methods, reason = "how a person asks for another run")]
fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}
