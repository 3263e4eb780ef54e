//! What the application of a conversation said, in a few words for the last column of tables: `GET /x 200 · www.example.test`. All of it
//! is safe already: facts of records are.

use crate::flow::FlowRecord;
use crate::flow::app::{AppRecord, DnsRecord, Exchange, HttpRecord, TlsRecord, Transaction};
use std::fmt::Write as _;

/// Longest note, characters.
const LONGEST: usize = 72;
/// Longest target and name in one.
const PART: usize = 40;

/// The note of a conversation; empty where nothing is known.
pub(super) fn note(record: &FlowRecord) -> String {
    let name = record.resp.name.as_ref().map(|name| &*name.name);
    let said = record.app.as_deref().map(|app| of_app(app, name)).unwrap_or_default();
    let note = if said.is_empty() { name.unwrap_or_default().to_owned() } else { said };
    cut(&note, LONGEST)
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

fn of_app(app: &AppRecord, name: Option<&str>) -> String {
    let mut parts = Vec::new();
    // What somebody should know first.
    if let Some(login) = &app.login {
        let user = login.user.as_deref().map(|user| format!(" {}", cut(user, PART))).unwrap_or_default();
        parts.push(format!("login{user}{}", if login.password_in_clear { " in clear" } else { "" }));
    }
    if let Some(http) = &app.http {
        parts.extend(of_http(http));
    }
    if let Some(tls) = &app.tls {
        parts.push(of_tls(tls, name));
    }
    if let Some(dns) = &app.dns {
        parts.extend(of_dns(dns));
    }
    let word = app.app.map(|app| app.name().to_uppercase()).unwrap_or_default();
    if let Some(banner) = &app.banner
        && parts.is_empty()
    {
        let text = banner.server.as_deref().or(banner.client.as_deref()).unwrap_or_default();
        // SSH's has its name and version before the program's.
        let software = text.strip_prefix("SSH-").and_then(|rest| rest.split_once('-')).map_or(text, |(_, software)| software);
        parts.push(format!("{word} {software}").trim_end().to_owned());
    }
    if let Some(quic) = &app.quic {
        parts.push(format!("QUIC {}", quic.version.as_deref().unwrap_or_default()).trim_end().to_owned());
    }
    if parts.is_empty() { word } else { parts.join(" · ") }
}

/// ` +3`: so many more.
fn more(all: u64, shown: u64) -> String {
    if all > shown { format!(" +{}", all - shown) } else { String::new() }
}

fn of_http(http: &HttpRecord) -> Option<String> {
    let first = http.exchanges.first()?;
    let Exchange { method, target, status, host, reason, .. } = first;
    // Writing into a String cannot fail.
    let mut text = match (method, target) {
        (Some(method), Some(target)) => format!("{method} {}", cut(target, PART)),
        _ => "HTTP".to_owned(),
    };
    if let Some(status) = status {
        let _ = write!(text, " {status}");
    }
    if let (None, Some(reason)) = (method, reason) {
        let _ = write!(text, " {}", cut(reason, PART));
    }
    text.push_str(&more(http.requests.max(http.responses), 1));
    if let Some(host) = host {
        let _ = write!(text, " · {}", cut(host, PART));
    }
    Some(text)
}

fn of_tls(tls: &TlsRecord, name: Option<&str>) -> String {
    let name = tls.server_name.as_deref().or(tls.subject.as_deref()).or(name).map(|name| cut(name, PART));
    let version = tls.version.as_deref().or(tls.offered.as_deref()).unwrap_or("TLS");
    let alpn = tls.alpn.as_deref().or_else(|| match &tls.alpn_offered[..] {
        // One that was offered alone and not refused; of several TLS 1.3 does not show which.
        [only] if tls.version.is_some() => Some(only),
        _ => None,
    });
    let words = [name.as_deref(), Some(version), alpn];
    let mut text = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
    if let Some(alert) = tls.alerts.iter().find(|alert| !alert.ends_with("close notify")) {
        // In the words of the table's columns.
        let alert =
            alert.strip_prefix("orig ").map(|alert| ("client", alert)).or(alert.strip_prefix("resp ").map(|a| ("server", a)));
        if let Some((who, alert)) = alert {
            let _ = write!(text, " · {who}'s alert: {}", alert.strip_prefix("fatal: ").unwrap_or(alert));
        }
    }
    text
}

fn of_dns(dns: &DnsRecord) -> Option<String> {
    let Transaction { name, kind, rcode, answers, response, truncated, .. } = dns.transactions.first()?;
    let question = format!("{} {}", kind.as_deref().unwrap_or("?"), cut(name.as_deref().unwrap_or("?"), PART));
    let told = match (rcode.as_deref(), answers) {
        (None, _) if response.is_none() && dns.queries > 0 && dns.responses == 0 => ": no answer".to_owned(),
        (None, _) => String::new(),
        (Some("NXDOMAIN"), _) => ": no such name".to_owned(),
        (Some("NOERROR"), _) if *truncated => ": too long for UDP".to_owned(),
        (Some("NOERROR"), Some(answers)) => format!(" → {}", cut(answers, PART)),
        (Some("NOERROR"), None) => ": nothing of that kind".to_owned(),
        (Some(other), _) => format!(": {other}"),
    };
    Some(format!("{question}{told}{}", more(dns.queries.max(dns.responses), 1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::HostName;
    use crate::flow::app::{BannerRecord, LoginRecord};
    use crate::output::fixture::nine;
    use crate::peek::App;
    use crate::peek::login::Method;

    fn of(app: AppRecord) -> String {
        let mut record = nine().remove(0);
        record.app = Some(Box::new(app));
        note(&record)
    }

    #[expect(clippy::unnecessary_wraps, reason = "facts of records are such")]
    fn text(text: &str) -> Option<Box<str>> {
        Some(text.into())
    }

    #[test]
    fn a_few_words_of_each_application() {
        let exchange = Exchange {
            method: text("GET"),
            target: text("/x"),
            host: text("www.example.test"),
            status: Some(200),
            ..Exchange::default()
        };
        let http = HttpRecord { requests: 3, responses: 3, exchanges: vec![exchange], secret: None };
        let login = LoginRecord { user: text("alice"), method: Method::Basic, password_in_clear: true, packet: 1 };
        let both = AppRecord { http: Some(Box::new(http)), login: Some(Box::new(login)), ..AppRecord::default() };
        assert_eq!(of(both), "login alice in clear · GET /x 200 +2 · www.example.test");
        let tls = TlsRecord {
            server_name: text("www.example.test"),
            version: text("TLS 1.2"),
            alpn: text("h2"),
            ..TlsRecord::default()
        };
        let alert =
            TlsRecord { offered: text("TLS 1.3"), alerts: vec!["resp fatal: handshake failure".into()], ..TlsRecord::default() };
        assert_eq!(of(AppRecord { tls: Some(Box::new(tls)), ..AppRecord::default() }), "www.example.test TLS 1.2 h2");
        assert_eq!(
            of(AppRecord { tls: Some(Box::new(alert)), ..AppRecord::default() }),
            "TLS 1.3 · server's alert: handshake failure"
        );
        let dns = |transaction: Transaction| {
            let responses = u64::from(transaction.rcode.is_some());
            let dns = DnsRecord { queries: 1, responses, transactions: vec![transaction], ..DnsRecord::default() };
            of(AppRecord { dns: Some(Box::new(dns)), ..AppRecord::default() })
        };
        let asked = Transaction { name: text("www.example.test"), kind: text("A"), query: Some(1), ..Transaction::default() };
        assert_eq!(dns(asked.clone()), "A www.example.test: no answer");
        let answers = text("10.0.0.2");
        assert_eq!(dns(Transaction { rcode: text("NOERROR"), answers, ..asked.clone() }), "A www.example.test → 10.0.0.2");
        assert_eq!(dns(Transaction { rcode: text("NXDOMAIN"), ..asked.clone() }), "A www.example.test: no such name");
        assert_eq!(dns(Transaction { rcode: text("SERVFAIL"), ..asked }), "A www.example.test: SERVFAIL");
        let banner = BannerRecord { server: text("SSH-2.0-OpenSSH_9.2p1 Debian-2"), client: None };
        let ssh = AppRecord { app: Some(App::Ssh), banner: Some(Box::new(banner)), ..AppRecord::default() };
        assert_eq!(of(ssh), "SSH OpenSSH_9.2p1 Debian-2");
        assert_eq!(of(AppRecord { app: Some(App::Http2), ..AppRecord::default() }), "HTTP2");
    }

    #[test]
    fn a_name_stands_where_nothing_was_said_and_long_notes_are_cut() {
        let mut record = nine().remove(0);
        assert_eq!(note(&record), "");
        record.resp.name = Some(HostName { name: "www.example.test".into(), packet: (0, 3) });
        assert_eq!(note(&record), "www.example.test");
        record.resp.name = Some(HostName { name: "x".repeat(200).into(), packet: (0, 3) });
        assert_eq!(note(&record).chars().count(), LONGEST + 1);
    }
}
