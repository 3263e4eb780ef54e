//! TCP, UDP, ICMP and SCTP: where their headers end and how much data follows.

use super::icmp;
use super::packet::{IssueKind, LayerKind, Transport};
use super::tunnel;
use super::walk::Walk;
use crate::model::IpProtocol;
use etherparse::err::tcp;
use etherparse::{TcpHeaderSlice, UdpHeaderSlice};

const TCP_FIXED: usize = 20;

/// Decodes what follows the last IP header.
pub(super) fn decode(w: &mut Walk<'_, '_>, protocol: IpProtocol, at: usize) {
    match protocol {
        IpProtocol::TCP => tcp(w, at),
        IpProtocol::UDP => udp(w, at),
        IpProtocol::ICMP => icmp_message(w, LayerKind::Icmp, Transport::Icmp, at),
        IpProtocol::ICMPV6 => icmp_message(w, LayerKind::Icmpv6, Transport::Icmpv6, at),
        IpProtocol::SCTP => sctp(w, at),
        IpProtocol::NO_NEXT => w.payload(at),
        other if tunnel::in_ip(w, other, at) => {}
        IpProtocol(number) => {
            w.stop(IssueKind::UnknownProtocol, network_layer(w), w.packet.network_at as usize, u32::from(number));
            w.payload(at);
        }
    }
}

fn network_layer(w: &Walk<'_, '_>) -> LayerKind {
    if w.packet.network == super::Network::Ipv6 { LayerKind::Ipv6 } else { LayerKind::Ipv4 }
}

fn tcp(w: &mut Walk<'_, '_>, at: usize) {
    match TcpHeaderSlice::from_slice(w.bytes(at)) {
        Ok(header) => {
            if w.push(LayerKind::Tcp, at) {
                w.packet.transport = Transport::Tcp;
                w.payload(at + header.slice().len());
            }
        }
        Err(error) => broken_tcp(w, at, &error),
    }
}

/// With the 20 fixed bytes there, ports, numbers and flags are known, whatever became of the options.
#[cold]
fn broken_tcp(w: &mut Walk<'_, '_>, at: usize, error: &tcp::HeaderSliceError) {
    match error {
        tcp::HeaderSliceError::Len(error) if error.required_len <= TCP_FIXED => w.short(LayerKind::Tcp, at, TCP_FIXED),
        tcp::HeaderSliceError::Len(error) => {
            if w.push(LayerKind::Tcp, at) {
                w.packet.transport = Transport::Tcp;
                w.short(LayerKind::Tcp, at, error.required_len);
                let end = (at + error.required_len).min(w.end());
                w.rest(end);
            }
        }
        tcp::HeaderSliceError::Content(_) => {
            if w.push(LayerKind::Tcp, at) {
                w.packet.transport = Transport::Tcp;
                w.stop(IssueKind::BadHeader, LayerKind::Tcp, at, TCP_FIXED as u32);
                // Where such a header ends is anyone's guess: nothing is taken for data.
                w.rest(w.end());
            }
        }
    }
}

fn udp(w: &mut Walk<'_, '_>, at: usize) {
    let Ok(header) = UdpHeaderSlice::from_slice(w.bytes(at)) else {
        return w.short(LayerKind::Udp, at, 8);
    };
    if !w.push(LayerKind::Udp, at) {
        return;
    }
    w.packet.transport = Transport::Udp;
    match header.length() {
        // RFC 2675 section 4 (jumbograms), and segmentation offload: the IP length decides.
        0 => {}
        length @ 8.. => w.set_end(at + usize::from(length)),
        _ => {
            w.stop(IssueKind::BadHeader, LayerKind::Udp, at, 8);
            w.set_end(at + 8);
        }
    }
    w.payload(at + 8);
    tunnel::in_udp(w, header.source_port(), header.destination_port(), at + 8);
}

/// Type, code, checksum and four bytes that belong to the type: 8 in all, though a hostile or odd message may end after 4.
fn icmp_message(w: &mut Walk<'_, '_>, layer: LayerKind, transport: Transport, at: usize) {
    let Some(head) = w.take::<4>(layer, at) else { return };
    if !w.push(layer, at) {
        return;
    }
    w.packet.transport = transport;
    if icmp::is_error(transport == Transport::Icmpv6, head[0]) && !w.bytes(at + 8).is_empty() {
        // As with data: where there is no room to list the quote, nothing was left undecoded.
        let _ = w.packet.push_layer(LayerKind::Quoted, (at + 8) as u32);
        w.rest(at + 8);
    } else {
        w.payload((at + 8).min(w.end()));
    }
}

/// RFC 9260 section 3: ports, verification tag, checksum. The chunks are data here.
fn sctp(w: &mut Walk<'_, '_>, at: usize) {
    if w.take::<12>(LayerKind::Sctp, at).is_some() && w.push(LayerKind::Sctp, at) {
        w.packet.transport = Transport::Sctp;
        w.payload(at + 12);
    }
}
