//! `/jwks`, for operators.

use http::Method;
use serde_json::{Value, json};

use crate::house::House;
use crate::issuer::Issuer;

#[tokio::test]
async fn an_operator_reads_the_keys_anew_and_sees_what_came_of_it() {
    let issuer = Issuer::start().await;
    let house = House::with(|config| issuer.trusted_by(config)).await;
    let refresh = || house.ask_locally(Method::POST, "/jwks/refresh", Value::Null);
    let read = refresh().await.expect(200);
    assert_eq!((&read["keys"], &read["error"]), (&json!(1), &Value::Null));
    drop(issuer);
    house.clock.advance_ms(60_000);
    // The keys known before stay in use.
    let failed = refresh().await.expect(200);
    assert!(failed["keys"] == 1 && failed["error"].is_string(), "{failed}");
    assert_eq!(house.ask_locally(Method::GET, "/jwks", Value::Null).await.expect(200), failed);
    house.post("/jwks/refresh", Value::Null).await.expect_error(403, "forbidden");
}

#[tokio::test]
async fn without_a_provider_there_are_no_keys() {
    let house = House::new().await;
    house.ask_locally(Method::POST, "/jwks/refresh", Value::Null).await.expect_error(404, "not_found");
    house.ask_locally(Method::GET, "/jwks", Value::Null).await.expect_error(404, "not_found");
}
