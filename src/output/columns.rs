//! Choosing fields by name (`--fields a,b`), for every output that has columns or keys.

use std::fmt;

/// A name that no field has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownField {
    /// The name as given.
    pub name: String,
    /// The field that was probably meant.
    pub suggestion: Option<String>,
    /// Every field there is.
    pub known: Vec<String>,
}

impl fmt::Display for UnknownField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no field \"{}\"", super::style::clean(&self.name))?;
        if let Some(suggestion) = &self.suggestion {
            return write!(f, "; did you mean {suggestion}?");
        }
        f.write_str("; all of them: sockeye help schema, docs/formats.md")
    }
}

impl std::error::Error for UnknownField {}

/// The items with these names, in the order asked for; all of them when none is named. A name that ends in a dot
/// or names a group (`orig`) means every field of it.
pub fn choose<'a, T>(all: &'a [T], name_of: fn(&T) -> &str, wanted: &[String]) -> Result<Vec<&'a T>, UnknownField> {
    let wanted: Vec<_> = wanted.iter().map(|w| w.trim()).filter(|w| !w.is_empty()).collect();
    if wanted.is_empty() {
        return Ok(all.iter().collect());
    }
    let mut chosen = Vec::new();
    for name in wanted {
        if let Some(item) = all.iter().find(|item| name_of(item) == name) {
            chosen.push(item);
            continue;
        }
        let group = name.trim_end_matches('.');
        let members = all.iter().filter(|item| name_of(item).strip_prefix(group).is_some_and(|rest| rest.starts_with('.')));
        let before = chosen.len();
        chosen.extend(members);
        if chosen.len() == before {
            return Err(unknown(name, all.iter().map(name_of)));
        }
    }
    Ok(chosen)
}

fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> UnknownField {
    // The last part alone (`packets` for `orig.packets`) is a common way to be almost right.
    let near = |k: &&str| {
        let tail = k.rsplit('.').next().unwrap_or(k);
        strsim::normalized_levenshtein(name, k).max(strsim::normalized_levenshtein(name, tail) - 0.01)
    };
    let best = known.clone().max_by(|a, b| near(a).total_cmp(&near(b)).then(b.cmp(a))).filter(|k| near(k) > 0.5);
    UnknownField { name: name.to_owned(), suggestion: best.map(str::to_owned), known: known.map(str::to_owned).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &[&str] = &["id", "proto", "orig.ip", "orig.packets", "resp.ip", "resp.packets", "origin"];

    fn chosen(wanted: &[&str]) -> Result<Vec<&'static str>, UnknownField> {
        let wanted: Vec<_> = wanted.iter().map(|w| (*w).to_owned()).collect();
        choose(ALL, |name| name, &wanted).map(|items| items.into_iter().copied().collect())
    }

    #[test]
    fn fields_come_in_the_order_asked_for() {
        assert_eq!(chosen(&[]).unwrap(), ALL);
        assert_eq!(chosen(&["proto", " id "]).unwrap(), ["proto", "id"]);
        assert_eq!(chosen(&["resp", "id"]).unwrap(), ["resp.ip", "resp.packets", "id"]);
        assert_eq!(chosen(&["orig."]).unwrap(), ["orig.ip", "orig.packets"]);
    }

    #[test]
    fn an_unknown_field_is_named_with_the_one_that_was_meant() {
        assert_eq!(
            chosen(&["id", "orig.pakets"]).unwrap_err().to_string(),
            "no field \"orig.pakets\"; did you mean orig.packets?"
        );
        assert_eq!(chosen(&["packets"]).unwrap_err().to_string(), "no field \"packets\"; did you mean orig.packets?");
        let none_near = "no field \"xyzzy\\x1b\"; all of them: sockeye help schema, docs/formats.md";
        assert_eq!(chosen(&["xyzzy\x1b"]).unwrap_err().to_string(), none_near);
        assert_eq!(chosen(&["prot"]).unwrap_err().suggestion.as_deref(), Some("proto"));
    }
}
