//! What the first byte of a frame belongs to: the way into a frame for each link type that is printed.

use super::walk::{Cut, Walk};
use crate::model::LinkType;
use crate::output::text::Text;

/// "EtherType" of Linux cooked captures for an 802.2 LLC header.
pub(super) const LLC: u16 = 4;
/// "EtherType" of Linux cooked captures for Novell's 802.3 frames without LLC.
pub(super) const NETWARE: u16 = 1;

impl Walk<'_> {
    /// Prints a frame of `length` bytes on the wire. Gives the length of its link header.
    pub(super) fn frame(&mut self, link: LinkType, length: u32) -> Result<usize, Cut> {
        match link {
            LinkType::ETHERNET => self.ethernet(0, length),
            LinkType::LINUX_SLL => self.sll(length),
            LinkType::LINUX_SLL2 => self.sll2(length),
            LinkType::NULL | LinkType::LOOP => self.loopback(length),
            LinkType::RAW | LinkType::RAW_12 | LinkType::RAW_14 | LinkType::IPV4 | LinkType::IPV6 => self.raw(length),
            LinkType::PPP => self.ppp_frame(length),
            LinkType::PPP_HDLC => self.ppp_hdlc_frame(length),
            LinkType::PPP_ETHER => self.pppoe(0, length),
            LinkType::IEEE802_11 => self.wifi(0, length),
            LinkType::IEEE802_11_RADIOTAP => self.radiotap(length),
            LinkType(number) => {
                self.put(format_args!("link type {number}, length {length}: "));
                self.unread(0);
                Ok(0)
            }
        }
    }

    /// IP at once, version told by the first nibble.
    fn raw(&mut self, length: u32) -> Result<usize, Cut> {
        self.layer = "raw";
        if self.options.link_header {
            self.text("ip: ");
        }
        match self.u8(0)? >> 4 {
            4 => self.ip4(0, length)?,
            6 => self.ip6(0, length)?,
            version => self.put(format_args!("unknown ip {version}")),
        }
        Ok(0)
    }

    /// Four bytes of address family, in the order of the host that captured: one that is too great for a family is turned.
    fn loopback(&mut self, length: u32) -> Result<usize, Cut> {
        self.layer = "null";
        let family = self.array(0).map(u32::from_le_bytes)?;
        let family = if family & 0xffff_0000 != 0 { family.swap_bytes() } else { family };
        let name = match family {
            2 => Some("IPv4"),
            24 | 28 | 30 => Some("IPv6"),
            7 => Some("ISO"),
            16 => Some("AppleTalk"),
            23 => Some("IPX"),
            _ => None,
        };
        if self.options.link_header {
            self.loopback_header(name, family, length);
        }
        let left = length.saturating_sub(4);
        match family {
            2 => self.ip4(4, left)?,
            24 | 28 | 30 => self.ip6(4, left)?,
            _ => {
                if !self.options.link_header {
                    self.loopback_header(name, family, length);
                }
                self.unread(4);
            }
        }
        Ok(4)
    }

    fn loopback_header(&mut self, name: Option<&str>, family: u32, length: u32) {
        if self.options.quiet {
            self.named(name, format_args!("Unknown AF {family}"));
        } else {
            self.put(format_args!("AF {} ({family})", name.unwrap_or("Unknown")));
        }
        self.put(format_args!(", length {length}: "));
    }
}
