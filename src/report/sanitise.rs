//! Makes text safe to show: no control, bidirectional or invisible character gets through as itself.
//!
//! Besides attacks on terminals this is about truth: two values that differ in a zero-width space, or in the Unicode
//! normal form of one letter, must not look the same.

use std::fmt::{self, Write};

/// Whether a character must be escaped to be seen for what it is.
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{a0}' | '\u{ad}' | '\u{300}'..='\u{36f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Writes one character, escaped where it could deceive: `\n`, `\t`, `\r`, else `\u` and four or more hex digits.
pub(crate) fn write_char(c: char, out: &mut dyn Write) -> fmt::Result {
    match c {
        '\n' => out.write_str("\\n"),
        '\t' => out.write_str("\\t"),
        '\r' => out.write_str("\\r"),
        c if is_deceptive(c) && u32::from(c) > 0xffff => write!(out, "\\u{{{:x}}}", u32::from(c)),
        c if is_deceptive(c) => write!(out, "\\u{:04x}", u32::from(c)),
        c => out.write_char(c),
    }
}

/// `text` with every control, bidirectional and invisible character escaped. Doing it twice changes nothing.
pub fn sanitise(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        write_char(c, &mut out).expect("writing to a string cannot fail");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_could_deceive_and_nothing_else() {
        assert_eq!(
            sanitise("a\x1b[31mb\u{202e}c\u{200b}\n\u{7f}\u{85}"),
            "a\\u001b[31mb\\u202ec\\u200b\\n\\u007f\\u0085"
        );
        assert_eq!(sanitise("e\u{301}"), "e\\u0301");
        assert_eq!(sanitise("\u{e0041}"), "\\u{e0041}");
        assert_eq!(sanitise("é 漢字 العربية 😀 \\n"), "é 漢字 العربية 😀 \\n");
        let once = sanitise("\u{feff}\r\t\u{a0}");
        assert_eq!(sanitise(&once), once);
    }
}
