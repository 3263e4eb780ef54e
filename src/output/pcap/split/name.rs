//! What the files of a split capture are called: letters and digits of ASCII, `.`, `-` and `_` (for the colons of IPv6), so that
//! every file system takes them. Nothing of a packet but addresses, ports and numbers of protocols is in a name.

use crate::detect::Cause;
use crate::flow::{FlowId, FlowKind, FlowRecord, State};
use crate::model::{Endpoint, FileFormat, IpProtocol};
use std::net::IpAddr;

/// Where packets of no conversation go, without its ending.
pub(super) const OTHER: &str = "other";
/// Where those go that take part in no finding.
pub(super) const NO_FINDING: &str = "no-finding";
/// The list of all files.
pub const INDEX: &str = "index.jsonl";

/// The ending of capture files in this format.
pub(super) const fn ending(format: FileFormat) -> &'static str {
    match format {
        FileFormat::Pcap { .. } => ".pcap",
        FileFormat::PcapNg => ".pcapng",
    }
}

/// `c3-10.98.0.1.49382-10.98.0.2.80`; ports where the protocol has them. Without ends, as long as none are known: `c3`.
pub(super) fn flow(id: FlowId, ends: Option<(Endpoint, Endpoint)>) -> String {
    let ports = matches!(id.kind, FlowKind::Tcp | FlowKind::Udp | FlowKind::Sctp);
    let end = |end: Endpoint| if ports { format!("{}.{}", host(end.ip), end.port) } else { host(end.ip) };
    ends.map_or_else(|| id.to_string(), |(from, to)| format!("{id}-{}-{}", end(from), end(to)))
}

/// An address.
pub(super) fn host(ip: IpAddr) -> String {
    ip.to_string().replace(':', "_")
}

/// The protocol and the server's port, `tcp-80`; of protocols without ports the protocol.
pub(super) fn port(record: &FlowRecord) -> String {
    match record.id.kind {
        FlowKind::Tcp | FlowKind::Udp | FlowKind::Sctp => format!("{}-{}", protocol(record), record.responder.port),
        FlowKind::Icmp | FlowKind::Other => protocol(record),
    }
}

/// The protocol after IP: a word where there is one, `ip-99` else.
pub(super) fn protocol(record: &FlowRecord) -> String {
    record.protocol.name().map_or_else(|| format!("ip-{}", record.protocol.0), str::to_owned)
}

/// The state in words of records: `no-answer`, and `reset` whoever did it.
pub(super) fn state(state: State) -> String {
    state.key().replace('_', "-")
}

/// The number and the code of a finding, `f1-port-scan`: as `sockeye findings` has them.
pub(super) fn finding(number: u64, code: &str) -> String {
    format!("f{number}-{}", code.replace('_', "-"))
}

/// Could a run of `split` have given this name? Then a file of it is not to be mixed with those of another run.
#[must_use]
pub fn is_ours(name: &str) -> bool {
    const STATES: [&str; 15] = [
        "opening",
        "half-open",
        "open",
        "stalled",
        "closing",
        "half-closed",
        "closed",
        "reset",
        "refused",
        "unreachable",
        "no-answer",
        "midway",
        "answered",
        "no-reply",
        "one-way",
    ];
    if name == INDEX {
        return true;
    }
    let Some(stem) = name.strip_suffix(".pcap").or_else(|| name.strip_suffix(".pcapng")) else { return false };
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let first = stem.split('-').next().unwrap_or_default();
    let of_finding = |stem: &str| {
        stem.strip_prefix('f').and_then(|rest| rest.split_once('-')).is_some_and(|(digits, code)| {
            number(digits) && Cause::CODES.iter().any(|known| known.len() == code.len() && known.replace('_', "-") == code)
        })
    };
    let mut protocols = (0..=u8::MAX).filter_map(|number| IpProtocol(number).name());
    first.parse::<FlowId>().is_ok()
        || stem == OTHER
        || stem == NO_FINDING
        || of_finding(stem)
        || STATES.contains(&stem)
        || protocols.any(|word| stem == word)
        || stem.replace('_', ":").parse::<IpAddr>().is_ok()
        || ["tcp-", "udp-", "sctp-", "ip-"].iter().any(|start| stem.strip_prefix(start).is_some_and(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::fixture::nine;

    fn end(text: &str, port: u16) -> Endpoint {
        Endpoint::new(text.parse().unwrap(), port)
    }

    #[test]
    fn names_are_of_letters_that_every_file_system_takes() {
        let id = |text: &str| text.parse::<FlowId>().unwrap();
        let four = Some((end("10.98.0.1", 49382), end("10.98.0.2", 80)));
        let six = Some((end("2001:db8::1", 5000), end("fe80::1", 53)));
        assert_eq!(flow(id("c3"), four), "c3-10.98.0.1.49382-10.98.0.2.80");
        assert_eq!(flow(id("u1"), six), "u1-2001_db8__1.5000-fe80__1.53");
        assert_eq!(flow(id("i2"), four), "i2-10.98.0.1-10.98.0.2");
        assert_eq!(flow(id("x1"), None), "x1");
        let longest = end("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535);
        assert!(flow(FlowId { kind: FlowKind::Tcp, number: u64::MAX }, Some((longest, longest))).len() < 160);
    }

    #[test]
    fn groups_of_records() {
        let records = nine();
        assert_eq!(
            (port(&records[0]), protocol(&records[0]), state(records[1].state)),
            ("tcp-80".into(), "tcp".into(), "refused".into())
        );
        assert_eq!(state(State::NoAnswer), "no-answer");
        assert_eq!(state(State::ResetByOriginator), "reset");
    }

    #[test]
    fn names_that_were_given_are_known_again() {
        let mut given: Vec<String> = nine()
            .iter()
            .flat_map(|record| {
                let ends = Some((record.originator, record.responder));
                [
                    flow(record.id, ends),
                    flow(record.id, None),
                    port(record),
                    protocol(record),
                    state(record.state),
                    host(record.responder.ip),
                ]
            })
            .collect();
        given.extend([
            host("2001:db8::1".parse().unwrap()),
            "ip-47".to_owned(),
            OTHER.to_owned(),
            NO_FINDING.to_owned(),
            state(State::OneWay),
            state(State::NoReply),
        ]);
        given.extend(Cause::CODES.iter().map(|code| finding(12, code)));
        for name in given {
            assert!(is_ours(&format!("{name}.pcap")) && is_ours(&format!("{name}.pcapng")), "{name}");
        }
        assert!(is_ours(INDEX));
        for name in
            ["mix.pcap", "c.pcap", "capture.pcap", "c1-x.pcap.gz", "notes.txt", "tcp-.pcap", "f1-x.pcap", "f-reset.pcap", ""]
        {
            assert!(!is_ours(name), "{name}");
        }
    }
}
