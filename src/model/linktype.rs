//! Link types: what the first byte of a frame belongs to. Numbers are those of the registry of link-layer header types
//! (draft-ietf-opsawg-pcaplinktype), as they stand in files.

use std::fmt;

/// A LINKTYPE number from a capture file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkType(pub u16);

/// What is known of a link type: number, the registry's short name, tcpdump's description, and whether sockeye decodes it.
struct Known {
    number: u16,
    name: &'static str,
    description: &'static str,
    decoded: bool,
}

const fn known(number: u16, name: &'static str, description: &'static str, decoded: bool) -> Known {
    Known { number, name, description, decoded }
}

/// Sorted by number. Names and descriptions are those `pcap_datalink_val_to_name` and its companion give.
const KNOWN: &[Known] = &[
    known(0, "NULL", "BSD loopback", true),
    known(1, "EN10MB", "Ethernet", true),
    known(6, "IEEE802", "Token ring", false),
    known(7, "ARCNET", "BSD ARCNET", false),
    known(8, "SLIP", "SLIP", false),
    known(9, "PPP", "PPP", true),
    known(10, "FDDI", "FDDI", false),
    known(12, "RAW", "Raw IP", true),
    known(14, "RAW", "Raw IP", true),
    known(50, "PPP_SERIAL", "PPP over serial", true),
    known(51, "PPP_ETHER", "PPP over Ethernet", true),
    known(100, "ATM_RFC1483", "RFC 1483 IP-over-ATM", false),
    known(101, "RAW", "Raw IP", true),
    known(104, "C_HDLC", "Cisco HDLC", false),
    known(105, "IEEE802_11", "802.11", true),
    known(107, "FRELAY", "Frame Relay", false),
    known(108, "LOOP", "OpenBSD loopback", true),
    known(113, "LINUX_SLL", "Linux cooked v1", true),
    known(117, "PFLOG", "OpenBSD pflog file", false),
    known(119, "PRISM_HEADER", "802.11 plus Prism header", false),
    known(122, "IP_OVER_FC", "RFC 2625 IP-over-Fibre Channel", false),
    known(127, "IEEE802_11_RADIO", "802.11 plus radiotap header", true),
    known(147, "USER0", "Private use 0", false),
    known(148, "USER1", "Private use 1", false),
    known(149, "USER2", "Private use 2", false),
    known(150, "USER3", "Private use 3", false),
    known(151, "USER4", "Private use 4", false),
    known(152, "USER5", "Private use 5", false),
    known(153, "USER6", "Private use 6", false),
    known(154, "USER7", "Private use 7", false),
    known(155, "USER8", "Private use 8", false),
    known(156, "USER9", "Private use 9", false),
    known(157, "USER10", "Private use 10", false),
    known(158, "USER11", "Private use 11", false),
    known(159, "USER12", "Private use 12", false),
    known(160, "USER13", "Private use 13", false),
    known(161, "USER14", "Private use 14", false),
    known(162, "USER15", "Private use 15", false),
    known(163, "IEEE802_11_RADIO_AVS", "802.11 plus AVS radio information header", false),
    known(166, "PPP_PPPD", "PPP for pppd, with direction flag", false),
    known(187, "BLUETOOTH_HCI_H4", "Bluetooth HCI UART transport layer", false),
    known(189, "USB_LINUX", "USB with Linux header", false),
    known(192, "PPI", "Per-Packet Information", false),
    known(195, "IEEE802_15_4", "IEEE 802.15.4 with FCS", false),
    known(201, "BLUETOOTH_HCI_H4_WITH_PHDR", "Bluetooth HCI UART transport layer plus pseudo-header", false),
    known(220, "USB_LINUX_MMAPPED", "USB with padded Linux header", false),
    known(228, "IPV4", "Raw IPv4", true),
    known(229, "IPV6", "Raw IPv6", true),
    known(239, "NFLOG", "Linux netfilter log messages", false),
    known(253, "NETLINK", "Linux netlink", false),
    known(276, "LINUX_SLL2", "Linux cooked v2", true),
];

impl LinkType {
    /// BSD loopback: four bytes of address family in the capturing host's byte order.
    pub const NULL: Self = Self(0);
    /// Ethernet, with or without 802.1Q and 802.1ad tags.
    pub const ETHERNET: Self = Self(1);
    /// PPP with or without HDLC-like framing.
    pub const PPP: Self = Self(9);
    /// Raw IP in files written with a BSD DLT number.
    pub const RAW_12: Self = Self(12);
    /// Raw IP in files written with the `OpenBSD` DLT number.
    pub const RAW_14: Self = Self(14);
    /// PPP in HDLC-like framing.
    pub const PPP_HDLC: Self = Self(50);
    /// `PPPoE` session packets without the Ethernet header.
    pub const PPP_ETHER: Self = Self(51);
    /// Raw IP, version told by its first nibble.
    pub const RAW: Self = Self(101);
    /// IEEE 802.11 frames.
    pub const IEEE802_11: Self = Self(105);
    /// `OpenBSD` loopback: four bytes of address family, network order.
    pub const LOOP: Self = Self(108);
    /// Linux "cooked" capture, version 1 (the `any` device by default).
    pub const LINUX_SLL: Self = Self(113);
    /// IEEE 802.11 frames after a radiotap header.
    pub const IEEE802_11_RADIOTAP: Self = Self(127);
    /// Raw IPv4.
    pub const IPV4: Self = Self(228);
    /// Raw IPv6.
    pub const IPV6: Self = Self(229);
    /// Linux "cooked" capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);

    fn known(self) -> Option<&'static Known> {
        KNOWN.binary_search_by_key(&self.0, |k| k.number).ok().map(|i| &KNOWN[i])
    }

    /// libpcap's name, such as `EN10MB`.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        self.known().map(|k| k.name)
    }

    /// A description for people, such as `Ethernet`.
    #[must_use]
    pub fn description(self) -> Option<&'static str> {
        self.known().map(|k| k.description)
    }

    /// Can [`crate::decode`] read frames of this type?
    #[must_use]
    pub fn is_decoded(self) -> bool {
        self.known().is_some_and(|k| k.decoded)
    }

    /// libpcap's number for it on Linux (DLT). It differs from the one in files (LINKTYPE) where systems disagreed.
    #[must_use]
    pub const fn to_dlt(self) -> i32 {
        match self {
            // 14 is OpenBSD's number for raw IP.
            Self::RAW | Self::RAW_12 | Self::RAW_14 => 12,
            // ATM RFC 1483, SLIP and PPP of BSD/OS, ATM with Classical IP.
            Self(100) => 11,
            Self(102) => 15,
            Self(103) => 16,
            Self(106) => 19,
            Self(other) => other as i32,
        }
    }

    /// The type that libpcap's number on Linux means; `None` for numbers that no file can hold.
    #[must_use]
    pub const fn from_dlt(dlt: i32) -> Option<Self> {
        Some(match dlt {
            12 => Self::RAW,
            11 => Self(100),
            15 => Self(102),
            16 => Self(103),
            19 => Self(106),
            0..=0xffff => Self(dlt as u16),
            _ => return None,
        })
    }

    /// Every link type that is decoded, by number.
    pub fn decoded() -> impl Iterator<Item = Self> {
        KNOWN.iter().filter(|k| k.decoded).map(|k| Self(k.number))
    }

    /// Every link type that has a name here, by number.
    pub fn named() -> impl Iterator<Item = Self> {
        KNOWN.iter().map(|k| Self(k.number))
    }

    /// The type that `--link-type NAME` means: a short word, libpcap's name in any case, or a number.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let lower = word.to_ascii_lowercase();
        match lower.as_str() {
            "ethernet" | "ether" => return Some(Self::ETHERNET),
            "raw" => return Some(Self::RAW),
            "sll" => return Some(Self::LINUX_SLL),
            "sll2" => return Some(Self::LINUX_SLL2),
            "wifi" | "802.11" => return Some(Self::IEEE802_11),
            "radiotap" => return Some(Self::IEEE802_11_RADIOTAP),
            _ => {}
        }
        if let Ok(number) = lower.parse() {
            return Some(Self(number));
        }
        KNOWN.iter().find(|k| k.name.eq_ignore_ascii_case(word)).map(|k| Self(k.number))
    }
}

/// The description, or `link type N`.
impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.description() {
            Some(text) => f.write_str(text),
            None => write!(f, "link type {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_it_can_be_searched() {
        assert!(KNOWN.is_sorted_by_key(|k| k.number));
    }

    #[test]
    fn libpcaps_numbers_lead_there_and_back() {
        for link in (0..=u16::MAX).map(LinkType) {
            let back = LinkType::from_dlt(link.to_dlt());
            match link.0 {
                // Numbers of systems, which files should not hold but some do: raw IP is the same thing.
                12 | 14 => assert_eq!(back, Some(LinkType::RAW)),
                11 | 15 | 16 | 19 => assert_ne!(back, Some(link)),
                _ => assert_eq!(back, Some(link)),
            }
        }
        assert_eq!((LinkType::RAW.to_dlt(), LinkType(100).to_dlt(), LinkType::LINUX_SLL2.to_dlt()), (12, 11, 276));
        assert_eq!((LinkType::from_dlt(-1), LinkType::from_dlt(0x1_0000)), (None, None));
    }

    #[test]
    fn words_and_numbers_name_types() {
        assert_eq!(LinkType::from_word("ethernet"), Some(LinkType::ETHERNET));
        assert_eq!(LinkType::from_word("linux_sll2"), Some(LinkType::LINUX_SLL2));
        assert_eq!(LinkType::from_word("276"), Some(LinkType::LINUX_SLL2));
        assert_eq!(LinkType::from_word("nonsense"), None);
    }
}
