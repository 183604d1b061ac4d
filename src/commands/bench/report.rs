//! Figures of one round, their medians, and how they are printed.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

/// One number.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Its name in JSON, unit included.
    pub key: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    pub value: f64,
}

/// A figure called `key`.
pub fn figure(key: &'static str, title: &'static str, value: f64) -> Figure {
    Figure { key, title, value }
}

/// The figures of one scenario, round after round.
pub struct Report {
    scenario: &'static str,
    /// What was asked: connections, window and so on.
    about: String,
    rounds: Vec<Vec<Figure>>,
}

impl Report {
    /// A report without rounds.
    pub fn new(scenario: &'static str, about: String) -> Self {
        Self { scenario, about, rounds: Vec::new() }
    }

    /// Adds a round; with `json` it is printed at once.
    ///
    /// # Errors
    /// When nobody reads the output any more.
    pub fn add(&mut self, figures: Vec<Figure>, json: bool) -> io::Result<()> {
        if json {
            let round = (self.rounds.len() + 1).into();
            writeln!(io::stdout(), "{}", self.object("round", round, &figures))?;
        }
        self.rounds.push(figures);
        Ok(())
    }

    /// Prints the medians: a JSON line, or a table.
    ///
    /// # Errors
    /// As [`Report::add`].
    pub fn print(&self, json: bool) -> io::Result<()> {
        let medians = self.medians();
        if json {
            let rounds = self.rounds.len().into();
            return writeln!(io::stdout(), "{}", self.object("median_of", rounds, &medians));
        }
        let mut out = io::stdout().lock();
        writeln!(out, "\n{}: {}", self.scenario, self.about)?;
        for (row, median) in medians.iter().enumerate() {
            let all: Vec<String> =
                self.rounds.iter().map(|round| number(round[row].value)).collect();
            let value = number(median.value);
            writeln!(out, "  {:<44} {value:>12}   ({})", median.title, all.join(", "))?;
        }
        out.flush()
    }

    fn object(&self, which: &str, count: Value, figures: &[Figure]) -> Value {
        let mut object = Map::new();
        object.insert("scenario".to_owned(), json!(self.scenario));
        object.insert("about".to_owned(), json!(self.about));
        object.insert(which.to_owned(), count);
        for figure in figures {
            object.insert(figure.key.to_owned(), json!(figure.value));
        }
        Value::Object(object)
    }

    fn medians(&self) -> Vec<Figure> {
        let Some(first) = self.rounds.first() else { return Vec::new() };
        let at = |row: usize| self.rounds.iter().map(|round| round[row].value).collect();
        let of = |(row, figure): (usize, &Figure)| Figure { value: median(at(row)), ..*figure };
        first.iter().enumerate().map(of).collect()
    }
}

/// The middle one, or halfway between the two in the middle; 0 of none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// Whole above 100, with two digits behind the point below.
fn number(value: f64) -> String {
    if value.abs() < 100.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert!((median(vec![9.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(vec![4.0, 1.0]) - 2.5).abs() < f64::EPSILON);
        assert!(median(Vec::new()).abs() < f64::EPSILON);
    }

    #[test]
    fn thousands_are_parted() {
        assert_eq!(number(1_234_567.4), "1,234,567");
        assert_eq!(number(999.6), "1,000");
        assert_eq!(number(-123_456.0), "-123,456");
        assert_eq!(number(12.345), "12.35");
    }

    #[test]
    fn a_round_is_one_object_and_medians_go_figure_by_figure() {
        let mut report = Report::new("fanout", "1 connection".to_owned());
        for value in [3.0, 1.0, 2.0] {
            report.add(vec![figure("a", "A", value), figure("b", "B", -value)], false).unwrap();
        }
        let medians = report.medians();
        assert_eq!(medians, vec![figure("a", "A", 2.0), figure("b", "B", -2.0)]);
        let object = report.object("median_of", 3.into(), &medians);
        assert_eq!(object["scenario"], "fanout");
        assert_eq!((&object["a"], &object["median_of"]), (&json!(2.0), &json!(3)));
    }
}
