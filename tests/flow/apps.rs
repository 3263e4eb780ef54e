//! What applications say, through the tracker: split anywhere, out of order, missing, hostile.

use crate::world::{A, B, Host, World, seg};
use proptest::prelude::*;
use sockeye::flow::app::{AppRecord, Exchange, Transaction};
use sockeye::flow::{FlowRecord, TrackerConfig, Wants};
use sockeye::peek::App;

fn world() -> World {
    World::with(TrackerConfig { wants: Wants::APP, ..TrackerConfig::default() })
}

/// A connection of which both sides say something.
struct Talk {
    world: World,
    client: Host,
    server: Host,
    sent: [u32; 2],
}

impl Talk {
    fn new() -> Self {
        Self::between(world(), A, B)
    }

    fn between(mut world: World, client: Host, server: Host) -> Self {
        world.tcp(client, server, seg("S", 999, 0));
        world.wait(10).tcp(server, client, seg("S.", 4999, 1000));
        world.wait(10).tcp(client, server, seg(".", 1000, 5000));
        Self { world, client, server, sent: [1000, 5000] }
    }

    fn send(&mut self, by: usize, flags: &'static str, data: &[u8]) {
        let segment = seg(flags, self.sent[by], self.sent[1 - by]).text(data);
        self.send_at(by, &segment);
        self.sent[by] += data.len() as u32;
    }

    fn send_at(&mut self, by: usize, segment: &crate::world::Seg) {
        let ends = if by == 0 { (self.client, self.server) } else { (self.server, self.client) };
        self.world.wait(10).tcp(ends.0, ends.1, segment);
    }

    fn client(&mut self, text: &str) -> &mut Self {
        self.send(0, "P.", text.as_bytes());
        self
    }

    fn server(&mut self, text: &str) -> &mut Self {
        self.send(1, "P.", text.as_bytes());
        self
    }

    /// Both sides have said all.
    fn fin(&mut self) {
        self.send(1, "F.", b"");
        self.sent[1] += 1;
        self.send(0, "F.", b"");
    }

    fn record(self) -> FlowRecord {
        self.world.only()
    }

    fn app(self) -> AppRecord {
        *self.record().app.expect("recognised")
    }
}

fn said(exchange: &Exchange) -> (Option<&str>, Option<&str>, Option<u16>) {
    (exchange.method.as_deref(), exchange.target.as_deref(), exchange.status)
}

fn millis(span: Option<sockeye::model::Span>) -> Option<i64> {
    span.map(|span| span.nanos() / 1_000_000)
}

#[test]
fn requests_and_responses_of_a_whole_connection_with_their_times() {
    let mut talk = Talk::new();
    talk.client("GET /a HT").client("TP/1.1\r\nHost: x.test\r\nUser-Agent: me\r\n\r\n");
    talk.server("HTTP/1.1 200 OK\r\nContent-Le").server("ngth: 10\r\nContent-Type: text/plain\r\n\r\n12345").server("67890");
    talk.client("GET /b HTTP/1.1\r\n\r\nGET /c HTTP/1.1\r\n\r\n");
    talk.server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
    talk.client("POST /p HTTP/1.1\r\nContent-Length: 4\r\n\r\nab").server("HTTP/1.1 100 Continue\r\n\r\n").client("cd");
    talk.server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n").server("0\r\n\r\n");
    talk.client("HEAD /h HTTP/1.1\r\n\r\n").server("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
    talk.client("GET /d HTTP/1.1\r\n\r\n").server("HTTP/1.0 200 OK\r\n\r\nhello").server("more").fin();
    let app = talk.app();
    assert_eq!((app.app, app.incomplete), (Some(App::Http), false));
    let http = app.http.unwrap();
    assert_eq!((http.requests, http.responses), (6, 6));
    let all: Vec<_> =
        http.exchanges.iter().map(|exchange| (said(exchange), millis(exchange.wait), millis(exchange.time))).collect();
    assert_eq!(
        all,
        [
            ((Some("GET"), Some("/a"), Some(200)), Some(10), Some(30)),
            ((Some("GET"), Some("/b"), Some(200)), Some(10), Some(10)),
            ((Some("GET"), Some("/c"), Some(404)), Some(10), Some(10)),
            ((Some("POST"), Some("/p"), Some(200)), Some(10), Some(20)),
            ((Some("HEAD"), Some("/h"), Some(200)), Some(10), Some(10)),
            ((Some("GET"), Some("/d"), Some(200)), Some(10), Some(30)),
        ]
    );
    let first = &http.exchanges[0];
    assert_eq!((first.request, first.request_end, first.response, first.response_end), (Some(4), Some(5), Some(6), Some(8)));
    assert_eq!((first.host.as_deref(), first.user_agent.as_deref()), (Some("x.test"), Some("me")));
    assert_eq!((first.reason.as_deref(), first.content_type.as_deref()), (Some("OK"), Some("text/plain")));
}

#[test]
fn a_hole_in_a_body_matters_no_more_than_in_a_head_it_does() {
    let mut talk = Talk::new();
    talk.client("GET /a HTTP/1.1\r\n\r\n").server("HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n");
    talk.sent[1] += 2000;
    talk.client("GET /b HTTP/1.1\r\n\r\n"); // Acknowledges what the capture missed.
    talk.server(&"x".repeat(1000)).server("HTTP/1.1 404 No\r\nContent-Le");
    talk.sent[1] += 100;
    talk.client("GET /c HTTP/1.1\r\n\r\n").server("HTTP/1.1 200 OK\r\n\r\n");
    let app = talk.app();
    let http = app.http.unwrap();
    let all: Vec<_> = http.exchanges.iter().map(said).collect();
    let get = Some("GET");
    assert_eq!(all, [(get, Some("/a"), Some(200)), (get, Some("/b"), Some(404)), (get, Some("/c"), None)]);
    assert!(app.incomplete && http.exchanges[0].time.is_some() && http.exchanges[1].time.is_none());
}

#[test]
fn heads_that_the_capture_cut_are_read_as_far_as_whole_lines_go() {
    let mut talk = Talk::new();
    talk.client("GET /a HTTP/1.1\r\nHost: x.test\r\nUser-Ag");
    talk.sent[0] += 50;
    talk.server("HTTP/1.1 200 OK\r\nServer: y\r\nContent-Le");
    talk.sent[1] += 50;
    talk.client("GET").server("x");
    let app = talk.app();
    let exchange = &app.http.as_ref().unwrap().exchanges[0];
    assert_eq!((said(exchange), exchange.host.as_deref()), ((Some("GET"), Some("/a"), Some(200)), Some("x.test")));
    assert_eq!((millis(exchange.wait), exchange.time, app.incomplete), (Some(10), None, true));
}

#[test]
fn secrets_are_in_no_record() {
    let mut talk = Talk::new();
    talk.client("GET http://joe:hunter2@x.test/?a=b@c HTTP/1.1\r\nAuthorization: Basic am9lOmh1bnRlcjI=\r\n\r\n");
    let app = talk.app();
    let http = app.http.as_ref().unwrap();
    assert_eq!(http.exchanges[0].target.as_deref(), Some("http://x.test/?a=b@c"));
    let login = app.login.as_ref().unwrap();
    assert_eq!((login.user.as_deref(), login.password_in_clear, login.packet), (Some("joe"), true, 4));
    let text = format!("{app:?}");
    assert!(!text.contains("hunter2") && !text.contains("am9l"), "{text}");
    for (greeting, login, user) in [
        ("220 files FTP\r\n", "USER joe\r\nPASS hunter2\r\n", "joe"),
        ("+OK mail\r\n", "USER joe\r\nPASS hunter2\r\n", "joe"),
        ("* OK IMAP\r\n", "a1 LOGIN joe hunter2\r\n", "joe"),
        ("220 x ESMTP\r\n", "EHLO me\r\nAUTH PLAIN AGpvZQBodW50ZXIy\r\n", "joe"),
    ] {
        for cut in 0..login.len() {
            let mut talk = Talk::new();
            talk.server(greeting).client(&login[..cut]).client(&login[cut..]);
            let app = talk.app();
            let found = app.login.as_ref().unwrap_or_else(|| panic!("{login:?} cut at {cut}"));
            assert_eq!((found.user.as_deref(), found.password_in_clear), (Some(user), true));
            assert_eq!(
                app.banner.as_ref().unwrap().server.as_deref(),
                Some(greeting.trim_end().rsplit("OK ").next().unwrap().trim_start_matches("220 "))
            );
            let text = format!("{app:?}");
            assert!(!text.contains("hunter2") && !text.contains("AGpv"), "{text}");
        }
    }
}

const HELLOS: &[u8] = include_bytes!("../data/client-hellos.bin");
const SAID: &str = include_str!("../data/client-hellos.tsv");

/// Hellos of clients, each with host, JA3 and JA4.
fn hellos() -> Vec<(&'static [u8], [&'static str; 3])> {
    let mut rows = SAID.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let columns = rows.next().unwrap();
    let column = |name| columns.iter().position(|column| *column == name).unwrap();
    let places = ["server_name", "ja3", "ja4"].map(column);
    let mut rest = HELLOS;
    let mut next = |row: Vec<&'static str>| {
        let (length, after) = rest.split_first_chunk().unwrap();
        let (hello, after) = after.split_at(u32::from_be_bytes(*length) as usize);
        rest = after;
        (hello, places.map(|place| row[place]))
    };
    rows.map(&mut next).collect()
}

fn hello_is(record: &FlowRecord, [name, ja3, ja4]: [&str; 3], how: &str) {
    let tls = record.app.as_ref().and_then(|app| app.tls.as_ref()).unwrap_or_else(|| panic!("{name} {how}: {:?}", record.app));
    let found = [&tls.server_name, &tls.ja3, &tls.ja4].map(|text| text.as_deref().unwrap_or_default());
    assert_eq!(found, [name, ja3, ja4], "{how}");
}

#[test]
fn hellos_of_clients_split_at_every_byte_in_order_and_out_of_order() {
    let hellos = hellos();
    assert!(hellos.len() >= 200);
    let mut world = world();
    let mut expected = Vec::new();
    for (n, (hello, said)) in hellos.iter().enumerate() {
        let longest = hello.len() > 2000;
        // Each of the others at every byte, in one of the two orders.
        for cut in (1..hello.len()).step_by(if longest { 97 } else { 1 }) {
            let host = ([10, 1, (n / 250) as u8, (n % 250) as u8], 1024 + (cut % 60_000) as u16);
            let mut talk = Talk::between(world, host, B);
            let (front, back) = hello.split_at(cut);
            let (first, second) = (seg("P.", 1000, 5000).text(front), seg("P.", 1000 + cut as u32, 5000).text(back));
            let reversed = (n + cut) % 2 == 1;
            for segment in if reversed { [&second, &first] } else { [&first, &second] } {
                talk.send_at(0, segment);
            }
            talk.send_at(0, &seg("R", 1000 + hello.len() as u32, 0));
            world = talk.world;
            expected.push((*said, cut, reversed));
        }
    }
    let records = world.finish();
    assert_eq!(records.len(), expected.len());
    for (record, (said, cut, reversed)) in records.iter().zip(&expected) {
        hello_is(record, *said, &format!("cut at {cut}, reversed: {reversed}"));
    }
}

#[test]
fn tls_within_other_protocols_is_read() {
    let (hello, said) = hellos().into_iter().find(|(hello, said)| hello.len() < 600 && !said[0].is_empty()).unwrap();
    let begin = |greeting: &str, asks: &str, agrees: &str| {
        let mut talk = Talk::new();
        if !greeting.is_empty() {
            talk.server(greeting);
        }
        talk.client(asks).server(agrees);
        talk.send(0, "P.", hello);
        talk.record()
    };
    let cases = [
        ("220 x ESMTP\r\n", "EHLO me\r\nSTARTTLS\r\n", "250 STARTTLS\r\n220 go\r\n", App::Smtp),
        ("+OK mail\r\n", "STLS\r\n", "+OK\r\n", App::Pop3),
        ("* OK IMAP\r\n", "a STARTTLS\r\n", "a OK\r\n", App::Imap),
        ("220 FTP\r\n", "AUTH TLS\r\n", "234 go\r\n", App::Ftp),
        ("", "CONNECT x.test:443 HTTP/1.1\r\n\r\n", "HTTP/1.1 200 Go\r\n\r\n", App::Http),
    ];
    for (greeting, asks, agrees, app) in cases {
        let record = begin(greeting, asks, agrees);
        assert_eq!(record.app.as_ref().unwrap().app, Some(app));
        hello_is(&record, said, asks);
    }
}

fn dns_message(id: u16, flags: u16, name: &str, answers: &[[u8; 4]]) -> Vec<u8> {
    let labels: Vec<u8> =
        name.split('.').flat_map(|label| [&[label.len() as u8][..], label.as_bytes()].concat()).chain([0]).collect();
    let head: Vec<u8> = [id, flags, 1, answers.len() as u16, 0, 0].iter().flat_map(|n| n.to_be_bytes()).collect();
    let answers: Vec<u8> = answers.iter().flat_map(|ip| [&b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04"[..], ip].concat()).collect();
    [&head[..], &labels, &[0, 1, 0, 1], &answers].concat()
}

const RESOLVER: Host = ([10, 0, 0, 53], 53);

fn ask(world: &mut World, port: u16, id: u16, name: &str, wait: i64) {
    world.wait(wait).udp((A.0, port), RESOLVER, &dns_message(id, 0x100, name, &[]));
}

fn answer(world: &mut World, port: u16, id: u16, name: &str, wait: i64) {
    world.wait(wait).udp(RESOLVER, (A.0, port), &dns_message(id, 0x8180, name, &[[10, 0, 0, 2]]));
}

/// Packets and milliseconds.
fn paired(transaction: &Transaction) -> (Option<u64>, Option<u64>, Option<i64>) {
    (transaction.query, transaction.response, millis(transaction.time))
}

#[test]
fn a_question_that_was_captured_twice_was_asked_once() {
    let mut world = world();
    ask(&mut world, 5000, 1, "a.test", 0);
    ask(&mut world, 5000, 1, "a.test", 1);
    let app = world.only().app.unwrap();
    let dns = app.dns.as_ref().unwrap();
    assert_eq!((dns.queries, dns.resent, dns.unanswered()), (1, 0, 1));
}

#[test]
fn questions_and_answers_find_each_other() {
    let mut world = world();
    ask(&mut world, 5000, 1, "a.test", 0);
    ask(&mut world, 5000, 1, "a.test", 1000); // Sent again: the first counts.
    answer(&mut world, 5000, 1, "a.test", 500);
    answer(&mut world, 5000, 1, "a.test", 100); // A copy.
    ask(&mut world, 5000, 1, "a.test", 1000); // A new one.
    ask(&mut world, 5000, 2, "b.test", 10);
    answer(&mut world, 5000, 2, "b.test", 10);
    answer(&mut world, 5000, 1, "a.test", 10);
    ask(&mut world, 5000, 3, "c.test", 10);
    ask(&mut world, 5000, 3, "c.test", 5000); // Too late to be the same.
    answer(&mut world, 5000, 3, "c.test", 20);
    let record = world.only();
    let app = record.app.unwrap();
    let dns = app.dns.as_ref().unwrap();
    let all: Vec<_> = dns.transactions.iter().map(paired).collect();
    assert_eq!(
        all,
        [
            (Some(1), Some(3), Some(1500)),
            (Some(5), Some(8), Some(30)),
            (Some(6), Some(7), Some(10)),
            (Some(9), None, None),
            (Some(10), Some(11), Some(20)),
        ]
    );
    assert_eq!((dns.queries, dns.resent, dns.responses, dns.answered, dns.unanswered()), (5, 1, 4, 4, 1));
    assert_eq!(dns.transactions[0].answers.as_deref(), Some("10.0.0.2"));
}

#[test]
fn many_messages_over_tcp_split_anywhere() {
    let framed = |message: Vec<u8>| [&(message.len() as u16).to_be_bytes()[..], &message].concat();
    let asked: Vec<u8> = (1..4).flat_map(|id| framed(dns_message(id, 0x100, "a.test", &[]))).collect();
    let answered: Vec<u8> = (1..4).flat_map(|id| framed(dns_message(id, 0x8180, "a.test", &[[10, 0, 0, 9]]))).collect();
    for size in 1..60 {
        let mut talk = Talk::new();
        asked.chunks(size).for_each(|part| talk.send(0, "P.", part));
        answered.chunks(size).for_each(|part| talk.send(1, "P.", part));
        let app = talk.app();
        let dns = app.dns.unwrap();
        assert_eq!((dns.queries, dns.responses, dns.unanswered(), app.incomplete), (3, 3, 0, false), "in pieces of {size}");
    }
}

#[test]
fn multicast_is_not_put_together() {
    let group = ([224, 0, 0, 251], 5353);
    let mut world = world();
    world.udp((A.0, 5353), group, &dns_message(0, 0, "a.local", &[]));
    world.udp((A.0, 5353), group, &dns_message(0, 0x8400, "b.local", &[[10, 0, 0, 7]]));
    let app = world.only().app.unwrap();
    let dns = app.dns.unwrap();
    assert_eq!(app.app, Some(App::Mdns));
    assert_eq!(dns.transactions.iter().map(paired).collect::<Vec<_>>(), [(Some(1), None, None), (None, Some(2), None)]);
}

#[test]
fn flows_have_the_names_that_dns_gave_before_they_began() {
    let mut world = world();
    let early = Talk::between(world, (A.0, 100), B);
    world = early.world;
    ask(&mut world, 5000, 1, "www.example.test", 10);
    answer(&mut world, 5000, 1, "www.example.test", 10);
    let late = Talk::between(world, (A.0, 101), B);
    let records = late.world.finish();
    let name = |record: &FlowRecord| record.resp.name.as_ref().map(|name| (name.name.to_string(), name.packet));
    assert_eq!(records.iter().map(name).collect::<Vec<_>>(), [None, None, Some(("www.example.test".to_owned(), (0, 5)))]);
    assert!(records.iter().all(|record| record.orig.name.is_none()));
}

/// What goes on and on, by the number of the segment.
type Endless = fn(usize) -> Vec<u8>;

#[test]
fn what_has_no_end_takes_no_more_than_its_room() {
    const ROOM: usize = 1 << 20;
    let config = TrackerConfig { wants: Wants::APP, list_bytes: ROOM, ..TrackerConfig::default() };
    let cases: [(&str, Endless); 5] = [
        ("GET / HTTP/1.1\r\n", |n| format!("X-{n}: {}\r\n", "y".repeat(1000)).into_bytes()),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", |_| vec![b'0'; 1200]),
        ("USER ", |_| vec![b'a'; 1200]),
        ("GET / HTTP/1.1\r\n\r\n", |n| format!("GET /{n}{} HTTP/1.1\r\n\r\n", "z".repeat(1100)).into_bytes()),
        ("", |n| {
            let message = dns_message(n as u16, 0x100, &format!("{n}.{}.test", "a".repeat(60)), &[]);
            [&(message.len() as u16).to_be_bytes()[..], &message].concat().repeat(12)
        }),
    ];
    let mut world = World::with(config);
    for round in 0..40 {
        for (n, (begins, goes_on)) in cases.iter().enumerate() {
            let mut talk = Talk::between(world, ([10, 2, n as u8, round], 1000), B);
            if !begins.is_empty() {
                talk.client(begins);
            }
            (0..100).for_each(|n| talk.send(0, "P.", &goes_on(n)));
            world = talk.world;
        }
    }
    let mut longest = 0;
    world.tracker.for_each_active(|record| {
        let Some(app) = &record.app else { return };
        let kept =
            app.http.as_ref().map_or(0, |http| http.exchanges.len()) + app.dns.as_ref().map_or(0, |dns| dns.transactions.len());
        assert!(kept <= 64);
        longest = longest.max(kept);
    });
    assert_eq!(longest, 64);
    assert!(world.tracker.stats().without_room > 0, "it was used up");
    world.finish();
}

/// What was said, without the packets and times by which it came.
fn facts(app: Option<Box<AppRecord>>) -> Option<AppRecord> {
    app.map(|mut app| {
        let http = app.http.iter_mut().flat_map(|http| &mut http.exchanges);
        http.for_each(|one| {
            for packet in [&mut one.request, &mut one.request_end, &mut one.response, &mut one.response_end] {
                *packet = packet.map(|_| 0);
            }
            (one.wait, one.time) = (None, None);
        });
        for one in app.dns.iter_mut().flat_map(|dns| &mut dns.transactions) {
            (one.query, one.response, one.time) = (one.query.map(|_| 0), one.response.map(|_| 0), None);
        }
        if let Some(tls) = &mut app.tls {
            (tls.client_hello, tls.server_hello) = (tls.client_hello.map(|_| 0), tls.server_hello.map(|_| 0));
        }
        if let Some(login) = &mut app.login {
            login.packet = 0;
        }
        *app
    })
}

/// What a side may say: pieces of real messages, whole and cut, and odd bytes.
fn speech(server: bool) -> impl Strategy<Value = Vec<u8>> {
    let requests = vec![
        b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
        b"POST /x HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello".to_vec(),
        b"CONNECT a:1 HTTP/1.1\r\n\r\n".to_vec(),
        b"USER joe\r\nPASS x\r\n".to_vec(),
        b"EHLO me\r\nSTARTTLS\r\n".to_vec(),
        b"SSH-2.0-me\r\n".to_vec(),
        hellos()[0].0.to_vec(),
        [&[0, 24][..], &dns_message(7, 0x100, "a.test", &[])].concat(),
    ];
    let responses = vec![
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc".to_vec(),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".to_vec(),
        b"HTTP/1.1 100 Continue\r\n\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\n\r\nall".to_vec(),
        b"220 x ESMTP\r\n".to_vec(),
        b"+OK mail\r\n".to_vec(),
        b"SSH-2.0-you\r\n".to_vec(),
        b"\x15\x03\x03\x00\x02\x02\x28".to_vec(),
        [&[0, 40][..], &dns_message(7, 0x8180, "a.test", &[[1, 2, 3, 4]])].concat(),
    ];
    let known = prop::sample::select(if server { responses } else { requests });
    let part = prop_oneof![
        6 => known.clone(),
        1 => (known, any::<prop::sample::Index>()).prop_map(|(whole, at)| whole[..at.index(whole.len())].to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ];
    prop::collection::vec(part, 0..5).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn facts_do_not_depend_on_segments(
        client in speech(false),
        server in speech(true),
        sizes in prop::collection::vec(1..40_usize, 1..20),
        swaps in any::<bool>(),
    ) {
        let run = |sizes: &[usize], swaps: bool| {
            let mut talk = Talk::new();
            for (by, said) in [(0, &client), (1, &server)] {
                let mut segments = Vec::new();
                let (mut rest, mut at) = (&said[..], talk.sent[by]);
                for size in sizes.iter().cycle() {
                    if rest.is_empty() {
                        break;
                    }
                    let (front, back) = rest.split_at((*size).min(rest.len()));
                    segments.push(seg("P.", at, talk.sent[1 - by]).text(front));
                    (rest, at) = (back, at + front.len() as u32);
                }
                if swaps {
                    for pair in segments.chunks_mut(2) {
                        pair.reverse();
                    }
                }
                for segment in &segments {
                    talk.send_at(by, segment);
                }
                talk.sent[by] = at;
            }
            facts(talk.record().app)
        };
        let whole = run(&[60_000], false);
        prop_assert_eq!(&run(&sizes, swaps), &whole);
        prop_assert_eq!(&run(&[1], false), &whole);
    }
}

#[test]
fn tunnels_in_tunnels_come_to_an_end() {
    let asked = "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: b\r\n\r\n";
    // As much as a segment has, in a thread with as little stack as any.
    let answers = "HTTP/1.1 101 X\r\n\r\n".repeat(3600);
    let told = std::thread::Builder::new().stack_size(512 << 10).spawn(move || {
        let mut talk = Talk::new();
        talk.client(asked).server(&answers).fin();
        talk.app()
    });
    let app = told.expect("a thread").join().expect("an end");
    assert_eq!((app.app, app.incomplete), (Some(App::Http), true));
}
