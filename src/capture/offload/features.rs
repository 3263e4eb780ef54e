//! The features of an interface, as `ethtool -k` asks for them. Needs no rights.
//!
//! Source: `linux/ethtool.h` (`ETHTOOL_GSSET_INFO`, `ETHTOOL_GSTRINGS`, `ETHTOOL_GFEATURES`), netdevice(7).

use crate::capture::live::sys;
use std::io;

const ETHTOOL_GSTRINGS: u32 = 0x1b;
const ETHTOOL_GSSET_INFO: u32 = 0x37;
const ETHTOOL_GFEATURES: u32 = 0x3a;
/// The set of strings that names features.
const ETH_SS_FEATURES: u32 = 4;
/// Bytes of a string (`ETH_GSTRING_LEN`).
const STRING: usize = 32;
/// Most features that are believed in; Linux 6.18 has 64.
const MOST: usize = 256;
/// Words of the header of `ethtool_sset_info`, of `ethtool_gstrings`, and of `ethtool_gfeatures`.
const INFO_HEADER: usize = 4;
const STRINGS_HEADER: usize = 3;
const FEATURES_HEADER: usize = 2;
/// Words of one `ethtool_get_features_block`: available, requested, active, never changed.
const BLOCK: usize = 4;

/// A feature of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Feature {
    /// The kernel's name, such as `rx-gro`.
    pub(super) name: String,
    /// It is on.
    pub(super) active: bool,
    /// It can be switched.
    pub(super) changeable: bool,
}

/// All features of an interface.
pub(super) fn features(interface: &str) -> io::Result<Vec<Feature>> {
    if interface.len() >= libc::IFNAMSIZ {
        return Err(io::Error::from_raw_os_error(libc::ENODEV));
    }
    let count = count(interface)?;
    let names = names(interface, count)?;
    let mut blocks = [0; FEATURES_HEADER + BLOCK * MOST / 32];
    blocks[0] = ETHTOOL_GFEATURES;
    // The kernel writes at most so many blocks.
    blocks[1] = count.div_ceil(32) as u32;
    sys::ask_ethtool(interface, &mut blocks)?;
    let is_set = |at: usize, word: usize| blocks[FEATURES_HEADER + at / 32 * BLOCK + word] >> (at % 32) & 1 == 1;
    let feature = |(at, name)| Feature { name, active: is_set(at, 2), changeable: is_set(at, 0) && !is_set(at, 3) };
    Ok(names.into_iter().enumerate().map(feature).collect())
}

/// How many features the kernel knows: a number it was built with.
fn count(interface: &str) -> io::Result<usize> {
    // The mask of sets is 64 bits wide; after it come the counts of those that were asked for and exist: of one set here.
    let mut info = [0_u32; INFO_HEADER + 1];
    info[0] = ETHTOOL_GSSET_INFO;
    info[2..4].copy_from_slice(&halves(1 << ETH_SS_FEATURES));
    sys::ask_ethtool(interface, &mut info)?;
    let count = info[INFO_HEADER] as usize;
    if info[2..4] == [0, 0] || count == 0 || count > MOST { Err(io::Error::from(io::ErrorKind::Unsupported)) } else { Ok(count) }
}

fn names(interface: &str, count: usize) -> io::Result<Vec<String>> {
    // The kernel writes `count` names, whatever the third word says; there is room for the most that are believed in.
    let mut strings = [0_u32; STRINGS_HEADER + MOST * STRING / 4];
    strings[0] = ETHTOOL_GSTRINGS;
    strings[1] = ETH_SS_FEATURES;
    strings[2] = count as u32;
    sys::ask_ethtool(interface, &mut strings)?;
    let bytes: Vec<u8> = strings[STRINGS_HEADER..].iter().flat_map(|word| word.to_ne_bytes()).collect();
    let name = |text: &[u8]| String::from_utf8_lossy(text.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned();
    Ok(bytes.chunks(STRING).take(count).map(name).collect())
}

/// A 64-bit number as two words in the order of this machine.
fn halves(number: u64) -> [u32; 2] {
    let (low, high) = (number as u32, (number >> 32) as u32);
    if cfg!(target_endian = "little") { [low, high] } else { [high, low] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_has_the_features_that_all_have() {
        let features = features("lo").expect("needs no rights");
        let of = |name: &str| features.iter().find(|feature| feature.name == name).expect("known for 15 years");
        // Of loopback, its drivers says so: it is not to be switched (linux/drivers/net/loopback.c).
        assert!(of("loopback").active && !of("loopback").changeable);
        assert!(of("tx-checksum-ip-generic").active);
        assert!(!of("rx-lro").active);
    }

    #[test]
    fn an_interface_that_is_not_there_is_an_error() {
        assert_eq!(features("nosuchif0").expect_err("is not there").raw_os_error(), Some(libc::ENODEV));
        assert!(features("a name that is far too long for linux").is_err());
    }
}
