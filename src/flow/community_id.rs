//! Community ID, version 1: one short name for a conversation that other tools compute, too (corelight/community-id-spec).
//!
//! SHA-1 over seed, both addresses, protocol, a zero byte and both ports, the smaller (address, port) first. ICMP has its
//! types in place of ports; a message without an answer keeps its sender first.

use super::icmp;
use crate::model::{Endpoint, IpProtocol};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};
use std::fmt::Write;
use std::net::IpAddr;

/// `1:` and the digest in base64. `source` and `target` as in a record: for ICMP the ports are type and counter-type, or type
/// and code.
#[must_use]
pub fn of(source: Endpoint, target: Endpoint, protocol: IpProtocol, seed: u16) -> String {
    let mut out = String::with_capacity(30);
    out.push_str("1:");
    STANDARD.encode_string(digest(source, target, protocol, seed), &mut out);
    out
}

/// `1:` and the digest in hexadecimal, the specification's other form.
#[must_use]
pub fn of_hex(source: Endpoint, target: Endpoint, protocol: IpProtocol, seed: u16) -> String {
    digest(source, target, protocol, seed).iter().fold(String::from("1:"), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn digest(source: Endpoint, target: Endpoint, protocol: IpProtocol, seed: u16) -> [u8; 20] {
    let (first, second) = if turns(source, target, protocol) { (target, source) } else { (source, target) };
    let mut sha = Sha1::new();
    sha.update(seed.to_be_bytes());
    for ip in [first.ip, second.ip] {
        match ip {
            IpAddr::V4(ip) => sha.update(ip.octets()),
            IpAddr::V6(ip) => sha.update(ip.octets()),
        }
    }
    sha.update([protocol.0, 0]);
    if has_ports(protocol) {
        sha.update(first.port.to_be_bytes());
        sha.update(second.port.to_be_bytes());
    }
    sha.finalize().into()
}

const fn has_ports(protocol: IpProtocol) -> bool {
    matches!(protocol, IpProtocol::TCP | IpProtocol::UDP | IpProtocol::SCTP | IpProtocol::ICMP | IpProtocol::ICMPV6)
}

/// Does the target stand first?
fn turns(source: Endpoint, target: Endpoint, protocol: IpProtocol) -> bool {
    let v6 = protocol == IpProtocol::ICMPV6;
    let one_way = (v6 || protocol == IpProtocol::ICMP)
        && u8::try_from(source.port).is_ok_and(|kind| icmp::counter_type(v6, kind).is_none());
    !one_way && (target.ip, target.port) < (source.ip, source.port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(source: &str, sport: u16, target: &str, dport: u16, protocol: u8, seed: u16) -> String {
        let end = |ip: &str, port| Endpoint::new(ip.parse().unwrap(), port);
        of(end(source, sport), end(target, dport), IpProtocol(protocol), seed)
    }

    #[test]
    fn the_published_vectors() {
        let tcp = "1:LQU9qZlK+B5F3KDmev6m5PMibrg=";
        assert_eq!(id("128.232.110.120", 34855, "66.35.250.204", 80, 6, 0), tcp);
        assert_eq!(id("66.35.250.204", 80, "128.232.110.120", 34855, 6, 0), tcp);
        assert_eq!(id("192.168.1.52", 54585, "8.8.8.8", 53, 17, 0), "1:d/FP5EW3wiY1vCndhwleRRKHowQ=");
        assert_eq!(id("8.8.8.8", 53, "192.168.1.52", 54585, 17, 0), "1:d/FP5EW3wiY1vCndhwleRRKHowQ=");
        assert_eq!(id("192.168.0.89", 8, "192.168.0.1", 0, 1, 0), "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
        assert_eq!(id("192.168.0.1", 0, "192.168.0.89", 8, 1, 0), "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
        assert_eq!(id("10.1.12.1", 0, "10.1.12.2", 0, 46, 0), "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw=");
    }
}
