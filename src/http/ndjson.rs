//! Lines of a body that never ends: cut out of whatever arrives, in constant memory.
//!
//! Lines end with LF or CR LF; the last one needs no end. Blank lines are skipped, and count. A line that is too long is
//! told of once and its bytes are let go, so that the next line is read as if nothing had happened.

/// The media type of one JSON document a line.
pub const MEDIA_TYPE: &str = "application/x-ndjson";
/// Bytes that a line may have.
pub const LINE_LIMIT: usize = 64 * 1024;

/// One line of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number; the first is 1.
    pub number: u64,
    /// Its bytes without its end; none when they are too many.
    pub bytes: Option<Vec<u8>>,
}

/// What has arrived of a body and was not yet taken.
#[derive(Debug, Default)]
pub struct Lines {
    buffer: Vec<u8>,
    /// Where the first line not yet taken begins.
    start: usize,
    /// How many of its bytes are known to hold no end.
    searched: usize,
    /// Whether it is one that was found too long.
    is_skipped: bool,
    number: u64,
}

impl Lines {
    /// Adds what has arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// Bytes that wait to be taken.
    pub fn held(&self) -> usize {
        self.open().len()
    }

    /// The number of the last line that was taken.
    pub fn taken(&self) -> u64 {
        self.number
    }

    /// Takes the next whole line that is not blank.
    pub fn next_line(&mut self) -> Option<Line> {
        loop {
            let unseen = self.open().get(self.searched..).unwrap_or_default();
            let Some(end) = unseen.iter().position(|byte| *byte == b'\n') else {
                self.searched = self.held();
                return self.let_go();
            };
            let line = self.take(self.searched + end, 1);
            if line.is_some() {
                return line;
            }
        }
    }

    /// Takes what is left once the body has ended.
    pub fn last(&mut self) -> Option<Line> {
        self.take(self.held(), 0)
    }

    fn open(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// Takes `length` bytes and the `end` bytes after them; none for a blank line, and for the rest of a skipped one.
    fn take(&mut self, length: usize, end: usize) -> Option<Line> {
        let bytes = self.open().get(..length).unwrap_or_default();
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        let is_blank = bytes.iter().all(u8::is_ascii_whitespace);
        let bytes = (bytes.len() <= LINE_LIMIT).then(|| bytes.to_vec());
        self.start = self.buffer.len().min(self.start + length + end);
        self.searched = 0;
        if std::mem::take(&mut self.is_skipped) {
            return None;
        }
        if end > 0 || !is_blank {
            self.number += 1;
        }
        (!is_blank).then_some(Line { number: self.number, bytes })
    }

    /// Lets go of the beginning of a line that is too long already; tells of it the first time.
    fn let_go(&mut self) -> Option<Line> {
        // One more for the CR before an end that is still to come.
        if self.held() <= LINE_LIMIT + 1 {
            return None;
        }
        self.start = self.buffer.len();
        self.searched = 0;
        if std::mem::replace(&mut self.is_skipped, true) {
            return None;
        }
        self.number += 1;
        Some(Line { number: self.number, bytes: None })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(chunks: &[&[u8]]) -> Vec<(u64, Option<String>)> {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        for chunk in chunks {
            lines.push(chunk);
            while let Some(line) = lines.next_line() {
                found.push(line);
            }
        }
        found.extend(lines.last());
        found.into_iter().map(|line| (line.number, line.bytes.map(|bytes| String::from_utf8(bytes).unwrap()))).collect()
    }

    fn line(number: u64, text: &str) -> (u64, Option<String>) {
        (number, Some(text.to_owned()))
    }

    #[test]
    fn lines_end_with_either_end_and_the_last_needs_none() {
        assert_eq!(lines(&[b"a\nb\r\n\n \t\nc"]), [line(1, "a"), line(2, "b"), line(5, "c")]);
        assert_eq!(lines(&[b"a\n"]), [line(1, "a")]);
        assert_eq!(lines(&[b""]), []);
    }

    #[test]
    fn a_line_that_is_too_long_is_told_of_once_and_spoils_no_other() {
        let long = vec![b'x'; LINE_LIMIT + 2];
        let expected = [line(1, "a"), (2, None), line(3, "b")];
        assert_eq!(lines(&[b"a\n", &long, &long, b"\nb\n"]), expected);
        assert_eq!(lines(&[&[b"a\n", &long[..], b"\nb"].concat()]), expected);
        assert_eq!(lines(&[&long]), [(1, None)]);
        let longest = vec![b'x'; LINE_LIMIT];
        assert_eq!(lines(&[&longest, b"\r", b"\n"])[0].1.as_ref().unwrap().len(), LINE_LIMIT);
    }

    #[test]
    fn no_more_than_a_line_and_a_chunk_are_ever_held() {
        let mut lines = Lines::default();
        for _ in 0..1_000 {
            lines.push(&[b'x'; 1024]);
            lines.next_line();
            assert!(lines.held() <= LINE_LIMIT + 1024);
        }
    }

    proptest! {
        #[test]
        fn lines_are_the_same_however_they_arrive(
            text in "[ab\r\n ]{0,60}",
            cuts in prop::collection::vec(0_usize..60, 0..6),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|cut| *cut <= text.len()).collect();
            cuts.sort_unstable();
            let ends = cuts.iter().copied().chain([text.len()]);
            let chunks: Vec<&[u8]> = [0].into_iter().chain(cuts.iter().copied()).zip(ends)
                .map(|(from, to)| &text.as_bytes()[from..to]).collect();
            prop_assert_eq!(lines(&chunks), lines(&[text.as_bytes()]));
        }
    }
}
