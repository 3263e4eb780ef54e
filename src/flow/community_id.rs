//! Community ID, version 1: one short name for a conversation that other tools compute, too (corelight/community-id-spec).
//!
//! SHA-1 over seed, both addresses, protocol, a zero byte and both ports, the smaller (address, port) first. ICMP has its
//! types in place of ports; a message without an answer keeps its sender first.

use super::icmp;
use crate::model::{Endpoint, IpProtocol};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt::{self, Write};
use std::net::IpAddr;

/// A community ID: `1:` and the digest in base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CommunityId([u8; 30]);

impl CommunityId {
    /// Of a conversation. `source` and `target` as in a record: for ICMP the ports are type and counter-type, or type and code.
    #[must_use]
    pub fn new(source: Endpoint, target: Endpoint, protocol: IpProtocol, seed: u16) -> Self {
        let mut text = *b"1:............................";
        // 20 bytes are 28 characters.
        let _ = STANDARD.encode_slice(digest(source, target, protocol, seed), &mut text[2..]);
        Self(text)
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for CommunityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The ID as a text of its own.
#[must_use]
pub fn of(source: Endpoint, target: Endpoint, protocol: IpProtocol, seed: u16) -> String {
    CommunityId::new(source, target, protocol, seed).to_string()
}

/// `1:` and the digest in hexadecimal, the specification's other form.
#[must_use]
pub fn of_hex(source: Endpoint, target: Endpoint, protocol: IpProtocol, seed: u16) -> String {
    digest(source, target, protocol, seed).iter().fold(String::from("1:"), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// SHA-1 (FIPS 180-4). The message has 40 bytes at most, so that it is one block with its padding.
fn digest(source: Endpoint, target: Endpoint, protocol: IpProtocol, seed: u16) -> [u8; 20] {
    let (first, second) = if turns(source, target, protocol) { (target, source) } else { (source, target) };
    let (mut block, mut len) = ([0; 64], 0);
    let mut put = |bytes: &[u8]| {
        block[len..len + bytes.len()].copy_from_slice(bytes);
        len += bytes.len();
    };
    put(&seed.to_be_bytes());
    for ip in [first.ip, second.ip] {
        match ip {
            IpAddr::V4(ip) => put(&ip.octets()),
            IpAddr::V6(ip) => put(&ip.octets()),
        }
    }
    put(&[protocol.0, 0]);
    if has_ports(protocol) {
        put(&first.port.to_be_bytes());
        put(&second.port.to_be_bytes());
    }
    let bits = 8 * len as u64;
    block[len] = 0x80;
    block[56..].copy_from_slice(&bits.to_be_bytes());
    let mut state = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    sha1::compress(&mut state, &[block.into()]);
    let mut digest = [0; 20];
    for (bytes, word) in digest.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    digest
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

    /// Source, target, ports, protocol; then the ID with seed 0, with seed 1, and in hexadecimal with seed 0.
    type Vector = (&'static str, &'static str, u16, u16, u8, &'static str, &'static str, &'static str);

    const VECTORS: [Vector; 8] = [
        (
            "128.232.110.120",
            "66.35.250.204",
            34855,
            80,
            6,
            "1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
            "1:3V71V58M3Ksw/yuFALMcW0LAHvc=",
            "1:2d053da9994af81e45dca0e67afea6e4f3226eb8",
        ),
        (
            "2001:470:e5bf:dead:4957:2174:e82c:4887",
            "2607:f8b0:400c:c03::1a",
            63943,
            25,
            6,
            "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=",
            "1:eJYTW6AOzFLlSUoESovMjnu7rMw=",
            "1:fea15a78047e8057b52988cccd50ec32ffb0814e",
        ),
        (
            "192.168.1.52",
            "8.8.8.8",
            54585,
            53,
            17,
            "1:d/FP5EW3wiY1vCndhwleRRKHowQ=",
            "1:Q9We8WO3piVF8yEQBNJF4uiSVrI=",
            "1:77f14fe445b7c22635bc29dd87095e451287a304",
        ),
        (
            "192.168.170.8",
            "192.168.170.56",
            7,
            7,
            132,
            "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs=",
            "1:5w3ZRjeKBzqT3zsaEECDGjUbYeg=",
            "1:30fd84b5108050866f4f0e8cc491cb57b37b243b",
        ),
        (
            "192.168.0.89",
            "192.168.0.1",
            8,
            0,
            1,
            "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=",
            "1:03g6IloqVBdcZlPyX8r0hgoE7kA=",
            "1:5f4b27617a60c22bfd4d9b6a83ae2c833527e839",
        ),
        (
            "10.0.0.1",
            "10.0.0.2",
            11,
            0,
            1,
            "1:YHxtAirCG//0OzkcVAukqKQN9xM=",
            "1:XjUibYHaafLQ3pxQeiMI8g25q20=",
            "1:607c6d022ac21bfff43b391c540ba4a8a40df713",
        ),
        (
            "fe80::200:86ff:fe05:80da",
            "fe80::260:97ff:fe07:69ea",
            135,
            136,
            58,
            "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=",
            "1:kHa1FhMYIT6Ym2Vm2AOtoOARDzY=",
            "1:7461f21af8cc7e58e0e81a69c26ddb8342cef136",
        ),
        (
            "10.1.12.1",
            "10.1.12.2",
            0,
            0,
            46,
            "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw=",
            "1:rYir8gphR31noO9iDRQmF/BteEI=",
            "1:28794b920a095bb89f513c934a0c957e4147ccac",
        ),
    ];

    #[test]
    fn the_specification_s_vectors_are_met_in_both_directions() {
        for (source, target, sport, dport, protocol, plain, seeded, hex) in VECTORS {
            let protocol = IpProtocol(protocol);
            let a = Endpoint::new(source.parse().unwrap(), sport);
            let b = Endpoint::new(target.parse().unwrap(), dport);
            assert_eq!(of(a, b, protocol, 0), plain);
            assert_eq!(of(a, b, protocol, 1), seeded);
            assert_eq!(of_hex(a, b, protocol, 0), hex);
            assert_eq!(CommunityId::new(a, b, protocol, 0).as_str(), plain);
            if sport != 11 {
                assert_eq!(of(b, a, protocol, 0), plain, "the answer has the same ID");
            }
        }
    }

    #[test]
    fn a_message_without_an_answer_is_not_turned() {
        let (a, b) = (Endpoint::new("3ffe::9".parse().unwrap(), 3), Endpoint::new("3ffe::1".parse().unwrap(), 0));
        assert_ne!(of(a, b, IpProtocol::ICMPV6, 0), of(Endpoint::new(b.ip, 3), Endpoint::new(a.ip, 0), IpProtocol::ICMPV6, 0));
    }
}
