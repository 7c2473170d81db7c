//! Where a form may be sent from and where it sends people afterwards: allowed origins and redirect URLs.
//!
//! Both come from the form's definition, never from a request. An origin is compared whole, in the form browsers send
//! it (CAP-1, CAP-2, V14, F02, F13).

use std::fmt;

use url::{Host, Url};

use crate::text::{Rejected, at_most};

/// The longest web address, in characters, as given and as kept.
pub const WEB_ADDRESS_MAX: usize = 2_000;

/// Reads the address of a web page and returns it in its canonical ASCII form.
///
/// Refuses every scheme but `http` and `https`, addresses relative to something, user names and passwords, white space,
/// control characters and backslashes. Fails with `too_long` or `invalid_url`.
pub fn web_address(text: &str) -> Result<String, Rejected> {
    page(text).map(String::from)
}

/// Reads the address a visitor is sent to: a [`web_address`] with `https`, or with `http` on this machine.
pub fn redirect_url(text: &str) -> Result<String, Rejected> {
    let url = page(text)?;
    if url.scheme() == "https" || is_loopback(&url) {
        Ok(url.into())
    } else {
        Err(Rejected::new("invalid_url", "must begin with https:// (http:// only for localhost)"))
    }
}

/// Reads `text`, refusing what the URL standard would silently repair: what a person sees must be where a browser goes.
fn page(text: &str) -> Result<Url, Rejected> {
    let refused = |detail: &'static str| Rejected::new("invalid_url", detail);
    at_most(text, WEB_ADDRESS_MAX)?;
    if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
        return Err(refused("may not have white space, control characters or backslashes in it"));
    }
    let authority = authority(text).ok_or_else(|| refused("must begin with https:// and a host name"))?;
    if authority.contains('@') {
        return Err(refused("may not have a user name or password in it"));
    }
    let url = Url::parse(text).map_err(|_| refused("is not a web address, such as https://example.com/thanks"))?;
    at_most(url.as_str(), WEB_ADDRESS_MAX)?;
    Ok(url)
}

/// What stands between `http://` or `https://` and the path; `None` when there is no such beginning or nothing there.
fn authority(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    let known = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    let authority = rest.split(['/', '?', '#']).next()?;
    (known && !authority.is_empty()).then_some(authority)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A web origin: scheme, host and port, in the ASCII form browsers send, such as `https://good.com`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin(String);

impl Origin {
    /// Whether `header`, the `Origin` header a browser sent, is this origin: same scheme, host and port, nothing else.
    pub fn allows(&self, header: &str) -> bool {
        origin(header).is_ok_and(|sent| sent == *self)
    }

    /// The canonical ASCII form, without the scheme's own port.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads an origin that a form may be sent from.
///
/// A host with a dot at its end is another origin than without. Refuses `null`, wildcards, paths (a lone `/` too),
/// queries and credentials. Fails with `too_long` or `invalid_origin`.
pub fn origin(text: &str) -> Result<Origin, Rejected> {
    let refused = |detail: &'static str| Rejected::new("invalid_origin", detail);
    let shape = "must be scheme, host and port only, such as https://example.com, with no / at its end";
    if text == "null" || text.contains('*') {
        return Err(refused("must name one origin: null and wildcards are not allowed"));
    }
    let url = page(text).map_err(|why| if why.code == "too_long" { why } else { refused(shape) })?;
    let is_bare = authority(text).is_some_and(|authority| text.ends_with(authority)) && !text.contains(['?', '#', '%']);
    if !is_bare || url.path() != "/" || url.host().is_none_or(|host| !is_plain(&host)) {
        return Err(refused(shape));
    }
    Ok(Origin(url.origin().ascii_serialization()))
}

/// Whether a name is made of letters, digits, dashes, underscores and dots. The URL standard lets more pass.
fn is_plain(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)),
        Host::Ipv4(_) | Host::Ipv6(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn web_addresses_are_kept_in_canonical_form() {
        assert_eq!(web_address("HTTPS://Good.com").unwrap(), "https://good.com/");
        assert_eq!(web_address("https://müller.de/ö?q=ä#x").unwrap(), "https://xn--mller-kva.de/%C3%B6?q=%C3%A4#x");
        assert_eq!(web_address("http://good.com/a/../b").unwrap(), "http://good.com/b");
    }

    #[test]
    fn addresses_that_lead_elsewhere_than_they_look_are_refused() {
        let bad = [
            "",
            "javascript:alert(1)",
            "java\nscript:alert(1)",
            "data:text/html,x",
            "//x",
            "/thanks",
            "thanks",
            "https:evil.com",
            "https:/evil.com",
            "https:///evil.com",
            "https://",
            "https://?x",
            "https://good.com@evil.com/",
            "https://@evil.com/",
            "https://u:p@evil.com",
            "https://evil.com\\@good.com/",
            "https://good.com/ x",
            " https://good.com",
            "https://good.com/\t",
            "https://good.com/\0",
            "ftp://good.com",
            "file:///etc/passwd",
            "https://exa mple.com",
            "https://good.com:99999",
        ];
        for text in bad {
            assert_eq!(web_address(text).map_err(|e| e.code), Err("invalid_url"), "{text:?}");
        }
        let long = format!("https://good.com/{}", "a".repeat(WEB_ADDRESS_MAX));
        assert_eq!(web_address(&long).unwrap_err().code, "too_long");
    }

    #[test]
    fn visitors_are_sent_on_over_https_except_on_this_machine() {
        for text in [
            "https://good.com/thanks",
            "http://localhost:3000/x",
            "http://127.0.0.1/",
            "http://[::1]:8080/",
            "http://app.localhost/",
        ] {
            assert!(redirect_url(text).is_ok(), "{text}");
        }
        for text in ["http://good.com/", "http://10.0.0.1/", "http://localhost.evil.io/", "http://notlocalhost/"] {
            assert_eq!(redirect_url(text).map_err(|e| e.code), Err("invalid_url"), "{text}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let cases = [
            ("https://good.com", "https://good.com"),
            ("https://good.com:443", "https://good.com"),
            ("HTTPS://GOOD.com", "https://good.com"),
            ("https://good.com:8443", "https://good.com:8443"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("https://müller.de", "https://xn--mller-kva.de"),
            ("https://good.com.", "https://good.com."),
            ("http://[::1]", "http://[::1]"),
        ];
        for (text, canonical) in cases {
            assert_eq!(origin(text).unwrap().as_str(), canonical, "{text}");
        }
    }

    #[test]
    fn what_names_no_single_origin_is_refused() {
        let bad = [
            "",
            "null",
            "*",
            "https://*.good.com",
            "https://good.com/",
            "https://good.com/form",
            "https://good.com?",
            "https://good.com#",
            "good.com",
            "https://good%2ecom",
            "https://a@good.com",
            "https://good.com https://evil.io",
            "https://good.com,https://evil.io",
            "file://",
        ];
        for text in bad {
            assert_eq!(origin(text).map_err(|e| e.code), Err("invalid_origin"), "{text:?}");
        }
    }

    #[test]
    fn a_browser_elsewhere_is_not_allowed() {
        let good = origin("https://good.com").unwrap();
        for header in ["https://good.com", "https://GOOD.com", "https://good.com:443"] {
            assert!(good.allows(header), "{header}");
        }
        for header in [
            "null",
            "",
            "https://good.com.evil.io",
            "http://good.com",
            "https://good.com:8443",
            "https://good.com.",
            "https://evilgood.com",
            "https://good.com/",
            "https://www.good.com",
        ] {
            assert!(!good.allows(header), "{header}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd_to_be_judged(text in any::<String>()) {
            let _ = (web_address(&text), redirect_url(&text), origin(&text));
        }

        #[test]
        fn reading_the_canonical_form_changes_nothing(rest in "[a-zA-Z0-9äß.:-]{1,12}[/?#]?\\PC{0,8}") {
            for scheme in ["http", "https"] {
                let text = format!("{scheme}://{rest}");
                if let Ok(url) = web_address(&text) {
                    prop_assert_eq!(web_address(&url), Ok(url));
                }
                if let Ok(one) = origin(&text) {
                    prop_assert!(one.allows(one.as_str()));
                    prop_assert_eq!(origin(one.as_str()), Ok(one));
                }
            }
        }
    }
}
