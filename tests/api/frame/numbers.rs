//! Numbers, lengths and money at their limits.

use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, Person, TestApp, bodies as make};

/// Posts an account whose number of employees is written as `number`.
async fn employees(person: &Person, number: &str) -> Answer {
    let body = format!(r#"{{"name": "A", "employees": {number}}}"#);
    person.request(Method::POST, "/v1/accounts").bytes("application/json", body).send().await
}

#[tokio::test]
async fn a_whole_number_may_be_written_as_a_float() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (written, meant) in
        [("36", 36), ("36.0", 36), ("1e2", 100), ("0", 0), ("-0", 0), ("-0.0", 0), ("100000000", 100_000_000)]
    {
        assert_eq!(employees(&admin, written).await.expect(201)["employees"], meant, "{written}");
    }
}

#[tokio::test]
async fn a_number_out_of_range_or_of_another_type_is_refused() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for wrong in [
        "-1",
        "100000001",
        "9007199254740993",
        "9223372036854775808",
        "-9223372036854775809",
        "1e300",
        "1.5",
        "\"10\"",
        "true",
        "[1]",
    ] {
        employees(&admin, wrong).await.expect_invalid(&["/employees"]);
    }
    for malformed in ["01", "1e400", "+1", "0x10", "1.", ".5", "Infinity"] {
        employees(&admin, malformed).await.expect_problem(400, "malformed-json");
    }
}

#[tokio::test]
async fn lengths_count_characters() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for letter in ["x", "õ", "🦀"] {
        admin.post("/v1/accounts", make::account(&letter.repeat(200))).await.expect(201);
        admin.post("/v1/accounts", make::account(&letter.repeat(201))).await.expect_invalid(&["/name"]);
    }
    admin.post("/v1/accounts", make::account("")).await.expect_invalid(&["/name"]);
}

#[tokio::test]
async fn money_is_whole_minor_units_with_a_currency() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let post = async |revenue| admin.post("/v1/accounts", json!({"name": "A", "annual_revenue": revenue})).await;
    let revenue = json!({"amount_minor": 1_000_000_000_000_000_i64, "currency": "EUR"});
    assert_eq!(post(revenue.clone()).await.expect(201)["annual_revenue"], revenue);
    post(json!({"amount_minor": 1_000_000_000_000_001_i64, "currency": "EUR"}))
        .await
        .expect_invalid(&["/annual_revenue/amount_minor"]);
    post(json!({"amount_minor": -1, "currency": "EUR"})).await.expect_invalid(&["/annual_revenue/amount_minor"]);
    post(json!({"amount_minor": 0.3, "currency": "EUR"})).await.expect_invalid(&["/annual_revenue/amount_minor"]);
    post(json!({"amount_minor": 1, "currency": "euro"})).await.expect_invalid(&["/annual_revenue/currency"]);
    post(json!({"amount_minor": 1})).await.expect_invalid(&["/annual_revenue/currency"]);
}
