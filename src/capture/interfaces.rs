//! The interfaces of this host (of this network namespace): what can be captured, and why not.
//!
//! The list comes from pnet, the hardware type from the kernel; nothing here needs rights.

use super::live::{self, ANY};
use crate::model::{LinkType, MacAddr};
use std::net::IpAddr;

/// Why an interface cannot be captured now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The right is missing: see [`Permission`](super::permission::Permission).
    NotPermitted,
    /// It is down.
    Down,
}

/// An address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The address.
    pub address: IpAddr,
    /// Leading bits that name the network.
    pub prefix: u8,
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Name, such as `eth0`.
    pub name: String,
    /// The kernel's number, as SLL2 headers have it.
    pub index: u32,
    /// Administratively up.
    pub up: bool,
    /// Up, and there is a link.
    pub running: bool,
    /// The host's own loop.
    pub loopback: bool,
    /// Hardware address, where it has one.
    pub mac: Option<MacAddr>,
    /// In the kernel's order.
    pub addresses: Vec<InterfaceAddress>,
    /// Link type of a capture without `-y`; `None` if the interface vanished meanwhile.
    pub link: Option<LinkType>,
    /// Why it cannot be captured.
    pub obstacle: Option<Obstacle>,
}

/// Something libpcap can open that is no network interface, such as `nflog` or `bluetooth0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PseudoDevice {
    /// libpcap's name.
    pub name: String,
    /// libpcap's description.
    pub description: Option<String>,
}

/// Everything there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interfaces {
    /// The network interfaces, those that are up first, by index.
    pub interfaces: Vec<Interface>,
    /// Why [`ANY`] cannot be captured.
    pub any: Option<Obstacle>,
    /// What libpcap lists besides; sockeye does not capture on these.
    pub pseudo: Vec<PseudoDevice>,
}

impl Interfaces {
    /// Lists what there is now.
    #[must_use]
    pub fn list() -> Self {
        let refused = (!live::is_permitted()).then_some(Obstacle::NotPermitted);
        let mut interfaces: Vec<_> = pnet::datalink::interfaces().into_iter().map(|found| describe(found, refused)).collect();
        interfaces.sort_by_key(|interface| (!interface.up, interface.index));
        let pseudo = pseudo_devices(&interfaces);
        Self { interfaces, any: refused, pseudo }
    }

    /// The interface of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Interface> {
        self.interfaces.iter().find(|interface| interface.name == name)
    }

    /// The name that was probably meant by one that does not exist.
    #[must_use]
    pub fn suggest(&self, name: &str) -> Option<&str> {
        let names = self.interfaces.iter().map(|interface| interface.name.as_str()).chain([ANY]);
        closest(name, names)
    }
}

/// The closest name, if a typing error or two away: one change for each three letters, at least one.
fn closest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let allowed = (lower.chars().count() / 3).max(1);
    let near = names.map(|other| (strsim::osa_distance(&lower, &other.to_lowercase()), other));
    near.filter(|(distance, _)| *distance <= allowed).min_by_key(|(distance, _)| *distance).map(|(_, other)| other)
}

fn describe(found: pnet::datalink::NetworkInterface, refused: Option<Obstacle>) -> Interface {
    let mac = found.mac.map(|mac| MacAddr(mac.octets())).filter(|mac| mac.0 != [0; 6]);
    Interface {
        up: found.is_up(),
        running: found.is_up() && found.is_running(),
        loopback: found.is_loopback(),
        mac,
        addresses: found.ips.iter().map(|network| InterfaceAddress { address: network.ip(), prefix: network.prefix() }).collect(),
        link: live::default_link(&found.name),
        obstacle: refused.or_else(|| (!found.is_up()).then_some(Obstacle::Down)),
        index: found.index,
        name: found.name,
    }
}

#[cfg(feature = "libpcap")]
fn pseudo_devices(known: &[Interface]) -> Vec<PseudoDevice> {
    let is_known = |name: &str| name == ANY || known.iter().any(|interface| interface.name == name);
    let devices = pcap::Device::list().unwrap_or_default().into_iter();
    devices
        .filter(|device| !is_known(&device.name))
        .map(|device| PseudoDevice { name: device.name, description: device.desc })
        .collect()
}

#[cfg(not(feature = "libpcap"))]
fn pseudo_devices(_: &[Interface]) -> Vec<PseudoDevice> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(name: &str) -> Option<&'static str> {
        closest(name, ["lo", "eth0", "eth1", "wlp0s20f3", "docker0", ANY].into_iter())
    }

    #[test]
    fn typing_errors_find_the_name() {
        assert_eq!(meant("etho"), Some("eth0"));
        assert_eq!(meant("ETH1"), Some("eth1"));
        assert_eq!(meant("wlp0s2f3"), Some("wlp0s20f3"));
        assert_eq!(meant("l0"), Some("lo"));
        assert_eq!(meant("ayn"), Some("any"));
    }

    #[test]
    fn far_names_find_nothing() {
        assert_eq!(meant("tunnel"), None);
        assert_eq!(meant("wlan0"), None);
        assert_eq!(meant(""), None);
    }
}
