//! The register of assets: entries, revisions, and what it looks like in a sheet.

use futures_util::future::join_all;
use reqwest::Method;
use ripen::assets::{register, register_at};
use ripen::auth::scope::Role;
use ripen::db::Scope;
use serde_json::{Value, json};

use crate::support::{Answer, Person, TestApp, bodies};

const HEADER: &str = "asset,stage,readiness_percent\r\n";
const NOBODY: &str = "019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10";

fn asset(key: &str, percent: f64) -> Value {
    json!({"key": key, "readiness_percent": percent})
}

/// A new asset and its path.
async fn create(person: &Person, body: Value) -> (Value, String) {
    let asset = person.post("/v1/assets", body).await.expect(201);
    let path = format!("/v1/assets/{}", bodies::id(&asset));
    (asset, path)
}

async fn import(person: &Person, query: &str, sheet: impl Into<Vec<u8>>) -> Answer {
    person.request(Method::POST, &format!("/v1/assets/import{query}")).bytes("text/csv", sheet.into()).send().await
}

async fn export(person: &Person) -> String {
    let answer = person.get("/v1/assets/export").await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.text()
}

/// The first page of `path`.
async fn entries(person: &Person, path: &str) -> Vec<Value> {
    person.get(path).await.expect(200)["data"].as_array().unwrap().clone()
}

/// One member of each entry of the first page of `path`.
async fn each(person: &Person, path: &str, member: &str) -> Value {
    entries(person, path).await.into_iter().map(|entry| entry[member].clone()).collect()
}

#[tokio::test]
async fn a_created_asset_can_be_read_where_location_says() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = json!({
        "key": "white-paper", "name": "White paper", "kind": "white_paper", "stage": "awareness",
        "readiness_percent": 12.5,
    });
    let created = admin.post("/v1/assets", body.clone()).await;
    let asset = created.expect(201);
    let read = admin.get(created.header("location").unwrap()).await;
    assert_eq!(read.expect(200), asset);
    assert_eq!([created.header("etag"), read.header("etag")], [Some("\"v1\""); 2]);
    let expected = json!({
        "id": asset["id"], "version": 1, "revision": 1,
        "created_at": "2026-03-02T09:00:00.000000Z", "updated_at": "2026-03-02T09:00:00.000000Z",
    });
    assert_eq!(asset, bodies::with(body, expected));
}

#[tokio::test]
async fn an_asset_of_which_only_the_key_is_known_is_called_by_it() {
    let app = TestApp::start().await;
    let (asset, _) = create(&app.admin().await, json!({"key": "White Paper #1/ä"})).await;
    let told = [&asset["name"], &asset["kind"], &asset["stage"], &asset["readiness_percent"]];
    assert_eq!(told, [&json!("White Paper #1/ä"), &json!("other"), &Value::Null, &Value::Null]);
}

#[tokio::test]
async fn keys_are_compared_exactly_and_each_is_there_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for key in ["paper", "Paper", "paper ", "papér"] {
        create(&admin, json!({"key": key})).await;
        admin.post("/v1/assets", json!({"key": key})).await.expect_problem(409, "conflict");
    }
    assert_eq!(admin.get("/v1/assets?count=true").await.expect(200)["total"], 4);
}

#[tokio::test]
async fn what_breaks_rules_is_refused_with_all_of_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let wrong = json!({
        "key": " ", "name": "", "kind": "White Paper", "stage": "x".repeat(65), "readiness_percent": 1000.5, "owner": 1,
    });
    let refused = admin.post("/v1/assets", wrong).await;
    refused.expect_invalid(&["/key", "/name", "/name", "/kind", "/stage", "/readiness_percent", "/owner"]);
    let precise = json!({"key": "\u{2003}", "readiness_percent": 0.000_000_1});
    admin.post("/v1/assets", precise).await.expect_invalid(&["/key", "/readiness_percent"]);
    let (_, path) = create(&admin, asset("paper", -1000.0)).await;
    for (patch, pointer) in [
        (json!({"key": "other"}), "/key"),
        (json!({"name": null}), "/name"),
        (json!({"kind": null}), "/kind"),
        (json!({"readiness_percent": -1_000.000_001}), "/readiness_percent"),
    ] {
        admin.patch(&path, patch).await.expect_invalid(&[pointer]);
    }
    assert_eq!(entries(&admin, "/v1/assets/revisions").await.len(), 1);
}

#[tokio::test]
async fn percentages_are_kept_to_the_last_decimal() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (number, percent) in [0.0, 30.0, -12.5, 0.000_001, 999.999_999, -1000.0, 0.1, 8.7].into_iter().enumerate() {
        let (_, path) = create(&admin, asset(&number.to_string(), percent)).await;
        assert_eq!(admin.get(&path).await.expect(200)["readiness_percent"].as_f64(), Some(percent));
    }
    let expected = format!(
        "{HEADER}0,,0\r\n1,,30\r\n2,,-12.5\r\n3,,0.000001\r\n4,,999.999999\r\n5,,-1000\r\n6,,0.1\r\n7,,8.7\r\n"
    );
    assert_eq!(export(&admin).await, expected);
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_null_clears() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (before, path) = create(&admin, json!({"key": "paper", "stage": "awareness", "readiness_percent": 30})).await;
    app.wait_seconds(60);
    let patch = json!({"name": "Paper", "kind": "white_paper", "stage": null, "readiness_percent": 12.5});
    let changed = admin.patch(&path, patch.clone()).await.expect(200);
    let also = json!({"version": 2, "revision": 2, "updated_at": "2026-03-02T09:01:00.000000Z"});
    let mut expected = bodies::with(bodies::with(before, patch), also);
    expected["stage"] = Value::Null;
    assert_eq!(changed, expected);
    assert_eq!(admin.get(&path).await.expect(200), changed);
}

#[tokio::test]
async fn a_change_meets_the_version_it_demands_or_nothing_happens() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (_, path) = create(&admin, asset("paper", 30.0)).await;
    admin.patch(&path, json!({"stage": "decision"})).await.expect(200);
    let stale = admin.patch_version(&path, 1, json!({"stage": "awareness"})).await;
    stale.expect_problem(412, "precondition-failed");
    assert_eq!(stale.header("etag"), Some("\"v2\""));
    let remove = admin.request(Method::DELETE, &path).if_version(1).send().await;
    remove.expect_problem(412, "precondition-failed");
    assert_eq!(admin.get(&path).await.expect(200)["stage"], "decision");
    assert_eq!(admin.patch_version(&path, 2, json!({"stage": "awareness"})).await.expect(200)["version"], 3);
    admin.request(Method::DELETE, &path).if_version(3).send().await.expect(204);
    admin.get(&path).await.expect_problem(404, "not-found");
}

#[tokio::test]
async fn assets_are_found_by_text_kind_and_stage() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (key, name, kind, stage) in [
        ("wp-1", "Ärger mit Routen", "white_paper", "awareness"),
        ("wp-2", "Picking 100%", "white_paper", "decision"),
        ("web-1", "Webinar", "webinar", "decision"),
    ] {
        create(&admin, json!({"key": key, "name": name, "kind": kind, "stage": stage})).await;
    }
    for (query, keys) in [
        ("q=%C3%A4RGER", json!(["wp-1"])),
        ("q=WP-", json!(["wp-1", "wp-2"])),
        ("q=100%25", json!(["wp-2"])),
        ("q=_", json!([])),
        ("kind=white_paper&stage=decision", json!(["wp-2"])),
        ("stage=decision&sort=-name", json!(["web-1", "wp-2"])),
        ("stage=Decision", json!([])),
    ] {
        let sort = if query.contains("sort") { "" } else { "&sort=key" };
        assert_eq!(each(&admin, &format!("/v1/assets?{query}{sort}"), "key").await, keys, "{query}");
    }
    assert_eq!(each(&admin, "/v1/assets", "key").await, json!(["web-1", "wp-2", "wp-1"]));
    for sort in ["key", "name", "created_at", "updated_at"] {
        let first = admin.get(&format!("/v1/assets?sort={sort}&limit=2&count=true")).await.expect(200);
        let cursor = first["next_cursor"].as_str().unwrap();
        let rest = admin.get(&format!("/v1/assets?sort={sort}&limit=2&cursor={cursor}")).await.expect(200);
        let shown = |page: &Value| page["data"].as_array().unwrap().len();
        assert_eq!((shown(&first), shown(&rest), &first["total"]), (2, 1, &json!(3)), "{sort}");
    }
}

#[tokio::test]
async fn every_change_is_a_revision_that_tells_who_changed_what() {
    let app = TestApp::start().await;
    let (admin, marketer) = (app.admin().await, app.person(Role::Marketer).await);
    let (asset, path) = create(&admin, json!({"key": "paper", "readiness_percent": 30})).await;
    app.wait_seconds(60);
    marketer.patch(&path, json!({"readiness_percent": 45, "stage": "decision"})).await.expect(200);
    marketer.patch(&path, json!({"readiness_percent": 45.0})).await.expect(200);
    marketer.patch(&path, json!({})).await.expect(200);
    admin.delete(&path).await.expect(204);
    let (again, _) = create(&admin, json!({"key": "paper"})).await;

    let entry = |percent: Value, stage: Value| json!({"name": "paper", "kind": "other", "stage": stage, "readiness_percent": percent});
    let (first, second) = (entry(json!(30), Value::Null), entry(json!(45), json!("decision")));
    let revisions = entries(&admin, "/v1/assets/revisions").await;
    let told: Vec<Value> = revisions
        .iter()
        .map(|r| json!([r["revision"], r["asset_id"], r["asset_key"], r["before"], r["after"], r["by"]]))
        .collect();
    let (id, new) = (&asset["id"], &again["id"]);
    assert_eq!(
        told,
        [
            json!([4, new, "paper", null, entry(Value::Null, Value::Null), admin.id()]),
            json!([3, id, "paper", second, null, admin.id()]),
            json!([2, id, "paper", first, second, marketer.id()]),
            json!([1, id, "paper", null, first, admin.id()]),
        ]
    );
    assert_eq!(
        [&revisions[3]["at"], &revisions[2]["at"]],
        ["2026-03-02T09:00:00.000000Z", "2026-03-02T09:01:00.000000Z"]
    );

    let numbers = async |query: &str| each(&admin, &format!("/v1/assets/revisions?{query}"), "revision").await;
    assert_eq!(numbers("asset_key=paper").await, json!([4, 3, 2, 1]));
    assert_eq!(numbers("asset_key=Paper").await, json!([]));
    assert_eq!(numbers(&format!("asset_id={}&sort=revision", bodies::id(&asset))).await, json!([1, 2, 3]));
    assert_eq!(numbers("revision=2").await, json!([2]));
    let page = admin.get("/v1/assets/revisions?limit=3&count=true").await.expect(200);
    assert_eq!(page["total"], 4);
    assert_eq!(numbers(&format!("limit=3&cursor={}", page["next_cursor"].as_str().unwrap())).await, json!([1]));
}

#[tokio::test]
async fn the_register_can_be_read_as_it_stood_at_any_revision() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (_, first) = create(&admin, asset("a", 10.0)).await;
    let (_, second) = create(&admin, asset("b", 20.0)).await;
    admin.patch(&first, json!({"readiness_percent": 15})).await.expect(200);
    admin.delete(&second).await.expect(204);
    import(&admin, "", format!("{HEADER}b,,25\nc,,\n")).await.expect(200);
    let stood = async |revision: i64| -> Value {
        let said = entries(&admin, &format!("/v1/assets/revisions/{revision}")).await;
        said.iter().map(|entry| json!([entry["key"], entry["readiness_percent"], entry["revision"]])).collect()
    };
    assert_eq!(stood(0).await, json!([]));
    assert_eq!(stood(1).await, json!([["a", 10, 1]]));
    assert_eq!(stood(2).await, json!([["a", 10, 1], ["b", 20, 2]]));
    assert_eq!(stood(3).await, json!([["a", 15, 3], ["b", 20, 2]]));
    assert_eq!(stood(4).await, json!([["a", 15, 3]]));
    assert_eq!(stood(5).await, json!([["a", 15, 3], ["b", 25, 5], ["c", null, 5]]));
    let page = admin.get("/v1/assets/revisions/5?limit=2&count=true&sort=-key").await.expect(200);
    assert_eq!((&page["total"], &page["data"][0]["key"]), (&json!(3), &json!("c")));
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = format!("/v1/assets/revisions/5?limit=2&sort=-key&cursor={cursor}");
    assert_eq!(each(&admin, &rest, "key").await, json!(["a"]));
    for unknown in ["6", "01", "-1", "x", "9223372036854775808"] {
        admin.get(&format!("/v1/assets/revisions/{unknown}")).await.expect_problem(404, "not-found");
    }
}

#[tokio::test]
async fn what_scoring_reads_is_the_register_of_the_moment_or_of_a_revision() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let scope = Scope { workspace: app.workspace().id, at: app.now(), actor: None, cause: None };
    let read = async |revision: Option<i64>| {
        let read = app.state.db.read(scope, move |tx| match revision {
            None => register(tx),
            Some(revision) => register_at(tx, revision),
        });
        let register = read.await.unwrap();
        let percent = |key: &str| register.percent(key).map(ToString::to_string);
        (register.revision, percent("a"), percent("b"))
    };
    let some = |percent: &str| Some(percent.to_owned());
    assert_eq!(read(None).await, (0, None, None));
    let (_, path) = create(&admin, asset("a", 10.0)).await;
    assert_eq!(read(None).await, (1, some("10"), None));
    import(&admin, "", format!("{HEADER}a,,12.5\nb,,-1\nc,,\n")).await.expect(200);
    assert_eq!(read(None).await, (2, some("12.5"), some("-1")));
    admin.delete(&path).await.expect(204);
    assert_eq!(read(None).await, (3, None, some("-1")));
    assert_eq!(read(Some(0)).await, (0, None, None));
    assert_eq!(read(Some(1)).await, (1, some("10"), None));
    assert_eq!(read(Some(2)).await, (2, some("12.5"), some("-1")));
    assert_eq!(read(Some(99)).await, (3, None, some("-1")));
}

#[tokio::test]
async fn a_change_that_was_undone_is_never_remembered() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let scope = Scope { workspace: app.workspace().id, at: app.now(), actor: None, cause: None };
    let new = serde_json::from_value(asset("a", 10.0)).unwrap();
    let rehearsed = app.state.db.write(scope, move |tx| {
        tx.rehearsal(|tx| {
            ripen::assets::create(tx, &new)?;
            register(tx)
        })
    });
    assert_eq!(rehearsed.await.unwrap().percent("a").map(ToString::to_string), Some("10".to_owned()));
    create(&admin, asset("b", 20.0)).await;
    let register = app.state.db.read(scope, register).await.unwrap();
    assert_eq!((register.revision, register.percents.len(), register.percent("a")), (1, 1, None));
}

#[tokio::test]
async fn writers_at_once_make_revisions_without_gaps() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (_, path) = create(&admin, asset("shared", 0.0)).await;
    let write = async |number: usize| match number % 4 {
        0 => admin.post("/v1/assets", asset(&format!("asset {number}"), 1.0)).await.expect(201),
        1 => admin.patch(&path, json!({"readiness_percent": number})).await.expect(200),
        2 => import(&admin, "", format!("{HEADER}imported {number},,1\nshared,,{number}\n")).await.expect(200),
        _ => {
            let (_, own) = create(&admin, asset(&format!("asset {number}"), 1.0)).await;
            admin.delete(&own).await.expect(204)
        }
    };
    join_all((0..64).map(write)).await;
    let rows = entries(&admin, "/v1/assets/revisions?limit=200&sort=revision").await;
    let mut numbers: Vec<i64> = rows.iter().map(|row| row["revision"].as_i64().unwrap()).collect();
    assert_eq!(numbers.len(), 1 + 16 + 16 + 32 + 32);
    numbers.dedup();
    assert_eq!(numbers, (1..=1 + 16 + 16 + 16 + 32).collect::<Vec<i64>>());
    // What each revision says was before is what the one before it said afterwards.
    let shared: Vec<&Value> = rows.iter().filter(|row| row["asset_key"] == "shared").collect();
    assert!(shared.windows(2).all(|pair| pair[0]["after"] == pair[1]["before"]));
    let present = entries(&admin, "/v1/assets?q=shared").await;
    assert_eq!(present[0]["readiness_percent"], shared.last().unwrap()["after"]["readiness_percent"]);
    assert_eq!(present[0]["version"], shared.len());
}

#[tokio::test]
async fn of_many_who_bring_the_same_key_at_once_one_succeeds() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let answers = join_all((0..16).map(|_| admin.post("/v1/assets", asset("paper", 1.0)))).await;
    let mut statuses: Vec<u16> = answers.iter().map(Answer::status).collect();
    statuses.sort_unstable();
    assert_eq!((statuses[0], statuses.into_iter().skip(1).all(|status| status == 409)), (201, true));
    assert_eq!(each(&admin, "/v1/assets/revisions", "revision").await, json!([1]));
}

#[tokio::test]
async fn the_register_is_exported_as_a_sheet() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    assert_eq!(export(&admin).await, HEADER);
    for (key, stage, percent) in [
        ("white-paper", json!("awareness"), json!(30)),
        ("=1+1", json!("@stage"), json!(-12.5)),
        ("a, \"b\"", Value::Null, Value::Null),
        ("Müller", json!(" =x"), json!(0)),
        ("'=1", json!("＝1"), json!(1)),
    ] {
        create(&admin, json!({"key": key, "stage": stage, "readiness_percent": percent})).await;
    }
    let sheet = format!(
        "{HEADER}''=1,'＝1,1\r\n'=1+1,'@stage,-12.5\r\nMüller,' =x,0\r\n\"a, \"\"b\"\"\",,\r\nwhite-paper,awareness,30\r\n"
    );
    let answer = admin.get("/v1/assets/export").await;
    assert_eq!(answer.text(), sheet);
    assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(answer.header("content-disposition"), Some("attachment; filename=\"assets.csv\""));
    assert_eq!(admin.get("/v1/assets/export?bom=true").await.text(), format!("\u{feff}{sheet}"));

    // In the register that it came from the sheet changes nothing; in another it makes the same register.
    let unchanged = import(&admin, "?mode=replace", format!("\u{feff}{sheet}")).await.expect(200);
    let told = ["created", "changed", "removed", "unchanged", "revision"].map(|member| unchanged[member].clone());
    assert_eq!(told, [0, 0, 0, 5, 5].map(Value::from));
    let other = app.other_workspace().admin().await;
    assert_eq!(import(&other, "", sheet.clone()).await.expect(200)["created"], 5);
    assert_eq!(export(&other).await, sheet);
}

#[tokio::test]
async fn an_import_is_one_revision() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let named = json!({"key": "a", "name": "Paper", "kind": "white_paper", "stage": "x", "readiness_percent": 1});
    create(&admin, named).await;
    create(&admin, asset("b", 2.0)).await;
    create(&admin, asset("c", 3.0)).await;
    let merged = import(&admin, "?mode=merge", format!("{HEADER}a,,10\r\nb,,2\r\nd,decision,4\r\n")).await.expect(200);
    let expected = json!({
        "created": 1, "changed": 1, "removed": 0, "unchanged": 1, "revision": 4, "dry_run": false,
        "encoding": "utf-8", "delimiter": ",",
    });
    assert_eq!(merged, expected);
    assert_eq!(export(&admin).await, format!("{HEADER}a,,10\r\nb,,2\r\nc,,3\r\nd,decision,4\r\n"));
    let known = &entries(&admin, "/v1/assets?q=Paper").await[0];
    assert_eq!([&known["name"], &known["kind"]], ["Paper", "white_paper"]);
    assert_eq!(each(&admin, "/v1/assets/revisions?revision=4&sort=revision", "asset_key").await, json!(["a", "d"]));

    let replaced = import(&admin, "?mode=replace", format!("{HEADER}d,decision,4\r\ne,,\r\n")).await.expect(200);
    let told = ["created", "changed", "removed", "unchanged", "revision"].map(|member| replaced[member].clone());
    assert_eq!(told, [1, 0, 3, 1, 5].map(Value::from));
    assert_eq!(export(&admin).await, format!("{HEADER}d,decision,4\r\ne,,\r\n"));
    assert_eq!(entries(&admin, "/v1/assets/revisions?revision=5").await.len(), 4);
}

#[tokio::test]
async fn a_dry_run_tells_what_would_come_of_it_and_writes_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    create(&admin, asset("a", 1.0)).await;
    let (before, events) = (export(&admin).await, entries(&admin, "/v1/events").await.len());
    let told = import(&admin, "?dry_run=true&mode=replace", format!("{HEADER}b,,1\n")).await.expect(200);
    let members = ["created", "removed", "revision", "dry_run"].map(|member| told[member].clone());
    assert_eq!(members, [json!(1), json!(1), json!(1), json!(true)]);
    assert_eq!(export(&admin).await, before);
    assert_eq!(each(&admin, "/v1/assets/revisions", "revision").await, json!([1]));
    assert_eq!(entries(&admin, "/v1/events").await.len(), events);
    let faulty = import(&admin, "?dry_run=true", format!("{HEADER}b,,much\n")).await;
    faulty.expect_invalid(&["/rows/2/readiness_percent"]);
}

#[tokio::test]
async fn sheets_of_all_countries_are_taken() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let utf16: Vec<u8> = "\u{feff}Asset\tStage\tReadiness Percent\r\nMüller\t\t12,5\r\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for (sheet, encoding, delimiter) in [
        ("\u{feff}asset;stage;readiness_percent\r\nMüller;;12,5\r\n".as_bytes().to_vec(), "utf-8", ";"),
        ("readiness_percent|ASSET| stage \n12,5|Müller|\n".as_bytes().to_vec(), "utf-8", "|"),
        (b"STAGE;Asset;readiness_percent\r\n;M\xfcller;12,5 %\r\n".to_vec(), "windows-1252", ";"),
        (utf16, "utf-16", "\t"),
    ] {
        let told = import(&admin, "", sheet).await.expect(200);
        assert_eq!([&told["encoding"], &told["delimiter"]], [encoding, delimiter]);
        assert_eq!(export(&admin).await, format!("{HEADER}Müller,,12.5\r\n"));
    }
    let post = || admin.request(Method::POST, "/v1/assets/import");
    let named = post()
        .bytes("text/csv; charset=windows-1252; header=present", b"asset;stage;readiness_percent\n\x80;;\n".to_vec());
    assert_eq!(named.send().await.expect(200)["created"], 1);
    for media_type in ["text/csv; charset=iso-8859-2", "application/json", "text/plain", "application/zip"] {
        let refused = post().bytes(media_type, HEADER).send().await;
        refused.expect_problem(415, "unsupported-media-type");
    }
    post().send().await.expect_problem(415, "unsupported-media-type");
}

#[tokio::test]
async fn a_sheet_with_faults_is_refused_with_all_of_them_and_changes_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let sheet = "asset,stage,readiness_percent,owner\na,,1,x\n,,much,x\nb,,\nb\u{0},,2000,x\nc,,,x\nc,,,x\nd,\"x,,\n";
    let refused = import(&admin, "", sheet).await;
    let document = refused.expect_invalid(&[
        "/header/owner",
        "/rows/3/asset",
        "/rows/3/readiness_percent",
        "/rows/4",
        "/rows/5/asset",
        "/rows/5/readiness_percent",
        "/rows/7/asset",
        "/rows/8",
    ]);
    let codes: Vec<&str> =
        document["errors"].as_array().unwrap().iter().map(|fault| fault["code"].as_str().unwrap()).collect();
    for code in [
        "unknown_column",
        "required",
        "malformed",
        "ragged",
        "control_character",
        "out_of_range",
        "duplicate",
        "unclosed_quote",
    ] {
        assert!(codes.contains(&code), "{code}: {codes:?}");
    }
    assert_eq!(export(&admin).await, HEADER);
    import(&admin, "", "").await.expect_invalid(&["/header/asset", "/header/stage", "/header/readiness_percent"]);

    let many = import(&admin, "", format!("{HEADER}{}", ",,x\n".repeat(2_000))).await;
    let document = many.expect_problem(422, "validation-failed");
    assert_eq!((document["errors"].as_array().unwrap().len(), &document["error_count"]), (1_000, &json!(4_000)));
    let large = import(&admin, "", " ".repeat(1024 * 1024 + 1)).await;
    large.expect_problem(413, "payload-too-large");
    import(&admin, "?mode=erase", HEADER).await.expect_bad_parameter("mode");
    assert_eq!(entries(&admin, "/v1/assets/revisions").await.len(), 0);
}

#[tokio::test]
async fn a_sheet_as_long_as_it_may_be_is_taken() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let sheet = |percent: usize| {
        let rows: Vec<String> = (0..3_000).map(|number| format!("asset-{number:05},awareness,{percent}\r\n")).collect();
        format!("{HEADER}{}", rows.concat())
    };
    assert_eq!(import(&admin, "", sheet(1)).await.expect(200)["created"], 3_000);
    assert_eq!(import(&admin, "", sheet(2)).await.expect(200)["changed"], 3_000);
    assert_eq!(export(&admin).await, sheet(2));
    assert_eq!(import(&admin, "?mode=replace", HEADER).await.expect(200)["removed"], 3_000);
    assert_eq!(export(&admin).await, HEADER);
    assert_eq!(admin.get("/v1/assets/revisions/2?count=true").await.expect(200)["total"], 3_000);
}

#[tokio::test]
async fn an_import_with_a_key_happens_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let send = async |sheet: &str| {
        let request = admin.request(Method::POST, "/v1/assets/import").key("sheet-1");
        request.bytes("text/csv", sheet.to_owned()).send().await
    };
    send("asset,stage\na,\n").await.expect_invalid(&["/header/readiness_percent"]);
    let sheet = format!("{HEADER}a,,1\n");
    let first = send(&sheet).await.expect(200);
    let again = send(&sheet).await;
    assert_eq!((again.expect(200), again.header("idempotency-replayed")), (first, Some("true")));
    send(&format!("{HEADER}b,,1\n")).await.expect_problem(422, "idempotency-key-reused");
    assert_eq!(each(&admin, "/v1/assets/revisions", "revision").await, json!([1]));
}

#[tokio::test]
async fn changes_are_told_as_events() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (asset, path) = create(&admin, asset("a", 1.0)).await;
    let changed = admin.patch(&path, json!({"readiness_percent": 2})).await.expect(200);
    import(&admin, "", format!("{HEADER}a,,2\nb,,1\n")).await.expect(200);
    import(&admin, "", format!("{HEADER}a,,2\n")).await.expect(200);
    admin.delete(&path).await.expect(204);
    let events: Vec<Value> =
        entries(&admin, "/v1/events").await.iter().rev().map(|event| json!([event["type"], event["data"]])).collect();
    assert_eq!(
        events,
        [
            json!(["asset.created", {"asset": asset}]),
            json!(["asset.changed", {"before": asset, "asset": changed}]),
            json!(["assets.changed", {"created": 1, "changed": 0, "removed": 0, "unchanged": 1, "revision": 3}]),
            json!(["asset.removed", {"id": asset["id"], "key": "a"}]),
        ]
    );
}

#[tokio::test]
async fn another_workspace_sees_and_changes_nothing() {
    let app = TestApp::start().await;
    let (admin, stranger) = (app.admin().await, app.other_workspace().admin().await);
    let (asset, path) = create(&admin, asset("a", 1.0)).await;
    let refused = |answer: Answer| {
        let mut document = answer.expect_problem(404, "not-found");
        document["instance"] = Value::Null;
        document
    };
    for path in [path.clone(), format!("/v1/assets/{NOBODY}")] {
        let unknown = refused(stranger.get("/v1/assets/revisions/1").await);
        assert_eq!(refused(stranger.get(&path).await), unknown);
        assert_eq!(refused(stranger.patch(&path, json!({"stage": "x"})).await), unknown);
        assert_eq!(refused(stranger.delete(&path).await), unknown);
    }
    let of_asset = format!("/v1/assets/revisions?asset_id={}", bodies::id(&asset));
    for list in ["/v1/assets", "/v1/assets/revisions", "/v1/assets/revisions?asset_key=a", of_asset.as_str()] {
        assert_eq!(entries(&stranger, list).await.len(), 0, "{list}");
    }
    // The same key is free there, revisions begin at 1, and replacing that register leaves this one.
    assert_eq!(create(&stranger, json!({"key": "a"})).await.0["revision"], 1);
    import(&stranger, "?mode=replace", HEADER).await.expect(200);
    assert_eq!(admin.get(&path).await.expect(200), asset);
}

#[tokio::test]
async fn only_marketing_changes_the_register_and_everyone_reads_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (_, path) = create(&admin, asset("a", 1.0)).await;
    for role in [Role::Admin, Role::Marketer, Role::Salesperson, Role::Viewer, Role::Integration] {
        let (person, writes) = (app.person(role).await, [Role::Admin, Role::Marketer].contains(&role));
        for read in ["/v1/assets", "/v1/assets/export", "/v1/assets/revisions", "/v1/assets/revisions/1", &path] {
            assert_eq!(person.get(read).await.status(), 200, "{role:?} {read}");
        }
        let answers = [
            person.post("/v1/assets", asset(&format!("{role:?}"), 1.0)).await,
            person.patch(&path, json!({"stage": format!("{role:?}")})).await,
            import(&person, "", format!("{HEADER}{role:?} 2,,1\n")).await,
            import(&person, "?dry_run=true", HEADER).await,
        ];
        for (answer, status) in answers.iter().zip([201, 200, 200, 200]) {
            assert_eq!(answer.status(), if writes { status } else { 403 }, "{role:?}: {}", answer.text());
        }
        if !writes {
            person.delete(&path).await.expect_problem(403, "forbidden");
        }
    }
    let program = app.integration(&["scoring:read", "scoring:write"]).await;
    program.get("/v1/assets").await.expect_problem(403, "forbidden");
}
