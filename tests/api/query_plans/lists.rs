//! The lists of the OpenAPI document, one request after the other.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Leaves, Listening, SMALL, person_with_lead};
use crate::scoring::{day, newcomers};
use crate::support::{Person, bodies};

/// An id that no record has.
const NOBODY: &str = "019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10";

/// A filter, how it is served, and the column that an index is entered by where that has another name.
type Served = (&'static str, Leaves, &'static str);

/// How the filters of each list are served.
const FILTERS: &[(&str, &[Served])] = &[
    ("accounts", &[("owner_id", Leaves::Some, ""), ("country", Leaves::Some, ""), ("domain", Leaves::Few, "")]),
    ("alerts", &[("lead_id", Leaves::Few, ""), ("contact_id", Leaves::Few, "")]),
    (
        "assets/revisions",
        &[("revision", Leaves::Few, ""), ("asset_id", Leaves::Few, ""), ("asset_key", Leaves::Some, "")],
    ),
    (
        "audit",
        &[
            ("record", Leaves::Some, ""),
            ("record_id", Leaves::Some, ""),
            ("actor_id", Leaves::Some, ""),
            ("from", Leaves::Range, "at"),
            ("until", Leaves::Range, "at"),
        ],
    ),
    (
        "contacts",
        &[
            ("email", Leaves::Few, "email_key"),
            ("external_id", Leaves::Few, ""),
            ("account_id", Leaves::Some, ""),
            ("owner_id", Leaves::Some, ""),
        ],
    ),
    (
        "deferred-leads",
        &[("owner_id", Leaves::Few, ""), ("from", Leaves::Range, "recycle_on"), ("until", Leaves::Range, "recycle_on")],
    ),
    ("events", &[("type", Leaves::Part, ""), ("contact_id", Leaves::Few, ""), ("lead_id", Leaves::Few, "")]),
    (
        "interactions",
        &[
            ("contact_id", Leaves::Some, ""),
            ("lead_id", Leaves::Some, ""),
            ("kind", Leaves::Part, ""),
            ("source", Leaves::Part, ""),
            ("void_id", Leaves::Some, ""),
            ("occurred_from", Leaves::Range, "occurred_at"),
            ("occurred_until", Leaves::Range, "occurred_at"),
            ("form_id", Leaves::Some, ""),
            ("campaign", Leaves::Some, ""),
            ("asset", Leaves::Some, ""),
            ("sender_id", Leaves::Some, ""),
            ("cause", Leaves::Some, ""),
            ("in_reply_to_id", Leaves::Some, "reply_to_id"),
        ],
    ),
    (
        "leads",
        &[
            ("stage", Leaves::Part, ""),
            ("owner_id", Leaves::Some, ""),
            ("contact_id", Leaves::Few, ""),
            ("account_id", Leaves::Some, ""),
            ("form_id", Leaves::Some, ""),
            ("campaign", Leaves::Some, ""),
            ("overdue", Leaves::Late, "due_at"),
            ("origin_lead_id", Leaves::Few, ""),
            ("created_from", Leaves::Range, "created_at"),
            ("created_until", Leaves::Range, "created_at"),
        ],
    ),
    ("match-decisions", &[("submission_id", Leaves::Few, ""), ("record_id", Leaves::Some, "")]),
    (
        "opportunities",
        &[
            ("owner_id", Leaves::Some, ""),
            ("contact_id", Leaves::Few, ""),
            ("account_id", Leaves::Few, ""),
            ("lead_id", Leaves::Few, ""),
        ],
    ),
    (
        "proposals",
        &[("contact_id", Leaves::Some, ""), ("lead_id", Leaves::Some, ""), ("submission_id", Leaves::Few, "")],
    ),
    (
        "service-level-breaches",
        &[
            ("owner_id", Leaves::Some, ""),
            ("lead_id", Leaves::Some, ""),
            ("stage", Leaves::Part, ""),
            ("from", Leaves::Range, "due_at"),
            ("until", Leaves::Range, "due_at"),
        ],
    ),
    (
        "submissions",
        &[
            ("form_id", Leaves::Some, ""),
            ("status", Leaves::Part, ""),
            ("contact_id", Leaves::Some, ""),
            ("lead_id", Leaves::Some, ""),
            ("received_from", Leaves::Range, "received_at"),
            ("received_until", Leaves::Range, "received_at"),
        ],
    ),
    (
        "tasks",
        &[
            ("assignee_id", Leaves::Some, ""),
            ("overdue", Leaves::Late, "due_at"),
            ("role", Leaves::Part, ""),
            ("status", Leaves::Part, ""),
            ("lead_id", Leaves::Some, ""),
            ("contact_id", Leaves::Some, ""),
            ("due_from", Leaves::Range, "due_at"),
            ("due_until", Leaves::Range, "due_at"),
        ],
    ),
];

/// Filters that are looked at on the way: all values that each has are frequent, or such that no index serves.
const ON_THE_WAY: &[(&str, &[&str])] = &[
    ("accounts", &["q"]),
    ("alerts", &["read", "kind"]),
    ("assets", &["q", "kind", "stage"]),
    ("assignment-queue", &["reason", "rule_id"]),
    ("contacts", &["q", "marketing_only"]),
    ("forms", &["status"]),
    ("interactions", &["attributed", "evidence", "voided"]),
    ("jobs", &["kind", "state"]),
    ("leads", &["q", "status", "product_line", "source", "temperature", "score_gte", "score_lte", "sales_ready"]),
    ("match-decisions", &["target", "channel", "effect"]),
    ("opportunities", &["q", "status"]),
    ("proposals", &["status", "field"]),
    ("scoring-models", &["status"]),
    ("service-level-breaches", &["process"]),
    ("tasks", &["assigned", "kind"]),
];

/// A list of the service.
struct List {
    /// Its path, with ids.
    path: String,
    /// Whether it is of what belongs to one record, which its path names.
    is_of_one: bool,
    /// Its filters and a value for each.
    filters: Vec<(String, String)>,
    /// Its orders, the usual first.
    orders: Vec<String>,
}

/// The lists of the document, with `ids` put for what their paths name.
async fn lists(admin: &Person, ids: &BTreeMap<&str, String>) -> Vec<List> {
    let document = admin.get("/openapi.json").await.expect(200);
    let mut lists = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let parameters: Vec<&Value> = methods["get"]["parameters"].as_array().into_iter().flatten().collect();
        let is_list = parameters.iter().any(|parameter| parameter["name"] == "cursor");
        if !is_list {
            continue;
        }
        let parent = path.trim_start_matches("/v1/").split("/{").next().unwrap();
        let mut full = path.replacen("{id}", ids.get(parent).map_or("", String::as_str), 1);
        for (name, id) in ids {
            full = full.replace(&format!("{{{name}}}"), id);
        }
        let filters = parameters.iter().filter(|parameter| parameter["in"] == "query");
        let own = filters.filter(|parameter| {
            let name = parameter["name"].as_str().unwrap();
            !["limit", "cursor", "sort", "count", "expand"].contains(&name)
        });
        let filters = own.map(|parameter| (parameter["name"].as_str().unwrap().to_owned(), value(parameter))).collect();
        // The refusal of an order names those that there are.
        let refused = admin.get(&format!("{full}?sort=-")).await.expect_bad_parameter("sort").to_string();
        let named = refused.split("each of ").nth(1).and_then(|rest| rest.split(" may be").next());
        let named = named.unwrap_or_else(|| panic!("{full}: {refused}"));
        let orders = named.split(", ").map(str::to_owned).collect();
        lists.push(List { path: full, is_of_one: path.contains('{'), filters, orders });
    }
    assert!(lists.len() > 30);
    lists
}

/// A value that a filter takes.
fn value(parameter: &Value) -> String {
    let schema = &parameter["schema"];
    match (schema["$ref"].as_str().and_then(|name| name.rsplit('/').next()), schema["type"].as_str()) {
        (Some("Id"), _) => NOBODY.to_owned(),
        (Some("Timestamp"), _) => "2026-01-05T00:00:00Z".to_owned(),
        (Some("Day"), _) => "2026-01-05".to_owned(),
        (_, Some("boolean")) => "true".to_owned(),
        (_, Some("integer")) => "5".to_owned(),
        _ if parameter["name"] == "email" => "ann@example.com".to_owned(),
        _ if parameter["name"] == "country" => "DE".to_owned(),
        _ if parameter["name"] == "categories" => "fact".to_owned(),
        _ => schema["enum"][0].as_str().unwrap_or("some").to_owned(),
    }
}

impl List {
    /// Its name, as the tables above have it.
    fn name(&self) -> &str {
        self.path.trim_start_matches("/v1/")
    }

    /// How a filter is served; none when nobody said so.
    fn leaves(&self, filter: &str) -> Option<(Leaves, String)> {
        let own = FILTERS.iter().filter(|(list, _)| *list == self.name()).flat_map(|(_, filters)| *filters);
        let told = own.filter(|(name, ..)| *name == filter).map(|(name, leaves, column)| {
            (*leaves, if column.is_empty() { (*name).to_owned() } else { (*column).to_owned() })
        });
        let on_the_way = ON_THE_WAY.iter().any(|(list, names)| *list == self.name() && names.contains(&filter));
        let looked_at = (on_the_way || self.is_of_one).then(|| (Leaves::Many, String::new()));
        told.chain(looked_at).next()
    }

    /// Each of its orders, both ways.
    fn sorts(&self) -> Vec<String> {
        self.orders.iter().flat_map(|order| [order.clone(), format!("-{order}")]).collect()
    }

    /// A later page: a cursor as the service makes it, after some place in the order.
    async fn later(&self, admin: &Person, sort: &str) {
        for place in ["2026-01-05T00:00:00Z", "5"] {
            let cursor = URL_SAFE_NO_PAD.encode(json!([1, sort, [place], NOBODY]).to_string());
            let answer = admin.get(&format!("{}?sort={sort}&cursor={cursor}", self.path)).await;
            if answer.status() == 200 {
                return;
            }
        }
        panic!("no cursor suits {} in the order {sort}", self.path);
    }
}

/// What the lists need to be of something: the ids that their paths name.
async fn records(admin: &Person) -> BTreeMap<&'static str, String> {
    let made = async |path: &str, body: Value| admin.post(path, body).await.json();
    let (contact, lead) = person_with_lead(admin).await;
    let model = bodies::id(&made("/v1/scoring-models", newcomers()).await);
    let asked = json!({"from": day(1), "to": day(9)});
    let backtest = bodies::id(&made(&format!("/v1/scoring-models/{model}/backtests"), asked).await);
    let done = json!({"kind": "page_visited", "occurred_at": day(5), "contact_id": contact});
    let done = bodies::id(&made("/v1/interactions", done).await);
    let void = bodies::id(&made("/v1/interactions/voids", json!({"interaction_id": done, "reason": "no one"})).await);
    made("/v1/assets", json!({"key": "paper", "readiness_percent": 50})).await;
    let strategies = admin.get("/v1/matching-strategies").await.expect(200);
    BTreeMap::from([
        ("contacts", contact),
        ("leads", lead),
        ("scoring-models", model),
        ("backtest_id", backtest),
        ("interactions/voids", void),
        ("matching-strategies", bodies::id(&strategies["data"][0])),
        ("number", "1".to_owned()),
    ])
}

#[tokio::test]
async fn every_list_is_read_by_an_index_in_its_order() {
    let mut listening = Listening::start().await;
    let admin = listening.app.admin().await;
    for list in lists(&admin, &records(&admin).await).await {
        for sort in list.sorts() {
            let what = format!("{}?sort={sort}", list.path);
            listening.forget();
            admin.get(&what).await.expect(200);
            listening.judged(&what);
            list.later(&admin, &sort).await;
            for (sql, plan) in listening.judged(&format!("a later page of {what}")) {
                let has_cursor = sql.contains(" < (") || sql.contains(" > (");
                let is_small = plan.reads.iter().all(|read| SMALL.contains(&read.table.as_str()));
                if has_cursor && !list.is_of_one && !is_small && !plan.is_by("id") {
                    listening.offences.push(format!("a later page of {what} begins at the first:\n{plan}{sql}"));
                }
            }
        }
    }
    listening.expect_no_offence();
}

#[tokio::test]
async fn every_filter_is_served_by_an_index_or_seen_on_the_way() {
    let mut listening = Listening::start().await;
    let admin = listening.app.admin().await;
    for list in lists(&admin, &records(&admin).await).await {
        for (filter, value) in &list.filters {
            let Some((leaves, column)) = list.leaves(filter) else {
                listening.offences.push(format!("nobody said how {}?{filter}= is served", list.path));
                continue;
            };
            for sort in list.sorts() {
                let what = format!("{}?{filter}={value}&sort={sort}", list.path);
                listening.forget();
                let answer = admin.get(&what).await;
                if answer.status() != 200 {
                    listening.offences.push(format!("{what}: {}", answer.text()));
                    continue;
                }
                let plans = listening.judged(&what);
                let is_in_order = plans.iter().all(|(_, plan)| !plan.sorts);
                let is_entered = plans.iter().any(|(sql, _)| listening.planner.search(sql).is_by(&column));
                let both = is_in_order && plans.iter().any(|(_, plan)| plan.is_by(&column));
                let is_usual = sort.trim_start_matches('-') == list.orders[0];
                let is_served = match leaves {
                    Leaves::Many => is_in_order || list.is_of_one,
                    Leaves::Few => is_entered,
                    Leaves::Late => is_entered || is_in_order,
                    Leaves::Some => {
                        if is_usual {
                            both
                        } else {
                            is_entered
                        }
                    }
                    Leaves::Part | Leaves::Range => {
                        if is_usual {
                            both
                        } else {
                            is_in_order
                        }
                    }
                };
                if !is_served {
                    let told: Vec<String> = plans.iter().map(|(sql, plan)| format!("{plan}{sql}")).collect();
                    let told = told.join("\n");
                    listening.offences.push(format!("{what} is not served, though it leaves {leaves:?}:\n{told}"));
                }
            }
        }
    }
    listening.expect_no_offence();
}
