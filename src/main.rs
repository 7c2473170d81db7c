//! The `ripen` program; see `ripen --help`.

use std::process::ExitCode;

/// Gives memory back to the system soon after it was used: a start or a large request leaves nothing behind.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ripen::cli::run()
}
