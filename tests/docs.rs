//! The tables in `docs/` say what the tables in the code say.
//!
//! `UPDATE_DOCS=1 cargo test --test docs` writes them anew.

use std::fs;
use std::path::Path;

fn check(document: &str, mark: &str, table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(document);
    let text = fs::read_to_string(&path).unwrap();
    let start = format!("<!-- generated: {mark} -->\n");
    let (before, rest) = text.split_once(&start).expect("the document has the opening marker");
    let (written, after) = rest.split_once("<!-- end -->").expect("and the closing one");
    #[expect(clippy::disallowed_methods, reason = "a switch of this test, not a setting")]
    let is_update = std::env::var_os("UPDATE_DOCS").is_some();
    if is_update {
        fs::write(&path, format!("{before}{start}{table}<!-- end -->{after}")).unwrap();
    } else {
        assert_eq!(
            written, table,
            "docs/{document} differs from the code; run UPDATE_DOCS=1 cargo test --test docs"
        );
    }
}

#[test]
fn the_rules_in_the_document_are_the_rules_in_force() {
    check("AUTHORIZATION.md", "rules", &switchboard::auth::policy::table());
}

#[test]
fn the_settings_in_the_document_are_those_that_are_read() {
    check("CONFIGURATION.md", "settings", &switchboard::config::table());
}
