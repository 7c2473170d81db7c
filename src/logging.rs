//! The log: one line for each thing worth knowing, on standard error, for people and programs alike.

use std::fmt::Write as _;
use std::io::Write as _;

/// Starts logging what `filter` lets through. Panics become lines of the log, too.
pub fn start(filter: &str) {
    env_logger::Builder::new()
        .parse_filters(filter)
        .format(|line, record| {
            let message = one_line(&record.args().to_string());
            writeln!(line, "{} {} {} {message}", line.timestamp_micros(), record.level(), record.target())
        })
        .init();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let payload = panic.payload();
        let message = payload.downcast_ref::<&str>().copied().or(payload.downcast_ref::<String>().map(String::as_str));
        log::error!(target: "ripen::panic", "panicked at {place}: {}", message.unwrap_or("no message"));
    }));
}

/// `text` with its control characters escaped, so that nothing in it can forge a line of the log or steer a terminal.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            let _ = write!(line, "{}", c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_never_reach_the_log_as_they_are() {
        assert_eq!(one_line("a\nb\u{1b}[31m\u{85}õ"), "a\\nb\\u{1b}[31m\\u{85}õ");
    }
}
