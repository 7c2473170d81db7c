//! The statements that the service runs, as diesel tells of them.

use std::collections::BTreeMap;
use std::sync::{Mutex, Once};

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};

use crate::support::Database;

/// What was run on each database that is listened to, by its address.
static HEARD: Mutex<BTreeMap<String, Vec<String>>> = Mutex::new(BTreeMap::new());

/// Listens to one connection.
#[derive(Default)]
struct Ear {
    database: String,
}

impl Instrumentation for Ear {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartEstablishConnection { url, .. } => self.database = url.to_owned(),
            InstrumentationEvent::StartQuery { query, .. } => {
                if let Some(statements) = HEARD.lock().unwrap().get_mut(&self.database) {
                    let text = query.to_string();
                    let sql = text.split_once(" -- binds:").map_or(text.as_str(), |(sql, _)| sql);
                    statements.push(sql.to_owned());
                }
            }
            _ => {}
        }
    }
}

/// Has every connection that is opened from now on listened to, should its database be. To be called before a service
/// starts.
pub fn prick_up_ears() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| set_default_instrumentation(|| Some(Box::new(Ear::default()))).unwrap());
}

/// Begins to listen to a database.
pub fn listen(database: &Database) {
    HEARD.lock().unwrap().insert(address(database), Vec::new());
}

/// What reads or changes rows of a database and was run since this was asked last.
pub fn heard(database: &Database) -> Vec<String> {
    let statements = std::mem::take(HEARD.lock().unwrap().get_mut(&address(database)).unwrap());
    let looks = |sql: &String| ["SELECT", "UPDATE", "DELETE", "WITH"].iter().any(|verb| sql.starts_with(verb));
    // What an array is of, its statement does not tell, and so it cannot be explained by itself.
    statements.into_iter().filter(|sql| looks(sql) && !sql.contains("unnest(")).collect()
}

/// As the connections are opened.
fn address(database: &Database) -> String {
    database.url().trim_start_matches("sqlite://").to_owned()
}
