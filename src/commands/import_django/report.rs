//! What an import says: each row that was not brought over, and counts of those that were.

use std::collections::BTreeMap;

use crate::commands::terminal::{one_line, print, tell};

/// Keeps count.
#[derive(Debug)]
pub struct Report {
    is_dry_run: bool,
    made: BTreeMap<&'static str, u64>,
    known: BTreeMap<&'static str, u64>,
    troubles: u64,
    tables_unmapped: Vec<String>,
}

impl Report {
    /// A report of an import that changes things, or would.
    pub fn new(is_dry_run: bool) -> Self {
        Self {
            is_dry_run,
            made: BTreeMap::new(),
            known: BTreeMap::new(),
            troubles: 0,
            tables_unmapped: Vec::new(),
        }
    }

    /// One more was brought over; a dry run lists it by `name`.
    pub fn made(&mut self, what: &'static str, name: impl FnOnce() -> String) {
        *self.made.entry(what).or_default() += 1;
        if self.is_dry_run {
            // Who stops listening has heard enough.
            drop(print(&one_line(&format!("+ {}", name()))));
        }
    }

    /// One more of many, which are counted only.
    pub fn counted(&mut self, what: &'static str) {
        *self.made.entry(what).or_default() += 1;
    }

    /// One was brought over before.
    pub fn known(&mut self, what: &'static str) {
        *self.known.entry(what).or_default() += 1;
    }

    /// A row, or a part of it, was not brought over.
    pub fn trouble(&mut self, table: &str, id: &str, why: &str) {
        self.troubles += 1;
        tell(&one_line(&format!("{table} {id}: {why}")));
    }

    /// Something to know that concerns many rows.
    pub fn remark(&mut self, text: &str) {
        tell(&one_line(text));
    }

    /// A table with rows that no mapping names.
    pub fn unmapped(&mut self, table: &str, rows: i64) {
        self.tables_unmapped.push(table.to_owned());
        tell(&one_line(&format!("{table}: not mapped, {rows} rows stay behind")));
    }

    /// Says how many of each.
    pub fn close(&self) {
        let verb = if self.is_dry_run { "would bring" } else { "brought" };
        for what in [
            "users",
            "conversations",
            "memberships",
            "messages",
            "reactions",
            "files",
            "pictures",
            "sign-ins",
        ] {
            let made = self.made.get(what).copied().unwrap_or(0);
            let known = self.known.get(what).copied().unwrap_or(0);
            if made + known > 0 {
                drop(print(&format!("{what}: {verb} {made}, here already {known}")));
            }
        }
        if self.troubles > 0 {
            drop(print(&format!("{} troubles, each told above", self.troubles)));
        }
        if !self.tables_unmapped.is_empty() {
            drop(print(&format!("tables not mapped: {}", self.tables_unmapped.join(", "))));
        }
    }
}
