//! A lean HTTP/1.1 client: one connection that is kept, requests written as they go over the wire, answers read no
//! further than they have to be.
//!
//! It is our own because it shares the cores with the service that it measures: what a full client library takes for
//! each request, the service would lack, and the figures would be as much about the library.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The bytes that end a head.
const END: &[u8] = b"\r\n\r\n";
/// Room that is read into at once.
const ROOM: usize = 16 * 1024;

/// A connection to the service.
pub struct Connection {
    stream: TcpStream,
    /// What was read of the answer at hand.
    read: Vec<u8>,
    /// Where the body of the answer at hand begins.
    body: usize,
}

/// What the head of an answer says.
struct Head {
    status: u16,
    length: usize,
}

impl Connection {
    pub async fn open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, read: Vec::with_capacity(ROOM), body: 0 })
    }

    /// Sends a request and waits for the whole answer; gives its status.
    pub async fn send(&mut self, request: &[u8]) -> io::Result<u16> {
        self.stream.write_all(request).await?;
        self.read.clear();
        let head = loop {
            self.more().await?;
            if let Some(end) = self.read.windows(END.len()).position(|bytes| bytes == END) {
                self.body = end + END.len();
                break read_head(&self.read[..end])?;
            }
        };
        while self.read.len() < self.body + head.length {
            self.more().await?;
        }
        Ok(head.status)
    }

    /// The body of the latest answer.
    pub fn body(&self) -> &[u8] {
        &self.read[self.body..]
    }

    /// The two ways of the connection, for what is sent while it is answered.
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }

    async fn more(&mut self) -> io::Result<()> {
        self.read.reserve(ROOM);
        match self.stream.read_buf(&mut self.read).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

fn read_head(head: &[u8]) -> io::Result<Head> {
    let text = std::str::from_utf8(head).map_err(io::Error::other)?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    let length =
        lines.filter_map(|line| line.split_once(':')).find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|(_, length)| length.trim().parse().ok());
    match (status, length) {
        (Some(status), Some(length)) => Ok(Head { status, length }),
        _ => Err(io::Error::other(format!("an answer of another kind: {text}"))),
    }
}

/// Requests of one kind, in the making.
#[derive(Clone)]
pub struct Requests {
    head: String,
}

impl Requests {
    /// `method` is asked of `path`, by whom `token` is for if there is one. What is replaced may be of any version.
    pub fn new(method: &str, path: &str, token: Option<&str>) -> Self {
        let credential = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let version = if method == "PUT" { "If-Match: *\r\n" } else { "" };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{credential}{version}Content-Type: application/json\r\nContent-Length: "
        );
        Self { head }
    }

    /// Puts the request with this body in the place of what `into` holds.
    pub fn write(&self, into: &mut Vec<u8>, body: &str) {
        into.clear();
        into.extend_from_slice(self.head.as_bytes());
        into.extend_from_slice(body.len().to_string().as_bytes());
        into.extend_from_slice(END);
        into.extend_from_slice(body.as_bytes());
    }
}

/// A request without a body.
pub fn get(path: &str, token: Option<&str>) -> Vec<u8> {
    let credential = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{credential}\r\n").into_bytes()
}
