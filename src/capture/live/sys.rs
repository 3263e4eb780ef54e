//! System calls for live capture that the standard library does not have. Every `unsafe` of live capture is here,
//! behind functions that are safe to call.
//!
//! Sources: packet(7), socket(7), netdevice(7), recvmmsg(2), cmsg(3).
#![expect(unsafe_code, reason = "system calls without a safe binding; each with its SAFETY note")]

use super::finish::{Address, Received, marks_of, tag_of};
use crate::filter::insn::{Insn, code};
use crate::model::Timestamp;
use libc::{c_int, c_void, sockaddr_ll, socklen_t};
use std::io;
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// What an interface is, by the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::capture) struct Device {
    /// Interface index.
    pub(super) index: u32,
    /// `IFF_*` flags.
    pub(super) flags: u32,
    /// `ARPHRD_*` hardware type.
    pub(super) hardware: u16,
}

impl Device {
    /// Is it administratively up?
    pub(super) const fn is_up(self) -> bool {
        self.flags & libc::IFF_UP as u32 != 0
    }

    /// Is it the loopback interface?
    pub(super) const fn is_loopback(self) -> bool {
        self.flags & libc::IFF_LOOPBACK as u32 != 0
    }
}

/// The state of an interface that is being captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinkState {
    Up,
    Down,
    Gone,
}

fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// A packet socket that receives nothing until [`bind`]: its protocol is 0. Not blocking.
pub(super) fn packet_socket() -> io::Result<OwnedFd> {
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: socket(2) takes no pointers; a descriptor it returns is open and ours alone.
    let fd = unsafe { libc::socket(libc::AF_PACKET, kind, 0) };
    check(fd)?;
    // SAFETY: see above.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A socket for asking about interfaces: needs no rights.
fn query_socket() -> io::Result<OwnedFd> {
    // SAFETY: as in `packet_socket`.
    let fd = unsafe { libc::socket(libc::AF_UNIX, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    check(fd)?;
    // SAFETY: see above.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Keeps a descriptor from programs that this one starts. Our own sockets are born so, libpcap's are not.
#[cfg(feature = "libpcap")]
pub(super) fn close_on_exec(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: fcntl(2) with F_SETFD takes a number and changes only the descriptor's flag.
    check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) }).map(drop)
}

/// What libpcap says of itself.
#[cfg(feature = "libpcap")]
pub(super) fn libpcap_version() -> String {
    unsafe extern "C" {
        fn pcap_lib_version() -> *const libc::c_char;
    }
    // SAFETY: the function (pcap_lib_version(3PCAP)) takes nothing and gives a text that ends with a zero and lives as long as the
    // program.
    let text = unsafe { std::ffi::CStr::from_ptr(pcap_lib_version()) };
    text.to_string_lossy().into_owned()
}

/// Sets a socket option to a plain value. `T` is the very C type the option takes.
pub(in crate::capture) fn set_option<T>(fd: BorrowedFd<'_>, level: c_int, name: c_int, value: &T) -> io::Result<()> {
    // SAFETY: the kernel reads `size_of::<T>()` bytes from a live reference and keeps nothing of them; the callers give
    // the type that the option is documented to take.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            name,
            std::ptr::from_ref(value).cast::<c_void>(),
            mem::size_of::<T>() as socklen_t,
        )
    };
    check(result).map(drop)
}

/// Reads a socket option into a plain value. `T` is a C type for which every bit pattern is valid.
pub(in crate::capture) fn get_option<T>(fd: BorrowedFd<'_>, level: c_int, name: c_int) -> io::Result<T> {
    let mut value = MaybeUninit::<T>::zeroed();
    let mut length = mem::size_of::<T>() as socklen_t;
    // SAFETY: the kernel writes at most `length` bytes to memory that is that long.
    let result = unsafe { libc::getsockopt(fd.as_raw_fd(), level, name, value.as_mut_ptr().cast::<c_void>(), &raw mut length) };
    check(result)?;
    // SAFETY: zeroed before, and the callers use integers and structs of integers only.
    Ok(unsafe { value.assume_init() })
}

/// Asks for VLAN tags and true lengths beside each frame (`PACKET_AUXDATA`).
pub(super) fn want_auxiliary_data(fd: BorrowedFd<'_>) -> io::Result<()> {
    set_option::<c_int>(fd, libc::SOL_PACKET, libc::PACKET_AUXDATA, &1)
}

/// Asks for the kernel's receive time in nanoseconds beside each frame (`SO_TIMESTAMPNS`).
pub(super) fn want_timestamps(fd: BorrowedFd<'_>) -> io::Result<()> {
    set_option::<c_int>(fd, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, &1)
}

/// Makes the receive buffer `bytes` large, beyond the system's limit where we may. Returns what the kernel gave.
pub(super) fn set_receive_buffer(fd: BorrowedFd<'_>, bytes: usize) -> io::Result<usize> {
    // The kernel doubles the number for its own bookkeeping (socket(7)) and reports the double.
    let asked = c_int::try_from(bytes / 2).unwrap_or(c_int::MAX / 2);
    if set_option::<c_int>(fd, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &asked).is_err() {
        set_option::<c_int>(fd, libc::SOL_SOCKET, libc::SO_RCVBUF, &asked)?;
    }
    let given = get_option::<c_int>(fd, libc::SOL_SOCKET, libc::SO_RCVBUF)?;
    Ok(usize::try_from(given).unwrap_or(0))
}

/// Puts the interface into promiscuous mode for as long as the socket lives.
pub(super) fn join_promiscuous(fd: BorrowedFd<'_>, index: u32) -> io::Result<()> {
    let request =
        libc::packet_mreq { mr_ifindex: index as c_int, mr_type: libc::PACKET_MR_PROMISC as u16, mr_alen: 0, mr_address: [0; 8] };
    set_option(fd, libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &request)
}

/// Gives the kernel a filter program; frames it refuses are neither queued nor counted.
pub(super) fn attach_filter(fd: BorrowedFd<'_>, program: &[Insn]) -> io::Result<()> {
    let len = u16::try_from(program.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    // `Insn` has the layout of `sock_filter`; the kernel only reads through the pointer.
    const { assert!(mem::size_of::<Insn>() == mem::size_of::<libc::sock_filter>()) };
    let program = libc::sock_fprog { len, filter: program.as_ptr().cast_mut().cast::<libc::sock_filter>() };
    set_option(fd, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
}

/// Lets no frame come by the filter any more; those that did stay.
pub(super) fn refuse_all(fd: BorrowedFd<'_>) -> io::Result<()> {
    attach_filter(fd, &[Insn::stmt(code::RET, 0)])
}

/// Keeps the filter in place for as long as the socket lives (`SO_LOCK_FILTER`).
pub(super) fn lock_filter(fd: BorrowedFd<'_>) -> io::Result<()> {
    set_option::<c_int>(fd, libc::SOL_SOCKET, libc::SO_LOCK_FILTER, &1)
}

/// Starts receiving every protocol of an interface; index 0 is all interfaces.
pub(super) fn bind(fd: BorrowedFd<'_>, index: u32) -> io::Result<()> {
    let mut address = no_address();
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
    address.sll_ifindex = index as c_int;
    // SAFETY: the kernel reads one `sockaddr_ll` from a live local.
    let result = unsafe {
        libc::bind(fd.as_raw_fd(), (&raw const address).cast::<libc::sockaddr>(), mem::size_of::<sockaddr_ll>() as socklen_t)
    };
    check(result)?;
    // Binding to an interface that is down succeeds and leaves an error behind.
    match take_error(fd)? {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// The socket's pending error (0 = none), which is cleared by reading.
pub(super) fn take_error(fd: BorrowedFd<'_>) -> io::Result<c_int> {
    get_option::<c_int>(fd, libc::SOL_SOCKET, libc::SO_ERROR)
}

/// What a packet socket counted since the last call: `tp_packets` came by the filter, `tp_drops` of those found no room, and
/// `tp_freeze_q_cnt` times a ring stood still (0 for sockets without a `TPACKET_V3` ring, which count no freezes).
pub(super) fn take_statistics(fd: BorrowedFd<'_>) -> io::Result<libc::tpacket_stats_v3> {
    // Without such a ring the kernel writes the first two numbers only; the third stays 0.
    get_option::<libc::tpacket_stats_v3>(fd, libc::SOL_PACKET, libc::PACKET_STATISTICS)
}

/// Waits until a descriptor has something, `timeout_ms` passed, or a signal came (then 0).
pub(super) fn wait(descriptors: &mut [libc::pollfd], timeout_ms: c_int) -> io::Result<usize> {
    // SAFETY: pointer and count describe one live slice.
    let result = unsafe { libc::poll(descriptors.as_mut_ptr(), descriptors.len() as libc::nfds_t, timeout_ms) };
    match check(result) {
        Ok(ready) => Ok(ready as usize),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => {
            for descriptor in descriptors {
                descriptor.revents = 0;
            }
            Ok(0)
        }
        Err(error) => Err(error),
    }
}

fn no_request() -> libc::ifreq {
    // SAFETY: `ifreq` is integers and unions of integers and pointers that nothing follows here; zero is valid.
    unsafe { mem::zeroed() }
}

/// Names the interface that a request is about. A longer name than interfaces have is cut, so that it is none's.
fn write_name(about: &mut libc::ifreq, name: &str) {
    let room = about.ifr_name.len() - 1;
    for (to, from) in about.ifr_name.iter_mut().zip(name.bytes().take(room)) {
        *to = from as libc::c_char;
    }
}

fn ask(fd: BorrowedFd<'_>, request: libc::Ioctl, about: &mut libc::ifreq) -> io::Result<()> {
    // SAFETY: the interface ioctls of netdevice(7) read and write one `ifreq`, which is live and exclusive.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), request, std::ptr::from_mut(about)) }).map(drop)
}

/// Looks an interface up by name, in the network namespace of this thread. `None` = there is none.
pub(super) fn device(name: &str) -> io::Result<Option<Device>> {
    let mut about = no_request();
    if name.is_empty() || name.len() >= about.ifr_name.len() || name.contains('\0') {
        return Ok(None);
    }
    write_name(&mut about, name);
    let socket = query_socket()?;
    let fd = socket.as_fd();
    match ask(fd, libc::SIOCGIFINDEX, &mut about) {
        Err(error) if error.raw_os_error() == Some(libc::ENODEV) => return Ok(None),
        other => other?,
    }
    // SAFETY: SIOCGIFINDEX wrote this member of the union.
    let index = unsafe { about.ifr_ifru.ifru_ifindex } as u32;
    ask(fd, libc::SIOCGIFFLAGS, &mut about)?;
    // SAFETY: SIOCGIFFLAGS wrote this member.
    let flags = u32::from(unsafe { about.ifr_ifru.ifru_flags } as u16);
    ask(fd, libc::SIOCGIFHWADDR, &mut about)?;
    // SAFETY: SIOCGIFHWADDR wrote this member.
    let hardware = unsafe { about.ifr_ifru.ifru_hwaddr.sa_family };
    Ok(Some(Device { index, flags, hardware }))
}

/// The state of the interface with this index, in the namespace the socket was opened in, whatever its name is by now.
pub(super) fn link_state(fd: BorrowedFd<'_>, index: u32) -> LinkState {
    let mut about = no_request();
    about.ifr_ifru.ifru_ifindex = index as c_int;
    if ask(fd, libc::SIOCGIFNAME, &mut about).is_err() || ask(fd, libc::SIOCGIFFLAGS, &mut about).is_err() {
        return LinkState::Gone;
    }
    // SAFETY: SIOCGIFFLAGS wrote this member.
    let flags = unsafe { about.ifr_ifru.ifru_flags };
    if c_int::from(flags) & libc::IFF_UP == 0 { LinkState::Down } else { LinkState::Up }
}

/// `struct ethtool_ts_info` of `linux/ethtool.h`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct StampingInfo {
    command: u32,
    so_timestamping: u32,
    clock: i32,
    sent: u32,
    sent_reserved: [u32; 3],
    received: u32,
    received_reserved: [u32; 3],
}

/// `ETHTOOL_GET_TS_INFO` of `linux/ethtool.h`.
const ETHTOOL_GET_TS_INFO: u32 = 0x41;
/// `SIOCETHTOOL` of `linux/sockios.h`.
const SIOCETHTOOL: libc::Ioctl = 0x8946;

/// Which time stamps a driver offers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stamping {
    /// `SOF_TIMESTAMPING_*` bits.
    pub(super) sources: u32,
    /// Bits `1 << HWTSTAMP_FILTER_*`: which received frames it can stamp.
    pub(super) filters: u32,
}

/// An ioctl about an interface by name, with a struct for the driver to read and fill.
fn ask_driver<T>(name: &str, request: libc::Ioctl, data: &mut T) -> io::Result<()> {
    let mut about = no_request();
    write_name(&mut about, name);
    about.ifr_ifru.ifru_data = std::ptr::from_mut(data).cast::<libc::c_char>();
    // The kernel reads and writes one `T` through the pointer, which is live and exclusive until `ask` is over; the callers in
    // this file give the type that the request is documented to take.
    ask(query_socket()?.as_fd(), request, &mut about)
}

/// An ethtool command about an interface, in words of 32 bits that are answered in place. There must be room for all that the
/// command may answer.
pub(in crate::capture) fn ask_ethtool<const N: usize>(name: &str, words: &mut [u32; N]) -> io::Result<()> {
    ask_driver(name, SIOCETHTOOL, words)
}

/// Asks the driver of an interface which time stamps it offers; none where it does not say.
pub(super) fn stamping(name: &str) -> io::Result<Stamping> {
    let mut info = StampingInfo { command: ETHTOOL_GET_TS_INFO, ..StampingInfo::default() };
    match ask_driver(name, SIOCETHTOOL, &mut info) {
        Ok(()) => Ok(Stamping { sources: info.so_timestamping, filters: info.received }),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EINVAL)) => Ok(Stamping::default()),
        Err(error) => Err(error),
    }
}

/// Has the card of an interface stamp every received frame, unless it does so already. It goes on after the capture.
pub(super) fn stamp_in_hardware(name: &str) -> io::Result<()> {
    let every = libc::HWTSTAMP_FILTER_ALL as c_int;
    let mut config = libc::hwtstamp_config { flags: 0, tx_type: libc::HWTSTAMP_TX_OFF as c_int, rx_filter: 0 };
    // Whoever has sent frames stamped goes on to have them.
    if ask_driver(name, libc::SIOCGHWTSTAMP as libc::Ioctl, &mut config).is_ok() && config.rx_filter == every {
        return Ok(());
    }
    config.rx_filter = every;
    ask_driver(name, libc::SIOCSHWTSTAMP as libc::Ioctl, &mut config)
}

/// Has the frames of a ring stamped by this source (`SOF_TIMESTAMPING_*`), where it stamps them at all (`PACKET_TIMESTAMP`).
pub(super) fn stamp_by(fd: BorrowedFd<'_>, source: u32) -> io::Result<()> {
    set_option::<u32>(fd, libc::SOL_PACKET, libc::PACKET_TIMESTAMP, &source)
}

/// Most frames of one [`Receiver::receive`].
pub(super) const BURST: usize = 32;

/// Room for a timestamp (32 bytes with its header) and the auxiliary data (40).
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; 128]);

/// C's seconds and nanoseconds as a timestamp.
#[allow(clippy::useless_conversion, reason = "32 bits wide on some systems")]
pub(super) fn moment(seconds: libc::time_t, nanos: libc::c_long) -> Timestamp {
    Timestamp::from_parts(i64::from(seconds), i64::from(nanos))
}

/// Receives bursts of frames from a packet socket, with their times, tags and lengths.
pub(super) struct Receiver {
    addresses: Box<[sockaddr_ll; BURST]>,
    controls: Box<[Control; BURST]>,
    received: Vec<Received>,
}

impl Receiver {
    pub(super) fn new() -> Self {
        Self {
            addresses: Box::new([no_address(); BURST]),
            controls: Box::new([Control([0; 128]); BURST]),
            received: Vec::with_capacity(BURST),
        }
    }

    /// Takes what is there, up to [`BURST`] frames, without waiting. Frame `i` goes to `bytes[i * slot + room ..
    /// (i + 1) * slot]`; `bytes` must hold [`BURST`] slots, or fewer frames are asked for.
    pub(super) fn receive(&mut self, fd: BorrowedFd<'_>, bytes: &mut [u8], slot: usize, room: usize) -> io::Result<&[Received]> {
        self.received.clear();
        let mut vectors = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; BURST];
        // SAFETY: `mmsghdr` is integers and pointers; zero is a valid, empty one.
        let mut messages: [libc::mmsghdr; BURST] = unsafe { mem::zeroed() };
        let mut count = 0;
        for (i, chunk) in bytes.chunks_exact_mut(slot).take(BURST).enumerate() {
            let Some(chunk) = chunk.get_mut(room..) else { break };
            vectors[i] = libc::iovec { iov_base: chunk.as_mut_ptr().cast::<c_void>(), iov_len: chunk.len() };
            let header = &mut messages[i].msg_hdr;
            header.msg_name = (&raw mut self.addresses[i]).cast::<c_void>();
            header.msg_namelen = mem::size_of::<sockaddr_ll>() as socklen_t;
            header.msg_iov = &raw mut vectors[i];
            header.msg_iovlen = 1;
            header.msg_control = (&raw mut self.controls[i]).cast::<c_void>();
            header.msg_controllen = mem::size_of::<Control>() as _;
            count += 1;
        }
        // SAFETY: each of the `count` headers points at live, distinct memory of the lengths written beside the
        // pointers: a chunk of `bytes`, an address, a control buffer; none is touched until the call is over.
        let result = unsafe {
            libc::recvmmsg(
                fd.as_raw_fd(),
                messages.as_mut_ptr(),
                count,
                (libc::MSG_DONTWAIT | libc::MSG_TRUNC) as _,
                std::ptr::null_mut(),
            )
        };
        let got = match check(result) {
            Ok(got) => got as usize,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => 0,
            Err(error) => return Err(error),
        };
        for (i, message) in messages.iter().enumerate().take(got) {
            self.received.push(beside(message, vectors[i].iov_len, self.addresses[i]));
        }
        Ok(&self.received)
    }
}

/// Reads the control messages of a received frame.
fn beside(message: &libc::mmsghdr, capacity: usize, address: sockaddr_ll) -> Received {
    let full = message.msg_len;
    let mut received = Received {
        stored: capacity.min(full as usize),
        length: full,
        address: Address {
            protocol: u16::from_be(address.sll_protocol),
            interface: address.sll_ifindex as u32,
            hardware: address.sll_hatype,
            packet_type: address.sll_pkttype,
            length: address.sll_halen,
            bytes: address.sll_addr,
        },
        ..Received::default()
    };
    let header = &raw const message.msg_hdr;
    // SAFETY: the kernel filled `msg_control` up to `msg_controllen` with whole control messages, and the CMSG macros
    // stay within it.
    let mut control = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !control.is_null() {
        // SAFETY: not null, so it points at a whole header inside the control buffer.
        let (level, kind, data) = unsafe { ((*control).cmsg_level, (*control).cmsg_type, libc::CMSG_DATA(control).cast_const()) };
        match (level, kind) {
            (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => {
                // SAFETY: the kernel put a `timespec` here (socket(7)); it may lie unaligned.
                let time = unsafe { data.cast::<libc::timespec>().read_unaligned() };
                received.ts = moment(time.tv_sec, time.tv_nsec);
            }
            (libc::SOL_PACKET, libc::PACKET_AUXDATA) => {
                // SAFETY: the kernel put a `tpacket_auxdata` here (packet(7)); it may lie unaligned.
                let aux = unsafe { data.cast::<libc::tpacket_auxdata>().read_unaligned() };
                received.length = aux.tp_len;
                received.network = aux.tp_net;
                received.tag = tag_of(aux.tp_status, aux.tp_vlan_tpid, aux.tp_vlan_tci);
                received.marks = marks_of(aux.tp_status);
            }
            _ => {}
        }
        // SAFETY: as for CMSG_FIRSTHDR.
        control = unsafe { libc::CMSG_NXTHDR(header, control) };
    }
    received
}

const fn no_address() -> sockaddr_ll {
    sockaddr_ll { sll_family: 0, sll_protocol: 0, sll_ifindex: 0, sll_hatype: 0, sll_pkttype: 0, sll_halen: 0, sll_addr: [0; 8] }
}
