//! Capture files: what is written can be read, what is damaged is told, and nothing crashes the reader.

mod drops;
mod made;
mod oracle;
#[path = "../support/program.rs"]
mod program;
mod property;
mod reading;
#[path = "../support/rng.rs"]
mod rng;
mod several;
mod writing;
