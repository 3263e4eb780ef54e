//! What a network card, or the kernel in its place, does to packets before or after they are captured: which offloads an
//! interface has switched on, and what each does to what one sees.
//!
//! Names are those of ethtool(8), `-k` and `-K`. It asks the kernel; it changes nothing.

mod features;

use features::Feature;
use std::io;

/// An offload that changes what a capture shows, or that people take for one that does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offload {
    /// Generic receive offload: the kernel joins received segments.
    Gro,
    /// The card joins received segments as GRO would.
    GroHardware,
    /// Received packets of a flow are chained to one.
    GroList,
    /// UDP datagrams that are only forwarded are joined.
    GroUdp,
    /// Large receive offload: the card joins received segments, headers are lost.
    Lro,
    /// The card cuts TCP segments that are sent.
    Tso,
    /// The kernel cuts what is sent after it was captured.
    Gso,
    /// The card cuts UDP datagrams that are sent into fragments (before Linux 4.14).
    Ufo,
    /// The card cuts UDP payloads into datagrams.
    UdpSegmentation,
    /// The card works out checksums of what is sent.
    TxChecksum,
    /// The card checks checksums of what is received.
    RxChecksum,
    /// The card takes VLAN tags out of received frames.
    RxVlan,
}

/// What an offload does to a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Packets are larger than those on the wire, and fewer.
    Joined,
    /// Checksums of sent packets are not there yet.
    NoChecksum,
    /// Nothing that one sees.
    Harmless,
}

/// An offload that is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Active {
    /// Which.
    pub offload: Offload,
    /// It can be switched off.
    pub changeable: bool,
}

impl Offload {
    /// All of them, receiving first, with the kernel's names of the features (`net/ethtool/common.c`) that make them up.
    const ALL: [(Self, &'static [&'static str]); 12] = [
        (Self::Gro, &["rx-gro"]),
        (Self::GroHardware, &["rx-gro-hw"]),
        (Self::GroList, &["rx-gro-list"]),
        (Self::GroUdp, &["rx-udp-gro-forwarding"]),
        (Self::Lro, &["rx-lro"]),
        (Self::Tso, &["tx-tcp-segmentation", "tx-tcp6-segmentation", "tx-tcp-ecn-segmentation", "tx-tcp-mangleid-segmentation"]),
        (Self::Gso, &["tx-generic-segmentation"]),
        (Self::Ufo, &["tx-udp-fragmentation"]),
        (Self::UdpSegmentation, &["tx-udp-segmentation"]),
        (Self::TxChecksum, &["tx-checksum-ipv4", "tx-checksum-ip-generic", "tx-checksum-ipv6"]),
        (Self::RxChecksum, &["rx-checksum"]),
        (Self::RxVlan, &["rx-vlan-hw-parse", "rx-vlan-offload"]),
    ];

    /// The word that `ethtool -K` takes.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Gro => "gro",
            Self::GroHardware => "rx-gro-hw",
            Self::GroList => "rx-gro-list",
            Self::GroUdp => "rx-udp-gro-forwarding",
            Self::Lro => "lro",
            Self::Tso => "tso",
            Self::Gso => "gso",
            Self::Ufo => "ufo",
            Self::UdpSegmentation => "tx-udp-segmentation",
            Self::TxChecksum => "tx",
            Self::RxChecksum => "rx",
            Self::RxVlan => "rxvlan",
        }
    }

    /// What it does to a capture.
    #[must_use]
    pub const fn effect(self) -> Effect {
        match self {
            Self::TxChecksum => Effect::NoChecksum,
            Self::RxChecksum | Self::RxVlan => Effect::Harmless,
            _ => Effect::Joined,
        }
    }
}

/// The offloads that an interface has switched on.
///
/// # Errors
/// There is no such interface, or the kernel does not tell.
pub fn active(interface: &str) -> io::Result<Vec<Active>> {
    Ok(among(&features::features(interface)?))
}

fn among(features: &[Feature]) -> Vec<Active> {
    let of = |names: &[&str]| {
        let on: Vec<_> = features.iter().filter(|feature| feature.active && names.contains(&feature.name.as_str())).collect();
        (!on.is_empty()).then(|| on.iter().any(|feature| feature.changeable))
    };
    let found = Offload::ALL.iter().filter_map(|(offload, names)| Some((*offload, of(names)?)));
    found.map(|(offload, changeable)| Active { offload, changeable }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offloads_are_made_of_features_that_are_on() {
        let feature = |name: &str, active, changeable| Feature { name: name.to_owned(), active, changeable };
        let features = [
            feature("rx-gro", true, true),
            feature("tx-tcp-segmentation", false, true),
            feature("tx-tcp6-segmentation", true, false),
            feature("rx-lro", false, false),
            feature("tx-scatter-gather", true, true),
        ];
        let gro = Active { offload: Offload::Gro, changeable: true };
        let tso = Active { offload: Offload::Tso, changeable: false };
        assert_eq!(among(&features), [gro, tso]);
        assert_eq!(among(&[]), []);
    }
}
