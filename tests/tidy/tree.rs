//! The checkout as a whole: what stands at the top, which files are listed, what no file holds.

use std::collections::BTreeMap;

/// The checkout's files by path; text that is not UTF-8 is left empty.
pub type Files = BTreeMap<String, String>;

/// All that may stand at the top.
const TOP: &[&str] = &[
    ".ci",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "Makefile",
    "README.md",
    "benches",
    "clippy.toml",
    "deploy",
    "diesel.toml",
    "docs",
    "migrations",
    "rustfmt.toml",
    "src",
    "tests",
    "web",
];

/// What must stand there.
const REQUIRED: &[&str] = &[
    ".ci/run",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "LICENSE",
    "Makefile",
    "README.md",
    "docs/ARCHITECTURE.md",
    "docs/PROTOCOL.md",
    "src/lib.rs",
];

/// Findings in what stands at the top.
pub fn top_level(files: &Files) -> Vec<String> {
    let strangers = files.keys().filter(|path| {
        let first = path.split('/').next().unwrap_or(path);
        !TOP.contains(&first)
    });
    let missing = REQUIRED.iter().filter(|path| !files.contains_key(**path));
    strangers
        .map(|path| format!("{path}: not one of the entries of the top level"))
        .chain(missing.map(|path| format!("{path}: missing")))
        .collect()
}

/// Findings in the lists of files: every source file stands in its room's `mod.rs`.
pub fn unlisted(files: &Files) -> Vec<String> {
    let mut out = Vec::new();
    for path in files.keys().filter(|path| path.starts_with("src/") && path.ends_with(".rs")) {
        if ["src/lib.rs", "src/main.rs"].contains(&path.as_str()) {
            continue;
        }
        let place = path.strip_suffix("/mod.rs").or_else(|| path.strip_suffix(".rs"));
        let Some((folder, name)) = place.and_then(|place| place.rsplit_once('/')) else { continue };
        let list = match folder {
            "src" => "src/lib.rs".to_owned(),
            // A file may have a folder of its own parts beside it.
            _ if files.contains_key(&format!("{folder}.rs")) => format!("{folder}.rs"),
            _ => format!("{folder}/mod.rs"),
        };
        let line = format!("pub mod {name};");
        let listed = files.get(&list).is_some_and(|text| text.lines().any(|l| l.trim() == line));
        if !listed {
            out.push(format!("{path}: not listed in {list}"));
        }
    }
    out
}

/// Strings that betray the machine or a secret. Written in two parts so as not to hold them.
const BETRAYALS: &[(&str, &str)] = &[
    (concat!("/wo", "rk/"), "a path of one machine"),
    (concat!("/ro", "ot/"), "a path of one machine"),
    (concat!("/ho", "me/"), "a path of one machine"),
    (concat!("index", "-url"), "a registry of one network"),
    (concat!("find", "-links"), "a registry of one network"),
    (concat!("replace", "-with"), "a registry of one network"),
    (concat!("arti", "factory"), "a registry of one network"),
    (concat!("PRIVATE ", "KEY-----"), "a key"),
    (concat!("AK", "IA"), "an access key"),
    (concat!("gh", "p_"), "an access token"),
    (concat!("github", "_pat_"), "an access token"),
    (concat!("xo", "xb-"), "an access token"),
];

/// Findings of machine paths, registries and credentials.
pub fn betrayals(files: &Files) -> Vec<String> {
    let mut out = Vec::new();
    for (path, text) in files {
        // A route or a link may hold the word; a machine's path starts after a space or a quote.
        for (needle, what) in BETRAYALS {
            for (at, _) in text.match_indices(needle) {
                let before = text[..at].chars().next_back().unwrap_or(' ');
                let inner = needle.starts_with('/') && (before.is_alphanumeric() || before == '}');
                if !inner {
                    let line = text[..at].lines().count().max(1);
                    out.push(format!("{path}:{line}: holds `{needle}`: {what}"));
                }
            }
        }
    }
    out
}

/// Findings in links between documents: the file must exist, and the heading too.
pub fn links(files: &Files) -> Vec<String> {
    let mut out = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| path.ends_with(".md")) {
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split(')').next().unwrap_or("");
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let full = if file.is_empty() { path.clone() } else { resolve(path, file) };
            let folder = format!("{full}/");
            let exists =
                files.contains_key(&full) || files.keys().any(|path| path.starts_with(&folder));
            let has_heading =
                heading.is_empty() || files.get(&full).is_some_and(|text| anchors(text, heading));
            if !exists || !has_heading {
                out.push(format!("{path}: the link `{target}` leads nowhere"));
            }
        }
    }
    out
}

fn resolve(from: &str, link: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn anchors(text: &str, heading: &str) -> bool {
    text.lines().filter(|line| line.starts_with('#')).any(|line| {
        let words = line.trim_start_matches('#').trim().to_lowercase();
        let slug: String = words
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        slug == heading
    })
}

/// A checkout of a few files, for the samples of each check.
#[cfg(test)]
fn checkout(files: &[(&str, &str)]) -> Files {
    files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn a_stranger_at_the_top_and_a_missing_file_are_found() {
    let mut all: Vec<(&str, &str)> = REQUIRED.iter().map(|path| (*path, "")).collect();
    assert_eq!(top_level(&checkout(&all)), Vec::<String>::new());
    all.push(("notes.txt", ""));
    all.push((".cargo/config.toml", ""));
    assert_eq!(top_level(&checkout(&all)).len(), 2);
    assert_eq!(top_level(&checkout(&all[1..])).len(), 3);
}

#[test]
fn a_file_that_no_list_names_is_found() {
    let lists = [("src/lib.rs", "pub mod a;\npub mod b;\n"), ("src/b/mod.rs", "pub mod c;\n")];
    let with = |path| unlisted(&checkout(&[&lists[..], &[(path, "")]].concat())).len();
    for (path, findings) in [
        ("src/main.rs", 0),
        ("src/a.rs", 0),
        ("src/b/c.rs", 0),
        ("src/d.rs", 1),
        ("src/b/d.rs", 1),
        ("src/e/mod.rs", 1),
    ] {
        assert_eq!(with(path), findings, "{path}");
    }
}

#[test]
fn machine_paths_registries_and_keys_are_found() {
    for (needle, _) in BETRAYALS {
        let text = format!("first\nsee {needle}x");
        assert_eq!(betrayals(&checkout(&[("docs/x.md", &text)])).len(), 1, "{needle}");
    }
    let route = concat!("GET /api", "/ho", "me/ and the registry of crates");
    assert_eq!(betrayals(&checkout(&[("docs/x.md", route)])).len(), 0);
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let with = |link: &str| {
        let text = format!("# A b: c\n[x]({link})");
        links(&checkout(&[("docs/x.md", &text), ("README.md", "# Top\n"), ("docs/d/1.md", "")]))
            .len()
    };
    for (link, findings) in [
        ("x.md", 0),
        ("#a-b-c", 0),
        ("../README.md#top", 0),
        ("d/", 0),
        ("https://example.com/y.md", 0),
        ("y.md", 1),
        ("#a-b", 1),
        ("README.md", 1),
        ("../README.md#bottom", 1),
    ] {
        assert_eq!(with(link), findings, "{link}");
    }
}
