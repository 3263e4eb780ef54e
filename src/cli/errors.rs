//! What went wrong, in words: one line that says what, at most three that help, and an exit code.

use super::exit::Exit;
use super::live::{no_such_interface, not_permitted};
use crate::cli::{rights, settings, words};
use sockeye::capture::SourceError;
use sockeye::model::LinkType;
use sockeye::output::target::is_stdout;
use sockeye::output::{WriteError, units};
use sockeye::pcapfile::Format;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// A failure as people see it.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) exit: Exit,
    what: String,
    help: Vec<String>,
    closed_output: bool,
}

impl Problem {
    pub(crate) fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), help: Vec::new(), closed_output: false }
    }

    /// Output that cannot be written: a full disk, a closed pipe.
    pub(crate) fn output(error: io::Error) -> Self {
        let closed_output = error.kind() == io::ErrorKind::BrokenPipe;
        match error.downcast::<WriteError>() {
            Ok(error) => {
                // A pipe with a name is an output that someone asked for: that its reader went away is told.
                let named =
                    matches!(&error, WriteError::Write { path, .. } | WriteError::Output { path, .. } if !is_stdout(path));
                Self { closed_output: closed_output && !named, ..Self::from(error) }
            }
            Err(error) => Self { closed_output, ..Self::new(Exit::Failed, format!("cannot write the output: {error}")) },
        }
    }

    /// Nobody reads our output any more: the program ends without a word, as other filters do.
    pub(crate) const fn is_closed_output(&self) -> bool {
        self.closed_output
    }

    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// Adds a line that helps.
    pub(crate) fn help(mut self, line: impl Into<String>) -> Self {
        self.help.push(line.into());
        self
    }

    /// Adds how root himself would fare, where a caller of sudo was denied a file.
    pub(crate) fn if_denied(mut self, error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::PermissionDenied {
            self.help.extend(rights::as_root_himself().into_iter().flatten());
        }
        self
    }

    /// Writes the message to standard error. That it cannot be written is nobody's to hear.
    pub(crate) fn print(&self) {
        let _ = io::stderr().lock().write_all(settings::message(&format!("sockeye: {self}")).as_bytes());
    }
}

/// The message without the program's name, each line ended.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.what)?;
        self.help.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}

impl std::error::Error for Problem {}

/// A word that should be a file or a command and is neither.
pub(crate) fn no_such_file(word: &str) -> Problem {
    let near = words::near(word).map_or_else(String::new, |name| format!("; did you mean {name}?"));
    Problem::new(Exit::Input, format!("no such file or command: {}{near}", shown(word)))
}

impl From<SourceError> for Problem {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Io { operation, name, error } => match error.kind() {
                io::ErrorKind::NotFound => no_such_file(&name),
                io::ErrorKind::PermissionDenied => {
                    Self::new(Exit::Permission, format!("{operation} {}: {error}", shown(&name))).if_denied(&error)
                }
                _ => Self::new(Exit::Input, format!("{operation} {}: {error}", shown(&name))),
            },
            SourceError::IsDirectory { name } => {
                Self::new(Exit::Input, format!("{} is a directory, not a capture file", shown(&name)))
                    .help(format!("its captures:  sockeye {}/*.pcap*", shown(name.trim_end_matches('/'))))
            }
            SourceError::Empty { name } => Self::new(
                Exit::Input,
                format!(
                    "{} is 0 bytes: not a capture. Was tcpdump still running? It writes on exit unless -U is given.",
                    shown(&name)
                ),
            ),
            SourceError::NotACapture { name, starts_with } => Self::new(
                Exit::Input,
                format!(
                    "{} is not a capture file (starts with {}); sockeye reads pcap, pcapng and .gz .zst .lz4 .xz of them",
                    shown(&name),
                    first_bytes(&starts_with)
                ),
            ),
            SourceError::Damaged { name, what, frames, .. } => Self::new(Exit::Damaged, damage(&name, &what, frames)),
            SourceError::Filter(error) => Self::from((*error).coming_from("this interface")),
            SourceError::UnknownLinkType { name, link } => unknown_link_type(&name, link),
            SourceError::NotPermitted { interface } => not_permitted(&interface),
            SourceError::NoSuchInterface { interface } => no_such_interface(&interface),
            SourceError::InterfaceDown { interface } => {
                Self::usage(format!("interface {interface} exists but is down:  sudo ip link set {interface} up"))
            }
            SourceError::InterfaceGone { interfaces } => {
                let (names, them) = (interfaces.join(", "), it_or_them(interfaces.len()));
                Self::new(Exit::Failed, format!("{names} vanished: nothing more can be captured on {them}"))
            }
            SourceError::Unsupported { interface, what } => Self::usage(format!("{interface}: {what}")),
        }
    }
}

impl From<WriteError> for Problem {
    fn from(error: WriteError) -> Self {
        let full = error.is_disk_full();
        match error {
            WriteError::Exists { path, size, modified } => exists(&path, size, modified),
            WriteError::Create { path, error } if error.kind() == io::ErrorKind::PermissionDenied => {
                let why = match rights::writes_as() {
                    // Ours, not the system's: of a descriptor.
                    _ if error.raw_os_error().is_none() => error.to_string(),
                    Some("root") => {
                        "sockeye gave up root's power over others' files; choose a folder of root's, or -Z USER".to_owned()
                    }
                    Some(user) => {
                        let user = shown(user);
                        format!("sockeye gave up root rights and writes as user \"{user}\"; choose a folder it can write")
                    }
                    None => error.to_string(),
                };
                Self::new(Exit::Permission, format!("cannot create {}: {why}", shown_path(&path)))
            }
            WriteError::SecondLinkType { path, first, second } => second_link_type(Exit::Failed, &path, first, second),
            WriteError::Write { ref path, ref safe, .. } if full => {
                let complete = if safe.complete { "; the file is complete up to there" } else { "" };
                let packets = units::counted(safe.packets, "packet");
                Self::new(
                    Exit::Failed,
                    format!("{}: disk full after {packets} ({}){complete}", shown_path(path), units::bytes(safe.bytes)),
                )
            }
            WriteError::Split { path, operation, error, files, safe, begun, unsaved } => {
                let what = if full { "disk full".to_owned() } else { format!("{operation} failed: {error}") };
                let (done, packets) = (units::counted(files, "file"), units::counted(safe.packets, "packet"));
                let complete = format!("{packets} ({}) in {done} are complete", units::bytes(safe.bytes));
                let begun = match begun {
                    0 => String::new(),
                    begun => format!("{} hold their first packets, all whole; ", units::counted(begun, "more file")),
                };
                Self::new(Exit::Failed, format!("{}: {what}; {complete}", shown_path(&path)))
                    .help(format!("{begun}{} that had been read are in no file", units::counted(unsaved, "packet")))
            }
            WriteError::Output { path, operation: _, error } if is_stdout(&path) => Self {
                closed_output: error.kind() == io::ErrorKind::BrokenPipe,
                ..Self::new(Exit::Failed, format!("cannot write the output: {error}"))
            },
            WriteError::Unread { path } if is_stdout(&path) => {
                Self::new(Exit::Failed, "nobody has read the output for 2 seconds: the rest was not written")
            }
            WriteError::Write { path, error, safe, .. } if error.kind() == io::ErrorKind::BrokenPipe => Self::new(
                Exit::Failed,
                format!("{}: its reader went away after {}", shown_path(&path), units::counted(safe.packets, "packet")),
            ),
            WriteError::BeingRead { .. } | WriteError::Compressed { .. } | WriteError::Name { .. } => {
                Self::usage(shown(&error.to_string()))
            }
            WriteError::Create { .. }
            | WriteError::Output { .. }
            | WriteError::Write { .. }
            | WriteError::Rotate { .. }
            | WriteError::Unread { .. } => Self::new(Exit::Failed, shown(&error.to_string())),
        }
    }
}

/// `two.pcap: a pcap file holds one link type, and there are packets of two (Ethernet, Raw IP)`
pub(crate) fn second_link_type(exit: Exit, path: &Path, first: LinkType, second: LinkType) -> Problem {
    let what = format!("{}: a pcap file holds one link type, and there are packets of two ({first}, {second})", shown_path(path));
    Problem::new(exit, what).help("write pcapng, which holds both:  --write-format pcapng, or a name that ends in .pcapng")
}

/// `out.pcap exists (1.80 MB capture, today 21:11); --force overwrites it`
pub(crate) fn exists(path: &Path, size: u64, modified: Option<SystemTime>) -> Problem {
    let capture = if is_capture(path) { " capture" } else { "" };
    let when = modified.map_or_else(String::new, |at| format!(", {}", super::time::ago(at)));
    Problem::usage(format!("{} exists ({}{capture}{when}); --force overwrites it", shown_path(path), units::bytes(size)))
}

/// Output files that were captures when they were looked at.
static CAPTURES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Looks whether a file that exists is a capture, while it can be read: [`exists`] may have to tell later.
pub(crate) fn look_at(path: &Path) {
    if path.is_file() && begins_as_capture(path) {
        CAPTURES.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_owned());
    }
}

fn is_capture(path: &Path) -> bool {
    begins_as_capture(path) || CAPTURES.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|known| known == path)
}

/// Does the file begin as a capture does?
fn begins_as_capture(path: &Path) -> bool {
    let mut start = [0; Format::SNIFFED];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && Format::sniff(&start).is_some()
}

/// `trunc.pcap ends in the middle of packet 12 (17 of 40 bytes missing); packets 1–11 are reported`
pub(crate) fn damage(name: &str, what: &str, frames: u64) -> String {
    let reported = match frames {
        0 => "no packet comes before that".to_owned(),
        1 => "packet 1 is reported".to_owned(),
        n => format!("packets 1–{n} are reported"),
    };
    format!("{} {what}; {reported}", shown(name))
}

/// The word for so many interfaces.
pub(crate) const fn it_or_them(interfaces: usize) -> &'static str {
    if interfaces == 1 { "it" } else { "them" }
}

fn unknown_link_type(name: &str, link: LinkType) -> Problem {
    let private = (147..=162).contains(&link.0);
    let known = match link.name() {
        Some(word) if private => format!("{} ({word}, private use)", link.0),
        Some(word) => format!("{} ({word}, {link})", link.0),
        None => format!("{} (not in the registry known here)", link.0),
    };
    Problem::new(Exit::Input, format!("{} uses link type {known}, which sockeye cannot decode", shown(name)))
        .help("force one:  --link-type ethernet | raw | sll2 | null        known: sockeye help linktypes")
}

/// The first bytes of a file, readable and harmless.
fn first_bytes(bytes: &[u8]) -> String {
    let text = &bytes[..bytes.len().min(8)];
    if text.iter().all(|b| b.is_ascii_graphic() || *b == b' ') {
        format!("\"{}\"", String::from_utf8_lossy(text))
    } else {
        let hex: Vec<String> = text.iter().map(|b| format!("{b:02x}")).collect();
        format!("bytes {}", hex.join(" "))
    }
}

/// A name from outside, without control characters.
pub(crate) fn shown(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The same for a path.
pub(crate) fn shown_path(path: &Path) -> String {
    shown(&path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_bytes_are_shown_as_text_or_hex() {
        assert_eq!(first_bytes(b"root:x:0:0:root"), "\"root:x:0\"");
        assert_eq!(first_bytes(&[0x7f, b'E', b'L', b'F']), "bytes 7f 45 4c 46");
    }

    #[test]
    fn names_cannot_steer_a_terminal() {
        assert_eq!(shown("a\u{1b}[31mb"), "a\u{fffd}[31mb");
    }
}
