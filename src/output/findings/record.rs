//! Findings as records: one JSON object a line, between a `capture` and an `end` record.

use super::{advice, words};
use crate::detect::{Cause, Few, Finding, Leak, Place};
use crate::event::{Event, Keep, Sink};
use crate::flow::app::Secret;
use crate::model::Span;
use crate::output::capture_record::Framing;
use crate::output::json::JsonLine;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::net::IpAddr;

/// Writes findings as records.
#[derive(Debug)]
pub struct FindingsJsonSink<W> {
    out: W,
    json: JsonLine,
    framing: Framing,
    findings: u64,
}

impl<W: Write> FindingsJsonSink<W> {
    /// Records that are written to `out`; `filter` is the capture filter of the run.
    #[must_use]
    pub fn new(out: W, filter: Option<String>) -> Self {
        Self { out, json: JsonLine::default(), framing: Framing::new(filter), findings: 0 }
    }

    /// The writer, to be closed with its own error checked.
    pub fn into_inner(self) -> W {
        self.out
    }
}

impl<W: Write> Sink for FindingsJsonSink<W> {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        if let Event::Finding { number, finding } = event {
            serde_json::to_writer(&mut self.out, &record(*number, finding))?;
            self.out.write_all(b"\n")?;
            self.findings += 1;
        }
        if let Event::Summary(summary) = event {
            let all = json!({ "type": "findings", "total": self.findings, "unexamined": summary.unexamined, "of_no_conversation": summary.found_aside });
            serde_json::to_writer(&mut self.out, &all)?;
            self.out.write_all(b"\n")?;
        }
        self.framing.on_event(event, &mut self.json, &mut self.out)?;
        if let Event::Summary(_) = event {
            self.out.flush()?;
        }
        Ok(Keep::Going)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A finding as a record.
fn record(number: u64, finding: &Finding) -> Value {
    let said = advice::said(finding);
    json!({
        "type": "finding",
        "id": format!("f{number}"),
        "code": finding.cause.code(),
        "severity": finding.severity.key(),
        "flow": finding.flows.first.first().map(ToString::to_string),
        "flows": finding.flows.first.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "flows_total": finding.flows.total,
        "text": words::headline(finding),
        "seen": said.seen,
        "means": said.means,
        "not": said.not,
        "check": said.check,
        "sure": words::sure(&finding.cause),
        "packets": finding.packets.first.iter().map(place).collect::<Vec<_>>(),
        "packets_last": finding.packets.last.as_ref().map(place),
        "packets_total": finding.packets.total,
        "spec": said.source,
        "data": data(&finding.cause),
    })
}

/// A packet, by its file (from 1) and its number there.
fn place((file, number): &Place) -> Value {
    json!({ "file": u32::from(*file) + 1, "number": number })
}

fn addresses(hosts: &Few<IpAddr>) -> Vec<String> {
    hosts.first.iter().map(ToString::to_string).collect()
}

fn seconds(span: Span) -> f64 {
    span.nanos() as f64 / 1e9
}

/// What a finding says in numbers.
fn data(cause: &Cause) -> Value {
    match cause {
        Cause::Refused { protocol, server, hosts, ports, client, clients } => {
            json!({ "proto": protocol.to_string(), "server": server.to_string(), "hosts": addresses(hosts), "hosts_total": hosts.total, "ports": ports.first, "ports_total": ports.total, "client": client.to_string(), "clients": clients })
        }
        Cause::NoAnswer { server, hosts, ports, client, clients, syns, over, completed, host_is_up } => json!({
            "server": server.to_string(), "hosts": addresses(hosts), "hosts_total": hosts.total, "ports": ports.first, "ports_total": ports.total, "client": client.to_string(), "clients": clients, "syns": syns, "over": seconds(*over), "completed": completed, "host_is_up": host_is_up,
        }),
        Cause::Unreachable { protocol, server, hosts, ports, client, clients, icmp: (kind, code) } => json!({
            "proto": protocol.to_string(), "server": server.to_string(), "hosts": addresses(hosts), "hosts_total": hosts.total, "ports": ports.first, "ports_total": ports.total, "client": client.to_string(), "clients": clients,
            "icmp_type": kind, "icmp_code": code,
        }),
        Cause::HalfOpen { server, hosts, ports, client, clients } => {
            json!({ "server": server.to_string(), "hosts": addresses(hosts), "hosts_total": hosts.total, "ports": ports.first, "ports_total": ports.total, "client": client.to_string(), "clients": clients })
        }
        Cause::WindowShut { receiver, sender, longest, times, at_end } => json!({
            "receiver": receiver.to_string(), "sender": sender.to_string(), "longest": seconds(*longest), "times": times,
            "at_end": at_end,
        }),
        Cause::Resent { sender, receiver, by_client, segments, of, before, beyond, spurious } => json!({
            "sender": sender.to_string(), "receiver": receiver.to_string(), "by_client": by_client, "segments": segments, "of": of, "lost_before": before,
            "lost_beyond": beyond, "spurious": spurious,
        }),
        Cause::PathMtu { sender, receiver, errors, segments } => json!({
            "sender": sender.to_string(), "receiver": receiver.to_string(), "icmp_errors": errors, "segments": segments,
        }),
        Cause::CaptureLoss { bytes, dropped } => json!({ "bytes": bytes, "dropped": dropped }),
        Cause::Reset { by, to, by_client, got, sent } => json!({
            "by": by.to_string(), "to": to.to_string(), "by_client": by_client, "got": got, "sent": sent,
        }),
        Cause::Scan(scan) => json!({
            "scanner": scan.scanner.to_string(), "kind": scan.kind.key(), "shape": scan.shape.key(), "hosts": scan.hosts,
            "targets": scan.targets, "over": seconds(scan.over), "slow": scan.slow, "at_least": scan.at_least,
            "counts": scan.counts.iter().map(|(state, n)| (state.key().to_owned(), json!(n))).collect::<serde_json::Map<_, _>>(),
            "found": scan.found.iter().map(|(ip, port, state)| json!({ "ip": ip.to_string(), "port": port, "state": state.key() })).collect::<Vec<_>>(),
        }),
        Cause::Probe { prober, kind, target, targets } => json!({
            "prober": prober.to_string(), "kind": kind.key(), "target": target.to_string(), "targets": targets,
        }),
        Cause::Names { fault, client, server, names, total } => json!({
            "fault": fault.key(), "client": client.to_string(), "server": server.to_string(), "names": names, "questions": total,
        }),
        Cause::TlsAlert { client, server, by_client, alert, name } => json!({
            "client": client.to_string(), "server": server.to_string(), "by_client": by_client, "alert": alert, "name": name,
        }),
        Cause::Password { client, server, user, method, protocol } => json!({
            "client": client.to_string(), "server": server.to_string(), "user": user, "method": method, "proto": protocol,
        }),
        Cause::SynFlood { target, unfinished, completed, sources, sources_at_least, peak } => json!({
            "target": target.to_string(), "unfinished": unfinished, "completed": completed, "sources": sources,
            "sources_at_least": sources_at_least, "peak": peak,
        }),
        Cause::SlowRequests { client, server, way, at_once, longest, sent } => json!({
            "client": client.to_string(), "server": server.to_string(), "unfinished": way.key(), "at_once": at_once, "longest": seconds(*longest), "sent": sent,
        }),
        Cause::PeerGone { sender, silent, hosts, times, over } => json!({
            "sender": sender.to_string(), "silent": silent.to_string(), "hosts": hosts, "times": times, "over": seconds(*over),
        }),
        Cause::BlackHole { sender, receiver, receivers, stuck, passed, times, over, shorter } => json!({
            "receivers": receivers,
            "sender": sender.to_string(), "receiver": receiver.to_string(), "stuck": stuck, "passed": passed, "times": times, "over": seconds(*over),
            "shorter": shorter,
        }),
        Cause::ClearProtocol { client, server, protocol, carries, clients, servers } => json!({
            "clients": clients, "servers": servers,
            "client": client.to_string(), "server": server.to_string(), "proto": protocol, "carries": carries.map(Secret::name),
        }),
        Cause::ExposedPort { server, service, by_content, client, clients, clients_at_least } => json!({
            "server": server.to_string(), "service": service, "by_content": by_content, "client": client.to_string(), "clients": clients,
            "clients_at_least": clients_at_least,
        }),
        Cause::LeftOpen { client, server, leak, quiet } => {
            let (how, by, over) = match leak {
                Leak::HalfClosed { by_client: true } => ("half_closed", "client", None),
                Leak::HalfClosed { by_client: false } => ("half_closed", "server", None),
                Leak::Pile { over } => ("pile", "client", Some(seconds(*over))),
            };
            json!({ "client": client.to_string(), "server": server.to_string(), "how": how, "left_open_by": by, "quiet": seconds(*quiet), "over": over })
        }
        Cause::SpoofedAddress { by, own, taken, unasked } => json!({
            "by": by.to_string(), "own_address": own.map(|ip| ip.to_string()), "unasked": unasked, "addresses_total": taken.total,
            "addresses": taken.first.iter().map(|(ip, owner)| json!({ "address": ip.to_string(), "owner": owner.to_string() })).collect::<Vec<_>>(),
        }),
        Cause::DuplicateAddress { address, first, second, how, times } => json!({
            "address": address.to_string(), "first": first.to_string(), "second": second.map(|second| second.to_string()),
            "how": how.key(), "times": times,
        }),
        Cause::NeighbourSilent { asker, askers, targets, asked, sweep } => json!({
            "asker": asker.to_string(), "askers": askers, "asked": asked, "sweep": sweep, "targets_total": targets.total,
            "targets": targets.first.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }),
        Cause::InjectedReset { by, to, resets, after, acknowledged, guessed, ttl: (reset, others) } => json!({
            "by": by.to_string(), "to": to.to_string(), "resets": resets, "went_on": after, "acknowledged": acknowledged, "guessed": guessed,
            "reset_ttl": reset, "other_ttl": others,
        }),
        Cause::RewrittenData { sender, receiver, segments, sure } => json!({
            "sender": sender.to_string(), "receiver": receiver.to_string(), "segments": segments, "checksums_right": sure,
        }),
    }
}
