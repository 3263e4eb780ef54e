//! Rights: what keeps them, and how little. `helper/` is the process that creates files, runs `-z` and asks for names
//! after this one gave its rights up.

#[cfg(target_os = "linux")]
pub mod helper;
