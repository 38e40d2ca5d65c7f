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
        for line in ended.output.lines().filter(|line| line.starts_with("not run: ")) {
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
        let kill_group = format!("kill -KILL -- -{}", child.id());
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
