//! Protocols that everyone on the way can read, where others are at hand that nobody can: sessions of Telnet and rlogin, mail, directories,
//! messages; and of HTTP alone what carries a key to something, a cookie or an authorization.
//!
//! Known by what is said, never by a port. A session that goes on to TLS is none, and where a password was seen that is the finding.

use super::bounds::Bounds;
use super::finding::{Cause, Finding, Severity};
use super::groups::Groups;
use crate::flow::app::{AppRecord, Secret};
use crate::flow::{Few, FlowId, FlowRecord, Place};
use crate::model::{Endpoint, IpProtocol};
use crate::peek::App;
use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

/// Mail submission (RFC 6409). Servers that hand mail to one another do so in the clear where one of them knows no TLS, which no user can change.
const SUBMISSION: u16 = 587;

/// A session of lines that has got to its contents: less is greetings, or somebody who only looks whether the service is there.
const ASKED: u64 = 100;
const ANSWERED: u64 = 500;

/// Conversations of one client with one port that are in the clear.
#[derive(Debug, Default)]
struct Clear {
    flows: Few<FlowId>,
    packets: Few<Place>,
    /// The gravest of what they carry.
    carries: Option<Secret>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct ClearProtocols {
    groups: Groups<(IpAddr, u16, &'static str), Clear>,
}

impl ClearProtocols {
    pub(super) fn within(bounds: Bounds) -> Self {
        Self { groups: Groups::within(bounds) }
    }

    pub(super) fn on_flow(&mut self, record: &FlowRecord) {
        let Some((said, app)) = record.app.as_deref().and_then(|said| Some((said, said.app?))) else { return };
        let (client, server) = (record.originator.ip, record.responder);
        // Nobody else is on the way inside of one host.
        if record.protocol != IpProtocol::TCP || client == server.ip || (client.is_loopback() && server.ip.is_loopback()) {
            return;
        }
        let secret = said.http.as_deref().and_then(|http| http.secret).filter(|_| app == App::Http);
        if secret.is_none() && !is_clear(record, said, app) {
            return;
        }
        let Some(group) = self.groups.of(client, (server.ip, server.port, app.name())) else { return };
        group.flows.push(record.id);
        group.packets.push(secret.map_or(record.first_packet, |(_, number)| (record.first_packet.0, number)));
        group.carries = group.carries.max(secret.map(|(secret, _)| secret));
    }

    /// What found no room.
    pub(super) const fn without_room(&self) -> u64 {
        self.groups.without_room
    }

    /// The findings. Those found so far say where a password was seen.
    pub(super) fn finish(self, found: &mut Vec<Finding>) {
        let password = |finding: &Finding| match finding.cause {
            Cause::Password { client, server, .. } => Some((client, server)),
            _ => None,
        };
        let told: HashSet<(IpAddr, Endpoint)> = found.iter().filter_map(password).collect();
        let mut all = Vec::new();
        for ((client, (ip, port, protocol)), Clear { flows, packets, carries }) in self.groups.into_sorted() {
            let server = Endpoint::new(ip, port);
            if !told.contains(&(client, server)) {
                all.push(Spoken { client, server, protocol, carries, flows, packets, clients: 1, servers: 1 });
            }
        }
        let all = merged(all, |one| (one.server, one.protocol), |one, others| one.clients = others);
        let (several, all): (Vec<_>, Vec<_>) = all.into_iter().partition(|one| one.clients > 1);
        let all = merged(all, |one| (one.client, one.protocol), |one, others| one.servers = others);
        found.extend(several.into_iter().chain(all).map(Spoken::finding));
    }
}

/// So many clients of one server, or servers of one client, are one finding.
const MANY: usize = 4;

/// What a client, or several, said to a server, or to several.
struct Spoken {
    client: IpAddr,
    server: Endpoint,
    protocol: &'static str,
    carries: Option<Secret>,
    flows: Few<FlowId>,
    packets: Few<Place>,
    clients: u64,
    servers: u64,
}

/// Those that are alike in one way, where they are many, as one.
fn merged<K: Ord>(all: Vec<Spoken>, key: impl Fn(&Spoken) -> K, count: impl Fn(&mut Spoken, u64)) -> Vec<Spoken> {
    let mut alike: BTreeMap<K, Vec<Spoken>> = BTreeMap::new();
    for one in all {
        alike.entry(key(&one)).or_default().push(one);
    }
    let mut merged = Vec::new();
    for ones in alike.into_values() {
        let many = ones.len();
        if many < MANY {
            merged.extend(ones);
        } else if let Some(mut one) = ones.into_iter().reduce(|all, one| all.join(&one)) {
            count(&mut one, many as u64);
            merged.push(one);
        }
    }
    merged
}

impl Spoken {
    fn join(mut self, other: &Self) -> Self {
        self.flows.extend(&other.flows);
        self.packets.extend(&other.packets);
        self.carries = self.carries.max(other.carries);
        self
    }

    fn finding(self) -> Finding {
        let Self { client, server, protocol, carries, flows, packets, clients, servers } = self;
        let severity = match (protocol, carries) {
            // Often what tells one visitor from another, and no more.
            (_, Some(Secret::Cookie)) | ("mqtt" | "redis", _) => Severity::Low,
            _ => Severity::Medium,
        };
        let cause = Cause::ClearProtocol { client, server, protocol, carries, clients, servers };
        Finding { severity, cause, flows, packets }
    }
}

/// Is it a session whose contents are in the clear?
fn is_clear(record: &FlowRecord, said: &AppRecord, app: App) -> bool {
    let (asked, answered) = (record.orig.unique_bytes, record.resp.unique_bytes);
    match app {
        App::Telnet | App::Rlogin | App::Ldap | App::Mqtt | App::Redis => asked > 0 && answered > 0,
        App::Ftp | App::Pop3 | App::Imap | App::Smtp => {
            // A password has a finding of its own, if it is one; what follows the login of nobody is for all.
            let login = said.login.as_deref();
            let digest = login.is_some_and(|login| !login.password_in_clear);
            let submits = app != App::Smtp || record.responder.port == SUBMISSION || digest;
            // Where bytes are missing, it may have turned to TLS in them.
            let known = digest || !said.incomplete;
            known && said.tls.is_none() && submits && (login.is_none() || digest) && asked >= ASKED && answered >= ANSWERED
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Finding;
    use super::super::tests::{found, visit};
    use super::*;
    use crate::flow::app::{HttpRecord, LoginRecord, TlsRecord};
    use crate::peek::login::Method;

    fn session(app: App, port: u16, change: impl FnOnce(&mut AppRecord)) -> FlowRecord {
        let mut said = AppRecord { app: Some(app), ..AppRecord::default() };
        change(&mut said);
        let mut record = visit(1, 1, (9, port));
        record.app = Some(Box::new(said));
        (record.orig.unique_bytes, record.resp.unique_bytes) = (400, 4000);
        record
    }

    fn told(records: &[FlowRecord]) -> Vec<(&'static str, Severity)> {
        let told = |finding: &Finding| match finding.cause {
            Cause::ClearProtocol { protocol, .. } => Some((protocol, finding.severity)),
            _ => None,
        };
        found(records).iter().filter_map(told).collect()
    }

    fn login(method: Method, password_in_clear: bool, user: &str) -> LoginRecord {
        LoginRecord { user: Some(user.into()), method, password_in_clear, packet: 9 }
    }

    #[test]
    fn sessions_that_everyone_can_read() {
        assert_eq!(told(&[session(App::Telnet, 2323, |_| {})]), [("telnet", Severity::Medium)]);
        assert_eq!(told(&[session(App::Mqtt, 1883, |_| {})]), [("mqtt", Severity::Low)]);
        let apop = session(App::Pop3, 110, |said| said.login = Some(Box::new(login(Method::Apop, false, "ann"))));
        assert_eq!(told(&[apop]), [("pop3", Severity::Medium)], "the password is safe, the mail is not");
        assert_eq!(told(&[session(App::Smtp, 587, |_| {})]), [("smtp", Severity::Medium)]);
    }

    #[test]
    fn what_goes_on_to_tls_is_public_or_only_greets() {
        let tls = session(App::Imap, 143, |said| said.tls = Some(Box::new(TlsRecord::default())));
        assert_eq!(told(&[tls]), []);
        let cut = session(App::Imap, 143, |said| said.incomplete = true);
        assert_eq!(told(&[cut]), [], "it may have turned to TLS in what is missing");
        assert_eq!(told(&[session(App::Smtp, 25, |_| {})]), [], "servers among themselves");
        let anonymous = session(App::Ftp, 21, |said| said.login = Some(Box::new(login(Method::UserPass, true, "anonymous"))));
        assert_eq!(told(&[anonymous]), []);
        let mut check = session(App::Imap, 143, |_| {});
        (check.orig.unique_bytes, check.resp.unique_bytes) = (12, 120);
        assert_eq!(told(&[check]), []);
        let mut inside = session(App::Telnet, 23, |_| {});
        inside.originator.ip = [127, 0, 0, 1].into();
        inside.responder.ip = [127, 0, 0, 1].into();
        assert_eq!(told(&[inside]), []);
        let mut refused = session(App::Telnet, 23, |_| {});
        refused.resp.unique_bytes = 0;
        assert_eq!(told(&[refused]), []);
    }

    #[test]
    fn of_http_only_what_opens_something() {
        let http = |secret| {
            session(App::Http, 80, |said| {
                said.http = Some(Box::new(HttpRecord { requests: 1, responses: 1, secret, ..HttpRecord::default() }));
            })
        };
        assert_eq!(told(&[http(None)]), []);
        let cookie = http(Some((Secret::Cookie, 4)));
        assert_eq!(told(std::slice::from_ref(&cookie)), [("http", Severity::Low)]);
        assert_eq!(
            told(&[cookie, http(Some((Secret::Authorization, 4)))]),
            [("http", Severity::Medium)],
            "one finding, the gravest"
        );
    }

    #[test]
    fn many_clients_of_one_server_are_one_finding_and_many_servers_of_one_client() {
        let said = |client: u8, server: u8| {
            let mut record = session(App::Mqtt, 1883, |_| {});
            (record.originator.ip, record.responder.ip) = ([10, 9, 0, client].into(), [10, 8, 0, server].into());
            record
        };
        let told = |records: Vec<FlowRecord>| {
            let told = |finding: Finding| match finding.cause {
                Cause::ClearProtocol { clients, servers, .. } => Some((clients, servers, finding.flows.total)),
                _ => None,
            };
            found(&records).into_iter().filter_map(told).collect::<Vec<_>>()
        };
        assert_eq!(told((1..=30).map(|client| said(client, 1)).collect()), [(30, 1, 30)]);
        assert_eq!(told((1..=20).map(|server| said(1, server)).collect()), [(1, 20, 20)]);
        assert_eq!(told((1..=3).map(|client| said(client, 1)).collect()).len(), 3);
    }

    #[test]
    fn where_a_password_was_seen_that_is_the_finding() {
        let mut both = session(App::Http, 80, |said| {
            let secret = Some((Secret::Cookie, 4));
            said.http = Some(Box::new(HttpRecord { requests: 1, responses: 1, secret, ..HttpRecord::default() }));
        });
        let plain = both.clone();
        both.app.as_mut().unwrap().login = Some(Box::new(login(Method::Basic, true, "ann")));
        assert_eq!(told(&[plain, both.clone()]), []);
        assert!(found(&[both]).iter().any(|finding| finding.cause.code() == "password_in_clear"));
    }
}
