//! Tenants with something to lose: memories, workspaces, people, keys and invites, full of words of their own.

use http::Method;
use serde_json::{Value, json};

use crate::house::House;
use crate::issuer::Issuer;
use crate::marks::{Class, Marks};
use crate::pool::Pool;

/// What tenants never get done, whatever they send: what belongs to whoever runs the service, an invite without its
/// token, and a page that only leads to another.
pub(crate) const CLOSED_TO_TENANTS: &[&str] = &[
    "DELETE /membership",
    "DELETE /tenants/{slug}",
    "GET /",
    "GET /checks",
    "GET /jwks",
    "GET /load",
    "GET /plans",
    "GET /restore-tests",
    "GET /runs/{run}",
    "GET /tenants/{slug}/deletion",
    "GET /tenants/{slug}/salvage",
    "GET /usage",
    "GET /usage/events",
    "GET /usage/reconciliation",
    "PATCH /load",
    "PATCH /tenants/{slug}",
    "POST /backups",
    "POST /checks/repair",
    "POST /invites/accept",
    "POST /jwks/refresh",
    "POST /members",
    "POST /operator-key/rotate",
    "POST /operator-keys",
    "POST /plans",
    "POST /restore-tests",
    "POST /tenants",
    "POST /tenants/{slug}/restores",
    "POST /usage/adjustments",
    // No tenant's: nobody makes up an export by chance.
    "POST /v1/import",
];

/// A tenant and everything another could try to use of it.
pub(crate) struct Settler {
    pub(crate) slug: String,
    /// Opens everything in the tenant.
    pub(crate) key: String,
    /// An owner of the tenant.
    pub(crate) person: String,
    pub(crate) pool: Pool,
}

/// Settles one tenant.
pub(crate) async fn settle(house: &House, issuer: &Issuer, marks: &mut Marks, number: usize) -> Settler {
    let slug = marks.mint(number, "tenant", Class::Handle);
    let key = house.another_tenant(&slug).await;
    let person = marks.mint(number, "person", Class::Handle);
    let member = json!({ "tenant": slug, "user_id": person, "role": "owner", "email": format!("{person}@example.com") });
    house.ask_locally(Method::POST, "/members", member).await.expect(201);
    let mut settler = Settler { slug: slug.clone(), key, person, pool: Pool::default() };
    for keys in house.ask_as(&settler.key, Method::GET, "/api-keys", Value::Null).await.json()["items"]
        .as_array()
        .into_iter()
        .flatten()
    {
        // The key that asks must live on.
        settler.pool.keep_out(keys["id"].clone());
    }
    settler.pool.keep_out(settler.person.clone());
    settler.pool.add("tenants", "slug", json!(slug));
    for round in 0..12 {
        let mut word = |name: &str| marks.mint(number, name, Class::Memory);
        let body = json!({
            "content": format!("the secret {} of {}", word("word"), word("thing")),
            "workspace": if round % 3 == 0 { word("space") } else { format!("{slug}-notes") },
            "user_id": word("user"), "agent_id": word("agent"), "session_id": word("session"),
            "actor": word("actor"), "custom_id": word("custom"), "tags": [word("tag")],
            "metadata": { "city": word("city") }, "kind": "note",
        });
        let made = settler.ask(house, Method::POST, "/v1/memories", body).await;
        settler.learn("memories", &made, marks, number);
        // So that there is a version to go back to.
        let (path, change) = (format!("/v1/memories/{}", made["id"]), json!({ "importance": 0.7 }));
        let changed = settler.ask(house, Method::PATCH, &path, change).await;
        settler.learn("memories", &changed, marks, number);
    }
    let named = |name: String| json!({ "name": name, "scopes": ["search"] });
    for _ in 0..3 {
        let name = marks.mint(number, "keyname", Class::Handle);
        let made = settler.ask(house, Method::POST, "/api-keys", named(name)).await;
        settler.learn("api-keys", &made, marks, number);
        let invite = json!({ "role": "member", "email": format!("{}@example.com", marks.mint(number, "guest", Class::Handle)) });
        let made = settler.ask(house, Method::POST, "/invites", invite).await;
        settler.learn("invites", &made, marks, number);
        let user = marks.mint(number, "colleague", Class::Handle);
        let member = json!({ "tenant": slug, "user_id": user, "role": "member" });
        let made = house.ask_locally(Method::POST, "/members", member).await.expect(201);
        settler.learn("members", &made, marks, number);
    }
    let run = settler.ask(house, Method::POST, &format!("/tenants/{slug}/backups"), json!({})).await;
    settler.pool.add("runs", "run", run["id"].clone());
    settler.learn("backups", &run, marks, number);
    for (noun, path) in [("memories", "/v1/memories?limit=2"), ("audit-log", "/audit-log?limit=2")] {
        let page = settler.ask(house, Method::GET, path, Value::Null).await;
        settler.learn(noun, &page, marks, number);
    }
    // So that people can speak for it, too.
    let _ = issuer.token(&settler.person, 0);
    settler
}

impl Settler {
    /// Takes what an answer of one's own says as one's own.
    pub(crate) fn learn(&mut self, noun: &str, answer: &Value, marks: &mut Marks, number: usize) {
        self.pool.harvest(noun, answer);
        claim(answer, marks, number);
    }

    /// Everything the tenant has, as its own key sees it.
    pub(crate) async fn snapshot(&self, house: &House) -> Vec<String> {
        let mut all = Vec::new();
        for path in [
            "/v1/memories?limit=100",
            "/v1/workspaces",
            "/v1/stats",
            "/members",
            "/invites",
            "/audit-log?limit=100",
        ] {
            let mut seen = self.ask(house, Method::GET, path, Value::Null).await;
            // A key's last use is no change of the tenant's.
            forget(&mut seen, "last_used_at");
            all.push(seen.to_string());
        }
        all
    }

    async fn ask(&self, house: &House, method: Method, path: &str, body: Value) -> Value {
        let answer = house.ask_as(&self.key, method, path, body).await;
        assert!((200..300).contains(&answer.status), "{path}: {}", answer.text);
        answer.json()
    }
}

/// Ids that the service made are as telling as words.
fn claim(answer: &Value, marks: &mut Marks, number: usize) {
    match answer {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str() {
                    Some(id) if name == "id" && id.contains('_') => marks.claim(id, number, Class::Handle),
                    _ => claim(value, marks, number),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| claim(item, marks, number)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn forget(value: &mut Value, field: &str) {
    match value {
        Value::Object(fields) => {
            fields.remove(field);
            fields.values_mut().for_each(|value| forget(value, field));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| forget(item, field)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
