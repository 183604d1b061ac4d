//! Snippets: the part of a message around what was found, in pieces of plain text.

use crate::models::search::query::Query;
use crate::models::search::words::words;
use crate::protocol::views::search::Piece;

/// Most characters of a snippet, about.
const MAX_CHARS: usize = 160;
/// Most characters before the first hit.
const LEAD_CHARS: usize = 40;

/// The part of `content` around the first hit, with every hit marked.
pub fn snippet(content: &str, query: &Query) -> Vec<Piece> {
    let hits = hits(content, query);
    let first = hits.first().map_or(0, |hit| hit.0);
    let from = back(content, first, LEAD_CHARS);
    let to =
        content[from..].char_indices().nth(MAX_CHARS).map_or(content.len(), |(at, _)| from + at);
    let mut pieces = Vec::new();
    let mut push = |text: &str, hit: bool| {
        if !text.is_empty() {
            let text = text.chars().map(|symbol| if symbol.is_control() { ' ' } else { symbol });
            pieces.push(Piece { text: text.collect(), hit });
        }
    };
    if from > 0 {
        push("…", false);
    }
    let mut at = from;
    for (start, end) in hits.into_iter().filter(|hit| hit.0 < to) {
        let end = end.min(to);
        push(&content[at..start.max(at)], false);
        push(&content[start.max(at)..end.max(at)], true);
        at = end.max(at);
    }
    push(&content[at..to], false);
    if to < content.len() {
        push("…", false);
    }
    pieces
}

/// Where the hits stand, in bytes, in order and apart from each other.
fn hits(content: &str, query: &Query) -> Vec<(usize, usize)> {
    let text = words(content);
    let mut hits: Vec<(usize, usize)> = Vec::new();
    for at in 0..text.len() {
        for term in query.terms.iter().filter(|term| term.stands_at(&text, at)) {
            let (start, end) = (text[at].start, text[at + term.words.len() - 1].end);
            match hits.last_mut() {
                Some(last) if start < last.1 => last.1 = last.1.max(end),
                _ => hits.push((start, end)),
            }
        }
    }
    hits
}

/// The place about `count` characters before `at`, after a space when there is one.
fn back(content: &str, at: usize, count: usize) -> usize {
    let Some((from, _)) = content[..at].char_indices().rev().take(count).last() else { return at };
    if from == 0 {
        return 0;
    }
    content[from..at].find(char::is_whitespace).map_or(from, |space| {
        let space = from + space;
        space + content[space..].chars().next().map_or(0, char::len_utf8)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::search::query::parse;

    fn shown(content: &str, query: &str) -> String {
        let pieces = snippet(content, &parse(query).unwrap());
        let piece = |piece: &Piece| {
            if piece.hit { format!("[{}]", piece.text) } else { piece.text.clone() }
        };
        pieces.iter().map(piece).collect()
    }

    #[test]
    fn hits_are_marked_as_they_were_written() {
        assert_eq!(shown("Der Ärger, der ärger!", "arger"), "Der [Ärger], der [ärger]!");
        assert_eq!(shown("a red fox and red ink", "\"red fox\""), "a [red fox] and red ink");
        assert_eq!(shown("wine and winery", "wine*"), "[wine] and [winery]");
        assert_eq!(shown("<b>x</b>\nx", "x"), "<b>[x]</b> [x]");
    }

    #[test]
    fn a_long_text_is_cut_around_the_first_hit() {
        let long = format!("{}needle {}", "hay ".repeat(100), "hay ".repeat(100));
        let text = shown(&long, "needle");
        assert!(text.starts_with("…hay hay"), "{text}");
        assert!(text.contains("[needle] hay") && text.ends_with('…'), "{text}");
        assert!(text.chars().count() <= MAX_CHARS + 4);
        let wide = "é".repeat(500);
        assert!(shown(&format!("{wide} needle {wide}"), "needle").contains("[needle]"));
    }

    #[test]
    fn a_text_without_hits_shows_its_beginning() {
        assert_eq!(shown("hello", "nothing"), "hello");
    }
}
