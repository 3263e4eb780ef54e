//! Names of addresses, asked for and answered whenever they come: neither side waits for the other. The channel itself is the
//! queue. Question: 16 bytes of address. Answer: the same, then the name; none when there is no name.

use super::channel::{Came, Channel, Room};
use super::protocol::LONGEST;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Finds the name of an address; may take seconds.
pub type Lookup = fn(IpAddr) -> Option<String>;

/// Lookups at once: one that waits for a slow server holds up no other.
const AT_ONCE: usize = 4;
/// Longest name in bytes (RFC 1035, 2.3.4: 255 octets).
const LONGEST_NAME: usize = 255;

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

/// Answers in threads of their own until the other end is gone.
pub(super) fn serve(channel: Channel, lookup: Lookup) {
    let channel = Arc::new(channel);
    for _ in 0..AT_ONCE {
        let channel = Arc::clone(&channel);
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
        let name = lookup(address_of(bytes)).filter(|name| name.len() <= LONGEST_NAME).unwrap_or_default();
        if channel.send(&[&bytes, name.as_bytes()].concat()).is_err() {
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

    /// An answer that has come, without waiting: the address and its name, if it has one.
    ///
    /// # Errors
    /// When the helper is gone: no answer comes any more.
    pub fn answer(&self) -> io::Result<Option<(IpAddr, Option<String>)>> {
        let mut room: Room = [0; LONGEST];
        match self.0.receive_now(&mut room)? {
            None => Ok(None),
            Some(Came::Message(bytes)) => {
                let (address, name) = bytes.split_first_chunk().ok_or(io::ErrorKind::InvalidData)?;
                let name = (!name.is_empty()).then(|| String::from_utf8_lossy(name).into_owned());
                Ok(Some((address_of(*address), name)))
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
