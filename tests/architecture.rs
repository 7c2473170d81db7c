//! The layout of `src/`, as documented, checked.

use std::path::{Path, PathBuf};

/// The rooms in which features live. Each uses only those before it; handlers, where features meet, may use all.
const ROOMS: &[&str] = &[
    "events",
    "workspaces",
    "provenance",
    "alerts",
    "tasks",
    "process",
    "accounts",
    "contacts",
    "matching",
    "leads",
    "opportunities",
    "assignment",
    "assets",
    "scoring",
    "interactions",
    "backtests",
    "proposals",
    "linking",
    "forms",
    "merges",
    "closing",
    "timeline",
    "reports",
];

/// Files of rules: pure functions over values, which any room may use.
const RULES: &[&str] = &[
    "alerts/interest.rs",
    "assets/cell.rs",
    "assets/plan.rs",
    "assets/sheet.rs",
    "assignment/choose.rs",
    "attributes.rs",
    "backtests/judgement.rs",
    "clock.rs",
    "closing/carry.rs",
    "closing/customer.rs",
    "closing/permission.rs",
    "closing/template.rs",
    "contacts/identity.rs",
    "contacts/merge.rs",
    "day.rs",
    "filter/check.rs",
    "filter/compare.rs",
    "filter/field.rs",
    "filter/mod.rs",
    "filter/number.rs",
    "filter/satisfy.rs",
    "filter/tree.rs",
    "forms/confirmation_letter.rs",
    "forms/confirmation_page.rs",
    "forms/definition.rs",
    "forms/event.rs",
    "forms/form_token.rs",
    "forms/guard.rs",
    "forms/interest.rs",
    "forms/lead_ad.rs",
    "forms/person.rs",
    "forms/place.rs",
    "forms/policy.rs",
    "forms/proof.rs",
    "forms/reading.rs",
    "forms/redirect.rs",
    "forms/slot.rs",
    "forms/suit.rs",
    "http/ndjson.rs",
    "id.rs",
    "interactions/network.rs",
    "leads/filling.rs",
    "leads/marks.rs",
    "interactions/touch.rs",
    "leads/merge.rs",
    "leads/outcome.rs",
    "linking/person.rs",
    "matching/decide.rs",
    "matching/keys.rs",
    "matching/origin.rs",
    "matching/strategy.rs",
    "merges/fields.rs",
    "opportunities/outcome.rs",
    "percent.rs",
    "process/asked.rs",
    "process/calendar.rs",
    "process/check.rs",
    "process/field.rs",
    "process/mark.rs",
    "process/requirements.rs",
    "process/service_level.rs",
    "process/stage.rs",
    "process/step.rs",
    "process/transition.rs",
    "provenance/compare.rs",
    "reports/spread.rs",
    "scoring/check.rs",
    "scoring/compile.rs",
    "scoring/condition.rs",
    "scoring/course.rs",
    "scoring/decay.rs",
    "scoring/deeds.rs",
    "scoring/doubts.rs",
    "scoring/evaluate.rs",
    "scoring/forecast.rs",
    "scoring/model.rs",
    "scoring/nearest.rs",
    "scoring/occurrence.rs",
    "scoring/reading.rs",
    "scoring/reasons.rs",
    "scoring/salvage.rs",
    "scoring/sentences.rs",
    "scoring/track.rs",
    "tasks/assign.rs",
    "tasks/due.rs",
    "text.rs",
    "workspaces/completeness.rs",
];

/// Lines of code that a file may have, tests aside.
const LONGEST: usize = 400;

/// A file of `src/`.
struct Source {
    /// Its path below `src/`.
    path: String,
    text: String,
    /// Its lines without comments and without its unit tests.
    code: Vec<String>,
}

impl Source {
    fn read(path: &Path, root: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let own = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]"));
        let code = own.filter(|line| !line.trim_start().starts_with("//")).map(str::to_owned).collect();
        Self { path: path.strip_prefix(root).unwrap().to_str().unwrap().to_owned(), text, code }
    }

    fn room(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }

    fn file(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    fn is_handlers(&self) -> bool {
        self.file().contains("handlers") || self.path.contains("/handlers/")
    }

    fn is_repository(&self) -> bool {
        self.file().contains("repository") || self.path.contains("/repository/")
    }

    /// The lines that hold one of `words`, each with the place.
    fn lines_with(&self, words: &[&str]) -> Vec<String> {
        let holding = self.code.iter().filter(|line| words.iter().any(|word| line.contains(word)));
        holding.map(|line| format!("{}: {}", self.path, line.trim())).collect()
    }

    /// What it uses of other rooms, as room and item.
    fn uses(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for part in self.code.join("\n").split("crate::").skip(1) {
            match part.strip_prefix('{') {
                Some(group) => found.extend(group.split('}').next().unwrap_or_default().split(',').map(room_and_item)),
                None => found.push(room_and_item(part)),
            }
        }
        found
    }
}

/// The first two names of a path.
fn room_and_item(path: &str) -> (String, String) {
    let mut names = path.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|name| !name.is_empty());
    let mut next = || names.next().unwrap_or_default().to_owned();
    (next(), next())
}

fn sources() -> Vec<Source> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut open, mut found) = (vec![root.clone()], Vec::new());
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                found.push(Source::read(&path, &root));
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.len() > 50);
    found
}

#[track_caller]
fn expect_none(offences: impl IntoIterator<Item = String>) {
    let offences: Vec<String> = offences.into_iter().collect();
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

#[test]
fn every_module_begins_by_saying_what_it_is() {
    expect_none(sources().into_iter().filter(|source| !source.text.starts_with("//! ")).map(|source| source.path));
}

#[test]
fn no_file_is_long() {
    let long = |source: &Source| source.code.len() > LONGEST && source.path != "schema.rs";
    expect_none(sources().iter().filter(|source| long(source)).map(|s| format!("{}: {} lines", s.path, s.code.len())));
}

#[test]
fn rules_know_neither_database_nor_http() {
    let sources = sources();
    for rule in RULES {
        let source = sources.iter().find(|source| source.path == *rule);
        let source = source.unwrap_or_else(|| panic!("{rule} is no more; take it out of the list"));
        expect_none(source.lines_with(&["diesel", "actix", "crate::db", "crate::schema", "Tx<", "tokio"]));
    }
}

#[test]
fn handlers_leave_queries_to_repositories() {
    expect_none(
        sources().iter().filter(|source| source.is_handlers()).flat_map(|s| s.lines_with(&["diesel", "crate::schema"])),
    );
}

#[test]
fn use_cases_know_no_http_framework() {
    let is_use_case = |source: &&Source| ROOMS.contains(&source.room()) && !source.is_handlers();
    let is_public_entry = |source: &&Source| source.code.iter().any(|line| line.contains("ServiceConfig"));
    let offences = sources();
    let offences = offences.iter().filter(is_use_case).filter(|source| !is_public_entry(source));
    expect_none(
        offences.flat_map(|source| source.lines_with(&["HttpRequest", "HttpResponse", "web::Data", "ServiceConfig"])),
    );
}

#[test]
fn statements_are_in_repositories() {
    const STATEMENTS: [&str; 8] = [
        "diesel::insert_into",
        "diesel::update",
        "diesel::delete",
        "sql_query",
        "get_result(",
        ".load(tx",
        ".load(conn",
        ".load(self",
    ];
    let elsewhere =
        |source: &&Source| !source.is_repository() && source.room() != "db" && source.path != "http/idempotency.rs";
    expect_none(sources().iter().filter(elsewhere).flat_map(|source| source.lines_with(&STATEMENTS)));
}

#[test]
fn rooms_use_only_those_before_them() {
    let rank = |room: &str| ROOMS.iter().position(|known| *known == room);
    let mut offences = Vec::new();
    for source in sources().iter().filter(|source| !source.is_handlers()) {
        let Some(own) = rank(source.room()) else { continue };
        for (room, item) in source.uses() {
            let is_rule = RULES.contains(&format!("{room}/{item}.rs").as_str());
            if rank(&room).is_some_and(|other| other > own) && !is_rule {
                offences.push(format!("{} uses {room}::{item}", source.path));
            }
        }
    }
    expect_none(offences);
}

#[test]
fn the_foundation_knows_no_feature() {
    let foundation = |source: &&Source| ["db", "filter"].contains(&source.room()) || !source.path.contains('/');
    let assembled_elsewhere = |source: &&Source| !["cli.rs", "lib.rs", "main.rs"].contains(&source.path.as_str());
    let mut offences = Vec::new();
    for source in sources().iter().filter(foundation).filter(assembled_elsewhere) {
        let features = source.uses().into_iter().filter(|(room, _)| ROOMS.contains(&room.as_str()));
        offences.extend(features.map(|(room, item)| format!("{} uses {room}::{item}", source.path)));
    }
    expect_none(offences);
}

/// The members of structs that `text` can write over rows of `leads`.
fn changesets_of_leads(text: &str) -> impl Iterator<Item = &str> {
    text.split("#[derive(").skip(1).filter_map(|part| {
        let (derives, rest) = part.split_once(")]")?;
        let (attributes, body) = rest.split_once('{')?;
        let is_changeset = derives.contains("AsChangeset") && attributes.contains("table_name = leads");
        is_changeset.then(|| body.split("\n}").next().unwrap_or_default())
    })
}

#[test]
fn only_the_one_door_writes_the_stage_of_a_lead() {
    const DOOR: &str = "process/repository.rs";
    const RAW: [&str; 2] = ["INSERT INTO leads", "REPLACE INTO leads"];
    let mut offences = Vec::new();
    for source in sources().iter().filter(|source| source.path != DOOR) {
        offences.extend(source.lines_with(&RAW));
        let updates = source.text.split("UPDATE leads").skip(1).filter_map(|rest| rest.split('"').next());
        let of_door = updates.filter(|statement| ["stage", "process"].iter().any(|column| statement.contains(column)));
        offences.extend(of_door.map(|statement| format!("{}: UPDATE leads{statement}", source.path)));
        let mentions = source.lines_with(&["leads::stage", "leads::process"]).into_iter();
        let of_leads = mentions.filter(|line| !line.contains("_leads::"));
        offences.extend(of_leads.filter(|line| !line.contains("filter(")));
        for members in changesets_of_leads(&source.text) {
            let names = members.lines().filter_map(|line| line.trim().trim_start_matches("pub ").split_once(':'));
            let door = names.filter(|(name, _)| ["stage", "stage_since", "process"].contains(name));
            offences.extend(door.map(|(name, _)| format!("{}: a changeset of leads has {name}", source.path)));
        }
        // Only `leads::open` makes a row, and it makes one that stands in no stage.
        let has = |text: &str| source.code.iter().any(|line| line.trim() == text);
        if has("let lead = Lead {") && has("stage_since: at,") && !has("stage: None,") {
            offences.push(format!("{}: a lead is made in a stage", source.path));
        }
        let inserts = source.lines_with(&["insert_into(leads::table)"]);
        offences.extend(inserts.into_iter().filter(|_| source.path != "leads/repository.rs"));
    }
    let sources = sources();
    let entering: Vec<&Source> =
        sources.iter().filter(|source| source.code.iter().any(|line| line.contains(".stages().enter("))).collect();
    offences.extend(entering.iter().filter(|it| it.path != "process/mod.rs").map(|it| it.path.clone()));
    let passages = entering.iter().flat_map(|it| it.lines_with(&[".stages().enter("])).count();
    assert_eq!(passages, 1, "the door has one way through");
    expect_none(offences);
}
