//! Names of hosts in place of addresses, for people: packet lines and tables. Records always hold addresses.

use std::fmt::Debug;
use std::net::IpAddr;

/// Who knows names of hosts. A name must be printable ASCII without blanks.
pub trait HostNames: Debug + Send {
    /// The name of an address, if it is known by now.
    fn name(&mut self, address: IpAddr) -> Option<&str>;

    /// These will be looked for together.
    fn foresee(&mut self, addresses: &mut dyn Iterator<Item = IpAddr>);
}

/// Names that are known from the start, for tests.
#[cfg(test)]
#[derive(Debug)]
pub(crate) struct Fixed(std::collections::HashMap<IpAddr, String>);

#[cfg(test)]
impl Fixed {
    pub(crate) fn new(names: &[(&str, &str)]) -> Self {
        Self(names.iter().map(|(address, name)| (address.parse().unwrap(), (*name).to_owned())).collect())
    }
}

#[cfg(test)]
impl HostNames for Fixed {
    fn name(&mut self, address: IpAddr) -> Option<&str> {
        self.0.get(&address).map(String::as_str)
    }

    fn foresee(&mut self, _: &mut dyn Iterator<Item = IpAddr>) {}
}
