//! The console as a browser meets it: sessions and how they end, forms and where they may come from, what pages say of
//! themselves, and everything a person can type shown as text.

mod alerts;
mod backups;
mod pages;
mod sessions;

use std::time::Duration;

use axum::body::Body;
use gateway::Peer;
use http::{Method, Request, header};
use serde_json::{Value, json};
use tenancy::Environment;

use crate::house::{Answer, House};
use crate::issuer::Issuer;

const SIGN_IN: &str = "/console/sign-in";
/// What people type when they want to know.
const NASTY: &str =
    "</textarea></p><script>alert(1)</script> \u{202e}\"'><img src=x onerror=alert(1)> &amp; שלום 🐈 ${7*7}";

/// A browser: one cookie, and the token of the page it looked at last.
struct Browser<'a> {
    house: &'a House,
    cookie: String,
    visit: String,
    token: String,
    peer: Option<Peer>,
    host: &'static str,
}

/// Somebody who runs the service, signed in with one click.
async fn operator(house: &House) -> Browser<'_> {
    let mut browser = Browser::new(house);
    browser.get(SIGN_IN).await.page(200);
    browser.post("/console/sign-in/dev", &[("as", "operator")]).await.page(303);
    browser
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

impl Answer {
    /// Checks the status of a page.
    #[track_caller]
    fn page(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }
}

impl<'a> Browser<'a> {
    fn new(house: &'a House) -> Self {
        let peer = Some(Peer::Network([127, 0, 0, 1].into()));
        Self {
            house,
            cookie: String::new(),
            visit: String::new(),
            token: String::new(),
            peer,
            host: "127.0.0.1:8080",
        }
    }

    /// One that signed in with a key.
    async fn signed_in(house: &'a House, key: &str) -> Self {
        let mut browser = Self::new(house);
        browser.get(SIGN_IN).await.page(200);
        browser.post(SIGN_IN, &[("key", key)]).await.page(303);
        browser
    }

    async fn get(&mut self, path: &str) -> Answer {
        let answer = self.send(Request::get(path), String::new()).await;
        if let Some((_, rest)) = answer.text.split_once("name=\"form_token\" value=\"") {
            self.token = rest.split('"').next().unwrap().to_owned();
        }
        answer
    }

    async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.token.clone();
        self.post_from(path, fields, &token, &[]).await
    }

    async fn post_from(
        &mut self,
        path: &str,
        fields: &[(&str, &str)],
        token: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let pair = |(name, value): &(&str, &str)| format!("{name}={}", encoded(value));
        let token = ("form_token", token);
        let body = fields.iter().chain([&token]).map(pair).collect::<Vec<_>>().join("&");
        let request =
            headers.iter().fold(Request::post(path), |request, (name, value)| request.header(*name, *value));
        self.send(request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded"), body).await
    }

    async fn send(&mut self, request: http::request::Builder, body: String) -> Answer {
        let mut request = request.header(header::HOST, self.host);
        for (name, value) in [("engram_session", &self.cookie), ("engram_visit", &self.visit)] {
            if !value.is_empty() {
                request = request.header(header::COOKIE, format!("{name}={value}"));
            }
        }
        if let Some(peer) = self.peer {
            request = request.extension(peer);
        }
        let answer = self.house.send(request.body(Body::from(body)).unwrap()).await;
        for line in answer.headers.get_all(header::SET_COOKIE) {
            let (name, rest) = line.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap().to_owned();
            match name {
                "engram_session" => self.cookie = value,
                "engram_visit" => self.visit = value,
                _ => {}
            }
        }
        answer
    }

    /// Whether a page opens, rather than leads to the sign-in.
    async fn is_in(&mut self) -> bool {
        let answer = self.get("/console/memories").await;
        assert!(answer.status == 200 || answer.header("location").starts_with(SIGN_IN), "{answer:?}");
        answer.status == 200
    }
}

#[tokio::test]
async fn a_session_begins_under_a_new_name_whatever_the_browser_brought() {
    let house = House::new().await;
    let mut browser = Browser::new(&house);
    browser.cookie = "planted-by-somebody".to_owned();
    browser.get(SIGN_IN).await.page(200);
    let answer = browser.post(SIGN_IN, &[("key", &house.key), ("next", "//evil.example")]).await;
    answer.page(303);
    assert_eq!(answer.header("location"), "/console");
    let line = answer.header("set-cookie");
    assert!(line.contains("; HttpOnly; SameSite=Strict") && line.contains("; Path=/;"), "{line}");
    assert_eq!(browser.cookie.len(), 43, "256 bits");
    assert!(browser.is_in().await);

    let mut planter = Browser { cookie: "planted-by-somebody".to_owned(), ..Browser::new(&house) };
    assert!(!planter.is_in().await, "the name that was planted opens nothing");
    let first = browser.cookie.clone();
    browser.get("/console").await;
    browser.post(SIGN_IN, &[("key", &house.key)]).await.page(303);
    assert_ne!(browser.cookie, first);
    let mut old = Browser { cookie: first, ..Browser::new(&house) };
    assert!(!old.is_in().await, "a new session ends the one before it");
}

#[tokio::test]
async fn sessions_end_by_time_by_silence_by_hand_and_with_their_key() {
    let house = House::with(|config| {
        config.console.session = Duration::from_secs(3_600);
        config.console.idle = Duration::from_secs(600);
    })
    .await;
    let mut silent = Browser::signed_in(&house, &house.key).await;
    house.clock.advance_ms(599_000);
    assert!(silent.is_in().await);
    house.clock.advance_ms(600_000);
    assert!(!silent.is_in().await);

    let mut busy = Browser::signed_in(&house, &house.key).await;
    for _ in 0..7 {
        house.clock.advance_ms(500_000);
        assert!(busy.is_in().await);
    }
    house.clock.advance_ms(100_000);
    assert!(!busy.is_in().await, "an hour is over");

    let mut leaving = Browser::signed_in(&house, &house.key).await;
    leaving.get("/console").await.page(200);
    leaving.post("/console/sign-out", &[]).await.page(303);
    assert!(!leaving.is_in().await);

    let made = house.post("/api-keys", json!({"scopes": ["memories:read", "search"]})).await.expect(201);
    let mut revoked = Browser::signed_in(&house, made["key"].as_str().unwrap()).await;
    assert!(revoked.is_in().await);
    house.delete(&format!("/api-keys/{}", made["id"].as_str().unwrap())).await.expect(200);
    assert!(!revoked.is_in().await);
}

#[tokio::test]
async fn a_form_counts_only_from_a_page_of_ours() {
    let house = House::new().await;
    let mut browser = Browser::signed_in(&house, &house.key).await;
    let mut other = Browser::signed_in(&house, &house.key).await;
    browser.get("/console/memories/new").await.page(200);
    other.get("/console/memories/new").await.page(200);
    let fields = [("content", "from a form")];
    let (own, of_other) = (browser.token.clone(), other.token.clone());
    for (token, headers) in [
        ("", &[][..]),
        ("0123456789abcdef", &[]),
        (&of_other, &[]),
        (&own, &[("sec-fetch-site", "cross-site")]),
        (&own, &[("sec-fetch-site", "same-site")]),
        (&own, &[("origin", "https://evil.example")]),
        (&own, &[("origin", "null")]),
    ] {
        let answer = browser.post_from("/console/memories", &fields, token, headers).await;
        assert_eq!(answer.status, 403, "{token} {headers:?}");
    }
    assert_eq!(house.get("/v1/stats").await.expect(200)["memories"], 0);
    let own_page = [("sec-fetch-site", "same-origin"), ("origin", "http://127.0.0.1:8080")];
    let answer = browser.post_from("/console/memories", &fields, &own, &own_page).await;
    answer.page(303);
    assert_eq!(answer.header("location"), "/console/memories/1?done=created");
    // Every deed is a POST: no link does anything.
    for path in
        ["/console/sign-out", "/console/memories/1/delete", "/console/keys/x/revoke", "/console/theme"]
    {
        assert_eq!(browser.get(path).await.status, 405, "{path}");
    }
    // Nobody signs a browser in from elsewhere.
    let mut guest = Browser::new(&house);
    guest.get(SIGN_IN).await.page(200);
    let token = guest.token.clone();
    let foreign = [("sec-fetch-site", "cross-site")];
    assert_eq!(guest.post_from(SIGN_IN, &[("key", &house.key)], &token, &foreign).await.status, 403);
}

#[tokio::test]
async fn whoever_is_led_here_from_elsewhere_keeps_their_session() {
    let house = House::new().await;
    let mut browser = Browser::signed_in(&house, &house.key).await;
    let session = std::mem::take(&mut browser.cookie);
    // Browsers leave the strict cookie at home, and ask again from the page that this is.
    let led = browser
        .send(
            Request::get("/console/memories?kind=fact").header("sec-fetch-site", "cross-site"),
            String::new(),
        )
        .await;
    assert_eq!((led.status, led.header("refresh")), (200, "0; url=/console/memories?kind=fact"));
    browser.get("/console/memories").await.page(303);
    browser.get(SIGN_IN).await.page(200);
    assert_eq!(browser.cookie, "", "no page for guests replaces the session");
    browser.cookie = session;
    assert!(browser.is_in().await);
}

#[tokio::test]
async fn pages_keep_to_themselves() {
    let house = House::new().await;
    let mut browser = Browser::signed_in(&house, &house.key).await;
    for path in ["/console", "/console/search?q=x", "/console/nowhere", SIGN_IN, "/console/service"] {
        let answer = browser.get(path).await;
        let policy = answer.header("content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'self';",
            "style-src 'self';",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert!(!answer.text.contains(" style=") && !answer.text.contains(" onclick="), "{path}");
    }
    let page = browser.get("/console").await.text;
    let style =
        page.split("href=\"").find(|rest| rest.contains(".css\"")).unwrap().split('"').next().unwrap();
    let asset = browser.get(style).await;
    assert_eq!((asset.status, asset.header("cache-control")), (200, "public, max-age=31536000, immutable"));
}

#[tokio::test]
async fn what_is_typed_shows_as_text() {
    let house = House::new().await;
    house
        .post("/v1/memories", json!({"content": NASTY, "kind": "note", "tags": ["<i>"], "actor": NASTY, "metadata": {"<b>": "<u>"}}))
        .await
        .expect(201);
    house
        .patch("/v1/memories/1", json!({"content": format!("{NASTY} changed"), "tags": ["<s>"]}))
        .await
        .expect(200);
    house.post("/api-keys", json!({"name": "<script>name</script>"})).await.expect(201);
    let mut browser = Browser::signed_in(&house, &house.key).await;
    let query = encoded(NASTY);
    let pages = [
        "/console",
        "/console/memories",
        "/console/memories/1",
        "/console/memories/1/edit",
        "/console/keys",
        "/console/audit-log",
    ]
    .map(str::to_owned);
    let asked = [
        "search?q",
        "search?q=alert&filters",
        "memories?kind",
        "memories?workspace",
        "memories?cursor",
        "quickstart?for",
        "sign-in?next",
    ]
    .map(|path| format!("/console/{path}={query}"));
    for path in pages.iter().chain(&asked) {
        let answer = browser.get(path).await;
        for tag in ["<script>", "<img src=x", "<i>", "<s>", "<u>", "</textarea></p>"] {
            // The swatches and the icon are ours.
            assert!(!answer.text.contains(tag), "{path} has {tag}");
        }
        assert!(answer.status < 500, "{path}: {}", answer.status);
    }
    browser.get("/console/memories/1/edit").await.page(200);
    let answer = browser
        .post("/console/memories/1", &[("content", NASTY), ("importance", NASTY), ("version", "2")])
        .await;
    assert_eq!(answer.status, 400);
    assert!(answer.text.contains("importance") && answer.text.contains("${7*7}"), "what was typed stays");
    assert!(!answer.text.contains("<script>alert"));
    let big = "x".repeat(1 << 20);
    let answer = browser.post("/console/memories", &[("content", &big)]).await;
    assert_eq!(answer.status, 400);
    assert!(answer.text.contains("at most 65536"), "{}", &answer.text[..2_000]);
    let answer = browser.post("/console/memories", &[("content", &"x".repeat(5 << 20))]).await;
    assert_eq!(answer.status, 413);
}

#[tokio::test]
async fn a_change_of_what_somebody_else_changed_is_told() {
    let house = House::new().await;
    house.post("/v1/memories", json!({"content": "one", "importance": 0.7})).await.expect(201);
    let mut browser = Browser::signed_in(&house, &house.key).await;
    browser.get("/console/memories/1/edit").await.page(200);
    house.patch("/v1/memories/1", json!({"content": "two"})).await.expect(200);
    let answer = browser.post("/console/memories/1", &[("content", "three"), ("version", "1")]).await;
    assert_eq!(answer.status, 409);
    assert!(answer.text.contains("three"), "what was typed stays");
    browser.post("/console/memories/1", &[("content", "three"), ("version", "2")]).await.page(303);
    browser.post("/console/memories/1/revert", &[("to_version", "1"), ("version", "3")]).await.page(303);
    let memory = house.get("/v1/memories/1").await.expect(200);
    assert_eq!((&memory["content"], &memory["version"]), (&json!("one"), &json!(4)));
    browser.post("/console/memories/1/delete", &[]).await.page(303);
    house.get("/v1/memories/1").await.expect_error(404, "memory_not_found");
}

#[tokio::test]
async fn one_click_is_for_a_developer_on_the_machine_itself() {
    let house = House::new().await;
    let mut near = Browser::new(&house);
    assert!(near.get(SIGN_IN).await.text.contains("Open the development tenant"));
    near.post("/console/sign-in/dev", &[("as", "operator")]).await.page(303);
    near.get("/console/service").await.page(200);

    let network = Some(Peer::Network([10, 0, 0, 9].into()));
    let own = Some(Peer::Network([127, 0, 0, 1].into()));
    for (peer, host) in [(network, "127.0.0.1:8080"), (own, "rebound.example:8080"), (None, "127.0.0.1:8080")]
    {
        let mut far = Browser { peer, host, ..Browser::new(&house) };
        assert!(!far.get(SIGN_IN).await.text.contains("development tenant"), "{host}");
        assert_eq!(far.post("/console/sign-in/dev", &[]).await.status, 403, "{host}");
    }
    let staging = House::keyless(|config| config.service.environment = Environment::Staging).await;
    let mut guest = Browser::new(&staging);
    assert!(!guest.get(SIGN_IN).await.text.contains("development tenant"));
    assert_eq!(guest.post("/console/sign-in/dev", &[]).await.status, 403);
}

#[tokio::test]
async fn a_key_opens_what_its_scopes_open_and_no_more() {
    let house = House::new().await;
    let reader = house.post("/api-keys", json!({"scopes": ["memories:read"]})).await.expect(201);
    let mut browser = Browser::signed_in(&house, reader["key"].as_str().unwrap()).await;
    assert!(!browser.get("/console").await.text.contains("API keys"), "the menu offers what is allowed");
    for path in [
        "/console/keys",
        "/console/usage",
        "/console/search?q=x",
        "/console/service",
        "/console/service/tenants",
        "/console/service/live",
    ] {
        assert_eq!(browser.get(path).await.status, 403, "{path}");
    }
    assert_eq!(browser.post("/console/memories", &[("content", "x")]).await.status, 403);
    let mut guest = Browser::new(&house);
    guest.get(SIGN_IN).await.page(200);
    for key in [
        "",
        "eng_live_x",
        "a b",
        "\u{0}",
        &"x".repeat(20_000),
        reader["key"].as_str().unwrap().trim_end_matches(char::is_alphanumeric),
    ] {
        let answer = guest.post(SIGN_IN, &[("key", key)]).await;
        assert_eq!(answer.status, 401, "{key}");
    }
    assert!(!guest.is_in().await);
}

#[tokio::test]
async fn keys_are_made_shown_once_rotated_and_revoked() {
    let house = House::new().await;
    let mut browser = Browser::signed_in(&house, &house.key).await;
    browser.get("/console/keys").await.page(200);
    let fields = [("name", "agent"), ("scope", "search"), ("scope", "memories:read"), ("days", "30")];
    let made = browser.post("/console/keys", &fields).await;
    let key = made.text.split("<code>eng_live_").nth(1).unwrap().split('<').next().unwrap();
    let key = format!("eng_live_{key}");
    house.ask_as(&key, Method::GET, "/v1/memories", Value::Null).await.expect(200);
    assert!(!browser.get("/console/keys").await.text.contains(&key), "shown once");
    let listed = house.get("/api-keys").await.expect(200);
    let made = listed["items"].as_array().unwrap().iter().find(|key| key["name"] == "agent").unwrap();
    let id = made["id"].as_str().unwrap().to_owned();
    assert_eq!(made["scopes"], json!(["memories:read", "search"]));
    assert!(made["expires_at"].is_string());
    let rotated = browser.post(&format!("/console/keys/{id}/rotate"), &[("overlap_s", "0")]).await;
    assert!(rotated.text.contains("takes the old one"), "{}", rotated.text);
    house.ask_as(&key, Method::GET, "/v1/memories", Value::Null).await.expect_error(401, "unauthorized");
    browser.post(&format!("/console/keys/{id}/revoke"), &[]).await.page(303);
    assert!(browser.post("/console/keys", &[("days", "soon")]).await.text.contains("expires_at"));
}

#[tokio::test]
async fn an_operator_creates_suspends_and_resumes_tenants() {
    let house = House::new().await;
    let mut browser = Browser::new(&house);
    browser.get(SIGN_IN).await.page(200);
    browser.post("/console/sign-in/dev", &[("as", "operator")]).await.page(303);
    browser.get("/console/service/tenants").await.page(200);
    browser
        .post("/console/service/tenants", &[("slug", "acme"), ("name", "Acme"), ("plan", "free")])
        .await
        .page(303);
    assert!(browser.post("/console/service/tenants", &[("slug", "Not A Slug")]).await.text.contains("slug"));
    let path = "/console/service/tenants/acme";
    assert!(browser.get(path).await.text.contains("Acme"));
    browser.post(path, &[("status", "suspended")]).await.page(303);
    assert!(browser.get(path).await.text.contains("Resume"));
    browser.post(path, &[("status", "active")]).await.page(303);
    browser.post(path, &[("do", "open")]).await.page(303);
    assert!(
        browser.get("/console/keys").await.text.contains("acme"),
        "the tenant's keys are its operator's to make"
    );
    assert_eq!(browser.get("/console/memories").await.status, 403, "its memories are not");
    assert!(browser.get("/console/service/audit-log").await.text.contains("create tenant"));
    for live in ["/console/service?last=15m", "/console/service/live?last=6h"] {
        assert!(browser.get(live).await.text.contains("Availability"), "{live}");
    }
    assert_eq!(browser.get("/console/service/tenants/gone").await.status, 404);
}

#[tokio::test]
async fn a_person_chooses_among_their_tenants() {
    let issuer = Issuer::start().await;
    let house = House::with(|config| {
        issuer.trusted_by(config);
        config.service.sign_up = server::config::SignUp::Open;
    })
    .await;
    let now_s = stdx::clock::Clock::now(&*house.clock).as_second();
    let mut ann = Browser::signed_in(&house, &issuer.token("ann", now_s)).await;
    assert_eq!(ann.get("/console").await.header("location"), "/console/choose?next=%2Fconsole");
    ann.get("/console/choose").await.page(200);
    ann.post("/console/choose/create", &[("slug", "acme")]).await.page(303);
    assert!(ann.get("/console").await.text.contains("acme"));
    ann.get("/console/people").await.page(200);
    let invite = ann.post("/console/people/invites", &[("role", "viewer"), ("days", "1")]).await;
    let token = invite.text.split("<code>eng_inv_").nth(1).unwrap().split('<').next().unwrap();
    let mut bob = Browser::signed_in(&house, &issuer.token("bob", now_s)).await;
    bob.get("/console/choose").await.page(200);
    bob.post("/console/choose", &[("tenant", "acme")]).await.page(303);
    assert_eq!(bob.get("/console/memories").await.status, 403, "nobody gets in by choosing");
    bob.get("/console/choose").await.page(200);
    bob.post("/console/choose/accept", &[("token", &format!("eng_inv_{token}"))]).await.page(303);
    bob.get("/console/memories").await.page(200);
    assert_eq!(bob.get("/console/keys").await.status, 403, "a viewer sees no keys");
    ann.get("/console/people").await.page(200);
    ann.post("/console/people/bob/role", &[("role", "admin")]).await.page(303);
    bob.get("/console/keys").await.page(200);
    ann.post("/console/people/bob/remove", &[]).await.page(303);
    assert_eq!(bob.get("/console/memories").await.status, 403);
}

#[tokio::test]
async fn the_console_can_be_switched_off() {
    let house = House::with(|config| config.console.enabled = false).await;
    for path in ["/console", SIGN_IN] {
        house.get(path).await.expect_error(404, "route_not_found");
    }
}
