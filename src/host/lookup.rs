//! The system's lookup of a name: `/etc/hosts`, DNS, whatever `nsswitch.conf(5)` says. Source: getnameinfo(3).
#![expect(unsafe_code, reason = "the C library's lookup has no safe binding; with its SAFETY note")]

use std::ffi::CStr;
use std::mem;
use std::net::IpAddr;
use thiserror::Error;

/// Longest name that is asked for, its end included (`NI_MAXHOST`).
const LONGEST: usize = 1025;

/// Nobody could say whether an address has a name. It may be asked for again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no answer")]
pub struct NotAsked;

/// The name of an address: `Ok(None)` if it has none. May ask servers in the network and wait for seconds.
///
/// # Errors
/// Nobody could say: no server answered, or the system could not ask.
pub fn name_of(address: IpAddr) -> Result<Option<String>, NotAsked> {
    let mut name = [0_u8; LONGEST];
    let mut ask = |socket_address: *const libc::sockaddr, len: usize| {
        // SAFETY: `socket_address` points to a live socket address of `len` bytes; `name` has room for `LONGEST` bytes, and the
        // service is not asked for.
        unsafe {
            libc::getnameinfo(
                socket_address,
                len as libc::socklen_t,
                name.as_mut_ptr().cast(),
                LONGEST as libc::socklen_t,
                std::ptr::null_mut(),
                0,
                libc::NI_NAMEREQD,
            )
        }
    };
    let failed = match address {
        IpAddr::V4(ip) => {
            // SAFETY: plain data, for which zero is a valid value.
            let mut place: libc::sockaddr_in = unsafe { mem::zeroed() };
            place.sin_family = libc::AF_INET as libc::sa_family_t;
            place.sin_addr.s_addr = u32::from_ne_bytes(ip.octets());
            ask((&raw const place).cast(), size_of_val(&place))
        }
        IpAddr::V6(ip) => {
            // SAFETY: as above.
            let mut place: libc::sockaddr_in6 = unsafe { mem::zeroed() };
            place.sin6_family = libc::AF_INET6 as libc::sa_family_t;
            place.sin6_addr.s6_addr = ip.octets();
            ask((&raw const place).cast(), size_of_val(&place))
        }
    };
    match failed {
        0 => Ok(CStr::from_bytes_until_nul(&name).ok().and_then(|name| name.to_str().ok()).map(str::to_owned)),
        libc::EAI_AGAIN | libc::EAI_SYSTEM | libc::EAI_MEMORY => Err(NotAsked),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_has_the_name_that_the_hosts_file_gives_it() {
        let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
        let mut lines = hosts.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let named = lines.find_map(|line| line.strip_prefix(&["127.0.0.1"])?.first().copied());
        let name = name_of("127.0.0.1".parse().unwrap());
        match named {
            Some(named) => assert_eq!(name, Ok(Some(named.to_owned()))),
            // No address of documentation has a name, and where nobody can be asked that is said.
            None => assert_ne!(name_of("192.0.2.1".parse().unwrap()), Ok(Some(String::new()))),
        }
    }
}
