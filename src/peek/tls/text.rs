//! Names out of messages as text that a terminal can be given.

use std::borrow::Cow;
use std::fmt::Write;

fn is_plain(c: char) -> bool {
    matches!(c, ' '..='~') && c != '\\' || !c.is_ascii() && c.is_alphanumeric()
}

/// UTF-8 as it is, but for what could mislead or steer a terminal: backslashes, control characters and all that is neither
/// letter nor digit outside ASCII as `\u{…}`, bytes that are not UTF-8 as `\x…`.
#[must_use]
pub fn shown(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = str::from_utf8(bytes)
        && text.chars().all(is_plain)
    {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_plain(c) {
                out.push(c);
            } else {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn what_steers_a_terminal_is_escaped() {
        assert_eq!(shown(b"www.example.test"), "www.example.test");
        assert_eq!(shown("b\u{fc}cher".as_bytes()), "b\u{fc}cher");
        assert_eq!(shown(b"a\x1b[2Jb\n"), "a\\u{1b}[2Jb\\u{a}");
        assert_eq!(shown(b"a\\x"), "a\\u{5c}x");
        assert_eq!(shown(b"h\xab2"), "h\\xab2");
        assert_eq!(shown("a\u{202e}b".as_bytes()), "a\\u{202e}b");
    }
}
