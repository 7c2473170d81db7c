//! What closings and opportunities name moves when records are merged, and back when they part.

use serde_json::{Value, json};

use super::{close, entries, id_of, qualify, reopen};
use crate::merges::{contact, lead, merge, merge_leads, undo};
use crate::support::{TestApp, bodies};

#[tokio::test]
async fn opportunities_and_closings_follow_their_contact_and_come_back() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let one = contact(&admin, bodies::contact("ann@x.ee")).await;
    let other = contact(&admin, json!({"first_name": "Anna", "email": "anna@x.ee"})).await;
    let (before, after) = (lead(&admin, &other, "Before").await, lead(&admin, &other, "After").await);
    let (before, after) = (format!("/v1/leads/{before}"), format!("/v1/leads/{after}"));
    qualify(&admin, &before, json!({})).await.expect(201);
    let merged = merge(&admin, &one, &other).await;
    assert_eq!(merged["moved"]["opportunities.contact_id"], 1);
    assert_eq!(merged["moved"]["lead_closings.contact_id"], 1);
    let survivor = merged["survivor_id"].as_str().unwrap();
    let loser = merged["loser_id"].as_str().unwrap();
    qualify(&admin, &after, json!({})).await.expect(201);
    assert_eq!(entries(&admin, &format!("/v1/opportunities?contact_id={survivor}")).await.len(), 2);
    undo(&admin, &merged).await;
    // Also what came of a lead that goes back.
    let expected = if loser == other { loser } else { survivor };
    assert_eq!(entries(&admin, &format!("/v1/opportunities?contact_id={expected}")).await.len(), 2);
    for lead in [&before, &after] {
        let closing = &entries(&admin, &format!("{lead}/closings")).await[0];
        assert_eq!(closing["contact_id"], admin.get(lead).await.expect(200)["contact_id"]);
    }
}

#[tokio::test]
async fn opportunities_closings_and_origins_follow_their_lead_and_come_back() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ann = contact(&admin, bodies::contact("ann@x.ee")).await;
    let (one, other) = (lead(&admin, &ann, "Fleet").await, lead(&admin, &ann, "Cars").await);
    let (survivor, loser) = (format!("/v1/leads/{one}"), format!("/v1/leads/{other}"));
    qualify(&admin, &loser, json!({})).await.expect(201);
    reopen(&admin, &loser).await.expect(201);
    let next = json!({"topic": "Trucks", "source": "web", "origin": {"kind": "upsell", "lead_id": other}});
    let next = super::path(&admin.post("/v1/leads", next).await.expect(201));
    let merged = merge_leads(&admin, &one, &other).await;
    assert_eq!(merged["survivor_id"], json!(one));
    assert_eq!(entries(&admin, &format!("/v1/opportunities?lead_id={one}")).await.len(), 1);
    assert_eq!(entries(&admin, &format!("{survivor}/closings")).await.len(), 1);
    assert_eq!(admin.get(&next).await.expect(200)["origin"]["lead_id"], json!(one));
    close(&admin, &survivor).await;
    reopen(&admin, &survivor).await.expect(201);
    undo(&admin, &merged).await;
    assert_eq!(entries(&admin, &format!("/v1/opportunities?lead_id={one}")).await, Vec::<Value>::new());
    assert_eq!(entries(&admin, &format!("/v1/opportunities?lead_id={other}")).await.len(), 1);
    assert_eq!(entries(&admin, &format!("{loser}/closings")).await.len(), 1);
    assert_eq!(admin.get(&next).await.expect(200)["origin"]["lead_id"], id_of(&loser));
}
