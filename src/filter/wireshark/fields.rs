//! What Wireshark's fields and protocol names mean to a capture filter.

/// How a field is said in a capture filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// An IP address: protocol, then the direction with a blank behind it, or nothing.
    Address(&'static str, &'static str),
    /// An Ethernet address.
    Ether(&'static str),
    /// A port: protocol and direction.
    Port(&'static str, &'static str),
    /// A number that an expression of the filter language gives.
    Number(&'static str),
    /// A bit: 1, 0, `True` or `False`.
    Bit(&'static str),
    /// `PREFIX N`, only for equality: `ip proto 6`.
    Equal(&'static str),
}

/// Fields with a translation. TCP's payload length is that of IPv4, as everybody's filters have it.
const FIELDS: &[(&str, Field)] = &[
    ("arp.opcode", Field::Number("arp[6:2]")),
    ("eth.addr", Field::Ether("")),
    ("eth.dst", Field::Ether("dst ")),
    ("eth.src", Field::Ether("src ")),
    ("eth.type", Field::Equal("ether proto")),
    ("frame.len", Field::Number("len")),
    ("icmp.code", Field::Number("icmp[icmpcode]")),
    ("icmp.type", Field::Number("icmp[icmptype]")),
    ("icmpv6.code", Field::Number("icmp6[1]")),
    ("icmpv6.type", Field::Number("icmp6[0]")),
    ("ip.addr", Field::Address("ip", "")),
    ("ip.dsfield", Field::Number("ip[1]")),
    ("ip.dst", Field::Address("ip", "dst ")),
    ("ip.flags.df", Field::Bit("ip[6] & 0x40")),
    ("ip.flags.mf", Field::Bit("ip[6] & 0x20")),
    ("ip.host", Field::Address("ip", "")),
    ("ip.id", Field::Number("ip[4:2]")),
    ("ip.len", Field::Number("ip[2:2]")),
    ("ip.proto", Field::Equal("ip proto")),
    ("ip.src", Field::Address("ip", "src ")),
    ("ip.ttl", Field::Number("ip[8]")),
    ("ip.version", Field::Number("ip[0] >> 4")),
    ("ipv6.addr", Field::Address("ip6", "")),
    ("ipv6.dst", Field::Address("ip6", "dst ")),
    ("ipv6.hlim", Field::Number("ip6[7]")),
    ("ipv6.nxt", Field::Number("ip6[6]")),
    ("ipv6.src", Field::Address("ip6", "src ")),
    ("mpls.label", Field::Equal("mpls")),
    ("sctp.dstport", Field::Port("sctp", "dst ")),
    ("sctp.port", Field::Port("sctp", "")),
    ("sctp.srcport", Field::Port("sctp", "src ")),
    ("tcp.dstport", Field::Port("tcp", "dst ")),
    ("tcp.flags", Field::Number("tcp[tcpflags]")),
    ("tcp.flags.ack", Field::Bit("tcp[tcpflags] & tcp-ack")),
    ("tcp.flags.cwr", Field::Bit("tcp[tcpflags] & 0x80")),
    ("tcp.flags.ece", Field::Bit("tcp[tcpflags] & 0x40")),
    ("tcp.flags.fin", Field::Bit("tcp[tcpflags] & tcp-fin")),
    ("tcp.flags.push", Field::Bit("tcp[tcpflags] & tcp-push")),
    ("tcp.flags.reset", Field::Bit("tcp[tcpflags] & tcp-rst")),
    ("tcp.flags.syn", Field::Bit("tcp[tcpflags] & tcp-syn")),
    ("tcp.flags.urg", Field::Bit("tcp[tcpflags] & tcp-urg")),
    ("tcp.len", Field::Number("ip[2:2] - ((ip[0] & 0xf) << 2) - ((tcp[12] & 0xf0) >> 2)")),
    ("tcp.port", Field::Port("tcp", "")),
    ("tcp.seq_raw", Field::Number("tcp[4:4]")),
    ("tcp.ack_raw", Field::Number("tcp[8:4]")),
    ("tcp.srcport", Field::Port("tcp", "src ")),
    ("tcp.window_size_value", Field::Number("tcp[14:2]")),
    ("udp.dstport", Field::Port("udp", "dst ")),
    ("udp.length", Field::Number("udp[4:2]")),
    ("udp.port", Field::Port("udp", "")),
    ("udp.srcport", Field::Port("udp", "src ")),
    ("vlan.id", Field::Equal("vlan")),
];

/// Protocol names that stand alone, and what is meant: by its number where it has one, else by its usual port.
const PROTOCOLS: &[(&str, &str)] = &[
    ("amqp", "tcp port 5672"),
    ("bgp", "tcp port 179"),
    ("bootp", "udp port 67 or udp port 68"),
    ("dhcp", "udp port 67 or udp port 68"),
    ("dhcpv6", "udp port 546 or udp port 547"),
    ("dns", "port 53"),
    ("eigrp", "ip proto 88"),
    ("eapol", "ether proto 0x888e"),
    ("ftp", "tcp port 21"),
    ("gre", "ip proto 47"),
    ("http", "tcp port 80"),
    ("http2", "tcp port 443"),
    ("icmpv6", "icmp6"),
    ("imap", "tcp port 143"),
    ("ipv6", "ip6"),
    ("irc", "tcp port 6667"),
    ("kerberos", "port 88"),
    ("ldap", "tcp port 389"),
    ("lldp", "ether proto 0x88cc"),
    ("llmnr", "udp port 5355"),
    ("mdns", "udp port 5353"),
    ("modbus", "tcp port 502"),
    ("mqtt", "tcp port 1883"),
    ("mysql", "tcp port 3306"),
    ("nbns", "udp port 137"),
    ("nfs", "port 2049"),
    ("ntp", "udp port 123"),
    ("ospf", "ip proto 89"),
    ("pgsql", "tcp port 5432"),
    ("pop", "tcp port 110"),
    ("quic", "udp port 443"),
    ("radius", "udp port 1812 or udp port 1813"),
    ("rdp", "tcp port 3389"),
    ("rtsp", "tcp port 554"),
    ("sip", "port 5060"),
    ("smb", "tcp port 445"),
    ("smb2", "tcp port 445"),
    ("smtp", "tcp port 25"),
    ("snmp", "udp port 161"),
    ("ssdp", "udp port 1900"),
    ("ssh", "tcp port 22"),
    ("ssl", "tcp port 443"),
    ("syslog", "udp port 514"),
    ("telnet", "tcp port 23"),
    ("tftp", "udp port 69"),
    ("tls", "tcp port 443"),
    ("vxlan", "udp port 4789"),
    ("wireguard", "udp port 51820"),
    ("wg", "udp port 51820"),
    ("xmpp", "tcp port 5222"),
];

/// Protocols that are words of both languages.
const SHARED: &[&str] = &["arp", "carp", "icmp", "igmp", "ip", "pim", "sctp", "stp", "tcp", "udp", "vlan", "vrrp"];

/// More protocols whose fields people type; they have no capture filter.
const OTHERS: &[&str] =
    &["data", "dcerpc", "eth", "expert", "frame", "mpls", "ppp", "pppoes", "radiotap", "rtp", "sll", "usb", "websocket", "wlan"];

/// What a field means.
pub(super) fn field(name: &str) -> Option<Field> {
    // `tcp.flags.reset` and `bootp.*` have had several spellings.
    let name = match name {
        "tcp.flags.psh" => "tcp.flags.push",
        "tcp.flags.rst" => "tcp.flags.reset",
        "tcp.flags.ecn" => "tcp.flags.ece",
        "tcp.window_size" => "tcp.window_size_value",
        other => other,
    };
    FIELDS.iter().find(|(n, _)| *n == name).map(|(_, field)| *field)
}

/// What a protocol that stands alone means, if it is no word of the capture filter.
pub(super) fn protocol(name: &str) -> Option<&'static str> {
    PROTOCOLS.iter().find(|(n, _)| *n == name).map(|(_, text)| *text)
}

/// What the existence of a field means: its protocol.
pub(super) fn exists(name: &str) -> Option<&'static str> {
    let protocol_name = name.split('.').next().unwrap_or(name);
    if name.matches('.').count() > 0 && field(name).is_none() {
        return None;
    }
    SHARED.iter().copied().find(|n| *n == protocol_name).or_else(|| protocol(protocol_name))
}

/// Is this the first part of a field's name?
pub(super) fn is_protocol(word: &str) -> bool {
    SHARED.contains(&word) || OTHERS.contains(&word) || protocol(word).is_some()
}

/// The number of a port a display filter names, if it is one.
pub(super) fn is_port(number: u64) -> bool {
    number <= 65_535
}
