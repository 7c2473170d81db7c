//! What the demonstration's workspace holds: users of every role, a scoring model, an assignment rule, a form. Made once; a later start finds
//! it and only tells the form where the landing page is now.

use serde_json::{Value, json};

use crate::assignment;
use crate::auth::scope::Role;
use crate::db::page::Paging;
use crate::db::{Scope, Tx};
use crate::error::{Error, Result};
use crate::forms::{self, Form, FormFilter, Post};
use crate::http::condition::Condition;
use crate::id::Id;
use crate::scoring;
use crate::workspaces::{self, NewUser, User, Workspace};

/// The key of the workspace.
pub const KEY: &str = "demo";
const FORM_NAME: &str = "White paper";

/// What there is to play with.
pub struct Demo {
    pub workspace: Workspace,
    pub admin: User,
    pub form: Form,
}

/// Finds the demonstration's workspace, or makes it. The form takes submissions from `landing_page`, an origin.
pub fn prepare(tx: &mut Tx<'_>, landing_page: &str) -> Result<Demo> {
    let (workspace, admin) = workspaces::bootstrap(tx, KEY, "admin@demo.example")?;
    let scope = Scope { workspace: workspace.id, actor: Some(admin.id), ..tx.scope };
    let within = &mut tx.within(scope);
    let all = Paging::new(forms::SORT_FIELDS, None, None, 200).map_err(|(_, what)| Error::internal(what))?;
    let form = match within.forms().list(FormFilter::default(), &all)?.into_iter().find(|form| form.name == FORM_NAME) {
        Some(form) => move_form(within, form.id, landing_page)?,
        None => fill(within, landing_page)?,
    };
    Ok(Demo { workspace, admin, form })
}

fn fill(tx: &mut Tx<'_>, landing_page: &str) -> Result<Form> {
    for (name, role, rank) in [
        ("Maria Marketer", Role::Marketer, None),
        ("Tom Teleprospector", Role::Teleprospector, None),
        ("Sally Seller", Role::Salesperson, Some(1)),
        ("Sam Seller", Role::Salesperson, Some(2)),
        ("Max Manager", Role::SalesManager, None),
        ("Vera Viewer", Role::Viewer, None),
        ("Ivo Integration", Role::Integration, None),
    ] {
        workspaces::create_user(tx, &user(name, role, rank))?;
    }
    let model = scoring::create(tx, &read(newcomers())?)?;
    scoring::publish(tx, model.id, &Condition::None)?;
    assignment::create(tx, &read(best_seller())?)?;
    let form = forms::create(tx, &read(white_paper(landing_page))?)?;
    forms::publish(tx, form.id, Post::Missing, &Condition::None)
}

fn move_form(tx: &mut Tx<'_>, form: Id, landing_page: &str) -> Result<Form> {
    let place = json!({"allowed_origins": [landing_page], "thank_you_url": format!("{landing_page}/?thanks")});
    // Whatever was made of the form since, it is to be found.
    forms::change(tx, form, &place, Post::Ready, &Condition::None)
}

fn user(name: &str, role: Role, rank: Option<i64>) -> NewUser {
    NewUser {
        name: name.to_owned(),
        email: format!("{}@demo.example", name.to_lowercase().replace(' ', ".")),
        role,
        teams: Vec::new(),
        rank,
        product_lines: Vec::new(),
        capacity: None,
    }
}

fn read<T: serde::de::DeserializeOwned>(document: Value) -> Result<T> {
    serde_json::from_value(document).map_err(Error::internal)
}

/// The model of the README's tour: a decision maker who downloads the white paper, opens three mails and attends the
/// webinar stands at 105 of 100 points.
fn newcomers() -> Value {
    json!({
        "name": "Newcomers", "target": "contact", "sales_ready_score": 100,
        "rules": [
            {"key": "white_paper", "name": "Downloaded the white paper", "readiness_percent": 30,
             "when": [{"interaction": "asset_downloaded", "frequency": {"at_least": 1}}]},
            {"key": "opens", "name": "Opens our mail", "points": 5,
             "when": [{"interaction": "email_opened", "frequency": "each", "max_times": 3, "within_days": 30}]},
            {"key": "webinar", "name": "Attended the webinar", "points": 40,
             "when": [{"interaction": "event_attended", "frequency": "each", "decay": {"percent": 50, "every_days": 30}}]},
            {"key": "decider", "name": "Decides", "points": 20,
             "when": [{"field": "contact.decision_role", "op": "eq", "value": "decision_maker"}]},
            {"key": "silent", "name": "Never came to the site", "points": -15,
             "when": [{"interaction": "page_visited", "frequency": "none", "within_days": 60}]}
        ],
        "grades": [{"name": "cold", "to": 25}, {"name": "warm", "from": 26, "to": 60}, {"name": "hot", "from": 61}]
    })
}

/// Sales-ready leads go to the best-ranked seller who has room.
fn best_seller() -> Value {
    json!({"name": "To the best seller with room", "mode": "best_rank", "target": {"role": "salesperson"}})
}

fn white_paper(landing_page: &str) -> Value {
    json!({
        "name": FORM_NAME, "kind": "landing_page",
        "fields": [
            {"name": "first_name", "label": "First name", "maps_to": "contact.first_name"},
            {"name": "last_name", "label": "Last name", "maps_to": "contact.last_name"},
            {"name": "email", "label": "Work e-mail", "required": true, "maps_to": "contact.email"},
            {"name": "company", "label": "Company", "maps_to": "account.name"},
            {"name": "role", "label": "Your part in the decision", "maps_to": "contact.decision_role"},
            {"name": "message", "label": "What would you like to know?", "multi_line": true}
        ],
        "source": "landing_page", "topic": "Warehouse software", "campaign": "white-paper", "asset": "white-paper",
        "allowed_origins": [landing_page], "thank_you_url": format!("{landing_page}/?thanks"),
        "consents": [{"purpose": "marketing", "text_version": "1", "text": "You may write to me about warehouses."}],
        "honeypot": "website"
    })
}
