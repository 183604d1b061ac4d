//! Filters of lists as query strings say them: words with commas, moments, yes and no.

use chrono::{DateTime, NaiveDateTime};

use crate::protocol::refusal::Refusal;

/// Words with commas between them, each one of a closed list.
///
/// # Errors
/// `bad_request` naming the field and the words there are.
pub fn words<T: Copy + ToString>(
    field: &'static str,
    text: Option<&str>,
    all: &[T],
    parse: fn(&str) -> Option<T>,
) -> Result<Vec<T>, Refusal> {
    let given = text.unwrap_or_default().split(',').map(str::trim);
    let given = given.filter(|word| !word.is_empty());
    let read = |word: &str| {
        parse(&word.to_ascii_uppercase()).ok_or_else(|| {
            let known: Vec<String> = all.iter().map(ToString::to_string).collect();
            Refusal::field(field, format!("one or more of {}", known.join(",")))
        })
    };
    given.map(read).collect()
}

/// A moment in RFC 3339.
///
/// # Errors
/// `bad_request` naming the field.
pub fn moment(field: &'static str, text: Option<&str>) -> Result<Option<NaiveDateTime>, Refusal> {
    let read = |text: &str| {
        // A plus sign that was not escaped comes as a space.
        let read = DateTime::parse_from_rfc3339(&text.replace(' ', "+"));
        let rule = "a moment like 2026-11-28T10:00:00Z";
        read.map(|at| at.naive_utc()).map_err(|_| Refusal::field(field, rule))
    };
    text.filter(|text| !text.is_empty()).map(read).transpose()
}

/// `true` or `false`.
///
/// # Errors
/// `bad_request` naming the field.
pub fn choice(field: &'static str, text: Option<&str>) -> Result<Option<bool>, Refusal> {
    match text {
        None | Some("") => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(Refusal::field(field, "true or false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::dispatch::Priority;

    #[test]
    fn words_are_read_in_any_case_and_unknown_ones_name_those_there_are() {
        let read = |text| words("priority", Some(text), Priority::ALL, Priority::parse);
        assert_eq!(read("high, CRITICAL,").unwrap(), [Priority::High, Priority::Critical]);
        assert_eq!(read("").unwrap(), []);
        let refusal = read("urgent").unwrap_err();
        assert_eq!(refusal.rule.as_deref(), Some("one or more of LOW,MEDIUM,HIGH,CRITICAL"));
    }

    #[test]
    fn a_moment_is_read_with_its_offset_even_when_the_plus_was_not_escaped() {
        let at = moment("since", Some("2026-11-28T10:00:00 01:00")).unwrap().unwrap();
        assert_eq!(at.to_string(), "2026-11-28 09:00:00");
        assert_eq!(moment("since", Some("")).unwrap(), None);
        assert!(moment("since", Some("yesterday")).is_err());
        assert_eq!(choice("open", Some("true")).unwrap(), Some(true));
        assert!(choice("open", Some("yes")).is_err());
    }
}
