//! Every message that a file, a filter, a flag or an output can bring about: its exact text, its exit code, and nothing on the
//! other stream. Those that need an interface are in `cli_live.rs`.

#[path = "support/program.rs"]
mod program;

use program::{Ran, capture, has, run, run_for, run_in, sockeye, with_bare_settings};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// A folder with the captures that the messages are about.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let good = fs::read(capture("http-get.pcap")).expect("a capture");
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).expect("written");
    write("mix.pcap", &good);
    write("raw.pcap", &fs::read(capture("raw-ip.pcap")).expect("a capture"));
    write("empty", b"");
    write("quiet.pcap", &good[..24]);
    write("trunc.pcap", &good[..500]);
    write("stub.pcap", &good[..30]);
    write("two-of-four.pcap", &good[..2]);
    write("elf", b"\x7fELF\x02\x01\x01\0\0\0");
    let mut unknown = good.clone();
    unknown[20..24].copy_from_slice(&147_u32.to_le_bytes());
    write("dlt.pcap", &unknown);
    write("cut.pcap.gz", &fs::read(capture("http-get.pcap.gz")).expect("a capture")[..300]);
    write("notes.txt", b"a shopping list\n");
    folder
}

/// Runs a line in a fresh folder.
fn ran(line: &str) -> Ran {
    run_in(folder().path(), line)
}

/// The line is refused with this message and exit code, and nothing on standard output.
#[track_caller]
fn refused(line: &str, code: i32, message: &str) {
    let ran = ran(line);
    assert_eq!((ran.stderr.as_str(), ran.code()), (message, Some(code)), "sockeye {line}");
    assert_eq!(ran.stdout, "", "sockeye {line}");
}

/// The line gives output, and this message and exit code at the end.
#[track_caller]
fn told_after_the_report(line: &str, code: i32, message: &str) {
    let ran = ran(line);
    assert_eq!((ran.stderr.as_str(), ran.code()), (message, Some(code)), "sockeye {line}");
    assert_ne!(ran.stdout, "", "sockeye {line}");
}

#[test]
fn a_pipe_cannot_be_read_twice() {
    let message = "sockeye: which conversation?\n  name it by its ID:  sockeye explain c1 -r FILE\n  sockeye FILE  lists them\n  \
        without an ID it has to read twice, which takes a saved file\n";
    refused("explain -r -", 2, message);
    refused("show -i lo", 2, &message.replace("explain", "show"));
    refused("explain mixed.pcap", 3, &ran("explain c1 mixed.pcap").stderr);
}

#[test]
fn zeek_s_format_is_of_flows() {
    let message = "sockeye: --format zeek is of conversations: use  sockeye flows\n";
    refused("handshakes -r mix.pcap --format zeek", 2, message);
    refused("handshakes -r mix.pcap --format zeek-json -o conn.log", 2, message);
    refused("packets -r mix.pcap --format zeek", 2, message);
    refused(
        "flows -r mix.pcap --format zeek --fields id",
        2,
        "sockeye: --fields goes with --format jsonl, csv, tsv or md: Zeek's columns are fixed\n",
    );
}

#[test]
fn the_start_page() {
    let ran = run(&mut sockeye());
    assert_eq!((ran.code(), ran.stderr.as_str()), (Some(2), ""));
    assert_eq!(ran.stdout.lines().count(), 12, "{}", ran.stdout);
    for word in ["sockeye capture.pcapng", "sudo sockeye -i eth0", "sockeye explain capture.pcap", "sockeye --help"] {
        assert!(ran.stdout.contains(word), "{word}");
    }
    assert!(ran.stdout.lines().all(|line| line.len() <= 80));
}

#[test]
fn files_that_are_not_there() {
    refused("mix.pcp", 3, "sockeye: no such file or command: mix.pcp; did you mean mix.pcap?\n");
    refused("-r mix.pcp", 3, "sockeye: no such file or command: mix.pcp; did you mean mix.pcap?\n");
    refused("nothing-like-it", 3, "sockeye: no such file or command: nothing-like-it\n");
    refused("flow mix.pcap", 3, "sockeye: no such file or command: flow; did you mean flows?\n");
    refused("packets -F nofilter mix.pcap", 3, "sockeye: -F nofilter: No such file or directory (os error 2)\n");
}

#[test]
fn files_that_are_no_captures() {
    refused(
        "/etc/passwd",
        3,
        "sockeye: /etc/passwd is not a capture file (starts with \"root:x:0\"); sockeye reads pcap, pcapng and .gz .zst .lz4 .xz of them\n",
    );
    refused(
        "elf",
        3,
        "sockeye: elf is not a capture file (starts with bytes 7f 45 4c 46 02 01 01 00); sockeye reads pcap, pcapng and .gz .zst .lz4 .xz of them\n",
    );
    refused(
        "empty",
        3,
        "sockeye: empty is 0 bytes: not a capture. Was tcpdump still running? It writes on exit unless -U is given.\n",
    );
    refused(".", 3, "sockeye: . is a directory, not a capture file\n  its captures:  sockeye ./*.pcap*\n");
    refused(
        "-r -",
        3,
        "sockeye: standard input is 0 bytes: not a capture. Was tcpdump still running? It writes on exit unless -U is given.\n",
    );
}

#[test]
fn captures_without_packets_and_link_types_unknown() {
    told_after_the_report("quiet.pcap", 0, "sockeye: quiet.pcap is a good capture (Ethernet) with no packets in it\n");
    refused("packets quiet.pcap", 0, "sockeye: quiet.pcap is a good capture (Ethernet) with no packets in it\n");
    refused("handshakes quiet.pcap", 0, "sockeye: quiet.pcap is a good capture (Ethernet) with no packets in it\n");
    refused(
        "dlt.pcap",
        3,
        "sockeye: dlt.pcap uses link type 147 (USER0, private use), which sockeye cannot decode\n  \
         force one:  --link-type ethernet | raw | sll2 | null        known: sockeye help linktypes\n",
    );
    let forced = ran("dlt.pcap --link-type ethernet");
    assert_eq!((forced.code(), forced.stderr.as_str()), (Some(0), ""));
    assert!(forced.stdout.contains("c1  closed  10.77.0.1:54262"), "{}", forced.stdout);
    refused(
        "mix.pcap --link-type ethernat",
        2,
        "sockeye: --link-type: no link type \"ethernat\"\n  known: sockeye help linktypes; a number will do, too\n",
    );
    refused(
        "mix.pcap --link-type 999",
        2,
        "sockeye: --link-type: sockeye cannot decode link type 999\n  known: sockeye help linktypes\n",
    );
    // What is only copied need not be understood.
    let folder = folder();
    let copied = run_in(folder.path(), "dlt.pcap -w copy.pcap");
    assert_eq!((copied.code(), copied.stdout.as_str(), copied.stderr.as_str()), (Some(0), "", ""));
    assert_eq!(fs::read(folder.path().join("copy.pcap")).unwrap(), fs::read(folder.path().join("dlt.pcap")).unwrap());
}

#[test]
fn captures_that_are_cut_short() {
    let message = "sockeye: trunc.pcap ends in the middle of packet 6 (66 of 148 bytes missing); packets 1–5 are reported\n";
    told_after_the_report("trunc.pcap", 5, message);
    told_after_the_report("packets trunc.pcap", 5, message);
    told_after_the_report("flows trunc.pcap --format jsonl", 5, message);
    assert_eq!(ran("packets trunc.pcap").stdout.lines().count(), 5);
    told_after_the_report(
        "stub.pcap",
        5,
        "sockeye: stub.pcap ends in the middle of the header of packet 1 (10 of 16 bytes missing); no packet comes before that\n",
    );
    told_after_the_report(
        "cut.pcap.gz",
        5,
        "sockeye: cut.pcap.gz ends in the middle of its gzip data; packets 1–4 are reported\n",
    );
    // The other files are read to their ends.
    let both = ran("packets --count trunc.pcap raw.pcap");
    assert_eq!((both.code(), both.stdout.as_str(), both.stderr.as_str()), (Some(5), "37 packets\n", message));
    // A copy holds what was good.
    let folder = folder();
    let copied = run_in(folder.path(), "packets -r trunc.pcap -w good.pcap");
    assert_eq!((copied.code(), copied.stderr.as_str()), (Some(5), message));
    let good = run_in(folder.path(), "packets --count good.pcap");
    assert_eq!((good.code(), good.stdout.as_str(), good.stderr.as_str()), (Some(0), "5 packets\n", ""));
}

#[cfg(feature = "libpcap")]
#[test]
fn filters_that_cannot_be() {
    refused(
        "mix.pcap tcp port htpp and host 10.0.0.1",
        2,
        "sockeye: filter: \"htpp\" is not a known port\n  tcp port htpp and host 10.0.0.1\n           ^^^^  did you mean http?\n",
    );
    refused(
        "mix.pcap tcp port 80 and",
        2,
        "sockeye: filter ends too early: \"and\" needs something after it\n  tcp port 80 and\n                 ^\n",
    );
    refused(
        "mix.pcap tcp.port == 80",
        2,
        "sockeye: filter: that is a Wireshark display filter; a capture filter is written differently\n  tcp.port == 80\n  ^^^^^^^^^^^^^^  write:  tcp port 80\n",
    );
    refused(
        "raw.pcap ether host 02:00:00:00:00:01",
        2,
        "sockeye: filter: this file has no Ethernet addresses (link type Raw IP), so \"ether host\" can never match\n  ether host 02:00:00:00:00:01\n  ^^^^^^^^^^\n",
    );
    refused(
        "mix.pcap -f tcp udp",
        2,
        "sockeye: two filters: one by -f or -F, one in the words at the end; join them with `and`\n",
    );
    // A bad filter is found before a file is created.
    let folder = folder();
    assert_eq!(run_in(folder.path(), "mix.pcap -w new.pcap port htpp").code(), Some(2));
    assert!(!folder.path().join("new.pcap").exists());
}

#[cfg(feature = "libpcap")]
#[test]
fn filters_that_match_nothing() {
    told_after_the_report("mix.pcap port 8080", 0, "sockeye: no packet matched \"port 8080\" (14 read). Ports seen most: 80\n");
    refused("packets mix.pcap udp", 0, "sockeye: no packet matched \"udp\" (14 read). Ports seen most: 80\n");
    refused("packets quiet.pcap udp", 0, "sockeye: quiet.pcap is a good capture (Ethernet) with no packets in it\n");
}

#[cfg(not(feature = "libpcap"))]
#[test]
fn filters_need_libpcap_or_bytecode() {
    let refused = ran("mix.pcap port 80");
    assert_eq!((refused.code(), refused.stdout.as_str()), (Some(2), ""));
    assert!(refused.stderr.contains("libpcap") && refused.stderr.contains("--filter-bytecode"), "{}", refused.stderr);
}

#[test]
fn bytecode_filters_without_libpcap() {
    let folder = folder();
    // tcpdump -ddd arp
    fs::write(folder.path().join("arp.bpf"), "4\n40 0 0 12\n21 0 1 2054\n6 0 0 262144\n6 0 0 0\n").unwrap();
    let arp = run_in(folder.path(), "packets --count mix.pcap --filter-bytecode arp.bpf");
    assert_eq!((arp.code(), arp.stdout.as_str(), arp.stderr.as_str()), (Some(0), "2 packets\n", ""));
    fs::write(folder.path().join("bad.bpf"), "2\n40 0 0 12\n").unwrap();
    let bad = run_in(folder.path(), "packets mix.pcap --filter-bytecode bad.bpf");
    assert_eq!((bad.code(), bad.stdout.as_str()), (Some(2), ""));
    assert!(bad.stderr.starts_with("sockeye: ") && bad.stderr.contains("bad.bpf"), "{}", bad.stderr);
}

#[test]
fn an_output_that_exists() {
    let folder = folder();
    let path = folder.path().join("out.pcap");
    for (content, what) in [(&b"x"[..], "1 B"), (&fs::read(capture("refused.pcap")).unwrap(), "704 B capture")] {
        fs::write(&path, content).unwrap();
        let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_209_080);
        fs::File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
        for line in ["mix.pcap -w out.pcap", "capture -r mix.pcap -w out.pcap", "flows mix.pcap --format csv -o out.pcap"] {
            let refused = run_in(folder.path(), line);
            let when = &refused.stderr[refused.stderr.find(", ").unwrap() + 2..refused.stderr.find(')').unwrap()];
            assert!(["2026-11-20 21:11", "today 21:11"].contains(&when), "{when}");
            let message = format!("sockeye: out.pcap exists ({what}, {when}); --force overwrites it\n");
            assert_eq!(
                (refused.stderr.as_str(), refused.code(), refused.stdout.as_str()),
                (message.as_str(), Some(2), ""),
                "{line}"
            );
            assert_eq!(fs::read(&path).unwrap(), content, "untouched");
        }
    }
    let forced = run_in(folder.path(), "mix.pcap -w out.pcap --force");
    assert_eq!((forced.code(), forced.stdout.as_str(), forced.stderr.as_str()), (Some(0), "", ""));
    assert_eq!(fs::read(&path).unwrap(), fs::read(folder.path().join("mix.pcap")).unwrap());
}

#[test]
fn the_file_being_read_is_never_written() {
    let folder = folder();
    let before = fs::read(folder.path().join("mix.pcap")).unwrap();
    symlink("mix.pcap", folder.path().join("alias.pcap")).unwrap();
    fs::hard_link(folder.path().join("mix.pcap"), folder.path().join("twin.csv")).unwrap();
    for (line, name) in [
        ("mix.pcap -w mix.pcap", "mix.pcap"),
        ("mix.pcap -w ./mix.pcap --force", "./mix.pcap"),
        ("mix.pcap -w alias.pcap --force", "alias.pcap"),
        ("flows mix.pcap -o mix.pcap --force", "mix.pcap"),
        ("handshakes raw.pcap mix.pcap -o twin.csv --force", "twin.csv"),
    ] {
        let refused = run_in(folder.path(), line);
        let message = format!("sockeye: {name} is being read: it cannot be written at the same time\n");
        assert_eq!((refused.stderr.as_str(), refused.code(), refused.stdout.as_str()), (message.as_str(), Some(2), ""), "{line}");
        assert_eq!(fs::read(folder.path().join("mix.pcap")).unwrap(), before, "{line}");
    }
}

#[test]
fn outputs_that_cannot_be_made() {
    refused(
        "mix.pcap -w new.pcap.gz",
        2,
        "sockeye: new.pcap.gz: sockeye compresses captures with zstd (.zst); write to - and compress that\n",
    );
    refused("mix.pcap -w no/new.pcap", 1, "sockeye: cannot create no/new.pcap: No such file or directory (os error 2)\n");
    refused("flows mix.pcap -o no/new.csv", 1, "sockeye: cannot create no/new.csv: No such file or directory (os error 2)\n");
    refused("mix.pcap -w - --print", 2, "sockeye: -w - and --print both want standard output; name a file\n");
    refused("capture -r mix.pcap", 2, "sockeye: capture needs a file to write:  -w FILE  (- is standard output)\n");
    refused(
        "capture -r mix.pcap -w new.pcap --print",
        2,
        "sockeye: capture prints nothing; use  sockeye packets -w FILE --print\n",
    );
    refused(
        "mix.pcap raw.pcap -w two.pcap",
        2,
        "sockeye: two.pcap: a pcap file holds one link type, and there are packets of two (Ethernet, Raw IP)\n  \
         write pcapng, which holds both:  --write-format pcapng, or a name that ends in .pcapng\n",
    );
}

/// What `--force` may destroy is destroyed only when nothing else is wrong.
#[test]
fn bad_arguments_spare_the_old_output() {
    let folder = folder();
    let old = folder.path().join("old.csv");
    fs::write(&old, "kept").unwrap();
    for line in [
        "flows mix.pcap --format csv --fields id,stat -o old.csv --force",
        "handshakes mix.pcap --format jsonl --fields nothing -o old.csv --force",
        "flows mix.pcp -o old.csv --force",
        "mix.pcap raw.pcap -w old.csv --force",
        "packets mix.pcap --format csv --fields numer --print -w old.csv --force",
        "packets mix.pcap -w old.csv --force --packets 9-3",
    ] {
        let refused = run_in(folder.path(), line);
        assert!(matches!(refused.code(), Some(2 | 3)), "{line}: {}", refused.stderr);
        assert_eq!(fs::read_to_string(&old).unwrap(), "kept", "{line}");
    }
    let done = run_in(folder.path(), "flows mix.pcap --fields id -o old.csv --force");
    assert_eq!((done.code(), done.stdout.as_str(), done.stderr.as_str()), (Some(0), "", ""));
    assert_eq!(fs::read_to_string(&old).unwrap(), "id\nc1\n");
}

/// All names of standard output mean it; other devices are written as they are, and named in errors.
#[test]
fn outputs_that_are_no_files() {
    let folder = folder();
    let good = fs::read(folder.path().join("mix.pcap")).unwrap();
    for name in ["-", "/dev/stdout", "/dev/fd/1"] {
        let ran = sockeye().current_dir(folder.path()).args(["mix.pcap", "-w", name]).output().unwrap();
        assert_eq!((ran.stdout, ran.stderr, ran.status.code()), (good.clone(), Vec::new(), Some(0)), "{name}");
        let records = run_in(folder.path(), &format!("flows mix.pcap --format csv --fields id -o {name}"));
        assert_eq!((records.stdout.as_str(), records.code()), ("id\nc1\n", Some(0)), "{name}");
    }
    refused("mix.pcap -w /dev/stdout --print", 2, "sockeye: -w - and --print both want standard output; name a file\n");
    for line in ["flows mix.pcap -o /dev/full", "handshakes mix.pcap --format csv -o /dev/full"] {
        refused(line, 1, "sockeye: cannot write /dev/full: No space left on device (os error 28)\n");
    }
    // The output fails, and the input is cut short: both are said.
    let both = ran("flows trunc.pcap -o /dev/full");
    assert_eq!((both.code(), both.stderr.lines().count()), (Some(1), 2), "{}", both.stderr);
    assert!(both.stderr.contains("trunc.pcap ends in the middle of packet 6"), "{}", both.stderr);
}

#[test]
fn the_format_is_that_of_the_name_or_as_asked() {
    let folder = folder();
    for (words, magic) in [
        ("-w a.pcap", [0x4d, 0x3c, 0xb2, 0xa1]),
        ("-w a.pcapng", [0x0a, 0x0d, 0x0d, 0x0a]),
        ("-w b.pcap --write-format pcapng", [0x0a, 0x0d, 0x0d, 0x0a]),
        ("-w b.pcapng --write-format pcap", [0x4d, 0x3c, 0xb2, 0xa1]),
        ("raw.pcap -w both.pcap --write-format pcapng", [0x0a, 0x0d, 0x0d, 0x0a]),
    ] {
        let done = run_in(folder.path(), &format!("mix.pcap {words}"));
        assert_eq!((done.code(), done.stdout.as_str(), done.stderr.as_str()), (Some(0), "", ""), "{words}");
        let name =
            words.split_whitespace().find(|w| w.starts_with("a.") || w.starts_with("b.") || w.starts_with("both.")).unwrap();
        assert_eq!(fs::read(folder.path().join(name)).unwrap()[..4], magic, "{words}");
    }
    let merged = run_in(folder.path(), "packets --count both.pcap");
    assert_eq!(merged.stdout, "46 packets\n");
}

#[test]
fn records_take_the_format_of_the_name() {
    let folder = folder();
    for (words, start) in [
        ("flows -o conn.log", "#separator"),
        ("flows -o today-conn.log", "#separator"),
        ("flows -o notes.log", "ID "),
        ("handshakes -o conn.log", "ID "),
        ("flows -o a.jsonl", "{"),
        ("flows -o a.csv", "id,"),
    ] {
        let done = run_in(folder.path(), &format!("{words} mix.pcap --force"));
        assert_eq!((done.code(), done.stderr.as_str()), (Some(0), ""), "{words}");
        let name = words.split_whitespace().last().unwrap();
        let text = fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(text.starts_with(start), "{words}: {text}");
    }
}

#[test]
fn lines_of_several_files_name_the_file_of_the_packet_compared_with() {
    let file = capture("http-get.pcap");
    let twice = format!("{0} -r {0}", file.display());
    let lines = run(sockeye().args(format!("packets -r {twice}").split_whitespace())).stdout;
    assert!(lines.contains(" ; 2#3 ") && lines.contains("(of 1#3,"), "{lines}");
    let records = run(sockeye().args(format!("packets --format jsonl -r {twice}").split_whitespace())).stdout;
    assert!(records.contains(r#""against":3,"against_file":1,"#), "{records}");
}

#[test]
fn print_and_write_at_once() {
    let folder = folder();
    let both = run_in(folder.path(), "packets mix.pcap -w copy.pcap --print -c 3");
    assert_eq!((both.code(), both.stdout.lines().count(), both.stderr.as_str()), (Some(0), 3, ""));
    assert_eq!(run_in(folder.path(), "packets --count copy.pcap").stdout, "3 packets\n");
    // Through a pipe and back.
    let written = sockeye().current_dir(folder.path()).args(["mix.pcap", "-w", "-"]).output().unwrap();
    assert_eq!(written.stdout, fs::read(folder.path().join("mix.pcap")).unwrap());
    let mut reader = sockeye();
    let mut child = reader.args(["packets", "--count", "-r", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&written.stdout).unwrap();
    assert_eq!(child.wait_with_output().unwrap().stdout, b"14 packets\n");
}

#[test]
fn flags_with_bad_values() {
    refused(
        "mix.pcap --from yesterday",
        2,
        "sockeye: --from: \"yesterday\" is no time\n  write 2026-11-20T21:11:20Z, \"2026-11-20 21:11:20.5\", 21:11:20 (on the day of the first packet) or seconds since 1970\n",
    );
    refused(
        "mix.pcap --packets 9-3",
        2,
        "sockeye: --packets: \"9-3\" is no range of packet numbers; write 10-20, 5, 100- or -7\n",
    );
    refused("mix.pcap --duration 1s", 2, "sockeye: --duration is for live capture (-i), not for files\n");
    refused(
        "packets mix.pcap --threads 2",
        2,
        "sockeye: --threads: packets writes packets in the order in which they came, which one thread keeps\n  conversations can be followed in several:  sockeye flows, handshakes, summary\n",
    );
    refused(
        "capture -i lo -w - --threads 2",
        2,
        "sockeye: --threads: capture writes packets in the order in which they came, which one thread keeps\n  conversations can be followed in several:  sockeye flows, handshakes, summary\n",
    );
    refused(
        "flows mix.pcap --threads 2 --format zeek",
        2,
        "sockeye: --threads: Zeek's rows depend on the order of all packets (its timers, tunnels): one thread\n",
    );
    refused(
        "flows -i lo --threads 2 --backend pnet",
        2,
        "sockeye: --threads is for our own ring: only there the kernel shares out packets; leave out --backend\n",
    );
    refused(
        "flows -i lo --threads 2 --packets 1-5",
        2,
        "sockeye: --packets goes by the order of all packets, which --threads does not keep\n",
    );
    refused("-i lo --duration 1y", 2, "sockeye: --duration: \"1y\" is no length of time; write 30s, 5m, 1h or 500ms\n");
    refused("mix.pcap -B 100", 2, "sockeye: -B is for live capture (-i), not for files\n");
    refused("-i lo --link-type raw", 2, "sockeye: --link-type is for files; what an interface is asked for is  -y TYPE\n");
    refused(
        "packets mix.pcap --tz Asia/Kolkatta",
        2,
        "sockeye: --tz: no time zone \"Asia/Kolkatta\"; did you mean Asia/Kolkata?\n",
    );
    refused("packets mix.pcap -tttttt", 2, "sockeye: -t at most five times: see  sockeye help time\n");
    refused("flows mix.pcap --format csv --fields id,stat", 2, "sockeye: --fields: no field \"stat\"; did you mean start?\n");
    refused("packets mix.pcap --format csv --fields numer", 2, "sockeye: --fields: no field \"numer\"; did you mean number?\n");
    refused("flows mix.pcap --fields id", 2, "sockeye: --fields goes with --format jsonl, csv, tsv or md, not with the table\n");
    refused(
        "packets mix.pcap --format jsonl --fields number",
        2,
        "sockeye: --fields of packets goes with --format csv, tsv or md\n",
    );
    refused("packets -L mix.pcap", 2, "sockeye: -L needs one interface:  sockeye packets -i eth0 -L\n");
    refused("-i lo -i lo", 2, "sockeye: -i lo is given twice; each packet would be counted twice\n");
    refused("packets -i lo -i any", 2, "sockeye: -i any is all interfaces: another beside it would count its packets twice\n");
    refused("-r - -r -", 2, "sockeye: standard input (-) can be read only once\n");
    refused(
        "packets",
        2,
        "sockeye: nothing to read: name a file, or an interface with -i\n  \
         sockeye capture.pcapng        a saved capture        -r - reads a pipe\n  \
         sudo sockeye -i eth0          an interface           sockeye interfaces lists them\n",
    );
}

/// A command is recognised wherever it stands, and a slip in it is told.
#[test]
fn commands_are_found() {
    let same = |one: &str, other: &str| {
        let (one, other) = (ran(one), ran(other));
        assert_eq!((&one.stdout, one.code()), (&other.stdout, Some(0)), "{}", one.stderr);
    };
    same("--color always flows -r mix.pcap", "flows --color always -r mix.pcap");
    same("-r mix.pcap handshakes", "handshakes mix.pcap");
    same("-l -n -r mix.pcap --utc", "mix.pcap");
    let verbose = ran("-v mix.pcap");
    assert!(verbose.stdout.contains("Interface 0: Ethernet") && verbose.stdout.contains("ID  STATE"), "{}", verbose.stdout);
    refused("packts -r mix.pcap", 2, "sockeye: no such command: packts; did you mean packets?\n");
    refused("-i lo handshake", 2, "sockeye: no such command: handshake; did you mean handshakes?\n");
    refused(
        "-r mix.pcap raw.pcap",
        2,
        "sockeye: raw.pcap is a file, not a filter\n  several files:  -r mix.pcap -r raw.pcap, or their names without -r\n",
    );
    refused(
        "flows -r mix.pcap -L",
        2,
        "sockeye: unexpected argument '-L' found\n  Usage: sockeye flows [OPTIONS] [FILE or FILTER]... [-- <FILTER>...]\n  For more information, try '--help'.\n",
    );
    refused(
        "packets mix.pcap -w new.pcap --format csv",
        2,
        "sockeye: --format is for what is printed, and -w alone prints nothing: add --print, or leave one out\n",
    );
}

/// Names are bytes, not text; and what came through a pipe is not proposed to be read again.
#[test]
fn names_that_are_no_text() {
    use std::os::unix::ffi::OsStrExt;
    let folder = folder();
    let odd = std::ffi::OsStr::from_bytes(b"odd\xff.pcap");
    fs::copy(folder.path().join("mix.pcap"), folder.path().join(odd)).unwrap();
    let ran: Ran = sockeye().current_dir(folder.path()).args(["packets", "--count"]).arg(odd).output().unwrap().into();
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str(), ran.code()), ("14 packets\n", "", Some(0)));
    let file = fs::File::open(folder.path().join("mix.pcap")).unwrap();
    let piped: Ran = sockeye().arg("-").stdin(file).output().unwrap().into();
    assert!(piped.code() == Some(0) && piped.stdout.contains("ID  STATE") && !piped.stdout.contains("Next:"), "{}", piped.stdout);
}

/// Where the locale has no UTF-8, messages are ASCII, too.
#[test]
fn messages_in_ascii() {
    let folder = folder();
    let ran: Ran = sockeye().current_dir(folder.path()).arg("trunc.pcap").env("LC_ALL", "C").output().unwrap().into();
    assert!(ran.code() == Some(5) && ran.stderr.contains("packets 1-5 are reported"), "{}", ran.stderr);
    assert!(ran.stdout.is_ascii() && ran.stderr.is_ascii());
}

/// What clap finds wrong has the shape of all messages: our name first, at most three lines that help, exit 2.
#[test]
fn usage_errors_have_our_shape() {
    for (line, first) in [
        ("--nonsense mix.pcap", "sockeye: unexpected argument '--nonsense' found"),
        ("flows mix.pcap --format xml", "sockeye: invalid value 'xml' for '--format <FORMAT>'"),
        ("packets mix.pcap -c 0", "sockeye: invalid value '0' for '-c <N>': 0 is not in 1..18446744073709551615"),
        ("mix.pcap --width 5", "sockeye: invalid value '5' for '--width <N>': 5 is not in 20..=65535"),
        ("flows -r mix.pcap -i lo", "sockeye: the argument '--read <FILE>' cannot be used with '--interface <IF>'"),
        ("packets mix.pcap --print", "sockeye: the following required arguments were not provided:"),
        ("mix.pcap -c", "sockeye: a value is required for '-c <N>' but none was supplied"),
        ("completions tcsh", "sockeye: invalid value 'tcsh' for '<SHELL>'"),
        ("help filtres", "sockeye: no help on \"filtres\"; did you mean filters?"),
    ] {
        let ran = ran(line);
        assert_eq!((ran.code(), ran.stdout.as_str()), (Some(2), ""), "{line}");
        let mut lines = ran.stderr.lines();
        assert_eq!(lines.next(), Some(first), "{line}");
        let help: Vec<&str> = lines.collect();
        assert!(help.len() <= 3 && help.iter().all(|l| l.starts_with("  ")), "{line}: {help:?}");
    }
}

#[test]
fn long_texts() {
    for topic in ["filters", "time", "states", "memory", "evicted", "threads", "json", "linktypes", "exit"] {
        let page = ran(&format!("help {topic}"));
        assert_eq!((page.code(), page.stderr.as_str()), (Some(0), ""), "{topic}");
        let widest = page.stdout.lines().map(|l| l.chars().count()).max();
        assert!(page.stdout.lines().count() > 8 && widest <= Some(80), "{topic}: {widest:?}");
    }
    let page = ran("help json").stdout;
    let kinds = ["capture ", "packet ", "flow ", "handshake ", "end "].map(|kind| page.find(&format!("\n  {kind}")));
    assert!(kinds.is_sorted() && kinds[0].is_some() && page.contains("sockeye help schema"), "{page}");
    let schema = ran("help schema").stdout;
    assert!(
        schema.trim_start().starts_with('{') && schema.trim_end().ends_with('}') && schema.contains("\"$schema\""),
        "JSON Schema"
    );
    for command in [
        "summary",
        "packets",
        "flows",
        "handshakes",
        "show",
        "explain",
        "follow",
        "capture",
        "interfaces",
        "doctor",
        "completions",
        "man",
        "help",
    ] {
        for line in [format!("help {command}"), format!("{command} --help")] {
            let page = ran(&line);
            assert_eq!((page.code(), page.stderr.as_str()), (Some(0), ""), "{line}");
            assert!(page.stdout.contains("Usage: sockeye") || page.stdout.contains(&format!("Usage: {command}")), "{line}");
        }
    }
    for (shell, word) in [
        ("bash", "complete -F _sockeye"),
        ("zsh", "#compdef sockeye"),
        ("fish", "complete -c sockeye"),
        ("elvish", "edit:completion:arg-completer[sockeye]"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let script = ran(&format!("completions {shell}"));
        assert_eq!((script.code(), script.stderr.as_str()), (Some(0), ""), "{shell}");
        assert!(script.stdout.contains(word), "{shell}");
    }
    let page = ran("man");
    assert!(page.code() == Some(0) && page.stdout.contains(".TH sockeye 1"));
    for word in ["\\-\\-from TIME", "SOCKEYE HANDSHAKES", "EXIT CODES", "STATES", "\\-\\-write\\-format FORMAT"] {
        assert!(page.stdout.contains(word), "{word}");
    }
    for flag in ["--version", "-V"] {
        assert_eq!(ran(flag).stdout, format!("sockeye {}\n", env!("CARGO_PKG_VERSION")));
    }
}

/// Reads one line of a long output and closes the pipe.
fn head(command: &mut Command) -> Ran {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs");
    let mut first = [0; 16];
    child.stdout.take().expect("piped").read_exact(&mut first).expect("something comes");
    child.wait_with_output().expect("ends").into()
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let tour = capture("tour.pcapng");
    // Each gives more than a pipe holds.
    for words in [&["packets", "-XX"][..], &["packets", "--format", "jsonl"], &["packets", "-w", "-"], &["capture", "-w", "-"]] {
        let ran = head(sockeye().args(words).arg("-r").arg(&tour));
        assert_eq!((ran.signal(), ran.stderr.as_str()), (Some(libc::SIGPIPE), ""), "{words:?}");
    }
    // And for the shell.
    let line = format!(
        "'{}' packets -XX '{}' | head -1 >/dev/null; echo ${{PIPESTATUS[0]}}",
        env!("CARGO_BIN_EXE_sockeye"),
        tour.display()
    );
    assert_eq!(run(with_bare_settings(Command::new("bash")).args(["-c", &line])).stdout, "141\n");
}

#[test]
fn a_full_standard_output_is_an_error() {
    for line in [
        "mix.pcap",
        "packets mix.pcap",
        "flows mix.pcap",
        "flows mix.pcap --format jsonl",
        "packets --count mix.pcap",
        "help time",
        "--help",
        "packets --help",
    ] {
        let folder = folder();
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = sockeye();
        command.current_dir(folder.path()).args(line.split(' ')).stdout(full).stderr(Stdio::piped());
        let ran: Ran = command.spawn().unwrap().wait_with_output().unwrap().into();
        let message = "sockeye: cannot write the output: No space left on device (os error 28)\n";
        assert_eq!((ran.stderr.as_str(), ran.code()), (message, Some(1)), "{line}");
    }
}

#[test]
fn binary_is_not_sent_to_a_terminal() {
    if !has("script") {
        return skipped("needs script(1)");
    }
    let on_terminal = |line: &str| {
        let line = format!("'{}' {line}", env!("CARGO_BIN_EXE_sockeye"));
        run(with_bare_settings(Command::new("script")).args(["-qec", &line, "/dev/null"]))
    };
    let file = capture("http-get.pcap").display().to_string();
    let refused = on_terminal(&format!("'{file}' -w -"));
    let message = "sockeye: -w - would write a binary capture to the terminal; send it into a pipe or name a file\r\n";
    assert_eq!((refused.stdout.as_str(), refused.code()), (message, Some(2)));
    // On a terminal there is colour, unless it is dumb or NO_COLOR is set.
    assert!(!on_terminal(&format!("'{file}'")).stdout.contains("\x1b[1m"), "NO_COLOR");
    assert!(on_terminal(&format!("'{file}' --color always")).stdout.contains("\x1b[1m"));
}

/// A small file system, in a mount namespace of our own, so that it is gone afterwards.
#[test]
fn a_full_disk() {
    let folder = folder();
    let script = r#"
        mount -t tmpfs -o size=64k none "$1" && cd "$1" || { echo no mount; exit; }
        "$2" packets -r "$3" -w out.pcap; echo "exit $?"
        "$2" packets --count out.pcap; echo "exit $?"
        "$2" flows -r "$3" --format jsonl -o out.jsonl --force; echo "exit $?""#;
    let mut command = with_bare_settings(Command::new("unshare"));
    command
        .args(["-m", "sh", "-c", script, "sh"])
        .arg(folder.path())
        .arg(env!("CARGO_BIN_EXE_sockeye"))
        .arg(capture("tour.pcapng"));
    let Ok(output) = command.output() else { return skipped("needs unshare(1)") };
    let ran = Ran::from(output);
    if !ran.status.success() || ran.stdout.starts_with("no mount") {
        return skipped("needs root, and the right to mount");
    }
    let lines: Vec<&str> = ran.stdout.lines().collect();
    let ["exit 1", packets, "exit 0", "exit 1"] = lines[..] else { panic!("{}{}", ran.stdout, ran.stderr) };
    let count: u32 = packets.strip_suffix(" packets").and_then(|n| n.parse().ok()).expect("a count");
    assert!(count > 10, "some fit: {count}");
    let errors: Vec<&str> = ran.stderr.lines().collect();
    let [full, no_output] = errors[..] else { panic!("{}", ran.stderr) };
    assert!(full.starts_with(&format!("sockeye: out.pcap: disk full after {count} packets (")), "{full}");
    assert!(full.ends_with("; the file is complete up to there"), "{full}");
    assert_eq!(no_output, "sockeye: cannot write out.jsonl: No space left on device (os error 28)");
}

/// As a user with no rights, from a copy of the program that this user may run.
#[test]
fn no_privilege() {
    if !is_root() {
        return skipped("needs root to become nobody");
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = folder.path().join("sockeye");
    // By another process: a program that anyone of ours holds open for writing cannot be started.
    assert!(Command::new("cp").arg(env!("CARGO_BIN_EXE_sockeye")).arg(&program).status().unwrap().success());
    let as_nobody = |line: &str| {
        let mut command = with_bare_settings(Command::new(&program));
        command.uid(65_534).gid(65_534).current_dir(folder.path()).args(line.split(' '));
        run_for(&mut command, Duration::from_secs(10))
    };
    for line in ["-i lo", "packets -i lo -c 1", "capture -i lo -w /tmp/never-written.pcap", "handshakes -i lo"] {
        let refused = as_nobody(line);
        let lines: Vec<&str> = refused.stderr.lines().collect();
        assert_eq!((refused.code(), refused.stdout.as_str()), (Some(4), ""), "{line}: {}", refused.stderr);
        let [first, once, for_good, without] = lines[..] else { panic!("{}", refused.stderr) };
        assert_eq!(first, "sockeye: not allowed to capture on lo (needs CAP_NET_RAW)");
        assert!(
            once == format!("  once:        sudo \"$(command -v sockeye)\" {line}") || once.contains("no_new_privs"),
            "{once}"
        );
        let path = program.canonicalize().unwrap();
        let advice = [
            format!("  for good:    sudo setcap cap_net_raw+ep {}      (again after each upgrade)", path.display()),
            "  for good:    run the container with --cap-add NET_RAW".to_owned(),
        ];
        assert!(advice.iter().any(|a| a == for_good) || for_good.starts_with("  for good:    setcap "), "{for_good}");
        assert_eq!(without, "  without it:  sockeye FILE still works; so does  sudo tcpdump -i lo -w - | sockeye -r -");
    }
    assert!(!Path::new("/tmp/never-written.pcap").exists());
    let closed = folder.path().join("closed.pcap");
    fs::copy(capture("http-get.pcap"), &closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o600)).unwrap();
    let refused = as_nobody("closed.pcap");
    assert_eq!(
        (refused.code(), refused.stderr.as_str()),
        (Some(4), "sockeye: cannot open closed.pcap: Permission denied (os error 13)\n")
    );
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(as_nobody("packets --count closed.pcap").stdout, "14 packets\n");
    let refused = as_nobody("closed.pcap -w new.pcap");
    assert_eq!(
        (refused.code(), refused.stderr.as_str()),
        (Some(4), "sockeye: cannot create new.pcap: Permission denied (os error 13)\n")
    );
}

fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.starts_with("Uid:") && line.split_whitespace().nth(2) == Some("0"))
}

fn skipped(why: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}: {test}");
}
