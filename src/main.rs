//! The program `hawker`. Everything it does is in the library; here it only reads its command line and says how it ended.

use clap::Parser;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match hawker::cli::run(hawker::cli::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The cause is shown here: whoever runs the program may know it.
            eprintln!("hawker: {error}");
            ExitCode::FAILURE
        }
    }
}
