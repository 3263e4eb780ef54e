//! SSH's version strings; greetings and logins of SMTP, FTP, POP3 and IMAP. A flow is read until a login or its end, or until it is
//! known that none comes. Passwords are never kept.

use super::notes::{At, Buffer, Notes};
use super::record::LoginRecord;
use crate::peek::{Peek, Service, banner, login};

/// What is read of a side.
#[derive(Debug, Default)]
struct Side {
    buffer: Buffer,
    over: bool,
}

/// A connection of lines.
#[derive(Debug)]
pub(super) struct Lines {
    /// Nothing: SSH.
    service: Option<Service>,
    client: usize,
    sides: [Side; 2],
}

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goes {
    On,
    Over,
    /// Into TLS; the client's bytes behind its command are these last ones.
    Tls(usize),
}

impl Lines {
    pub(super) fn new(service: Option<Service>, client: usize) -> Self {
        Self { service, client, sides: Default::default() }
    }

    pub(super) fn on_data(&mut self, side: usize, bytes: &[u8], at: At, notes: &mut Notes<'_>) -> Goes {
        let is_client = side == self.client;
        let of = &mut self.sides[side];
        if of.over {
            return Goes::On;
        }
        if of.buffer.push(bytes, notes).is_none() {
            return self.lose(side, notes);
        }
        if !bytes.contains(&b'\n') && !of.buffer.is_full() {
            return Goes::On;
        }
        let said = of.buffer.bytes();
        let over = match self.service {
            None => ssh(said, is_client, notes),
            Some(_) if !is_client => greeting(said, notes),
            Some(service) => match login::find(service, said) {
                Peek::Is(login) => {
                    let user = login.user.as_deref().and_then(|user| notes.text(user));
                    let password_in_clear = login.password.is_some();
                    let (method, packet) = (login.method, at.now.number);
                    notes.record.login = Some(Box::new(LoginRecord { user, method, password_in_clear, packet }));
                    true
                }
                other => {
                    if let Some(behind) = login::behind_start_of_tls(service, said) {
                        let left = said.len() - behind;
                        // What did not fit is not known to be the rest.
                        if of.buffer.is_full() || left > bytes.len() {
                            return self.lose(side, notes);
                        }
                        return Goes::Tls(left);
                    }
                    matches!(other, Peek::Not)
                }
            },
        };
        if over || self.sides[side].buffer.is_full() {
            self.end(side, notes);
        }
        self.goes()
    }

    pub(super) fn on_gap(&mut self, side: usize, notes: &mut Notes<'_>) -> Goes {
        if self.sides[side].over { self.goes() } else { self.lose(side, notes) }
    }

    fn lose(&mut self, side: usize, notes: &mut Notes<'_>) -> Goes {
        notes.record.incomplete = true;
        self.end(side, notes);
        self.goes()
    }

    fn end(&mut self, side: usize, notes: &mut Notes<'_>) {
        self.sides[side].buffer.clear(notes);
        self.sides[side].over = true;
    }

    fn goes(&self) -> Goes {
        if self.sides.iter().all(|side| side.over) { Goes::Over } else { Goes::On }
    }
}

/// Says whether nothing more is to be read of the side.
fn ssh(said: &[u8], is_client: bool, notes: &mut Notes<'_>) -> bool {
    match banner::ssh(said) {
        Peek::Is(version) => {
            let text = notes.text(said[..version.len].trim_ascii_end());
            let banner = notes.record.banner.get_or_insert_default();
            *(if is_client { &mut banner.client } else { &mut banner.server }) = text;
            true
        }
        Peek::Not => true,
        Peek::More => false,
    }
}

fn greeting(said: &[u8], notes: &mut Notes<'_>) -> bool {
    match banner::greeting(said) {
        Peek::Is(greeting) => {
            let text = notes.text(greeting.text);
            notes.record.banner.get_or_insert_default().server = text;
            true
        }
        Peek::Not => true,
        Peek::More => false,
    }
}
