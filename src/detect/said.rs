//! What applications say that deserves a look: names that do not exist or cannot be found out, name servers that do not answer, passwords
//! in the clear.

use super::bounds::Bounds;
use super::finding::{Cause, Finding, NameFault, Severity};
use super::groups::Groups;
use super::setup::Known;
use crate::flow::FlowId;
use crate::flow::FlowRecord;
use crate::flow::app::{AppRecord, Transaction};
use crate::flow::{Few, Place};
use crate::model::{Endpoint, IpProtocol, Span};
use std::net::IpAddr;

/// A question that has waited for less than this when the capture ends is not taken for unanswered: resolvers ask again after 5 s
/// (resolv.conf(5), `timeout`).
const PATIENCE: Span = Span::from_millis(5000);

/// The port of name servers (RFC 1035 section 4.2).
const DNS: u16 = 53;

/// Names of one finding that are kept.
const NAMES: usize = 8;

/// Questions of a client that went wrong in one way at one server.
#[derive(Debug, Default)]
struct Questions {
    flows: Few<FlowId>,
    packets: Few<Place>,
    names: Vec<Box<str>>,
    /// Questions in all, of names that are kept or not.
    total: u64,
    /// One of them was waited for long enough, or asked again.
    waited: bool,
}

/// Logins of one client at one server.
#[derive(Debug, Default)]
struct Logins {
    flows: Few<FlowId>,
    packets: Few<Place>,
    first: Option<(Option<Box<str>>, &'static str, &'static str)>,
}

/// TLS handshakes of one client that one server, or the client itself, broke off in one way.
#[derive(Debug, Default)]
struct Alerts {
    flows: Few<FlowId>,
    packets: Few<Place>,
    first: Option<(Box<str>, Option<Box<str>>)>,
}

/// What was said so far.
#[derive(Debug, Default)]
pub(super) struct Sayings {
    names: Groups<(NameFault, IpAddr), Questions>,
    logins: Groups<(IpAddr, u16), Logins>,
    alerts: Groups<(IpAddr, u16), Alerts>,
}

impl Sayings {
    pub(super) fn within(bounds: Bounds) -> Self {
        Self { names: Groups::within(bounds), logins: Groups::within(bounds), alerts: Groups::within(bounds) }
    }

    pub(super) fn on_flow(&mut self, record: &FlowRecord) {
        let Some(said) = record.app.as_deref() else { return };
        self.names(record, said);
        self.login(record, said);
        self.alert(record, said);
    }

    fn names(&mut self, record: &FlowRecord, said: &AppRecord) {
        let (client, server) = (record.originator.ip, record.responder.ip);
        let Some(dns) = said.dns.as_deref() else { return };
        for transaction in &dns.transactions {
            let Some(fault) = fault(record, transaction) else { continue };
            let early = fault == NameFault::NoAnswer && record.told_at - record.end < PATIENCE;
            let Some(group) = self.names.of(client, (fault, server)) else { continue };
            // Asked again, it has waited; resolvers take another port for that.
            let again = dns.resent > 0 || transaction.name.as_ref().is_some_and(|name| group.names.contains(name));
            group.waited |= !early || again;
            if group.flows.last != Some(record.id) {
                group.flows.push(record.id);
            }
            let source = record.first_packet.0;
            for number in [transaction.query, transaction.response].into_iter().flatten() {
                group.packets.push((source, number));
            }
            group.total += 1;
            if let Some(name) = transaction.name.as_ref().filter(|name| group.names.len() < NAMES && !group.names.contains(name))
            {
                group.names.push(name.clone());
            }
        }
    }

    fn login(&mut self, record: &FlowRecord, said: &AppRecord) {
        let Some(login) = said.login.as_deref().filter(|login| login.password_in_clear) else { return };
        // Whoever logs in as nobody has no password to lose (RFC 1635).
        if login.user.as_deref().is_some_and(|user| ["anonymous", "ftp"].contains(&user)) {
            return;
        }
        let key = (record.responder.ip, record.responder.port);
        let Some(group) = self.logins.of(record.originator.ip, key) else { return };
        group.flows.push(record.id);
        group.packets.push((record.first_packet.0, login.packet));
        let protocol = said.app.map_or("", crate::peek::App::name);
        group.first.get_or_insert_with(|| (login.user.clone(), login.method.name(), protocol));
    }

    fn alert(&mut self, record: &FlowRecord, said: &AppRecord) {
        let Some(tls) = said.tls.as_deref() else { return };
        let Some(alert) = tls.alerts.iter().find(|alert| alert.contains(" fatal: ")) else { return };
        let key = (record.responder.ip, record.responder.port);
        let Some(group) = self.alerts.of(record.originator.ip, key) else { return };
        group.flows.push(record.id);
        for number in [tls.client_hello, tls.server_hello].into_iter().flatten() {
            group.packets.push((record.first_packet.0, number));
        }
        group.first.get_or_insert_with(|| (alert.clone(), tls.server_name.clone()));
    }

    /// What found no room.
    pub(super) const fn without_room(&self) -> u64 {
        self.names.without_room + self.logins.without_room + self.alerts.without_room
    }

    /// The findings, but for what others cover.
    pub(super) fn finish(self, known: &impl Known, found: &mut Vec<Finding>) {
        for ((client, (fault, server)), group) in self.names.into_sorted() {
            if known.covers(client, IpProtocol::UDP, Endpoint::new(server, DNS)) {
                continue;
            }
            let Questions { flows, packets, names, total, waited } = group;
            if !waited {
                continue;
            }
            let severity = match fault {
                // Programs ask for names that may not be there: search lists, IPv6, service discovery.
                NameFault::NoSuchName => Severity::Low,
                NameFault::Failed | NameFault::Refused | NameFault::NoAnswer => Severity::Medium,
            };
            found.push(Finding { severity, cause: Cause::Names { fault, client, server, names, total }, flows, packets });
        }
        for ((client, (ip, port)), group) in self.alerts.into_sorted() {
            let Alerts { flows, packets, first } = group;
            let Some((alert, name)) = first else { continue };
            let (by_client, alert) =
                (alert.starts_with("orig "), alert.split_once(" fatal: ").map_or("", |(_, alert)| alert).into());
            let cause = Cause::TlsAlert { client, server: Endpoint::new(ip, port), by_client, alert, name };
            found.push(Finding { severity: Severity::Medium, cause, flows, packets });
        }
        for ((client, (ip, port)), group) in self.logins.into_sorted() {
            let Logins { flows, packets, first } = group;
            let Some((user, method, protocol)) = first else { continue };
            let cause = Cause::Password { client, server: Endpoint::new(ip, port), user, method, protocol };
            // Nobody else is on the way inside of one host.
            let inside = client.is_loopback() && ip.is_loopback();
            let severity = if inside { Severity::Low } else { Severity::High };
            found.push(Finding { severity, cause, flows, packets });
        }
    }
}

/// What went wrong with a question.
fn fault(record: &FlowRecord, transaction: &Transaction) -> Option<NameFault> {
    match transaction.rcode.as_deref() {
        Some("NXDOMAIN") => Some(NameFault::NoSuchName),
        Some("SERVFAIL") => Some(NameFault::Failed),
        Some("REFUSED") => Some(NameFault::Refused),
        // Of a group, and of a host that has no name server at all, no answer is to be had.
        None if transaction.query.is_some() && !is_group(record.responder.ip) && record.icmp_error.is_none() => {
            Some(NameFault::NoAnswer)
        }
        _ => None,
    }
}

fn is_group(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_multicast() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_multicast(),
    }
}
