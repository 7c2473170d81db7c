//! Interactions in one request, a line each, beside as many requests over 32 connections.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::client::Connection;
use crate::database::Kind;
use crate::definitions::{self, MODELS};
use crate::pressure::Outcome;
use crate::settings::Settings;
use crate::site::{Site, Size};
use crate::table::{Table, count, median};

/// Lines that are written at once.
const TOGETHER: u64 = 64;
/// Lines that may be under way: enough that the service never waits for us, and few enough that the end comes soon.
const AHEAD: u64 = 4_096;

pub async fn measure(settings: &Settings, kind: Kind) {
    let size = Size { contacts: settings.contacts, past: 5, models: MODELS };
    let site = Site::new(settings, kind, "stream", size, false).await;
    let requests = site.interactions();
    requests.closed(8, settings.each).await.faultless();
    let before = site.service.memory("VmRSS");
    let (mut streams, mut singles) = (Vec::new(), Vec::new());
    for _ in 0..settings.rounds {
        streams.push(streamed(&site, settings.each).await.expect("the stream is answered to its end"));
        singles.push(requests.closed(32, settings.each).await.faultless());
    }
    let (stream, single) = (median(&streams), median(&singles.iter().map(Outcome::rate).collect::<Vec<_>>()));
    let mut table = Table::new(&["", "interactions/s", "ratio"]);
    table.row(["32 connections".to_owned(), count(single), "1.00".to_owned()]);
    table.row(["one stream".to_owned(), count(stream), format!("{:.2}", stream / single)]);
    table.print(&format!("Stream, {}: {} contacts", kind.name(), size.contacts));
    println!("\n  memory: {before:.1} MiB before, {:.1} MiB at most", site.service.memory("VmHWM"));
    site.close();
}

/// Sends lines for so long, and reads the answers until the last; gives the lines a second.
async fn streamed(site: &Site, time: Duration) -> io::Result<f64> {
    let load = site.interactions();
    let (mut from, mut to) = Connection::open(site.service.port).await?.into_stream().into_split();
    let head = format!(
        "POST /v1/interactions/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
        site.service.token
    );
    let (contacts, begun) = (site.size.contacts, Instant::now());
    let answered = &AtomicU64::new(0);
    let sending = async move {
        to.write_all(head.as_bytes()).await?;
        let mut sent = 0_u64;
        while begun.elapsed() < time {
            if sent > answered.load(Ordering::Relaxed) + AHEAD {
                tokio::time::sleep(Duration::from_millis(1)).await;
                continue;
            }
            let numbers = load.next.fetch_add(TOGETHER, Ordering::Relaxed)..;
            let mut lines = String::new();
            for number in numbers.take(TOGETHER as usize) {
                lines.push_str(&definitions::interaction(number, contacts));
                lines.push('\n');
            }
            to.write_all(format!("{:x}\r\n{lines}\r\n", lines.len()).as_bytes()).await?;
            sent += TOGETHER;
        }
        to.write_all(b"0\r\n\r\n").await?;
        Ok::<_, io::Error>((sent, to))
    };
    let receiving = async move {
        let mut answer = Vec::new();
        loop {
            // A line that was cut is looked at with what follows it.
            let whole = answer.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            answered.fetch_add(occurrences(&answer[..whole], b"\"status\":201"), Ordering::Relaxed);
            answer.drain(..whole);
            if from.read_buf(&mut answer).await? == 0 {
                return Ok::<_, io::Error>(());
            }
        }
    };
    let ((sent, _to), ()) = tokio::try_join!(sending, receiving)?;
    let recorded = answered.load(Ordering::Relaxed);
    assert_eq!(sent, recorded, "every line is recorded");
    Ok(recorded as f64 / begun.elapsed().as_secs_f64())
}

fn occurrences(text: &[u8], of: &[u8]) -> u64 {
    let starts = text.iter().enumerate().filter(|(_, byte)| **byte == of[0]);
    starts.filter(|(place, _)| text[*place..].starts_with(of)).count() as u64
}
