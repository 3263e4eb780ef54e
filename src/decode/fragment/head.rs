//! What stands in front of a joined datagram's data: the link layer and IP header of its fragment with offset 0, changed to
//! say that nothing is fragmented.

use super::super::packet::{LayerKind, Network, Packet};
use etherparse::Ipv4HeaderSlice;

/// The bytes before the data, and what is known of the layers below IP.
pub(super) struct Head {
    bytes: Vec<u8>,
    below: Packet<'static>,
}

impl Head {
    /// Takes the headers of the fragment with offset 0, whose data starts at `data_at`.
    pub(super) fn of(packet: &Packet<'_>, data_at: usize) -> Option<Self> {
        let mut bytes;
        if packet.network == Network::Ipv6 {
            let fragment = packet.fragment_header()?.offset;
            let next = *packet.bytes.get(fragment as usize)?;
            bytes = packet.bytes.get(..fragment as usize)?.to_vec();
            // What named the fragment header now names what followed that.
            let before = packet.layers().take_while(|l| l.offset < fragment).last()?;
            let field = if before.kind == LayerKind::Ipv6 { before.offset + 6 } else { before.offset };
            *bytes.get_mut(field as usize)? = next;
        } else {
            bytes = packet.bytes.get(..data_at)?.to_vec();
        }
        Some(Self { bytes, below: packet.below_network() })
    }

    /// Memory in use, bytes.
    pub(super) fn memory(&self) -> usize {
        self.bytes.capacity()
    }

    /// Most memory that a head takes whose data starts at `data_at`.
    pub(super) const fn memory_for(data_at: usize) -> usize {
        data_at
    }

    /// Writes the headers of a datagram with this much data; `false` if no length field can say it.
    pub(super) fn write(&self, data_len: usize, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(&self.bytes);
        let at = self.below.network_at as usize;
        let header_len = self.bytes.len() - at;
        let Some(ip) = out.get_mut(at..) else { return false };
        match (self.below.network, ip) {
            (Network::Ipv6, [_, _, _, _, l0, l1, ..]) => {
                let Ok(length) = u16::try_from((header_len + data_len).saturating_sub(40)) else { return false };
                [*l0, *l1] = length.to_be_bytes();
                true
            }
            (Network::Ipv4, ip) => {
                let Ok(length) = u16::try_from(header_len + data_len) else { return false };
                whole_ipv4(ip, length).is_some()
            }
            _ => false,
        }
    }

    /// What stands in front of the datagram, without the bytes.
    pub(super) const fn below(&self) -> &Packet<'static> {
        &self.below
    }
}

/// Sets length and fragment fields ("don't fragment" stays) and computes the checksum anew.
fn whole_ipv4(ip: &mut [u8], length: u16) -> Option<()> {
    ip.get_mut(2..4)?.copy_from_slice(&length.to_be_bytes());
    *ip.get_mut(6)? &= 0xc0;
    *ip.get_mut(7)? = 0;
    let checksum = Ipv4HeaderSlice::from_slice(ip).ok()?.to_header().calc_header_checksum();
    ip.get_mut(10..12)?.copy_from_slice(&checksum.to_be_bytes());
    Some(())
}
