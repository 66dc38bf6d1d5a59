//! Sessions in the console: named, newest first, and one of them as a conversation in the order in which it was held.

use super::{Browser, House, NASTY, encoded};
use serde_json::json;

const SESSIONS: &str = "/console/sessions";

async fn say(house: &House, session: &str, actor: &str, content: &str) {
    let memory = json!({"content": content, "session_id": session, "actor": actor});
    house.post("/v1/memories", memory).await.expect(201);
    house.clock.advance_ms(60_000);
}

#[tokio::test]
async fn sessions_are_listed_and_read_as_conversations() {
    let house = House::new().await;
    let mut browser = Browser::signed_in(&house, &house.key).await;
    assert!(browser.get(SESSIONS).await.page(200).text.contains("No memory has a session yet"));
    say(&house, "monday/1", "Anna", "the first word").await;
    say(&house, "tuesday", "Bo", "another matter").await;
    say(&house, "monday/1", "Bo", "the second word").await;
    let list = browser.get(SESSIONS).await.text;
    let at = |text: &str| list.find(text).unwrap_or_else(|| panic!("no {text} in {list}"));
    assert!(at("monday/1") < at("tuesday"), "the one that was last spoken in is first");
    assert!(list.contains("2 memories") && list.contains("over 2 min"), "{list}");

    let one = browser.get(&format!("{SESSIONS}?session_id=monday%2F1")).await.text;
    assert!(
        one.find("the first word") < one.find("the second word") && !one.contains("another matter"),
        "{one}"
    );
    assert!(one.contains("<bdi>Anna</bdi>"), "{one}");
    let memory = browser.get("/console/memories/1").await.text;
    assert!(memory.contains("/console/sessions?session_id=monday%2F1"), "{memory}");

    for number in 0..60 {
        say(&house, &format!("many {number}"), "Anna", "x").await;
        say(&house, "long", "Anna", &format!("word {number}.")).await;
    }
    // Two hours went by, which is longer than anybody stays signed in.
    let mut browser = Browser::signed_in(&house, &house.key).await;
    for (path, page) in [(SESSIONS, 50), ("/console/sessions?session_id=long", 25)] {
        let first = browser.get(path).await.text;
        let (before, _) = first.split_once("\" rel=\"next\"").unwrap();
        let next = before.rsplit("href=\"").next().unwrap().replace("&amp;", "&");
        let shown =
            |text: &str| text.matches("class=\"said\"").count() + text.matches("class=\"memory\"").count();
        let second = browser.get(&next).await.page(200).text.clone();
        assert_eq!((shown(&first), shown(&second) > 0), (page, true), "{next}");
    }
}

#[tokio::test]
async fn whatever_a_session_is_called_shows_as_text_and_pages_stay_small() {
    let house = House::new().await;
    say(&house, NASTY, NASTY, NASTY).await;
    for _ in 0..25 {
        say(&house, "big", &"🐈".repeat(60), &"🐈".repeat(16_000)).await;
    }
    let mut browser = Browser::signed_in(&house, &house.key).await;
    let big = "x".repeat(1 << 16);
    for path in [
        SESSIONS.to_owned(),
        format!("{SESSIONS}?session_id={}", encoded(NASTY)),
        format!("{SESSIONS}?session_id=big"),
        format!("{SESSIONS}?session_id=nobody"),
        format!("{SESSIONS}?session_id={}", &big[..4_000]),
        format!("{SESSIONS}?cursor={}", encoded(NASTY)),
        format!("{SESSIONS}?session_id=big&cursor={}", encoded(NASTY)),
    ] {
        let answer = browser.get(&path).await;
        answer.page(200);
        assert!(!answer.text.contains("<script>alert") && !answer.text.contains("<img src=x"), "{path}");
        assert!(answer.text.len() < 100_000, "{path}: {} bytes", answer.text.len());
    }
    let shown = browser.get(&format!("{SESSIONS}?session_id={}", encoded(NASTY))).await.text;
    assert!(shown.contains("${7*7}") && shown.contains("שלום"), "{shown}");
}

#[tokio::test]
async fn sessions_are_of_one_tenant_and_for_who_may_read_it() {
    let house = House::new().await;
    say(&house, "private", "Anna", "mine").await;
    let key = house.another_tenant("acme").await;
    let mut other = Browser::signed_in(&house, &key).await;
    for path in [SESSIONS.to_owned(), format!("{SESSIONS}?session_id=private")] {
        assert!(!other.get(&path).await.page(200).text.contains("mine"), "{path}");
    }
    assert!(!other.get(SESSIONS).await.text.contains("private"));
    let writer = house.post("/api-keys", json!({"scopes": ["memories:write"]})).await.expect(201);
    let mut writer = Browser::signed_in(&house, writer["key"].as_str().unwrap()).await;
    for path in [SESSIONS.to_owned(), format!("{SESSIONS}?session_id=private")] {
        assert_eq!(writer.get(&path).await.status, 403, "{path}");
    }
    house.clock.advance_ms(48 * 3_600_000);
    assert!(other.get(SESSIONS).await.header("location").starts_with(super::SIGN_IN));
}
