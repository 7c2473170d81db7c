//! A mail server of the test's own: it keeps what it is given, and misbehaves when told to.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What the server does with a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Takes it.
    Takes,
    /// Refuses the recipient with this line, which begins with a code.
    Refuses(&'static str),
    /// Says nothing any more once the recipient is named.
    Hangs,
    /// Closes the connection once the recipient is named.
    Closes,
    /// Takes it, and closes the connection before it says so.
    TakesSilently,
}

/// A mail as it arrived.
#[derive(Clone, Debug, Default)]
pub struct Mail {
    /// The sender of the envelope.
    pub from: String,
    /// The recipients of the envelope.
    pub to: Vec<String>,
    /// Head and body.
    pub data: String,
}

impl Mail {
    /// The lines of the head that are called `name`, unfolded.
    pub fn headers(&self, name: &str) -> Vec<String> {
        let head = self.data.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ");
        let own = head.split("\r\n").filter_map(|line| line.split_once(": "));
        own.filter(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).collect()
    }

    /// The body as it reads.
    pub fn text(&self) -> String {
        let body = self.data.split_once("\r\n\r\n").unwrap().1.replace("\r\n", "\n");
        match self.headers("content-transfer-encoding").first().map(String::as_str) {
            Some("quoted-printable") => from_quoted(&body.replace("=\n", "")),
            Some("base64") => {
                use base64::Engine;
                let text = base64::engine::general_purpose::STANDARD.decode(body.replace('\n', "")).unwrap();
                String::from_utf8(text).unwrap()
            }
            _ => body,
        }
    }

    /// The confirmation links in it.
    pub fn links(&self) -> Vec<String> {
        let text = self.text();
        let words = text.split_whitespace().filter(|word| word.contains("/v1/public/confirmations/"));
        words.map(str::to_owned).collect()
    }

    /// The path of its one link.
    #[track_caller]
    pub fn path(&self) -> String {
        let links = self.links();
        assert_eq!(links.len(), 1, "{}", self.text());
        links[0].strip_prefix(super::PUBLIC_URL).unwrap().to_owned()
    }
}

fn from_quoted(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        if *first == b'=' {
            let (digits, after) = after.split_at(2);
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap());
            rest = after;
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// A running mail server.
pub struct Smtp {
    port: u16,
    mails: Arc<Mutex<Vec<Mail>>>,
    mood: Arc<Mutex<Mood>>,
}

impl Smtp {
    /// Starts one that takes all mail.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Self { port, mails: Arc::default(), mood: Arc::new(Mutex::new(Mood::Takes)) };
        let (mails, mood) = (server.mails.clone(), server.mood.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(talk(stream, mails.clone(), mood.clone()));
            }
        });
        server
    }

    /// Where it is, as `RIPEN_SMTP_URL` takes it.
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}?tls=none", self.port)
    }

    /// Tells it how to treat the mails from now on.
    pub fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// What it took so far.
    pub fn mails(&self) -> Vec<Mail> {
        self.mails.lock().unwrap().clone()
    }
}

/// One conversation. Nobody is there to hear of an error but the caller, who finds out.
async fn talk(stream: TcpStream, mails: Arc<Mutex<Vec<Mail>>>, mood: Arc<Mutex<Mood>>) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut mail = Mail::default();
    write.write_all(b"220 sink ready\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        let address =
            || line.split_once('<').and_then(|(_, rest)| rest.split_once('>')).unwrap_or_default().0.to_owned();
        let mood = *mood.lock().unwrap();
        let answer = match verb.as_str() {
            "EHLO" | "HELO" => "250-sink\r\n250-8BITMIME\r\n250 SMTPUTF8".to_owned(),
            "MAIL" => {
                mail = Mail { from: address(), ..Mail::default() };
                "250 ok".to_owned()
            }
            "RCPT" => match mood {
                Mood::Refuses(words) => words.to_owned(),
                Mood::Closes => return Ok(()),
                Mood::Hangs => {
                    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
                    return Ok(());
                }
                Mood::Takes | Mood::TakesSilently => {
                    mail.to.push(address());
                    "250 ok".to_owned()
                }
            },
            "DATA" => {
                write.write_all(b"354 go on\r\n").await?;
                while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                    mail.data.push_str(line.strip_prefix('.').unwrap_or(&line));
                    mail.data.push_str("\r\n");
                }
                mails.lock().unwrap().push(mail.clone());
                if mood == Mood::TakesSilently {
                    return Ok(());
                }
                "250 taken".to_owned()
            }
            "QUIT" => {
                write.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => "250 ok".to_owned(),
        };
        write.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
    Ok(())
}
