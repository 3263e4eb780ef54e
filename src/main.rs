//! The sockeye program: see `cli/`.

mod cli;

use sockeye::heap::Counting;

/// Counts what is held: `--max-memory` is kept by it.
#[global_allocator]
static HEAP: Counting = Counting;

fn main() -> std::process::ExitCode {
    cli::main()
}
