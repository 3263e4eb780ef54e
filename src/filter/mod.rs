//! Capture filters: pcap-filter expressions and BPF programs, decided on whole frames.
//!
//! [`Filter`] is what a run uses. An expression is looked over (`words`), compiled by libpcap (`compile`; feature `libpcap`) into a
//! checked [`Program`], and run by our own interpreter ([`vm`]) on the frame as it is or as if its VLAN tags were not there
//! ([`view`]). Faults become a [`FilterError`] that points at the word (`explain`, `locate`, `wireshark`).

mod apply;
#[cfg(feature = "libpcap")]
mod compile;
pub mod error;
#[cfg(feature = "libpcap")]
mod explain;
pub mod insn;
mod kernel;
mod left_out;
mod lex;
#[cfg(feature = "libpcap")]
mod locate;
pub mod program;
#[cfg(feature = "libpcap")]
mod rejected;
mod roles;
pub mod show;
#[cfg(feature = "libpcap")]
mod suggest;
mod tag_words;
pub mod view;
pub mod vm;
#[cfg(feature = "libpcap")]
mod wireshark;
#[cfg(feature = "libpcap")]
mod words;

pub use apply::Filter;
pub use error::{FilterError, FilterErrorKind};
pub use insn::Insn;
pub use program::{Program, ProgramError};
pub use show::ProgramForm;

/// What `sockeye help filters` prints.
pub const HELP: &str = include_str!("../../docs/filters.md");
