//! Values of a foreign row, as what they are meant to be.

use chrono::{DateTime, NaiveDateTime};
use serde_json::Value;

use crate::models::foreign::Row;

/// The forms in which the two engines and Django write a moment, all in UTC.
const MOMENTS: [&str; 3] = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d"];

/// Text; numbers are written out.
pub fn text(row: &Row, name: &str) -> Option<String> {
    match row.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// Text that says something.
pub fn words(row: &Row, name: &str) -> Option<String> {
    text(row, name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// A flag: SQLite has numbers for them.
pub fn flag(row: &Row, name: &str) -> Option<bool> {
    match row.get(name)? {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => Some(number.as_f64() != Some(0.0)),
        Value::String(text) => match text.as_str() {
            "t" | "true" | "True" | "1" => Some(true),
            "f" | "false" | "False" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// A moment; `Ok(None)` for NULL.
///
/// # Errors
/// What stands there when it is no moment.
pub fn moment(row: &Row, name: &str) -> Result<Option<NaiveDateTime>, String> {
    let Some(value) = row.get(name) else { return Ok(None) };
    let read = match value {
        Value::String(text) => parse(text.trim()),
        Value::Number(seconds) => seconds
            .as_i64()
            .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
            .map(|at| at.naive_utc()),
        _ => None,
    };
    read.map(Some).ok_or_else(|| format!("{name} is no moment: {value}"))
}

fn parse(text: &str) -> Option<NaiveDateTime> {
    if let Ok(at) = DateTime::parse_from_rfc3339(&text.replacen(' ', "T", 1)) {
        return Some(at.naive_utc());
    }
    let day = || chrono::NaiveDate::parse_from_str(text, MOMENTS[2]).ok()?.and_hms_opt(0, 0, 0);
    let whole = |form: &&str| NaiveDateTime::parse_from_str(text, form).ok();
    MOMENTS.iter().find_map(whole).or_else(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_django_and_both_engines_write_them() {
        let expected: NaiveDateTime = "2026-01-02T03:04:05.600".parse().unwrap();
        for text in [
            "2026-01-02 03:04:05.600000",
            "2026-01-02T03:04:05.6+00:00",
            "2026-01-02 05:04:05.600000+02:00",
            "2026-01-02T03:04:05.600Z",
        ] {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
        assert_eq!(parse("2026-01-02"), "2026-01-02T00:00:00".parse().ok());
        assert_eq!(parse("yesterday"), None);
    }
}
