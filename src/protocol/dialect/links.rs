//! Where older clients find files: paths on this server.

use crate::protocol::views::attachment::AttachmentView;

/// Bytes of a path that need no escape (RFC 3986 section 2.3).
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Text as one segment of a path.
fn segment(text: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_plain(byte) {
            escaped.push(char::from(byte));
        } else {
            let (high, low) = (usize::from(byte >> 4), usize::from(byte & 15));
            escaped.extend(['%', char::from(DIGITS[high]), char::from(DIGITS[low])]);
        }
    }
    escaped
}

/// A link that shows a file wherever pages put it, an `<img>` for one, which sends no token. It
/// ends in the file's name, by which some clients tell what it is.
pub fn open(file: &AttachmentView) -> String {
    format!("/media/chat/{}/{}", file.key, segment(&file.name))
}

/// The address of a file for whoever shows who they are.
pub fn download(file: &AttachmentView) -> String {
    format!("/api/chat/attachments/{}/download/", file.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_segment_whatever_it_holds() {
        for (name, written) in [
            ("cat.png", "cat.png"),
            ("a b.txt", "a%20b.txt"),
            ("50%/?#.txt", "50%25%2F%3F%23.txt"),
            ("наука.txt", "%D0%BD%D0%B0%D1%83%D0%BA%D0%B0.txt"),
        ] {
            assert_eq!(segment(name), written);
        }
    }
}
