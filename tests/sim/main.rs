//! The simulator: one shop, its buyers, staff, jobs and processors on one thread, with a clock that moves when told, on a disk whose power can be
//! cut. A seed is a history; the same seed is the same history. It looks for histories that break a promise or an invariant.
//!
//! `cargo xtask sim` builds and runs it: `--seconds 60`, or `--runs 1000`, or one history by `--seed N` (`--loud` tells it step by step,
//! `--keep FILE` leaves the database of what broke for sqlite3).
//! `--everywhere` cuts the power at every operation of the disk in one history of `--steps`.
//! `--mutants [--runs 500]` makes the table of which history finds which mistake; `--check` is what the test command runs.

#![expect(clippy::unwrap_used, reason = "a simulation that cannot go on has failed")]

mod clients;
mod deals;
#[path = "../dice.rs"]
mod dice;
mod drop_rules;
mod mutants;
mod ports;
mod routes;
mod second;
mod split;
mod trade_rules;
mod trade_sums;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use world::{Ground, History, Outcome, live};

/// So many histories may pass before a mistake counts as not found.
const HISTORIES_MAX: u64 = 2_000;

/// Steps of the history in which the power goes everywhere: some purchases, a parcel, a refund.
const SHORT: usize = 100;

/// The program's own, under SQLite too: a history opens a database after every crash, and most of that is small pieces of memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Clone)]
struct Asked {
    seed: Option<u64>,
    first: u64,
    runs: u64,
    seconds: u64,
    steps: usize,
    threads: u64,
    loud: bool,
    /// Where the database of what broke is left.
    keep: Option<String>,
    /// Only which history breaks first, and how.
    brief: bool,
    mutants: bool,
    everywhere: bool,
    check: bool,
    /// Only histories with drops in them.
    drops: bool,
    /// Only histories with a richer trade.
    trade: bool,
}

impl Asked {
    fn read() -> Self {
        let mut asked = Self {
            seed: None,
            first: 1,
            runs: u64::MAX,
            seconds: 10,
            steps: 1_200,
            threads: 2,
            loud: false,
            keep: None,
            brief: false,
            mutants: false,
            everywhere: false,
            check: false,
            drops: false,
            trade: false,
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            if word == "--keep" {
                asked.keep = words.next();
                continue;
            }
            let mut number = || -> u64 {
                let value = words.next().and_then(|value| value.parse().ok());
                value.unwrap_or_else(|| panic!("{word} needs a number"))
            };
            match word.as_str() {
                "--seed" => asked.seed = Some(number()),
                "--first" => asked.first = number(),
                "--runs" => (asked.runs, asked.seconds) = (number(), u64::MAX),
                "--seconds" => asked.seconds = number(),
                "--steps" => asked.steps = usize::try_from(number()).unwrap(),
                "--threads" => asked.threads = number(),
                "--loud" => asked.loud = true,
                "--brief" => asked.brief = true,
                "--mutants" => asked.mutants = true,
                "--everywhere" => asked.everywhere = true,
                "--check" => asked.check = true,
                "--drops" => asked.drops = true,
                "--trade" => asked.trade = true,
                other => panic!("there is no {other}: see the head of tests/sim/main.rs"),
            }
        }
        asked
    }

    fn history(&self, seed: u64) -> History {
        History {
            seed,
            steps: self.steps,
            without: BTreeSet::new(),
            loud: self.loud,
            keep: self.keep.clone(),
            cut: None,
        }
    }
}

fn main() {
    let asked = Asked::read();
    vfs::share_allocator();
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
    let good = match asked.seed {
        Some(seed) => one(&asked, seed),
        None if asked.mutants => every_mutant(&asked),
        None if asked.everywhere => everywhere(&asked),
        None if asked.check => check(&asked),
        None => many(&asked),
    };
    std::process::exit(i32::from(!good));
}

/// What the test command runs: a mistake on purpose is found, histories repeat themselves, the power goes everywhere in a short one, and for a minute none breaks.
fn check(asked: &Asked) -> bool {
    let canary = found(mutants::CANARY, asked.first, 300, None);
    println!("the mistake {} is found: {canary:?}", mutants::CANARY);
    let ground = Ground::lay().expect("a shop");
    let repeats = (1..=20).all(|seed| {
        let history = asked.history(seed);
        live(&ground, &history).trace == live(&ground, &history).trace
    });
    println!("twenty histories repeat themselves: {repeats}");
    let short = Asked {
        steps: SHORT,
        ..asked.clone()
    };
    let results = [canary.is_some(), repeats, everywhere(&short), many(asked)];
    let passed = results.iter().filter(|good| **good).count();
    println!("{passed} passed, {} failed", results.len() - passed);
    passed == results.len()
}

/// D8: the power goes at each operation of the disk in one history, every time at another, and everything has to come to rest.
fn everywhere(asked: &Asked) -> bool {
    let cut = |operation, kind| History {
        cut: Some((operation, kind)),
        ..asked.history(asked.first)
    };
    let whole = live(
        &Ground::lay().expect("a shop"),
        &cut(u64::MAX, vfs::Crash::KeepUnsynced),
    );
    let (next, broken) = (AtomicU64::new(1), AtomicU64::new(0));
    let worker = || {
        let ground = Ground::lay().expect("a shop");
        loop {
            let operation = next.fetch_add(1, Ordering::SeqCst);
            if operation > whole.operations {
                return;
            }
            let kind = vfs::Crash::ALL[usize::try_from(operation).expect("few") % vfs::Crash::ALL.len()];
            let violations = live(&ground, &cut(operation, kind)).violations;
            for violation in &violations {
                println!("cut at {operation} ({kind:?}): {violation}");
            }
            broken.fetch_add(u64::from(!violations.is_empty()), Ordering::SeqCst);
        }
    };
    std::thread::scope(|scope| (0..asked.threads).for_each(|_| drop(scope.spawn(worker))));
    let broken = broken.into_inner();
    println!(
        "the power was cut at each of {} operations of a history with {} orders: {broken} of them broke",
        whole.operations, whole.orders
    );
    broken == 0 && whole.orders > 0 && whole.violations.is_empty()
}

/// The history that finds a mistake, and how it shows: in a process of its own, because a mistake is chosen for a whole process.
fn found(mutant: &str, first: u64, runs: u64, only: Option<&str>) -> Option<(u64, String)> {
    let ran = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args(only)
        .args([
            "--brief",
            "--threads",
            "1",
            "--first",
            &first.to_string(),
            "--runs",
            &runs.to_string(),
        ])
        .env("HAWKER_MUTANT", mutant)
        .output()
        .expect("this program runs again");
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    let line = said.lines().find_map(|line| line.strip_prefix("broken "))?;
    let (seed, how) = line.split_once(' ')?;
    Some((seed.parse().ok()?, how.to_owned()))
}

/// Which history finds which mistake: a table for docs/simulator.md. A mistake that nothing finds in [`HISTORIES_MAX`] histories (or `--runs`) is said
/// to be not found; it never keeps the others waiting for ever.
fn every_mutant(asked: &Asked) -> bool {
    let most = if asked.runs == u64::MAX {
        HISTORIES_MAX
    } else {
        asked.runs
    };
    // `--drops` looks only for those of drops, `--trade` only for those of a richer trade.
    let of = |mutants: &'static [(&str, &str)], only: Option<&'static str>| {
        mutants.iter().map(move |(name, mistake)| (*name, *mistake, only))
    };
    let (drops, trade) = (
        of(mutants::OF_DROPS, Some("--drops")),
        of(mutants::OF_TRADE, Some("--trade")),
    );
    let all: Vec<_> = match (asked.drops, asked.trade) {
        (true, _) => drops.collect(),
        (_, true) => trade.collect(),
        _ => of(mutants::MUTANTS, None).chain(drops).chain(trade).collect(),
    };
    let (next, rows) = (AtomicU64::new(0), Mutex::new(BTreeMap::new()));
    let worker = || {
        loop {
            let number = usize::try_from(next.fetch_add(1, Ordering::SeqCst)).expect("few");
            let Some((name, _, only)) = all.get(number) else {
                return;
            };
            let found = found(name, asked.first, most, *only);
            eprintln!(
                "{name}: {}",
                found
                    .as_ref()
                    .map_or("NOT FOUND".to_owned(), |(seed, _)| seed.to_string())
            );
            rows.lock().expect("no worker panics").insert(number, found);
        }
    };
    std::thread::scope(|scope| (0..asked.threads).for_each(|_| drop(scope.spawn(worker))));
    let rows = rows.into_inner().expect("no worker panics");
    println!("| mutant | the mistake | found by history | as |\n|---|---|---|---|");
    for (number, found) in &rows {
        let (name, mistake, _) = all[*number];
        let (seed, how) = match found {
            Some((seed, how)) => (seed.to_string(), how.as_str()),
            None => (format!("**NOT FOUND** in {most}"), ""),
        };
        println!("| {name} | {mistake} | {seed} | {how} |");
    }
    let mut seeds: Vec<u64> = rows.values().flatten().map(|(seed, _)| *seed).collect();
    seeds.sort_unstable();
    println!(
        "{} of {} found; half of them by history {}, the last by {}",
        seeds.len(),
        rows.len(),
        seeds.get(seeds.len() / 2).copied().unwrap_or_default(),
        seeds.last().copied().unwrap_or_default()
    );
    seeds.len() == rows.len()
}

/// One history, twice: it must be the same.
fn one(asked: &Asked, seed: u64) -> bool {
    let ground = Ground::lay().expect("a shop");
    let first = live(&ground, &asked.history(seed));
    let quiet = History {
        loud: false,
        keep: None,
        ..asked.history(seed)
    };
    let again = live(&ground, &quiet);
    assert_eq!(first.trace, again.trace, "seed {seed} does not repeat itself");
    println!("{first:#?}");
    if !first.violations.is_empty() {
        report(&ground, &quiet, &first);
    }
    first.violations.is_empty()
}

fn many(asked: &Asked) -> bool {
    let since = Instant::now();
    let (next, broken) = (AtomicU64::new(asked.first), AtomicBool::new(false));
    let last = asked.first.saturating_add(asked.runs);
    let limit = Duration::from_secs(asked.seconds);
    let worker = || {
        let ground = Ground::lay().expect("a shop");
        let mut sum = Outcome::default();
        let mut histories = 0u64;
        while !broken.load(Ordering::SeqCst) && since.elapsed() < limit {
            let seed = next.fetch_add(1, Ordering::SeqCst);
            if seed >= last {
                break;
            }
            if asked.drops && !world::has_drops(seed) || asked.trade && !world::has_trade(seed) {
                continue;
            }
            let history = asked.history(seed);
            let outcome = live(&ground, &history);
            histories += 1;
            sum.checkouts += outcome.checkouts;
            sum.orders += outcome.orders;
            sum.faults += outcome.faults;
            sum.crashes += outcome.crashes;
            sum.asks += outcome.asks;
            sum.troubled += outcome.troubled;
            if !outcome.violations.is_empty() {
                let first = !broken.swap(true, Ordering::SeqCst);
                if asked.brief {
                    println!("broken {seed} {}", outcome.violations[0].replace('|', "/"));
                } else if first {
                    report(&ground, &history, &outcome);
                }
                sum.violations.extend(outcome.violations);
            }
        }
        (histories, sum)
    };
    let done: Vec<(u64, Outcome)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..asked.threads).map(|_| scope.spawn(worker)).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("a worker ends"))
            .collect()
    });
    let sum = |figure: fn(&Outcome) -> u64| done.iter().map(|(_, outcome)| figure(outcome)).sum::<u64>();
    let histories: u64 = done.iter().map(|(histories, _)| histories).sum();
    let (checkouts, took) = (sum(|outcome| outcome.checkouts), since.elapsed().as_secs_f64());
    println!(
        "{histories} histories, {} orders, {} crashes, {} requests to processors, {} of them troubled, {:.0} checkouts/s",
        sum(|outcome| outcome.orders),
        sum(|outcome| outcome.crashes),
        sum(|outcome| outcome.asks),
        sum(|outcome| outcome.troubled),
        checkouts as f64 / took
    );
    let violations: usize = done.iter().map(|(_, outcome)| outcome.violations.len()).sum();
    println!(
        "simulated {checkouts} checkouts, {} faults, violations: {violations}",
        sum(|outcome| outcome.faults) + sum(|outcome| outcome.crashes)
    );
    violations == 0
}

/// Says what broke, and with how few steps it still does.
fn report(ground: &Ground, history: &History, outcome: &Outcome) {
    println!("seed {} breaks:", history.seed);
    for violation in &outcome.violations {
        println!("  {violation}");
    }
    let small = shrunk(ground, history, outcome);
    let left = (0..small.steps).filter(|step| !small.without.contains(step));
    println!("it still breaks with these steps only: {:?}", left.collect::<Vec<_>>());
    let loud = History { loud: true, ..small };
    let last = live(ground, &loud);
    println!("then: {:?}", last.violations);
}

/// Leaves out ever smaller stretches of steps while it still breaks in the same way.
fn shrunk(ground: &Ground, history: &History, outcome: &Outcome) -> History {
    let kind = |violation: &String| {
        violation
            .chars()
            .filter(|letter| letter.is_alphabetic())
            .take(12)
            .collect::<String>()
    };
    let kinds: BTreeSet<String> = outcome.violations.iter().map(kind).collect();
    let mut small = history.clone();
    let mut stretch = small.steps / 2;
    let mut tries = 0;
    while stretch > 0 && tries < 600 {
        let mut from = 0;
        while from < small.steps && tries < 600 {
            let mut fewer = small.clone();
            fewer.without.extend(from..(from + stretch).min(small.steps));
            if fewer.without.len() > small.without.len() {
                tries += 1;
                if live(ground, &fewer)
                    .violations
                    .iter()
                    .any(|violation| kinds.contains(&kind(violation)))
                {
                    small = fewer;
                }
            }
            from += stretch;
        }
        stretch /= 2;
    }
    small
}
