//! Holds the house to its plan: floors, doorkeepers, sizes, words, lists, migrations, licenses.
//!
//! Every rule carries samples that break it and samples that do not, so none can pass by silence.

#[path = "tidy/floors.rs"]
mod floors;
#[path = "tidy/licenses.rs"]
mod licenses;
#[path = "tidy/migrations.rs"]
mod migrations;
#[path = "tidy/shape.rs"]
mod shape;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/tree.rs"]
mod tree;

use std::path::Path;
use std::process::Command;

use source::Source;
use tree::Files;

/// A rule about one source file, with samples (path and text) of both verdicts.
pub struct Rule {
    pub name: &'static str,
    pub check: fn(&Source) -> Vec<String>,
    pub bad: &'static [(&'static str, &'static str)],
    pub good: &'static [(&'static str, &'static str)],
}

fn rules() -> impl Iterator<Item = &'static Rule> {
    floors::RULES.iter().chain(shape::RULES)
}

/// What stands in a checkout but is not part of it, as `.gitignore` lists it.
fn is_left_out(path: &str) -> bool {
    let endings = [".db", ".db-wal", ".db-shm", ".db.lock", ".db.secret", ".db.stamp"];
    [".git", "target", "web/dist", "web/node_modules", "switchboard.toml"].contains(&path)
        || endings.iter().any(|ending| path.ends_with(ending))
}

fn collect(root: &Path, below: &str, files: &mut Files) {
    for entry in std::fs::read_dir(root.join(below)).expect("a folder of the checkout") {
        let entry = entry.expect("an entry of the checkout");
        let name = entry.file_name().into_string().expect("a name in UTF-8");
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        if is_left_out(&path) {
            continue;
        }
        if entry.file_type().expect("a kind of file").is_dir() {
            collect(root, &path, files);
        } else {
            let bytes = std::fs::read(entry.path()).expect("a file of the checkout");
            files.insert(path, String::from_utf8(bytes).unwrap_or_default());
        }
    }
}

fn checkout() -> Files {
    let mut files = Files::new();
    collect(Path::new(env!("CARGO_MANIFEST_DIR")), "", &mut files);
    files
}

fn assert_tidy(findings: &[String]) {
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

#[test]
fn every_source_file_keeps_every_rule() {
    let files = checkout();
    let sources: Vec<Source> = files
        .iter()
        .filter(|(path, _)| path.ends_with(".rs") && !path.starts_with("web/"))
        .map(|(path, text)| Source::new(path, text))
        .collect();
    assert!(sources.len() >= 15, "only {} source files were found", sources.len());
    let mut findings = Vec::new();
    for rule in rules() {
        let found = sources.iter().flat_map(|source| (rule.check)(source));
        findings.extend(found.map(|finding| format!("{finding} ({})", rule.name)));
    }
    assert_tidy(&findings);
}

#[test]
fn every_rule_finds_its_bad_samples_and_leaves_its_good_ones() {
    for rule in rules() {
        assert!(!rule.bad.is_empty() && !rule.good.is_empty(), "{}", rule.name);
        for (path, text) in rule.bad {
            let found = (rule.check)(&Source::new(path, text));
            assert!(!found.is_empty(), "{}: nothing found in {path}: {text}", rule.name);
        }
        for (path, text) in rule.good {
            let found = (rule.check)(&Source::new(path, text));
            assert!(found.is_empty(), "{}: {found:?} in {path}: {text}", rule.name);
        }
    }
}

#[test]
fn only_the_named_entries_stand_at_the_top() {
    assert_tidy(&tree::top_level(&checkout()));
}

#[test]
fn every_source_file_is_listed_in_its_room() {
    assert_tidy(&tree::unlisted(&checkout()));
}

#[test]
fn no_file_holds_a_machine_path_a_registry_or_a_credential() {
    assert_tidy(&tree::betrayals(&checkout()));
}

#[test]
fn every_link_in_the_docs_leads_somewhere() {
    assert_tidy(&tree::links(&checkout()));
}

#[test]
fn migrations_are_portable_listed_and_can_be_undone() {
    assert_tidy(&migrations::check(&checkout()));
}

#[test]
fn every_linked_package_has_an_allowed_license() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        // Packages of other platforms are not linked here, and need not have been downloaded.
        .args(["--filter-platform", &host()])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    assert_tidy(&licenses::check_metadata(&metadata));
}

#[test]
fn every_locked_package_comes_from_the_public_registry_and_none_is_banned() {
    assert_tidy(&licenses::check_lock(&checkout()["Cargo.lock"]));
}

/// The platform this test was built for, as rustc names it.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let text = String::from_utf8(output.stdout).expect("rustc writes UTF-8");
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    line.expect("rustc names its host").to_owned()
}
