//! Capture filters: pcap-filter expressions and BPF programs, decided on whole frames.
//!
//! [`Program`] is a checked classic BPF program, [`vm`] runs one, [`view`] is what it sees of a frame.

pub mod insn;
pub mod program;
pub mod show;
pub mod view;
pub mod vm;

pub use insn::Insn;
pub use program::{Program, ProgramError};
pub use show::ProgramForm;
