//! The filter of a run: an expression or a program, applied to frames of whatever link types come.
//!
//! An expression is compiled once for each link type. In the usual mode it sees frames as if their VLAN tags were not there,
//! unless it speaks of tags (`tag_words`); in strict mode, and for a program from elsewhere, frames are seen as they are.

use super::error::{FilterError, FilterErrorKind};
use super::insn::ancillary;
use super::left_out::{LeftOut, were_left_out};
use super::lex;
use super::program::Program;
use super::roles::{Role, roles};
use super::tag_words::{reads_family, speaks_of_tags};
use super::view::{AsItIs, OwnFamily, TagPlace, Untagged};
use super::vm;
use crate::model::{Frame, FrameDirection, LinkType};
use hashbrown::HashMap;
use std::sync::Arc;

/// What decides.
#[derive(Clone, Debug)]
enum Rule {
    /// Every frame is wanted.
    Everything,
    /// An expression; frames as they are in any case? And the program made when it was checked.
    Expression { text: String, strict: bool, checked: (LinkType, Arc<Program>) },
    /// A program, for frames of any type.
    Program { program: Arc<Program> },
}

/// How a program sees frames of one link type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// As they are.
    AsItIs,
    /// As if tags were not there.
    Untagged(TagPlace),
    /// With the address family of BSD loopback in this system's numbers.
    OwnFamily,
    /// As a live capture in the kernel: the outer tag beside the bytes.
    OuterBeside(TagPlace),
}

/// What is decided about frames of one link type.
#[derive(Clone, Debug)]
struct ForLink {
    link: LinkType,
    decision: Decision,
    asks_direction: bool,
    /// Frames that came and could not match, for there is no program.
    left_out: u64,
}

/// A program, or why there is none. Made to be held for each of the 65,536 types that a hostile file can name.
#[derive(Clone, Debug)]
enum Decision {
    /// The program and how it sees.
    Run(Arc<Program>, Sight),
    /// The expression means nothing on this type.
    Never(Box<FilterError>),
    /// libpcap does not know the type.
    Unknown,
}

/// A capture filter in use.
#[derive(Clone, Debug)]
pub struct Filter {
    rule: Rule,
    links: Vec<ForLink>,
    /// Where each link type stands in `links`.
    places: HashMap<LinkType, usize, foldhash::fast::RandomState>,
    /// The one used last.
    current: usize,
    /// Frames that did not match because nobody knows which way they went.
    undirected: u64,
    /// Decisions made ahead, for link types that may come: see [`Filter::foresee`].
    foreseen: HashMap<LinkType, Decision, foldhash::fast::RandomState>,
}

impl Default for Filter {
    fn default() -> Self {
        Self::everything()
    }
}

impl Filter {
    /// Accepts every frame.
    #[must_use]
    pub fn everything() -> Self {
        Self::with(Rule::Everything)
    }

    /// Takes an expression of pcap-filter's language. With `strict`, VLAN tags are never looked through, as in tcpdump.
    /// An expression that can be used for no link type is an error at once.
    pub fn expression(text: &str, strict: bool) -> Result<Self, FilterError> {
        if text.trim().is_empty() {
            return Ok(Self::everything());
        }
        let checked = usable_somewhere(text)?;
        Ok(Self::with(Rule::Expression { text: text.to_owned(), strict, checked }))
    }

    /// Takes a program as `tcpdump -ddd` prints it. It sees frames as they are; one that was compiled for a live interface
    /// (it asks the kernel for a tag) sees them as the kernel would show them. `name` is the file's, for errors.
    pub fn bytecode(name: &str, text: &[u8]) -> Result<Self, FilterError> {
        let fault = |kind| FilterError::about("", kind);
        let program = Program::parse(text).map_err(|error| fault(FilterErrorKind::Program { name: name.into(), error }))?;
        let unavailable = program.ancillary_loads().find(|(_, number)| {
            !matches!(*number, ancillary::PACKET_TYPE | ancillary::VLAN_TAG | ancillary::VLAN_TAG_PRESENT | ancillary::VLAN_TPID)
        });
        if let Some((instruction, _)) = unavailable {
            return Err(fault(FilterErrorKind::Unavailable { name: name.into(), instruction }));
        }
        Ok(Self::with(Rule::Program { program: Arc::new(program) }))
    }

    fn with(rule: Rule) -> Self {
        Self { rule, links: Vec::new(), places: HashMap::default(), current: 0, undirected: 0, foreseen: HashMap::default() }
    }

    /// Does it accept every frame, whatever comes?
    #[must_use]
    pub const fn is_everything(&self) -> bool {
        matches!(self.rule, Rule::Everything)
    }

    /// The expression, for people and for capture files.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.rule {
            Rule::Expression { text, .. } => Some(text),
            Rule::Everything | Rule::Program { .. } => None,
        }
    }

    /// Makes it ready for frames of a link type. An error says that frames of this type can never match, and why; the filter
    /// stays usable for others.
    pub fn prepare(&mut self, link: LinkType) -> Result<(), FilterError> {
        let at = self.index(link);
        self.failure(&self.links[at]).map_or(Ok(()), Err)
    }

    /// Names of services, protocols and Ethernet hosts are in files of the system, which cannot be read any more once the
    /// program has given up its rights. Where the expression has such names, it is compiled for these link types now; whether
    /// one of them ever comes changes nothing else.
    pub fn foresee(&mut self, links: impl IntoIterator<Item = LinkType>) {
        let has_names = self.text().is_some_and(|text| {
            let looked_up = [Role::Port, Role::Protocol, Role::EtherHost];
            roles(&lex::tokens(text)).iter().any(|(_, role)| looked_up.contains(role))
        });
        for link in links {
            if has_names && !self.foreseen.contains_key(&link) {
                let decision = self.decide(link);
                self.foreseen.insert(link, decision);
            }
        }
    }

    /// Is this frame wanted? Frames of a link type for which the expression cannot be compiled are not; see
    /// [`Self::finish`].
    #[inline]
    pub fn accepts(&mut self, frame: &Frame<'_>) -> bool {
        if self.is_everything() {
            return true;
        }
        if self.links.get(self.current).is_none_or(|l| l.link != frame.link) {
            self.current = self.index(frame.link);
        }
        let for_link = &mut self.links[self.current];
        let Decision::Run(program, sight) = &for_link.decision else {
            for_link.left_out += 1;
            return false;
        };
        let accepted = see(program, *sight, frame);
        if for_link.asks_direction && !accepted && frame.direction.is_none() && depends_on_direction(program, *sight, frame) {
            self.undirected += 1;
        }
        accepted
    }

    /// What is to be told when everything was read: an error if no link type that came could ever match, else sentences about
    /// packets that were left out: of types that could not match, and without a direction where one was asked for.
    pub fn finish(&self) -> Result<Vec<String>, FilterError> {
        if let [first, rest @ ..] = &self.links[..]
            && let Some(error) = self.failure(first)
            && rest.iter().all(|l| !matches!(l.decision, Decision::Run(..)))
        {
            return Err(if rest.is_empty() { error } else { error.coming_from("the input") });
        }
        let mut told = LeftOut::default();
        for for_link in self.links.iter().filter(|l| l.left_out > 0) {
            let reason = match &for_link.decision {
                Decision::Run(..) => continue,
                Decision::Never(error) => error.kind.reason(),
                Decision::Unknown => FilterErrorKind::UnknownLinkType { link: for_link.link }.reason(),
            };
            told.add(for_link.link, for_link.left_out, reason);
        }
        let mut sentences = told.sentences();
        if self.undirected > 0 {
            let why = "the capture does not say whether they are inbound or outbound";
            sentences.push(format!("{}: {why}", were_left_out(self.undirected, "")));
        }
        Ok(sentences)
    }

    /// The program for a link type, as `-d` prints it.
    pub fn program(&mut self, link: LinkType) -> Result<Program, FilterError> {
        let at = self.index(link);
        match &self.links[at].decision {
            Decision::Run(program, _) => Ok(Program::clone(program)),
            Decision::Never(error) => Err(FilterError::clone(error).coming_from("such a capture")),
            Decision::Unknown => Err(self.unknown(link)),
        }
    }

    /// Does it ask, of frames of this link type, which way they went, so that only frames with a
    /// [`direction`](Frame::direction) can be decided? The headers of Linux cooked captures say it themselves.
    #[must_use]
    pub fn asks_direction(&self, link: LinkType) -> bool {
        if let Some(at) = self.places.get(&link) {
            return self.links[*at].asks_direction;
        }
        // Of all words only `inbound` and `outbound` ask. Compiling a long expression just to see that takes its time.
        self.text().is_none_or(|text| text.contains("bound")) && asks_direction(&self.decide(link))
    }

    /// The program for a link type and how it is to see frames.
    pub(super) fn decided(&mut self, link: LinkType) -> Option<(&Program, Sight)> {
        let at = self.index(link);
        match &self.links[at].decision {
            Decision::Run(program, sight) => Some((program, *sight)),
            Decision::Never(_) | Decision::Unknown => None,
        }
    }

    /// Why frames of a link type can never match.
    fn failure(&self, for_link: &ForLink) -> Option<FilterError> {
        match &for_link.decision {
            Decision::Run(..) => None,
            Decision::Never(error) => Some(FilterError::clone(error)),
            Decision::Unknown => Some(self.unknown(for_link.link)),
        }
    }

    fn unknown(&self, link: LinkType) -> FilterError {
        FilterError::about(self.text().unwrap_or_default(), FilterErrorKind::UnknownLinkType { link })
    }

    /// Where a link type's decision stands; made if there is none.
    fn index(&mut self, link: LinkType) -> usize {
        if let Some(at) = self.places.get(&link) {
            return *at;
        }
        let decision = self.decide(link);
        let asks_direction = asks_direction(&decision);
        let at = self.links.len();
        self.links.push(ForLink { link, decision, asks_direction, left_out: 0 });
        self.places.insert(link, at);
        at
    }

    fn decide(&self, link: LinkType) -> Decision {
        if let Some(known) = self.foreseen.get(&link) {
            return known.clone();
        }
        let place = TagPlace::of(link);
        match &self.rule {
            Rule::Everything => Decision::Run(Arc::new(Program::accept_all()), Sight::AsItIs),
            Rule::Expression { text, strict, checked } => {
                let program = if checked.0 == link { Ok(Arc::clone(&checked.1)) } else { compile(text, link).map(Arc::new) };
                let sight = || match place {
                    Some(place) if !strict && !speaks_of_tags(text, place) => Sight::Untagged(place),
                    None if matches!(link, LinkType::NULL | LinkType::LOOP) && !reads_family(text) => Sight::OwnFamily,
                    _ => Sight::AsItIs,
                };
                match program {
                    Ok(program) => Decision::Run(program, sight()),
                    Err(FilterError { kind: FilterErrorKind::UnknownLinkType { .. }, .. }) => Decision::Unknown,
                    Err(error) => Decision::Never(Box::new(error)),
                }
            }
            Rule::Program { program } => {
                let sight = match place {
                    Some(place) if program.asks_for_stripped_tag() => Sight::OuterBeside(place),
                    _ => Sight::AsItIs,
                };
                Decision::Run(Arc::clone(program), sight)
            }
        }
    }
}

/// Does it ask which way frames went?
fn asks_direction(decision: &Decision) -> bool {
    match decision {
        Decision::Run(program, _) => program.ancillary_loads().any(|(_, n)| n == ancillary::PACKET_TYPE),
        Decision::Never(_) | Decision::Unknown => false,
    }
}

/// Where an expression is tried that cannot match on Ethernet: it must compile for one of these, or it is refused before
/// anything is opened.
const TRIED: [LinkType; 7] = [
    LinkType::RAW,
    LinkType::LINUX_SLL2,
    LinkType::IEEE802_11,
    LinkType::IEEE802_11_RADIOTAP,
    LinkType::PPP,
    LinkType(117),
    LinkType(123),
];

/// A link type for which an expression compiles, and the program. The error is that for Ethernet.
fn usable_somewhere(text: &str) -> Result<(LinkType, Arc<Program>), FilterError> {
    check(text)?;
    let error = match compile(text, LinkType::ETHERNET) {
        Ok(program) => return Ok((LinkType::ETHERNET, Arc::new(program))),
        Err(error) => error,
    };
    let elsewhere = || TRIED.iter().find_map(|link| Some((*link, Arc::new(compile(text, *link).ok()?))));
    match error.kind {
        FilterErrorKind::CannotMatch { .. } => elsewhere().ok_or(error),
        _ => Err(error),
    }
}

/// Runs a program on a frame as it is to be seen.
#[inline]
fn see(program: &Program, sight: Sight, frame: &Frame<'_>) -> bool {
    let untagged = match sight {
        Sight::AsItIs => None,
        Sight::OwnFamily => {
            let answer =
                OwnFamily::new(frame).map_or_else(|| vm::run(program, &AsItIs::new(frame)), |view| vm::run(program, &view));
            return answer != 0;
        }
        Sight::Untagged(place) => match place.tags_len(frame.bytes) {
            0 => None,
            skip => Some(Untagged::new(frame, place, skip)),
        },
        Sight::OuterBeside(place) => place.is_stripped_by_kernel(frame.bytes).then(|| Untagged::outer_beside(frame, place)),
    };
    let answer = untagged.map_or_else(|| vm::run(program, &AsItIs::new(frame)), |view| vm::run(program, &view));
    answer != 0
}

/// Would a frame that was refused without a direction be accepted with one?
fn depends_on_direction(program: &Program, sight: Sight, frame: &Frame<'_>) -> bool {
    let directions = [FrameDirection::Inbound, FrameDirection::Outbound];
    directions.into_iter().any(|direction| see(program, sight, &Frame { direction: Some(direction), ..*frame }))
}

/// Looks an expression over before it is compiled for any link type.
#[cfg(feature = "libpcap")]
fn check(text: &str) -> Result<(), FilterError> {
    use super::{compile::Compiler, words};
    let refused = |words| FilterError::about(text, FilterErrorKind::Refused(words));
    let ethernet = Compiler::new(LinkType::ETHERNET).map_err(refused)?;
    words::check(text, &lex::tokens(text), |other| ethernet.complaint(other).is_none())
}

/// Compiles an expression that was looked over for a link type.
#[cfg(feature = "libpcap")]
fn compile(text: &str, link: LinkType) -> Result<Program, FilterError> {
    use super::{compile::Compiler, explain};
    let Some(compiler) = Compiler::of_known(link) else {
        return Err(FilterError::about(text, FilterErrorKind::UnknownLinkType { link }));
    };
    let tokens = lex::tokens(text);
    let program = compiler.compile(text, tokens.len()).map_err(|c| explain::explain(&compiler, text, &tokens, &c))?;
    // What a device's number of the interface is, no frame says; only the header of Linux cooked v2 does.
    let interface = program.ancillary_loads().any(|(_, n)| n == ancillary::INTERFACE);
    match tokens.iter().find(|t| interface && t.is("ifindex")) {
        Some(token) => Err(FilterError::at(
            text,
            token.span(),
            FilterErrorKind::CannotMatch { link, lacks: "interface numbers", word: "ifindex".to_owned(), place: "this file" },
        )),
        None => Ok(program),
    }
}

/// There is no compiler in this build.
#[cfg(not(feature = "libpcap"))]
fn check(text: &str) -> Result<(), FilterError> {
    Err(no_compiler(text))
}

#[cfg(not(feature = "libpcap"))]
fn compile(text: &str, _link: LinkType) -> Result<Program, FilterError> {
    Err(no_compiler(text))
}

#[cfg(not(feature = "libpcap"))]
fn no_compiler(text: &str) -> FilterError {
    let hint = format!("where tcpdump is:  tcpdump -y EN10MB -ddd '{text}' > FILE     here:  --filter-bytecode FILE");
    FilterError::about(text, FilterErrorKind::NoCompiler).hint(hint)
}

#[cfg(all(test, not(feature = "libpcap")))]
mod tests {
    use super::*;

    #[test]
    fn without_a_compiler_an_expression_is_an_error_that_says_what_to_do() {
        let error = Filter::expression("tcp port 80", false).unwrap_err();
        assert_eq!(
            error.to_string(),
            "filter: this build cannot compile filters (it lacks the cargo feature \"libpcap\")\n  where tcpdump is:  \
             tcpdump -y EN10MB -ddd 'tcp port 80' > FILE     here:  --filter-bytecode FILE"
        );
        assert!(Filter::expression(" ", false).unwrap().is_everything());
        assert!(Filter::bytecode("x", b"1\n6 0 0 262144\n").is_ok());
    }
}
