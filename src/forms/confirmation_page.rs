//! The pages that people see who open a confirmation link. They hold nothing of what was sent.

/// A page with a heading and a sentence.
pub fn page(title: &str, sentence: &str) -> String {
    with_body(title, &format!("<p>{sentence}</p>"))
}

/// A page with a button that posts to its own address.
pub fn asking() -> String {
    with_body("Confirm your e-mail address", "<form method=\"post\"><button type=\"submit\">Confirm</button></form>")
}

fn with_body(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <h1>{title}</h1>\n{body}\n</html>\n"
    )
}
