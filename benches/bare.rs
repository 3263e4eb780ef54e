//! The yardstick: a file mapped into memory, headers decoded by hand, packets and bytes of each direction counted in a hash table of
//! conversations; nothing else. No reader of captures that tells conversations apart can be much faster.
//!
//! `cargo bench --bench bare -- FILE` prints what it counted, and the nanoseconds a packet of the loop (with the faults of its pages, without
//! the start of the process). Classic pcap of this machine's byte order, Ethernet with up to two tags, IPv4 and IPv6 without
//! extension headers; what is anything else is counted as other.
#![expect(unsafe_code, reason = "mapping a file has no safe binding")]

use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::fs::File;
use std::hash::Hash;
use std::os::fd::AsRawFd;
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let Some(path) = words.first() else {
        println!("usage: bare FILE"); // cargo bench, without words of ours
        return ExitCode::SUCCESS;
    };
    let start = Instant::now();
    let counted = File::open(path).map_err(|error| error.to_string()).and_then(|file| {
        let map = Map::new(&file).map_err(|error| error.to_string())?;
        count(map.bytes())
    });
    match counted {
        Ok(counted) => {
            let nanos = start.elapsed().as_nanos() as f64;
            let Counted { packets, other, conversations, bytes } = counted;
            println!(
                "packets={packets} other={other} conversations={conversations} bytes={bytes} ns_a_packet={:.1}",
                nanos / packets.max(1) as f64
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bare: {path}: {error}");
            ExitCode::from(2)
        }
    }
}

/// A file in memory, to be read.
struct Map {
    start: *mut libc::c_void,
    length: usize,
}

impl Map {
    fn new(file: &File) -> Result<Self, std::io::Error> {
        let length = file.metadata()?.len() as usize;
        // SAFETY: a new mapping at a place of the kernel's choice touches no memory of ours.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), length, libc::PROT_READ, libc::MAP_PRIVATE, file.as_raw_fd(), 0) };
        if start == libc::MAP_FAILED {
            return Err(std::io::Error::last_os_error());
        }
        // SAFETY: the mapping that was just made; advice changes nothing of what it holds.
        unsafe { libc::madvise(start, length, libc::MADV_SEQUENTIAL) };
        Ok(Self { start, length })
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: mapped for reading as long as self lives. The file must not change meanwhile: benchmarks read their own files.
        unsafe { std::slice::from_raw_parts(self.start.cast(), self.length) }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: made in new, and no slice of it outlives self.
        unsafe { libc::munmap(self.start, self.length) };
    }
}

/// Packets and bytes, of the lower end first.
#[derive(Default)]
struct Flow {
    packets: [u64; 2],
    bytes: [u64; 2],
}

#[derive(PartialEq, Eq, Hash)]
struct Key<A> {
    addresses: [A; 2],
    ports: [u16; 2],
    protocol: u8,
}

type Table<A> = HashMap<Key<A>, Flow, RandomState>;

struct Counted {
    packets: u64,
    other: u64,
    conversations: usize,
    bytes: u64,
}

fn count(file: &[u8]) -> Result<Counted, String> {
    if !matches!(file.get(..4).map(word), Some(0xa1b2_c3d4 | 0xa1b2_3c4d)) {
        return Err("not a classic pcap file of this machine's byte order".to_owned());
    }
    let (mut v4, mut v6) = (Table::<u32>::default(), Table::<u128>::default());
    let (mut packets, mut other) = (0, 0);
    let mut rest = &file[24..];
    while let Some((head, after)) = rest.split_at_checked(16) {
        let Some((frame, after)) = after.split_at_checked(word(&head[8..]) as usize) else { break };
        packets += 1;
        other += u64::from(conversation(frame, u64::from(word(&head[12..])), &mut v4, &mut v6).is_none());
        rest = after;
    }
    let sum = |flow: &Flow| flow.bytes[0] + flow.bytes[1];
    let bytes = v4.values().map(sum).sum::<u64>() + v6.values().map(sum).sum::<u64>();
    Ok(Counted { packets, other, conversations: v4.len() + v6.len(), bytes })
}

/// Counts a frame with its conversation, if it is IP.
fn conversation(frame: &[u8], length: u64, v4: &mut Table<u32>, v6: &mut Table<u128>) -> Option<()> {
    let mut at = 12;
    let mut kind = short(frame, at)?;
    while matches!(kind, 0x8100 | 0x88a8) && at < 20 {
        at += 4;
        kind = short(frame, at)?;
    }
    let ip = frame.get(at + 2..)?;
    match kind {
        0x0800 => {
            let header = ip.get(..20)?;
            let addresses = [12, 16].map(|at| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]));
            let ports = ports(header[9], ip.get(usize::from(header[0] & 15) * 4..)?);
            note(v4, addresses, ports, header[9], length);
        }
        0x86dd => {
            let header = ip.get(..40)?;
            let address = |at: usize| header[at..at + 16].try_into().map(u128::from_be_bytes).ok();
            note(v6, [address(8)?, address(24)?], ports(header[6], &ip[40..]), header[6], length);
        }
        _ => return None,
    }
    Some(())
}

fn ports(protocol: u8, transport: &[u8]) -> [u16; 2] {
    match (protocol, short(transport, 0), short(transport, 2)) {
        (6 | 17, Some(from), Some(dest)) => [from, dest],
        _ => [0, 0],
    }
}

fn note<A: Ord + Hash + Copy>(table: &mut Table<A>, addresses: [A; 2], ports: [u16; 2], protocol: u8, length: u64) {
    let turned = (addresses[0], ports[0]) > (addresses[1], ports[1]);
    let key = if turned {
        Key { addresses: [addresses[1], addresses[0]], ports: [ports[1], ports[0]], protocol }
    } else {
        Key { addresses, ports, protocol }
    };
    let flow = table.entry(key).or_default();
    flow.packets[usize::from(turned)] += 1;
    flow.bytes[usize::from(turned)] += length;
}

fn word(bytes: &[u8]) -> u32 {
    u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}
