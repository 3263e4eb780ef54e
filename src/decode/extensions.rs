//! The extension headers of the innermost IPv6 datagram, told apart: layers only say that there are some. And the addresses in
//! them that take the place of those in the base header.

use super::packet::{LayerKind, Network, Packet};
use crate::model::IpProtocol;

impl<'f> Packet<'f> {
    /// Each extension header with its number, from its first byte to the end of the capture.
    fn extension_headers(&self) -> impl Iterator<Item = (IpProtocol, &'f [u8])> + '_ {
        let v6 = self.network == Network::Ipv6;
        let mut next = self.bytes.get(self.network_at as usize + 6).copied().filter(|_| v6);
        self.layers()
            .filter(|l| {
                l.offset > self.network_at && matches!(l.kind, LayerKind::Ipv6Extension | LayerKind::Ipv6Fragment | LayerKind::Ah)
            })
            .map_while(move |layer| {
                let header = self.bytes.get(layer.offset as usize..)?;
                let number = next?;
                next = header.first().copied();
                Some((IpProtocol(number), header))
            })
    }

    /// The first routing header.
    pub(super) fn routing_header(&self) -> Option<&'f [u8]> {
        self.extension_headers().find(|(number, _)| *number == IpProtocol::ROUTING).map(|(_, header)| header)
    }

    /// The address that a mobile node away from home has there (RFC 6275 section 6.3): option 201 of a destination options header.
    pub(super) fn home_address(&self) -> Option<&'f [u8]> {
        let (_, header) = self.extension_headers().find(|(number, _)| *number == IpProtocol::DESTINATION_OPTIONS)?;
        let length = (usize::from(*header.get(1)?) + 1) * 8;
        let mut options = header.get(2..length.min(header.len()))?;
        loop {
            options = match *options {
                [0, ref rest @ ..] => rest,
                [201, 16, ref rest @ ..] => return rest.get(..16),
                [_, length, ref rest @ ..] => rest.get(usize::from(length)..)?,
                _ => return None,
            };
        }
    }

    /// Source and destination of the innermost IPv6 datagram as its ends know them, where headers after the base header name
    /// others: a home address, and the last stop of a source route that is not used up (routing types 0 and 2).
    #[must_use]
    pub fn final_addresses(&self) -> (Option<[u8; 16]>, Option<[u8; 16]>) {
        let source = self.home_address().and_then(|address| address.try_into().ok());
        let target = self.routing_header().and_then(|route| {
            let &[_, length, 0 | 2, 1..=255, ..] = route else { return None };
            let end = (usize::from(length) + 1) * 8;
            route.get(end.saturating_sub(16).max(8)..end)?.try_into().ok()
        });
        (source, target)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Checksum, decode_ip};
    use etherparse::PacketBuilder;

    #[test]
    fn a_home_address_and_a_route_s_end_are_the_real_ends() {
        let mut bytes = Vec::new();
        PacketBuilder::ipv6([1; 16], [2; 16], 64).udp(1, 2).write(&mut bytes, b"odd").unwrap();
        assert_eq!(decode_ip(&bytes).final_addresses(), (None, None));
        bytes[6] = 60;
        bytes[5] += 24 + 24;
        bytes[8..24].fill(7);
        bytes[24..40].fill(8);
        let options = [&[43, 2, 1, 2, 0, 0, 201, 16][..], &[1; 16]].concat();
        let route = [&[17, 2, 2, 1, 0, 0, 0, 0][..], &[2; 16]].concat();
        bytes.splice(40..40, [options, route].concat());
        let packet = decode_ip(&bytes);
        assert_eq!(packet.final_addresses(), (Some([1; 16]), Some([2; 16])));
        assert_eq!(packet.transport_checksum(), Some(Checksum::Good));
        for cut in 0..bytes.len() {
            let _ = decode_ip(&bytes[..cut]).final_addresses();
        }
    }
}
