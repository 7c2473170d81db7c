//! Phone numbers in one form that is compared, E.164, beside what was typed (REC-4, V12).
//!
//! Nothing is guessed: a number without a country is refused when no default country is given.

use phonenumber::Metadata;
use phonenumber::Type;
use phonenumber::metadata::DATABASE;
use unicode_normalization::UnicodeNormalization;

use crate::text::{Rejected, at_most};

/// The longest phone number as typed, in characters.
pub const PHONE_MAX: usize = 40;

/// A phone number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phone {
    /// As it was typed, trimmed and in normalisation form C.
    pub typed: String,
    /// What is compared: the number in E.164, such as `+3725551234`.
    pub e164: String,
}

/// Reads a phone number.
///
/// An international number begins with `+` or `00`; any other is read as dialled within `default_country` (ISO 3166,
/// two letters), and refused when there is none. Digits of any script and the usual separators are accepted; letters
/// and extensions are not. The number must be possible, that is of a length or shape its country has; it need not be
/// in use. Fails with `too_long` or `invalid_phone`.
pub fn phone(text: &str, default_country: Option<&str>) -> Result<Phone, Rejected> {
    let typed: String = text.trim().nfc().collect();
    at_most(&typed, PHONE_MAX)?;
    let (plus, digits) = dialled(&typed)?;
    let abroad = digits.strip_prefix("00").or(plus.then_some(digits.as_str()));
    let e164 = match (abroad, default_country.and_then(region)) {
        (Some(digits), _) => international(digits)?,
        (None, Some(region)) => national(region, &digits)?,
        (None, None) => {
            return Err(not_a_phone("has no country code: begin with + and the code, such as +372 5551 2345"));
        }
    };
    Ok(Phone { typed, e164 })
}

fn not_a_phone(detail: &'static str) -> Rejected {
    Rejected::new("invalid_phone", detail)
}

fn impossible() -> Rejected {
    not_a_phone("is not a possible phone number: too few or too many digits for its country")
}

/// Whether there is a leading plus sign, and the digits in ASCII.
fn dialled(text: &str) -> Result<(bool, String), Rejected> {
    let (mut plus, mut digits) = (false, String::new());
    for c in text.nfkc() {
        match c {
            '+' if !plus && digits.is_empty() => plus = true,
            _ if is_separator(c) => {}
            _ => {
                digits.push(ascii_digit(c).ok_or_else(|| {
                    not_a_phone("may have only digits, spaces and + ( ) - . / in it, and no extension")
                })?)
            }
        }
    }
    if digits.is_empty() { Err(not_a_phone("has no digits")) } else { Ok((plus, digits)) }
}

/// What people, and the address books they copy from, put between digits; marks of writing direction among it.
fn is_separator(c: char) -> bool {
    matches!(c, ' ' | '-' | '.' | '/' | '(' | ')' | '\u{ad}' | '\u{2212}' | '\u{feff}')
        || matches!(c, '\u{200b}'..='\u{2015}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
}

fn ascii_digit(c: char) -> Option<char> {
    /// The zeros of the scripts whose ten digits people dial with; each is followed by one to nine.
    const ZEROS: &str = "0٠۰߀०০੦૦୦௦౦೦൦๐໐༠၀០᠐";
    ZEROS.chars().find_map(|zero| {
        let value = u32::from(c).checked_sub(u32::from(zero))?;
        char::from_digit(value, 10)
    })
}

fn region(country: &str) -> Option<&'static Metadata> {
    (country.len() == 2).then(|| DATABASE.by_id(country.to_ascii_uppercase().as_str())).flatten()
}

/// The number that `digits`, country code first, stand for.
fn international(digits: &str) -> Result<String, Rejected> {
    let (code, regions, rest) = (1..=3)
        .find_map(|length| {
            let (code, rest) = digits.split_at_checked(length).filter(|_| !digits.starts_with('0'))?;
            let regions = DATABASE.by_code(&code.parse::<u16>().ok()?)?;
            Some((code, regions, rest))
        })
        .ok_or_else(|| not_a_phone("begins with a country code that does not exist"))?;
    // The main country of a shared code comes first and sets its dialling habits.
    let significant = regions.first().map_or_else(|| rest.to_owned(), |main| without_trunk(main, rest));
    let e164 = format!("+{code}{significant}");
    // E.164 allows fifteen digits after the plus sign.
    if e164.len() > 16 || !regions.iter().any(|region| is_possible(region, &significant)) {
        return Err(impossible());
    }
    Ok(e164)
}

/// The number that `digits` reach when dialled within `region`.
fn national(region: &Metadata, digits: &str) -> Result<String, Rejected> {
    let abroad =
        region.international_prefix().and_then(|prefix| prefix.find(digits)).filter(|found| found.start() == 0);
    if let Some(number) = abroad.and_then(|found| international(digits.get(found.end()..)?).ok()) {
        return Ok(number);
    }
    let code = region.country_code().to_string();
    let significant = without_trunk(region, digits);
    let country_code_given = digits.strip_prefix(&code).is_some_and(|rest| is_shaped(region, rest));
    if country_code_given && !is_shaped(region, &significant) {
        return international(digits);
    }
    if !is_possible(region, &significant) {
        return Err(impossible());
    }
    international(&format!("{code}{significant}"))
}

/// The significant number: `digits` without what is dialled before it only within the country, such as Britain's 0.
///
/// `phonenumber::parse` is not used because it also takes such a digit from numbers that rightly begin with it:
/// `+7 800 555 35 35` would lose its 8.
fn without_trunk(region: &Metadata, digits: &str) -> String {
    let mut number = digits.to_owned();
    // Repeated so that reading the outcome again changes nothing; each country needs one round, odd input a few.
    for _ in 0..PHONE_MAX {
        let Some(shorter) = strip_trunk(region, &number) else { break };
        let loses_its_shape = is_shaped(region, &number) && !is_shaped(region, &shorter);
        if shorter == number || loses_its_shape || !is_possible(region, &shorter) {
            break;
        }
        number = shorter;
    }
    number
}

/// `digits` without one trunk prefix, or rewritten as the region's rule says; `None` when there is nothing to take.
fn strip_trunk(region: &Metadata, digits: &str) -> Option<String> {
    let Some(pattern) = region.national_prefix_for_parsing() else {
        return digits.strip_prefix(region.national_prefix()?).map(str::to_owned);
    };
    let found = pattern.captures(digits)?;
    let whole = found.get(0).filter(|whole| whole.start() == 0)?;
    let last_group = found.len().checked_sub(1).filter(|&last| last > 0).and_then(|last| found.get(last));
    match (region.national_prefix_transform_rule(), last_group) {
        (Some(rule), Some(_)) => Some(pattern.replace(digits, rule).into_owned()),
        _ => digits.get(whole.end()..).map(str::to_owned),
    }
}

/// Whether a number could be one of `region`: as long as its land lines or mobiles are, or shaped as some number there.
fn is_possible(region: &Metadata, number: &str) -> bool {
    has_length_of(region, &[Type::FixedLine, Type::Mobile], number) || is_shaped(region, number)
}

/// Whether `number` is as long as some kind of number in `region` and begins like one.
fn is_shaped(region: &Metadata, number: &str) -> bool {
    const KINDS: [Type; 10] = [
        Type::FixedLine,
        Type::Mobile,
        Type::TollFree,
        Type::PremiumRate,
        Type::SharedCost,
        Type::PersonalNumber,
        Type::Voip,
        Type::Pager,
        Type::Uan,
        Type::Voicemail,
    ];
    has_length_of(region, &KINDS, number) && region.descriptors().general().is_match(number)
}

fn has_length_of(region: &Metadata, kinds: &[Type], number: &str) -> bool {
    kinds
        .iter()
        .filter_map(|&kind| region.descriptors().get(kind))
        .any(|kind| kind.possible_length().iter().any(|&length| usize::from(length) == number.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn e164(text: &str, country: Option<&str>) -> String {
        phone(text, country).unwrap().e164
    }

    #[test]
    fn spellings_of_one_number_have_one_e164_form() {
        let spellings = [
            "+1 (555) 010-9999",
            "0015550109999",
            "+1.555.010.9999",
            "＋１ ５５５ ０１０ ９９９９",
            "(+1) 555/010-9999",
            "+١٥٥٥٠١٠٩٩٩٩",
            "00۱۵۵۵۰۱۰۹۹۹۹",
            "\u{202a}+1\u{a0}555\u{2011}010\u{2013}9999\u{202c}",
        ];
        for text in spellings {
            assert_eq!(e164(text, None), "+15550109999", "{text}");
            assert_eq!(e164(text, Some("EE")), "+15550109999", "{text}");
        }
    }

    #[test]
    fn a_plus_before_00_is_one_too_many_and_ignored() {
        assert_eq!(e164("+00 1 555 010 9999", None), "+15550109999");
    }

    #[test]
    fn a_national_number_is_read_in_the_default_country() {
        let cases = [
            ("5551 2345", "EE", "+37255512345"),
            ("372 5551 2345", "ee", "+37255512345"),
            ("020 7946 0018", "GB", "+442079460018"),
            ("(555) 010-9999", "US", "+15550109999"),
            ("1 555 010 9999", "US", "+15550109999"),
            ("030 23125000", "DE", "+493023125000"),
            ("06 698 12345", "IT", "+390669812345"),
            ("8 800 555 35 35", "RU", "+78005553535"),
            ("050 123 4567", "FI", "+358501234567"),
            ("011 44 20 7946 0018", "US", "+442079460018"),
            ("0343 15 555 1212", "AR", "+5493435551212"),
            ("464 1234", "AG", "+12684641234"),
            ("8 029 491 19 11", "BY", "+375294911911"),
            ("0491 570 156", "AU", "+61491570156"),
            ("06 1 234 5678", "HU", "+3612345678"),
        ];
        for (text, country, number) in cases {
            assert_eq!(e164(text, Some(country)), number, "{text} in {country}");
        }
    }

    #[test]
    fn a_leading_digit_that_belongs_to_the_number_stays() {
        for number in ["+78005553535", "+3758001112233", "+390236618300", "+5493435551212"] {
            assert_eq!(e164(number, Some("DE")), number);
        }
        assert_eq!(e164("+44 (0)20 7946 0018", None), "+442079460018");
    }

    #[test]
    fn the_example_numbers_of_every_country_are_read_at_home_and_abroad() {
        for region in DATABASE.iter().filter(|region| region.id() != "001") {
            for kind in [Type::FixedLine, Type::Mobile, Type::TollFree, Type::Uan] {
                let Some(example) = region.descriptors().get(kind).and_then(|kind| kind.example()) else { continue };
                let number = format!("+{}{example}", region.country_code());
                assert_eq!(e164(&number, None), number, "{}", region.id());
                assert_eq!(e164(example, Some(region.id())), number, "{}", region.id());
                if let (Type::FixedLine, Some(trunk)) = (kind, region.national_prefix()) {
                    assert_eq!(e164(&format!("{trunk}{example}"), Some(region.id())), number, "{}", region.id());
                }
            }
        }
    }

    #[test]
    fn a_national_number_without_a_default_country_says_so() {
        for country in [None, Some("ZZ"), Some("001"), Some("")] {
            assert!(phone("555 010 9999", country).unwrap_err().detail.contains("country code"));
        }
    }

    #[test]
    fn what_is_not_one_number_is_refused() {
        for text in [
            "",
            "+",
            "call me",
            "+1 555 010 9999 ext 5",
            "1-800-FLOWERS",
            "+999 123456",
            "+01 555 010 9999",
            "+1 555",
            "112",
            "+1+1",
            "+12530000",
            "+49301234567890123",
            "1\n2",
        ] {
            assert_eq!(phone(text, Some("EE")).map_err(|e| e.code), Err("invalid_phone"), "{text:?}");
        }
        assert_eq!(phone(&"1".repeat(41), Some("EE")).unwrap_err().code, "too_long");
        assert_eq!(phone(&"1".repeat(40), Some("EE")).unwrap_err().code, "invalid_phone");
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd_to_be_a_number_or_not(text in any::<String>()) {
            let _ = (phone(&text, None), phone(&text, Some("AR")), phone(&text, Some(&text)));
        }

        #[test]
        fn a_number_in_e164_stays_as_it_is(index in any::<prop::sample::Index>(), digits in "[0-9]{3,17}") {
            let regions: Vec<_> = DATABASE.iter().collect();
            let region = index.get(&regions);
            for text in [digits.clone(), format!("+{digits}"), format!("+{}{digits}", region.country_code())] {
                if let Ok(read) = phone(&text, Some(region.id())) {
                    prop_assert!(read.e164.starts_with('+') && !read.e164.starts_with("+0") && read.e164.len() <= 16);
                    prop_assert_eq!(e164(&read.e164, None), read.e164);
                }
            }
        }
    }
}
