//! The register as a sheet of three columns (SCO-13): CSV as spreadsheets write it, and as they read it.
//!
//! Reading takes what spreadsheets of different countries make: cells parted by comma, semicolon, TAB or bar, in UTF-8,
//! UTF-16 or Windows-1252, columns in any order. It tells everything that is wrong, each where the spreadsheet shows it:
//! row 1 is the header. Writing takes one form only, RFC 4180, and what was written is read back as it was.

use std::collections::HashMap;

use csv::{ReaderBuilder, StringRecord, Terminator, WriterBuilder};
use encoding_rs::WINDOWS_1252;
use serde::Serialize;
use utoipa::ToSchema;

use super::cell;
use crate::error::{Error, Result, Violation};
use crate::percent::Percent;
use crate::text;

/// The columns of the sheet, as they are written.
pub const COLUMNS: [&str; 3] = ["asset", "stage", "readiness_percent"];
/// Characters that the key of an asset may have.
pub const KEY_MAX: usize = 200;
/// Characters that a stage may have.
pub const STAGE_MAX: usize = 64;
/// Rows that a sheet may have below its header.
pub const ROWS_MAX: usize = 20_000;
/// Faults that are listed; more are only counted.
pub const FAULTS_MAX: usize = 1_000;
/// What may part the cells of a row; of several that would do, the first.
const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];
/// Stands in a row of its own below the sheet. It is missing there if a quote was never closed.
const END: &str = "\u{1}";

/// How the text of a sheet was encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SheetEncoding)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-16 with a byte order mark.
    #[serde(rename = "utf-16")]
    Utf16,
    /// What is no UTF-8 and has no byte order mark.
    #[serde(rename = "windows-1252")]
    Windows1252,
}

/// What the sheet says of one asset.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The asset's key.
    pub asset: String,
    pub stage: Option<String>,
    pub readiness_percent: Option<Percent>,
}

/// A sheet without faults.
#[derive(Clone, Debug, PartialEq)]
pub struct Sheet {
    pub rows: Vec<Row>,
    pub encoding: Encoding,
    /// What parts its cells.
    pub delimiter: char,
}

/// What is wrong with a sheet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    /// The first of them.
    pub listed: Vec<Violation>,
    /// How many there are.
    pub count: usize,
}

impl Faults {
    fn add(&mut self, pointer: String, code: &'static str, detail: impl Into<String>) {
        self.count += 1;
        if self.listed.len() < FAULTS_MAX {
            self.listed.push(Violation::new(pointer, code, detail));
        }
    }
}

/// Writes a sheet; with a byte order mark for spreadsheets that otherwise do not take it for UTF-8.
pub fn write<'r>(rows: impl IntoIterator<Item = &'r Row>, bom: bool) -> Result<String> {
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(COLUMNS).map_err(Error::internal)?;
    for Row { asset, stage, readiness_percent } in rows {
        let percent = readiness_percent.as_ref().map(ToString::to_string).unwrap_or_default();
        let stage = cell::guarded(stage.as_deref().unwrap_or_default());
        writer.write_record([&cell::guarded(asset), &stage, percent.as_str()]).map_err(Error::internal)?;
    }
    let text = String::from_utf8(writer.into_inner().map_err(Error::internal)?).map_err(Error::internal)?;
    Ok(if bom { format!("\u{feff}{text}") } else { text })
}

/// Reads a sheet, or tells everything that is wrong with it.
pub fn read(bytes: &[u8]) -> std::result::Result<Sheet, Faults> {
    let mut faults = Faults::default();
    let Some((text, encoding)) = decoded(bytes) else {
        faults.add(String::new(), "malformed", "begins as UTF-8 or UTF-16 and goes on as something else");
        return Err(faults);
    };
    let delimiter = delimiter_of(&text);
    let mut records = records(text, delimiter, &mut faults).into_iter();
    let header = records.next().map(|(_, header)| header).unwrap_or_default();
    let layout = Layout::read(&header, &mut faults);
    let (mut rows, mut seen) = (Vec::new(), HashMap::new());
    for (number, record) in records {
        if record.len() != header.len() {
            let detail = format!("has {} cells; the header has {}", record.len(), header.len());
            faults.add(format!("/rows/{number}"), "ragged", detail);
        } else if let Some(row) = layout.row(number, &record, delimiter != ',', &mut faults) {
            match seen.insert(row.asset.clone(), number) {
                Some(first) => {
                    let detail = format!("row {first} is about this asset, too");
                    faults.add(format!("/rows/{number}/asset"), "duplicate", detail);
                }
                None => rows.push(row),
            }
        }
    }
    if faults.count == 0 { Ok(Sheet { rows, encoding, delimiter }) } else { Err(faults) }
}

/// The text in `bytes`; none when it is not what its byte order mark says.
fn decoded(bytes: &[u8]) -> Option<(String, Encoding)> {
    if let Some((encoding, length)) = encoding_rs::Encoding::for_bom(bytes) {
        let marked = bytes.get(length..).unwrap_or_default();
        let text = encoding.decode_without_bom_handling_and_without_replacement(marked)?;
        let is_utf8 = encoding == encoding_rs::UTF_8;
        return Some((text.into_owned(), if is_utf8 { Encoding::Utf8 } else { Encoding::Utf16 }));
    }
    Some(match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), Encoding::Utf8),
        Err(_) => (WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(), Encoding::Windows1252),
    })
}

/// What parts the cells: that by which the header has most of the known columns, or else most cells.
fn delimiter_of(text: &str) -> char {
    let header = text.split(['\r', '\n']).find(|line| !line.trim().is_empty()).unwrap_or_default();
    let fit = |delimiter: char| {
        let names = || header.split(delimiter).map(|name| column_of(name.trim_matches('"')));
        (names().flatten().count(), names().count())
    };
    let better = |best: char, other: char| if fit(other) > fit(best) { other } else { best };
    DELIMITERS.into_iter().reduce(better).unwrap_or(',')
}

/// Which of the columns a name in the header means; case, spaces and low lines do not matter.
fn column_of(name: &str) -> Option<usize> {
    let plain = |name: &str| text::fold(name).chars().filter(|c| !c.is_whitespace() && *c != '_').collect::<String>();
    let name = plain(name);
    COLUMNS.iter().position(|column| plain(column) == name)
}

/// The records of the sheet, each with its row; rows of empty cells are left out.
fn records(mut text: String, delimiter: char, faults: &mut Faults) -> Vec<(usize, StringRecord)> {
    text.push('\n');
    text.push_str(END);
    let bytes = text.as_bytes();
    // All delimiters are ASCII.
    let delimiter = u8::try_from(delimiter).unwrap_or(b',');
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(bytes);
    let (mut found, mut record, mut row, mut start) = (Vec::new(), StringRecord::new(), 0, 0);
    while found.len() <= ROWS_MAX + 1 && reader.read_record(&mut record).unwrap_or(false) {
        let end = usize::try_from(reader.position().byte()).unwrap_or(usize::MAX);
        row += 1 + blank_lines(bytes, start, end);
        start = end;
        if record.iter().any(|cell| !cell.trim().is_empty()) {
            found.push((row, record.clone()));
        }
    }
    match found.pop() {
        Some((_, last)) if last.iter().eq([END]) => {}
        Some((row, _)) if found.len() > ROWS_MAX => {
            faults.add(
                "/rows".to_owned(),
                "too_long",
                format!("a sheet has at most {ROWS_MAX} rows; row {row} is beyond"),
            );
        }
        Some(_) if found.is_empty() => faults.add("/header".to_owned(), "unclosed_quote", "a quote is not closed"),
        Some((row, _)) => faults.add(format!("/rows/{row}"), "unclosed_quote", "a quote is not closed"),
        None => {}
    }
    found
}

/// Empty lines before the record in `bytes[start..end]`, which the reader passes over.
fn blank_lines(bytes: &[u8], start: usize, end: usize) -> usize {
    let breaks: Vec<u8> =
        bytes.get(start..end).unwrap_or_default().iter().copied().take_while(|b| matches!(b, b'\r' | b'\n')).collect();
    let lines = breaks.iter().filter(|b| **b == b'\n').count();
    let old_lines =
        breaks.iter().zip(breaks.iter().skip(1).chain([&0])).filter(|(b, next)| **b == b'\r' && **next != b'\n');
    let ends_the_last = start > 0 && bytes.get(start - 1) == Some(&b'\r') && breaks.first() == Some(&b'\n');
    (lines + old_lines.count()).saturating_sub(usize::from(ends_the_last))
}

/// Where each of the columns is.
#[derive(Default)]
struct Layout([Option<usize>; 3]);

impl Layout {
    fn read(header: &StringRecord, faults: &mut Faults) -> Self {
        let mut layout = Self::default();
        for (index, name) in header.iter().enumerate() {
            let shown: String = crate::http::json::escape(name.trim()).chars().take(100).collect();
            let place = column_of(name).and_then(|column| layout.0.get_mut(column));
            let pointer = if shown.is_empty() { format!("/header/{}", index + 1) } else { format!("/header/{shown}") };
            match place {
                None => faults.add(
                    pointer,
                    "unknown_column",
                    format!("there is no such column; use {}", COLUMNS.join(", ")),
                ),
                Some(Some(_)) => faults.add(pointer, "duplicate", "is there twice"),
                Some(place) => *place = Some(index),
            }
        }
        for (column, place) in COLUMNS.iter().zip(layout.0) {
            if place.is_none() {
                faults.add(format!("/header/{column}"), "required", "is missing in the header, the first row");
            }
        }
        layout
    }

    /// What a record says; none when anything is wrong with it, or with the header.
    fn row(&self, number: usize, record: &StringRecord, comma: bool, faults: &mut Faults) -> Option<Row> {
        let before = faults.count;
        let mut cells = COLUMNS.iter().zip(self.0).map(|(column, place)| {
            let cell = place.and_then(|place| record.get(place))?;
            let clean = text::line(cell::bare(cell));
            clean.map_err(|why| faults.add(format!("/rows/{number}/{column}"), why.code, why.detail)).ok()
        });
        let (asset, stage, percent) = (cells.next()?, cells.next()?, cells.next()?);
        drop(cells);
        let mut refuse =
            |column: &str, code, detail: &str| faults.add(format!("/rows/{number}/{column}"), code, detail);
        if asset.as_deref().is_some_and(|asset| asset.trim().is_empty()) {
            refuse("asset", "required", "names no asset");
        }
        for (column, cell, most) in [("asset", &asset, KEY_MAX), ("stage", &stage, STAGE_MAX)] {
            if let Some(Err(why)) = cell.as_deref().map(|cell| text::at_most(cell, most)) {
                refuse(column, why.code, &why.detail);
            }
        }
        let readiness_percent = percent.as_deref().map(|percent| cell::percent(percent, comma));
        if let Some(Err(why)) = &readiness_percent {
            refuse("readiness_percent", why.code, &why.detail);
        }
        let row = Row {
            asset: asset?,
            stage: stage.filter(|stage| !stage.trim().is_empty()),
            readiness_percent: readiness_percent?.ok()?,
        };
        (faults.count == before && self.0.iter().all(Option::is_some)).then_some(row)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(asset: &str, stage: &str, percent: Option<i64>) -> Row {
        let stage = Some(stage.to_owned()).filter(|stage| !stage.is_empty());
        Row { asset: asset.to_owned(), stage, readiness_percent: percent.map(Percent::from_millionths) }
    }

    fn rows(sheet: &str) -> Vec<Row> {
        read(sheet.as_bytes()).unwrap().rows
    }

    fn faults(sheet: impl AsRef<[u8]>) -> Vec<String> {
        let faults = read(sheet.as_ref()).unwrap_err();
        faults.listed.into_iter().map(|fault| format!("{} {}", fault.pointer, fault.code)).collect()
    }

    #[test]
    fn a_sheet_is_written_in_one_form() {
        let rows = [
            row("white-paper", "awareness", Some(30_000_000)),
            row("a \"b\", c", "", Some(-12_500_000)),
            row("=HYPERLINK(1)", "@x", None),
        ];
        let written = "asset,stage,readiness_percent\r\nwhite-paper,awareness,30\r\n\"a \"\"b\"\", c\",,-12.5\r\n\
                       '=HYPERLINK(1),'@x,\r\n";
        assert_eq!(write(&rows, false).unwrap(), written);
        assert_eq!(write(&rows, true).unwrap(), format!("\u{feff}{written}"));
        assert_eq!(write(&[], false).unwrap(), "asset,stage,readiness_percent\r\n");
        assert_eq!(super::tests::rows(written), rows);
    }

    #[test]
    fn cells_may_be_parted_and_columns_named_and_ordered_in_several_ways() {
        let expected = [row("a", "x", Some(12_500_000)), row("b", "", None)];
        for (sheet, delimiter) in [
            ("asset,stage,readiness_percent\na,x,12.5\nb,,\n", ','),
            ("ASSET; Stage ;Readiness Percent\r\na;x;12,5\r\nb;;\r\n", ';'),
            ("stage\treadiness_percent\tasset\rx\t12.5%\ta\r\t\tb", '\t'),
            ("\u{feff}\"readinessPERCENT\"|\"asset\"|\"stage\"\n12,5 %|'a'|x\n|b|\n", '|'),
            ("\n\nasset,stage,readiness_percent\n\na,x,12.5\n,,\nb,,\n\n\n", ','),
        ] {
            let read = read(sheet.replace("'a'", "a").as_bytes()).unwrap();
            assert_eq!((read.rows.as_slice(), read.delimiter), (expected.as_slice(), delimiter), "{sheet:?}");
        }
    }

    #[test]
    fn what_spreadsheets_write_is_understood_whatever_its_encoding() {
        let text = "asset,stage,readiness_percent\nMüller,für €,\n";
        let expected = vec![row("Müller", "für €", None)];
        let utf16 = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(bytes).collect()
        };
        for (bytes, encoding) in [
            (text.as_bytes().to_vec(), Encoding::Utf8),
            (format!("\u{feff}{text}").into_bytes(), Encoding::Utf8),
            (utf16(u16::to_le_bytes), Encoding::Utf16),
            (utf16(u16::to_be_bytes), Encoding::Utf16),
            (WINDOWS_1252.encode(text).0.into_owned(), Encoding::Windows1252),
        ] {
            assert_eq!(read(&bytes), Ok(Sheet { rows: expected.clone(), encoding, delimiter: ',' }));
        }
        assert_eq!(faults(b"\xef\xbb\xbfasset,\xff"), [" malformed"]);
    }

    #[test]
    fn every_fault_is_told_where_the_spreadsheet_shows_it() {
        let sheet =
            "asset,stage,readiness_percent\n\na,x\nb,,thirty\n ,,2000\nc,,\nc,,\nd\u{0},\u{7},1,1\n\u{1},e\u{0},\n";
        assert_eq!(
            faults(sheet),
            [
                "/rows/3 ragged",
                "/rows/4/readiness_percent malformed",
                "/rows/5/asset required",
                "/rows/5/readiness_percent out_of_range",
                "/rows/7/asset duplicate",
                "/rows/8 ragged",
                "/rows/9/asset control_character",
                "/rows/9/stage control_character",
            ]
        );
        let long = format!("asset,stage,readiness_percent\r\n{},{},0.0000001\r\n", "é".repeat(201), "x".repeat(65));
        assert_eq!(
            faults(&long),
            ["/rows/2/asset too_long", "/rows/2/stage too_long", "/rows/2/readiness_percent too_precise"]
        );
    }

    #[test]
    fn rows_are_counted_however_lines_end() {
        for end in ["\n", "\r\n", "\r"] {
            let lines = ["", "asset,stage,readiness_percent", "", "", "a,,1", ",,", "b,,x", "", "\"c\",,x"];
            let faults = faults(lines.join(end));
            assert_eq!(
                faults,
                ["/rows/7/readiness_percent malformed", "/rows/9/readiness_percent malformed"],
                "{end:?}"
            );
        }
    }

    #[test]
    fn a_header_with_other_columns_is_told_by_name_and_its_rows_are_still_checked() {
        assert_eq!(
            faults("asset,stage,Asset,owner,\nx,,y,z,\n"),
            [
                "/header/Asset duplicate",
                "/header/owner unknown_column",
                "/header/5 unknown_column",
                "/header/readiness_percent required"
            ]
        );
        let both = faults("asset,stage,readiness_percent,id/1\nx,,much,1\n");
        assert_eq!(both, ["/header/id~11 unknown_column", "/rows/2/readiness_percent malformed"]);
        let none = ["/header/asset required", "/header/stage required", "/header/readiness_percent required"];
        assert_eq!([faults(""), faults("\r\n\r\n")], [none, none]);
    }

    #[test]
    fn a_quote_that_is_never_closed_is_told() {
        assert_eq!(faults("asset,stage,readiness_percent\na,,\nb,\"x,1\nc,,\n"), ["/rows/3 unclosed_quote"]);
        assert_eq!(faults("asset,stage,readiness_percent\na,,\"1"), ["/rows/2 unclosed_quote"]);
        assert_eq!(faults("asset,stage,\"readiness_percent\na,,1\n")[0], "/header unclosed_quote");
        assert_eq!(
            rows("asset,stage,readiness_percent\n\"a\",5\" disk,\"1\""),
            [row("a", "5\" disk", Some(1_000_000))]
        );
    }

    #[test]
    fn a_sheet_has_an_end() {
        let sheet = |count: usize| {
            let rows: Vec<String> = (0..count).map(|number| format!("{number},,\n")).collect();
            format!("asset,stage,readiness_percent\n{}", rows.concat())
        };
        assert_eq!(rows(&sheet(ROWS_MAX)).len(), ROWS_MAX);
        assert_eq!(faults(sheet(ROWS_MAX + 1)), ["/rows too_long"]);
    }

    #[test]
    fn faults_beyond_a_thousand_are_only_counted() {
        let sheet = format!("asset,stage,readiness_percent\n{}", "x,,much\n".repeat(1_500));
        let faults = read(sheet.as_bytes()).unwrap_err();
        assert_eq!((faults.listed.len(), faults.count), (FAULTS_MAX, 1_500));
    }

    /// Text as the register takes it.
    fn line(most: usize) -> impl Strategy<Value = String> {
        proptest::string::string_regex(&format!("(?s).{{0,{most}}}")).unwrap().prop_filter_map("no line", move |text| {
            let text = text::line(&text).ok()?;
            (!text.trim().is_empty() && text::length(&text) <= most).then_some(text)
        })
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_back_and_written_the_same(
            entries in proptest::collection::btree_map(
                line(8),
                (proptest::option::of(line(8)), proptest::option::of(-1_000_000_000..=1_000_000_000_i64)),
                0..6,
            ),
            bom in any::<bool>(),
        ) {
            let rows: Vec<Row> = entries
                .into_iter()
                .map(|(asset, (stage, percent))| Row {
                    asset, stage, readiness_percent: percent.map(Percent::from_millionths),
                })
                .collect();
            let written = write(&rows, bom).unwrap();
            let sheet = read(written.as_bytes()).unwrap();
            prop_assert_eq!(&sheet.rows, &rows);
            prop_assert_eq!(write(&sheet.rows, bom).unwrap(), written);
        }

        #[test]
        fn no_bytes_do_harm(bytes in any::<Vec<u8>>()) {
            let _ = read(&bytes);
        }

        #[test]
        fn no_sheet_does_harm(rows in "[a'=,;\t|\"\r\n0-9%.\u{0}é-]{0,80}") {
            let faults = read(format!("asset,stage,readiness_percent\n{rows}").as_bytes()).err().unwrap_or_default();
            prop_assert!(faults.listed.len() <= faults.count);
        }
    }
}
