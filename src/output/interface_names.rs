//! What the interfaces of a run's sources are called, for outputs that say of each packet where it came by.

use super::style::clean;
use crate::model::SourceInfo;

/// Longest name kept, in characters; those of systems are shorter, and a file may hold anything.
const LONGEST: usize = 64;

/// Names of interfaces, by source and number.
#[derive(Debug, Default)]
pub(super) struct InterfaceNames {
    sources: Vec<Vec<Option<Box<str>>>>,
}

impl InterfaceNames {
    /// Takes in what is known of a source; more interfaces may be known later.
    pub(super) fn learn(&mut self, source: u16, info: &SourceInfo) {
        let at = usize::from(source);
        if self.sources.len() <= at {
            self.sources.resize_with(at + 1, Vec::new);
        }
        let known = &mut self.sources[at];
        let new = info.interfaces.get(known.len()..).unwrap_or_default();
        known.extend(new.iter().map(|interface| {
            let name = interface.name.as_deref().filter(|name| !name.is_empty())?;
            Some(clean(&name.chars().take(LONGEST).collect::<String>()).into())
        }));
    }

    /// The name of an interface, without control characters; `None` where its source has none for it.
    pub(super) fn get(&self, source: u16, interface: u32) -> Option<&str> {
        self.sources.get(usize::from(source))?.get(interface as usize)?.as_deref()
    }

    /// Has this source more than one interface?
    pub(super) fn several(&self, source: u16) -> bool {
        self.sources.get(usize::from(source)).is_some_and(|interfaces| interfaces.len() > 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::InterfaceInfo;
    use crate::output::fixture::source;

    #[test]
    fn names_are_learned_as_they_become_known_and_are_harmless() {
        let interface = |name: &str| InterfaceInfo { name: Some(name.to_owned()), ..InterfaceInfo::default() };
        let mut info = SourceInfo { interfaces: vec![interface("eth\u{1b}0")], ..source("mix.pcap", 0).info };
        let mut names = InterfaceNames::default();
        names.learn(1, &info);
        assert_eq!((names.get(1, 0), names.get(1, 1), names.get(0, 0), names.several(1)), (Some("eth\\x1b0"), None, None, false));
        info.interfaces.extend([interface(""), interface(&"x".repeat(100)), InterfaceInfo::default()]);
        names.learn(1, &info);
        names.learn(1, &info);
        assert_eq!((names.get(1, 1), names.get(1, 2).map(str::len), names.get(1, 3)), (None, Some(64), None));
        assert!(names.several(1) && !names.several(0));
    }
}
