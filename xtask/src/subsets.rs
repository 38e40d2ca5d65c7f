//! The table of contents of the test command: its parts, their order, and what each needs.
//!
//! A part is listed only when its files exist, so a young repository has a short list. The name of a subset chooses all
//! parts that begin with it: `browser` is `browser-sqlite` and `browser-postgres`.

use std::path::Path;
use std::process::Command;

use crate::needs::{Need, Needs};
use crate::places::Places;
use crate::run::Runner;
use crate::tally::Reading;

pub const NAMES: &[&str] = &[
    "tidy",
    "fmt",
    "clippy",
    "unit",
    "integration-sqlite",
    "integration-postgres",
    "faults",
    "kill",
    "replicas",
    "powercut",
    "sim",
    "js",
    "browser",
    "peers",
    "deny",
];

/// Tests in `tests/it/` that break the machine under the real program, kill it, or cut the power of disk images; they have subsets of their own.
const FAULTS: &str = "faults::";
const KILL: &str = "kill9_";
/// Several servers of one database, and a NATS between them.
const REPLICAS: &str = "replicas::";
const POWER_CUT: &str = "powercut_";

/// Stories at a time: they wait for jobs, letters and clocks most of theirs.
const AT_ONCE: &str = "--test-threads=6";

pub struct Part {
    pub name: String,
    pub needs: Vec<Need>,
    /// Used if it can be had: the part runs without it and tests less.
    pub wishes: Vec<Need>,
    pub reading: Reading,
    /// After so many minutes it is stopped and has failed.
    pub minutes: u64,
    pub command: Box<dyn Fn(&Needs<'_>) -> Command>,
}

pub fn is_known(name: &str) -> bool {
    NAMES.iter().any(|subset| begins(name, subset) || begins(subset, name))
}

/// The parts that exist and were chosen; nothing chosen means all.
pub fn present(places: &Places, chosen: &[String]) -> Vec<Part> {
    let mut parts = checks(places);
    parts.extend(integration(places));
    parts.extend(simulation(places));
    parts.extend(scripts(places));
    parts.extend(browser(places));
    parts.extend(peers(places));
    parts.extend(deny(places));
    parts.retain(|part| chosen.is_empty() || chosen.iter().any(|name| begins(&part.name, name)));
    parts
}

/// `peers-stripe` begins with `peers` and with itself, not with `peer`.
fn begins(name: &str, with: &str) -> bool {
    name.strip_prefix(with)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

fn checks(places: &Places) -> Vec<Part> {
    let all = ["--workspace", "--locked"];
    let mut parts = Vec::new();
    if places.has("tidy/Cargo.toml") {
        parts.push(cargo(
            "tidy",
            Reading::Own,
            vec!["run", "--quiet", "--locked", "--package", "tidy"],
        ));
    }
    parts.push(cargo("fmt", Reading::Whole, vec!["fmt", "--all", "--check"]));
    let clippy = [&["clippy"], &all[..], &["--all-targets", "--", "--deny", "warnings"]].concat();
    parts.push(cargo("clippy", Reading::Whole, clippy));
    let unit = [
        &["test"],
        &all[..],
        &["--lib", "--bins", "--no-fail-fast", "--", AT_ONCE],
    ]
    .concat();
    let mut unit = cargo("unit", Reading::Cargo, unit);
    unit.wishes.push(Need::Postgres);
    parts.push(unit);
    parts
}

fn cargo(name: &str, reading: Reading, words: Vec<&'static str>) -> Part {
    Part {
        name: name.to_owned(),
        needs: Vec::new(),
        wishes: Vec::new(),
        reading,
        minutes: 40,
        command: Box::new(move |needs| {
            let mut cargo = needs.runner().cargo();
            cargo.args(&words);
            needs.environment(&mut cargo);
            cargo
        }),
    }
}

/// The stories, and apart from them what kills: each on the engines it is about.
fn integration(places: &Places) -> Vec<Part> {
    if !places.has("tests/it/main.rs") {
        return Vec::new();
    }
    let mut parts = Vec::new();
    for engine in ["sqlite", "postgres"] {
        let words = vec![
            "--skip", FAULTS, "--skip", KILL, "--skip", REPLICAS, "--skip", POWER_CUT, AT_ONCE,
        ];
        let needs = [engine_needs(engine), vec![Need::Ffmpeg]].concat();
        parts.push(stories(format!("integration-{engine}"), engine, needs, words));
    }
    if places.has("tests/it/faults.rs") {
        for engine in ["sqlite", "postgres"] {
            let needs = [engine_needs(engine), vec![Need::Release]].concat();
            let mut part = stories(format!("faults-{engine}"), engine, needs, vec![FAULTS, "--nocapture"]);
            part.wishes.extend([Need::Strace, Need::Faketime]);
            parts.push(part);
        }
    }
    let one_by_one = |word| vec![word, "--test-threads=1", "--nocapture"];
    if mentioned_in_tests(places, KILL) {
        for engine in ["sqlite", "postgres"] {
            let needs = [engine_needs(engine), vec![Need::Release]].concat();
            parts.push(stories(format!("kill-{engine}"), engine, needs, one_by_one(KILL)));
        }
    }
    if places.has("tests/it/replicas.rs") {
        let needs = vec![Need::Postgres, Need::Nats, Need::Release];
        parts.push(stories("replicas".to_owned(), "postgres", needs, one_by_one(REPLICAS)));
    }
    if mentioned_in_tests(places, POWER_CUT) {
        parts.push(stories(
            "powercut".to_owned(),
            "sqlite",
            vec![Need::LoopMounts, Need::Release],
            one_by_one(POWER_CUT),
        ));
    }
    parts
}

fn engine_needs(engine: &str) -> Vec<Need> {
    if engine == "postgres" {
        vec![Need::Postgres]
    } else {
        Vec::new()
    }
}

fn stories(name: String, engine: &'static str, needs: Vec<Need>, words: Vec<&'static str>) -> Part {
    let mounts = needs.contains(&Need::LoopMounts);
    let command = move |needs: &Needs<'_>| {
        let mut command = needs.runner().cargo();
        if mounts {
            // In a mount namespace of its own, so that no image stays mounted whatever happens.
            command = in_own_mounts(&command);
        }
        command
            .args(["test", "--locked", "--package", "hawker", "--test", "it", "--"])
            .args(&words);
        needs.environment(&mut command);
        command.env("HAWKER_TEST_ENGINE", engine);
        for (setting, usual) in [("HAWKER_KILLS", "20"), ("HAWKER_POWERCUTS", "5")] {
            command.env(setting, std::env::var_os(setting).unwrap_or_else(|| usual.into()));
        }
        command
    };
    Part {
        name,
        needs,
        wishes: Vec::new(),
        reading: Reading::Cargo,
        minutes: 40,
        command: Box::new(command),
    }
}

/// The simulator for a check, with less work than a release.
const SIMULATOR: &[&str] = &[
    "test",
    "--profile",
    "sim",
    "--locked",
    "--package",
    "hawker",
    "--features",
    "sim",
    "--test",
    "sim",
];

/// The simulator for long runs, built for speed; what follows are its own words.
pub fn simulator(runner: &Runner<'_>) -> Command {
    let mut command = without_giving_back(runner.cargo());
    command.args(["test", "--release"]).args(&SIMULATOR[3..]).arg("--");
    command
}

/// A disk in memory comes and goes with every history: the system need not have it back in between.
fn without_giving_back(mut command: Command) -> Command {
    command.env("MIMALLOC_PURGE_DELAY", "-1");
    command
}

fn simulation(places: &Places) -> Vec<Part> {
    if !places.has("tests/sim/main.rs") {
        return Vec::new();
    }
    let command = |needs: &Needs<'_>| {
        let mut command = without_giving_back(needs.runner().cargo());
        command.args(SIMULATOR).args(["--", "--check", "--seconds", "60"]);
        command
    };
    vec![Part {
        name: "sim".to_owned(),
        needs: Vec::new(),
        wishes: Vec::new(),
        reading: Reading::Own,
        minutes: 30,
        command: Box::new(command),
    }]
}

fn in_own_mounts(inner: &Command) -> Command {
    let mut outer = Command::new("unshare");
    outer.arg("--mount").arg(inner.get_program());
    outer.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(folder) = inner.get_current_dir() {
        outer.current_dir(folder);
    }
    outer
}

fn mentioned_in_tests(places: &Places, prefix: &str) -> bool {
    let says = |path: &Path| std::fs::read_to_string(path).is_ok_and(|text| text.contains(&format!("fn {prefix}")));
    places.files_below("tests/it", ".rs").iter().any(|path| says(path))
}

/// Types by tsc and unit tests by node, of the player and of the studio's behaviours.
fn scripts(places: &Places) -> Vec<Part> {
    let mut parts = Vec::new();
    for folder in ["sdk", "web"] {
        if places.has(&format!("{folder}/tsconfig.json")) {
            let words = vec!["--project".into(), folder.into()];
            parts.push(program(
                format!("js-{folder}-types"),
                "tsc",
                words,
                vec![Need::Node],
                Reading::Whole,
            ));
        }
        let tests = places.files(&format!("{folder}/test"), ".test.mjs");
        if !tests.is_empty() {
            parts.push(program(
                format!("js-{folder}"),
                "node",
                node_test(&tests),
                vec![Need::Node],
                Reading::Node,
            ));
        }
    }
    parts
}

/// Stories in Chromium against the release binary, one after the other: they share two cores with the server.
fn browser(places: &Places) -> Vec<Part> {
    let stories = places.files("tests/browser", ".mjs");
    if stories.is_empty() {
        return Vec::new();
    }
    let on = |engine: &'static str| {
        let needs = [
            vec![Need::Node, Need::Chromium, Need::Ffmpeg, Need::Release],
            engine_needs(engine),
        ]
        .concat();
        let mut part = program(
            format!("browser-{engine}"),
            "node",
            node_test(&stories),
            needs,
            Reading::Node,
        );
        let plain = part.command;
        part.command = Box::new(move |needs| {
            let mut command = plain(needs);
            command.env("HAWKER_TEST_ENGINE", engine);
            command
        });
        part
    };
    vec![on("sqlite"), on("postgres")]
}

/// Each file directly in `tests/peers/` is a program that prints `N passed, N failed`; what they share lies in folders below.
fn peers(places: &Places) -> Vec<Part> {
    let mut parts = Vec::new();
    for (ending, runs, peer) in [(".py", "python3", Need::Python), (".mjs", "node", Need::Node)] {
        for path in places.files("tests/peers", ending) {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let mut needs = vec![peer, Need::Release];
            needs.extend(if peer == Need::Python {
                [Need::Hledger, Need::Ledger]
            } else {
                [Need::Chromium, Need::Ffmpeg]
            });
            parts.push(program(
                format!("peers-{name}"),
                runs,
                vec![path.into_os_string()],
                needs,
                Reading::Own,
            ));
        }
    }
    parts
}

/// The advisories come over the network, so they are a part of their own: no network is no verdict.
fn deny(places: &Places) -> Vec<Part> {
    if !places.has("deny.toml") {
        return Vec::new();
    }
    let check = |name: &str, needs: &[Need], words: &'static [&'static str]| Part {
        name: name.to_owned(),
        needs: needs.to_vec(),
        wishes: Vec::new(),
        reading: Reading::Whole,
        minutes: 10,
        command: Box::new(move |needs| {
            let mut command = Command::new(needs.cargo_deny());
            command
                .args(["--workspace", "--all-features", "--locked", "check"])
                .args(words)
                .current_dir(&needs.places().root);
            command
        }),
    };
    vec![
        check("deny", &[Need::CargoDeny], &["bans", "licenses", "sources"]),
        check("deny-advisories", &[Need::CargoDeny, Need::Advisories], &["advisories"]),
    ]
}

fn node_test(files: &[std::path::PathBuf]) -> Vec<std::ffi::OsString> {
    // Playwright's closing and opening of pages have no limit of their own: a story that hangs is named, and the others go on.
    let flags = [
        "--test",
        "--test-reporter=spec",
        "--test-concurrency=1",
        "--test-timeout=180000",
    ]
    .map(Into::into);
    flags.into_iter().chain(files.iter().map(Into::into)).collect()
}

fn program(
    name: String,
    program: &'static str,
    words: Vec<std::ffi::OsString>,
    needs: Vec<Need>,
    reading: Reading,
) -> Part {
    let command = move |needs: &Needs<'_>| {
        let mut command = Command::new(program);
        command.args(&words).current_dir(&needs.places().root);
        needs.environment(&mut command);
        command
    };
    Part {
        name,
        needs,
        wishes: Vec::new(),
        reading,
        minutes: 20,
        command: Box::new(command),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subset_is_chosen_by_its_name_or_by_what_it_begins_with() {
        for name in [
            "unit",
            "integration",
            "integration-sqlite",
            "kill-postgres",
            "peers-stripe",
            "browser-sqlite",
        ] {
            assert!(is_known(name), "{name}");
        }
        for name in ["", "uni", "integration-", "everything"] {
            assert!(!is_known(name), "{name}");
        }
    }

    #[test]
    fn every_part_belongs_to_a_subset() {
        let places = Places::choose().unwrap();
        let parts = present(&places, &[]);
        assert!(parts.iter().all(|part| is_known(&part.name)));
        let only_unit = present(&places, &["unit".to_owned()]);
        assert_eq!(only_unit.len(), 1);
    }
}
