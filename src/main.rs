//! The `ripen` program; see `ripen --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ripen::cli::run()
}
