//! Licenses, sources and bans of everything that is linked in.

/// Licenses whose terms a closed or open product can meet by shipping their text.
const ALLOWED: &[&str] = &[
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "BSL-1.0",
    "CDLA-Permissive-2.0",
    "PostgreSQL",
    "0BSD",
    "Unlicense",
    "CC0-1.0",
];

/// Crates that may not be linked, in the versions that start so, and why.
const BANS: &[(&str, &str, &str)] = &[
    ("actix-governor", "", "GPL-3.0; `governor` is used directly"),
    ("h2", "0.3.", "has an open advisory; HTTP/2 stays off"),
    ("rsa", "", "timing side channel without a fix; aws-lc signs"),
];

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Whether every choice that `expression` (SPDX) leaves can be met with the allowed licenses.
///
/// `OR` needs one side, `AND` both, and binds tighter; `/` is the old way to write `OR`.
pub fn is_allowed(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let verdict = either(&words, &mut at);
    verdict == Some(true) && at == words.len()
}

fn either(words: &[&str], at: &mut usize) -> Option<bool> {
    let mut verdict = both(words, at)?;
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        verdict |= both(words, at)?;
    }
    Some(verdict)
}

fn both(words: &[&str], at: &mut usize) -> Option<bool> {
    let mut verdict = one(words, at)?;
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        verdict &= one(words, at)?;
    }
    Some(verdict)
}

fn one(words: &[&str], at: &mut usize) -> Option<bool> {
    let word = *words.get(*at)?;
    *at += 1;
    if word == "(" {
        let verdict = either(words, at)?;
        let closed = words.get(*at) == Some(&")");
        *at += 1;
        return closed.then_some(verdict);
    }
    if matches!(word, ")" | "AND" | "OR" | "WITH") {
        return None;
    }
    if words.get(*at) == Some(&"WITH") {
        let exception = words.get(*at + 1)?;
        *at += 2;
        return Some(ALLOWED.contains(&format!("{word} WITH {exception}").as_str()));
    }
    Some(ALLOWED.contains(&word))
}

/// Findings in what `cargo metadata` says about the packages of this build.
pub fn check_metadata(metadata: &serde_json::Value) -> Vec<String> {
    let packages = metadata["packages"].as_array().map_or(&[][..], Vec::as_slice);
    let mut out = Vec::new();
    for package in packages {
        let (name, license) = (&package["name"], package["license"].as_str().unwrap_or("none"));
        if !is_allowed(license) {
            out.push(format!("{name}: license {license:?} is not on the list"));
        }
    }
    if packages.len() < 50 {
        out.push(format!("only {} packages: the list was not read", packages.len()));
    }
    out
}

/// Findings in `Cargo.lock`: packages from elsewhere than crates.io, and banned ones.
pub fn check_lock(lock: &str) -> Vec<String> {
    let mut out = Vec::new();
    for package in lock.split("[[package]]").skip(1) {
        let value = |key: &str| {
            let line = package.lines().find(|line| line.starts_with(&format!("{key} = ")));
            line.and_then(|line| line.split('"').nth(1)).unwrap_or("")
        };
        let (name, version, source) = (value("name"), value("version"), value("source"));
        if source != CRATES_IO && name != env!("CARGO_PKG_NAME") {
            out.push(format!("{name} {version} comes from {source:?}"));
        }
        for (banned, prefix, why) in BANS {
            if name == *banned && version.starts_with(prefix) {
                out.push(format!("{name} {version} is banned: {why}"));
            }
        }
    }
    out
}

#[test]
fn an_expression_is_weighed_as_spdx_says() {
    for good in [
        "MIT",
        "MIT/Apache-2.0",
        "GPL-3.0 OR MIT",
        "MIT AND (GPL-2.0 OR ISC)",
        "Apache-2.0 WITH LLVM-exception OR GPL-2.0",
        "GPL-3.0 AND ISC OR MIT",
    ] {
        assert!(is_allowed(good), "{good}");
    }
    for bad in [
        "",
        "none",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "MIT AND (GPL-3.0 OR AGPL-3.0)",
        "MIT AND GPL-3.0 OR LGPL-3.0",
        "GPL-2.0 WITH Classpath-exception-2.0",
        "MIT OR",
        "(MIT",
        "MIT MIT",
        "MIT)",
    ] {
        assert!(!is_allowed(bad), "{bad}");
    }
}

#[test]
fn a_foreign_source_a_ban_and_a_missing_license_are_found() {
    let package = |name: &str, version: &str, source: &str| {
        format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n{source}\n")
    };
    let official = format!("source = \"{CRATES_IO}\"");
    assert_eq!(check_lock(&package("rsa", "0.9.1", &official)).len(), 1);
    assert_eq!(check_lock(&package("h2", "0.3.27", &official)).len(), 1);
    assert_eq!(check_lock(&package("h2", "0.4.1", &official)).len(), 0);
    assert_eq!(check_lock(&package("x", "1.0.0", "source = \"git+https://x\"")).len(), 1);
    assert_eq!(check_lock(&package("x", "1.0.0", "")).len(), 1);
    let packages = |license: serde_json::Value| {
        let list = vec![serde_json::json!({"name": "x", "license": license}); 50];
        check_metadata(&serde_json::json!({ "packages": list })).len()
    };
    assert_eq!(packages("MIT".into()), 0);
    assert_eq!(packages(serde_json::Value::Null), 50);
    assert_eq!(check_metadata(&serde_json::json!({})).len(), 1);
}
