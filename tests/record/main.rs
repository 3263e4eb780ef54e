//! Recording through the program: files one after the other by size, time and signal, which are kept, what they hold together, and
//! every fault that writing can meet. What captures live needs root; without it those tests say SKIPPED and pass.

#![cfg(target_os = "linux")]

mod faults;
mod kept;
mod live;
#[path = "../support/netns.rs"]
mod netns;
#[path = "../support/program.rs"]
mod program;
mod recorder;
mod slow;
mod split;
mod usage;
