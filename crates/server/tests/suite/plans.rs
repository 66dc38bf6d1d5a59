//! `/plans`: limits, changed while the service runs.

use http::Method;
use serde_json::{Value, json};
use server::config::Enforcement;

use crate::house::House;

#[tokio::test]
async fn a_tenants_own_limits_hold_at_once_and_leave_others_alone() {
    let house = House::with(|config| config.limits.rates = Enforcement::Enforced).await;
    let set = |body: Value| house.ask_locally(Method::POST, "/plans", body);
    let limits = json!({"memories": 100, "rates": {"read": {"per_second": 5, "burst": 9}}});
    set(json!({"tenant": "default", "limits": limits})).await.expect(200);
    let show = || house.get("/tenants/default");
    let shown = show().await.expect(200);
    assert_eq!((&shown["limits"]["memories"], &shown["limits"]["workspaces"]), (&json!(100), &Value::Null));
    assert_eq!(show().await.header("ratelimit-limit"), "9");
    // What is not named stays, `null` removes.
    set(json!({"tenant": "default", "limits": {"workspaces": 3, "rates": {"read": null}}})).await.expect(200);
    let shown = show().await.expect(200)["limits"].take();
    assert_eq!((&shown["memories"], &shown["workspaces"]), (&json!(100), &json!(3)));
    assert_eq!(shown["rates"]["read"], Value::Null);
    let log = house.get("/audit-log").await.expect(200);
    let actions: Vec<_> = log["items"].as_array().unwrap().iter().map(|row| row["action"].clone()).collect();
    assert_eq!(actions[..3], ["upsert_plan", "set_tenant_plan", "upsert_plan"], "the tenant is told");
    house.post("/plans", json!({"name": "mine", "limits": {}})).await.expect_error(403, "forbidden");
}
