//! DER (X.690), as much of it as certificates use: a tag, a definite length, contents.

/// Elements that follow each other.
#[derive(Clone, Debug)]
pub(super) struct Elements<'a>(pub(super) &'a [u8]);

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

impl<'a> Elements<'a> {
    /// The contents of the next element, if it has this tag; it stays if it has another.
    pub(super) fn contents(&mut self, tag: u8) -> Option<&'a [u8]> {
        let mut rest = self.clone();
        let (_, contents) = rest.next().filter(|&(found, _)| found == tag)?;
        *self = rest;
        Some(contents)
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = (u8, &'a [u8]);

    /// Nothing at the end, and where an element is wrong: a tag of several bytes, no length, a length past the end.
    fn next(&mut self) -> Option<Self::Item> {
        let &[tag, length, ref rest @ ..] = self.0 else { return None };
        let (length, rest) = match length {
            0..=0x7f => (usize::from(length), rest),
            0x81..=0x83 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
                (bytes.iter().fold(0, |n, &byte| n << 8 | usize::from(byte)), rest)
            }
            _ => return None,
        };
        let (contents, rest) = rest.split_at_checked(length).filter(|_| tag & 0x1f != 0x1f)?;
        self.0 = rest;
        Some((tag, contents))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_in_a_row() {
        let long = [&[0x04, 0x81, 200][..], &[7; 200]].concat();
        let mut all = Elements(&long);
        assert_eq!(all.contents(SEQUENCE), None);
        assert_eq!(all.contents(OCTET_STRING), Some(&[7; 200][..]));
        assert_eq!(all.next(), None);
        assert_eq!(Elements(&[0x02, 1, 5, 0x30, 0]).collect::<Vec<_>>(), [(2, &[5][..]), (0x30, &[][..])]);
    }

    #[test]
    fn what_is_wrong_ends_the_row() {
        for bad in [&[0x30][..], &[0x30, 0x80, 0, 0], &[0x30, 2, 1], &[0x1f, 1, 1], &[0x30, 0x84, 0, 0, 0, 0], &[0x30, 0x82, 1]] {
            assert_eq!(Elements(bad).next(), None, "{bad:?}");
        }
    }
}
