//! What a client offers in `Sec-WebSocket-Extensions` (RFC 6455 section 9.1), and which of its
//! offers of permessage-deflate is taken (RFC 7692 section 7.1).

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};

use crate::http::handshake::Rejected;
use crate::protocol::refusal::Refusal;
use crate::socket::deflate::Window;

const DEFLATE: &str = "permessage-deflate";

/// An offer that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// What messages to this client are compressed with.
    pub window: Window,
    /// Whether the client set a bound, which must be answered.
    is_bounded: bool,
}

impl Taken {
    /// The value of the header that answers the offer. Nothing is remembered from one message to
    /// the next on either side, so that a message is compressed once for all who hear it.
    pub fn answer(self) -> &'static str {
        const PLAIN: &str =
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        match (self.is_bounded, self.window) {
            (false, _) => PLAIN,
            (true, Window::Full) => {
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
                 server_max_window_bits=15"
            }
            (true, Window::Middle) => {
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
                 server_max_window_bits=12"
            }
            (true, Window::Narrow) => {
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
                 server_max_window_bits=9"
            }
        }
    }
}

/// One extension that a client offers, with its parameters in their order.
#[derive(Debug, PartialEq, Eq)]
struct Offer<'a> {
    name: &'a str,
    params: Vec<(&'a str, Option<String>)>,
}

/// Chooses among a client's offers: the first of permessage-deflate that can be kept word for word.
///
/// # Errors
/// 400 for a header that is not what RFC 6455 says.
pub fn choose(headers: &HeaderMap) -> Result<Option<Taken>, Rejected> {
    for value in headers.get_all(header::SEC_WEBSOCKET_EXTENSIONS) {
        let offers = value.to_str().ok().and_then(read).ok_or_else(malformed)?;
        if let Some(taken) = offers.iter().find_map(take) {
            return Ok(Some(taken));
        }
    }
    Ok(None)
}

fn malformed() -> Rejected {
    let refusal = Refusal::field("Sec-WebSocket-Extensions", "extensions as RFC 6455 writes them");
    Rejected { status: StatusCode::BAD_REQUEST, refusal }
}

/// Whether an offer can be kept; one with anything unknown or doubled in it cannot.
fn take(offer: &Offer<'_>) -> Option<Taken> {
    if offer.name != DEFLATE {
        return None;
    }
    let mut taken = Taken { window: Window::Full, is_bounded: false };
    for (at, (name, value)) in offer.params.iter().enumerate() {
        if offer.params[..at].iter().any(|(earlier, _)| earlier == name) {
            return None;
        }
        match (*name, value.as_deref()) {
            ("server_no_context_takeover" | "client_no_context_takeover", None) => {}
            // Whatever the client's window: ours is the widest there is.
            ("client_max_window_bits", None) => {}
            ("client_max_window_bits", Some(bits)) => drop(window_bits(bits)?),
            ("server_max_window_bits", Some(bits)) => {
                let window = Window::within(window_bits(bits)?)?;
                taken = Taken { window, is_bounded: true };
            }
            _ => return None,
        }
    }
    Some(taken)
}

/// 8 to 15, without a leading zero.
fn window_bits(text: &str) -> Option<u8> {
    let bits: u8 = text.parse().ok()?;
    ((8..=15).contains(&bits) && bits.to_string() == text).then_some(bits)
}

/// Reads the offers of one header, be it without any; `None` for what is no list of extensions.
fn read(text: &str) -> Option<Vec<Offer<'_>>> {
    let mut cursor = Cursor(text);
    let mut offers = Vec::new();
    loop {
        cursor.skip_space();
        // A list may have empty places (RFC 9110 section 5.6.1).
        if !matches!(cursor.peek(), None | Some(',')) {
            offers.push(cursor.offer()?);
        }
        match cursor.next() {
            None => return Some(offers),
            Some(',') => {}
            Some(_) => return None,
        }
    }
}

/// What of a header is still to be read.
struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<char> {
        self.0.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.0 = &self.0[next.len_utf8()..];
        Some(next)
    }

    fn skip_space(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    fn skip(&mut self, wanted: char) -> bool {
        self.skip_space();
        let is_there = self.peek() == Some(wanted);
        if is_there {
            self.next();
            self.skip_space();
        }
        is_there
    }

    fn token(&mut self) -> Option<&'a str> {
        let end = self.0.find(|letter| !is_token(letter)).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at(end);
        self.0 = rest;
        (!token.is_empty()).then_some(token)
    }

    fn offer(&mut self) -> Option<Offer<'a>> {
        let name = self.token()?;
        let mut params = Vec::new();
        while self.skip(';') {
            let name = self.token()?;
            let value = if self.skip('=') { Some(self.value()?) } else { None };
            params.push((name, value));
        }
        Some(Offer { name, params })
    }

    /// A token, in quotes or without.
    fn value(&mut self) -> Option<String> {
        if self.peek() != Some('"') {
            return self.token().map(str::to_owned);
        }
        self.next();
        let mut value = String::new();
        loop {
            match self.next()? {
                '"' => break,
                '\\' => value.push(self.next()?),
                letter => value.push(letter),
            }
        }
        (!value.is_empty() && value.chars().all(is_token)).then_some(value)
    }
}

/// What a token is made of (RFC 9110 section 5.6.2).
fn is_token(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(letter)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn chosen(lines: &[&str]) -> Result<Option<Taken>, ()> {
        let mut headers = HeaderMap::new();
        for line in lines {
            let value = HeaderValue::from_bytes(line.as_bytes()).unwrap();
            headers.append(header::SEC_WEBSOCKET_EXTENSIONS, value);
        }
        choose(&headers).map_err(|rejected| assert_eq!(rejected.status, StatusCode::BAD_REQUEST))
    }

    /// What is answered to one line; nothing when all its offers are declined.
    fn answered(line: &str) -> Option<&'static str> {
        chosen(&[line]).unwrap_or_else(|()| panic!("malformed: {line}")).map(Taken::answer)
    }

    const PLAIN: &str =
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

    #[test]
    fn what_browsers_and_libraries_offer_is_taken() {
        for line in [
            "permessage-deflate",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; client_max_window_bits=8",
            "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
            "x-webkit-deflate-frame, permessage-deflate ; client_max_window_bits = 15",
            ", permessage-deflate,",
            r#"other; a="b"; c, permessage-deflate"#,
        ] {
            assert_eq!(answered(line), Some(PLAIN), "{line}");
        }
        assert_eq!((chosen(&[]), chosen(&[""]), chosen(&[" ,"])), (Ok(None), Ok(None), Ok(None)));
        assert_eq!(chosen(&["other", "permessage-deflate"]).unwrap().unwrap().answer(), PLAIN);
    }

    #[test]
    fn a_bound_on_our_window_is_kept_and_said() {
        for (asked, said) in [(15, 15), (14, 12), (12, 12), (11, 9), (9, 9)] {
            let line = format!("permessage-deflate; server_max_window_bits={asked}");
            let answer = answered(&line).unwrap();
            assert_eq!(answer, format!("{PLAIN}; server_max_window_bits={said}"), "{asked}");
        }
        let quoted = r#"permessage-deflate; server_max_window_bits="1\0""#;
        assert!(answered(quoted).unwrap().ends_with("=9"));
        let two = "permessage-deflate; server_max_window_bits=8, permessage-deflate";
        assert_eq!(answered(two), Some(PLAIN), "the second can be kept");
    }

    #[test]
    fn an_offer_with_anything_that_cannot_be_kept_is_declined() {
        for params in [
            "unknown",
            "server_no_context_takeover=1",
            "client_no_context_takeover=true",
            "server_max_window_bits",
            "server_max_window_bits=8",
            "server_max_window_bits=7",
            "server_max_window_bits=16",
            "server_max_window_bits=012",
            "server_max_window_bits=+12",
            "client_max_window_bits=0",
            "client_max_window_bits=16",
            "client_max_window_bits=x",
            "server_no_context_takeover; server_no_context_takeover",
            "client_max_window_bits; client_max_window_bits=10",
            "Server_No_Context_Takeover",
        ] {
            let line = format!("permessage-deflate; {params}");
            assert_eq!(answered(&line), None, "{params}");
            assert_eq!(answered(&format!("{line}, permessage-deflate")), Some(PLAIN), "{params}");
        }
        for other in ["permessage-bzip2; level=9", "PerMessage-Deflate", "x-webkit-deflate-frame"] {
            assert_eq!(answered(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_no_list_of_extensions_fails_the_handshake() {
        for line in [
            ";",
            "a; b=\"c;d\"",
            "permessage-deflate;",
            "permessage-deflate; =1",
            "permessage-deflate; a=",
            "permessage-deflate; a=\"1",
            "permessage-deflate; a=\"\"",
            "permessage-deflate; a=\"1 2\"",
            "permessage-deflate client_max_window_bits",
            "permessage-deflate; a=1 b",
            "permessage/deflate",
            "perm\u{e9}ssage",
        ] {
            assert_eq!(chosen(&[line]), Err(()), "{line}");
        }
    }
}
