//! Whatever happens, and in whatever order it becomes known: the ledger adds up to the scores, rule by rule, and the
//! scores are what the models make of what is known (SCO-8, SCO-9).

use std::collections::BTreeMap;

use ripen::clock::Timestamp;
use serde_json::{Value, json};

use crate::scoring::{day, ledger, live_model, newcomers, published, stopped};
use crate::support::{Chance, Person, TestApp, bodies};

/// Two people of one company, their leads and the company's own, under two models that change.
pub struct Story {
    pub app: TestApp,
    pub admin: Person,
    chance: Chance,
    models: Vec<String>,
    account: String,
    people: Vec<String>,
    pub leads: Vec<String>,
    told: u32,
}

impl Story {
    pub async fn begin(seed: u64) -> Self {
        let app = TestApp::start_at(day(100)).await;
        let admin = app.admin().await;
        let models = vec![
            live_model(&admin, newcomers()).await,
            live_model(&admin, bodies::with(newcomers(), json!({"name": "Companies", "target": "account"}))).await,
        ];
        let account = bodies::id(&admin.post("/v1/accounts", bodies::account("Contoso")).await.expect(201));
        let (mut people, mut leads) = (Vec::new(), Vec::new());
        for email in ["ann@example.com", "bob@example.com"] {
            let body = bodies::with(bodies::contact(email), json!({"account_id": account}));
            people.push(bodies::id(&admin.post("/v1/contacts", body).await.expect(201)));
        }
        for of in [json!({"contact_id": people[0]}), json!({"contact_id": people[1]}), json!({"account_id": account})] {
            let body = bodies::with(json!({"topic": "Fleet", "source": "web"}), of);
            leads.push(bodies::id(&admin.post("/v1/leads", body).await.expect(201)));
        }
        Self { app, admin, chance: Chance::new(seed), models, account, people, leads, told: 0 }
    }

    pub async fn go_on(&mut self) -> &'static str {
        let person = format!("/v1/contacts/{}", self.people[self.chance.below(2)]);
        match self.chance.below(15) {
            0 | 1 => {
                self.app.wait_days(self.chance.below(20) as i64);
                "time passed"
            }
            2 => {
                let role = self.chance.of(&["decision_maker", "user"]);
                self.admin.patch(&person, json!({"decision_role": role})).await.expect(200);
                "a contact changed"
            }
            3 => {
                let account = if self.chance.below(2) == 0 { Value::Null } else { json!(self.account) };
                self.admin.patch(&person, json!({"account_id": account})).await.expect(200);
                "a contact left or joined the account"
            }
            4 => {
                let change = json!({"employees": self.chance.below(100)});
                self.admin.patch(&format!("/v1/accounts/{}", self.account), change).await.expect(200);
                "the account changed"
            }
            5 => {
                self.publish().await;
                "a model changed"
            }
            6 => {
                let body = json!({"contact_id": self.people[0], "topic": "More", "source": "web"});
                self.leads.push(bodies::id(&self.admin.post("/v1/leads", body).await.expect(201)));
                "a lead was opened"
            }
            7 => {
                let id = format!("browser-{}", self.chance.below(3));
                self.record(json!({"person": {"anonymous_id": id}})).await;
                "nobody did something"
            }
            8 => {
                let id = format!("browser-{}", self.chance.below(3));
                self.admin.patch(&person, json!({"anonymous_ids": [id]})).await.expect(200);
                "a browser became known"
            }
            9 => {
                let lead = self.leads[self.chance.below(3)].clone();
                self.record(json!({"lead_id": lead})).await;
                "something was done about a lead"
            }
            10 => {
                self.void().await;
                "something was voided"
            }
            11 => {
                let void = self.admin.get("/v1/interactions/voids?limit=1").await.expect(200)["data"][0].clone();
                if let Some(id) = void["id"].as_str() {
                    self.admin.post(&format!("/v1/interactions/voids/{id}/undo"), Value::Null).await.expect(200);
                }
                "a void was undone"
            }
            _ => {
                let contact = self.people[self.chance.below(2)].clone();
                self.record(json!({"contact_id": contact})).await;
                "somebody did something"
            }
        }
    }

    /// Something at any time in the last eighty days.
    async fn record(&mut self, whose: Value) {
        let kind =
            self.chance.of(&["asset_downloaded", "email_opened", "email_opened", "event_attended", "page_visited"]);
        let ago = self.chance.below(80 * 4) as i64;
        let at = Timestamp::from_micros(self.app.now().micros() - ago * 21_600_000_000);
        let evidence = self.chance.of(&["human", "human", "suspect", "machine"]);
        let body = bodies::with(
            json!({"kind": kind, "occurred_at": at, "evidence": evidence, "remote_address": "203.0.113.7"}),
            whose,
        );
        self.admin.post("/v1/interactions", body).await.expect(201);
    }

    /// One interaction, or all of ten days.
    async fn void(&mut self) {
        let all = self.admin.get("/v1/interactions?limit=200").await.expect(200)["data"].as_array().unwrap().clone();
        if all.is_empty() {
            return;
        }
        let one = &all[self.chance.below(all.len())];
        let from = Timestamp::parse(one["occurred_at"].as_str().unwrap()).unwrap();
        let body = match self.chance.below(2) {
            0 => json!({"interaction_id": one["id"], "reason": "x"}),
            _ => json!({"network": "203.0.113.0/24", "from": from, "to": from.plus_days(10), "reason": "x"}),
        };
        self.admin.post("/v1/interactions/voids", body).await.expect(201);
    }

    async fn publish(&mut self) {
        let model = self.models[self.chance.below(self.models.len())].clone();
        let path = format!("/v1/scoring-models/{model}");
        let mut definition = self.admin.get(&path).await.expect(200)["definition"].clone();
        definition["rules"][1]["points"] = json!(self.chance.below(30));
        definition["rules"][1]["group"] = json!("mail");
        definition["groups"] = json!([{"name": "mail", "max": self.chance.below(40)}]);
        definition["ceiling"] = json!(60 + self.chance.below(60));
        definition["suspect_evidence"] = json!(self.chance.below(2) == 0);
        definition["audience"] = match self.chance.below(2) {
            0 => json!([]),
            _ => json!([{"field": "account.employees", "op": "lt", "value": 50}]),
        };
        let put = self.admin.request(reqwest::Method::PUT, &format!("{path}/draft")).header("if-match", "*");
        put.json(&definition).send().await.expect(200);
        published(&self.admin, &model).await;
    }

    /// Stops the model of contacts.
    pub async fn stop(&mut self) -> &'static str {
        stopped(&self.admin, &self.models[0], false).await;
        self.models.remove(0);
        "a model was stopped"
    }

    /// Lets every lead be scored at the present instant by something that gives no points.
    pub async fn bring_up_to_date(&mut self) {
        for contact in self.people.clone() {
            self.told += 1;
            let body = json!({"kind": "survey_answered", "occurred_at": self.app.now(), "contact_id": contact});
            self.admin.post("/v1/interactions", body).await.expect(201);
        }
        self.admin
            .patch(&format!("/v1/leads/{}", self.leads[2]), json!({"topic": format!("Fleet {}", self.told)}))
            .await
            .expect(200);
    }

    async fn check(&self, when: &str) {
        for lead in &self.leads {
            let mut booked: BTreeMap<(String, String), i64> = BTreeMap::new();
            for row in ledger(&self.admin, lead).await {
                let key = (row["model_id"].to_string(), row["rule"].to_string());
                *booked.entry(key).or_default() += row["points"].as_i64().unwrap();
            }
            booked.retain(|_, points| *points != 0);
            let (mut given, mut best) = (BTreeMap::new(), None);
            let scores = self.admin.get(&format!("/v1/leads/{lead}/scores")).await.expect(200);
            for score in scores["data"].as_array().unwrap() {
                best = best.max(score["score"].as_i64());
                for share in score["shares"].as_array().unwrap() {
                    let key = (score["model_id"].to_string(), share["rule"].to_string());
                    given.insert(key, share["points"].as_i64().unwrap());
                }
            }
            assert_eq!(booked, given, "{when}, lead {lead}");
            let shown = self.admin.get(&format!("/v1/leads/{lead}")).await.expect(200);
            assert_eq!(shown["score"], best.unwrap_or(0), "{when}, lead {lead}");
        }
    }
}

#[tokio::test]
async fn whatever_happens_the_ledger_adds_up_to_the_scores() {
    for seed in 0..4 {
        let mut story = Story::begin(seed).await;
        for step in 0..25 {
            let what = story.go_on().await;
            // Whatever else happens brings all it concerns up to date by itself.
            if what == "time passed" {
                story.bring_up_to_date().await;
            }
            story.check(&format!("seed {seed}, step {step}, {what}")).await;
        }
        for model in &story.models {
            let asked = story.admin.post(&format!("/v1/scoring-models/{model}/verify"), Value::Null).await;
            let proof = story.admin.finished(asked).await;
            assert_eq!(proof["result"]["differences"], 0, "seed {seed}: {proof}");
        }
    }
}
