//! How many tests passed, read from what each tool prints at its end.

use std::fmt;
use std::ops::AddAssign;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: u32,
    pub failed: u32,
    pub skipped: u32,
}

/// Whose output is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// A check without tests inside (fmt, clippy): it passes or fails as a whole.
    Whole,
    /// `cargo test`: one `test result:` line for each binary.
    Cargo,
    /// `node --test`: one line for each figure.
    Node,
    /// Our own programs: the last `N passed, N failed` line.
    Own,
}

impl Tally {
    pub const PASSED: Self = Self {
        passed: 1,
        failed: 0,
        skipped: 0,
    };
    pub const FAILED: Self = Self {
        passed: 0,
        failed: 1,
        skipped: 0,
    };
    pub const SKIPPED: Self = Self {
        passed: 0,
        failed: 0,
        skipped: 1,
    };

    pub fn ran(self) -> u32 {
        self.passed + self.failed
    }

    pub fn is_good(self) -> bool {
        self.failed == 0 && self.ran() > 0
    }

    /// What a finished program's output says. A failed exit is a failure even when no test admits to it; a program of ours
    /// that exits well without saying how much it tested has tested nothing, which is a failure too.
    pub fn read(reading: Reading, output: &str, succeeded: bool) -> Self {
        let mut tally = match reading {
            Reading::Whole => Self {
                passed: u32::from(succeeded),
                ..Self::default()
            },
            Reading::Cargo => cargo(output),
            Reading::Node => node(output),
            Reading::Own => own(output),
        };
        let silent = reading == Reading::Own && tally.ran() == 0 && tally.skipped == 0;
        if tally.failed == 0 && (!succeeded || silent) {
            tally.failed = 1;
        }
        tally
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

fn cargo(output: &str) -> Tally {
    let mut tally = Tally::default();
    for line in output.lines().filter(|line| line.starts_with("test result:")) {
        tally += Tally {
            passed: before(line, " passed"),
            failed: before(line, " failed"),
            skipped: before(line, " ignored"),
        };
    }
    tally
}

/// Node prints `ℹ pass 3` for people and `# pass 3` for machines.
fn node(output: &str) -> Tally {
    let figure = |name: &str| {
        let lines = output
            .lines()
            .rev()
            .filter_map(|line| line.strip_prefix("ℹ ").or_else(|| line.strip_prefix("# ")));
        lines
            .filter_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
            .next()
            .unwrap_or(0)
    };
    Tally {
        passed: figure("pass"),
        failed: figure("fail") + figure("cancelled"),
        skipped: figure("skipped") + figure("todo"),
    }
}

fn own(output: &str) -> Tally {
    let line = output
        .lines()
        .rev()
        .find(|line| line.contains(" passed, ") && line.contains(" failed"))
        .unwrap_or_default();
    Tally {
        passed: before(line, " passed"),
        failed: before(line, " failed"),
        skipped: before(line, " skipped"),
    }
}

/// The number directly before a word.
fn before(line: &str, word: &str) -> u32 {
    let digits = line
        .split_once(word)
        .map_or("", |(head, _)| head.rsplit(' ').next().unwrap_or_default());
    digits.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(passed: u32, failed: u32, skipped: u32) -> Tally {
        Tally {
            passed,
            failed,
            skipped,
        }
    }

    #[test]
    fn cargo_figures_are_added_over_binaries() {
        let output = "running 2 tests\ntest result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.1s\n\
                      test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out\n";
        assert_eq!(Tally::read(Reading::Cargo, output, false), tally(14, 3, 1));
    }

    #[test]
    fn node_figures_are_read_from_both_reporters() {
        assert_eq!(
            Tally::read(
                Reading::Node,
                "ℹ tests 5\nℹ pass 3\nℹ fail 1\nℹ cancelled 1\nℹ skipped 2\nℹ todo 0\n",
                false
            ),
            tally(3, 2, 2)
        );
        assert_eq!(Tally::read(Reading::Node, "# pass 4\n# fail 0\n", true), tally(4, 0, 0));
    }

    #[test]
    fn our_own_programs_say_it_in_their_last_line() {
        assert_eq!(
            Tally::read(
                Reading::Own,
                "1 passed, 0 failed\n7 passed, 0 failed, 2 skipped\n",
                true
            ),
            tally(7, 0, 2)
        );
    }

    #[test]
    fn a_failed_exit_is_a_failure_even_if_no_test_admits_it() {
        assert_eq!(
            Tally::read(Reading::Cargo, "error: could not compile", false),
            tally(0, 1, 0)
        );
        assert_eq!(Tally::read(Reading::Own, "4 passed, 0 failed", false), tally(4, 1, 0));
        assert_eq!(Tally::read(Reading::Whole, "", false), tally(0, 1, 0));
    }

    #[test]
    fn a_program_that_says_nothing_has_tested_nothing() {
        assert_eq!(Tally::read(Reading::Own, "all fine!", true), tally(0, 1, 0));
        assert!(!Tally::default().is_good());
    }
}
