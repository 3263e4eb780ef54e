//! The kernel's programs in the real kernel: they are put on a datagram socket, which needs no rights and runs them on what is sent.
//! Nothing there has a tag taken off; those cases are in the model of `filter::kernel`'s own tests.
#![cfg(all(target_os = "linux", feature = "libpcap"))]

use sockeye::filter::{Filter, Program};
use sockeye::model::{Frame, LinkType, Timestamp};
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;

/// Puts a program on a socket, as a capture does.
#[expect(unsafe_code)]
fn attach(socket: &UnixDatagram, program: &Program) -> std::io::Result<()> {
    let mut insns: Vec<libc::sock_filter> = program.instructions().iter().map(|i| (*i).into()).collect();
    let all = libc::sock_fprog { len: u16::try_from(insns.len()).unwrap(), filter: insns.as_mut_ptr() };
    let size = libc::socklen_t::try_from(size_of_val(&all)).unwrap();
    // SAFETY: the descriptor is open, `all` and the instructions it points to outlive the call, the size is that of `all`;
    // the kernel copies them.
    let answer =
        unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, (&raw const all).cast(), size) };
    if answer == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

fn frames() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for port in [22, 80] {
        for tags in [&[][..], &[0x81, 0, 0, 5], &[0x88, 0xa8, 0, 7, 0x81, 0, 0, 5]] {
            let mut bytes = Vec::new();
            let link = etherparse::PacketBuilder::ethernet2([2, 0, 0, 0, 0, 2], [2, 0, 0, 0, 0, 1]);
            link.ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).tcp(4000, port, 1, 1).write(&mut bytes, b"x").unwrap();
            bytes.splice(12..12, tags.iter().copied());
            for length in [bytes.len(), 30, 13, 1] {
                frames.push(bytes[..length].to_vec());
            }
        }
    }
    frames
}

#[test]
fn the_kernel_takes_the_programs_and_lets_through_what_we_want() {
    let mut refused = 0;
    for expression in [
        "tcp port 80",
        "not port 22",
        "vlan 5 and tcp port 80",
        "not vlan",
        "len > 58",
        "vlan or len = 55",
        "ether[12:2] = 0x800",
        "outbound",
        "host 10.0.0.1 and not tcp[13] & 2 != 0",
        "ip[2:2] / 3 % 5 ^ 1 = 2 or -ip[1] << 3 >> 1 = 4",
    ] {
        let mut filter = Filter::expression(expression, false).unwrap();
        let program = filter.kernel_program(LinkType::ETHERNET).unwrap();
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        attach(&theirs, &program).unwrap_or_else(|e| panic!("{expression}: {e}"));
        for bytes in frames() {
            // What the filter turns away is an error for the sender of a local datagram.
            let sent = ours.send(&bytes);
            let mut buffer = [0; 2000];
            let arrived = match theirs.recv(&mut buffer) {
                Ok(length) => {
                    assert_eq!(buffer[..length], bytes[..], "{expression}: nothing is cut");
                    true
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock, "{expression}: {sent:?}");
                    false
                }
            };
            let ts = Timestamp::default();
            let wire_len = u32::try_from(bytes.len()).unwrap();
            let wanted = filter.accepts(&Frame {
                number: 1,
                source: 0,
                interface: 0,
                ts,
                link: LinkType::ETHERNET,
                wire_len,
                bytes: &bytes,
                direction: None,
                options: None,
                marks: sockeye::model::FrameMarks::NONE,
            });
            assert!(arrived || !wanted, "{expression}: the kernel refuses {bytes:x?}");
            refused += u32::from(!arrived);
        }
    }
    assert!(refused > 60, "the kernel refuses next to nothing: {refused}");
}
