//! Emojis as reactions name them: one emoji, in the one form in which it is kept and compared.
//!
//! A sequence is read by the grammar of Unicode's UTS #51. Its selectors are normalized: where a
//! sign would be shown as text, U+FE0F follows; elsewhere there is none. So `❤` and `❤️` are one.

/// Longest emoji, in characters; families and flags of regions have up to ten.
const MAX_CHARS: usize = 16;

const SELECTOR: char = '\u{FE0F}';
const JOINER: char = '\u{200D}';
const KEYCAP: char = '\u{20E3}';
const END_OF_TAGS: char = '\u{E007F}';

type Ranges = &'static [(u32, u32)];

/// Extended_Pictographic of `emoji-data.txt`.
#[rustfmt::skip]
const PICTURES: Ranges = &[
    (0xA9, 0xA9), (0xAE, 0xAE), (0x203C, 0x203C), (0x2049, 0x2049), (0x2122, 0x2122),
    (0x2139, 0x2139), (0x2194, 0x2199), (0x21A9, 0x21AA), (0x231A, 0x231B), (0x2328, 0x2328),
    (0x2388, 0x2388), (0x23CF, 0x23CF), (0x23E9, 0x23F3), (0x23F8, 0x23FA), (0x24C2, 0x24C2),
    (0x25AA, 0x25AB), (0x25B6, 0x25B6), (0x25C0, 0x25C0), (0x25FB, 0x25FE), (0x2600, 0x2605),
    (0x2607, 0x2612), (0x2614, 0x2685), (0x2690, 0x2705), (0x2708, 0x2712), (0x2714, 0x2714),
    (0x2716, 0x2716), (0x271D, 0x271D), (0x2721, 0x2721), (0x2728, 0x2728), (0x2733, 0x2734),
    (0x2744, 0x2744), (0x2747, 0x2747), (0x274C, 0x274C), (0x274E, 0x274E), (0x2753, 0x2755),
    (0x2757, 0x2757), (0x2763, 0x2767), (0x2795, 0x2797), (0x27A1, 0x27A1), (0x27B0, 0x27B0),
    (0x27BF, 0x27BF), (0x2934, 0x2935), (0x2B05, 0x2B07), (0x2B1B, 0x2B1C), (0x2B50, 0x2B50),
    (0x2B55, 0x2B55), (0x3030, 0x3030), (0x303D, 0x303D), (0x3297, 0x3297), (0x3299, 0x3299),
    (0x1F000, 0x1F0FF), (0x1F10D, 0x1F10F), (0x1F12F, 0x1F12F), (0x1F16C, 0x1F171),
    (0x1F17E, 0x1F17F), (0x1F18E, 0x1F18E), (0x1F191, 0x1F19A), (0x1F1AD, 0x1F1E5),
    (0x1F201, 0x1F20F), (0x1F21A, 0x1F21A), (0x1F22F, 0x1F22F), (0x1F232, 0x1F23A),
    (0x1F23C, 0x1F23F), (0x1F249, 0x1F3FA), (0x1F400, 0x1F53D), (0x1F546, 0x1F64F),
    (0x1F680, 0x1F6FF), (0x1F774, 0x1F77F), (0x1F7D5, 0x1F7FF), (0x1F80C, 0x1F80F),
    (0x1F848, 0x1F84F), (0x1F85A, 0x1F85F), (0x1F888, 0x1F88F), (0x1F8AE, 0x1F8FF),
    (0x1F90C, 0x1F93A), (0x1F93C, 0x1F945), (0x1F947, 0x1FAFF), (0x1FC00, 0x1FFFD),
];

/// Below U+1F000, those that are shown as pictures without a selector.
#[rustfmt::skip]
const SHOWN_AS_PICTURES: Ranges = &[
    (0x231A, 0x231B), (0x23E9, 0x23EC), (0x23F0, 0x23F0), (0x23F3, 0x23F3), (0x25FD, 0x25FE),
    (0x2614, 0x2615), (0x2648, 0x2653), (0x267F, 0x267F), (0x2693, 0x2693), (0x26A1, 0x26A1),
    (0x26AA, 0x26AB), (0x26BD, 0x26BE), (0x26C4, 0x26C5), (0x26CE, 0x26CE), (0x26D4, 0x26D4),
    (0x26EA, 0x26EA), (0x26F2, 0x26F3), (0x26F5, 0x26F5), (0x26FA, 0x26FA), (0x26FD, 0x26FD),
    (0x2705, 0x2705), (0x270A, 0x270B), (0x2728, 0x2728), (0x274C, 0x274C), (0x274E, 0x274E),
    (0x2753, 0x2755), (0x2757, 0x2757), (0x2795, 0x2797), (0x27B0, 0x27B0), (0x27BF, 0x27BF),
    (0x2B1B, 0x2B1C), (0x2B50, 0x2B50), (0x2B55, 0x2B55),
];

/// From U+1F000, those that are shown as text without a selector.
#[rustfmt::skip]
const SHOWN_AS_TEXT: Ranges = &[
    (0x1F170, 0x1F171), (0x1F17E, 0x1F17F), (0x1F202, 0x1F202), (0x1F237, 0x1F237),
    (0x1F321, 0x1F321), (0x1F324, 0x1F32C), (0x1F336, 0x1F336), (0x1F37D, 0x1F37D),
    (0x1F396, 0x1F397), (0x1F399, 0x1F39B), (0x1F39E, 0x1F39F), (0x1F3CB, 0x1F3CE),
    (0x1F3D4, 0x1F3DF), (0x1F3F3, 0x1F3F3), (0x1F3F5, 0x1F3F5), (0x1F3F7, 0x1F3F7),
    (0x1F43F, 0x1F43F), (0x1F441, 0x1F441), (0x1F4FD, 0x1F4FD), (0x1F549, 0x1F54A),
    (0x1F56F, 0x1F570), (0x1F573, 0x1F579), (0x1F587, 0x1F587), (0x1F58A, 0x1F58D),
    (0x1F590, 0x1F590), (0x1F5A5, 0x1F5A5), (0x1F5A8, 0x1F5A8), (0x1F5B1, 0x1F5B2),
    (0x1F5BC, 0x1F5BC), (0x1F5C2, 0x1F5C4), (0x1F5D1, 0x1F5D3), (0x1F5DC, 0x1F5DE),
    (0x1F5E1, 0x1F5E1), (0x1F5E3, 0x1F5E3), (0x1F5E8, 0x1F5E8), (0x1F5EF, 0x1F5EF),
    (0x1F5F3, 0x1F5F3), (0x1F5FA, 0x1F5FA), (0x1F6CB, 0x1F6CB), (0x1F6CD, 0x1F6CF),
    (0x1F6E0, 0x1F6E5), (0x1F6E9, 0x1F6E9), (0x1F6F0, 0x1F6F0), (0x1F6F3, 0x1F6F3),
];

fn within(symbol: char, ranges: Ranges) -> bool {
    let code = u32::from(symbol);
    ranges.iter().any(|&(first, last)| (first..=last).contains(&code))
}

fn is_flag_letter(symbol: char) -> bool {
    ('\u{1F1E6}'..='\u{1F1FF}').contains(&symbol)
}

fn is_skin_tone(symbol: char) -> bool {
    ('\u{1F3FB}'..='\u{1F3FF}').contains(&symbol)
}

fn is_tag(symbol: char) -> bool {
    ('\u{E0020}'..='\u{E007E}').contains(&symbol)
}

fn needs_selector(symbol: char) -> bool {
    if u32::from(symbol) < 0x1F000 {
        !within(symbol, SHOWN_AS_PICTURES)
    } else {
        within(symbol, SHOWN_AS_TEXT)
    }
}

/// Reads one emoji and returns it in the form that is kept; `None` for anything else.
pub fn read(text: &str) -> Option<String> {
    // Selectors are put back where they belong.
    let symbols: Vec<char> = text.chars().filter(|symbol| *symbol != SELECTOR).collect();
    if symbols.len() > MAX_CHARS || text.len() > MAX_CHARS * 5 {
        return None;
    }
    let mut kept = String::with_capacity(text.len() + 3);
    let mut rest = symbols.as_slice();
    loop {
        rest = element(rest, &mut kept)?;
        match rest {
            [] => return Some(kept),
            [JOINER, more @ ..] => {
                kept.push(JOINER);
                rest = more;
            }
            _ => return None,
        }
    }
}

/// Reads one element of a sequence and returns what stands behind it.
fn element<'a>(symbols: &'a [char], kept: &mut String) -> Option<&'a [char]> {
    match symbols {
        [left, right, rest @ ..] if is_flag_letter(*left) && is_flag_letter(*right) => {
            kept.extend([left, right]);
            Some(rest)
        }
        [key, KEYCAP, rest @ ..] if key.is_ascii_digit() || *key == '#' || *key == '*' => {
            kept.extend([*key, SELECTOR, KEYCAP]);
            Some(rest)
        }
        // A swatch by itself is one too.
        [tone, rest @ ..] if is_skin_tone(*tone) => {
            kept.push(*tone);
            Some(rest)
        }
        [picture, rest @ ..] if within(*picture, PICTURES) => {
            kept.push(*picture);
            match rest {
                [tone, rest @ ..] if is_skin_tone(*tone) => {
                    kept.push(*tone);
                    Some(rest)
                }
                [tag, ..] if is_tag(*tag) => tags(rest, kept),
                rest => {
                    kept.extend(needs_selector(*picture).then_some(SELECTOR));
                    Some(rest)
                }
            }
        }
        _ => None,
    }
}

fn tags<'a>(symbols: &'a [char], kept: &mut String) -> Option<&'a [char]> {
    let end = symbols.iter().position(|symbol| !is_tag(*symbol))?;
    if symbols[end] != END_OF_TAGS {
        return None;
    }
    kept.extend(&symbols[..=end]);
    Some(&symbols[end + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_emoji_is_read_and_kept_as_it_is() {
        let family = "👨\u{200D}👩\u{200D}👧\u{200D}👦";
        let rainbow = "🏳\u{FE0F}\u{200D}🌈";
        let scotland = "🏴\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F}";
        for good in
            ["👍", "👍🏽", "❤\u{FE0F}", "⭐", "🇩🇪", "#\u{FE0F}\u{20E3}", family, rainbow, scotland]
        {
            assert_eq!(read(good).as_deref(), Some(good), "{good:?}");
        }
    }

    #[test]
    fn the_forms_of_one_emoji_are_one() {
        assert_eq!(read("❤"), read("❤\u{FE0F}"));
        assert_eq!(read("👍\u{FE0F}").as_deref(), Some("👍"));
        assert_eq!(read("1\u{20E3}").as_deref(), Some("1\u{FE0F}\u{20E3}"));
        assert_eq!(read("🏳\u{200D}🌈").as_deref(), Some("🏳\u{FE0F}\u{200D}🌈"));
    }

    #[test]
    fn what_is_not_one_emoji_is_refused() {
        let long = format!("👨{}", "\u{200D}👨".repeat(20));
        for bad in [
            "",
            "a",
            "👍👍",
            "1",
            ":+1:",
            "👍 ",
            "\u{FE0F}",
            "🇩",
            "\u{200D}👍",
            "👍\u{200D}",
            "é",
            &long,
        ] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
