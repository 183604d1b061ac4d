//! Ranges of a file as HTTP asks for them, and whether a client has it already.

use std::ops::Range;

use actix_web::http::header::{HeaderMap, IF_NONE_MATCH, IF_RANGE, RANGE};

/// Which part of a file is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Whole,
    /// These bytes, at least one.
    Bytes(Range<u64>),
    /// A range that lies outside.
    Outside,
}

/// The part that a request asks for of `size` bytes tagged `etag`. Several ranges at once, and
/// what is no range of bytes, are answered with the whole, as RFC 9110 lets a server do.
pub fn wanted(headers: &HeaderMap, size: u64, etag: &str) -> Part {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    // A part of another version would be patched into this one.
    if text(IF_RANGE).is_some_and(|known| known != etag) {
        return Part::Whole;
    }
    let Some(asked) = text(RANGE).and_then(|range| range.trim().strip_prefix("bytes=")) else {
        return Part::Whole;
    };
    let Some((first, last)) = asked.split_once('-') else { return Part::Whole };
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Some(first), None) if last.trim().is_empty() => first..size,
        (None, Some(length)) if first.trim().is_empty() => size.saturating_sub(length)..size,
        _ => return Part::Whole,
    };
    if range.is_empty() { Part::Outside } else { Part::Bytes(range) }
}

/// Whether a request says that the client has the version tagged `etag`.
pub fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let mut values = headers.get_all(IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
    values.any(|value| {
        value
            .split(',')
            .map(str::trim)
            .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
    })
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(all: &[(HeaderName, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in all {
            map.append(name.clone(), HeaderValue::from_static(value));
        }
        map
    }

    fn part(range: &'static str) -> Part {
        wanted(&headers(&[(RANGE, range)]), 100, "\"a\"")
    }

    #[test]
    fn one_range_is_given_and_anything_else_is_the_whole() {
        assert_eq!(part("bytes=0-0"), Part::Bytes(0..1));
        assert_eq!(part("bytes=10-19"), Part::Bytes(10..20));
        assert_eq!(part("bytes=90-"), Part::Bytes(90..100));
        assert_eq!(part("bytes=-10"), Part::Bytes(90..100));
        assert_eq!(part("bytes=-1000"), Part::Bytes(0..100));
        assert_eq!(part("bytes=50-18446744073709551615"), Part::Bytes(50..100));
        for whole in ["bytes=0-1,5-6", "lines=1-2", "bytes=5-2", "bytes=a-b", "bytes=-", ""] {
            assert_eq!(part(whole), Part::Whole, "{whole}");
        }
        for outside in ["bytes=100-", "bytes=-0", "bytes=200-300"] {
            assert_eq!(part(outside), Part::Outside, "{outside}");
        }
    }

    #[test]
    fn a_range_of_another_version_is_not_given() {
        let asked = headers(&[(RANGE, "bytes=1-2"), (IF_RANGE, "\"b\"")]);
        assert_eq!(wanted(&asked, 100, "\"a\""), Part::Whole);
        assert_eq!(wanted(&asked, 100, "\"b\""), Part::Bytes(1..3));
    }

    #[test]
    fn who_has_it_says_so_by_its_tag() {
        let asked = headers(&[(IF_NONE_MATCH, "\"x\", W/\"a\"")]);
        assert!(is_known(&asked, "\"a\""));
        assert!(!is_known(&asked, "\"b\""));
        assert!(is_known(&headers(&[(IF_NONE_MATCH, "*")]), "\"b\""));
        assert!(!is_known(&HeaderMap::new(), "\"b\""));
    }
}
