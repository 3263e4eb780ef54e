//! Near misses: the service, protocol or word of the filter language that was probably meant.

use super::lex;

/// Services people filter for. Not for looking up (the system's list does that), only to be suggested.
const SERVICES: &[(&str, u16)] = &[
    ("afp", 548),
    ("amqp", 5672),
    ("bgp", 179),
    ("bootpc", 68),
    ("bootps", 67),
    ("dhcp", 67),
    ("dns", 53),
    ("domain", 53),
    ("echo", 7),
    ("finger", 79),
    ("ftp", 21),
    ("ftp-data", 20),
    ("git", 9418),
    ("gopher", 70),
    ("http", 80),
    ("http-alt", 8080),
    ("https", 443),
    ("imap", 143),
    ("imap2", 143),
    ("imaps", 993),
    ("ipp", 631),
    ("irc", 194),
    ("isakmp", 500),
    ("iscsi-target", 3260),
    ("kerberos", 88),
    ("ldap", 389),
    ("ldaps", 636),
    ("mdns", 5353),
    ("microsoft-ds", 445),
    ("modbus", 502),
    ("mqtt", 1883),
    ("ms-sql-s", 1433),
    ("mysql", 3306),
    ("netbios-dgm", 138),
    ("netbios-ns", 137),
    ("netbios-ssn", 139),
    ("nfs", 2049),
    ("nntp", 119),
    ("ntp", 123),
    ("openvpn", 1194),
    ("pop3", 110),
    ("pop3s", 995),
    ("postgresql", 5432),
    ("radius", 1812),
    ("rdp", 3389),
    ("redis", 6379),
    ("rsync", 873),
    ("rtsp", 554),
    ("sip", 5060),
    ("sip-tls", 5061),
    ("smtp", 25),
    ("smtps", 465),
    ("snmp", 161),
    ("snmp-trap", 162),
    ("socks", 1080),
    ("ssh", 22),
    ("submission", 587),
    ("sunrpc", 111),
    ("svn", 3690),
    ("syslog", 514),
    ("tacacs", 49),
    ("telnet", 23),
    ("tftp", 69),
    ("vnc", 5900),
    ("whois", 43),
    ("x11", 6000),
    ("xmpp-client", 5222),
];

/// Protocols that `proto` takes by name (IANA protocol numbers; ethertypes libpcap knows).
const PROTOCOLS: &[&str] = &[
    "aarp",
    "ah",
    "arp",
    "atalk",
    "decnet",
    "egp",
    "eigrp",
    "esp",
    "gre",
    "icmp",
    "icmp6",
    "igmp",
    "ip",
    "ip6",
    "ipv6-icmp",
    "isis",
    "iso",
    "l2tp",
    "lat",
    "loopback",
    "ospf",
    "pim",
    "rarp",
    "rsvp",
    "sctp",
    "stp",
    "tcp",
    "udp",
    "udplite",
    "vrrp",
];

/// The number of a service.
pub(crate) fn service_port(name: &str) -> Option<u16> {
    SERVICES.iter().find(|(n, _)| *n == name).map(|(_, port)| *port)
}

/// A service spelled nearly like this.
pub(crate) fn service(word: &str) -> Option<&'static str> {
    nearest(word, SERVICES.iter().map(|(name, _)| *name))
}

/// A protocol spelled nearly like this.
pub(crate) fn protocol(word: &str) -> Option<&'static str> {
    nearest(word, PROTOCOLS.iter().copied())
}

/// A word of the filter language spelled nearly like this.
pub(crate) fn keyword(word: &str) -> Option<&'static str> {
    nearest(word, lex::keywords())
}

/// A named TCP flag or ICMP type spelled nearly like this.
pub(crate) fn constant(word: &str) -> Option<&'static str> {
    const CONSTANTS: [&str; 19] = [
        "tcpflags",
        "icmptype",
        "icmpcode",
        "icmp6type",
        "icmp6code",
        "tcp-syn",
        "tcp-fin",
        "tcp-rst",
        "tcp-push",
        "tcp-ack",
        "tcp-urg",
        "tcp-ece",
        "tcp-cwr",
        "icmp-echo",
        "icmp-echoreply",
        "icmp-unreach",
        "icmp-redirect",
        "icmp-timxceed",
        "icmp-paramprob",
    ];
    nearest(word, CONSTANTS.into_iter())
}

/// The nearest of some words, if it is near: one slip in short words, two in longer ones; capital letters do not count.
fn nearest(word: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    if word.len() > 32 {
        return None;
    }
    let lower = word.to_ascii_lowercase();
    let allowed = match lower.chars().count() {
        0 | 1 => return None,
        2 | 3 => 1,
        _ => 2,
    };
    let near = known.map(|k| (strsim::damerau_levenshtein(&lower, k), k));
    near.filter(|(distance, k)| *distance <= allowed && *distance < k.len()).min_by_key(|(distance, _)| *distance).map(|(_, k)| k)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses() {
        assert_eq!(service("htpp"), Some("http"));
        assert_eq!(service("shh"), Some("ssh"));
        assert_eq!(service("qwertz"), None);
        assert_eq!(keyword("prot"), Some("port"));
        assert_eq!(keyword("an"), Some("and"));
        assert_eq!(keyword("TCP"), Some("tcp"));
        assert_eq!(keyword("x"), None);
        assert_eq!(protocol("ospff"), Some("ospf"));
        assert_eq!(constant("tcp-sin"), Some("tcp-syn"));
    }
}
