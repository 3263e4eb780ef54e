//! What the application of a flow said, as its record has it. All text is fit to be shown and cut to a length; passwords and other
//! credentials are never in it.

use crate::flow::fields::Value;
use crate::model::{Span, Timestamp};
use crate::peek::App;
use crate::peek::login::Method;

/// Text out of a packet, made safe.
pub type Text = Box<str>;

/// What was read of a flow.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AppRecord {
    /// Which application, by what was said.
    pub app: Option<App>,
    /// More was said that could not be read: bytes are missing, or there was no room to put them together, or they make no sense.
    pub incomplete: bool,
    /// TLS.
    pub tls: Option<Box<TlsRecord>>,
    /// HTTP/1, also in datagrams.
    pub http: Option<Box<HttpRecord>>,
    /// DNS and its relatives.
    pub dns: Option<Box<DnsRecord>>,
    /// Version of SSH, or the server's greeting.
    pub banner: Option<Box<BannerRecord>>,
    /// Who logged in with a name in the clear.
    pub login: Option<Box<LoginRecord>>,
    /// QUIC.
    pub quic: Option<Box<QuicRecord>>,
}

/// TLS as far as it is in the clear.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TlsRecord {
    /// Number of the packet with which the `ClientHello` was whole.
    pub client_hello: Option<u64>,
    /// The same of the `ServerHello`, of the last where there are two.
    pub server_hello: Option<u64>,
    /// The host that the client asks for.
    pub server_name: Option<Text>,
    /// The highest version offered.
    pub offered: Option<Text>,
    /// The version chosen.
    pub version: Option<Text>,
    /// The cipher suite chosen.
    pub cipher: Option<Text>,
    /// Application protocols offered.
    pub alpn_offered: Vec<Text>,
    /// The one chosen; TLS 1.3 encrypts it.
    pub alpn: Option<Text>,
    /// Common name of the server's certificate; TLS 1.3 encrypts it.
    pub subject: Option<Text>,
    /// Its alternative names.
    pub names: Vec<Text>,
    /// Alerts in the clear: `orig fatal unknown_ca`.
    pub alerts: Vec<Text>,
    /// JA3 of the client, its hash.
    pub ja3: Option<Text>,
    /// What was hashed.
    pub ja3_text: Option<Text>,
    /// JA4 of the client.
    pub ja4: Option<Text>,
}

/// The messages of an HTTP/1 connection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HttpRecord {
    /// Requests, also those that are not kept.
    pub requests: u64,
    /// Responses, those in between (1xx) left out.
    pub responses: u64,
    /// The first of them, in order of the requests.
    pub exchanges: Vec<Exchange>,
    /// The gravest of what requests carry that opens something, and the packet of the first that does. It stands in no field.
    pub secret: Option<(Secret, u64)>,
}

/// What a request carries that somebody else could use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Secret {
    /// `Cookie` (RFC 6265 section 8.3).
    Cookie,
    /// `Authorization`, other than Basic, which is a login.
    Authorization,
}

impl Secret {
    /// Its name as it is sent.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cookie => "Cookie",
            Self::Authorization => "Authorization",
        }
    }
}

/// A request and its response, either of which may be missing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exchange {
    /// `GET`.
    pub method: Option<Text>,
    /// What is asked for, without user name and password.
    pub target: Option<Text>,
    /// `Host`.
    pub host: Option<Text>,
    /// `User-Agent`.
    pub user_agent: Option<Text>,
    /// Code of the response.
    pub status: Option<u16>,
    /// The words behind it.
    pub reason: Option<Text>,
    /// `Content-Type` of the response.
    pub content_type: Option<Text>,
    /// Packet of the request's first byte, and of its last.
    pub request: Option<u64>,
    /// Packet with which the request was whole, its body included.
    pub request_end: Option<u64>,
    /// Packet of the response's first byte.
    pub response: Option<u64>,
    /// Packet with which the response was whole, its body included.
    pub response_end: Option<u64>,
    /// From the end of the request to the first byte of the response.
    pub wait: Option<Span>,
    /// From the end of the request to the end of the response, as tshark's `http.time`.
    pub time: Option<Span>,
}

/// The messages of DNS between two ends.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DnsRecord {
    /// Questions, those sent again left out.
    pub queries: u64,
    /// Questions sent again.
    pub resent: u64,
    /// Answers, those that came again left out.
    pub responses: u64,
    /// Questions that were answered.
    pub answered: u64,
    /// The first questions and answers.
    pub transactions: Vec<Transaction>,
}

/// A question and its answer, either of which may be missing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transaction {
    /// Number that question and answer have in common.
    pub id: u16,
    /// The name asked for.
    pub name: Option<Text>,
    /// What was asked of it.
    pub kind: Option<Text>,
    /// How it was answered.
    pub rcode: Option<Text>,
    /// It was too long, and is to be asked for again over TCP.
    pub truncated: bool,
    /// The data of the answers, in their order, with commas between.
    pub answers: Option<Text>,
    /// Packet of the question, the first copy.
    pub query: Option<u64>,
    /// Packet of the answer.
    pub response: Option<u64>,
    /// Between the two, as tshark's `dns.time`.
    pub time: Option<Span>,
}

/// What both sides say first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BannerRecord {
    /// The client's: of SSH alone.
    pub client: Option<Text>,
    /// The server's.
    pub server: Option<Text>,
}

/// A login.
#[derive(Clone, Debug, PartialEq)]
pub struct LoginRecord {
    /// The user's name.
    pub user: Option<Text>,
    /// How.
    pub method: Method,
    /// A password crossed the wire in the clear (base64 hides nothing).
    pub password_in_clear: bool,
    /// Packet with which it was whole.
    pub packet: u64,
}

/// What QUIC says in the clear.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QuicRecord {
    /// `1`, `2`, `draft-29`.
    pub version: Option<Text>,
    /// The connection id that the client chose for the server, hexadecimal.
    pub destination: Option<Text>,
    /// The client's own.
    pub client: Option<Text>,
    /// The server's own.
    pub server: Option<Text>,
}

/// A packet by number and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::flow) struct Moment {
    pub(in crate::flow) number: u64,
    pub(in crate::flow) ts: Timestamp,
}

/// Several things of a kind, each with the same keys.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Objects<'a> {
    /// Requests and responses.
    Exchanges(&'a [Exchange]),
    /// Questions and answers.
    Transactions(&'a [Transaction]),
}

/// Something that takes keys and values.
pub trait ObjectVisitor {
    /// The next object begins.
    fn begin(&mut self);
    /// A key of it. `in_cell`: it is shown where there is little room, too.
    fn member(&mut self, key: &'static str, value: Value<'_>, in_cell: bool);
    /// It is over.
    fn end(&mut self);
}

fn text(text: Option<&Text>) -> Value<'_> {
    text.map_or(Value::Null, |text| Value::Text(text))
}

fn number(number: Option<u64>) -> Value<'static> {
    number.map_or(Value::Null, Value::U64)
}

fn span(span: Option<Span>) -> Value<'static> {
    span.map_or(Value::Null, Value::Span)
}

impl Objects<'_> {
    /// How many.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::Exchanges(all) => all.len(),
            Self::Transactions(all) => all.len(),
        }
    }

    /// None?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Hands out all of them, key by key.
    pub fn visit(&self, visitor: &mut impl ObjectVisitor) {
        match self {
            Self::Exchanges(all) => {
                for one in *all {
                    visitor.begin();
                    visitor.member("method", text(one.method.as_ref()), true);
                    visitor.member("host", text(one.host.as_ref()), true);
                    visitor.member("target", text(one.target.as_ref()), true);
                    visitor.member("user_agent", text(one.user_agent.as_ref()), false);
                    visitor.member("status", number(one.status.map(u64::from)), true);
                    visitor.member("reason", text(one.reason.as_ref()), false);
                    visitor.member("content_type", text(one.content_type.as_ref()), false);
                    visitor.member("request", number(one.request), false);
                    visitor.member("request_end", number(one.request_end), false);
                    visitor.member("response", number(one.response), false);
                    visitor.member("response_end", number(one.response_end), false);
                    visitor.member("wait", span(one.wait), false);
                    visitor.member("time", span(one.time), true);
                    visitor.end();
                }
            }
            Self::Transactions(all) => {
                for one in *all {
                    visitor.begin();
                    visitor.member("id", Value::U64(one.id.into()), false);
                    visitor.member("name", text(one.name.as_ref()), true);
                    visitor.member("type", text(one.kind.as_ref()), true);
                    visitor.member("rcode", text(one.rcode.as_ref()), true);
                    visitor.member("truncated", Value::Bool(one.truncated), false);
                    visitor.member("answers", text(one.answers.as_ref()), true);
                    visitor.member("query", number(one.query), false);
                    visitor.member("response", number(one.response), false);
                    visitor.member("time", span(one.time), true);
                    visitor.end();
                }
            }
        }
    }
}

impl DnsRecord {
    /// Questions without an answer.
    #[must_use]
    pub const fn unanswered(&self) -> u64 {
        self.queries.saturating_sub(self.answered)
    }
}
