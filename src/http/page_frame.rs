//! The frame of a plain page: escaping and layout. Pages need no scripts.
//!
//! What a page may load, and who may frame it, is said in `middleware.rs` for all of them.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use crate::auth::identity::Identity;

/// A style or script of our pages.
pub fn asset(kind: &'static str, text: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(kind)
        .insert_header(("Cache-Control", "public, max-age=300"))
        .body(text)
}

/// The style of plain pages, served at [`STYLE_PATH`].
pub const STYLE: &str = include_str!("plain.css");
/// Where [`STYLE`] is.
pub const STYLE_PATH: &str = "/assets/plain.css";

/// What browsers show beside a page's name: two lines that meet, drawn in the address itself.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' \
     viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='3.5' fill='%230b5cad'/%3E%3Cpath \
     d='M3.5 5H7l2 6h3.5M3.5 11H7l2-6h3.5' fill='none' stroke='white' stroke-width='1.6' \
     stroke-linecap='round'/%3E%3C/svg%3E";

/// Writes text so that it is text in HTML, in attributes too.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for symbol in text.chars() {
        match symbol {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Answers with a page: `title` is plain text, `body` is HTML whose texts are escaped already.
pub fn page(status: StatusCode, title: &str, who: Option<&Identity>, body: &str) -> HttpResponse {
    let title = escape(title);
    let person = match who {
        Some(who) => format!(
            "{} · {} · <a href=\"/logout/\">Sign out</a>",
            escape(&who.display_name),
            who.role
        ),
        None => "<a href=\"/login/\">Sign in</a>".to_owned(),
    };
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} · Switchboard</title>\n\
         <link rel=\"icon\" href=\"{ICON}\">\n\
         <link rel=\"stylesheet\" href=\"{STYLE_PATH}\">\n</head>\n<body>\n\
         <header><a class=\"name\" href=\"/\">Switchboard</a>\
         <span class=\"who\">{person}</span></header>\n\
         <main>{body}</main>\n\
         <footer>Switchboard {version}</footer>\n</body>\n</html>\n",
        version = env!("CARGO_PKG_VERSION"),
    );
    HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header(("Cache-Control", "no-store"))
        .insert_header(("Vary", "Cookie, Accept"))
        .body(html)
}

/// Answers 302.
pub fn redirect(to: &str) -> HttpResponse {
    HttpResponse::Found()
        .insert_header(("Location", to))
        .insert_header(("Cache-Control", "no-store"))
        .finish()
}

/// `next` if it is a path on this server, in a form that no browser takes for another host's.
pub fn local_path(next: &str) -> Option<&str> {
    let is_path = next.starts_with('/') && !next.starts_with("//") && next.len() <= 1_024;
    let is_plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    (is_path && is_plain).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(
            escape(r#"<img src=x onerror='a("&")'>"#),
            "&lt;img src=x onerror=&#39;a(&quot;&amp;&quot;)&#39;&gt;"
        );
    }

    #[test]
    fn only_paths_of_this_server_are_followed() {
        for good in ["/", "/dashboard/", "/a?b=c"] {
            assert_eq!(local_path(good), Some(good));
        }
        for bad in
            ["", "dashboard", "//evil", "/\\evil", "http://evil", "/a\r\nSet-Cookie: x", "/a b"]
        {
            assert_eq!(local_path(bad), None, "{bad:?}");
        }
    }
}
