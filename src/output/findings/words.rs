//! A finding in one line, and how its packets are cited.

use crate::detect::{Cause, Conflict, Few, Finding, Leak, NameFault, PortState, Scan, ScanKind, ScanShape, SlowWay};
use crate::flow::app::Secret;
use crate::model::{IpProtocol, MacAddr};
use crate::output::handshakes::icmp_words;
use crate::output::units;
use std::net::IpAddr;

/// The finding in a line.
pub(super) fn headline(finding: &Finding) -> String {
    let attempts = finding.flows.total;
    match &finding.cause {
        Cause::Refused { protocol, server, hosts, ports, clients, .. } => {
            let server = at(server.ip, hosts, ports);
            let what = if *protocol == IpProtocol::TCP {
                format!("refused: nothing listens on {server}")
            } else {
                format!("nothing listens on {} {server}", word(*protocol))
            };
            format!("{what}{}", asked(attempts, *clients))
        }
        Cause::NoAnswer { syns, over, server, hosts, ports, completed: 0, .. } if attempts == 1 => {
            if *syns == 1 {
                format!("no answer to the SYN to {}; no RST, no ICMP", at(server.ip, hosts, ports))
            } else {
                format!("no answer to {} SYNs in {}; no RST, no ICMP", units::count(*syns), units::duration(*over))
            }
        }
        Cause::NoAnswer { server, hosts, ports, clients, completed: 0, .. } => {
            format!("no answer from {}{}; no RST, no ICMP", at(server.ip, hosts, ports), asked(attempts, *clients))
        }
        Cause::NoAnswer { server, hosts, ports, completed, .. } => format!(
            "no answer from {} to {} of {} attempts",
            at(server.ip, hosts, ports),
            units::count(attempts),
            units::count(attempts + completed)
        ),
        Cause::Unreachable { server, hosts, ports, icmp: (kind, code), clients, .. } => {
            let why = icmp_words(server.ip.is_ipv6(), *kind, *code);
            format!("{} cannot be reached: {why}{}", at(server.ip, hosts, ports), asked(attempts, *clients))
        }
        Cause::HalfOpen { server, hosts, ports, clients, .. } => {
            format!("{} answered, and the client never did{}", at(server.ip, hosts, ports), asked(attempts, *clients))
        }
        Cause::WindowShut { longest, at_end, .. } => {
            let end = if *at_end { ", still at the end" } else { "" };
            format!("receiver kept its window shut for {}{end}{}", units::duration(*longest), in_connections(attempts))
        }
        Cause::Resent { segments, of, before, beyond, by_client, .. } => {
            let who = if *by_client { "client" } else { "server" };
            let share = *segments as f64 * 100.0 / (*of).max(1) as f64;
            let place = match (*before, *beyond) {
                (0, 0) => String::new(),
                (_, 0) => ": lost before this point".to_owned(),
                (0, _) => ": lost beyond this point".to_owned(),
                (before, beyond) => format!(": {} lost before this point, {} beyond", units::count(before), units::count(beyond)),
            };
            format!("{who} resent {} ({share:.1}%){place}{}", units::counted(*segments, "segment"), in_connections(attempts))
        }
        Cause::PathMtu { receiver, errors, .. } => {
            format!("packets too big for the way to {receiver}: {}", units::counted(*errors, "ICMP error"))
        }
        Cause::CaptureLoss { bytes, dropped } => {
            let dropped = dropped.map(|packets| format!("it dropped {}", units::counted(packets, "packet")));
            let bytes = (*bytes > 0).then(|| format!("{} were acknowledged and never seen", units::bytes(*bytes)));
            let parts: Vec<String> = [dropped, bytes].into_iter().flatten().collect();
            format!("the capture is not whole: {}", parts.join(", "))
        }
        Cause::Reset { by_client, got, sent, .. } => reset(*by_client, *got, *sent, attempts),
        Cause::Scan(scan) => scanned(scan),
        Cause::Probe { kind, target, targets, prober } => {
            let more = if *targets > 1 { format!(" and {} more", targets - 1) } else { String::new() };
            format!("{prober} probes {} port {}{more}: {}", target.ip, target.port, strange(*kind))
        }
        Cause::Names { fault, server, names, total, .. } => names_of(*fault, *server, names, *total),
        Cause::TlsAlert { by_client, alert, name, .. } => {
            let who = if *by_client { "client" } else { "server" };
            let name = name.as_deref().map_or_else(String::new, |name| format!(" for {name}"));
            format!("TLS{name} broken off by the {who}: {}{}", alert, in_connections(attempts))
        }
        Cause::Password { user, method, protocol, .. } => {
            let user = user.as_deref().map_or_else(String::new, |user| format!(" of {user}"));
            format!("password{user} in the clear ({} {method}){}", protocol.to_uppercase(), in_connections(attempts))
        }
        Cause::SynFlood { target, unfinished, completed, sources, sources_at_least, .. } => format!(
            "SYN flood on {} port {}: {} never completed, {} completed; from {}{}",
            target.ip,
            target.port,
            units::counted(*unfinished, "attempt"),
            units::count(*completed),
            if *sources_at_least { "more than " } else { "" },
            if *sources == 1 { "1 address".to_owned() } else { format!("{} addresses", units::count(*sources)) },
        ),
        Cause::SpoofedAddress { .. }
        | Cause::DuplicateAddress { .. }
        | Cause::NeighbourSilent { .. }
        | Cause::InjectedReset { .. }
        | Cause::RewrittenData { .. } => forged(&finding.cause, attempts),
        Cause::SlowRequests { .. }
        | Cause::LeftOpen { .. }
        | Cause::ExposedPort { .. }
        | Cause::ClearProtocol { .. }
        | Cause::BlackHole { .. }
        | Cause::PeerGone { .. } => kept(&finding.cause, attempts),
    }
}

/// Of connections that are kept open, or should not be as they are.
fn kept(cause: &Cause, attempts: u64) -> String {
    match cause {
        Cause::SlowRequests { client, server, way, at_once, longest, .. } => format!(
            "{}: {client} keeps {} of {} port {} open at once, up to {}, {}",
            match way {
                SlowWay::Reading => "slow reader",
                SlowWay::Silent => "silent connections",
                SlowWay::Head | SlowWay::Body | SlowWay::Hello => "slow requests",
            },
            units::counted(*at_once, "connection"),
            server.ip,
            server.port,
            units::duration(*longest),
            match way {
                SlowWay::Head => "no request head finished (slowloris)",
                SlowWay::Body => "no request body finished (slow POST)",
                SlowWay::Hello => "no TLS ClientHello finished",
                SlowWay::Reading => "its window shut",
                SlowWay::Silent => "nothing said",
            }
        ),
        Cause::LeftOpen { server, leak: Leak::HalfClosed { by_client }, quiet, .. } => {
            let (closed, holds) = if *by_client { ("server", "client") } else { ("client", "server") };
            format!(
                "the {closed} closed, the {holds} never did, for {} (port {}){}: close() missing",
                units::duration(*quiet),
                server.port,
                in_connections(attempts)
            )
        }
        Cause::LeftOpen { client, server, leak: Leak::Pile { over }, .. } => format!(
            "{} of {client} to {} port {} pile up unused, set up over {}: close() missing",
            units::counted(attempts, "connection"),
            server.ip,
            server.port,
            units::duration(*over)
        ),
        Cause::PeerGone { sender, silent, hosts, times, over } => format!(
            "{}: one segment sent {} times more in {}, no answer{}",
            match hosts {
                1 => format!("{} port {} is gone", silent.ip, silent.port),
                _ => format!("{hosts} hosts are gone for {} (first {})", sender.ip, silent.ip),
            },
            units::count(*times),
            units::duration(*over),
            in_connections(attempts)
        ),
        Cause::BlackHole { receiver, receivers, stuck, shorter, over, .. } => {
            let then = shorter.map_or_else(
                || format!("never got through in {}", units::duration(*over)),
                |shorter| {
                    format!(
                        "did not get through for {}, pieces of {} bytes did",
                        units::duration(*over),
                        units::count(shorter.into())
                    )
                },
            );
            format!(
                "black hole on the way to {receiver}{}: segments of {} bytes {then}; smaller ones did, no ICMP{}",
                if *receivers > 1 { format!(" and {}", units::counted(receivers - 1, "other host")) } else { String::new() },
                units::count(u64::from(*stuck)),
                in_connections(attempts)
            )
        }
        Cause::ClearProtocol { protocol, carries, server, clients, servers, .. } => {
            let what = carries.map_or("what is said in it", |secret| match secret {
                Secret::Cookie => "a cookie (session)",
                Secret::Authorization => "an authorization",
            });
            format!(
                "{} in the clear: {what} can be read on the way to {}{}{}",
                protocol.to_uppercase(),
                server.ip,
                match (clients, servers) {
                    (1, 1) => String::new(),
                    (1, n) => format!(" and {}", units::counted(n - 1, "other server")),
                    (n, _) => format!(" of {}", units::counted(*n, "client")),
                },
                in_connections(attempts)
            )
        }
        Cause::ExposedPort { server, service, client, clients, clients_at_least, .. } => {
            let whom = match clients {
                1 if !clients_at_least => client.to_string(),
                n => format!("{}{} foreign addresses", if *clients_at_least { "more than " } else { "" }, units::count(*n)),
            };
            format!("{service} on {} port {} answers {whom}{}", server.ip, server.port, in_connections(attempts))
        }
        _ => String::new(),
    }
}

/// Of who says to be somebody, or is not there.
fn forged(cause: &Cause, attempts: u64) -> String {
    match cause {
        Cause::SpoofedAddress { by, taken, .. } => spoofed(*by, taken),
        Cause::DuplicateAddress { address, first, second, how, .. } => duplicate(*address, *first, *second, *how),
        Cause::NeighbourSilent { asker, askers, targets, asked, sweep } => silent(*asker, *askers, targets, *asked, *sweep),
        Cause::InjectedReset { by, resets, guessed, .. } => {
            let what = match (*guessed, *resets) {
                (true, n) => format!("{} with guessed numbers", units::counted(n, "reset")),
                (false, 1) => "a reset".to_owned(),
                (false, n) => units::counted(n, "reset"),
            };
            format!("{what} in the name of {by}, which goes on{}", in_connections(attempts))
        }
        Cause::RewrittenData { sender, segments, .. } => {
            format!(
                "{} of {sender} came again with other bytes{}",
                units::counted(*segments, "segment"),
                in_connections(attempts)
            )
        }
        _ => String::new(),
    }
}

fn spoofed(by: MacAddr, taken: &Few<(IpAddr, MacAddr)>) -> String {
    let whose: Vec<String> = taken.first.iter().take(2).map(|(ip, owner)| format!("{ip} of {owner}")).collect();
    let more = match taken.total.saturating_sub(2) {
        0 => String::new(),
        n => format!(" and {} more", units::count(n)),
    };
    let both = if taken.total > 1 { ": a man in the middle" } else { "" };
    format!("{by} claims {}{more}{both}", whose.join(" and "))
}

fn duplicate(address: IpAddr, first: MacAddr, second: Option<MacAddr>, how: Conflict) -> String {
    match (how, second) {
        (Conflict::Probed, Some(second)) => format!("{address} is taken: {second} asked for it, {first} has it"),
        (Conflict::Probed, None) => format!("{address} is taken: somebody asked for it, {first} has it"),
        (_, Some(second)) => format!("{address} is in use twice: by {first} and {second}"),
        (_, None) => format!("{address} is in use twice: by {first} and another"),
    }
}

fn silent(asker: IpAddr, askers: u64, targets: &Few<IpAddr>, asked: u64, sweep: bool) -> String {
    let named: Vec<String> = targets.first.iter().take(2).map(ToString::to_string).collect();
    if sweep {
        let (first, last) = (named.first().map_or("", |ip| ip), targets.last.map_or_else(String::new, |ip| ip.to_string()));
        return format!("ARP scan or sweep: {asker} asked for {} that nobody has, {first} to {last}", addresses(targets.total));
    }
    let more = match targets.total.saturating_sub(2) {
        0 => String::new(),
        n => format!(" and {} more", units::count(n)),
    };
    let who = if askers > 1 { format!("{} hosts", units::count(askers)) } else { asker.to_string() };
    format!("nobody is {}{more}: {who} asked {}", named.join(" or "), times(asked))
}

fn addresses(n: u64) -> String {
    if n == 1 { "1 address".to_owned() } else { format!("{} addresses", units::count(n)) }
}

fn times(n: u64) -> String {
    if n == 1 { "once".to_owned() } else { format!("{} times", units::count(n)) }
}

fn names_of(fault: NameFault, server: IpAddr, names: &[Box<str>], total: u64) -> String {
    let what = match (names, total) {
        ([], n) => units::counted(n, "question"),
        ([name], 1) => name.to_string(),
        ([name], n) => format!("{name} ({} questions)", units::count(n)),
        (names, n) if names.len() as u64 == n => format!("{} and {} more", names[0], units::count(n - 1)),
        // The first ones are kept, and some were asked for more than once.
        (names, n) => format!("{} and others ({} questions)", names[0], units::count(n)),
    };
    match fault {
        NameFault::NoSuchName if names.len() == 1 => format!("DNS: {what} does not exist"),
        NameFault::NoSuchName => format!("DNS: {what} do not exist"),
        NameFault::Failed => format!("DNS: {server} could not find out {what}"),
        NameFault::Refused => format!("DNS: {server} refuses to answer for {what}"),
        NameFault::NoAnswer => format!("DNS: no answer from {server} for {what}"),
    }
}

fn reset(by_client: bool, got: u64, sent: u64, attempts: u64) -> String {
    let (who, other) = if by_client { ("client", "server") } else { ("server", "client") };
    let what = match (got, sent) {
        (got, 0) => format!("{who} reset right after the {other}'s {}", data(got)),
        (0, sent) => format!("{who} reset after {} of its own", data(sent)),
        (got, sent) => format!("{who} reset in the middle: it had got {} and sent {}", data(got), data(sent)),
    };
    format!("{what}{}", in_connections(attempts))
}

/// `2 bytes`, `1.50 MB`.
fn data(bytes: u64) -> String {
    if bytes < 1000 { units::counted(bytes, "byte") } else { units::bytes(bytes) }
}

fn scanned(scan: &Scan) -> String {
    let Scan { scanner, shape, hosts, targets, over, slow, first_host, first_port, .. } = scan;
    let least = if scan.at_least { "at least " } else { "" };
    let whom = match shape {
        ScanShape::Vertical if *hosts == 1 => format!("{least}{} ports of {first_host}", units::count(*targets)),
        ScanShape::Horizontal => format!("port {first_port} of {least}{} hosts", units::count(*hosts)),
        ScanShape::Vertical | ScanShape::Block => {
            format!("{least}{} ports of {}", units::count(*targets), units::counted(*hosts, "host"))
        }
    };
    let slow = if *slow { "slow " } else { "" };
    format!("{slow}{} by {scanner}: {whom} in {}; {}", kind(scan.kind), units::duration(*over), counts(scan))
}

/// `2 open (22, 80), 98 closed`.
pub(super) fn counts(scan: &Scan) -> String {
    /// Open ports that are named.
    const NAMED: usize = 4;
    let open = || scan.found.iter().filter(|(.., state)| *state == PortState::Open);
    let ports: Vec<String> = open().take(NAMED).map(|(_, port, _)| port.to_string()).collect();
    let more = if open().nth(NAMED).is_some() { ", …" } else { "" };
    let part = |(state, n): &(PortState, u64)| {
        let which = match state {
            // Of several hosts a port alone says nothing.
            PortState::Open if scan.hosts == 1 => format!(" ({}{more})", ports.join(", ")),
            _ => String::new(),
        };
        format!("{} {}{which}", units::count(*n), state_word(*state))
    };
    scan.counts.iter().map(part).collect::<Vec<_>>().join(", ")
}

/// The state of a port in nmap's words.
pub(super) const fn state_word(state: PortState) -> &'static str {
    match state {
        PortState::Open => "open",
        PortState::Closed => "closed",
        PortState::Filtered => "filtered",
        PortState::Unfiltered => "unfiltered",
        PortState::OpenOrFiltered => "open or filtered",
    }
}

const fn kind(kind: ScanKind) -> &'static str {
    match kind {
        ScanKind::Syn => "SYN scan",
        ScanKind::Connect => "connect scan",
        ScanKind::Fin => "FIN scan",
        ScanKind::Null => "NULL scan",
        ScanKind::Xmas => "Xmas scan",
        ScanKind::Ack => "ACK or Window scan",
        ScanKind::Maimon => "Maimon scan",
        ScanKind::Odd => "scan with odd flags",
        ScanKind::Udp => "UDP scan",
    }
}

pub(super) const fn strange(kind: ScanKind) -> &'static str {
    match kind {
        ScanKind::Fin => "FIN without ACK (FIN scan)",
        ScanKind::Null => "no flag at all (NULL scan)",
        ScanKind::Xmas => "FIN, PSH and URG (Xmas scan)",
        ScanKind::Ack => "ACK of no connection (ACK or Window scan)",
        ScanKind::Maimon => "FIN,ACK of no connection (Maimon scan)",
        ScanKind::Odd => "flags that begin no connection",
        ScanKind::Syn => "SYN, and a reset to the answer (SYN scan)",
        ScanKind::Connect => "connections closed at once (connect scan)",
        ScanKind::Udp => "datagrams",
    }
}

/// `10.0.0.1 port 80`, `7 hosts (first 10.0.0.1), port 443`.
fn at(first: IpAddr, hosts: &Few<IpAddr>, ports: &Few<u16>) -> String {
    match hosts.total {
        0 | 1 => format!("{first} {}", ports_of(ports)),
        n => format!("{} hosts (first {first}), {}", units::count(n), ports_of(ports)),
    }
}

/// `port 80`, `ports 20, 21, 22 and 7 more`.
fn ports_of(ports: &Few<u16>) -> String {
    /// Named before the rest is counted.
    const NAMED: usize = 3;
    let named: Vec<String> = ports.first.iter().take(NAMED).map(ToString::to_string).collect();
    match ports.total {
        0 | 1 => format!("port {}", named.join("")),
        total if total as usize <= NAMED => format!("ports {}", named.join(", ")),
        total => format!("ports {} and {} more", named.join(", "), units::count(total - NAMED as u64)),
    }
}

fn asked(attempts: u64, clients: u64) -> String {
    match (attempts, clients) {
        (1, _) => String::new(),
        (n, 1) => format!(" ({} attempts)", units::count(n)),
        (n, clients) => format!(" ({} attempts by {} hosts)", units::count(n), units::count(clients)),
    }
}

fn in_connections(n: u64) -> String {
    if n == 1 { String::new() } else { format!(" (in {} connections)", units::count(n)) }
}

fn word(protocol: IpProtocol) -> String {
    protocol.to_string().to_uppercase()
}

/// How sure it is: what stands in packets, or what they speak for.
pub(super) const fn sure(cause: &Cause) -> &'static str {
    match cause {
        Cause::Resent { .. }
        | Cause::Scan(_)
        | Cause::Probe { .. }
        | Cause::SynFlood { .. }
        | Cause::SlowRequests { .. }
        | Cause::LeftOpen { .. }
        | Cause::BlackHole { .. }
        | Cause::SpoofedAddress { .. }
        | Cause::NeighbourSilent { .. }
        | Cause::InjectedReset { after: 1, acknowledged: false, .. }
        | Cause::RewrittenData { sure: false, .. } => "likely",
        _ => "sure",
    }
}

/// How its packets are to be joined: cause and effect, beginning and end, or a list.
pub(super) fn joined(cause: &Cause) -> &'static str {
    match cause {
        Cause::Refused { .. }
        | Cause::Unreachable { .. }
        | Cause::WindowShut { .. }
        | Cause::Names { .. }
        | Cause::DuplicateAddress { how: Conflict::BothAnswer | Conflict::Probed, .. } => " → ",
        Cause::NoAnswer { .. } | Cause::PeerGone { .. } => " … ",
        _ => " ",
    }
}
