//! Names of addresses: those that are known, and which are being asked for. Names come from strangers (whoever owns an
//! address says what it is called), so only what looks like the name of a host is taken for one.
//!
//! Knows no clock and waits only where the caller says how long. Answers are looked for when the caller says so ([`NameCache::look`])
//! and now and then, not for every packet: looking is a system call.

use foldhash::fast::RandomState;
use std::collections::{HashMap, VecDeque};
use std::fmt::Debug;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

/// Addresses that are kept; the one that was first asked for goes first.
const KEPT: usize = 65_536;
/// Addresses that are being asked for at once.
const ASKED: usize = 256;
/// So many addresses without a name yet are found between two looks for answers.
const BETWEEN_LOOKS: u32 = 64;
/// Longest name in bytes (RFC 1035, 2.3.4, without the lengths).
const LONGEST: usize = 253;

/// Who finds names. Neither asking nor looking for an answer waits.
pub trait Resolver: Debug + Send {
    /// Asks for the name of an address. False: not now.
    fn ask(&self, address: IpAddr) -> bool;

    /// An answer that has come.
    ///
    /// # Errors
    /// No more will come.
    fn answer(&self) -> io::Result<Option<(IpAddr, Answer)>>;

    /// Waits until there is an answer, so long at most. False: there is none.
    fn wait(&self, most: Duration) -> bool;
}

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The name.
    Name(String),
    /// It has none.
    Nameless,
    /// Nobody could say.
    Unknown,
}

/// What is known of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// Its name.
    Name(&'a str),
    /// It has none.
    Nameless,
    /// It is being asked for.
    Coming,
    /// Too many others are being asked for.
    Unasked,
}

#[derive(Debug)]
enum Known {
    Asked,
    Nameless,
    /// Nobody could say. It is not asked for again before [`NameCache::forgive`].
    Unknown,
    /// Nobody could say, and it may be asked for again.
    Again,
    Name(Box<str>),
}

/// Names that are known.
#[derive(Debug)]
pub struct NameCache {
    resolver: Box<dyn Resolver>,
    known: HashMap<IpAddr, Known, RandomState>,
    order: VecDeque<IpAddr>,
    /// Those of which nobody could say.
    unknown: Vec<IpAddr>,
    asked: usize,
    /// Addresses without a name yet that were found since answers were last looked for.
    found: u32,
    gone: bool,
    kept: usize,
}

impl NameCache {
    /// Knows none yet.
    #[must_use]
    pub fn new(resolver: Box<dyn Resolver>) -> Self {
        Self {
            resolver,
            known: HashMap::default(),
            order: VecDeque::new(),
            unknown: Vec::new(),
            asked: 0,
            found: 0,
            gone: false,
            kept: KEPT,
        }
    }

    /// What is known of an address. One that was not asked for is asked for now.
    pub fn find(&mut self, address: IpAddr) -> Found<'_> {
        if !matches!(self.known.get(&address), Some(Known::Name(_) | Known::Nameless | Known::Unknown)) {
            self.found += 1;
            if self.found >= BETWEEN_LOOKS {
                self.look();
            }
            self.ask(address);
        }
        match self.known.get(&address) {
            Some(Known::Name(name)) => Found::Name(name),
            Some(Known::Nameless | Known::Unknown) => Found::Nameless,
            _ if self.gone => Found::Nameless,
            Some(Known::Asked) => Found::Coming,
            Some(Known::Again) | None => Found::Unasked,
        }
    }

    /// Is an answer awaited, or somebody to be asked for again?
    #[must_use]
    pub fn awaits(&self) -> bool {
        (self.asked > 0 || !self.unknown.is_empty()) && !self.gone
    }

    /// Takes the answers that came.
    pub fn look(&mut self) {
        self.found = 0;
        self.take_answers();
    }

    /// Addresses of which nobody could say whether they have a name may be asked for again.
    pub fn forgive(&mut self) {
        for address in self.unknown.drain(..) {
            if let Some(known @ Known::Unknown) = self.known.get_mut(&address) {
                *known = Known::Again;
            }
        }
    }

    /// Waits for an answer, so long at most, and takes all that came. False: none did.
    pub fn wait(&mut self, most: Duration) -> bool {
        if self.asked == 0 || self.gone || !self.resolver.wait(most) {
            return false;
        }
        self.look();
        true
    }

    fn ask(&mut self, address: IpAddr) {
        let again = match self.known.get(&address) {
            None => false,
            Some(Known::Again) => true,
            Some(_) => return,
        };
        let nobody = match address {
            IpAddr::V4(ip) => ip.is_unspecified() || ip.is_broadcast(),
            IpAddr::V6(ip) => ip.is_unspecified(),
        };
        if nobody {
            self.keep(address, Known::Nameless);
        } else if !self.gone && self.asked < ASKED && self.resolver.ask(address) {
            self.asked += 1;
            if again {
                self.known.insert(address, Known::Asked);
            } else {
                self.keep(address, Known::Asked);
            }
        }
    }

    fn keep(&mut self, address: IpAddr, known: Known) {
        if self.order.len() >= self.kept
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.order.push_back(address);
        self.known.insert(address, known);
    }

    fn take_answers(&mut self) {
        while self.asked > 0 && !self.gone {
            match self.resolver.answer() {
                Ok(Some((address, answer))) => {
                    self.asked -= 1;
                    // It may have been forgotten by now, or never have been asked for.
                    let Some(known @ Known::Asked) = self.known.get_mut(&address) else { continue };
                    *known = match &answer {
                        Answer::Name(name) => host_name(name).map_or(Known::Nameless, |name| Known::Name(name.into())),
                        Answer::Nameless => Known::Nameless,
                        Answer::Unknown => {
                            // No more of them than are kept, however often they are forgotten and asked for again.
                            if self.unknown.len() < self.kept {
                                self.unknown.push(address);
                            }
                            Known::Unknown
                        }
                    };
                }
                Ok(None) => return,
                Err(_) => self.gone = true,
            }
        }
    }
}

/// The text, if it looks like the name of a host (RFC 1123, 2.1, and the underscore that is found in practice) and not like an
/// address: nothing that a terminal would obey, nothing that passes for another host's number.
#[must_use]
pub fn host_name(text: &str) -> Option<&str> {
    let name = text.strip_suffix('.').unwrap_or(text);
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let sound = (1..=LONGEST).contains(&name.len()) && name.bytes().all(letter) && !name.starts_with(['-', '.']);
    // The last label of a name is never a number.
    let number = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    (sound && !number).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    /// Answers what was put in, when it is told to.
    #[derive(Clone, Debug, Default)]
    struct Fake(Arc<Mutex<State>>);

    #[derive(Debug, Default)]
    struct State {
        asked: Vec<IpAddr>,
        answers: VecDeque<(IpAddr, Answer)>,
        names: BTreeMap<IpAddr, String>,
        gone: bool,
        /// No server answers.
        silent: bool,
        /// How often an answer was looked for.
        looks: usize,
    }

    impl Resolver for Fake {
        fn ask(&self, address: IpAddr) -> bool {
            self.0.lock().unwrap().asked.push(address);
            true
        }

        fn answer(&self) -> io::Result<Option<(IpAddr, Answer)>> {
            let mut state = self.0.lock().unwrap();
            state.looks += 1;
            if state.gone { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(state.answers.pop_front()) }
        }

        fn wait(&self, _: Duration) -> bool {
            let mut state = self.0.lock().unwrap();
            let asked = std::mem::take(&mut state.asked);
            for address in asked {
                let answer = match state.names.get(&address).cloned() {
                    _ if state.silent => Answer::Unknown,
                    Some(name) => Answer::Name(name),
                    None => Answer::Nameless,
                };
                state.answers.push_back((address, answer));
            }
            !state.answers.is_empty()
        }
    }

    fn ip(n: u32) -> IpAddr {
        IpAddr::V4((0x0a00_0000 + n).into())
    }

    #[test]
    fn a_name_is_used_from_the_moment_it_is_known() {
        let fake = Fake::default();
        fake.0.lock().unwrap().names.insert(ip(1), "one.example.".to_owned());
        let mut cache = NameCache::new(Box::new(fake.clone()));
        assert_eq!(cache.find(ip(1)), Found::Coming);
        assert_eq!(cache.find(ip(1)), Found::Coming);
        assert_eq!(cache.find(ip(2)), Found::Coming);
        assert_eq!(fake.0.lock().unwrap().asked, [ip(1), ip(2)], "each is asked for once");
        assert!(cache.wait(Duration::ZERO));
        assert_eq!(cache.find(ip(1)), Found::Name("one.example"));
        assert_eq!(cache.find(ip(2)), Found::Nameless);
        assert!(!cache.wait(Duration::ZERO), "nothing is asked for");
        assert_eq!(cache.find("0.0.0.0".parse().unwrap()), Found::Nameless);
        assert!(fake.0.lock().unwrap().asked.is_empty());
    }

    #[test]
    fn what_is_kept_and_what_is_asked_for_at_once_is_bounded() {
        let fake = Fake::default();
        let mut cache = NameCache { kept: 300, ..NameCache::new(Box::new(fake.clone())) };
        for n in 0..ASKED as u32 {
            assert_eq!(cache.find(ip(n)), Found::Coming);
        }
        assert_eq!(cache.find(ip(1_000)), Found::Unasked);
        assert!(cache.wait(Duration::ZERO));
        for n in 1_000..1_200 {
            assert_eq!(cache.find(ip(n)), Found::Coming);
        }
        assert!(cache.known.len() <= 300 && cache.order.len() <= 300);
        assert!(cache.wait(Duration::ZERO));
        assert_eq!((cache.asked, cache.find(ip(1_199))), (0, Found::Nameless));
    }

    #[test]
    fn packets_of_an_address_that_is_asked_for_cost_no_look_each() {
        let fake = Fake::default();
        let mut cache = NameCache::new(Box::new(fake.clone()));
        (0..640).for_each(|_| assert_eq!(cache.find(ip(1)), Found::Coming));
        assert_eq!(fake.0.lock().unwrap().looks, 10);
        assert!(cache.awaits());
    }

    #[test]
    fn what_nobody_could_say_is_asked_again_when_it_may_be() {
        let fake = Fake::default();
        fake.0.lock().unwrap().silent = true;
        fake.0.lock().unwrap().names.insert(ip(1), "one.example".to_owned());
        let mut cache = NameCache::new(Box::new(fake.clone()));
        assert_eq!(cache.find(ip(1)), Found::Coming);
        assert!(cache.wait(Duration::ZERO));
        assert_eq!(cache.find(ip(1)), Found::Nameless);
        assert!(fake.0.lock().unwrap().asked.is_empty(), "not asked again for every packet");
        fake.0.lock().unwrap().silent = false;
        cache.forgive();
        assert_eq!(cache.find(ip(1)), Found::Coming);
        assert!(cache.wait(Duration::ZERO));
        assert_eq!(cache.find(ip(1)), Found::Name("one.example"));
        assert_eq!(cache.order.len(), 1);
        // An answer nobody asked for changes nothing.
        fake.0.lock().unwrap().answers.push_back((ip(1), Answer::Name("two.example".to_owned())));
        assert_eq!(cache.find(ip(2)), Found::Coming);
        cache.look();
        assert_eq!(cache.find(ip(1)), Found::Name("one.example"));
    }

    #[test]
    fn without_a_resolver_addresses_stay() {
        let fake = Fake::default();
        let mut cache = NameCache::new(Box::new(fake.clone()));
        assert_eq!(cache.find(ip(1)), Found::Coming);
        fake.0.lock().unwrap().gone = true;
        cache.look();
        assert_eq!(cache.find(ip(1)), Found::Nameless);
        assert_eq!(cache.find(ip(2)), Found::Nameless);
        assert!(!cache.wait(Duration::from_secs(9)));
    }

    #[test]
    fn what_is_no_name_of_a_host_is_none() {
        for good in ["localhost", "a.b-c.example", "_sip._tcp.example", "3com.example", "xn--bcher-kva.example"] {
            assert_eq!(host_name(good), Some(good));
        }
        let long = "a".repeat(254);
        for bad in ["", ".", "10.0.0.1", "1", "a b", "a\x1b[31m", "bücher.example", "-a", "::1", "a/b", "10.0.0.1.80", &long] {
            assert_eq!(host_name(bad), None, "{bad:?}");
        }
    }
}
