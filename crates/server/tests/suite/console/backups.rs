//! Backups, restores and rehearsals in the console: done by an operator's clicks, planned before they are done, refused to
//! everybody else.

use super::{Browser, House, NASTY, SIGN_IN, encoded, operator};
use serde_json::Value;
use std::time::Duration;

const ALL: &str = "/console/service/backups";
const TESTS: &str = "/console/service/restore-tests";

/// Sends a form that begins a run, and follows its page until the run has ended; returns the page.
pub(super) async fn followed(browser: &mut Browser<'_>, path: &str, fields: &[(&str, &str)]) -> String {
    browser.house.clock.advance_ms(1_000);
    let begun = browser.post(path, fields).await;
    assert_eq!(begun.status, 303, "{}", begun.text);
    let run = begun.header("location").to_owned();
    assert!(run.starts_with("/console/service/runs/"), "{run}");
    for _ in 0..6_000 {
        let page = browser.get(&run).await;
        page.page(200);
        let is_over = page.text.contains("data-over");
        assert_eq!(
            page.text.contains("http-equiv=\"refresh\""),
            !is_over,
            "asked for again until it is over"
        );
        if is_over {
            return page.text;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{run} does not end");
}

async fn stored(house: &House) -> Value {
    house.get("/v1/stats").await.expect(200)["memories"].clone()
}

#[tokio::test]
async fn a_tenant_is_backed_up_and_restored_by_clicks() {
    let house = House::new().await;
    house.remember("kept").await;
    let mut browser = operator(&house).await;
    assert!(browser.get(ALL).await.text.contains("none yet"));
    let page = followed(&mut browser, &format!("{ALL}/default"), &[]).await;
    assert!(page.contains("Done.") && page.contains("on_demand"), "{page}");
    house.remember("too much").await;

    let tenant = browser.get(&format!("{ALL}/default")).await;
    let (_, rest) = tenant.text.split_once("/restore?backup=").unwrap();
    let backup = rest.split('"').next().unwrap().to_owned();
    let restore = format!("{ALL}/default/restore");
    let plan = browser.get(&format!("{restore}?backup={backup}")).await;
    plan.page(200);
    for part in ["Go away", "back up default as it is now", "Replace what is there"] {
        assert!(plan.text.contains(part), "{part}");
    }
    let chosen = ("backup", backup.as_str());
    for confirm in ["", "Default", "other"] {
        let refused = browser.post(&restore, &[chosen, ("confirm", confirm)]).await;
        assert!(refused.text.contains("type default to confirm"), "{confirm}: {}", refused.text);
    }
    assert_eq!(stored(&house).await, 2);
    let page = followed(&mut browser, &restore, &[chosen, ("confirm", "default")]).await;
    assert!(page.contains("Done."), "{page}");
    assert_eq!(stored(&house).await, 1);

    let tenant = browser.get(&format!("{ALL}/default")).await.text;
    for part in ["Files that restores replaced", "before restore", ">done</span>"] {
        assert!(tenant.contains(part), "{part}");
    }
    let (_, rest) = tenant.split_once("/restore?replaced=").unwrap();
    let replaced = rest.split('"').next().unwrap().to_owned();
    let into = [("replaced", replaced.as_str()), ("into", "copy"), ("confirm", "copy")];
    let plan = browser.get(&format!("{restore}?replaced={replaced}&into=copy")).await;
    assert!(plan.text.contains("create the tenant copy with it"), "{}", plan.text);
    let page = followed(&mut browser, &restore, &into).await;
    assert!(page.contains("<dt>memories</dt><dd><bdi class=\"break\">2</bdi>"), "{page}");
    assert_eq!(stored(&house).await, 1, "the tenant itself is as it was");
}

#[tokio::test]
async fn restores_are_rehearsed_by_a_click_and_what_failed_is_told() {
    let house = House::new().await;
    house.remember("kept").await;
    let mut browser = operator(&house).await;
    assert!(browser.get(TESTS).await.text.contains("No restore was rehearsed yet"));
    let page = followed(&mut browser, TESTS, &[("tenant", "default")]).await;
    assert!(page.contains("It failed.") && page.contains("there is no backup yet"), "{page}");
    browser.get(ALL).await.page(200);
    followed(&mut browser, ALL, &[]).await;
    let page = followed(&mut browser, TESTS, &[]).await;
    assert!(page.contains(">passed</span>") && page.contains("damage"), "{page}");
    let list = browser.get(TESTS).await.text;
    assert!(list.contains("1 of 1") && list.contains(">default<"), "{list}");
    let plan = browser.get(&format!("{ALL}/default/restore?latest_verified=true")).await;
    assert!(plan.page(200).text.contains("Proven"));
    for path in [format!("{ALL}?tenant=default"), ALL.to_owned()] {
        let answer = browser.get(&path).await;
        assert!(answer.status == 303 || answer.text.contains("Restore test"), "{path}");
    }
}

#[tokio::test]
async fn only_who_runs_the_service_comes_here_and_only_by_forms_of_ours() {
    let house = House::new().await;
    house.remember("kept").await;
    let deeds =
        [ALL.to_owned(), format!("{ALL}/default"), format!("{ALL}/default/restore"), TESTS.to_owned()];
    let pages = [&deeds[..], &["/console/service/runs/run_x".to_owned()]].concat();
    let confirmed = [("latest_verified", "true"), ("confirm", "default")];
    let mut tenant = Browser::signed_in(&house, &house.key).await;
    tenant.get("/console").await.page(200);
    for path in &pages {
        assert_eq!(tenant.get(path).await.status, 403, "{path}");
    }
    for path in &deeds {
        assert_eq!(tenant.post(path, &confirmed).await.status, 403, "{path}");
    }
    let mut browser = operator(&house).await;
    browser.get(ALL).await.page(200);
    let own = browser.token.clone();
    for path in &deeds {
        assert_eq!(browser.post_from(path, &confirmed, "0123456789abcdef", &[]).await.status, 403, "{path}");
        let foreign = [("sec-fetch-site", "cross-site")];
        assert_eq!(browser.post_from(path, &confirmed, &own, &foreign).await.status, 403, "{path}");
    }
    assert!(house.app.backups.runs.newest(1).is_empty(), "nothing was begun");
    house.clock.advance_ms(48 * 3_600_000);
    for path in &deeds {
        let answer = browser.post(path, &confirmed).await;
        // The form was bound to a session that is over.
        assert_eq!(answer.status, 303, "{path}");
        assert!(answer.header("location").starts_with(SIGN_IN), "{path}");
    }
    assert!(house.app.backups.runs.newest(1).is_empty(), "nothing was begun");
}

#[tokio::test]
async fn what_is_typed_at_backups_shows_as_text() {
    let house = House::new().await;
    house.remember("kept").await;
    let mut browser = operator(&house).await;
    browser.get(ALL).await.page(200);
    followed(&mut browser, &format!("{ALL}/default"), &[]).await;
    let (nasty, big) = (encoded(NASTY), "x".repeat(1 << 20));
    for path in [
        format!("{ALL}?tenant={nasty}"),
        format!("{ALL}?cursor={nasty}"),
        format!("{ALL}/{nasty}"),
        format!("{ALL}/nobody"),
        format!("{ALL}/default?cursor={nasty}"),
        format!("{ALL}/default/restore"),
        format!("{ALL}/default/restore?backup={nasty}"),
        format!("{ALL}/default/restore?before={nasty}"),
        format!("{ALL}/default/restore?replaced={nasty}"),
        format!("{ALL}/default/restore?replaced=..%2f..%2fcontrol"),
        format!("{ALL}/default/restore?latest_verified={nasty}"),
        format!("/console/service/runs/{nasty}"),
    ] {
        let answer = browser.get(&path).await;
        assert!(answer.status < 500 && answer.text.len() < 100_000, "{path}: {}", answer.status);
        assert!(!answer.text.contains("<script>alert") && !answer.text.contains("<img src=x"), "{path}");
    }
    browser.get(ALL).await.page(200);
    for text in [NASTY, big.as_str()] {
        for (path, fields) in [
            (TESTS.to_owned(), vec![("tenant", text)]),
            (format!("{ALL}/default/restore"), vec![("replaced", "x"), ("confirm", text)]),
            (
                format!("{ALL}/default/restore"),
                vec![("before", "2100-01-01T00:00:00"), ("into", text), ("confirm", text)],
            ),
        ] {
            let answer = browser.post(&path, &fields).await;
            assert!((400..500).contains(&answer.status) || answer.status == 200, "{path}: {}", answer.status);
            assert!(!answer.text.contains("<script>alert") && !answer.text.contains("<img src=x"), "{path}");
            assert!(answer.text.len() < 100_000, "{path}: {} bytes", answer.text.len());
        }
    }
}
