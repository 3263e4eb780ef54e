//! Names of addresses, asked for and answered whenever they come: neither side waits for the other. The channel itself is the
//! queue. Question: 16 bytes of address. Answer: the same, a byte that says what came of it, then the name if there is one.
//!
//! They are asked for in a process of their own: it has no rights, writes no file, starts no program.

use super::super::sandbox;
use super::channel::{Came, Channel, Room};
use super::protocol::{LONGEST, Reply};
use super::server::wait_for_the_end;
use super::shed::{Identity, shed};
use super::sys;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Finds the name of an address; may take seconds.
pub type Lookup = fn(IpAddr) -> Answer;

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The name.
    Name(String),
    /// It has none.
    Nameless,
    /// Nobody could say: no server answered, or none could be asked.
    Unknown,
}

/// How names are asked for.
#[derive(Clone, Debug)]
pub struct Asking {
    /// Who asks; none: the user of this process, without capabilities. Who cannot be become here is not.
    pub identity: Option<Identity>,
    /// Finds a name.
    pub lookup: Lookup,
    /// No file can be written and no program started.
    pub sandbox: bool,
}

/// Lookups at once: one that waits for a slow server holds up no other.
const AT_ONCE: usize = 4;
/// Longest name in bytes (RFC 1035, 2.3.4: 255 octets).
const LONGEST_NAME: usize = 255;
/// What comes behind the address in an answer.
const NAMELESS: u8 = 0;
const NAMED: u8 = 1;
const UNKNOWN: u8 = 2;

/// IPv4 addresses travel as those that are mapped into IPv6.
fn bytes_of(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

fn address_of(bytes: [u8; 16]) -> IpAddr {
    Ipv6Addr::from(bytes).to_canonical()
}

/// The whole life of the process for names. Gives its exit code.
pub(super) fn live(asking: &Asking, channel: Channel) -> u8 {
    if let Err(error) = prepare(asking, &channel) {
        let _ = channel.send(&Reply::Unfit(&error.to_string()).encode());
        return 1;
    }
    if channel.send(&Reply::Done.encode()).is_err() {
        return 1;
    }
    let channel = Arc::new(channel);
    serve(&channel, asking.lookup);
    // A lookup that still waits for a server is not waited for.
    wait_for_the_end(&channel);
    0
}

/// Signals, descriptors, rights.
fn prepare(asking: &Asking, channel: &Channel) -> io::Result<()> {
    sys::outlive_signals();
    sys::no_terminal(true)?;
    sys::close_all_but(&[channel.as_fd()])?;
    let _ = rustix::thread::set_name(c"sockeye-names");
    // Where nobody else can be become (user namespaces), the process that reads packets stays who it is, too, and says so.
    shed(asking.identity.as_ref()).or_else(|_| shed(None))?;
    if asking.sandbox {
        // What the kernel lacks the process that reads packets lacks, too, and says so.
        sandbox::close_names();
    }
    Ok(())
}

/// Answers in threads of their own until the other end is gone.
pub(super) fn serve(channel: &Arc<Channel>, lookup: Lookup) {
    for _ in 0..AT_ONCE {
        let channel = Arc::clone(channel);
        // Fewer threads are slower, none at all means no names: worth no words.
        let _ = thread::Builder::new().name("helper-names".to_owned()).spawn(move || answer(&channel, lookup));
    }
}

fn answer(channel: &Channel, lookup: Lookup) {
    let mut room: Room = [0; LONGEST];
    loop {
        let question = match channel.receive(&mut room) {
            Ok(Came::Message(bytes)) => <[u8; 16]>::try_from(bytes).ok(),
            Ok(Came::TooLong) => None,
            Ok(Came::End) | Err(_) => return,
        };
        let Some(bytes) = question else { continue };
        let (what, name) = match lookup(address_of(bytes)) {
            Answer::Name(name) if (1..=LONGEST_NAME).contains(&name.len()) => (NAMED, name),
            Answer::Name(_) | Answer::Nameless => (NAMELESS, String::new()),
            Answer::Unknown => (UNKNOWN, String::new()),
        };
        if channel.send(&[&bytes[..], &[what], name.as_bytes()].concat()).is_err() {
            return;
        }
    }
}

/// The asking side.
#[derive(Debug)]
pub struct Names(Channel);

impl Names {
    pub(super) fn new(channel: Channel) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&channel, true)?;
        Ok(Self(channel))
    }

    /// Asks for the name of an address, without waiting. False: too much is being asked already, or the helper is gone.
    #[must_use]
    pub fn ask(&self, address: IpAddr) -> bool {
        self.0.write_now(&bytes_of(address)).unwrap_or(false)
    }

    /// The socket on which it is asked: by `write`; answers come by `recvfrom`.
    #[must_use]
    pub fn descriptor(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }

    /// An answer that has come, without waiting: the address and what came of it.
    ///
    /// # Errors
    /// When the helper is gone: no answer comes any more.
    pub fn answer(&self) -> io::Result<Option<(IpAddr, Answer)>> {
        let mut room: Room = [0; LONGEST];
        match self.0.receive_now(&mut room)? {
            None => Ok(None),
            Some(Came::Message(bytes)) => {
                let (address, rest) = bytes.split_first_chunk().ok_or(io::ErrorKind::InvalidData)?;
                let answer = match rest {
                    [NAMED, name @ ..] => Answer::Name(String::from_utf8_lossy(name).into_owned()),
                    [NAMELESS] => Answer::Nameless,
                    [UNKNOWN] => Answer::Unknown,
                    _ => return Err(io::ErrorKind::InvalidData.into()),
                };
                Ok(Some((address_of(*address), answer)))
            }
            Some(Came::TooLong) => Err(io::ErrorKind::InvalidData.into()),
            Some(Came::End) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Waits until an answer has come, this long at most. False: none has.
    #[must_use]
    pub fn wait(&self, most: Duration) -> bool {
        let most = Timespec { tv_sec: most.as_secs() as i64, tv_nsec: most.subsec_nanos().into() };
        poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&most)).is_ok_and(|ready| ready > 0)
    }
}
