//! Cleans up when this program ends, however it ends.
//!
//! A small shell in a process group of its own reads lines from a pipe whose other end only we hold. When the pipe closes
//! (we finished, panicked, got Ctrl-C or SIGKILL) it runs the clean-up commands still on its list, newest first.

use std::cell::RefCell;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};

const SCRIPT: &str = r#"
trap '' HUP INT QUIT TERM
list=
while IFS= read -r line; do
  command=${line#? }
  case $line in
    "+ "*) list="$command
$list" ;;
    "- "*) list=$(printf '%s\n' "$list" | grep -Fxv -e "$command") ;;
  esac
done
printf '%s\n' "$list" | while IFS= read -r command; do
  [ -z "$command" ] || sh -c "$command" </dev/null
done
"#;

pub struct Janitor {
    shell: RefCell<Child>,
    orders: RefCell<Option<ChildStdin>>,
}

impl Janitor {
    pub fn hire() -> Result<Self, String> {
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|error| format!("cannot start sh, which cleans up after the tests: {error}"))?;
        let orders = shell.stdin.take();
        Ok(Self {
            shell: RefCell::new(shell),
            orders: RefCell::new(orders),
        })
    }

    /// Run this shell command at the end, unless it is crossed out before.
    pub fn remember(&self, command: &str) {
        self.order('+', command);
    }

    pub fn cross_out(&self, command: &str) {
        self.order('-', command);
    }

    fn order(&self, sign: char, command: &str) {
        assert!(!command.contains('\n'), "one clean-up command is one line");
        if let Some(orders) = self.orders.borrow_mut().as_mut() {
            // Without its janitor a run would leave servers behind; better to stop now.
            assert!(
                writeln!(orders, "{sign} {command}").is_ok(),
                "the clean-up shell is gone"
            );
        }
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        self.orders.borrow_mut().take();
        if let Err(error) = self.shell.borrow_mut().wait() {
            eprintln!("the clean-up shell: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_done_newest_first_and_what_is_crossed_out_is_not() {
        let file = std::env::temp_dir().join(format!("hawker-janitor-{}", std::process::id()));
        let say = |word: &str| format!("echo {word} >> '{}'", file.display());
        let janitor = Janitor::hire().unwrap();
        janitor.remember(&say("one"));
        janitor.remember(&say("two"));
        janitor.remember(&say("three"));
        janitor.cross_out(&say("two"));
        assert!(!file.exists());
        drop(janitor);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "three\none\n");
        std::fs::remove_file(&file).unwrap();
    }
}
