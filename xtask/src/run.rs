//! Runs one program: a line when it starts, its time when it ends, its output only if it failed.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::janitor::Janitor;
use crate::places::Places;
use crate::tally::{Reading, Tally};

/// How much of a failed program's output is shown; the whole is in its log.
const LINES_SHOWN: usize = 400;

pub struct Runner<'a> {
    pub places: &'a Places,
    pub janitor: &'a Janitor,
}

struct Ended {
    output: String,
    succeeded: bool,
    log: PathBuf,
}

impl<'a> Runner<'a> {
    pub fn new(places: &'a Places, janitor: &'a Janitor) -> Self {
        Self { places, janitor }
    }

    /// `cargo` as it called us, building where `Places` says, in plain text.
    pub fn cargo(&self) -> Command {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .current_dir(&self.places.root)
            .env("CARGO_TARGET_DIR", &self.places.target)
            .env("CARGO_TERM_COLOR", "never");
        if self.places.is_ci {
            cargo.env("CARGO_INCREMENTAL", "0");
        }
        cargo
    }

    pub fn run(&self, name: &str, command: Command, reading: Reading, minutes: u64) -> Tally {
        println!("== {name}");
        let started = Instant::now();
        let ended = match self.execute(name, command, minutes) {
            Ok(ended) => ended,
            Err(reason) => {
                println!("FAILED: {name}: {reason}");
                return Tally::FAILED;
            }
        };
        let mut tally = Tally::read(reading, &ended.output, ended.succeeded);
        for line in ended.output.lines().filter_map(not_run) {
            println!("{line}");
            tally.skipped += 1;
        }
        if tally.failed > 0 {
            show(&ended);
        }
        let verdict = if tally.failed > 0 { "FAILED" } else { "ok" };
        println!(
            "   {name}: {verdict}, {tally}, {:.1} s",
            started.elapsed().as_secs_f64()
        );
        tally
    }

    /// A step of the set-up: counts for nothing unless it fails.
    pub fn prepare(&self, name: &str, command: Command, minutes: u64) -> Result<(), String> {
        println!("== {name}");
        let started = Instant::now();
        let ended = self.execute(name, command, minutes)?;
        println!("   {name}: {:.1} s", started.elapsed().as_secs_f64());
        if ended.succeeded {
            return Ok(());
        }
        show(&ended);
        Err(format!("{name} failed"))
    }

    fn execute(&self, name: &str, mut command: Command, minutes: u64) -> Result<Ended, String> {
        let log = self.places.logs.join(format!("{}.log", name.replace([' ', '/'], "-")));
        let file = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        let same_file = file
            .try_clone()
            .map_err(|error| format!("{}: {error}", log.display()))?;
        command
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(same_file)
            .process_group(0)
            .env("NO_COLOR", "1");
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .spawn()
            .map_err(|error| format!("cannot start {program}: {error}"))?;
        let kill_group = kill_group(child.id());
        self.janitor.remember(&kill_group);
        let in_time = wait(&mut child, Duration::from_secs(60 * minutes));
        // Also after a good end: a server some test forgot would slow down everything that follows.
        let killed = Command::new("sh")
            .args(["-c", &kill_group])
            .stderr(Stdio::null())
            .status();
        killed.map_err(|error| format!("cannot start sh: {error}"))?;
        let status = child.wait().map_err(|error| format!("{program}: {error}"))?;
        self.janitor.cross_out(&kill_group);
        let mut output = std::fs::read(&log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default();
        if !in_time {
            output.push_str(&format!("\nstopped: not done after {minutes} minutes\n"));
        }
        Ok(Ended {
            output,
            succeeded: in_time && status.success(),
            log,
        })
    }
}

/// A test that finds it cannot run here says `not run: NAME: reason`; cargo has begun the line already.
fn not_run(line: &str) -> Option<&str> {
    let said = line
        .strip_prefix("test ")
        .and_then(|line| line.split_once(" ... "))
        .map_or(line, |(_, said)| said);
    said.starts_with("not run: ").then_some(said)
}

/// A shell's words for ending a process group. Not every shell takes `--` after `-KILL`.
fn kill_group(leader: u32) -> String {
    format!("kill -s KILL -- -{leader}")
}

/// False when the time ran out first.
fn wait(child: &mut Child, limit: Duration) -> bool {
    let started = Instant::now();
    while started.elapsed() < limit {
        if !matches!(child.try_wait(), Ok(None)) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

fn show(ended: &Ended) {
    let lines: Vec<&str> = ended.output.lines().collect();
    let hidden = lines.len().saturating_sub(LINES_SHOWN);
    if hidden > 0 {
        println!("… {hidden} lines before these are in {}", ended.log.display());
    }
    for line in &lines[hidden..] {
        println!("{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_cannot_run_here_is_heard() {
        assert_eq!(not_run("not run: axe: no display"), Some("not run: axe: no display"));
        assert_eq!(
            not_run("test powercut_sqlite ... not run: powercut: no loop device"),
            Some("not run: powercut: no loop device")
        );
        assert_eq!(not_run("test it_was_not_run: x ... ok"), None);
    }

    #[test]
    fn what_a_program_started_dies_with_us() {
        let mut sh = Command::new("sh");
        let leader = sh
            .args(["-c", "sleep 600 & wait"])
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let janitor = Janitor::hire().unwrap();
        janitor.remember(&kill_group(leader.id()));
        drop(janitor);
        // The pipe ends when the last process that holds it is gone, the sleeper too.
        assert!(!leader.wait_with_output().unwrap().status.success());
    }

    #[test]
    fn a_program_is_stopped_when_its_time_is_up_and_told_from_one_that_ends() {
        let mut quick = Command::new("true").spawn().unwrap();
        assert!(wait(&mut quick, Duration::from_secs(60)));
        let mut slow = Command::new("sleep").arg("60").spawn().unwrap();
        assert!(!wait(&mut slow, Duration::from_millis(50)));
        slow.kill().unwrap();
        slow.wait().unwrap();
    }
}
