//! Drives a run: frames from a source through filter, decoder and tracker to a sink. One thread; the order of work for one packet
//! is in `pipeline.rs` and can be read aloud.

mod carried;
pub mod clock;
pub mod drops;
mod pipeline;
pub mod run;
pub mod select;
pub mod stop;
mod totals;

pub use run::{Config, Ended, run};
pub use select::Selection;
pub use stop::Stop;
