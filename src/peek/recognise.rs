//! Which application it is, by what both sides of a connection say first, or by one datagram.
//!
//! One side's bytes may fit several applications (`220 ready`, `USER me`): then the other side's word is waited for.

use super::banner::{self, Service};
use super::command::{knows, line, may_become_known};
use super::dns::{self, Variant};
use super::http::{self, HTTP2_PREFACE};
use super::{Peek, Stop, clear, quic};
use std::cmp::Ordering;
use std::fmt;

/// An application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum App {
    /// DNS.
    Dns,
    /// Multicast DNS.
    Mdns,
    /// Link-local multicast name resolution.
    Llmnr,
    /// NetBIOS's name service.
    Nbns,
    /// HTTP/1.
    Http,
    /// HTTP/2 without TLS.
    Http2,
    /// HTTP's messages in datagrams, as the discovery of `UPnP` sends them.
    Ssdp,
    /// TLS.
    Tls,
    /// QUIC.
    Quic,
    /// SSH.
    Ssh,
    /// SMTP.
    Smtp,
    /// FTP's control connection.
    Ftp,
    /// POP3.
    Pop3,
    /// IMAP.
    Imap,
    /// Telnet.
    Telnet,
    /// rlogin.
    Rlogin,
    /// LDAP, where it begins with a password in the clear.
    Ldap,
    /// MQTT.
    Mqtt,
    /// Redis.
    Redis,
}

impl App {
    /// Each of them.
    pub const ALL: [Self; 19] = [
        Self::Dns,
        Self::Mdns,
        Self::Llmnr,
        Self::Nbns,
        Self::Http,
        Self::Http2,
        Self::Ssdp,
        Self::Tls,
        Self::Quic,
        Self::Ssh,
        Self::Smtp,
        Self::Ftp,
        Self::Pop3,
        Self::Imap,
        Self::Telnet,
        Self::Rlogin,
        Self::Ldap,
        Self::Mqtt,
        Self::Redis,
    ];

    /// Its name in small letters, as records have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Mdns => "mdns",
            Self::Llmnr => "llmnr",
            Self::Nbns => "nbns",
            Self::Http => "http",
            Self::Http2 => "http2",
            Self::Ssdp => "ssdp",
            Self::Tls => "tls",
            Self::Quic => "quic",
            Self::Ssh => "ssh",
            Self::Smtp => "smtp",
            Self::Ftp => "ftp",
            Self::Pop3 => "pop3",
            Self::Imap => "imap",
            Self::Telnet => "telnet",
            Self::Rlogin => "rlogin",
            Self::Ldap => "ldap",
            Self::Mqtt => "mqtt",
            Self::Redis => "redis",
        }
    }
}

impl fmt::Display for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl From<Service> for App {
    fn from(service: Service) -> Self {
        match service {
            Service::Smtp => Self::Smtp,
            Service::Ftp => Self::Ftp,
            Service::Pop3 => Self::Pop3,
            Service::Imap => Self::Imap,
        }
    }
}

impl From<Variant> for App {
    fn from(variant: Variant) -> Self {
        match variant {
            Variant::Dns => Self::Dns,
            Variant::Mdns => Self::Mdns,
            Variant::Llmnr => Self::Llmnr,
            Variant::Netbios => Self::Nbns,
        }
    }
}

/// Which role a sender has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Speaker {
    /// It asks.
    Client,
    /// It answers, or welcomes.
    Server,
}

impl Speaker {
    /// The other role.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// An application, and who is who.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recognised {
    /// Which.
    pub app: App,
    /// The role of the first of the two sides, of a datagram's sender; nothing where both sides say the same.
    pub first: Option<Speaker>,
}

/// What one side's bytes may be.
#[derive(Clone, Copy, Debug)]
struct Claim {
    /// Applications that they fit; never none.
    apps: Apps,
    speaker: Option<Speaker>,
    /// Do they fit so well that the other side need not agree?
    sure: bool,
}

impl Claim {
    /// Whose word counts where two contradict each other: the lower one's.
    const fn rank(self) -> u8 {
        match self.speaker {
            Some(Speaker::Client) => 0,
            None => 1,
            Some(Speaker::Server) => 2,
        }
    }
}

/// At most four applications.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Apps([Option<App>; 4]);

impl Apps {
    const fn one(app: App) -> Self {
        Self([Some(app), None, None, None])
    }

    /// The services that fit.
    fn services(fits: impl Fn(Service) -> bool) -> Self {
        Self(Service::ALL.map(|service| fits(service).then_some(service.into())))
    }

    fn iter(self) -> impl Iterator<Item = App> {
        self.0.into_iter().flatten()
    }

    /// The only one there is.
    fn only(self) -> Option<App> {
        let mut all = self.iter();
        all.next().filter(|_| all.next().is_none())
    }
}

/// Says which application a TCP connection carries, by the first bytes of its two streams, either of which may be empty. Reads no
/// more of them than their first lines or the front of their first messages.
///
/// Where the two sides contradict each other (TLS to a server that answers in HTTP) what the client says counts.
#[must_use]
pub fn recognise(sides: [&[u8]; 2]) -> Peek<Recognised> {
    let claims = sides.map(claim);
    let recognised = |app, first| Peek::Is(Recognised { app, first });
    match claims {
        [Peek::Is(a), Peek::Is(b)] => {
            let first = a.speaker.or(b.speaker.map(Speaker::other));
            let opposed = a.speaker.is_none() || a.speaker != b.speaker;
            let mut common = a.apps.iter().filter(|app| opposed && b.apps.iter().any(|other| other == *app));
            match (common.next(), common.next()) {
                (Some(app), None) => recognised(app, first),
                (Some(_), Some(_)) => Peek::More,
                (None, _) => {
                    let by_client = match a.rank().cmp(&b.rank()) {
                        Ordering::Less => [a, b],
                        Ordering::Greater => [b, a],
                        Ordering::Equal => return Peek::Not,
                    };
                    let stands = by_client.into_iter().find_map(|claim| claim.apps.only().filter(|_| claim.sure));
                    stands.map_or(Peek::Not, |app| recognised(app, first))
                }
            }
        }
        [Peek::Is(claim), other] => alone(claim, other).map(|app| Recognised { app, first: claim.speaker }),
        [other, Peek::Is(claim)] => alone(claim, other).map(|app| Recognised { app, first: claim.speaker.map(Speaker::other) }),
        [Peek::Not, Peek::Not] => Peek::Not,
        _ => Peek::More,
    }
}

/// What a claim is worth while the other side's bytes say nothing (yet).
fn alone(claim: Claim, other: Peek<Claim>) -> Peek<App> {
    match (claim.apps.only().filter(|_| claim.sure), other) {
        (Some(app), _) => Peek::Is(app),
        (None, Peek::Not) => Peek::Not,
        (None, _) => Peek::More,
    }
}

/// Says who sends such data, by the front of one segment: TLS's hellos and HTTP's first lines, cut or whole. A look at a few bytes of
/// most data, cheap enough for every packet; [`recognise`] knows more applications and wants a stream's beginning.
#[must_use]
pub fn speaker(segment: &[u8]) -> Option<Speaker> {
    match segment.first()? {
        22 => tls(segment).is(),
        b'A'..=b'Z' => http::speaker(segment),
        _ => None,
    }
}

/// Are these the first bytes of nothing that is known here, whatever follows and whatever the other side says?
#[must_use]
pub fn fits_nothing(bytes: &[u8]) -> bool {
    matches!(claim(bytes), Peek::Not)
}

/// What one side's bytes may be.
fn claim(bytes: &[u8]) -> Peek<Claim> {
    let sure = |app, speaker| Claim { apps: Apps::one(app), speaker, sure: true };
    tls(bytes)
        .map(|speaker| sure(App::Tls, Some(speaker)))
        .or_else(|| http(bytes).map(|(app, speaker)| sure(app, Some(speaker))))
        .or_else(|| banner::ssh(bytes).map(|_| sure(App::Ssh, None)))
        .or_else(|| dns::recognise_stream(bytes).map(|front| sure(App::Dns, Some(of_dns(front.header)))))
        .or_else(|| in_the_clear(bytes))
        .or_else(|| greeting(bytes))
        .or_else(|| command(bytes).into())
}

/// Protocols of clients that say at once which one it is; and Telnet, in which both sides negotiate.
fn in_the_clear(bytes: &[u8]) -> Peek<Claim> {
    let client = |app| Claim { apps: Apps::one(app), speaker: Some(Speaker::Client), sure: true };
    match bytes.first() {
        Some(0) => clear::rlogin(bytes).map(|()| client(App::Rlogin)),
        Some(0x10) => clear::mqtt(bytes).map(|()| client(App::Mqtt)),
        Some(b'*') => clear::redis(bytes).map(|()| client(App::Redis)),
        Some(0x30) => clear::ldap_bind(bytes).map(|()| client(App::Ldap)),
        Some(255) => clear::telnet(bytes).map(|sure| Claim { apps: Apps::one(App::Telnet), speaker: None, sure }),
        None => Peek::More,
        Some(_) => Peek::Not,
    }
}

fn of_dns(header: dns::Header) -> Speaker {
    if header.is_response() { Speaker::Server } else { Speaker::Client }
}

/// The record that begins a TLS connection: a handshake message, ClientHello or `ServerHello` (RFC 8446 sections 4 and 5.1).
fn tls(bytes: &[u8]) -> Peek<Speaker> {
    let fits = |at: usize, fits: &dyn Fn(u8) -> bool| bytes.get(at).is_none_or(|&b| fits(b));
    // A record has at most 2^14 and some bytes; a hello has not 2^16, which its second byte says unless the next record has that.
    let begins = fits(0, &|b| b == 22) && fits(1, &|b| b == 3) && fits(2, &|b| b <= 4) && fits(3, &|b| b <= 0x48);
    let tiny = matches!(bytes.get(3..5), Some([0, 1]));
    if !begins || !(tiny || fits(6, &|b| b == 0)) {
        return Peek::Not;
    }
    match bytes.get(5) {
        None => Peek::More,
        Some(1) => Peek::Is(Speaker::Client),
        Some(2) => Peek::Is(Speaker::Server),
        Some(_) => Peek::Not,
    }
}

/// Who sends a message of HTTP.
fn of_http(start: http::Start<'_>) -> Speaker {
    if start.is_request() { Speaker::Client } else { Speaker::Server }
}

fn http(bytes: &[u8]) -> Peek<(App, Speaker)> {
    let preface = match bytes {
        _ if bytes.starts_with(HTTP2_PREFACE) => Peek::Is((App::Http2, Speaker::Client)),
        _ if HTTP2_PREFACE.starts_with(bytes) => Peek::More,
        _ => Peek::Not,
    };
    preface.or_else(|| http::start(bytes).map(|start| (App::Http, of_http(start))))
}

fn greeting(bytes: &[u8]) -> Peek<Claim> {
    banner::greeting(bytes).map(|greeting| {
        let fits = |service| greeting.service.map_or(matches!(service, Service::Smtp | Service::Ftp), |known| service == known);
        // Redis, too, says `+OK` and nothing more.
        let sure = greeting.service.is_some() && !greeting.text.is_empty();
        Claim { apps: Apps::services(fits), speaker: Some(Speaker::Server), sure }
    })
}

/// A client's first command, by its first line.
fn command(bytes: &[u8]) -> Result<Claim, Stop> {
    let line = match line(bytes) {
        Err(Stop::More) if !may_become_known(bytes) => return Err(Stop::Not),
        read => read?,
    };
    let apps = Apps::services(|service| knows(service, line.text));
    if apps.iter().next().is_none() {
        return Err(Stop::Not);
    }
    let word = line.text.split(|&b| b == b' ').next().unwrap_or_default();
    // Words that nothing else begins with; `LIST` or `AUTH` may begin anything.
    let sure = ["EHLO", "HELO", "CAPA", "APOP"].iter().any(|name| word.eq_ignore_ascii_case(name.as_bytes()))
        || apps.only() == Some(App::Imap);
    Ok(Claim { apps, speaker: Some(Speaker::Client), sure })
}

/// Says which application a datagram's data is of. Its ports, the sender's first, only tell apart what has the same form: DNS and
/// its relatives. Of a whole datagram `More` means that it is cut, or claims more than there is.
#[must_use]
pub fn recognise_datagram(bytes: &[u8], ports: (u16, u16)) -> Peek<Recognised> {
    quic::initial(bytes)
        .map(|_| Recognised { app: App::Quic, first: None })
        .or_else(|| {
            dns::recognise(bytes).map(|front| Recognised { app: front.variant(ports).into(), first: Some(of_dns(front.header)) })
        })
        .or_else(|| http::start(bytes).map(|start| Recognised { app: App::Ssdp, first: Some(of_http(start)) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peek::samples;
    use proptest::prelude::*;

    fn of(a: &[u8], b: &[u8]) -> Peek<(App, Option<Speaker>)> {
        let there = recognise([a, b]).map(|found| (found.app, found.first));
        let back = recognise([b, a]).map(|found| (found.app, found.first.map(Speaker::other)));
        assert_eq!(there, back, "the order of the sides");
        there
    }

    const CLIENT: Option<Speaker> = Some(Speaker::Client);
    const SERVER: Option<Speaker> = Some(Speaker::Server);

    #[test]
    fn the_bundled_captures() {
        let cases: [(&str, &[App]); 5] = [
            ("http-get.pcap", &[App::Http]),
            ("login.pcap", &[App::Http, App::Pop3]),
            ("ssh.pcap", &[App::Ssh]),
            ("tls.pcap", &[App::Tls, App::Tls]),
            ("dns.pcap", &[App::Dns]),
        ];
        for (name, apps) in cases {
            let said = samples::read(name);
            let found: Vec<_> = said
                .streams
                .iter()
                .map(|(_, sides)| recognise([&sides[0].1, &sides[1].1]).is().expect("recognised").app)
                .collect();
            assert_eq!(found, apps, "{name}");
            for (_, sides) in &said.streams {
                for cut in 0..sides[0].1.len().min(400) {
                    let part = recognise([&sides[0].1[..cut], &[]]);
                    let whole = recognise([&sides[0].1, &sides[1].1]);
                    assert!(part == Peek::More || part == whole, "{name}: {part:?} of {cut} bytes");
                }
            }
        }
        for (ports, bytes) in samples::read("dns.pcap").datagrams {
            let asks = Some(if ports.1 == 53 { Speaker::Client } else { Speaker::Server });
            assert_eq!(recognise_datagram(&bytes, ports), Peek::Is(Recognised { app: App::Dns, first: asks }));
        }
    }

    #[test]
    fn one_side_may_be_enough() {
        assert_eq!(of(b"GET / HTTP/1.1\r\n", b""), Peek::Is((App::Http, CLIENT)));
        assert_eq!(of(b"HTTP/1.1 200 OK\r\n", b""), Peek::Is((App::Http, SERVER)));
        assert_eq!(of(HTTP2_PREFACE, b""), Peek::Is((App::Http2, CLIENT)));
        assert_eq!(of(b"\x16\x03\x01\x02\x00\x01\x00", b""), Peek::Is((App::Tls, CLIENT)));
        assert_eq!(of(b"\x16\x03\x03\x00\x7a\x02\x00", b""), Peek::Is((App::Tls, SERVER)));
        assert_eq!(of(b"SSH-2.0-x\r\n", b""), Peek::Is((App::Ssh, None)));
        assert_eq!(of(b"220 a ESMTP\r\n", b""), Peek::Is((App::Smtp, SERVER)));
        assert_eq!(of(b"EHLO a\r\n", b""), Peek::Is((App::Smtp, CLIENT)));
        assert_eq!(of(b"+OK ready\r\n", b""), Peek::Is((App::Pop3, SERVER)));
        assert_eq!(of(b"* OK ready\r\n", b""), Peek::Is((App::Imap, SERVER)));
        assert_eq!(of(b"a1 CAPABILITY\r\n", b""), Peek::Is((App::Imap, CLIENT)));
    }

    #[test]
    fn two_sides_make_it_sure() {
        assert_eq!(of(b"220 hello\r\n", b""), Peek::More);
        assert_eq!(of(b"220 hello\r\n", b"EHLO x\r\n"), Peek::Is((App::Smtp, SERVER)));
        assert_eq!(of(b"220 hello\r\n", b"USER x\r\n"), Peek::Is((App::Ftp, SERVER)));
        assert_eq!(of(b"220 hello\r\n", b"QUIT\r\n"), Peek::More);
        assert_eq!(of(b"220 hello\r\n", b"\x00\x01\x02"), Peek::Not);
        assert_eq!(of(b"USER x\r\n", b""), Peek::More);
        assert_eq!(of(b"USER x\r\n", b"+OK\r\n"), Peek::Is((App::Pop3, CLIENT)));
        assert_eq!(of(b"+OK\r\n", b""), Peek::More);
        assert_eq!(of(b"*1\r\n$4\r\nPING\r\n", b"+OK\r\n"), Peek::Is((App::Redis, CLIENT)));
        assert_eq!(of(b"\xff\xfb\x01hello", b""), Peek::More);
        assert_eq!(of(b"\xff\xfb\x01hello", b"\xff\xfd\x01"), Peek::Is((App::Telnet, None)));
        assert_eq!(of(b"\xff\xfb\x01hello", b"hello\r\n"), Peek::Not);
        assert_eq!(of(b"QUIT\r\n", b"QUIT\r\n"), Peek::Not, "two clients");
        assert_eq!(of(b"", b""), Peek::More);
        assert_eq!(of(b"\x00", b"\xff"), Peek::More);
        assert_eq!(of(b"hello world\r\n", b"hello\r\n"), Peek::Not);
    }

    #[test]
    fn contradictions_go_by_the_client() {
        assert_eq!(of(b"\x16\x03\x01\x02\x00\x01\x00", b"HTTP/1.1 400 Bad Request\r\n"), Peek::Is((App::Tls, CLIENT)));
        assert_eq!(of(b"GET / HTTP/1.1\r\n", b"SSH-2.0-x\r\n"), Peek::Is((App::Http, CLIENT)));
        assert_eq!(of(b"HTTP/1.1 200 OK\r\n", b"220 a ESMTP\r\n"), Peek::Not, "two servers");
        assert_eq!(of(b"GET / HTTP/1.1\r\n", b"220 hello\r\n"), Peek::Is((App::Http, CLIENT)));
    }

    #[test]
    fn datagrams() {
        let search = b"M-SEARCH * HTTP/1.1\r\nHost: 239.255.255.250:1900\r\n\r\n";
        assert_eq!(recognise_datagram(search, (50000, 1900)), Peek::Is(Recognised { app: App::Ssdp, first: CLIENT }));
        let query = b"\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x05_http\x04_tcp\x05local\x00\x00\x0c\x00\x01";
        for (port, app) in [(5353, App::Mdns), (5355, App::Llmnr), (53, App::Dns), (7, App::Dns)] {
            assert_eq!(recognise_datagram(query, (50000, port)), Peek::Is(Recognised { app, first: CLIENT }));
        }
        assert_eq!(recognise_datagram(&query[..20], (1, 2)), Peek::More);
        assert_eq!(recognise_datagram(b"hello there", (1, 2)), Peek::Not);
    }

    proptest! {
        #[test]
        fn random_bytes_are_nothing(a in prop::collection::vec(any::<u8>(), 0..200), b in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(recognise([&a, &b]).is().is_none());
            prop_assert!(recognise_datagram(&a, (53, 443)).is().is_none());
        }

        #[test]
        fn random_words_are_nothing(text in "[a-z]{1,9}( [a-z0-9.:]{1,9}){1,5}\r?\n") {
            // Only what clients of text protocols may say in small letters comes near.
            let found = recognise([text.as_bytes(), b"\x01"]);
            prop_assert!(found.is().is_none_or(|found| found.first == Some(Speaker::Client)), "{:?}", found);
        }
    }
}
