//! Prints a capture file as lines: a harness for comparing with tcpdump until the command line exists.
use sockeye::decode::Packet;
use sockeye::flow::Note;
use sockeye::model::{Frame, LinkType, Timestamp};
use sockeye::output::line::*;
use std::io::Write;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mut o = LineOptions::default();
    let mut file = String::new();
    let mut t = 0;
    let mut bench = 1;
    let mut i = 0;
    o.plain = true;
    while i < args.len() {
        match args[i].as_str() {
            "packets" | "-n" => {}
            "--plain" => o.plain = true,
            "--note" => o.plain = false,
            "-#" => o.number = true,
            "--nano" => o.nano = true,
            "-r" => {
                i += 1;
                file = args[i].clone();
            }
            "--bench" => {
                i += 1;
                bench = args[i].parse().unwrap();
            }
            flags => {
                for c in flags.chars().skip(1) {
                    match c {
                        'e' => o.link_header = true,
                        'q' => o.quiet = true,
                        'S' => o.absolute_seq = true,
                        'v' => o.verbosity += 1,
                        't' => t += 1,
                        'x' => o.hex = if o.hex == HexMode::Hex { HexMode::HexLink } else { HexMode::Hex },
                        'X' => o.hex = if o.hex == HexMode::HexAscii { HexMode::HexAsciiLink } else { HexMode::HexAscii },
                        'A' => o.hex = HexMode::Ascii,
                        _ => {}
                    }
                }
            }
        }
        i += 1;
    }
    o.time = [
        TimeFormat::Clock,
        TimeFormat::None,
        TimeFormat::Epoch,
        TimeFormat::DeltaPrevious,
        TimeFormat::Date,
        TimeFormat::DeltaFirst,
    ][t];
    if let Ok(names) = std::fs::read_dir("/sys/class/net") {
        for e in names.flatten() {
            let name = e.file_name().into_string().unwrap();
            if let Ok(n) = std::fs::read_to_string(e.path().join("ifindex")) {
                o.interfaces.push(InterfaceName { index: n.trim().parse().unwrap(), name });
            }
        }
    }
    let data = std::fs::read(&file).unwrap();
    let mut frames: Vec<(i64, LinkType, u32, Vec<u8>)> = vec![];
    if data.len() >= 24
        && (data[..4] == [0xd4, 0xc3, 0xb2, 0xa1]
            || data[..4] == [0x4d, 0x3c, 0xb2, 0xa1]
            || data[..4] == [0xa1, 0xb2, 0xc3, 0xd4])
    {
        let le = data[0] != 0xa1;
        let nano = data[0] == 0x4d;
        let u = |p: usize| {
            let b = [data[p], data[p + 1], data[p + 2], data[p + 3]];
            if le { u32::from_le_bytes(b) } else { u32::from_be_bytes(b) }
        };
        let link = LinkType((u(20) & 0xffff) as u16);
        let mut p = 24;
        while p + 16 <= data.len() {
            let n = u(p + 8) as usize;
            if p + 16 + n > data.len() {
                break;
            }
            let f = i64::from(u(p + 4)) * if nano { 1 } else { 1000 };
            frames.push((Timestamp::from_parts(u(p).into(), f).nanos(), link, u(p + 12), data[p + 16..p + 16 + n].to_vec()));
            p += 16 + n;
        }
    } else {
        let le = data[8] == 0x4d;
        let u = |p: usize| {
            let b = [data[p], data[p + 1], data[p + 2], data[p + 3]];
            if le { u32::from_le_bytes(b) } else { u32::from_be_bytes(b) }
        };
        let mut links = vec![];
        let mut p = 0;
        while p + 12 <= data.len() {
            let n = u(p + 4) as usize;
            if n < 12 || p + n > data.len() {
                break;
            }
            match u(p) {
                1 => links.push(if le { u(p + 8) & 0xffff } else { u(p + 8) >> 16 } as u16),
                6 => {
                    let ts = i64::from(u(p + 12)) << 32 | i64::from(u(p + 16));
                    let cap = u(p + 20) as usize;
                    frames.push((ts * 1000, LinkType(links[u(p + 8) as usize]), u(p + 24), data[p + 28..p + 28 + cap].to_vec()));
                }
                _ => {}
            }
            p += n;
        }
    }
    let mut out = Vec::new();
    let start = std::time::Instant::now();
    for round in 0..bench {
        let mut printer = LinePrinter::new(o.clone());
        if round > 0 {
            out.clear();
        }
        for (n, (ts, link, len, bytes)) in frames.iter().enumerate() {
            let f = Frame {
                number: n as u64 + 1,
                source: 0,
                interface: 0,
                ts: Timestamp::from_nanos(*ts),
                link: *link,
                wire_len: *len,
                bytes,
                direction: None,
                options: None,
            };
            if bench > 1 {
                out.clear();
            }
            printer.write(&mut out, &f, &Packet::empty(bytes), &Note::default());
        }
    }
    if bench > 1 {
        eprintln!("{} ns a packet", start.elapsed().as_nanos() as usize / (bench * frames.len().max(1)));
    } else {
        std::io::stdout().write_all(&out).unwrap();
    }
}
