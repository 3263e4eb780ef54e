//! Services that belong inside and answer somebody outside: a connection was set up, by a client whose address is foreign, to a server whose
//! address is not.
//!
//! Which addresses are local is known of private ones, and of those that the user names; of two public addresses nobody can say which is
//! ours, so nothing is said. What a scan found is the scan's finding.

use super::bounds::Bounds;
use super::finding::{Cause, Finding, Severity};
use super::groups::Groups;
use super::setup::Known;
use crate::flow::{Few, FlowId, FlowRecord, Outcome, Place};
use crate::model::network::is_private;
use crate::model::{Endpoint, IpProtocol, Network};
use crate::peek::App;
use std::net::IpAddr;

/// Clients of one server and port that are told apart, and of all.
const CLIENTS: usize = 32;
const ALL_CLIENTS: usize = 1 << 14;

/// A service that is looked for by its port.
struct Service {
    /// The first port and the last.
    ports: (u16, u16),
    name: &'static str,
    /// It may speak HTTP or TLS from the first byte on: otherwise who does so at this port is another.
    web: bool,
}

const fn service(port: u16, name: &'static str, web: bool) -> Service {
    Service { ports: (port, port), name, web }
}

/// Services that are meant for those inside (ports: IANA's registry, or the program's own documentation).
const SERVICES: &[Service] = &[
    service(22, "ssh", false),
    service(23, "telnet", false),
    service(111, "rpcbind", false),
    service(135, "msrpc", false),
    service(139, "smb", false),
    service(389, "ldap", false),
    service(445, "smb", false),
    service(512, "rexec", false),
    service(513, "rlogin", false),
    service(514, "rsh", false),
    service(873, "rsync", false),
    service(1433, "mssql", false),
    service(1521, "oracle", false),
    service(2049, "nfs", false),
    Service { ports: (2375, 2376), name: "docker", web: true },
    service(2379, "etcd", true),
    service(3306, "mysql", false),
    service(3389, "rdp", false),
    service(5432, "postgresql", false),
    Service { ports: (5900, 5903), name: "vnc", web: false },
    service(5984, "couchdb", true),
    Service { ports: (5985, 5986), name: "winrm", web: true },
    service(6379, "redis", true),
    service(6443, "kubernetes", true),
    service(9200, "elasticsearch", true),
    service(10250, "kubelet", true),
    service(11211, "memcached", false),
    service(27017, "mongodb", true),
];

/// One client of a server.
#[derive(Debug)]
struct Client {
    ip: IpAddr,
    flows: Few<FlowId>,
    packets: Few<Place>,
}

/// A server's port that answered somebody outside.
#[derive(Debug, Default)]
struct Port {
    clients: Vec<Client>,
    by_content: bool,
    /// There were more clients.
    more: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Exposed {
    ports: Groups<(u16, &'static str), Port>,
    clients: usize,
    bounds: Bounds,
    /// Networks that are local, beside private ones.
    local: Vec<Network>,
    more: u64,
}

impl Exposed {
    pub(super) fn within(bounds: Bounds) -> Self {
        Self { ports: Groups::within(bounds), bounds, ..Self::default() }
    }

    /// These networks are local, too.
    pub(super) fn with_local(&mut self, local: Vec<Network>) {
        self.local = local;
    }

    fn is_local(&self, ip: IpAddr) -> bool {
        is_private(ip) || self.local.iter().any(|net| net.contains(ip))
    }

    pub(super) fn on_flow(&mut self, record: &FlowRecord) {
        let (client, server) = (record.originator.ip, record.responder);
        let Some(handshake) = record.handshake.as_ref().filter(|handshake| handshake.outcome == Outcome::Established) else {
            return;
        };
        let local = self.is_local(server.ip) && !is_within_site(client, server.ip);
        if record.protocol != IpProtocol::TCP || self.is_local(client) || !local {
            return;
        }
        let Some((name, by_content)) = name(record) else { return };
        let room = self.clients < self.bounds.of(ALL_CLIENTS);
        let Some(port) = self.ports.of(server.ip, (server.port, name)) else { return };
        port.by_content |= by_content;
        let at = match port.clients.iter().position(|known| known.ip == client) {
            Some(at) => at,
            None if port.clients.len() < CLIENTS && room => {
                port.clients.push(Client { ip: client, flows: Few::default(), packets: Few::default() });
                self.clients += 1;
                port.clients.len() - 1
            }
            None => {
                port.more = true;
                self.more += u64::from(!room);
                return;
            }
        };
        let known = &mut port.clients[at];
        known.flows.push(record.id);
        let answer = handshake.syn_ack.map_or(record.first_packet, |(number, _)| (record.first_packet.0, number));
        known.packets.push(answer);
    }

    /// What found no room.
    pub(super) const fn without_room(&self) -> u64 {
        self.ports.without_room + self.more
    }

    pub(super) fn finish(self, known: &impl Known, found: &mut Vec<Finding>) {
        for ((ip, (port, service)), group) in self.ports.into_sorted() {
            let server = Endpoint::new(ip, port);
            let (mut flows, mut packets) = (Few::default(), Few::default());
            let (mut first, mut clients) = (None, 0);
            for client in group.clients.iter().filter(|client| !known.covers(client.ip, IpProtocol::TCP, server)) {
                flows.extend(&client.flows);
                packets.extend(&client.packets);
                first.get_or_insert(client.ip);
                clients += 1;
            }
            let Some(client) = first else { continue };
            // Somebody may want it so, and it is made for that; of the others next to nobody does.
            let severity = if service == "ssh" { Severity::Low } else { Severity::Medium };
            let cause = Cause::ExposedPort {
                server,
                service,
                by_content: group.by_content,
                client,
                clients,
                clients_at_least: group.more,
            };
            found.push(Finding { severity, cause, flows, packets });
        }
    }
}

/// Can nobody outside get to it? Routers let link-local and unique local IPv6 addresses neither in nor out (RFC 4291 section 2.5.6, RFC 4193
/// section 4.3): whoever talks to one from a global IPv6 address has that on the same site.
fn is_within_site(client: IpAddr, server: IpAddr) -> bool {
    client.is_ipv6() && server.is_ipv6() && is_private(server)
}

/// Which sensitive service it is, and whether by what is said.
fn name(record: &FlowRecord) -> Option<(&'static str, bool)> {
    let app = record.app.as_deref().and_then(|said| said.app);
    let port = record.responder.port;
    let by_port = || SERVICES.iter().find(|service| (service.ports.0..=service.ports.1).contains(&port));
    match app {
        Some(app @ (App::Ssh | App::Telnet | App::Rlogin | App::Ldap | App::Redis)) => Some((app.name(), true)),
        None => by_port().map(|service| (service.name, false)),
        Some(App::Http | App::Http2 | App::Tls) => by_port().filter(|service| service.web).map(|service| (service.name, false)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{attempt, found, visit};
    use super::super::{Detectors, Finding};
    use super::*;
    use crate::flow::app::AppRecord;

    fn from(client: &str, record: FlowRecord) -> FlowRecord {
        FlowRecord { originator: Endpoint::new(client.parse().unwrap(), 40_000), ..record }
    }

    fn told(findings: &[Finding]) -> Vec<(&'static str, u16, u64, Severity)> {
        let told = |finding: &Finding| match finding.cause {
            Cause::ExposedPort { service, server, clients, .. } => Some((service, server.port, clients, finding.severity)),
            _ => None,
        };
        findings.iter().filter_map(told).collect()
    }

    fn says(app: App, record: FlowRecord) -> FlowRecord {
        FlowRecord { app: Some(Box::new(AppRecord { app: Some(app), ..AppRecord::default() })), ..record }
    }

    #[test]
    fn what_answers_a_foreign_address() {
        let rdp = from("198.51.100.7", visit(1, 1, (9, 3389)));
        assert_eq!(told(&found(std::slice::from_ref(&rdp))), [("rdp", 3389, 1, Severity::Medium)]);
        let ssh = |n, client| from(client, says(App::Ssh, visit(n, 1, (9, 2222))));
        let clients = ["198.51.100.7", "2001:db8::7", "198.51.100.7", "8.8.8.8"];
        let all: Vec<_> = clients.into_iter().zip(1..).map(|(client, n)| ssh(n, client)).collect();
        let findings = found(&all);
        assert_eq!(told(&findings), [("ssh", 2222, 3, Severity::Low)]);
        assert_eq!(findings[0].flows.total, 4);
    }

    #[test]
    fn what_stays_inside_goes_out_or_is_refused() {
        for client in ["10.3.4.5", "192.168.1.1", "100.64.3.3", "fd00::1", "fe80::1", "127.0.0.1"] {
            assert_eq!(told(&found(&[from(client, visit(1, 1, (9, 3389)))])), [], "{client}: a VPN, the office");
        }
        let mut out = from("10.0.0.5", visit(1, 1, (9, 22)));
        out.responder = Endpoint::new("198.51.100.9".parse().unwrap(), 22);
        assert_eq!(told(&found(&[out.clone()])), [], "somebody inside logs in outside");
        let mut site = from("2001:db8::7", visit(1, 1, (9, 445)));
        site.responder.ip = "fd00:77::9".parse().unwrap();
        assert_eq!(told(&found(&[site])), [], "a host with a global address, and a server of its own site");
        out.originator.ip = "203.0.113.1".parse().unwrap();
        assert_eq!(told(&found(&[out])), [], "two public addresses: which is ours?");
        for outcome in [Outcome::Refused, Outcome::NoAnswer, Outcome::HalfOpen, Outcome::Midway] {
            assert_eq!(told(&found(&[from("198.51.100.7", attempt(1, 1, (9, 3389), outcome, 2))])), [], "{outcome:?}");
        }
        assert_eq!(told(&found(&[from("198.51.100.7", visit(1, 1, (9, 443)))])), [], "meant for all");
        assert_eq!(
            told(&found(&[says(App::Http, from("198.51.100.7", visit(1, 1, (9, 5900))))])),
            [],
            "something else at that port"
        );
        assert_eq!(
            told(&found(&[says(App::Http, from("198.51.100.7", visit(1, 1, (9, 2375))))])).len(),
            1,
            "Docker's API is HTTP"
        );
    }

    #[test]
    fn networks_that_are_named_are_local() {
        let mut record = from("8.8.8.8", visit(1, 1, (9, 6379)));
        record.responder.ip = "198.51.100.9".parse().unwrap();
        let with = |local: &[&str]| {
            let nets = local.iter().map(|net| net.parse().unwrap()).collect();
            let mut detectors = Detectors::default().with_local(nets);
            detectors.on_flow(&record);
            told(&detectors.finish(None).findings)
        };
        assert_eq!(with(&[]), []);
        assert_eq!(with(&["198.51.100.0/24"]), [("redis", 6379, 1, Severity::Medium)]);
        assert_eq!(with(&["198.51.100.0/24", "8.8.8.0/24"]), [], "both are ours");
    }

    #[test]
    fn what_a_scan_found_is_the_scans() {
        let open = from("198.51.100.7", attempt(1, 1, (9, 3389), Outcome::Established, 2 | 16 | 4));
        let scan = (2..=60).map(|n| from("198.51.100.7", attempt(n, 1, (9, n as u16), Outcome::Refused, 2)));
        let all: Vec<_> = scan.chain([open]).collect();
        let findings = found(&all);
        assert_eq!((findings.len(), told(&findings).len()), (1, 0), "{findings:?}");
        // Somebody else at that port is none of the scan.
        let all: Vec<_> = all.into_iter().chain([from("198.51.100.8", visit(99, 1, (9, 3389)))]).collect();
        assert_eq!(told(&found(&all)), [("rdp", 3389, 1, Severity::Medium)]);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut exposed = Exposed::default();
        for n in 0..300_000_u32 {
            let client = IpAddr::from((0x0800_0000 + n).to_be_bytes());
            exposed.on_flow(&FlowRecord { originator: Endpoint::new(client, 40_000), ..visit(1, 1, (n % 2000, 3389)) });
        }
        assert!(exposed.clients <= ALL_CLIENTS && exposed.without_room() > 0);
    }
}
