//! What a person reads who wrote a filter that cannot be used: the messages in full, and for many bad filters the first line, the
//! words the carets stand under, and the advice behind them.
#![cfg(feature = "libpcap")]

use sockeye::filter::Filter;
use sockeye::model::LinkType;

fn message(expression: &str) -> String {
    match Filter::expression(expression, false) {
        Ok(_) => panic!("{expression} compiles"),
        Err(error) => error.to_string(),
    }
}

/// First line, what the carets stand under, what stands behind them.
fn parts(expression: &str) -> (String, String, String) {
    let text = message(expression);
    let lines: Vec<&str> = text.lines().collect();
    let [first, shown, carets] = lines[..] else { panic!("{text}") };
    let start = carets.find('^').unwrap();
    let width = carets.matches('^').count();
    let marked: String = shown.chars().skip(start).take(width).collect();
    (first.to_owned(), marked, carets.rsplit('^').next().unwrap().trim().to_owned())
}

#[test]
fn the_shape_of_messages() {
    assert_eq!(
        message("tcp port htpp and host 10.0.0.1"),
        "filter: \"htpp\" is not a known port\n  tcp port htpp and host 10.0.0.1\n           ^^^^  did you mean http?"
    );
    assert_eq!(
        message("tcp port 80 and"),
        "filter ends too early: \"and\" needs something after it\n  tcp port 80 and\n                 ^"
    );
    assert_eq!(
        message("tcp.port == 80"),
        "filter: that is a Wireshark display filter; a capture filter is written differently\n  \
         tcp.port == 80\n  ^^^^^^^^^^^^^^  write:  tcp port 80"
    );
}

#[test]
fn a_filter_that_cannot_match_on_a_link_type() {
    let on = |expression: &str, link| {
        Filter::expression(expression, false).unwrap().prepare(link).map_err(|e| e.coming_from("this file").to_string())
    };
    assert_eq!(
        on("ether host 02:00:00:00:00:01", LinkType::RAW).unwrap_err(),
        "filter: this file has no Ethernet addresses (link type Raw IP), so \"ether host\" can never match\n  \
         ether host 02:00:00:00:00:01\n  ^^^^^^^^^^"
    );
    for (expression, link, first) in [
        (
            "tcp and ether src 02:00:00:00:00:01",
            LinkType::LINUX_SLL2,
            "Ethernet addresses (link type Linux cooked v2), so \"ether src\"",
        ),
        ("vlan 5 and tcp", LinkType::RAW, "VLAN tags (link type Raw IP), so \"vlan\""),
        ("tcp or vlan", LinkType::LINUX_SLL2, "VLAN tags (link type Linux cooked v2), so \"vlan\""),
        ("mpls 5", LinkType::RAW, "MPLS labels (link type Raw IP), so \"mpls\""),
        ("wlan type mgt", LinkType::ETHERNET, "802.11 headers (link type Ethernet), so \"type\""),
        ("ifindex 3", LinkType::ETHERNET, "interface numbers (link type Ethernet), so \"ifindex\""),
        ("action pass", LinkType::ETHERNET, "records of the pf log (link type Ethernet), so \"action\""),
        ("arp", LinkType::RAW, "ARP (link type Raw IP), so \"arp\""),
        ("arp host 10.0.0.1", LinkType::NULL, "ARP (link type BSD loopback), so \"arp\""),
        ("tcp port 80 and ip6", LinkType::IPV4, "IPv6 (link type Raw IPv4), so \"ip6\""),
        ("ether proto 0x88cc", LinkType::RAW, "packets of that kind (link type Raw IP), so \"ether proto 0x88cc\""),
        ("ether multicast", LinkType::RAW, "link-layer multicast addresses (link type Raw IP), so \"multicast\""),
    ] {
        let text = on(expression, link).unwrap_err();
        let expected = format!("filter: this file has no {first} can never match\n");
        assert!(text.starts_with(&expected), "{expression}: {text}");
        assert!(text.contains('^'), "{text}");
    }
    assert_eq!(on("tcp", LinkType::RAW), Ok(()));
    assert_eq!(on("tcp", LinkType(5000)).unwrap_err(), "filter: libpcap cannot compile filters for link type 5000");
    let interface = Filter::expression("ether host 1:2:3:4:5:6", false).unwrap().prepare(LinkType::RAW).unwrap_err();
    assert!(interface.coming_from("eth0").to_string().starts_with("filter: eth0 has no Ethernet addresses"));
}

/// Expression, first line, words marked, advice.
const BAD: &[(&str, &str, &str, &str)] = &[
    ("tcp port htpp and host 10.0.0.1", "filter: \"htpp\" is not a known port", "htpp", "did you mean http?"),
    ("tcp port 80 and", "filter ends too early: \"and\" needs something after it", "", ""),
    ("foo", "filter: \"foo\" is not a word of the filter language", "foo", ""),
    ("TCP", "filter: \"TCP\" is not a word of the filter language", "TCP", "did you mean tcp?"),
    ("tcp prot 80", "filter: \"prot\" is not a word of the filter language", "prot", "did you mean port?"),
    ("prot 80", "filter: \"prot\" is not a word of the filter language", "prot", "did you mean port?"),
    ("tcp port 80 an host 1.2.3.4", "filter: \"an\" is not a word of the filter language", "an", "did you mean and?"),
    ("tcp http", "filter: \"http\" is not a word of the filter language", "http", "did you mean port 80?"),
    ("tcp port 80 or htpp", "filter: \"htpp\" is not a known port", "htpp", "did you mean http?"),
    ("tcp port 80 or sssh", "filter: \"sssh\" is not a known port", "sssh", "did you mean ssh?"),
    (
        "host example.org",
        "filter: \"example.org\" is a name; a filter takes addresses and asks no name server",
        "example.org",
        "write its address; this shows it:  getent ahosts example.org",
    ),
    (
        "host localhost",
        "filter: \"localhost\" is a name; a filter takes addresses and asks no name server",
        "localhost",
        "write 127.0.0.1 or ::1",
    ),
    (
        "src foo",
        "filter: \"foo\" is a name; a filter takes addresses and asks no name server",
        "foo",
        "write its address; this shows it:  getent ahosts foo",
    ),
    (
        "net lab",
        "filter: \"lab\" is a name; a filter takes addresses and asks no name server",
        "lab",
        "write its address; this shows it:  getent ahosts lab",
    ),
    (
        "host 1.2.3.4 or example",
        "filter: \"example\" is a name; a filter takes addresses and asks no name server",
        "example",
        "write its address; this shows it:  getent ahosts example",
    ),
    ("host 1.2.3.4 or prt 5", "filter: \"prt\" is not a word of the filter language", "prt", "did you mean port?"),
    (
        "gateway router",
        "filter: \"router\" is a name; a filter takes addresses and asks no name server",
        "router",
        "write:  ether host MAC and not host ADDRESS   with the gateway's two addresses",
    ),
    ("host 1.2.3.4.5", "filter: \"1.2.3.4.5\" is not an address", "1.2.3.4.5", "an IPv4 address has four numbers: 192.0.2.1"),
    ("host a:b", "filter: \"a:b\" is not an address", "a:b", "IPv6: 2001:db8::1, Ethernet: 02:00:00:00:00:01"),
    ("ether host 1:2:3", "filter: \"1:2:3\" is not an address", "1:2:3", "IPv6: 2001:db8::1, Ethernet: 02:00:00:00:00:01"),
    ("host 300.1.2.3", "filter: invalid IPv4 address '300.1.2.3'", "300.1.2.3", ""),
    ("port 99999", "filter: illegal port number 99999 > 65535", "99999", ""),
    ("portrange 5-x", "filter: \"5-x\" is not a known range of ports", "5-x", "write two numbers: portrange 1-1023"),
    ("portrange 1-", "filter: \"-\" cannot stand here", "-", "a range is written: portrange 1-1023"),
    ("net 10.0.0.1/8", "filter: \"10.0.0.1/8\" has bits set outside its network", "10.0.0.1/8", "did you mean 10.0.0.0/8?"),
    ("net 10.0.0.0/33", "filter: mask length must be <= 32", "33", ""),
    (
        "net 2001:db8::1/32",
        "filter: \"2001:db8::1/32\" has bits set outside its network",
        "2001:db8::1/32",
        "did you mean 2001:db8::/32?",
    ),
    ("tcp host 1.2.3.4", "filter: \"tcp\" does not go with \"host\"", "tcp host", "write:  tcp and host 1.2.3.4"),
    ("ip6 host 1.2.3.4", "filter: \"ip6\" does not go with an IPv4 address", "ip6 host", ""),
    ("arp host ::1", "filter: \"arp\" does not go with an IPv6 address", "arp host", ""),
    ("ether host 1.2.3.4", "filter: \"1.2.3.4\" is not an Ethernet address", "1.2.3.4", "it has six bytes: 02:00:00:00:00:01"),
    (
        "host 00:11:22:33:44:55",
        "filter: \"00:11:22:33:44:55\" is an Ethernet address",
        "00:11:22:33:44:55",
        "write:  ether host 00:11:22:33:44:55",
    ),
    ("tcp and udp", "filter: no packet can match; its parts exclude each other", "tcp and udp", ""),
    ("ip proto foo", "filter: \"foo\" is not a known IP protocol", "foo", ""),
    ("ip proto tpc", "filter: \"tpc\" is not a known IP protocol", "tpc", "did you mean tcp?"),
    ("ip proto tcp", "filter: \"tcp\" cannot stand here", "tcp", "write \\tcp here: it is also a word of the language"),
    ("ether proto foo", "filter: \"foo\" is not a known Ethernet protocol", "foo", ""),
    ("vlan 5000", "filter: VLAN tag 5000 greater than maximum 4095", "5000", ""),
    ("mpls 5000000", "filter: MPLS label 5000000 greater than maximum 1048575", "5000000", ""),
    ("tcp[13", "filter ends too early: \"[\" is never closed", "", ""),
    ("tcp[13]", "filter ends too early: the number in front needs a comparison, such as = 0", "", ""),
    ("tcp[13] =", "filter ends too early: \"=\" needs something after it", "", ""),
    ("tcp[13:3] = 1", "filter: 1, 2 or 4 bytes can be read at once", "3", ""),
    ("tcp-sin", "filter: \"tcp-sin\" is not a word of the filter language", "tcp-sin", "did you mean tcp-syn?"),
    (
        "tcp[tcpflags] & tcp-sin != 0",
        "filter: \"tcp-sin\" is not a word of the filter language",
        "tcp-sin",
        "did you mean tcp-syn?",
    ),
    ("port 80 443", "filter: \"443\" cannot stand here", "443", "write \"and\" or \"or\" in front of it"),
    ("port 80,443", "filter: \",\" cannot stand here", ",", "write \"or\" between alternatives: port 80 or 443"),
    ("host 1.2.3.4 port 80", "filter: \"port\" cannot stand here", "port", "write \"and\" or \"or\" in front of it"),
    ("src dst 1.2.3.4", "filter: \"dst\" cannot stand here", "dst", "write \"and\" or \"or\" in front of it"),
    ("(tcp port 80", "filter ends too early: \"(\" is never closed", "", ""),
    ("tcp port 80)", "filter: \")\" cannot stand here", ")", "no \"(\" is open"),
    ("()", "filter: \")\" cannot stand here", ")", "nothing is in the brackets"),
    ("not", "filter ends too early: \"not\" needs something after it", "", ""),
    ("port", "filter ends too early: \"port\" needs something after it", "", ""),
    ("len >", "filter ends too early: \">\" needs something after it", "", ""),
    (
        "tcp == 80",
        "filter: \"==\" cannot stand here",
        "==",
        "compare numbers: tcp[13] = 2; ports and hosts are written  port 80, host 192.0.2.1",
    ),
    ("tcp port \"80\"", "filter: \"\\\"\" cannot stand here", "\"", "words need no quotes inside a filter"),
    ("tcp port 80;", "filter: \";\" cannot stand here", ";", ""),
    ("é", "filter: \"é\" cannot stand here", "é", ""),
    ("type foo", "filter: \"foo\" is not a type of 802.11 frames", "foo", ""),
    ("llc foo", "filter: \"foo\" is not a type of LLC frames", "foo", ""),
    ("ip6 broadcast", "filter: \"broadcast\" goes with ether, ip or nothing in front of it", "broadcast", ""),
    ("ip broadcast and tcp multicast", "filter: \"multicast\" goes with ether, ip or nothing in front of it", "multicast", ""),
    ("port 080", "filter: number 080 contains non-octal digit", "080", ""),
    (
        "decnet host foo",
        "filter: \"foo\" is a name; a filter takes addresses and asks no name server",
        "foo",
        "write its address; this shows it:  getent ahosts foo",
    ),
    ("ether", "filter ends too early: \"ether\" needs something after it, such as host or proto", "", ""),
    ("ip host 1.2.3.0/24", "filter: Mask syntax for networks only", "24", ""),
    ("host 1.2.3.4 mask 255.0.0.0", "filter: non-network bits set in \"1.2.3.4 mask 255.0.0.0\"", "255.0.0.0", ""),
    (
        "host ff",
        "filter: \"ff\" is a name; a filter takes addresses and asks no name server",
        "ff",
        "write its address; this shows it:  getent ahosts ff",
    ),
    ("1.2.3.4", "filter: \"1.2.3.4\" cannot stand here", "1.2.3.4", "did you mean host 1.2.3.4?"),
    ("10.0.0.0/8", "filter: \"10.0.0.0\" cannot stand here", "10.0.0.0", "did you mean net 10.0.0.0/8?"),
    ("80", "filter: \"80\" cannot stand here", "80", "did you mean port 80?"),
    ("tcp 80", "filter: \"80\" cannot stand here", "80", "did you mean port 80?"),
    ("tcp port 80 and not", "filter ends too early: \"not\" needs something after it", "", ""),
    ("tcp port 80 & udp", "filter: \"&\" cannot stand here", "&", "did you mean &&?"),
    ("ip[0] << 33 = 0", "filter: shift by more than 31 bits", "33", ""),
    ("aid 5", "filter: \"aid\" is not a word of the filter language", "aid", "did you mean and?"),
    (
        "02:00:00:00:00:01",
        "filter: \"02:00:00:00:00:01\" cannot stand here",
        "02:00:00:00:00:01",
        "did you mean ether host 02:00:00:00:00:01?",
    ),
    ("not 1.2.3.4", "filter: \"1.2.3.4\" cannot stand here", "1.2.3.4", "did you mean host 1.2.3.4?"),
    ("tcp port 80 | udp", "filter: \"|\" cannot stand here", "|", "did you mean ||?"),
    ("tcp and tcp multicast", "filter: \"multicast\" goes with ether, ip or nothing in front of it", "multicast", ""),
];

#[test]
fn bad_filters() {
    for &(expression, first, marked, advice) in BAD {
        let found = parts(expression);
        assert_eq!((found.0.as_str(), found.1.as_str(), found.2.as_str()), (first, marked, advice), "{expression}");
    }
}

/// Expression, words marked, advice.
const DISPLAY: &[(&str, &str, &str)] = &[
    ("tcp.port == 80", "tcp.port == 80", "write:  tcp port 80"),
    (
        "ip.addr == 10.0.0.1 && tcp.flags.syn == 1",
        "ip.addr == 10.0.0.1 && tcp.flags.syn == 1",
        "write:  host 10.0.0.1 and tcp[tcpflags] & tcp-syn != 0",
    ),
    ("http", "http", "write:  tcp port 80"),
    ("dns and not arp", "dns and not arp", "write:  port 53 and not arp"),
    ("http.host contains \"example\"", "http.host contains \"example\"", "no capture filter can ask for http.host like that"),
    (
        "tcp.analysis.retransmission",
        "tcp.analysis.retransmission",
        "no capture filter can ask for tcp.analysis.retransmission like that",
    ),
    ("tcp and ip.src == 1.2.3.4", "tcp and ip.src == 1.2.3.4", "write:  tcp and src host 1.2.3.4"),
    ("ssh", "ssh", "write:  tcp port 22"),
    ("ip.version == 4 || tcp.stream == 5", "tcp.stream == 5", "no capture filter can ask for tcp.stream like that"),
    ("frame.len > 100", "frame.len > 100", "write:  len > 100"),
    (
        "eth.addr == 02:00:00:00:00:01 and vlan.id == 5",
        "eth.addr == 02:00:00:00:00:01 and vlan.id == 5",
        "write:  ether host 02:00:00:00:00:01 and vlan 5",
    ),
    ("icmpv6", "icmpv6", "write:  icmp6"),
    ("ipv6", "ipv6", "write:  ip6"),
    ("ip.proto == 89", "ip.proto == 89", "write:  ip proto 89"),
    ("tcp.port in {80, 443}", "tcp.port in {80, 443}", "write:  tcp port 80 or tcp port 443"),
    ("not (dns || mdns)", "not (dns || mdns)", "write:  not (port 53 or udp port 5353)"),
];

#[test]
fn display_filters() {
    for &(expression, marked, advice) in DISPLAY {
        let (first, found, behind) = parts(expression);
        assert_eq!(first, "filter: that is a Wireshark display filter; a capture filter is written differently", "{expression}");
        assert_eq!((found.as_str(), behind.as_str()), (marked, advice), "{expression}");
    }
}

#[test]
fn names_in_display_filters_are_not_looked_up_either() {
    let found = parts("tcp.port == 80 and host www.example.org");
    assert_eq!(found.0, "filter: \"www.example.org\" is a name; a filter takes addresses and asks no name server");
    assert_eq!(found.1, "www.example.org");
}

#[test]
fn hosts_and_services_of_that_name_are_no_display_filters() {
    for expression in ["port 80 or http", "tcp port http", "port dns.x", "ether proto 0x800"] {
        if let Err(error) = Filter::expression(expression, false) {
            assert!(!error.to_string().contains("Wireshark"), "{error}");
        }
    }
    assert!(message("host http.example").contains("is a name"));
}

#[test]
fn hostile_expressions_end_in_an_error_or_a_program() {
    let long = "host 10.0.0.1 or ".repeat(3000);
    for expression in [
        "(".repeat(50_000),
        "not ".repeat(3000) + "tcp",
        "tcp\0port".to_owned(),
        "\\".to_owned(),
        "[[[[".to_owned(),
        "a".repeat(100_000),
        "é".repeat(1000),
        "tcp[".repeat(500),
        "::::::".to_owned(),
        "\"".to_owned(),
        "tcp.port == ".repeat(200),
        long,
    ] {
        if let Err(error) = Filter::expression(&expression, false) {
            assert!(error.to_string().lines().all(|l| l.chars().count() < 260), "{error}");
        }
    }
}
