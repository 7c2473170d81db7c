//! One cell of the sheet (SCO-13, C01, C09): safe to open in a spreadsheet, and read back as it was.
//!
//! A spreadsheet takes a text that begins with `=`, `+`, `-` or `@` for a formula. Such a text is written with a `'`
//! before it, which reading takes off again. So that both agree on every text, a text that already has quotes before what
//! looks like a formula gets one more.

use std::borrow::Cow;

use crate::percent::Percent;
use crate::text::Rejected;

/// Percentages of the register are within this of 0.
const LARGEST_PERCENT: i64 = 1_000;
/// Millionths of a percent in one percent.
const ONE: i64 = 1_000_000;
/// Decimals of a percentage.
const DECIMALS: usize = 6;

/// What a text cell holds in the sheet.
pub fn guarded(text: &str) -> Cow<'_, str> {
    if looks_like_a_formula(text) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// The text that a cell of the sheet stands for.
pub fn bare(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|text| looks_like_a_formula(text)).unwrap_or(cell)
}

fn looks_like_a_formula(text: &str) -> bool {
    const BEGINNINGS: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];
    let is_padding = |c: char| c.is_whitespace() && !BEGINNINGS.contains(&c);
    text.trim_start_matches('\'').trim_start_matches(is_padding).starts_with(BEGINNINGS)
}

/// The percentage in a cell such as `30`, `-12.5` or `30 %`; none in an empty one. A comma marks decimals where `comma`
/// says that none parts the cells.
pub fn percent(cell: &str, comma: bool) -> Result<Option<Percent>, Rejected> {
    let malformed = || Rejected::new("malformed", "must be a percentage such as 30, -12.5 or 30%, or empty");
    let number = cell.trim();
    if number.is_empty() {
        return Ok(None);
    }
    let number = number.strip_suffix('%').map_or(number, str::trim_end);
    let (negative, digits) = number.strip_prefix(['-', '\u{2212}']).map_or((false, number), |digits| (true, digits));
    let (whole, fraction) = match digits.split_once(|c| c == '.' || (comma && c == ',')) {
        Some((_, "")) => return Err(malformed()),
        Some(parts) => parts,
        None => (digits, ""),
    };
    if whole.is_empty() || !whole.chars().chain(fraction.chars()).all(|c| c.is_ascii_digit()) {
        return Err(malformed());
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > DECIMALS {
        return Err(Rejected::new("too_precise", "a percentage has at most six decimals"));
    }
    let size = whole.parse::<i64>().ok().and_then(|whole| whole.checked_mul(ONE)).unwrap_or(i64::MAX);
    let size = size.saturating_add(format!("{fraction:0<DECIMALS$}").parse().unwrap_or(0));
    if size > LARGEST_PERCENT * ONE {
        return Err(Rejected::new("out_of_range", "a percentage is within ±1000"));
    }
    Ok(Some(Percent::from_millionths(if negative { -size } else { size })))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_spreadsheet_would_run_is_written_as_text() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", " =1", "\u{a0}=1", "＝1", "-12.5", "'=1"] {
            assert_eq!(guarded(formula), format!("'{formula}"), "{formula:?}");
        }
        for plain in ["", "white-paper", "a=1", "'quoted'", "' ", "30", "1-2"] {
            assert_eq!(guarded(plain), plain, "{plain:?}");
        }
    }

    #[test]
    fn only_the_quote_that_writing_puts_there_is_taken_off() {
        for (cell, text) in [("'=1", "=1"), ("''=1", "'=1"), ("'quoted'", "'quoted'"), ("' =1", " =1"), ("=1", "=1")] {
            assert_eq!(bare(cell), text, "{cell:?}");
        }
    }

    #[test]
    fn a_percentage_is_read_as_people_write_it() {
        let shown = |cell: &str, comma| percent(cell, comma).unwrap().map(|percent| percent.to_string());
        for (cell, read) in [
            ("30", "30"),
            ("30%", "30"),
            (" 30 % ", "30"),
            ("-12.50", "-12.5"),
            ("\u{2212}12.5", "-12.5"),
            ("0.000001", "0.000001"),
            ("0030.0000000", "30"),
            ("-0", "0"),
            ("1000", "1000"),
            ("-1000.0", "-1000"),
        ] {
            assert_eq!(shown(cell, false), Some(read.to_owned()), "{cell}");
        }
        assert_eq!([shown("", false), shown("  ", true)], [None, None]);
        assert_eq!(shown("12,5", true), Some("12.5".to_owned()));
    }

    #[test]
    fn anything_else_is_no_percentage() {
        let code = |cell: &str, comma| percent(cell, comma).unwrap_err().code;
        for cell in ["x", "12,5", "1e2", "+5", "%", "-", ".5", "5.", "1.2.3", "30%%", "1 000", "٣", "NaN", "0x1", "--1"]
        {
            assert_eq!(code(cell, false), "malformed", "{cell}");
        }
        assert_eq!(code("1,234.5", true), "malformed");
        assert_eq!(code("0.0000001", false), "too_precise");
        for cell in ["1000.000001", "-1001", "99999999999999999999999", "9223372036854775807.9"] {
            assert_eq!(code(cell, false), "out_of_range", "{cell}");
        }
    }

    proptest! {
        #[test]
        fn a_text_comes_back_from_its_cell(text in any::<String>()) {
            let cell = guarded(&text).into_owned();
            prop_assert_eq!(bare(&cell), text);
        }

        #[test]
        fn a_text_that_begins_oddly_comes_back_from_its_cell(text in "['= \t+@＝x\u{a0}-]{0,6}") {
            let cell = guarded(&text).into_owned();
            prop_assert_eq!(bare(&cell), text);
            prop_assert!(!cell.trim_start().starts_with(['=', '+', '-', '@', '＝']));
        }

        #[test]
        fn a_percentage_comes_back_from_its_cell(millionths in -1_000_000_000..=1_000_000_000_i64) {
            let written = Percent::from_millionths(millionths);
            prop_assert_eq!(percent(&written.to_string(), false), Ok(Some(written)));
        }

        #[test]
        fn no_cell_does_harm(cell in any::<String>(), comma in any::<bool>()) {
            let _ = percent(&cell, comma);
        }
    }
}
