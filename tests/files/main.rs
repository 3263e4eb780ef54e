//! Capture files: what is written can be read, what is damaged is told, and nothing crashes the reader.

mod made;
mod oracle;
mod property;
mod reading;
#[path = "../support/rng.rs"]
mod rng;
mod several;
mod writing;
