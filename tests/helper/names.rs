//! `-N`: names of hosts come from the helper, by the system's own lookup.

use super::netns::{Namespace, apart};
use super::program::{Ran, capture, run_for, with_bare_settings};
use super::{PATIENCE, root};
use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;
use std::thread;

/// The program with a file of ours in place of one of the system's.
fn with_file(place: &str, text: &str, line: &str) -> Command {
    let folder = tempfile::tempdir().unwrap().keep();
    let file = folder.join("file");
    fs::write(&file, text).unwrap();
    let mut command = with_bare_settings(Command::new("unshare"));
    command.args(["--mount", "sh", "-c"]).arg(format!(
        "mount --bind {} {place} && rm -r {} && exec \"$@\"",
        file.display(),
        folder.display()
    ));
    command.arg("sh").arg(env!("CARGO_BIN_EXE_sockeye")).args(line.split_whitespace());
    command
}

/// In this order: the C library takes `::1` for 127.0.0.1, too.
const HOSTS: &str = "127.0.0.1 four.example\n::1 six.example\n10.77.0.1 client.example\n10.77.0.2 server.example\n";

fn told(line: &str, file: &str) -> String {
    let mut command = with_file("/etc/hosts", HOSTS, line);
    let ran = run_for(command.arg(capture(file)), PATIENCE);
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr);
    ran.stdout
}

#[test]
fn packet_lines_have_names_where_tcpdump_has_them() {
    if !root() {
        return;
    }
    let lines = told("packets -N --plain -r", "http-get.pcap");
    assert!(lines.contains("ARP, Request who-has server.example tell client.example, length 28"), "{lines}");
    assert!(lines.contains(" IP client.example.54262 > server.example.80: Flags [S]"), "{lines}");
    assert!(!lines.contains("10.77.0."), "{lines}");
    let six = told("packets -N --plain -r", "loopback.pcap");
    assert!(six.contains(" IP four.example.39060 > four.example.80: ") && six.contains(" IP6 six.example."), "{six}");
}

#[test]
fn tables_have_names_and_records_addresses() {
    if !root() {
        return;
    }
    for command in ["flows", "handshakes", "summary"] {
        let table = told(&format!("{command} -N -r"), "http-get.pcap");
        assert!(table.contains("client.example:54262 → server.example:80"), "{table}");
        let without = told(&format!("{command} -r"), "http-get.pcap");
        assert!(without.contains("10.77.0.1:54262 → 10.77.0.2:80") && !without.contains("example"), "{without}");
    }
    let ran = run_for(with_file("/etc/hosts", HOSTS, "flows -N --format jsonl -r").arg(capture("http-get.pcap")), PATIENCE);
    assert_eq!(ran.code(), Some(2), "{}", ran.stderr);
}

/// Answers questions for names by `answer`, which gets the question's labels; none: no answer.
fn serve(namespace: &Namespace, answer: fn(&str) -> Option<Vec<u8>>) {
    let socket = namespace.run(|| UdpSocket::bind("127.0.0.1:53").expect("a port of our own namespace"));
    thread::spawn(move || {
        let mut packet = [0; 512];
        while let Ok((len, from)) = socket.recv_from(&mut packet) {
            let mut labels = String::new();
            let mut at = 12;
            while at < len && packet[at] != 0 {
                let end = at + 1 + usize::from(packet[at]);
                labels.push_str(&String::from_utf8_lossy(&packet[at + 1..end]));
                labels.push('.');
                at = end;
            }
            // RFC 1035, 4.1: the question again, then one PTR record with its name by a pointer.
            let Some(name) = answer(&labels) else { continue };
            let mut reply = packet[..at + 5].to_vec();
            reply[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
            reply.extend_from_slice(&[0xc0, 12, 0, 12, 0, 1, 0, 0, 0, 60]);
            reply.extend_from_slice(&((name.len() + 2) as u16).to_be_bytes());
            reply.push(name.len() as u8);
            reply.extend_from_slice(&name);
            reply.push(0);
            let _ = socket.send_to(&reply, from);
        }
    });
}

fn resolved(namespace: &Namespace, line: &str, file: &Path) -> Ran {
    let mut command = with_file("/etc/resolv.conf", "nameserver 127.0.0.1\n", line);
    command.arg(file);
    namespace.run(|| run_for(&mut command, PATIENCE))
}

#[test]
fn names_come_from_a_name_server_and_never_command_a_terminal() {
    let Some([namespace, _]) = apart() else { return };
    serve(&namespace, |question| match question {
        "1.0.77.10.in-addr.arpa." => Some(b"host-one".to_vec()),
        _ => Some(b"\x1b[31mevil".to_vec()),
    });
    let ran = resolved(&namespace, "packets -N -r", &capture("http-get.pcap"));
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("IP host-one.54262 > 10.77.0.2.80: "), "{}", ran.stdout);
    assert!(!ran.stdout.contains('\x1b') && !ran.stdout.contains("evil"), "{}", ran.stdout);
}

#[test]
fn a_name_server_that_is_silent_holds_nothing_up_for_long() {
    let Some([namespace, _]) = apart() else { return };
    serve(&namespace, |_| None);
    let ran = resolved(&namespace, "packets -N --plain -r", &capture("http-get.pcap"));
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr);
    let bare = resolved(&namespace, "packets --plain -r", &capture("http-get.pcap"));
    assert_eq!(ran.stdout, bare.stdout);
}
