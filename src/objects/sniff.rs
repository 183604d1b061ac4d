//! What bytes are, told by the bytes alone: whatever a client declares is not asked.

/// Bytes of the beginning that are enough to tell.
pub const HEAD_BYTES: usize = 8_192;

/// For what nothing is known of.
const UNKNOWN: &str = "application/octet-stream";

/// Shown in place by browsers; nothing in them can run a script.
const INLINE: &[&str] = &[
    "image/jpeg",
    "image/png",
    "image/gif",
    "image/webp",
    "image/avif",
    "video/mp4",
    "video/webm",
    "audio/mpeg",
    "audio/ogg",
    "audio/m4a",
    "audio/x-wav",
    "audio/x-flac",
];

/// Pictures of which thumbnails are made, and which public forms take.
pub const PICTURES: &[&str] = &["image/jpeg", "image/png", "image/gif", "image/webp"];

/// The media type of what begins with `head`.
pub fn content_type(head: &[u8]) -> &'static str {
    match infer::get(head) {
        Some(known) => known.mime_type(),
        None if is_text(head) => "text/plain",
        None => UNKNOWN,
    }
}

fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The head may end in the middle of a character.
        Err(cut) if cut.error_len().is_none() => {
            std::str::from_utf8(&head[..cut.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.is_empty() && !text.chars().any(|symbol| symbol.is_control() && !is_layout(symbol))
}

fn is_layout(symbol: char) -> bool {
    matches!(symbol, '\t' | '\n' | '\r' | '\u{c}')
}

/// Whether browsers may show it in place; all else is handed out to be saved.
pub fn is_inline(content_type: &str) -> bool {
    INLINE.contains(&content_type)
}

/// Whether a thumbnail can be made of it.
pub fn is_picture(content_type: &str) -> bool {
    PICTURES.contains(&content_type)
}

/// How the name of such a file ends, with its dot; empty when that is not known.
pub fn ending(content_type: &str) -> &'static str {
    match content_type {
        "image/jpeg" => ".jpg",
        "image/png" => ".png",
        "image/gif" => ".gif",
        "image/webp" => ".webp",
        "video/mp4" => ".mp4",
        "audio/mpeg" => ".mp3",
        "application/pdf" => ".pdf",
        "text/plain" => ".txt",
        _ => "",
    }
}

/// Whether `content_type` is one of `allowed`: full names, or families like `image/*`. An empty
/// list allows all.
pub fn is_allowed(allowed: &[String], content_type: &str) -> bool {
    allowed.is_empty()
        || allowed.iter().any(|wanted| match wanted.strip_suffix("/*") {
            Some(family) => content_type.split('/').next() == Some(family),
            None => wanted == content_type,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_say_what_they_are() {
        assert_eq!(content_type(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), "image/png");
        assert_eq!(content_type(b"\xff\xd8\xff\xe0\0\x10JFIF"), "image/jpeg");
        assert_eq!(content_type(b"GIF89a\x01\0\x01\0"), "image/gif");
        assert_eq!(content_type(b"RIFF\x24\0\0\0WEBPVP8 "), "image/webp");
        assert_eq!(content_type(b"%PDF-1.7\n"), "application/pdf");
        assert_eq!(content_type(b"<!DOCTYPE html><script>"), "text/html");
        assert_eq!(content_type("grüße".as_bytes()), "text/plain");
        assert_eq!(content_type(&"grü".as_bytes()[..3]), "text/plain");
        assert_eq!(content_type(b"\0\x01\x02"), UNKNOWN);
        assert_eq!(content_type(b"\x1b[2J"), UNKNOWN);
        assert_eq!(content_type(b""), UNKNOWN);
    }

    #[test]
    fn nothing_that_can_run_a_script_is_shown_in_place() {
        for unsafe_type in ["text/html", "text/xml", "image/svg+xml", "application/pdf", UNKNOWN] {
            assert!(!is_inline(unsafe_type), "{unsafe_type}");
        }
        assert!(PICTURES.iter().all(|picture| is_inline(picture)));
    }

    #[test]
    fn a_list_of_types_takes_names_and_families() {
        let allowed = ["image/*".to_owned(), "application/pdf".to_owned()];
        assert!(is_allowed(&allowed, "image/png") && is_allowed(&allowed, "application/pdf"));
        assert!(!is_allowed(&allowed, "application/zip") && !is_allowed(&allowed, "imagex/png"));
        assert!(is_allowed(&[], "application/zip"));
    }
}
