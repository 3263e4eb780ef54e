//! Saved captures followed in several threads: every output of conversations is byte for byte that of one thread.

#![cfg(unix)]

#[path = "support/program.rs"]
mod program;
#[path = "support/rng.rs"]
mod rng;

use program::{Ran, run, run_for, sockeye, wait};
use rng::Rng;
use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

fn captures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let entries = fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path());
    let mut found: Vec<_> = entries.filter(|path| path.to_string_lossy().contains(".pcap")).collect();
    found.sort();
    assert!(found.len() > 30, "the captures were not found");
    found
}

fn command(line: &str, files: &[&Path], threads: u32) -> Command {
    let mut command = sockeye();
    command.args(line.split_whitespace());
    for file in files {
        command.arg("-r").arg(file);
    }
    command.args(["--threads", &threads.to_string()]);
    command
}

/// What several threads say is what one says.
#[track_caller]
fn same(line: &str, files: &[&Path], threads: &[u32]) -> Ran {
    let one = run(&mut command(line, files, 1));
    for &threads in threads {
        let several = run(&mut command(line, files, threads));
        let differs = one.stdout.lines().zip(several.stdout.lines()).find(|(a, b)| a != b);
        assert_eq!(differs, None, "{line} of {files:?} in {threads} threads");
        assert_eq!(one.stdout.len(), several.stdout.len(), "{line} of {files:?} in {threads} threads");
        assert_eq!((&one.stderr, one.code()), (&several.stderr, several.code()), "{line} of {files:?} in {threads} threads");
    }
    one
}

#[test]
fn records_of_every_capture_are_those_of_one_thread() {
    for file in captures() {
        same("flows --format jsonl", &[&file], &[2, 3]);
    }
}

#[test]
fn tables_of_every_capture_are_those_of_one_thread() {
    for file in captures() {
        for line in ["summary --all", "handshakes -v", "flows -v --checksums verify"] {
            same(line, &[&file], &[3]);
        }
    }
}

#[test]
fn interfaces_that_come_later_are_told_where_they_come() {
    // Sections one behind the other are one file (pcapng, section 4.1).
    let tour = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/tour.pcapng")).expect("a capture");
    let folder = tempfile::tempdir().expect("a folder");
    for sections in [2, 40] {
        let file = folder.path().join("sections.pcapng");
        fs::write(&file, tour.repeat(sections)).expect("written");
        let one = same("flows --format jsonl", &[&file], &[2, 5]);
        let told = one.stdout.lines().filter(|line| line.contains(r#""type":"capture""#)).count();
        assert!(told >= sections, "{told} records of {sections} sections");
    }
    // And of a file without packets.
    let none = folder.path().join("none.pcapng");
    fs::write(&none, &tour[..tour.len().min(400)]).expect("written");
    same("flows --format jsonl", &[&none], &[2]);
}

#[test]
fn several_files_in_time_order_are_those_of_one_thread() {
    let captures = captures();
    let files: Vec<&Path> = captures.iter().map(PathBuf::as_path).filter(|path| !path.ends_with("unknown-link.pcap")).collect();
    for files in files.chunks(7) {
        same("flows --format csv", files, &[2, 5]);
    }
}

const HOSTS: u64 = 24;

fn below(rng: &mut Rng, bound: u64) -> u64 {
    rng.next() % bound
}

/// Wrong checksums: one in so many; 0: none.
struct Mix {
    wrong: u64,
    /// Largest of the usual steps of time, ns.
    step: u64,
    /// Errors of ICMP are among them.
    errors: bool,
}

/// A capture of packets that hardly make sense together: few hosts and ports, any flags, numbers close to each other, errors that
/// quote any of it, fragments in any order, tunnels, ties and leaps of time.
fn made(mix: &Mix, packets: u64, seed: u64) -> Vec<u8> {
    let mut rng = Rng::new(seed, 0);
    let mut file: Vec<u8> = [0xa1b2_3c4d_u32, 4 << 16 | 2, 0, 0, 65_535, 1].iter().flat_map(|word| word.to_le_bytes()).collect();
    let mut now = 1_700_000_000_000_000_000_u64;
    for _ in 0..packets {
        now += match below(&mut rng, 600) {
            0 => 50_000_000_000,
            1 => 400_000_000_000,
            2 => 4_000_000_000_000,
            n if n % 3 == 0 => 0,
            _ => below(&mut rng, mix.step),
        };
        // Now and then a packet of another time.
        let ts = match below(&mut rng, 200) {
            0 => now + 10_000_000_000_000,
            1 => now - 3_000_000_000,
            _ => now,
        };
        let frame = frame(&mut rng, mix);
        for word in [(ts / 1_000_000_000) as u32, (ts % 1_000_000_000) as u32, frame.len() as u32, frame.len() as u32] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
    }
    file
}

fn frame(rng: &mut Rng, mix: &Mix) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    if below(rng, 20) == 0 {
        frame.extend([0x81, 0, 0, 7]);
    }
    if below(rng, 50) == 0 {
        frame.extend([0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1]);
        frame.extend([0; 20]);
        return frame;
    }
    frame.extend([0x08, 0x00]);
    let inner = datagram(rng, mix);
    let whole = match below(rng, 40) {
        0 => ip(rng, 4, &inner, None), // IP in IP
        1 => {
            let mut vxlan = vec![8, 0, 0, 0, 0, 0, 5, 0, 2, 0, 0, 0, 0, 3, 2, 0, 0, 0, 0, 4, 8, 0];
            vxlan.extend(inner);
            let udp = udp(below(rng, 1000) as u16 + 40_000, 4789, &vxlan);
            ip(rng, 17, &udp, None)
        }
        _ => inner,
    };
    frame.extend(whole);
    frame
}

fn datagram(rng: &mut Rng, mix: &Mix) -> Vec<u8> {
    let ports = [40_000 + below(rng, 5) as u16, [80, 443, 53][below(rng, 3) as usize]];
    let [from, to] = if below(rng, 2) == 0 { ports } else { [ports[1], ports[0]] };
    match below(rng, 20) {
        0..11 => {
            let flags = [0x02, 0x12, 0x10, 0x18, 0x18, 0x10, 0x11, 0x04][below(rng, 8) as usize];
            let numbers = [1000 + below(rng, 8) as u32 * 100, 1000 + below(rng, 8) as u32 * 100];
            let mut tcp = [from.to_be_bytes(), to.to_be_bytes()].concat();
            tcp.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
            tcp.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
            if flags & 8 != 0 {
                tcp.extend(std::iter::repeat_n(b'x', 100));
            }
            ip(rng, 6, &tcp, Some((16, mix)))
        }
        11..15 => {
            let udp = udp(from, to, b"a question");
            ip(rng, 17, &udp, Some((6, mix)))
        }
        15 | 16 if mix.errors => {
            // Destination unreachable, about any of these.
            let mut icmp = vec![3, below(rng, 4) as u8, 0, 0, 0, 0, 0, 0];
            let mut quoted = datagram(rng, mix);
            quoted.truncate(28);
            icmp.extend(quoted);
            ip(rng, 1, &icmp, Some((2, mix)))
        }
        17 => {
            let data = [below(rng, 2) as u8 * 8, 0, 0, 0, 0, 1, 0, 1];
            ip(rng, 1, &data, Some((2, mix)))
        }
        18 => {
            // One of three pieces of a datagram of UDP.
            let whole = udp(from, to, &[b'y'; 40]);
            let at = below(rng, 3) as usize;
            let mut piece = ip(rng, 17, &whole[at * 16..(at * 16 + 16).min(whole.len())], None);
            piece[4..6].copy_from_slice(&[0, below(rng, 6) as u8]);
            let field = ((u16::from(at < 2) << 13) | (at as u16 * 2)).to_be_bytes();
            piece[6..8].copy_from_slice(&field);
            piece
        }
        _ => ip(rng, 89, &[2, 1, 0, 44], None),
    }
}

fn udp(from: u16, to: u16, data: &[u8]) -> Vec<u8> {
    let length = 8 + data.len() as u16;
    let header = [from, to, length, 0].map(u16::to_be_bytes).concat();
    [&header, data].concat()
}

/// In an IPv4 datagram between two of the hosts. `checksum`: where it is to be put.
fn ip(rng: &mut Rng, protocol: u8, data: &[u8], checksum: Option<(usize, &Mix)>) -> Vec<u8> {
    let (a, b) = (below(rng, HOSTS) as u8, below(rng, HOSTS) as u8);
    let mut out = vec![0x45, 0];
    out.extend((20 + data.len() as u16).to_be_bytes());
    out.extend([0, 1, 0, 0, 64, protocol, 0, 0, 10, 0, 0, a, 10, 0, 0, b]);
    let mut data = data.to_vec();
    if let Some((at, mix)) = checksum {
        let pseudo = [&out[12..20], &[0, protocol], &(data.len() as u16).to_be_bytes()].concat();
        let pseudo = if protocol == 1 { &[][..] } else { &pseudo };
        let mut sum = !ones(&[pseudo, &data].concat());
        if mix.wrong > 0 && below(rng, mix.wrong) == 0 {
            sum ^= 0x1234;
        }
        data[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    }
    out.extend(data);
    out
}

fn ones(bytes: &[u8]) -> u16 {
    let word = |pair: &[u8]| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |&low| u32::from(low));
    let sum: u32 = bytes.chunks(2).map(word).sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    ((sum & 0xffff) + (sum >> 16)) as u16
}

#[test]
fn what_hardly_makes_sense_is_told_as_by_one_thread() {
    let folder = tempfile::tempdir().expect("a folder");
    for (seed, wrong, step) in [(1, 0, 2_000_000), (2, 100, 20_000_000), (3, 5, 2_000_000), (4, 2, 500)] {
        let path = folder.path().join(format!("{seed}.pcap"));
        fs::write(&path, made(&Mix { wrong, step, errors: true }, 6000, seed)).expect("written");
        for line in ["flows --format jsonl", "handshakes --format csv", "summary --all"] {
            let one = same(line, &[&path], &[2, 3, 7]);
            assert!(one.stdout.lines().count() > 10 || line.starts_with("summary"), "{line}: {}", one.stdout);
        }
    }
    let path = folder.path().join("1.pcap");
    for line in [
        "flows --format csv -c 777",
        "flows --format csv --packets 100-3000,4000-",
        "flows --format csv --from 2023-11-14T22:30:00Z",
        "flows --format csv -f udp",
        "summary -f tcp",
    ] {
        same(line, &[&path], &[2, 3]);
    }
}

#[test]
fn too_many_flows_are_bounded_and_every_packet_is_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("many.pcap");
    fs::write(&path, made(&Mix { wrong: 0, step: 1000, errors: false }, 20_000, 5)).expect("written");
    let packets = |threads: u32| {
        let ran = run(&mut command(
            "flows --format csv --fields orig.packets,resp.packets,end_reason --max-flows 100",
            &[&path],
            threads,
        ));
        let told = "flows were given out early for want of room";
        assert!(ran.code() == Some(0) && ran.stderr.contains(told), "{}", ran.stderr);
        let evicted = ran.stdout.lines().filter(|line| line.ends_with("evicted")).count();
        assert!(evicted > 1000, "{threads} threads: {evicted}");
        let cells = ran.stdout.lines().skip(1).flat_map(|line| line.split(',').take(2));
        cells.map(|cell| cell.parse::<u64>().expect("a number")).sum::<u64>()
    };
    assert_eq!(packets(1), packets(3));
}

#[test]
fn a_pipe_is_followed_in_several_threads() {
    let bytes = made(&Mix { wrong: 0, step: 2_000_000, errors: true }, 3000, 9);
    let told = |threads: &str| {
        let mut command = sockeye();
        command.args(["flows", "--format", "csv", "-r", "-", "--threads", threads]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("runs");
        let mut pipe = child.stdin.take().expect("piped");
        let bytes = bytes.clone();
        let writing = std::thread::spawn(move || pipe.write_all(&bytes));
        let out = child.wait_with_output().expect("ends");
        writing.join().expect("no panic").expect("taken");
        out.stdout
    };
    assert!(told("1") == told("3"));
}

/// Long enough for any machine: what has not ended by then never does.
const LONG: Duration = Duration::from_secs(100);

#[test]
fn an_output_that_is_closed_ends_all_threads_though_the_pipe_that_is_read_stays_open() {
    // Few enough that nothing is written before the pipe is found silent.
    let bytes = made(&Mix { wrong: 0, step: 2_000_000, errors: true }, 3000, 6);
    let ended = |threads: u32| {
        let mut command = command("flows --format csv --fields id -r -", &[], threads);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("runs");
        drop(child.stdout.take());
        let mut pipe = child.stdin.take().expect("piped");
        // It may have ended before it has read all.
        let _ = pipe.write_all(&bytes);
        let status = wait(&mut child, LONG);
        drop(pipe);
        status
    };
    let one = ended(1);
    assert_eq!(one.signal(), Some(13), "as programs end whose output is closed: {one}");
    assert_eq!((ended(2), ended(3)), (one, one));
}

#[test]
fn more_sources_than_anything_has_room_for_are_told_of() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = sockeye();
    command.args("flows --format csv --threads 2".split(' '));
    // An empty capture each, but for the last.
    let bytes = made(&Mix { wrong: 0, step: 1000, errors: true }, 100, 7);
    for nth in 0..2100 {
        let path = folder.path().join(format!("{nth}.pcap"));
        fs::write(&path, if nth == 2099 { &bytes } else { &bytes[..24] }).expect("written");
        command.arg(path);
    }
    let ran = run_for(&mut command, LONG);
    assert_eq!(ran.code(), Some(0), "{:?} {}", ran.signal(), ran.stderr);
    assert!(ran.stdout.lines().count() > 10, "{}", ran.stdout);
}

#[test]
fn what_needs_one_thread_says_why() {
    let path = captures().remove(0);
    for (line, why) in [("flows --format zeek", "its timers, tunnels"), ("packets", "in the order in which they came")] {
        let ran = run(&mut command(line, &[&path], 2));
        assert_eq!(ran.code(), Some(2), "{line}: {}", ran.stderr);
        assert!(ran.stderr.contains(why), "{line}: {}", ran.stderr);
    }
}
