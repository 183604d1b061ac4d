//! Rules: how the text of a setting becomes a value, and the words for what it must be.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::network::Network;

/// Reads a text; `None` when it breaks the rule.
type Read<T> = Box<dyn Fn(&str) -> Option<T>>;

/// What a setting must be.
pub struct Rule<T> {
    /// After "must be": `a duration from 1s to 10m`.
    pub words: String,
    /// A text that the rule accepts.
    pub example: &'static str,
    /// `None` when the text breaks the rule.
    pub read: Read<T>,
}

fn rule<T>(
    words: impl Into<String>,
    example: &'static str,
    read: impl Fn(&str) -> Option<T> + 'static,
) -> Rule<T> {
    Rule { words: words.into(), example, read: Box::new(read) }
}

fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// The inner rule, or nothing at all (empty text).
pub fn optional<T: 'static>(inner: Rule<T>) -> Rule<Option<T>> {
    let read = inner.read;
    rule(format!("{}, or nothing", inner.words), inner.example, move |text| {
        if text.is_empty() { Some(None) } else { read(text).map(Some) }
    })
}

/// Any text without control characters.
pub fn text(example: &'static str) -> Rule<String> {
    rule("text", example, |text| {
        (!text.is_empty() && !text.chars().any(char::is_control)).then(|| text.to_owned())
    })
}

/// The path of a file.
pub fn path(example: &'static str) -> Rule<PathBuf> {
    rule("the path of a file", example, |text| (!text.is_empty()).then(|| PathBuf::from(text)))
}

/// Where to listen: one or more `address:port`; `localhost` is `127.0.0.1`.
pub fn addresses() -> Rule<Vec<SocketAddr>> {
    rule("one or more address:port, with commas between", "127.0.0.1:8000", |text| {
        let read = |item: &str| match item.strip_prefix("localhost:") {
            Some(port) => Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse().ok()?))),
            None => item.parse().ok(),
        };
        let addresses: Option<Vec<SocketAddr>> = split(text).map(read).collect();
        addresses.filter(|addresses| !addresses.is_empty())
    })
}

/// A URL that begins with one of `schemes`.
pub fn url(schemes: &'static [&'static str], example: &'static str) -> Rule<String> {
    rule(format!("a URL that begins with {}", schemes.join(" or ")), example, move |text| {
        let is_plain = !text.chars().any(|symbol| symbol.is_control() || symbol == ' ');
        let has_more = schemes.iter().any(|scheme| {
            text.strip_prefix(scheme).is_some_and(|rest| !rest.trim_matches('/').is_empty())
        });
        (is_plain && has_more).then(|| text.to_owned())
    })
}

/// Keys of at least 32 bytes, none with a comma.
pub fn keys() -> Rule<Vec<String>> {
    rule("keys of at least 32 bytes, with commas between", "(see SECRET_KEY)", |text| {
        split(text).map(|key| (key.len() >= 32).then(|| key.to_owned())).collect()
    })
}

/// A signing key, or nothing; what it must be is judged with the addresses bound to.
pub fn key() -> Rule<String> {
    rule("at least 32 bytes, without a comma", "the output of `openssl rand -hex 32`", |text| {
        let is_fit = text.is_empty() || (text.len() >= 32 && !text.contains(','));
        is_fit.then(|| text.to_owned())
    })
}

/// Host names as a browser sends them; a leading dot takes all names below.
pub fn hosts() -> Rule<Vec<String>> {
    rule("host names without a scheme, with commas between", "chat.example.org", |text| {
        let is_host = |item: &str| {
            item.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]*".contains(&byte))
        };
        split(text).map(|item| is_host(item).then(|| item.to_ascii_lowercase())).collect()
    })
}

/// Origins: scheme and host, perhaps a port, and nothing after it.
pub fn origins() -> Rule<Vec<String>> {
    rule(
        "origins such as https://app.example.org, with commas between and no path",
        "https://app.example.org",
        |text| {
            let read = |item: &str| {
                let item = item.to_ascii_lowercase();
                let host = item.strip_prefix("https://").or(item.strip_prefix("http://"))?;
                let is_bare = !host.is_empty() && !host.contains(['/', '?', '#', '@', '*', ' ']);
                is_bare.then(|| item.clone())
            };
            split(text).map(read).collect()
        },
    )
}

/// Addresses and networks.
pub fn networks() -> Rule<Vec<Network>> {
    rule("IP addresses or networks, with commas between", "10.0.0.0/8", |text| {
        split(text).map(|item| item.parse().ok()).collect()
    })
}

/// Media types, or families of them.
pub fn media_types() -> Rule<Vec<String>> {
    rule("media types such as image/* or application/pdf, with commas between", "image/*", |text| {
        let read = |item: &str| {
            let (family, name) = item.split_once('/')?;
            let is_word = |word: &str| {
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".+-_".contains(&byte);
                !word.is_empty() && word.bytes().all(plain)
            };
            (is_word(family) && (name == "*" || is_word(name))).then(|| item.to_ascii_lowercase())
        };
        split(text).map(read).collect()
    })
}

/// A number of bytes, with the suffix `KiB`, `MiB` or `GiB` if wanted.
pub fn size(limits: RangeInclusive<usize>) -> Rule<usize> {
    let words =
        format!("a size from {} to {}", show_size(*limits.start()), show_size(*limits.end()));
    rule(words, "64KiB", move |text| {
        let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)];
        let (digits, unit) = units
            .iter()
            .find_map(|(name, bytes)| Some((text.strip_suffix(name)?.trim_end(), *bytes)))
            .unwrap_or((text, 1));
        let bytes = digits.parse::<usize>().ok()?.checked_mul(unit)?;
        limits.contains(&bytes).then_some(bytes)
    })
}

/// Writes a number of bytes with the largest unit that divides it.
pub fn show_size(bytes: usize) -> String {
    match bytes {
        0 => "0".to_owned(),
        bytes if bytes % (1 << 30) == 0 => format!("{}GiB", bytes >> 30),
        bytes if bytes % (1 << 20) == 0 => format!("{}MiB", bytes >> 20),
        bytes if bytes % (1 << 10) == 0 => format!("{}KiB", bytes >> 10),
        bytes => bytes.to_string(),
    }
}

const UNITS_MS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// A number with one of the units `ms`, `s`, `m`, `h`, `d`. The limits are written the same way.
pub fn duration(least: &'static str, most: &'static str) -> Rule<Duration> {
    rule(format!("a duration from {least} to {most}"), "25s", move |text| {
        let limits = read_duration(least)?..=read_duration(most)?;
        read_duration(text).filter(|duration| limits.contains(duration))
    })
}

fn read_duration(text: &str) -> Option<Duration> {
    let at = text.find(|symbol: char| !symbol.is_ascii_digit())?;
    let (digits, name) = text.split_at(at);
    let (_, unit_ms) = UNITS_MS.iter().find(|(unit, _)| *unit == name.trim_start())?;
    Some(Duration::from_millis(digits.parse::<u64>().ok()?.checked_mul(*unit_ms)?))
}

/// A whole number within limits.
pub fn count(limits: RangeInclusive<usize>) -> Rule<usize> {
    let words = format!("a whole number from {} to {}", limits.start(), limits.end());
    rule(words, "100", move |text| text.parse().ok().filter(|number| limits.contains(number)))
}

/// A rate or bound of which 0 means unlimited.
pub fn rate() -> Rule<u32> {
    rule("a whole number up to 1000000; 0 is unlimited", "50", |text| {
        text.parse().ok().filter(|number| *number <= 1_000_000)
    })
}

/// `auto`, for the number of processor cores, or a number.
pub fn cores() -> Rule<usize> {
    rule("auto or a whole number from 1 to 256", "auto", |text| match text {
        "auto" => Some(std::thread::available_parallelism().map_or(1, usize::from).min(256)),
        digits => digits.parse().ok().filter(|number| (1..=256).contains(number)),
    })
}

/// `true` or `false`, and the usual other words for them.
pub fn switch() -> Rule<bool> {
    rule("true or false", "true", |text| match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    })
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// A sentence, then `key=value`.
    Human,
    /// One JSON object a line.
    Json,
}

/// `human` or `json`.
pub fn log_format() -> Rule<LogFormat> {
    rule("human or json", "json", |text| match text {
        "human" => Some(LogFormat::Human),
        "json" => Some(LogFormat::Json),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit_and_keep_their_limits() {
        let read = duration("10ms", "30d").read;
        assert_eq!(read("25s"), Some(Duration::from_secs(25)));
        assert_eq!(read("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(read("30d"), Some(Duration::from_secs(30 * 86_400)));
        for bad in ["", "25", "s", "-1s", "1.5s", "25x", "9ms", "31d", "99999999999999999999s"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn sizes_take_suffixes_and_keep_their_limits() {
        let read = size(1024..=10 << 20).read;
        assert_eq!(read("65536"), Some(65_536));
        assert_eq!(read("64KiB"), Some(65_536));
        assert_eq!(read("10 MiB"), Some(10 << 20));
        for bad in ["", "1", "11MiB", "64KB", "-1", "18446744073709551615MiB"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(size(1024..=10 << 20).words, "a size from 1KiB to 10MiB");
    }

    #[test]
    fn lists_are_split_and_each_item_must_fit() {
        let read = addresses().read;
        assert_eq!(read("127.0.0.1:8000, [::1]:8000,localhost:1").unwrap().len(), 3);
        for bad in ["", "8000", ":8000", "127.0.0.1", "127.0.0.1:8000,x", "127.0.0.1:99999"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!((origins().read)("https://A.example:8443").unwrap(), ["https://a.example:8443"]);
        for bad in ["a.example", "https://a.example/", "https://", "*", "null", "ftp://a"] {
            assert_eq!((origins().read)(bad), None, "{bad}");
        }
        assert_eq!((hosts().read)("A.example,.b.example").unwrap(), ["a.example", ".b.example"]);
        assert_eq!((hosts().read)("https://a.example"), None);
    }

    #[test]
    fn every_example_keeps_its_own_rule() {
        assert!((url(&["redis://"], "redis://h").read)("redis://h").is_some());
        assert!((url(&["redis://"], "redis://h").read)("redis://").is_none());
        assert!((networks().read)(networks().example).is_some());
        assert!((duration("1s", "1m").read)(duration("1s", "1m").example).is_some());
        assert!((cores().read)(cores().example).is_some_and(|number| number > 0));
        assert!((switch().read)(switch().example).is_some());
        assert!((log_format().read)(log_format().example).is_some());
        assert_eq!((optional(text("x")).read)(""), Some(None));
    }
}
