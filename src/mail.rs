//! Mail that the service sends, through the SMTP server of whoever runs it.
//!
//! The address of the server tells how the way there is kept secret: `smtps://` is TLS from the first byte, `smtp://`
//! demands STARTTLS, `?tls=opportunistic` uses it where it is offered and `?tls=none` never does. A password is only sent
//! where STARTTLS is certain. Links in mails begin with the configured public address and never with what a request
//! claims (H19). What goes into a header is one line, whatever it was before (V05).

use std::time::Duration;

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use url::Url;

/// How long one mail may take, from connecting to the server's last word.
const PATIENCE: Duration = Duration::from_secs(20);
/// Characters of a server's words that are kept.
const WORDS_MAX: usize = 300;

/// The way mail leaves the service.
pub struct Mail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    public_url: String,
    patience: Duration,
}

/// A mail in plain text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Letter {
    /// The address it goes to, without a name.
    pub to: String,
    /// Whom replies go to, by name and address; the sender when left out, or when that is no address.
    pub reply_to: Option<(String, String)>,
    /// What it is about; shown on one line.
    pub subject: String,
    /// What it says.
    pub text: String,
    /// What stands before the `@` of its Message-ID, so that replies tell which mail they answer; a random one when left
    /// out.
    pub message_id: Option<String>,
}

/// Why a mail was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MailFailure {
    /// The server refuses this mail for good, or it cannot be written at all.
    #[error("{0}")]
    Refused(String),
    /// It may work later.
    #[error("{0}")]
    Failed(String),
}

impl Mail {
    /// Mail through the server at `smtp_url`, from `from`, with links that begin with `public_url`. The errors name the
    /// setting and repeat no password.
    pub fn new(smtp_url: &str, from: &str, public_url: &str) -> Result<Self, String> {
        let public = public_address(public_url)?;
        let from =
            from.parse().map_err(|_| "RIPEN_MAIL_FROM must be an address such as Contoso <hello@example.com>")?;
        let name = ClientId::Domain(public.host_str().unwrap_or("localhost").to_owned());
        let transport = transport(smtp_url)?.hello_name(name).timeout(Some(PATIENCE)).build();
        let public_url = public.as_str().trim_end_matches('/').to_owned();
        Ok(Self { transport, from, public_url, patience: PATIENCE })
    }

    /// The same, but that it gives up on a mail after `patience`.
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The public address of `path`, which begins with a slash.
    pub fn link(&self, path: &str) -> String {
        format!("{}{path}", self.public_url)
    }

    /// Sends a letter. It has arrived at the server when this is `Ok`; when it is not, it may have arrived nevertheless.
    pub async fn send(&self, letter: &Letter) -> Result<(), MailFailure> {
        let message = self.message(letter)?;
        match tokio::time::timeout(self.patience, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(failure(&error)),
            Err(_) => Err(MailFailure::Failed("the mail server took too long".to_owned())),
        }
    }

    fn message(&self, letter: &Letter) -> Result<Message, MailFailure> {
        let unwritable = |what: &dyn std::fmt::Display| MailFailure::Refused(format!("no mail can be written: {what}"));
        let to = letter.to.parse().map_err(|e| unwritable(&e))?;
        let domain = self.from.email.domain();
        let name = letter.message_id.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        let mut builder = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(one_line(&letter.subject))
            .message_id(Some(format!("<{name}@{domain}>")))
            .header(ContentType::TEXT_PLAIN);
        if let Some((name, address)) = &letter.reply_to
            && let Ok(address) = address.parse()
        {
            builder = builder.reply_to(Mailbox::new(Some(one_line(name)), address));
        }
        let mut message = builder.body(letter.text.clone()).map_err(|e| unwritable(&e))?;
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        message.headers_mut().insert_raw(HeaderValue::new(automatic, "auto-generated".to_owned()));
        Ok(message)
    }
}

/// An address that links can begin with.
fn public_address(text: &str) -> Result<Url, String> {
    let refused = "RIPEN_PUBLIC_URL must be the address that the public reaches the service by, such as https://ripen.example.com";
    let url = Url::parse(text).map_err(|_| refused)?;
    let is_plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    let is_web = ["http", "https"].contains(&url.scheme()) && url.password().is_none();
    if is_plain && is_web && url.host_str().is_some() { Ok(url) } else { Err(refused.to_owned()) }
}

fn transport(text: &str) -> Result<lettre::transport::smtp::AsyncSmtpTransportBuilder, String> {
    let refused = || {
        "RIPEN_SMTP_URL must be smtps://<user>:<password>@<host>:<port> or smtp://…, with ?tls=opportunistic or ?tls=none \
         for a server without certificate"
            .to_owned()
    };
    let url = Url::parse(text).map_err(|_| refused())?;
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(refused)?.to_owned();
    let parameters = || TlsParameters::new(host.clone()).map_err(|_| "RIPEN_SMTP_URL: TLS cannot be set up".to_owned());
    let (tls, port, is_certain) = match (url.scheme(), url.query()) {
        ("smtps", None) => (Tls::Wrapper(parameters()?), 465, true),
        ("smtp", None | Some("tls=required")) => (Tls::Required(parameters()?), 587, true),
        ("smtp", Some("tls=opportunistic")) => (Tls::Opportunistic(parameters()?), 25, false),
        ("smtp", Some("tls=none")) => (Tls::None, 25, false),
        _ => return Err(refused()),
    };
    let builder =
        AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host).port(url.port().unwrap_or(port)).tls(tls);
    match (url.username(), url.password()) {
        ("", None) => Ok(builder),
        _ if !is_certain => Err("RIPEN_SMTP_URL: a password is only sent where TLS is certain".to_owned()),
        (user, password) => {
            let plain = |text: &str| percent_decoded(text).ok_or_else(refused);
            Ok(builder.credentials(Credentials::new(plain(user)?, plain(password.unwrap_or_default())?)))
        }
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        bytes.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
    }
    String::from_utf8(bytes).ok()
}

/// What the server said, or why it said nothing. A refused login or command is not this mail's fault.
fn failure(error: &lettre::transport::smtp::Error) -> MailFailure {
    let words = one_line(&error.to_string()).chars().take(WORDS_MAX).collect();
    let code = error.status().map(|code| code.to_string()).unwrap_or_default();
    let is_ours = code.starts_with("53") || code.starts_with("50");
    if error.is_permanent() && !is_ours { MailFailure::Refused(words) } else { MailFailure::Failed(words) }
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail() -> Mail {
        Mail::new("smtp://localhost?tls=none", "Müller & Söhne <hello@example.com>", "https://ripen.example.com/")
            .unwrap()
    }

    fn refusal(smtp: &str, from: &str, public: &str) -> String {
        Mail::new(smtp, from, public).err().unwrap_or_default()
    }

    #[test]
    fn a_subject_never_becomes_a_header_of_its_own() {
        let subject = "Hi\r\nBcc: everybody@example.com".to_owned();
        let letter = Letter { to: "ann@example.com".into(), subject, text: "Grüße".into(), ..Letter::default() };
        let message = String::from_utf8(mail().message(&letter).unwrap().formatted()).unwrap();
        let head = message.split("\r\n\r\n").next().unwrap();
        assert!(!head.contains("\r\nBcc:"), "{head}");
        assert!(head.contains("\r\nTo: ann@example.com\r\n"), "{head}");
        assert!(head.contains("Auto-Submitted: auto-generated"), "{head}");
    }

    #[test]
    fn an_address_that_is_none_is_refused_for_good() {
        for to in ["", "ann", "a@x.com\r\nBcc: e@x.com", "a@x.com, b@x.com"] {
            let letter = Letter { to: to.into(), subject: "x".into(), text: "x".into(), ..Letter::default() };
            assert!(matches!(mail().message(&letter), Err(MailFailure::Refused(_))), "{to}");
        }
    }

    #[test]
    fn links_begin_with_the_public_address() {
        assert_eq!(mail().link("/v1/x"), "https://ripen.example.com/v1/x");
    }

    #[test]
    fn a_setting_that_makes_no_sense_is_named_and_no_password_is_told() {
        let (smtp, from, public) = ("smtps://me:s3cret@mail.example.com", "a@x.com", "https://x.com");
        assert_eq!(refusal(smtp, from, public), "");
        for bad in ["mail.example.com", "http://x.com", "smtp://", "smtp://x?tls=maybe", "smtps://x?tls=none"] {
            assert!(refusal(bad, from, public).starts_with("RIPEN_SMTP_URL"), "{bad}");
        }
        for bad in ["smtp://me:s3cret@x?tls=none", "smtp://me:s3cret@x?tls=opportunistic", "smtp://me:s3cret@/"] {
            let told = refusal(bad, from, public);
            assert!(told.starts_with("RIPEN_SMTP_URL") && !told.contains("s3cret"), "{bad}: {told}");
        }
        for bad in ["", "nobody", "a@x.com\r\nBcc: b@x.com"] {
            assert!(refusal(smtp, bad, public).starts_with("RIPEN_MAIL_FROM"), "{bad}");
        }
        for bad in ["", "x.com", "ftp://x.com", "https://x.com/?a", "https://me@x.com", "https://x.com/#a"] {
            assert!(refusal(smtp, from, bad).starts_with("RIPEN_PUBLIC_URL"), "{bad}");
        }
    }

    #[test]
    fn credentials_may_hold_any_character() {
        assert_eq!(percent_decoded("a%40x.com%3a%C3%BC").as_deref(), Some("a@x.com:ü"));
        assert_eq!(percent_decoded("%4"), None);
        assert_eq!(percent_decoded("%ff"), None);
    }
}
