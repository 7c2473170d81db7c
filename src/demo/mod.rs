//! `ripen demo`: the service, a workspace to play with, and a landing page that feeds it.

mod landing_page;
mod workspace;

use std::io::Write;
use std::net::SocketAddr;

use actix_web::{rt, web};

use crate::auth::token::{LONGEST_LIFE_S, PrincipalKind};
use crate::cli::{self, Failure};
use crate::config::Config;
use crate::db::Scope;
use crate::http::State;
use crate::id::Id;
use workspace::Demo;

/// Days before now on which the interactions that are suggested happened: the download, the mails opened, the webinar.
const DOWNLOADED: i64 = 9;
const OPENED: [i64; 4] = [8, 7, 6, 5];

/// Runs the service with the demonstration; the landing page is served at `landing`.
pub async fn run(config: &Config, landing: SocketAddr) -> Result<(), Failure> {
    let state = cli::prepare(config).await?;
    let (api, page) = (cli::bind(config.listen)?, cli::bind(landing)?);
    let failed = |e: std::io::Error| Failure::Other(format!("the demonstration cannot run: {e}"));
    let api_url = format!("http://{}", api.local_addr().map_err(failed)?);
    let page_url = format!("http://{}", page.local_addr().map_err(failed)?);

    let scope = Scope { workspace: Id::NIL, at: state.clock.now(), actor: None, cause: None };
    let origin = page_url.clone();
    let demo = state.db.write(scope, move |tx| workspace::prepare(tx, &origin)).await?;
    let action = format!("{api_url}/v1/public/forms/{}/submissions", demo.form.key);
    rt::spawn(landing_page::start(page, &action).map_err(failed)?);
    let text = what_to_do_next(&state, &demo, &api_url, &page_url)?;
    std::io::stdout().write_all(text.as_bytes()).map_err(failed)?;
    cli::serve_until_told(config, state, api).await
}

fn what_to_do_next(state: &web::Data<State>, demo: &Demo, api: &str, page: &str) -> Result<String, Failure> {
    let at = state.clock.now();
    let scopes = demo.admin.role.0.scopes().join(" ");
    let issued = state.tokens.issue(demo.workspace.id, demo.admin.id, PrincipalKind::User, &scopes, at, LONGEST_LIFE_S);
    let token = issued.map_err(Failure::Other)?;
    let story = story(at).replace('"', "\\\"");
    Ok(format!(
        r#"
API           {api}
Landing page  {page}/
Form          {form}
Token         {token}

Open the landing page, fill it in as ann@example.com and send it. Then, in another terminal:

  export TOKEN={token}

1. The lead that came of it:

  curl -s -H "Authorization: Bearer $TOKEN" "{api}/v1/leads?q=ann@example.com"

2. What Ann did in the past days; the answer has her score before and after:

  curl -s -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" {api}/v1/interactions -d "{story}"

3. Her score, rule by rule, and what is coming (put the lead's id from the first answer in):

  curl -s -H "Authorization: Bearer $TOKEN" "{api}/v1/leads/$LEAD/scores?forecast=true"

All there is to ask for: {api}/docs/
"#,
        form = demo.form.key,
    ))
}

/// The interactions that bring a decision maker to 105 points, as JSON.
fn story(now: crate::clock::Timestamp) -> String {
    let did = |kind: &str, asset: &str, days_ago: i64, id: String| {
        serde_json::json!({
            "kind": kind, "asset": asset, "occurred_at": now.plus_days(-days_ago).plus_seconds(-3600),
            "person": {"email": "ann@example.com"}, "source": "demo", "external_id": id,
        })
    };
    let mut all = vec![did("asset_downloaded", "white-paper", DOWNLOADED, "download".to_owned())];
    all.extend(
        OPENED.iter().enumerate().map(|(n, days)| did("email_opened", "newsletter", *days, format!("open-{n}"))),
    );
    all.push(did("event_attended", "webinar", 0, "webinar".to_owned()));
    serde_json::Value::Array(all).to_string()
}
