//! Answers, with expectations that show the whole answer when they fail.

use reqwest::header::HeaderMap;
use serde_json::Value;

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    request: String,
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    pub(super) async fn read(request: &str, response: reqwest::Response) -> reqwest::Result<Self> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await?.to_vec();
        Ok(Self { request: request.to_owned(), status, headers, body })
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The body's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{}: no JSON ({e}): {}", self.request, self.shown()))
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Asserts the status; gives the body, null when there is none.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}: {}", self.request, self.shown());
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    /// Asserts that this is the problem `slug` in the form that all problems have; gives the document.
    #[track_caller]
    pub fn expect_problem(&self, status: u16, slug: &str) -> Value {
        assert_eq!(self.status, status, "{}: {}", self.request, self.shown());
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.request);
        let document = self.json();
        let expected = match slug {
            "quota-exceeded" => "https://iana.org/assignments/http-problem-types#quota-exceeded".to_owned(),
            slug => format!("/problems/{slug}"),
        };
        assert_eq!(document["type"], expected, "{}: {}", self.request, self.shown());
        assert_eq!(document["status"], status, "{}", self.request);
        assert_eq!(document["instance"].as_str(), self.header("x-request-id"), "{}", self.request);
        for member in ["title", "detail"] {
            assert!(
                document[member].as_str().is_some_and(|text| !text.is_empty()),
                "{}: {}",
                self.request,
                self.shown()
            );
        }
        document
    }

    /// Asserts a 422 that names exactly these pointers, in any order.
    #[track_caller]
    pub fn expect_invalid(&self, pointers: &[&str]) -> Value {
        let document = self.expect_problem(422, "validation-failed");
        let errors = document["errors"].as_array().cloned().unwrap_or_default();
        let mut named: Vec<&str> = errors.iter().map(|error| error["pointer"].as_str().unwrap_or("-")).collect();
        let mut expected = pointers.to_vec();
        named.sort_unstable();
        expected.sort_unstable();
        assert_eq!(named, expected, "{}: {}", self.request, self.shown());
        document
    }

    /// Asserts a 400 about exactly this parameter.
    #[track_caller]
    pub fn expect_bad_parameter(&self, name: &str) -> Value {
        let document = self.expect_problem(400, "invalid-parameter");
        assert_eq!(document["errors"][0]["parameter"], name, "{}: {}", self.request, self.shown());
        document
    }

    fn shown(&self) -> String {
        format!("{} {}", self.status, self.text())
    }
}
