//! Whatever is asked of whatever is kept, the database answers as the memory does.

use std::collections::BTreeSet;

use ripen::clock::Timestamp;
use ripen::filter::{Allowed, Filter, Record, Records, Relations};
use serde_json::{Value, json};

use crate::support::{Chance, Person, TestApp, bodies};

/// Texts that are easily taken for others.
const TEXTS: &[&str] = &[
    "ß",
    "SS",
    "Straße 1",
    "STRASSE",
    "İstanbul",
    "i̇stanbul",
    "ISTANBUL",
    "Σς",
    "σΣ",
    "ǰ",
    "ﬃ",
    "ffi",
    "Ⱥ",
    "ⱥ",
    "𐐀",
    "𐐨",
    "日本",
    "😀",
    "o'Neil",
    "100%",
    "a_b",
    "a%b",
    "back\\slash",
    "\"quoted\"",
    "$.a",
    "null",
    "true",
    "5",
    "5.0",
    " ",
    "a",
    "A",
    "'); DROP TABLE leads; --",
    "ŉ",
    "ʼn",
    "Ä",
    "ä",
];

/// Numbers that are easily taken for others.
fn numbers() -> Vec<Value> {
    vec![
        json!(0),
        json!(1),
        json!(1.0),
        json!(2.5),
        json!(-3),
        json!(-2.5),
        json!(0.1),
        json!(5),
        json!(1e-7),
        json!(9_007_199_254_740_992_i64),
        json!(9_007_199_254_740_993_i64),
        json!(9_007_199_254_740_994.0),
        json!(1_152_921_504_606_846_976_i64),
        json!(1_152_921_504_606_846_976.0),
        json!(1e23),
        json!(-1e23),
        json!(i64::MIN),
        json!(i64::MIN as f64),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(u64::MAX as f64),
        json!(1e300),
    ]
}

const KEYS: &[&str] = &["a", "vip", "tier"];

/// What a workspace has, as the API shows it.
struct World {
    now: Timestamp,
    accounts: Vec<Value>,
    contacts: Vec<Value>,
    leads: Vec<Value>,
    interactions: Vec<Value>,
}

fn text(chance: &mut Chance) -> Value {
    if chance.once_in(4) { Value::Null } else { chance.of(TEXTS).into() }
}

fn scalar(chance: &mut Chance) -> Value {
    match chance.below(5) {
        0 => chance.once_in(2).into(),
        1 | 2 => chance.of(&numbers()),
        _ => chance.of(TEXTS).into(),
    }
}

fn attributes(chance: &mut Chance) -> Value {
    let mut all = serde_json::Map::new();
    for key in KEYS {
        match chance.below(6) {
            0 | 1 => {}
            2 => drop(all.insert((*key).to_owned(), "".into())),
            _ => drop(all.insert((*key).to_owned(), scalar(chance))),
        }
    }
    all.into()
}

fn properties(chance: &mut Chance) -> Value {
    let mut all = attributes(chance);
    for (key, value) in
        [("\"q\".$", scalar(chance)), ("tier", json!(["a"])), ("vip", json!({"a": null})), ("a", Value::Null)]
    {
        if chance.once_in(4) {
            all[key] = value;
        }
    }
    all
}

async fn create(admin: &Person, path: &str, body: Value) -> String {
    let body: serde_json::Map<String, Value> =
        body.as_object().unwrap().clone().into_iter().filter(|(_, value)| !value.is_null()).collect();
    bodies::id(&admin.post(path, body.into()).await.expect(201))
}

async fn all(admin: &Person, path: &str) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = admin.get(&format!("{path}?limit=200{cursor}")).await.expect(200);
        all.extend(page["data"].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

impl World {
    async fn make(app: &TestApp, admin: &Person, chance: &mut Chance) -> Self {
        let (mut accounts, mut contacts, mut leads) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..8 {
            let revenue = json!({"amount_minor": chance.of(&[0, 1, 12_500]), "currency": chance.of(&["EUR", "USD"])});
            let body = json!({"name": format!("{} {number}", chance.of(TEXTS)), "industry": text(chance),
                "employees": chance.of(&[json!(null), json!(0), json!(5), json!(250)]),
                "annual_revenue": if chance.once_in(2) { revenue } else { Value::Null },
                "country": chance.of(&[json!(null), json!("EE"), json!("LV")]), "attributes": attributes(chance)});
            accounts.push(create(admin, "/v1/accounts", body).await);
        }
        for number in 0..25 {
            app.wait_seconds(chance.below(90_000) as i64);
            let account = if chance.once_in(3) { Value::Null } else { chance.of(&accounts).into() };
            let consent = json!({"marketing": {"granted": chance.once_in(2), "at": app.now()}});
            let body = json!({"email": format!("p{number}@example.com"), "first_name": text(chance),
                "job_title": text(chance), "marketing_only": chance.once_in(3), "account_id": account,
                "address": {"country": chance.of(&[json!(null), json!("EE"), json!("LV")]), "city": text(chance)},
                "consents": if chance.once_in(2) { consent } else { json!({}) }, "attributes": attributes(chance)});
            contacts.push(create(admin, "/v1/contacts", body).await);
        }
        for number in 0..35 {
            app.wait_seconds(chance.below(90_000) as i64);
            let contact = if chance.once_in(5) { Value::Null } else { chance.of(&contacts).into() };
            let account = if chance.once_in(2) { Value::Null } else { chance.of(&accounts).into() };
            let body = json!({"topic": format!("{}{number}", chance.of(TEXTS)), "campaign": text(chance),
                "product_line": chance.of(&[json!(null), json!("crm"), json!("CRM")]), "source": "web",
                "contact_id": contact, "account_id": account, "attributes": attributes(chance),
                "captured": {"last_name": "Lee", "company": text(chance)}, "utm": {"utm_source": chance.of(TEXTS)}});
            leads.push(create(admin, "/v1/leads", body).await);
        }
        for number in 0..80 {
            let ago = chance.below(40 * 24) as i64 * 3_600;
            let whose = match chance.below(4) {
                0 => json!({"lead_id": chance.of(&leads)}),
                1 => json!({"person": {"email": format!("nobody{number}@example.com")}}),
                _ => json!({"contact_id": chance.of(&contacts)}),
            };
            let body = json!({"kind": chance.of(&["email_opened", "email_clicked", "call"]),
                "occurred_at": app.now().plus_seconds(-ago), "asset": text(chance), "campaign": text(chance),
                "evidence": chance.of(&["human", "machine"]), "properties": properties(chance)});
            let done = create(admin, "/v1/interactions", bodies::with(body, whose)).await;
            if chance.once_in(6) {
                let void = json!({"interaction_id": done, "reason": "a wrong number"});
                admin.post("/v1/interactions/voids", void).await.expect(201);
            }
        }
        Self::read(app, admin).await
    }

    async fn read(app: &TestApp, admin: &Person) -> Self {
        let mut accounts = all(admin, "/v1/accounts").await;
        for account in &mut accounts {
            for (name, member) in [("annual_revenue_minor", "amount_minor"), ("annual_revenue_currency", "currency")] {
                account[name] = account["annual_revenue"][member].clone();
            }
        }
        let (contacts, leads) = (all(admin, "/v1/contacts").await, all(admin, "/v1/leads").await);
        Self { now: app.now(), accounts, contacts, leads, interactions: all(admin, "/v1/interactions").await }
    }

    fn related(&self, of: impl Fn(&Value) -> bool, leads: impl Fn(&Value) -> bool) -> Relations {
        let kept = |all: &[Value], keep: &dyn Fn(&Value) -> bool| all.iter().filter(|it| keep(it)).cloned().collect();
        Relations { at: self.now, interactions: kept(&self.interactions, &of), leads: kept(&self.leads, &leads) }
    }

    /// The contacts that the filter holds for, answered in memory.
    fn contacts(&self, filter: &Filter) -> BTreeSet<String> {
        let holds = |contact: &&Value| {
            let same = |record: &Value| record["contact_id"] == contact["id"];
            let account = with_id(&self.accounts, &contact["account_id"]);
            let records = Records { lead: Value::Null, contact: Some((*contact).clone()), account };
            filter.holds(&records, &self.related(same, same))
        };
        self.contacts.iter().filter(holds).map(bodies::id).collect()
    }

    /// The leads that the filter holds for, answered in memory.
    fn leads(&self, filter: &Filter) -> BTreeSet<String> {
        let holds = |lead: &&Value| {
            let contact = with_id(&self.contacts, &lead["contact_id"]);
            let own = with_id(&self.accounts, &lead["account_id"]);
            let account = own.or_else(|| with_id(&self.accounts, &contact.as_ref()?["account_id"]));
            let same = |record: &Value| !lead["contact_id"].is_null() && record["contact_id"] == lead["contact_id"];
            let relations = self.related(
                |done| same(done) || done["lead_id"] == lead["id"],
                |other| same(other) && other["id"] != lead["id"],
            );
            filter.holds(&Records { lead: (*lead).clone(), contact, account }, &relations)
        };
        self.leads.iter().filter(holds).map(bodies::id).collect()
    }

    fn of(&self, record: Record) -> &[Value] {
        match record {
            Record::Lead => &self.leads,
            Record::Contact => &self.contacts,
            Record::Account => &self.accounts,
            Record::Interaction => &self.interactions,
        }
    }
}

fn with_id(all: &[Value], id: &Value) -> Option<Value> {
    all.iter().find(|record| record["id"] == *id).cloned()
}

/// Makes up filters about a world.
struct Asker<'w> {
    world: &'w World,
    fields: Vec<Value>,
    chance: Chance,
}

impl Asker<'_> {
    fn filter(&mut self, depth: usize, allowed: Allowed) -> Value {
        let some = |asker: &mut Self| -> Value {
            (0..asker.chance.below(4)).map(|_| asker.filter(depth - 1, allowed)).collect()
        };
        match self.chance.below(if depth == 0 { 4 } else { 10 }) {
            4 => json!({"not": self.filter(depth - 1, allowed)}),
            5 => json!({"all": some(self)}),
            6 => json!({"any": some(self)}),
            7 => some(self),
            8 | 9 if !allowed.related.is_empty() => self.related(depth - 1, allowed),
            _ => self.condition(allowed),
        }
    }

    fn related(&mut self, depth: usize, allowed: Allowed) -> Value {
        let record = self.chance.of(allowed.related);
        let records: &'static [Record] = if record == Record::Lead { &[Record::Lead] } else { &[Record::Interaction] };
        let mut related = json!({"related": record.name()});
        if !self.chance.once_in(4) {
            related["where"] = self.filter(depth.min(1), Allowed { records, related: &[] });
        }
        if self.chance.once_in(2) {
            related["within_days"] = self.chance.of(&[1, 7, 20, 3650]).into();
        }
        if self.chance.once_in(2) {
            let bounds = ["eq", "lt", "lte", "gt", "gte"];
            related["count"] = json!({self.chance.of(&bounds): self.chance.below(4)});
            if self.chance.once_in(3) {
                related["count"][self.chance.of(&bounds)] = self.chance.below(4).into();
            }
        }
        related
    }

    fn condition(&mut self, allowed: Allowed) -> Value {
        let record = self.chance.of(allowed.records);
        let of_record: Vec<Value> =
            self.fields.iter().filter(|field| field["record"] == record.name()).cloned().collect();
        let field = self.chance.of(&of_record);
        let key = match field["field"].as_str().unwrap().contains("utm") {
            true => "utm_source",
            false => self.chance.of(&["a", "vip", "tier", "\"q\".$", "missing"]),
        };
        let name = field["field"].as_str().unwrap().replace("<key>", key);
        let op = self.chance.of(field["operators"].as_array().unwrap());
        let mut condition = json!({"field": name, "op": op});
        let kind = field["type"].as_str().unwrap();
        match op.as_str().unwrap() {
            "is_set" | "not_set" => {}
            "in" | "not_in" => {
                let count = 1 + self.chance.below(3);
                condition["value"] = (0..count).map(|_| self.value(record, &name, kind)).collect();
            }
            "contains" | "starts_with" => condition["value"] = self.part(record, &name),
            "lt" | "lte" | "gt" | "gte" if kind == "any" => condition["value"] = self.chance.of(&numbers()),
            _ => condition["value"] = self.value(record, &name, kind),
        }
        condition
    }

    /// What some record has in the field, if it has anything.
    fn kept(&mut self, record: Record, name: &str) -> Value {
        let one = self.chance.of(self.world.of(record));
        let path = name.split_once('.').unwrap().1;
        match path.split_once('.') {
            Some((map, key)) => one[map][key].clone(),
            None => one[path].clone(),
        }
    }

    fn value(&mut self, record: Record, name: &str, kind: &str) -> Value {
        let kept = if self.chance.once_in(3) { Value::Null } else { self.kept(record, name) };
        match (kind, kept) {
            ("boolean", _) => self.chance.once_in(2).into(),
            ("text", Value::String(kept)) | ("id", Value::String(kept)) if !kept.is_empty() => kept.into(),
            ("text", _) => self.chance.of(TEXTS).into(),
            ("id", _) => "019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10".into(),
            ("number", Value::Number(kept)) => kept.into(),
            ("number", _) => self.chance.of(&numbers()),
            ("time", Value::String(kept)) if self.chance.once_in(2) => elsewhere(&kept).into(),
            ("time", Value::String(kept)) => kept.into(),
            ("time", _) => self.world.now.plus_days(-3).to_string().into(),
            (_, kept @ (Value::Number(_) | Value::Bool(_))) => kept,
            (_, Value::String(kept)) if !kept.is_empty() => kept.into(),
            _ => scalar(&mut self.chance),
        }
    }

    /// A part of some text, in another case perhaps.
    fn part(&mut self, record: Record, name: &str) -> Value {
        let kept = self.kept(record, name);
        let whole = kept
            .as_str()
            .filter(|text| !text.is_empty())
            .map_or_else(|| self.chance.of(TEXTS).to_owned(), str::to_owned);
        let letters: Vec<char> = whole.chars().collect();
        let begin = if self.chance.once_in(2) { 0 } else { self.chance.below(letters.len()) };
        let end = begin + 1 + self.chance.below(letters.len() - begin);
        let part: String = letters[begin..end].iter().collect();
        match self.chance.below(3) {
            0 => part.to_uppercase().into(),
            1 => part.to_lowercase().into(),
            _ => part.into(),
        }
    }
}

/// The same instant, as somebody two hours further east writes it.
fn elsewhere(instant: &str) -> String {
    let shifted = Timestamp::parse(instant).unwrap().plus_seconds(7_200);
    shifted.to_string().replace('Z', "+02:00")
}

fn ids(page: &Value) -> BTreeSet<String> {
    assert_eq!(page["next_cursor"], Value::Null);
    page["data"].as_array().unwrap().iter().map(bodies::id).collect()
}

#[tokio::test]
async fn the_database_answers_as_the_memory_does() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let world = World::make(&app, &admin, &mut Chance::new(4)).await;
    let fields = admin.get("/v1/filter-fields").await.expect(200)["data"].as_array().unwrap().clone();
    let mut asker = Asker { world: &world, fields, chance: Chance::new(2026) };
    let mut selective = 0;
    for round in 0..400 {
        let depth = round % 4;
        let (path, allowed) = match round % 8 < 4 {
            true => ("/v1/leads/search", Allowed::LEADS),
            false => ("/v1/contacts/search", Allowed::CONTACTS),
        };
        let written = asker.filter(depth, allowed);
        let filter: Filter = serde_json::from_value(written.clone()).unwrap();
        let remembered = if round % 8 < 4 { world.leads(&filter) } else { world.contacts(&filter) };
        let page = admin.post(&format!("{path}?limit=200&count=true"), json!({"filter": written})).await.expect(200);
        assert_eq!(ids(&page), remembered, "{round}: {path} {written}");
        assert_eq!(page["total"], remembered.len(), "{written}");
        selective += usize::from(!remembered.is_empty() && remembered.len() < 25);
    }
    assert!(selective > 100, "only {selective} filters told records apart");
}

/// Contacts of which each has one of `values` as the attribute `a`, all of them in a world of their own.
async fn with_attribute(app: &TestApp, admin: &Person, values: &[Value]) -> World {
    for (number, value) in values.iter().enumerate() {
        let body = json!({"email": format!("p{number}@example.com"), "first_name": value.as_str(),
            "attributes": {"a": value}});
        create(admin, "/v1/contacts", body).await;
    }
    World::read(app, admin).await
}

/// Asks for `field` with each operator and each value.
async fn ask_for_each(admin: &Person, world: &World, field: &str, ops: &[&str], values: &[Value]) {
    for op in ops {
        for value in values {
            let written = json!({"field": field, "op": op, "value": value});
            let remembered = world.contacts(&serde_json::from_value(written.clone()).unwrap());
            let page = admin.post("/v1/contacts/search?limit=200", json!({"filter": written})).await.expect(200);
            assert_eq!(ids(&page), remembered, "{written}");
        }
    }
}

#[tokio::test]
async fn every_number_compares_with_every_number_as_in_memory() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let world = with_attribute(&app, &admin, &numbers()).await;
    let ops = ["eq", "ne", "lt", "lte", "gt", "gte"];
    ask_for_each(&admin, &world, "contact.attributes.a", &ops, &numbers()).await;
}

#[tokio::test]
async fn every_text_compares_with_every_text_as_in_memory() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let texts: Vec<Value> = TEXTS.iter().map(|text| json!(text)).collect();
    let world = with_attribute(&app, &admin, &texts).await;
    for field in ["contact.first_name", "contact.attributes.a"] {
        ask_for_each(&admin, &world, field, &["eq", "ne", "contains", "starts_with"], &texts).await;
    }
}
