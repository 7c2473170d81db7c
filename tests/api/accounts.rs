//! Companies: create, change, find, delete.

use serde_json::json;

use crate::support::{TestApp, bodies};

#[tokio::test]
async fn a_created_account_can_be_read_where_location_says() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let created = admin.post("/v1/accounts", bodies::account("Contoso OÜ")).await;
    let account = created.expect(201);
    let location = created.header("location").unwrap();
    assert_eq!(admin.get(location).await.expect(200), account);
    assert_eq!(account["name"], json!("Contoso OÜ"));
}

#[tokio::test]
async fn another_workspace_sees_nothing_of_an_account() {
    let app = TestApp::start().await;
    let account = app.admin().await.post("/v1/accounts", bodies::account("Contoso")).await.expect(201);
    let stranger = app.other_workspace().admin().await;
    stranger.get(&format!("/v1/accounts/{}", bodies::id(&account))).await.expect_problem(404, "not-found");
}
