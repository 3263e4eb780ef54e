//! The sockeye program.

fn main() {}
