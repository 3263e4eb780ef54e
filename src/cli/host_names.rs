//! `-N`: names of hosts, found by the helper process. Live, nothing waits for one; of saved captures, whose packets are told
//! faster than any server answers, there is a little patience.

use sockeye::host::names::{Found, NameCache, Resolver};
use sockeye::output::HostNames;
use sockeye::privilege::helper::Names;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Longest wait for the name of one address.
const EACH: Duration = Duration::from_secs(1);
/// Longest wait for all names of a run.
const ALL: Duration = Duration::from_secs(5);
/// Longest wait for names of the rows of a table that are printed together.
const TABLE: Duration = Duration::from_secs(2);

/// Names, and how long they are waited for.
#[derive(Debug)]
pub(crate) struct PatientNames {
    cache: NameCache,
    /// What is left of all waiting.
    left: Duration,
}

#[derive(Debug)]
struct ByHelper(Names);

impl Resolver for ByHelper {
    fn ask(&self, address: IpAddr) -> bool {
        self.0.ask(address)
    }

    fn answer(&self) -> io::Result<Option<(IpAddr, Option<String>)>> {
        self.0.answer()
    }

    fn wait(&self, most: Duration) -> bool {
        self.0.wait(most)
    }
}

impl PatientNames {
    /// Names by the helper; none is waited for when `live`.
    pub(crate) fn new(names: Names, live: bool) -> Self {
        Self { cache: NameCache::new(Box::new(ByHelper(names))), left: if live { Duration::ZERO } else { ALL } }
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
