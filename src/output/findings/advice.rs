//! What is said of a finding beside its line: what was seen, what it may mean, what it is not, what to check, where the rule stands.

use super::words::{counts, strange};
use crate::detect::{Cause, Conflict, Few, Finding, Leak, NameFault, Scan, ScanKind, ScanShape, SlowWay};
use crate::model::{Endpoint, IpProtocol};
use crate::output::handshakes::icmp_words;
use crate::output::units;
use std::net::IpAddr;

/// All that is said of a finding beside its first line.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// What was seen.
    pub(super) seen: String,
    /// What it may mean: several, where packets do not decide.
    pub(super) means: &'static str,
    /// What it is not, or need not be.
    pub(super) not: &'static str,
    /// What to do next.
    pub(super) check: String,
    /// Where the rule stands.
    pub(super) source: &'static str,
}

/// What is to be said beside the line.
pub(super) fn said(finding: &Finding) -> Said {
    let said = match &finding.cause {
        Cause::Refused { .. } | Cause::NoAnswer { .. } | Cause::Unreachable { .. } | Cause::HalfOpen { .. } => {
            of_attempts(&finding.cause)
        }
        Cause::Scan(_) | Cause::Probe { .. } | Cause::SynFlood { .. } | Cause::SlowRequests { .. } => of_others(&finding.cause),
        Cause::LeftOpen { .. } => of_sockets(&finding.cause),
        Cause::ExposedPort { .. } | Cause::ClearProtocol { .. } => of_services(&finding.cause),
        Cause::Names { .. } | Cause::TlsAlert { .. } | Cause::Password { .. } => of_sayings(&finding.cause),
        Cause::SpoofedAddress { .. } | Cause::DuplicateAddress { .. } | Cause::NeighbourSilent { .. } => {
            of_neighbours(&finding.cause)
        }
        Cause::InjectedReset { .. } | Cause::RewrittenData { .. } => of_tampering(&finding.cause),
        cause => of_troubles(cause),
    };
    said.unwrap_or_default().counted(finding.flows.total)
}

/// `10.0.0.1, 10.0.0.2 and 52 others`.
fn neighbours_of(targets: &Few<IpAddr>) -> String {
    let named: Vec<String> = targets.first.iter().map(ToString::to_string).collect();
    match targets.total - named.len() as u64 {
        0 => named.join(", "),
        more => format!("{} and {}", named.join(", "), units::counted(more, "other")),
    }
}

/// How a protocol is spoken so that nobody reads it on the way.
fn with_tls(protocol: &str) -> String {
    match protocol {
        "http" => "https instead of http".to_owned(),
        "telnet" | "rlogin" => "ssh instead".to_owned(),
        _ => format!("{protocol} with TLS: STARTTLS, or the port for it"),
    }
}

/// `10.0.0.1:80`, `10.0.0.1:80 (and 6 other hosts)`.
fn whom(server: Endpoint, hosts: &Few<IpAddr>) -> String {
    match hosts.total {
        0 | 1 => server.to_string(),
        n => format!("{server} (and {})", units::counted(n - 1, "other host")),
    }
}

/// Of attempts that failed.
fn of_attempts(cause: &Cause) -> Option<Said> {
    Some(match cause {
        Cause::Refused { protocol, server, hosts, client, .. } if *protocol == IpProtocol::TCP => Said {
            seen: format!("{client} asked {} for a connection; a reset came back at once.", whom(*server, hosts)),
            means: "the host is up and no program listens on that port · a firewall rejects with a reset",
            not: "a network that loses packets: the answer came",
            check: format!("ss -ltn on {} · another port? · is the program running and bound to this address?", server.ip),
            source: "RFC 9293 section 3.10.7.1",
        },
        Cause::Refused { server, hosts, client, .. } => Said {
            seen: format!("{client} sent to {}; ICMP port unreachable came back.", whom(*server, hosts)),
            means: "the host is up and no program has that port",
            not: "loss: the host itself answered",
            check: format!("ss -lun on {}", server.ip),
            source: "RFC 1122 section 4.1.3.1",
        },
        Cause::NoAnswer { server, hosts, client, syns, over, host_is_up, .. } => Said {
            seen: format!(
                "{client} asked {} for a connection, {} in {}; nothing came back: no SYN,ACK, no RST, no ICMP{}.",
                whom(*server, hosts),
                units::counted(*syns, "SYN"),
                units::duration(*over),
                if *host_is_up { ". The host answered others, or at other ports" } else { "" }
            ),
            means: if *host_is_up {
                "one of: a firewall drops silently · the program does not accept(), and its backlog is full"
            } else {
                "one of: address unused or host down · a firewall drops silently · the answers take a path this capture cannot see · a \
                 program that does not accept(), its backlog full"
            },
            not: "\"port closed\": a live host on which nobody listens answers with a reset",
            check: match server.ip {
                ip if *host_is_up || ip.is_loopback() => {
                    format!("ss -ltn 'sport = :{}' on {ip}: is Recv-Q above Send-Q? · its firewall", server.port)
                }
                ip => format!("ping {ip} · ip route get {ip} · ip neigh · a capture at the other end"),
            },
            source: "RFC 9293 section 3.8.1, RFC 6298 section 5; Linux net.ipv4.tcp_syn_retries",
        },
        Cause::Unreachable { server, hosts, client, icmp: (kind, code), .. } => Said {
            seen: format!(
                "{client} asked for {}; an ICMP error came back: {}.",
                whom(*server, hosts),
                icmp_words(server.ip.is_ipv6(), *kind, *code)
            ),
            means: "a router has no way there, or a firewall says that it does not let it through",
            not: "a host without that service: it would send a reset",
            check: format!("ip route get {0} · traceroute {0} · the firewall that sent the error", server.ip),
            source: "RFC 792, RFC 4443, RFC 1122 section 4.2.3.9",
        },
        Cause::HalfOpen { server, hosts, client, .. } => Said {
            seen: format!("{} answered the SYN of {client} with SYN,ACK; the ACK never came.", whom(*server, hosts)),
            means: "one of: the SYN was a probe · its source address was forged · the answer went astray",
            not: "a refused connection: somebody listens there",
            check: "does the client exist? · a capture at the client · ss -tn state syn-recv on the server".to_owned(),
            source: "RFC 9293 section 3.5; RFC 4987",
        },
        _ => return None,
    })
}

/// Of what went wrong in connections that were set up.
fn of_troubles(cause: &Cause) -> Option<Said> {
    Some(match cause {
        Cause::WindowShut { receiver, sender, longest, times, .. } => Said {
            seen: format!(
                "{receiver} told {sender} that it has no room, {}; the longest time lasted {}.",
                units::counted(*times, "time"),
                units::duration(*longest)
            ),
            means: "the program at the receiver read more slowly than data came, or not at all",
            not: "loss or a slow network: the sender had to wait for the receiver's program",
            check: "what is that program doing? (CPU, disk, a lock) · ss -tm on the receiver: Recv-Q".to_owned(),
            source: "RFC 9293 section 3.8.6.1",
        },
        Cause::Resent { sender, receiver, spurious, .. } => Said {
            seen: format!(
                "{sender} sent segments to {receiver} once more{}.",
                if *spurious > 0 { format!(", {} of them needlessly", units::count(*spurious)) } else { String::new() }
            ),
            means: "packets were lost on the way: a full queue, a bad link, a duplex mismatch, a policer",
            not: "a slow program; nor packets that only came in another order, which are counted apart",
            check: "sockeye show ID for where and when · interface counters on the way · is it one direction only?".to_owned(),
            source: "docs/verdicts.md; RFC 5681, RFC 6298",
        },
        Cause::PathMtu { sender, receiver, errors, segments } => Said {
            seen: format!(
                "{} said that packets of {sender} to {receiver} are too big for the way; {} sent again.",
                units::counted(*errors, "ICMP error"),
                units::counted(*segments, "segment")
            ),
            means: "a tunnel or another narrow link is on the way, and packets may not be cut (DF)",
            not: "a full queue or a bad link: what is smaller passes",
            check: format!("tracepath {receiver} · MSS clamping at the narrow link · are ICMP errors let through?"),
            source: "RFC 1191, RFC 8201; RFC 2923 on black holes",
        },
        Cause::BlackHole { sender, receiver, stuck, passed, times, over, .. } => Said {
            seen: format!(
                "{sender} sent {receiver} segments of {stuck} bytes and more again, {} over {}; {}, and no ICMP error came.",
                units::counted(*times, "time"),
                units::duration(*over),
                match passed {
                    0 => "the handshake and packets without data got through".to_owned(),
                    passed => format!("segments of up to {passed} bytes got through"),
                }
            ),
            means: "a link on the way carries smaller packets only, and its ICMP errors are filtered or never sent: a tunnel, PPPoE, a wrong MTU",
            not: "a receiver that is down, a full queue or a bad link: small packets arrive, and the receiver answers them",
            check: format!(
                "tracepath {receiver} · ping -M do -s {stuck} {receiver}, and with less · let ICMP type 3 code 4 (ICMPv6 type 2) through · clamp the MSS at the tunnel · \
                 net.ipv4.tcp_mtu_probing=1 at {sender}"
            ),
            source: "RFC 2923 section 2.1, RFC 4821, RFC 8899; RFC 1191",
        },
        Cause::PeerGone { sender, silent, times, over, .. } => Said {
            seen: format!(
                "{sender} sent one segment {} more over {}, as its timer has it; from {silent} nothing came any more: no ACK, no RST, no ICMP.",
                units::counted(*times, "time"),
                units::duration(*over)
            ),
            means: "the host is down or its cable is out · a way that worked does not any more · a firewall or NAT forgot the connection and drops · a client left its radio cell",
            not: "a slow program: its kernel would acknowledge; nor loss now and then, of which some gets through",
            check: format!("ping {} · ip neigh on the last router · does a new connection work? (NAT, firewall)", silent.ip),
            source: "RFC 9293 section 3.8.3, RFC 6298 section 5; Linux net.ipv4.tcp_retries2",
        },
        Cause::CaptureLoss { .. } => Said {
            seen: "What the hosts acknowledged was not all captured.".to_owned(),
            means: "whoever captured was too slow, or packets took another way",
            not: "loss in the network: the hosts got these bytes",
            check: "a larger buffer (-B), a filter, -s 128; capture where all packets pass".to_owned(),
            source: "docs/verdicts.md",
        },
        Cause::Reset { by, to, by_client, .. } => Said {
            seen: format!("{by} broke off its connection with {to} by a reset."),
            means: if *by_client {
                "the program gave up waiting, crashed, or closes by resets (SO_LINGER 0); or something on the way did"
            } else {
                "the program closed without reading all, crashed, or closes by resets (SO_LINGER 0); or something on the way did"
            },
            not: "a refused connection: it was open",
            check: format!("the log of the program on {} · compare TTL and IP id of the reset with its other packets", by.ip),
            source: "RFC 9293 section 3.10.4, RFC 1122 section 4.2.2.13",
        },
        _ => return None,
    })
}

/// Of what applications say.
fn of_sayings(cause: &Cause) -> Option<Said> {
    Some(match cause {
        Cause::Names { fault, client, server, names, total } => {
            let names = names.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
            let (means, not) = match fault {
                NameFault::NoSuchName => {
                    ("a typing error, a search list, a name that is gone", "a network fault: the name server answered")
                }
                NameFault::Failed => {
                    ("the servers of that domain do not answer, or DNSSEC does not fit", "\"no such name\": nobody knows")
                }
                NameFault::Refused => ("this server does not serve this client, or this domain", "a name that does not exist"),
                NameFault::NoAnswer => (
                    "the server is down or overloaded, a firewall drops, the answer took another way",
                    "a name that does not exist",
                ),
            };
            Said {
                seen: format!("{client} asked {server}: {}, of {names}.", units::counted(*total, "question")),
                means,
                not,
                check: format!("dig @{server} NAME · is it the right name server?"),
                source: "RFC 1035 section 4.1.1, RFC 8020",
            }
        }
        Cause::TlsAlert { client, server, by_client, alert, .. } => Said {
            seen: format!(
                "{} sent {} a fatal alert in the handshake: {}.",
                if *by_client { client.to_string() } else { server.to_string() },
                if *by_client { server.to_string() } else { client.to_string() },
                alert
            ),
            means: if *by_client {
                "the client does not accept the server's certificate, or found nothing in common with it"
            } else {
                "the server does not know that name, or has no version or cipher in common with the client"
            },
            not: "a network fault: both were heard",
            check: format!("openssl s_client -connect {server} · dates, names and issuer of the certificate"),
            source: "RFC 8446 section 6.2",
        },
        Cause::Password { client, server, protocol, .. } => Said {
            seen: format!("{client} sent {server} a password that everyone on the way can read."),
            means: "the program speaks without TLS; base64 hides nothing",
            not: "proof that anybody read it",
            check: format!("change the password · {}", with_tls(protocol)),
            source: "RFC 8314, RFC 7617 section 4",
        },
        _ => return None,
    })
}

/// Of what somebody does to others.
fn of_others(cause: &Cause) -> Option<Said> {
    Some(match cause {
        Cause::Scan(scan) => Said {
            seen: format!(
                "{} asked {} of {}; found {}.",
                scan.scanner,
                match scan.shape {
                    ScanShape::Horizontal => format!("port {}", scan.first_port),
                    ScanShape::Vertical | ScanShape::Block => units::counted(scan.targets, "port"),
                },
                hosts(scan),
                counts(scan)
            ),
            means: "somebody looks for open ports: a scanner, an inventory, a monitoring system, malware",
            not: "one busy client: nearly nothing of what it asked was used afterwards",
            check: format!(
                "who is {}? · is it expected? · what it found (-v lists all): is that meant to be open?",
                scan.scanner
            ),
            source: "nmap(1), PORT SCANNING TECHNIQUES; docs/findings.md",
        },
        Cause::Probe { prober, target, kind, .. } => Said {
            seen: match kind {
                ScanKind::Syn => format!(
                    "{prober} sent {target} a SYN, and broke off the answer by a reset without ACK: its kernel knew of no such connection."
                ),
                kind => format!("{prober} sent {target} what no program's connection begins with: {}.", strange(*kind)),
            },
            means: "a probe: a scanner, or somebody who tries out a single packet",
            not: "a scan by itself: too few targets were asked, or too few in vain",
            check: format!("who is {prober}? · what else did it send: sockeye flows -r FILE --where 'host {prober}'"),
            source: "RFC 9293 section 3.10.7; nmap(1)",
        },
        Cause::SynFlood { target, peak, .. } => Said {
            seen: format!("{} attempts at {target} that began within ten seconds were never completed.", units::count(*peak)),
            means: "somebody fills the server's backlog with SYNs, mostly from forged addresses",
            not: "many clients: those complete their connections; nor a server that is down: its clients try again",
            check: "net.ipv4.tcp_syncookies · ss -tn state syn-recv | wc -l · where do they come in?".to_owned(),
            source: "RFC 4987",
        },
        Cause::SlowRequests { client, server, way, at_once, longest, sent } => Said {
            seen: format!(
                "{client} had {} to {server} open at one time, for up to {}, {}; it sent {} in all of them.",
                units::counted(*at_once, "connection"),
                units::duration(*longest),
                match way {
                    SlowWay::Head => "and finished the head of no request",
                    SlowWay::Body => "and finished the body of no request",
                    SlowWay::Hello => "and finished the ClientHello of none",
                    SlowWay::Reading => "its window shut for 10 s and more while the server answered",
                    SlowWay::Silent => "and neither side said anything",
                },
                units::bytes(*sent)
            ),
            means: match way {
                SlowWay::Silent => {
                    "somebody fills the server's list of connections; or a pool, set up in advance and larger than its use"
                }
                SlowWay::Reading => {
                    "somebody keeps the server's workers busy with answers that are not read; or a client that hangs"
                }
                SlowWay::Head | SlowWay::Body | SlowWay::Hello => {
                    "somebody keeps the server's workers waiting for requests that never get whole (slowloris, slow POST)"
                }
            },
            not: "many visitors, long polling or a slow server: those have sent their requests, and wait",
            check: format!(
                "who is {client}? · ss -tn 'sport = :{}' on {} · the server's limits: connections of one address, time for a request",
                server.port, server.ip
            ),
            source: "RFC 9110 section 15.5.9 (408); slowhttptest(1), docs/findings.md",
        },
        _ => return None,
    })
}

/// Of sockets that nobody closes.
fn of_sockets(cause: &Cause) -> Option<Said> {
    let Cause::LeftOpen { client, server, leak, quiet } = cause else { return None };
    Some(match leak {
        Leak::HalfClosed { by_client } => {
            let ip = if *by_client { *client } else { server.ip };
            let (closed, holds) = if *by_client { ("server", "client") } else { ("client", "server") };
            Said {
                seen: format!(
                    "Between {client} and {server} the {closed} closed, and that was acknowledged; the {holds} said nothing more, for {}, and did not close.",
                    units::duration(*quiet)
                ),
                means: "the program got 0 from read() or recv(), the end of what the other says, and did not call close(): its socket stays in CLOSE-WAIT; or it \
                        works on something for long",
                not: "a network fault: both kernels have answered",
                check: format!(
                    "ss -tnp state close-wait on {ip}: which program, and does their number grow? · strace -e read,recvfrom,close -p PID · ls /proc/PID/fd | wc -l"
                ),
                source: "RFC 9293 sections 3.6 and 3.3.2 (CLOSE-WAIT); close(2), shutdown(2)",
            }
        }
        Leak::Pile { over } => Said {
            seen: format!(
                "{client} set up connections to {server} over {}, each while those before it were idle, and used none of them again; the longest was quiet for {}.",
                units::duration(*over),
                units::duration(*quiet)
            ),
            means: "the program calls connect() for each task and never close(), or does not give connections back to its pool; or many hosts behind one address (NAT)",
            not: "a pool or keep-alive: an idle connection would have been used before another is set up",
            check: format!(
                "ss -tnp dst {} dport = :{} on {client}: which program, and does their number grow? · ls /proc/PID/fd | wc -l · an idle timeout at the server",
                server.ip, server.port
            ),
            source: "close(2); RFC 9112 section 9.3 on persistent connections",
        },
    })
}

/// Of services that are within reach of others.
fn of_services(cause: &Cause) -> Option<Said> {
    Some(match cause {
        Cause::ExposedPort { server, service, by_content, client, .. } => Said {
            seen: format!(
                "{client}, an address that is not local, asked {server} for a connection, and it was set up; {}.",
                if *by_content { format!("{service} was spoken") } else { format!("that port is {service}'s") }
            ),
            means: "no firewall stands before a service that is meant for those inside; whoever finds it tries passwords and known faults",
            not: "proof of a break-in, nor of a login; a scan that found it is told as a scan",
            check: format!(
                "is it meant so? · a firewall or VPN before {}, or listen on an inner address: ss -ltn 'sport = :{}' · if {client} is ours: --local NET",
                server.ip, server.port
            ),
            source: "RFC 1918, RFC 4193, RFC 6598 on what is local; docs/findings.md",
        },
        Cause::ClearProtocol { client, server, protocol, carries, .. } => Said {
            seen: format!(
                "{client} and {server} spoke {} without TLS{}.",
                protocol.to_uppercase(),
                carries.map_or_else(String::new, |secret| format!("; a request carried {}", secret.name()))
            ),
            means: "whoever is on the way reads it, may change it, and may use what it carries",
            not: "proof that anybody did",
            check: match *protocol {
                "telnet" | "rlogin" => format!(
                    "ssh instead; what was typed there, passwords too, stands in the packets: sockeye follow -r FILE --where 'host {}'",
                    server.ip
                ),
                "http" => format!("does {server} speak HTTPS? · the cookie's Secure attribute, HSTS"),
                protocol => with_tls(protocol),
            },
            source: match *protocol {
                "http" => "RFC 9110 section 17, RFC 6265 section 8.3",
                "telnet" | "rlogin" => "RFC 4251; RFC 854, RFC 1282",
                "ldap" => "RFC 4513 section 6",
                _ => "RFC 8314; docs/findings.md",
            },
        },
        _ => return None,
    })
}

/// Of addresses on a network.
fn of_neighbours(cause: &Cause) -> Option<Said> {
    Some(match cause {
        Cause::SpoofedAddress { by, own, taken, unasked } => Said {
            seen: format!(
                "{by}{} said to have {}, {} unasked. They are the addresses of others.",
                own.map_or_else(String::new, |ip| format!(" ({ip})")),
                taken.first.iter().map(|(ip, owner)| format!("{ip} ({owner})")).collect::<Vec<_>>().join(", "),
                units::counted(*unasked, "time")
            ),
            means: "somebody reads or changes what others send (ARP or NDP spoofing), or cuts them off · a tool that does so on purpose \
                    (a filter at home, a captive portal)",
            not: "a new host with an old address, a router that takes over from another (VRRP, HSRP, CARP) or answers for hosts elsewhere: \
                  there no two contradict each other",
            check: format!(
                "ip neigh on the hosts concerned · which port of the switch has {by}? · dynamic ARP inspection, RA guard"
            ),
            source: "RFC 826; RFC 4861 sections 7.2.5 and 11; RFC 3756",
        },
        Cause::DuplicateAddress { address, first, second, how, times } => Said {
            seen: match how {
                Conflict::BothAnswer => format!(
                    "{first} and {} both answered who has {address}, {}.",
                    second.map_or_else(String::new, |second| second.to_string()),
                    units::counted(*times, "time")
                ),
                Conflict::Turns => format!(
                    "{first} and {} say by turns to have {address}, {}.",
                    second.map_or_else(String::new, |second| second.to_string()),
                    units::counted(*times, "time")
                ),
                Conflict::Probed => format!(
                    "{} asked whether {address} is free, and {first} has it.",
                    second.map_or_else(|| "Somebody".to_owned(), |second| second.to_string())
                ),
            },
            means: "two hosts were given one address: by hand, by two DHCP servers, by a copied machine",
            not: "proof of an attack; nor a host whose card was changed, of which the old one is never heard again",
            check: format!(
                "arping -D {address} · which ports of the switch have these hardware addresses? · leases of the DHCP server"
            ),
            source: "RFC 5227 sections 2.1 and 2.4; RFC 4862 section 5.4",
        },
        Cause::NeighbourSilent { asker, askers, targets, asked, sweep } => Said {
            seen: format!(
                "{} asked {} for {}; nobody has said to have {}, and nothing came from there.",
                if *askers > 1 { units::counted(*askers, "host") } else { asker.to_string() },
                units::counted(*asked, "time"),
                neighbours_of(targets),
                if targets.total > 1 { "one of them" } else { "it" }
            ),
            means: if *sweep {
                "somebody looks for hosts on this network (arp-scan, nmap -sn) · a router before which somebody looks for hosts behind it"
            } else {
                "the host is down, gone, or in another network or VLAN · a wrong address or netmask is configured"
            },
            not: if *sweep { "proof of an attack" } else { "a firewall: a host that drops everything answers ARP all the same" },
            check: if *sweep {
                format!("who is {asker}? · is it expected?")
            } else {
                format!("is it on? · its cable, port and VLAN · netmask of {asker}")
            },
            source: "RFC 826; RFC 1122 section 2.3.2; RFC 4861 section 7.2.2",
        },
        _ => return None,
    })
}

/// Of somebody else in a connection.
fn of_tampering(cause: &Cause) -> Option<Said> {
    Some(match cause {
        Cause::InjectedReset { by, to, after, acknowledged, ttl: (reset, others), .. } => Said {
            seen: format!(
                "A reset in the name of {by} went to {to}, and {by} goes on: {} that it cannot have sent before, with {}{}.",
                units::counted(*after, "packet"),
                if *acknowledged { "acknowledgments of what came after the reset" } else { "data beyond it" },
                if reset == others {
                    String::new()
                } else {
                    format!("; the reset's TTL is {reset}, that of the others {others}")
                }
            ),
            means: "something on the way broke the connection off in its name: a firewall, an intrusion prevention system, a censor, an attacker · \
                    another host with that address (a load balancer, anycast, an address given twice)",
            not: "how a host resets: it has forgotten the connection then, and answers with resets alone",
            check: format!(
                "is the reset in a capture at {}? · compare TTL and IP id with its other packets · rules of what is on the way",
                by.ip
            ),
            source: "RFC 9293 section 3.10.7, RFC 5961 section 3, RFC 3360",
        },
        Cause::RewrittenData { sender, receiver, sure, .. } => Said {
            seen: format!(
                "Data of {sender} to {receiver} came again under the same sequence numbers, and its bytes are not the same{}.",
                if *sure { "; the checksums are right" } else { "" }
            ),
            means: "somebody injects data and is faster or slower than the sender · evasion: who watches shall read other bytes than the \
                    receiver · a device on the way that changes data",
            not: "a damaged copy (its checksum would be wrong), or a keep-alive, whose byte means nothing",
            check: format!(
                "sockeye follow ID -r FILE shows where copies differ · TTL and IP id of both · is it in a capture at {}?",
                sender.ip
            ),
            source: "RFC 9293 section 3.8.1; RFC 1122 section 4.2.3.6; Ptacek and Newsham, Insertion, Evasion and Denial of Service (1998)",
        },
        _ => return None,
    })
}

impl Said {
    fn counted(mut self, attempts: u64) -> Self {
        if attempts > 1 {
            self.seen = format!("{} {} in all.", self.seen, units::counted(attempts, "conversation"));
        }
        self
    }
}

fn hosts(scan: &Scan) -> String {
    if scan.hosts == 1 { scan.first_host.to_string() } else { units::counted(scan.hosts, "host") }
}
