//! Extensions of hellos (RFC 8446 section 4.2): the list, and the bodies of those that say who talks to whom and how.

use super::reader::{Reader, numbers, only_vector};

/// `server_name` (RFC 6066 section 3).
pub const SERVER_NAME: u16 = 0;
/// `supported_groups`, once `elliptic_curves` (RFC 8422 section 5.1.1).
pub const SUPPORTED_GROUPS: u16 = 10;
/// `ec_point_formats` (RFC 8422 section 5.1.2).
pub const EC_POINT_FORMATS: u16 = 11;
/// `signature_algorithms`.
pub const SIGNATURE_ALGORITHMS: u16 = 13;
/// `application_layer_protocol_negotiation` (RFC 7301).
pub const ALPN: u16 = 16;
/// `supported_versions`.
pub const SUPPORTED_VERSIONS: u16 = 43;

/// Number and body of each extension, in the order sent.
#[derive(Clone, Debug)]
pub struct Extensions<'a>(Reader<'a>);

impl<'a> Extensions<'a> {
    pub(super) const fn new(list: &'a [u8]) -> Self {
        Self(Reader(list))
    }

    /// Does the list consist of extensions and nothing else?
    fn is_whole(list: &'a [u8]) -> bool {
        let mut all = Self::new(list);
        all.by_ref().for_each(drop);
        all.0.is_empty()
    }

    /// Are the last bytes of a hello a list of extensions, or nothing?
    pub(super) fn end_a_hello(rest: &[u8]) -> bool {
        let mut reader = Reader(rest);
        rest.is_empty() || reader.vector(2).is_some_and(Extensions::is_whole) && reader.is_empty()
    }

    /// The body of the first of a kind.
    pub(super) fn body(mut self, kind: u16) -> Option<&'a [u8]> {
        self.find(|&(other, _)| other == kind).map(|(_, body)| body)
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let mut reader = self.0;
        let found = (reader.u16()?, reader.vector(2)?);
        self.0 = reader;
        Some(found)
    }
}

/// The first host name of a list (RFC 6066 section 3); other types of names are passed over.
pub(super) fn host_name(body: &[u8]) -> Option<&[u8]> {
    let mut names = Reader(only_vector(2, body));
    loop {
        let kind = names.number(1)?;
        let name = names.vector(2)?;
        if kind == 0 && !name.is_empty() {
            return Some(name);
        }
    }
}

/// Application protocols, in the order of the sender's liking (RFC 7301 section 3.1).
#[derive(Clone, Debug)]
pub struct Protocols<'a>(Reader<'a>);

impl<'a> Protocols<'a> {
    pub(super) fn new(body: &'a [u8]) -> Self {
        Self(Reader(only_vector(2, body)))
    }
}

impl<'a> Iterator for Protocols<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        let mut reader = self.0;
        let protocol = reader.vector(1)?;
        self.0 = reader;
        Some(protocol)
    }
}

/// The numbers in a list that is all of an extension's body; its length takes `size` bytes.
pub(super) fn listed(size: usize, body: Option<&[u8]>) -> impl ExactSizeIterator<Item = u16> + Clone + '_ {
    numbers(only_vector(size, body.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_host_name_counts() {
        assert_eq!(host_name(&[0, 6, 0, 0, 3, b'a', b'.', b'b']), Some(&b"a.b"[..]));
        assert_eq!(host_name(&[0, 9, 1, 0, 1, b'x', 0, 0, 2, b'a', b'b']), Some(&b"ab"[..]));
        for bad in [&[][..], &[0, 0], &[0, 3, 0, 0, 0], &[0, 4, 1, 0, 1, b'x'], &[0, 5, 0, 0, 9, b'a', b'b'], &[0, 9, 0]] {
            assert_eq!(host_name(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn lists_that_do_not_fit_are_empty() {
        assert_eq!(listed(2, Some(&[0, 4, 0, 29, 0, 23])).collect::<Vec<_>>(), [29, 23]);
        assert_eq!(listed(2, Some(&[0, 5, 0, 29, 0, 23, 7])).collect::<Vec<_>>(), [29, 23]);
        assert_eq!(listed(2, Some(&[0, 6, 0, 29, 0, 23])).len(), 0);
        assert_eq!(listed(1, None).len(), 0);
        assert_eq!(Protocols::new(&[0, 5, 2, b'h', b'2', 9, b'x']).collect::<Vec<_>>(), [b"h2"]);
    }

    #[test]
    fn extensions_end_where_they_end() {
        assert!(Extensions::is_whole(&[]));
        assert!(Extensions::is_whole(&[0, 1, 0, 0, 0, 2, 0, 1, 9]));
        for bad in [&[0][..], &[0, 1, 0], &[0, 1, 0, 2, 9], &[0, 1, 0, 0, 5]] {
            assert!(!Extensions::is_whole(bad), "{bad:?}");
        }
    }
}
