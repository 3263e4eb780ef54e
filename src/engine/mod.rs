//! Drives a run: frames from a source through filter, decoder and tracker to a sink. The order of work for one packet is in
//! `pipeline.rs` and can be read aloud. [`run()`] does it in one thread, the reference; [`parallel`] in several, each with its
//! part of the frames.

mod carried;
pub mod choosing;
pub mod clock;
mod detecting;
pub mod drops;
pub mod parallel;
mod pipeline;
pub mod run;
pub mod saved;
pub mod select;
mod share;
pub mod stop;
mod totals;

pub use detecting::{Detecting, Which};
pub use run::{Config, Ended, run};
pub use select::Selection;
pub use stop::Stop;
