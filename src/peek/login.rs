//! User names and passwords sent in the clear: USER and PASS of FTP and POP3, LOGIN of IMAP, AUTH PLAIN and AUTH LOGIN of SMTP,
//! POP3 and IMAP, Basic of HTTP.
//!
//! A password is never copied or decoded here: that one was sent is said by where it stands in the bytes.

use super::banner::Service;
use super::command::{Line, is, is_any, line, split};
use super::http::{self, Head};
use super::{Peek, Stop};
use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use std::borrow::Cow;
use std::ops::Range;

/// Longest user name or password taken for one, bytes.
const MAX_SECRET: usize = 4096;

/// Base64 as people send it: with or without its padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Who logs in, as sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login<'a> {
    /// How.
    pub method: Method,
    /// The user's name; nothing where it was not seen.
    pub user: Option<Cow<'a, [u8]>>,
    /// Where the password stands; nothing where a digest is sent in its place.
    pub password: Option<Password>,
    /// What follows begins here, bytes from those that were given. A second attempt is looked for there.
    pub end: usize,
}

/// A way to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// USER and PASS (RFC 959 section 4.1.1, RFC 1939 section 7).
    UserPass,
    /// APOP (RFC 1939 section 7): a digest, no password.
    Apop,
    /// IMAP's LOGIN (RFC 9051 section 6.2.3).
    ImapLogin,
    /// SASL's PLAIN (RFC 4616).
    SaslPlain,
    /// SASL's LOGIN, which no RFC describes: name, then password, both in base64.
    SaslLogin,
    /// HTTP's Basic (RFC 7617).
    Basic,
}

impl Method {
    /// Its name as it is sent.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UserPass => "USER",
            Self::Apop => "APOP",
            Self::ImapLogin => "LOGIN",
            Self::SaslPlain => "AUTH PLAIN",
            Self::SaslLogin => "AUTH LOGIN",
            Self::Basic => "Basic",
        }
    }
}

/// A password that was sent, by its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Password {
    /// Its bytes, from those that were given.
    pub range: Range<usize>,
    /// What they are.
    pub form: Form,
}

/// What the bytes of a password are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// The password; in IMAP's quoted strings with a `\` before `"` and `\`.
    Plain,
    /// The password in base64.
    Base64,
    /// User name and password together in base64.
    Base64Pair,
}

/// Looks for a login in what a client says, from where one of its lines begins, at best the first.
///
/// `More`: none so far. `Not`: none will come, for what follows is encrypted (STARTTLS), or mail. The rest of the protocol is not
/// read: a line that is no command is passed over.
#[must_use]
pub fn find(service: Service, bytes: &[u8]) -> Peek<Login<'_>> {
    let mut lines = Lines { bytes, at: 0 };
    match service {
        Service::Smtp => in_smtp(&mut lines),
        Service::Ftp | Service::Pop3 => by_user(service, &mut lines),
        Service::Imap => in_imap(&mut lines),
    }
    .into()
}

/// Where what follows the command begins by which a client asks for TLS (RFC 3207, RFC 4217, RFC 2595), in what it says from where
/// one of its lines begins, if there is one.
#[must_use]
pub fn behind_start_of_tls(service: Service, bytes: &[u8]) -> Option<usize> {
    let mut lines = Lines { bytes, at: 0 };
    loop {
        let (text, _) = lines.next().ok()?;
        let (word, rest) = split(text);
        let asks = match service {
            Service::Smtp => is(word, "STARTTLS"),
            Service::Pop3 => is(word, "STLS"),
            Service::Imap => is(split(rest).0, "STARTTLS"),
            Service::Ftp => is(word, "AUTH") && is_any(rest, &["TLS", "SSL", "TLS-C"]),
        };
        if asks {
            return Some(lines.at);
        }
    }
}

/// The credentials of an HTTP request's Basic authentication, to the server or a proxy. Their place is counted from the head's
/// first byte.
#[must_use]
pub fn basic<'a>(head: &Head<'a>) -> Option<Login<'a>> {
    head.fields()
        .filter(|field| field.is("authorization") || field.is("proxy-authorization"))
        .find_map(|field| credentials(head, field))
}

fn credentials<'a>(head: &Head<'a>, field: http::Field<'a>) -> Option<Login<'a>> {
    let (scheme, rest) = split(field.value);
    let token = rest.trim_ascii();
    if !is(scheme, "Basic") || token.is_empty() || token.len() > MAX_SECRET {
        return None;
    }
    let mut user = BASE64.decode(token).ok()?;
    // RFC 7617 section 2: the first colon divides, so no name has one.
    user.truncate(user.iter().position(|&b| b == b':')?);
    let end = field.at + field.value.trim_ascii_end().len();
    let password = Password { range: end - token.len()..end, form: Form::Base64Pair };
    Some(Login { method: Method::Basic, user: Some(user.into()), password: Some(password), end: head.len() })
}

/// A client's lines.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    /// The next line, without going over it.
    fn peek(&self) -> Result<Line<'a>, Stop> {
        line(&self.bytes[self.at..])
    }

    /// The next line and where it begins.
    fn next(&mut self) -> Result<(&'a [u8], usize), Stop> {
        let line = self.peek()?;
        let begins = self.at;
        self.at += line.len;
        Ok((line.text, begins))
    }
}

/// SMTP (RFC 4954).
fn in_smtp<'a>(lines: &mut Lines<'a>) -> Result<Login<'a>, Stop> {
    loop {
        let (text, begins) = lines.next()?;
        let (word, rest) = split(text);
        if is(word, "AUTH") {
            if let Some(login) = sasl(lines, rest, begins + word.len() + 1)? {
                return Ok(login);
            }
        } else if is_any(word, &["MAIL", "DATA", "BDAT"]) {
            // Who may send mail has logged in, or need not.
            return Err(Stop::Not);
        }
    }
}

/// FTP and POP3.
fn by_user<'a>(service: Service, lines: &mut Lines<'a>) -> Result<Login<'a>, Stop> {
    let mut user = None;
    loop {
        let (text, begins) = lines.next()?;
        let (word, rest) = split(text);
        if is(word, "USER") {
            user = Some(Cow::Borrowed(rest));
        } else if is(word, "PASS") {
            let range = begins + text.len() - rest.len()..begins + text.len();
            let password = Some(Password { range, form: Form::Plain });
            return Ok(Login { method: Method::UserPass, user, password, end: lines.at });
        } else if service == Service::Pop3 && is(word, "APOP") {
            let user = Some(Cow::Borrowed(split(rest).0));
            return Ok(Login { method: Method::Apop, user, password: None, end: lines.at });
        } else if service == Service::Pop3 && is(word, "AUTH") {
            // RFC 5034.
            if let Some(login) = sasl(lines, rest, begins + word.len() + 1)? {
                return Ok(login);
            }
        }
    }
}

/// IMAP: a tag before each command, and strings that go over several lines.
fn in_imap<'a>(lines: &mut Lines<'a>) -> Result<Login<'a>, Stop> {
    loop {
        let (text, begins) = lines.next()?;
        let (tag, rest) = split(text);
        let (word, arguments) = split(rest);
        let arguments_at = begins + tag.len() + 1 + word.len() + 1;
        if is(word, "LOGIN") && !arguments.is_empty() {
            match imap_login(lines.bytes, arguments_at) {
                Err(Stop::Not) => {}
                read => return read,
            }
        } else if is(word, "AUTHENTICATE")
            && let Some(login) = sasl(lines, arguments, arguments_at)?
        {
            return Ok(login);
        }
        if let Some(length) = literal(text) {
            lines.at = lines.at.saturating_add(length);
            if lines.at > lines.bytes.len() {
                return Err(Stop::More);
            }
        }
    }
}

/// The two strings behind LOGIN.
fn imap_login(bytes: &[u8], at: usize) -> Result<Login<'_>, Stop> {
    let user = astring(bytes, at)?;
    if bytes.get(user.end).ok_or(Stop::More)? != &b' ' {
        return Err(Stop::Not);
    }
    let password = astring(bytes, user.end + 1)?;
    let end = password.end + line(&bytes[password.end..])?.len;
    let password = Some(Password { range: password.range, form: Form::Plain });
    Ok(Login { method: Method::ImapLogin, user: Some(unquoted(&bytes[user.range])), password, end })
}

/// A string of IMAP: its bytes, and where what follows it begins.
struct Astring {
    range: Range<usize>,
    end: usize,
}

/// RFC 9051 section 4.3: bare, between quotation marks, or a literal.
fn astring(bytes: &[u8], at: usize) -> Result<Astring, Stop> {
    let rest = &bytes[at..];
    match rest.first().ok_or(Stop::More)? {
        b'"' => {
            let mut escaped = false;
            for (n, &byte) in rest.iter().enumerate().skip(1) {
                match byte {
                    b'\r' | b'\n' => return Err(Stop::Not),
                    b'"' if !escaped => return Ok(Astring { range: at + 1..at + n, end: at + n + 1 }),
                    _ => escaped = byte == b'\\' && !escaped,
                }
            }
            if rest.len() > MAX_SECRET { Err(Stop::Not) } else { Err(Stop::More) }
        }
        b'{' => {
            let line = line(rest)?;
            let length = literal(line.text).filter(|&length| length <= MAX_SECRET).ok_or(Stop::Not)?;
            let begins = at + line.len;
            let end = begins + length;
            if bytes.len() < end { Err(Stop::More) } else { Ok(Astring { range: begins..end, end }) }
        }
        _ => {
            let length = rest.iter().take_while(|&&b| b > b' ' && b != 0x7f && !b"(){\"\\%*".contains(&b)).count();
            match rest.get(length) {
                None if length > MAX_SECRET => Err(Stop::Not),
                None => Err(Stop::More),
                Some(_) if length == 0 => Err(Stop::Not),
                Some(_) => Ok(Astring { range: at..at + length, end: at + length }),
            }
        }
    }
}

/// The length at the end of a line that a literal follows: `{12}`, or `{12+}` (RFC 7888).
fn literal(text: &[u8]) -> Option<usize> {
    let text = text.strip_suffix(b"}")?;
    let digits = &text[text.iter().rposition(|&b| b == b'{')? + 1..];
    std::str::from_utf8(digits.strip_suffix(b"+").unwrap_or(digits)).ok()?.parse().ok()
}

/// A quoted string without the `\` before `"` and `\`.
fn unquoted(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'\\') {
        return Cow::Borrowed(text);
    }
    let mut escaped = false;
    let kept = text.iter().copied().filter(|&b| {
        escaped = b == b'\\' && !escaped;
        !escaped
    });
    Cow::Owned(kept.collect())
}

/// What follows the name of a SASL mechanism, in this line or the next ones; nothing if it is another mechanism, or no such login.
/// `arguments` are the words behind AUTH and stand at `at`.
fn sasl<'a>(lines: &mut Lines<'a>, arguments: &'a [u8], at: usize) -> Result<Option<Login<'a>>, Stop> {
    let (mechanism, initial) = split(arguments);
    let method = match mechanism {
        _ if is(mechanism, "PLAIN") => Method::SaslPlain,
        _ if is(mechanism, "LOGIN") => Method::SaslLogin,
        _ => return Ok(None),
    };
    // The first response may stand behind the mechanism's name (RFC 4954 section 4, RFC 4959).
    let response = initial.trim_ascii();
    let begins = at + arguments.len() - initial.len();
    if response.is_empty() || response == b"=" {
        let next = lines.peek()?;
        // A response is one word; else the server has refused, and the line is the next command.
        let Some(login) = sasl_login(lines, method, next.text, lines.at, lines.at + next.len)? else { return Ok(None) };
        return Ok(Some(login));
    }
    let after = lines.at;
    sasl_login(lines, method, response, begins, after)
}

/// A login whose first response is this one, which begins at `at`; the line behind it begins at `after`.
fn sasl_login<'a>(
    lines: &mut Lines<'a>,
    method: Method,
    response: &'a [u8],
    at: usize,
    after: usize,
) -> Result<Option<Login<'a>>, Stop> {
    let Some(decoded) = decoded(response) else { return Ok(None) };
    if method == Method::SaslPlain {
        // RFC 4616 section 2: whom to act as, whose password it is, the password; NULs between.
        let mut parts = decoded.split(|&b| b == 0);
        let (Some(_), Some(user), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Ok(None);
        };
        lines.at = after;
        let password = Some(Password { range: at..at + response.len(), form: Form::Base64Pair });
        return Ok(Some(Login { method, user: Some(user.to_vec().into()), password, end: after }));
    }
    // What a command looks like when it is decoded is no name.
    if !std::str::from_utf8(&decoded).is_ok_and(|name| !name.is_empty() && !name.contains(char::is_control)) {
        return Ok(None);
    }
    let next = line(&lines.bytes[after..])?;
    lines.at = after + next.len;
    if next.text == b"*" {
        return Ok(None);
    }
    let password = Some(Password { range: after..after + next.text.len(), form: Form::Base64 });
    Ok(Some(Login { method, user: Some(decoded.into()), password, end: lines.at }))
}

/// A word of base64, not too long.
fn decoded(word: &[u8]) -> Option<Vec<u8>> {
    if word.is_empty() || word.len() > MAX_SECRET { None } else { BASE64.decode(word).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Method, user, the password's bytes and their form, and what is behind.
    type Told<'a> = (Method, String, (&'a str, Form), &'a str);

    fn found(service: Service, text: &str) -> Told<'_> {
        let login = find(service, text.as_bytes()).is().expect("a login");
        let user = String::from_utf8(login.user.expect("a user").into_owned()).unwrap();
        let password = login.password.expect("a password");
        (login.method, user, (&text[password.range], password.form), &text[login.end..])
    }

    fn login<'a>(method: Method, user: &str, password: &'a str, form: Form, rest: &'a str) -> Told<'a> {
        (method, user.into(), (password, form), rest)
    }

    #[test]
    fn user_and_pass() {
        let ftp = "AUTH TLS\r\nUSER anonymous\r\nPASS me@example.test\r\nSYST\r\n";
        assert_eq!(found(Service::Ftp, ftp), login(Method::UserPass, "anonymous", "me@example.test", Form::Plain, "SYST\r\n"));
        let pop = "CAPA\r\nuser student\r\npass battery staple \r\n";
        assert_eq!(found(Service::Pop3, pop), login(Method::UserPass, "student", "battery staple ", Form::Plain, ""));
        let empty = "USER a\nPASS\n";
        assert_eq!(found(Service::Ftp, empty), login(Method::UserPass, "a", "", Form::Plain, ""));
        let midway = find(Service::Pop3, b"PASS x\r\n").is().unwrap();
        assert_eq!((midway.user, midway.password.unwrap().range), (None, 5..6));
        let apop = find(Service::Pop3, b"APOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n").is().unwrap();
        assert_eq!((apop.method, apop.user.as_deref(), apop.password), (Method::Apop, Some(&b"mrose"[..]), None));
    }

    #[test]
    fn imap_login() {
        let with = |user, password, rest| login(Method::ImapLogin, user, password, Form::Plain, rest);
        assert_eq!(found(Service::Imap, "a001 LOGIN SMITH SESAME\r\na2 "), with("SMITH", "SESAME", "a2 "));
        assert_eq!(found(Service::Imap, "1 login \"a \\\"b\\\\\" \"c\\\"\"\r\n"), with("a \"b\\", "c\\\"", ""));
        assert_eq!(found(Service::Imap, "A LOGIN {11}\r\nFRED FOOBAR {7+}\r\nfat\nman\r\n"), with("FRED FOOBAR", "fat\nman", ""));
        assert_eq!(found(Service::Imap, "A ID {3}\r\nx\r\n\r\nB CAPABILITY\r\nC LOGIN u p\r\n"), with("u", "p", ""));
        assert_eq!(find(Service::Imap, b"A LOGIN {99999}\r\n"), Peek::More);
        assert_eq!(find(Service::Imap, b"A LOGIN \"x\r\nB NOOP\r\n"), Peek::More);
        assert_eq!(find(Service::Imap, format!("A X {{{}}}\r\n", usize::MAX).as_bytes()), Peek::More);
    }

    #[test]
    fn sasl_plain_and_login() {
        // RFC 4954 section 4.3: "AGphbQBiYWRwYXNz" is NUL jam NUL badpass.
        let plain = |rest| login(Method::SaslPlain, "jam", "AGphbQBiYWRwYXNz", Form::Base64Pair, rest);
        assert_eq!(found(Service::Smtp, "EHLO x\r\nAUTH PLAIN AGphbQBiYWRwYXNz\r\nMAIL"), plain("MAIL"));
        assert_eq!(found(Service::Smtp, "AUTH PLAIN\r\nAGphbQBiYWRwYXNz\r\n"), plain(""));
        assert_eq!(found(Service::Pop3, "auth plain =\r\nAGphbQBiYWRwYXNz\r\n"), plain(""));
        assert_eq!(found(Service::Imap, "t AUTHENTICATE PLAIN\r\nAGphbQBiYWRwYXNz\r\nu LIST\r\n"), plain("u LIST\r\n"));
        let two = |rest| login(Method::SaslLogin, "jam", "YmFkcGFzcw==", Form::Base64, rest);
        assert_eq!(found(Service::Smtp, "AUTH LOGIN\r\namFt\r\nYmFkcGFzcw==\r\nx"), two("x"));
        assert_eq!(found(Service::Smtp, "AUTH LOGIN amFt\r\nYmFkcGFzcw==\r\n"), two(""));
    }

    #[test]
    fn what_is_no_login_is_passed_over() {
        assert_eq!(find(Service::Smtp, b"EHLO x\r\nSTARTTLS\r\n\x16\x03\x01"), Peek::Not);
        assert_eq!(find(Service::Smtp, b"EHLO x\r\nMAIL FROM:<a@b>\r\nAUTH PLAIN AGphbQBiYWRwYXNz\r\n"), Peek::Not);
        assert_eq!(find(Service::Smtp, b"AUTH LOGIN\r\nQUIT\r\n"), Peek::More, "refused, and the client leaves");
        assert_eq!(find(Service::Smtp, b"AUTH LOGIN\r\nNOOP\r\nRSET\r\n"), Peek::More);
        assert_eq!(find(Service::Smtp, b"AUTH LOGIN\r\namFt\r\n*\r\n"), Peek::More, "given up");
        assert_eq!(find(Service::Smtp, b"AUTH CRAM-MD5\r\nZnJlZCA5ZTk1\r\n"), Peek::More);
        assert_eq!(find(Service::Smtp, b"AUTH PLAIN bm9udWxz\r\n"), Peek::More, "no NULs in it");
        assert_eq!(find(Service::Ftp, b"\xff\xf4\x16\x03"), Peek::Not);
    }

    #[test]
    fn basic_of_http() {
        let read = |text: &str| {
            let head = http::read(text.as_bytes()).is().unwrap();
            basic(&head).map(|login| (login.user.unwrap().into_owned(), text[login.password.unwrap().range].to_owned()))
        };
        // RFC 7617 section 2.
        let token = "QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
        let text = format!("GET / HTTP/1.1\r\nHost: x\r\nAuthorization:  basic  {token} \r\n\r\n");
        assert_eq!(read(&text), Some((b"Aladdin".to_vec(), token.into())));
        assert_eq!(read(&text.replace("Auth", "Proxy-Auth")), Some((b"Aladdin".to_vec(), token.into())));
        assert_eq!(read(&text.replace("basic", "Bearer")), None);
        assert_eq!(read(&text.replace(token, "QWxhZGRpbg")), None, "no colon");
        assert_eq!(read(&text.replace(token, "???")), None);
    }

    proptest! {
        #[test]
        fn a_part_says_the_same_or_waits(which in 0..4_usize, text in prop_oneof![
            Just("EHLO x\r\nAUTH PLAIN AGphbQBiYWRwYXNz\r\nMAIL\r\n"),
            Just("AUTH LOGIN\r\namFt\r\nYmFkcGFzcw==\r\nx"),
            Just("CAPA\r\nUSER student\r\nPASS battery-staple\r\nLIST\r\n"),
            Just("A LOGIN {11}\r\nFRED FOOBAR {7+}\r\nfat man\r\nB LIST\r\n"),
            Just("A LOGIN \"a\\\"b\" c\r\nB LIST\r\n"),
        ]) {
            let service = Service::ALL[which];
            let whole = find(service, text.as_bytes());
            for cut in 0..text.len() {
                let part = find(service, &text.as_bytes()[..cut]);
                prop_assert!(part == Peek::More || part == whole, "{:?} of {:?}", part, &text[..cut]);
            }
        }

        #[test]
        fn places_lie_in_the_bytes(which in 0..4_usize, words in prop::collection::vec(prop_oneof![
            Just("USER "), Just("PASS "), Just("AUTH PLAIN "), Just("AUTH LOGIN"), Just("\r\n"), Just("\n"), Just("AGphbQBi\r\n"),
            Just("amFt\r\n"), Just("A LOGIN "), Just("a {3}\r\n"), Just("\""), Just("\\"), Just("b AUTHENTICATE LOGIN "), Just("*\r\n"), Just("{18446744073709551615}\r\n"),
        ], 0..20)) {
            let text = words.concat();
            let mut at = 0;
            while let Peek::Is(login) = find(Service::ALL[which], &text.as_bytes()[at..]) {
                prop_assert!(login.end > 0 && at + login.end <= text.len());
                prop_assert!(login.password.is_none_or(|password| password.range.end <= login.end && password.range.start <= password.range.end));
                at += login.end;
            }
        }
    }
}
