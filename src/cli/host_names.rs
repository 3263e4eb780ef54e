//! `-N`: names of hosts, found by a process of its own. Live, nothing waits for one; of saved captures, whose packets are told
//! faster than any server answers, there is a little patience.

use sockeye::host::lookup::name_of;
use sockeye::host::names::{Answer, Found, NameCache, Resolver};
use sockeye::output::HostNames;
use sockeye::privilege::helper::{self, Names};
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Longest wait for the name of one address.
const EACH: Duration = Duration::from_secs(1);
/// Longest wait for all names of a run.
const ALL: Duration = Duration::from_secs(5);
/// Longest wait for names of the rows of a table that are printed together.
const TABLE: Duration = Duration::from_secs(2);

/// Time between two looks for answers.
const LOOKS: Duration = Duration::from_millis(10);
/// Addresses that no server could say anything of are asked for again after so long.
const FORGIVEN: Duration = Duration::from_mins(1);

/// Names, and how long they are waited for.
#[derive(Debug)]
pub(crate) struct PatientNames {
    cache: NameCache,
    /// What is left of all waiting.
    left: Duration,
    /// When answers were last looked for.
    looked: Instant,
    /// When failures were last forgiven.
    forgave: Instant,
}

/// The lookup of the process for names.
pub(crate) fn look_up(address: IpAddr) -> helper::Answer {
    match name_of(address) {
        Ok(Some(name)) => helper::Answer::Name(name),
        Ok(None) => helper::Answer::Nameless,
        Err(_) => helper::Answer::Unknown,
    }
}

#[derive(Debug)]
struct ByHelper(Names);

impl Resolver for ByHelper {
    fn ask(&self, address: IpAddr) -> bool {
        self.0.ask(address)
    }

    fn answer(&self) -> io::Result<Option<(IpAddr, Answer)>> {
        Ok(self.0.answer()?.map(|(address, answer)| match answer {
            helper::Answer::Name(name) => (address, Answer::Name(name)),
            helper::Answer::Nameless => (address, Answer::Nameless),
            helper::Answer::Unknown => (address, Answer::Unknown),
        }))
    }

    fn wait(&self, most: Duration) -> bool {
        self.0.wait(most)
    }
}

impl PatientNames {
    /// Names by the helper; none is waited for when `live`.
    pub(crate) fn new(names: Names, live: bool) -> Self {
        let now = Instant::now();
        let left = if live { Duration::ZERO } else { ALL };
        Self { cache: NameCache::new(Box::new(ByHelper(names))), left, looked: now, forgave: now }
    }

    /// Takes the answers that came, if it was long enough ago that this was done.
    fn look(&mut self) {
        if !self.cache.awaits() {
            return;
        }
        let now = Instant::now();
        if now - self.looked >= LOOKS {
            self.looked = now;
            self.cache.look();
        }
        if now - self.forgave >= FORGIVEN {
            self.forgave = now;
            self.cache.forgive();
        }
    }

    /// Waits until all these are known, so long at most.
    fn wait_for(&mut self, addresses: &[IpAddr], most: Duration) {
        let start = Instant::now();
        let most = most.min(self.left);
        for address in addresses {
            while matches!(self.cache.find(*address), Found::Coming | Found::Unasked) {
                let still = most.saturating_sub(start.elapsed());
                if still.is_zero() || !self.cache.wait(still) {
                    break;
                }
            }
        }
        self.left = self.left.saturating_sub(start.elapsed());
    }
}

impl HostNames for PatientNames {
    fn name(&mut self, address: IpAddr) -> Option<&str> {
        if !self.left.is_zero() && matches!(self.cache.find(address), Found::Coming | Found::Unasked) {
            self.wait_for(&[address], EACH);
        }
        self.look();
        match self.cache.find(address) {
            Found::Name(name) => Some(name),
            Found::Nameless | Found::Coming | Found::Unasked => None,
        }
    }

    fn foresee(&mut self, addresses: &mut dyn Iterator<Item = IpAddr>) {
        let addresses: Vec<IpAddr> = addresses.collect();
        for address in &addresses {
            self.cache.find(*address);
        }
        if !self.left.is_zero() {
            self.wait_for(&addresses, TABLE);
        }
    }
}
