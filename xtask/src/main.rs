//! `cargo xtask test [SUBSET…] [--install]` and `cargo xtask setup [--install]`: the one command that installs what the
//! tests need and runs them all. `cargo xtask sim` runs the simulator.
//!
//! No dependencies, so it compiles in seconds on a fresh machine. `subsets.rs` is the table of contents: what runs, in which
//! order, and what each part needs. It does not build releases, publish or deploy.

mod janitor;
mod needs;
mod places;
mod postgres;
mod run;
mod subsets;
mod tally;

use std::process::ExitCode;

use janitor::Janitor;
use needs::{Needs, Unmet};
use places::Places;
use run::Runner;
use tally::Tally;

const USAGE: &str = "\
cargo xtask test [SUBSET…] [--install]   run everything, or the subsets named
cargo xtask setup [--install]            only install what the tests need
cargo xtask sim [--seed N | --runs N | --seconds N | --mutants]   run the simulator; see tests/sim/main.rs

--install  also install Debian packages with sudo, and cargo-deny; root installs Debian packages without being asked";

fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let install = words.iter().any(|word| word == "--install");
    words.retain(|word| word != "--install");
    let done = match words.split_first() {
        Some((verb, subsets)) if verb == "test" => test(subsets, install),
        Some((verb, [])) if verb == "setup" => setup(install),
        Some((verb, words)) if verb == "sim" => simulate(words),
        _ => Err(format!("{USAGE}\n\nsubsets: {}", subsets::NAMES.join(", "))),
    };
    match done {
        Ok(tally) if tally.is_good() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

fn simulate(words: &[String]) -> Result<Tally, String> {
    let places = Places::choose()?;
    let janitor = Janitor::hire()?;
    let mut command = subsets::simulator(&Runner::new(&places, &janitor));
    let status = command.args(words).status().map_err(|error| error.to_string())?;
    Ok(if status.success() { Tally::PASSED } else { Tally::FAILED })
}

fn test(chosen: &[String], install: bool) -> Result<Tally, String> {
    if let Some(unknown) = chosen.iter().find(|name| !subsets::is_known(name)) {
        return Err(format!(
            "unknown subset `{unknown}`; there are: {}",
            subsets::NAMES.join(", ")
        ));
    }
    let places = Places::choose()?;
    places.empty_a_swollen_cache();
    let janitor = Janitor::hire()?;
    let runner = Runner::new(&places, &janitor);
    let parts = subsets::present(&places, chosen);
    let mut needs = Needs::new(&runner, install);
    let mut tally = Tally::default();

    needs.install(
        parts
            .iter()
            .flat_map(|part| part.needs.iter().chain(&part.wishes).copied()),
    );
    for part in &parts {
        if let Err(Unmet::NotRun(reason) | Unmet::Failed(reason)) = needs.meet_all(&part.wishes) {
            println!("{} tests less: {reason}", part.name);
        }
        tally += match needs.meet_all(&part.needs) {
            Ok(()) => runner.run(&part.name, (part.command)(&needs), part.reading, part.minutes),
            Err(Unmet::NotRun(reason)) => {
                println!("not run: {}: {reason}", part.name);
                Tally::SKIPPED
            }
            Err(Unmet::Failed(reason)) => {
                println!("FAILED: {}: {reason}", part.name);
                Tally::FAILED
            }
        };
    }
    if tally.ran() == 0 {
        println!("nothing ran");
    }
    println!("{tally}");
    Ok(tally)
}

fn setup(install: bool) -> Result<Tally, String> {
    let places = Places::choose()?;
    let janitor = Janitor::hire()?;
    let runner = Runner::new(&places, &janitor);
    let mut needs = Needs::new(&runner, install);
    let parts = subsets::present(&places, &[]);
    needs.install(
        parts
            .iter()
            .flat_map(|part| part.needs.iter().chain(&part.wishes).copied()),
    );
    let mut tally = Tally::default();
    for (need, met) in needs.installed() {
        tally += match met {
            Ok(()) => {
                println!("ready: {need}");
                Tally::PASSED
            }
            Err(Unmet::NotRun(reason)) => {
                println!("not installed: {need}: {reason}");
                Tally::SKIPPED
            }
            Err(Unmet::Failed(reason)) => {
                println!("FAILED: {need}: {reason}");
                Tally::FAILED
            }
        };
    }
    Ok(tally)
}
