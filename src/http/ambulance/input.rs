//! What clients of the older ambulance system send, checked field by field; all that is wrong is
//! told at once.

use actix_web::http::StatusCode;
use serde_json::{Map, Value, json};

use crate::http::drf::{Fail, Fields};
use crate::protocol::dispatch::Degrees;

/// Digits of a decimal behind its point.
const PLACES: usize = 6;

/// Fields being read, and what is wrong with them.
#[derive(Debug)]
pub struct Form {
    fields: Fields,
    wrong: Map<String, Value>,
}

impl Form {
    /// These fields, none of them looked at yet.
    pub fn new(fields: Fields) -> Self {
        Self { fields, wrong: Map::new() }
    }

    /// Whether a field is given, `null` included.
    pub fn has(&self, name: &str) -> bool {
        self.fields.0.contains_key(name)
    }

    /// Whether a field is given as nothing.
    pub fn is_null(&self, name: &str) -> bool {
        match self.fields.0.get(name) {
            Some(Value::Null) => true,
            Some(Value::String(text)) => text.trim().is_empty(),
            _ => false,
        }
    }

    /// A field as it was given.
    pub fn raw(&self, name: &str) -> Option<&Value> {
        self.fields.get(name)
    }

    /// Notes what is wrong with a field.
    pub fn wrong(&mut self, name: &str, words: impl Into<String>) {
        let words: String = words.into();
        self.wrong.insert(name.to_owned(), json!([words]));
    }

    /// Text without outer spaces; nothing when it is absent or `null`.
    pub fn text(&mut self, name: &str, most: usize) -> Option<String> {
        self.bounded(name, most, str::trim)
    }

    /// Text as it is, as passwords are.
    pub fn verbatim(&mut self, name: &str, most: usize) -> Option<String> {
        self.bounded(name, most, |text| text)
    }

    fn bounded(&mut self, name: &str, most: usize, cut: fn(&str) -> &str) -> Option<String> {
        let text = match self.fields.text(name) {
            Ok(text) => cut(&text?).to_owned(),
            Err(_) => {
                self.wrong(name, "Not a valid string.");
                return None;
            }
        };
        if text.contains('\0') {
            self.wrong(name, "Null characters are not allowed.");
        } else if text.chars().count() > most {
            let words = format!("Ensure this field has no more than {most} characters.");
            self.wrong(name, words);
        } else {
            return Some(text);
        }
        None
    }

    /// Text that says something, if it is given.
    pub fn said(&mut self, name: &str, most: usize) -> Option<String> {
        if self.has(name) && self.raw(name).is_none() {
            self.wrong(name, "This field may not be null.");
            return None;
        }
        let text = self.text(name, most)?;
        if text.is_empty() {
            self.wrong(name, "This field may not be blank.");
            return None;
        }
        Some(text)
    }

    /// Text that must be there and say something.
    pub fn needed(&mut self, name: &str, most: usize) -> String {
        if !self.has(name) {
            self.wrong(name, "This field is required.");
        }
        self.said(name, most).unwrap_or_default()
    }

    /// One of several words.
    pub fn choice<T>(&mut self, name: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let word = self.said(name, 100)?;
        let found = parse(&word);
        if found.is_none() {
            self.wrong(name, format!("\"{word}\" is not a valid choice."));
        }
        found
    }

    /// A whole number from 0 to `most`.
    pub fn whole(&mut self, name: &str, most: i32) -> Option<i32> {
        let Ok(number) = self.fields.number(name) else {
            self.wrong(name, "A valid integer is required.");
            return None;
        };
        let number = number?;
        if number < 0 {
            self.wrong(name, "Ensure this value is greater than or equal to 0.");
        } else if number > i64::from(most) {
            let words = format!("Ensure this value is less than or equal to {most}.");
            self.wrong(name, words);
        } else {
            return i32::try_from(number).ok();
        }
        None
    }

    /// Yes or no.
    pub fn flag(&mut self, name: &str) -> Option<bool> {
        let Ok(flag) = self.fields.flag(name) else {
            self.wrong(name, "Must be a valid boolean.");
            return None;
        };
        flag
    }

    /// A latitude or longitude, up to `most` degrees to either side; empty text is none. Digits
    /// too many are refused, or rounded away where a form brings what a device measured.
    pub fn decimal(&mut self, name: &str, most: u32, rounds: bool) -> Option<Degrees> {
        let text = match self.raw(name)? {
            Value::Number(number) => number.to_string(),
            Value::String(text) if text.trim().is_empty() => return None,
            Value::String(text) => text.trim().to_owned(),
            _ => String::new(),
        };
        let number: Option<f64> = text.parse().ok().filter(|number: &f64| number.is_finite());
        let Some(number) = number else {
            self.wrong(name, "A valid number is required.");
            return None;
        };
        let places = text.split_once('.').map_or(0, |(_, places)| places.len());
        if number.abs() > f64::from(most) {
            let what = if most == 90 { "Latitude" } else { "Longitude" };
            self.wrong(name, format!("{what} must be between -{most} and {most} degrees"));
        } else if places > PLACES && !rounds {
            let words = format!("Ensure that there are no more than {PLACES} decimal places.");
            self.wrong(name, words);
        } else {
            return Degrees::from_f64(number);
        }
        None
    }

    /// Everything was looked at.
    ///
    /// # Errors
    /// 400 with all that is wrong.
    pub fn ends(self) -> Result<(), Fail> {
        if self.wrong.is_empty() {
            return Ok(());
        }
        Err(Fail::with(StatusCode::BAD_REQUEST, Value::Object(self.wrong)))
    }
}

/// Whether a telephone number has the form that calls are taken with: `+232` or `0` or nothing,
/// then 8 or 9 digits.
pub fn is_phone(text: &str) -> bool {
    let digits = |text: &str| {
        (8..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    digits(text)
        || text.strip_prefix("+232").is_some_and(digits)
        || text.strip_prefix('0').is_some_and(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(value: Value) -> Form {
        let Value::Object(fields) = value else { panic!("no object") };
        Form::new(Fields(fields))
    }

    fn told(form: Form) -> Value {
        form.ends().err().map_or(Value::Null, |fail| {
            let text = fail.to_string();
            serde_json::from_str(text.split_once(' ').unwrap().1).unwrap()
        })
    }

    #[test]
    fn telephone_numbers_are_those_of_the_document() {
        for good in ["+23276123456", "076123456", "76123456", "761234567", "0761234567"] {
            assert!(is_phone(good), "{good}");
        }
        for bad in ["", "+232", "1234567", "+1-234-567-8900", "+44761234567", "07612345x"] {
            assert!(!is_phone(bad), "{bad}");
        }
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let mut form = form(json!({"a": " ", "b": null, "d": "zebra", "e": -1, "f": {}}));
        form.needed("a", 5);
        form.needed("b", 5);
        form.needed("c", 5);
        form.choice("d", |word| (word == "horse").then_some(()));
        form.whole("e", 10);
        form.text("f", 5);
        let expected = json!({
            "a": ["This field may not be blank."],
            "b": ["This field may not be null."],
            "c": ["This field is required."],
            "d": ["\"zebra\" is not a valid choice."],
            "e": ["Ensure this value is greater than or equal to 0."],
            "f": ["Not a valid string."],
        });
        assert_eq!(told(form), expected);
    }

    #[test]
    fn decimals_come_as_numbers_and_texts_with_six_digits_at_most() {
        let mut form = form(json!({
            "a": 8.123456, "b": "-13.2", "c": 8.1234567, "d": 91, "e": "x", "f": "",
        }));
        assert_eq!(form.decimal("a", 90, false), Some(Degrees(8_123_456)));
        assert_eq!(form.decimal("b", 180, false), Some(Degrees(-13_200_000)));
        assert_eq!(form.decimal("c", 90, true), Some(Degrees(8_123_457)));
        assert_eq!(form.decimal("c", 90, false), None);
        assert_eq!(form.decimal("d", 90, false), None);
        assert_eq!(form.decimal("e", 90, false), None);
        assert_eq!(form.decimal("f", 90, false), None);
        let expected = json!({
            "c": ["Ensure that there are no more than 6 decimal places."],
            "d": ["Latitude must be between -90 and 90 degrees"],
            "e": ["A valid number is required."],
        });
        assert_eq!(told(form), expected);
    }
}
