//! Puts packets on a wire: an `AF_PACKET` socket and sendmmsg(2), past the queueing discipline unless asked otherwise (taps on the
//! sending side see only what goes through it). Prints what was sent and how fast.
#![expect(unsafe_code, reason = "packet sockets and sendmmsg(2) have no safe binding")]

use super::traffic::{LARGEST, Traffic};
use std::ffi::CString;
use std::io::{Error, ErrorKind};
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::thread;
use std::time::{Duration, Instant};

/// Frames handed over at a time.
const BATCH: usize = 64;

/// Sends all packets; prints `sent=… seconds=… rate=… refused=…`, the last the times that the interface had no room.
pub(crate) fn send(interface: &str, mut traffic: Traffic, rate: Option<u64>, qdisc: bool) -> Result<(), String> {
    let said = |what: &str, error: Error| format!("{interface}: {what}: {error}");
    let socket = open(interface, qdisc).map_err(|error| said("cannot open a packet socket", error))?;
    if rate.is_some() {
        // SAFETY: takes numbers.
        unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1_000_u64) }; // sleeps end when they should
    }
    let mut buffers = vec![[0_u8; LARGEST as usize]; BATCH];
    let mut lengths = [0; BATCH];
    let (mut sent, mut refused) = (0_u64, 0_u64);
    let start = Instant::now();
    loop {
        let millis = start.elapsed().as_millis() as u32;
        let mut made = 0;
        while made < BATCH {
            lengths[made] = traffic.next(&mut buffers[made], millis);
            if lengths[made] == 0 {
                break;
            }
            made += 1;
        }
        if made == 0 {
            break;
        }
        let mut from = 0;
        while from < made {
            match hand_over(&socket, &mut buffers[from..made], &lengths[from..made]) {
                Ok(count) => from += count,
                Err(error) if is_full(&error) => {
                    refused += 1;
                    thread::yield_now();
                }
                // The soak takes the link down now and then: what cannot be sent is not sent.
                Err(error) if error.raw_os_error() == Some(libc::ENETDOWN) || error.raw_os_error() == Some(libc::ENXIO) => {
                    return Err(said(&format!("cannot send after {} frames", sent + from as u64), error));
                }
                Err(error) => return Err(said("cannot send", error)),
            }
        }
        sent += made as u64;
        if let Some(rate) = rate {
            let due = Duration::from_nanos((u128::from(sent) * 1_000_000_000 / u128::from(rate)) as u64);
            if let Some(early) = due.checked_sub(start.elapsed()) {
                thread::sleep(early);
            }
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("sent={sent} seconds={seconds:.3} rate={:.0} refused={refused}", sent as f64 / seconds);
    Ok(())
}

fn is_full(error: &Error) -> bool {
    error.raw_os_error() == Some(libc::ENOBUFS) || matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
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
fn hand_over(socket: &OwnedFd, buffers: &mut [[u8; LARGEST as usize]], lengths: &[usize]) -> Result<usize, Error> {
    let mut parts: [libc::iovec; BATCH] = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; BATCH];
    // SAFETY: integers and null pointers.
    let mut messages: [libc::mmsghdr; BATCH] = unsafe { mem::zeroed() };
    for (((part, message), buffer), length) in parts.iter_mut().zip(&mut messages).zip(buffers.iter_mut()).zip(lengths) {
        *part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: *length };
        message.msg_hdr.msg_iov = part;
        message.msg_hdr.msg_iovlen = 1;
    }
    // SAFETY: as many messages as said, each with one part of a buffer that lives.
    let taken = unsafe { libc::sendmmsg(socket.as_raw_fd(), messages.as_mut_ptr(), lengths.len() as u32, 0) };
    usize::try_from(taken).map_err(|_| Error::last_os_error())
}
