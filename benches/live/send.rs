//! Puts packets on a wire: an `AF_PACKET` socket and sendmmsg(2), past the queueing discipline unless asked otherwise (taps on the
//! sending side see only what goes through it). Prints what was sent and how fast.
#![expect(unsafe_code, reason = "packet sockets and sendmmsg(2) have no safe binding")]

use super::traffic::Traffic;
use std::ffi::CString;
use std::io::{Error, ErrorKind};
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::thread;
use std::time::{Duration, Instant};

/// Frames handed over at a time.
const BATCH: usize = 64;

/// How to send.
#[derive(Default)]
pub(crate) struct Pace {
    /// Packets a second; as fast as it goes if not said.
    pub(crate) rate: Option<u64>,
    /// In waves of ten seconds: eight at the rate, one at ten times the rate, one of silence.
    pub(crate) waves: bool,
    /// Through the queueing discipline.
    pub(crate) qdisc: bool,
    /// What the interface does not take is lost, not offered again.
    pub(crate) lossy: bool,
}

impl Pace {
    /// When so many packets should have been sent.
    fn due(&self, sent: u64) -> Option<Duration> {
        const WAVE: u64 = 18;
        let rate = u128::from(self.rate?);
        let at = |packets: u64, rate: u128| u128::from(packets) * 1_000_000_000 / rate;
        let nanos = if self.waves {
            let wave = self.rate? * WAVE;
            let (waves, within) = (sent / wave, sent % wave);
            let slow = within.min(self.rate? * 8);
            u128::from(waves) * 10_000_000_000 + at(slow, rate) + at(within - slow, rate * 10)
        } else {
            at(sent, rate)
        };
        Some(Duration::from_nanos(nanos as u64))
    }
}

/// Sends all packets; prints `sent=… seconds=… rate=… refused=… lost=…`: the times that the interface took nothing, and the packets
/// that were left out for that.
pub(crate) fn send(interface: &str, mut traffic: Traffic, pace: &Pace) -> Result<(), String> {
    let said = |what: &str, error: Error| format!("{interface}: {what}: {error}");
    let socket = open(interface, pace.qdisc).map_err(|error| said("cannot open a packet socket", error))?;
    if pace.rate.is_some() {
        // SAFETY: takes numbers.
        unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1_000_u64) }; // sleeps end when they should
    }
    let mut frames = vec![Vec::new(); BATCH];
    let (mut sent, mut refused, mut lost) = (0_u64, 0_u64, 0_u64);
    let start = Instant::now();
    loop {
        let millis = start.elapsed().as_millis() as u32;
        let mut made = 0;
        while made < BATCH && traffic.next(&mut frames[made], millis) {
            made += 1;
        }
        if made == 0 {
            break;
        }
        let mut from = 0;
        while from < made {
            match hand_over(&socket, &mut frames[from..made]) {
                Ok(count) => from += count,
                Err(error) if is_full(&error) => {
                    refused += 1;
                    // Taken or not, it was its turn.
                    if pace.lossy && error.kind() != ErrorKind::Interrupted {
                        lost += 1;
                        from += 1;
                    } else {
                        thread::yield_now();
                    }
                }
                Err(error) => return Err(said("cannot send", error)),
            }
        }
        sent += made as u64;
        if let Some(early) = pace.due(sent).and_then(|due| due.checked_sub(start.elapsed())) {
            thread::sleep(early);
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("sent={sent} seconds={seconds:.3} rate={:.0} refused={refused} lost={lost}", sent as f64 / seconds);
    Ok(())
}

/// Nothing is taken now: no room, or the link is down.
fn is_full(error: &Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOBUFS | libc::ENETDOWN))
        || matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

fn open(interface: &str, qdisc: bool) -> Result<OwnedFd, Error> {
    let name = CString::new(interface)?;
    // SAFETY: `name` ends with a zero byte and lives.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    if index == 0 {
        return Err(Error::last_os_error());
    }
    // SAFETY: takes numbers.
    let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(Error::last_os_error());
    }
    // SAFETY: just opened, and owned by nobody.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: integers only.
    let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_ifindex = index as i32;
    // SAFETY: the address lives, and its length is given.
    let bound = unsafe { libc::bind(fd, (&raw const address).cast(), size_of_val(&address) as u32) };
    if bound != 0 {
        return Err(Error::last_os_error());
    }
    let bypass = libc::c_int::from(!qdisc);
    // SAFETY: the option is one int, which lives.
    let set = unsafe {
        libc::setsockopt(fd, libc::SOL_PACKET, libc::PACKET_QDISC_BYPASS, (&raw const bypass).cast(), size_of_val(&bypass) as u32)
    };
    if set != 0 {
        return Err(Error::last_os_error());
    }
    Ok(socket)
}

/// One call of sendmmsg(2); gives how many were taken.
fn hand_over(socket: &OwnedFd, frames: &mut [Vec<u8>]) -> Result<usize, Error> {
    let mut parts: [libc::iovec; BATCH] = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; BATCH];
    // SAFETY: integers and null pointers.
    let mut messages: [libc::mmsghdr; BATCH] = unsafe { mem::zeroed() };
    for ((part, message), frame) in parts.iter_mut().zip(&mut messages).zip(frames.iter_mut()) {
        *part = libc::iovec { iov_base: frame.as_mut_ptr().cast(), iov_len: frame.len() };
        message.msg_hdr.msg_iov = part;
        message.msg_hdr.msg_iovlen = 1;
    }
    // SAFETY: as many messages as said, each with one part of a buffer that lives.
    let taken = unsafe { libc::sendmmsg(socket.as_raw_fd(), messages.as_mut_ptr(), frames.len() as u32, 0) };
    usize::try_from(taken).map_err(|_| Error::last_os_error())
}
