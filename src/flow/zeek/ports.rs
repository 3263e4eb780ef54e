//! Ports that mean something to Zeek, and which side of a first packet they make the originator.

use super::sight::{Seen, Sight, is_broadcast};
use crate::flow::key::Ends;
use crate::flow::profile::Profile;

/// Ports of DNS, `NetBIOS` names, mDNS and LLMNR: one analyzer reads them all.
pub(super) const DNS: [u16; 4] = [53, 137, 5353, 5355];
pub(super) const NTP: u16 = 123;

/// TCP services whose sessions may be silent for long: FTP, SSH, Telnet, rlogin.
pub(super) const INTERACTIVE: [u16; 4] = [21, 22, 23, 513];

/// `likely_server_ports` as all of Zeek's default scripts make it: what each analyzer registers.
pub(in crate::flow) const TCP_SERVICES: &[u16] = &[
    21, 22, 25, 53, 79, 80, 81, 88, 135, 139, 143, 389, 443, 445, 465, 502, 514, 563, 585, 587, 614, 631, 636, 989, 990, 992,
    993, 995, 1080, 1434, 1883, 2811, 3128, 3268, 3306, 3389, 5222, 5223, 5269, 5432, 6379, 6666, 6667, 6668, 6669, 8000, 8080,
    8888, 20000,
];

/// The same of UDP.
pub(in crate::flow) const UDP_SERVICES: &[u16] = &[
    53, 67, 88, 123, 137, 161, 162, 389, 443, 514, 1812, 2123, 2152, 3389, 3544, 4011, 4754, 4789, 5060, 5072, 5353, 5355, 6081,
    20000,
];

/// Is the sender of a flow's first packet the server, as its port says?
pub(in crate::flow) fn turn_at_first(profile: &Profile, ends: &Ends, sight: &Sight, first: Option<FirstFlags>) -> bool {
    if is_broadcast(ends.target, ends.v6) {
        return false;
    }
    let likely = |services: &[u16], port: u16| services.binary_search(&port).is_ok();
    match (first, sight.transport) {
        (Some(FirstFlags { pure_syn: true, .. }), _) => false,
        (Some(flags), _) => match (likely(profile.tcp_services, ends.sport), likely(profile.tcp_services, ends.dport)) {
            (true, false) => true,
            (true, true) => !flags.syn_ack && ends.sport < ends.dport,
            _ => false,
        },
        (None, Seen::Udp { .. }) => likely(profile.udp_services, ends.sport) && !likely(profile.udp_services, ends.dport),
        _ => false,
    }
}

/// Flags of a TCP flow's first packet, readable even where its header length is not.
#[derive(Clone, Copy, Debug)]
pub(in crate::flow) struct FirstFlags {
    /// SYN without ACK.
    pub(in crate::flow) pure_syn: bool,
    /// SYN with ACK.
    pub(in crate::flow) syn_ack: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_sorted_so_that_they_can_be_searched() {
        assert!(TCP_SERVICES.is_sorted() && UDP_SERVICES.is_sorted());
        assert_eq!((TCP_SERVICES.len(), UDP_SERVICES.len()), (49, 24));
    }
}
