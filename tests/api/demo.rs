//! The demonstration: `ripen demo` from an empty folder to a scored lead.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::process::{Service, Site};
use crate::support::{Answer, Credential, Person, bodies, http};

/// A demonstration under way, and what it printed.
pub struct Demo {
    service: Service,
    printed: String,
}

impl Demo {
    /// Starts it at `site`.
    pub fn start(site: &Site) -> Self {
        let service = Service::start(site.ripen(&["demo", "--landing-listen", "127.0.0.1:0"]), site.folder.path());
        let log = std::fs::read_to_string(site.folder.path().join("log")).unwrap();
        // The log of an earlier start comes before.
        let printed = log.rsplit("\nAPI ").next().map(|last| format!("API {last}")).unwrap();
        Self { service, printed }
    }

    /// The fact printed as `name`.
    #[track_caller]
    pub fn fact(&self, name: &str) -> &str {
        let mut values = self.printed.lines().filter_map(|line| line.strip_prefix(name)).map(str::trim);
        values.next().unwrap_or_else(|| panic!("{name} was not printed: {}", self.printed))
    }

    /// The landing page's origin.
    pub fn origin(&self) -> &str {
        self.fact("Landing page").trim_end_matches('/')
    }

    /// The administrator whose token was printed.
    pub fn admin(&self) -> Person {
        self.service.caller(self.fact("Token"))
    }

    /// The interactions that the second suggested command sends.
    fn story(&self) -> Value {
        let command = self.printed.lines().find(|line| line.contains("/v1/interactions")).unwrap();
        let sent = command.split_once("-d \"").and_then(|(_, rest)| rest.strip_suffix('"')).unwrap();
        serde_json::from_str(&sent.replace("\\\"", "\"")).unwrap()
    }

    /// What a browser does that has no script and is on a page of `origin`.
    async fn submit(&self, origin: &str) -> Answer {
        let path = format!("/v1/public/forms/{}/submissions", self.fact("Form"));
        let fields = [
            ("first_name", "Ann"),
            ("last_name", "Lee"),
            ("email", "ann@example.com"),
            ("company", "Contoso"),
            ("role", "decision_maker"),
            ("message", "How much?\nHow soon?"),
            ("consent.marketing", "true"),
        ];
        let visitor = Person::new(http(), &self.service.base, Credential::None);
        let request =
            visitor.request(Method::POST, &path).header("origin", origin).header("accept", "text/html,*/*;q=0.8");
        request.form(&fields).send().await
    }
}

/// The one lead of Ann's.
async fn lead_of_ann(admin: &Person) -> Value {
    let found = admin.get("/v1/leads?q=ann@example.com").await.expect(200);
    assert_eq!(found["data"].as_array().unwrap().len(), 1, "{found:#}");
    found["data"][0].clone()
}

#[tokio::test]
async fn what_the_demonstration_suggests_leads_to_a_lead_that_is_ready_for_sales() {
    let site = Site::new();
    let demo = Demo::start(&site);
    let admin = demo.admin();
    assert_eq!(demo.fact("API"), demo.service.base);

    let sent = demo.submit(demo.origin()).await;
    assert_eq!(sent.status(), 303, "{}", sent.text());
    assert_eq!(sent.header("location"), Some(format!("{}/?thanks", demo.origin()).as_str()));
    let lead = lead_of_ann(&admin).await;
    assert_eq!((&lead["score"], &lead["stage"]), (&json!(20), &json!("marketing_qualification")), "{lead:#}");

    let answer = admin.post("/v1/interactions", demo.story()).await;
    answer.expect(200);
    let lead = lead_of_ann(&admin).await;
    assert_eq!((&lead["score"], &lead["temperature"]), (&json!(105), &json!("hot")), "{lead:#}");
    assert_eq!(lead["stage"], "sales_acceptance");
    let path = format!("/v1/leads/{}", bodies::id(&lead));
    let score = admin.get(&format!("{path}/scores?forecast=true")).await.expect(200)["data"][0].clone();
    assert_eq!((&score["score"], &score["sales_ready"]), (&json!(105), &json!(true)), "{score:#}");
    assert!(!score["forecast"].as_array().unwrap().is_empty());
    let ledger = admin.get(&format!("{path}/score-entries?limit=200")).await.expect(200);
    assert_eq!(crate::scoring::sum(ledger["data"].as_array().unwrap()), 105);

    // Told again, the same story changes nothing.
    admin.post("/v1/interactions", demo.story()).await.expect(200);
    assert_eq!(lead_of_ann(&admin).await, lead);
}

#[tokio::test]
async fn a_demonstration_started_again_goes_on_with_what_it_had() {
    let site = Site::new();
    let first = Demo::start(&site);
    first.submit(first.origin()).await;
    let (form, lead) = (first.fact("Form").to_owned(), lead_of_ann(&first.admin()).await);
    first.service.kill();

    let second = Demo::start(&site);
    assert_eq!(second.fact("Form"), form);
    assert_eq!(lead_of_ann(&second.admin()).await["id"], lead["id"]);
    // The page has moved to another port, and the form knows.
    assert_eq!(second.submit(second.origin()).await.status(), 303);
    let users = second.admin().get("/v1/users").await.expect(200);
    let mut roles: Vec<&str> =
        users["data"].as_array().unwrap().iter().map(|user| user["role"].as_str().unwrap()).collect();
    roles.sort_unstable();
    roles.dedup();
    assert_eq!(roles.len(), 7, "{roles:?}");
}

#[tokio::test]
async fn the_landing_page_is_of_another_origin_and_the_only_one_that_may_submit() {
    let site = Site::new();
    let demo = Demo::start(&site);
    assert_ne!(demo.origin(), demo.service.base);
    demo.submit("https://elsewhere.example").await.expect_problem(403, "origin-not-allowed");
    demo.submit(&demo.service.base).await.expect_problem(403, "origin-not-allowed");
    assert_eq!(demo.admin().get("/v1/leads").await.expect(200)["data"], json!([]));
}

#[tokio::test]
async fn the_landing_page_needs_nothing_from_elsewhere() {
    let site = Site::new();
    let demo = Demo::start(&site);
    let page = http().get(demo.fact("Landing page")).send().await.unwrap();
    assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    let page = page.text().await.unwrap();
    assert!(page.contains(&format!(
        "action=\"{}/v1/public/forms/{}/submissions\"",
        demo.fact("API"),
        demo.fact("Form")
    )));
    assert_eq!(page.matches("http://").count(), 1, "only the form's action names another address");
    for foreign in ["https://", "src=", "href=", "@import", "url("] {
        assert!(!page.contains(foreign), "{foreign}");
    }
}
