//! What the parts of the test command need, and how to get it.
//!
//! Debian packages are installed as root, or with sudo when asked by `--install`; otherwise they are named. Node and Python
//! peers go into folders of their own, from lock files. A need that this machine cannot meet makes a part *not run*, with
//! the reason; a set-up that was tried and broke makes it *failed*.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::places::Places;
use crate::postgres;
use crate::run::Runner;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    Node,
    Python,
    Chromium,
    Ffmpeg,
    Hledger,
    Ledger,
    Postgres,
    CargoDeny,
    /// The database of known holes, fetched now.
    Advisories,
    LoopMounts,
    /// Makes a system call of a running program fail.
    Strace,
    /// Lies to a program about the time of day.
    Faketime,
    /// Wakes replicas; a peer nobody here wrote.
    Nats,
    /// `target/release/hawker`.
    Release,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unmet {
    NotRun(String),
    Failed(String),
}

pub struct Needs<'a> {
    runner: &'a Runner<'a>,
    install: bool,
    is_root: bool,
    met: BTreeMap<Need, Result<(), Unmet>>,
    /// The address of the PostgreSQL server the tests use.
    postgres: Option<String>,
    is_built: bool,
}

const DENY_VERSION: &str = "0.20.2";
const NODE_MAJOR_MIN: u32 = 20;

impl<'a> Needs<'a> {
    pub fn new(runner: &'a Runner<'a>, install: bool) -> Self {
        let id = Command::new("id").arg("-u").output();
        let is_root = id.is_ok_and(|output| output.stdout.starts_with(b"0\n"));
        Self {
            runner,
            install,
            is_root,
            met: BTreeMap::new(),
            postgres: None,
            is_built: false,
        }
    }

    pub fn runner(&self) -> &Runner<'a> {
        self.runner
    }

    pub fn places(&self) -> &Places {
        self.runner.places
    }

    /// Installs, at once, what can be installed. Servers and builds wait until a part asks for them.
    pub fn install(&mut self, needs: impl Iterator<Item = Need>) {
        let mut needs: Vec<Need> = needs.collect();
        needs.sort();
        needs.dedup();
        let mut missing: Vec<&str> = needs.iter().flat_map(|need| missing_packages(*need)).collect();
        missing.sort_unstable();
        missing.dedup();
        let packages = if missing.is_empty() {
            Ok(())
        } else {
            self.install_packages(&missing)
        };
        for need in needs {
            let met = if missing_packages(need).is_empty() {
                self.install_one(need)
            } else {
                packages.clone()
            };
            self.met.insert(need, met);
        }
    }

    pub fn installed(&self) -> impl Iterator<Item = (&Need, &Result<(), Unmet>)> {
        self.met.iter()
    }

    /// Starts or builds what is not there yet. The first unmet need is the answer.
    pub fn meet_all(&mut self, needs: &[Need]) -> Result<(), Unmet> {
        for need in needs {
            self.met.get(need).cloned().unwrap_or(Ok(()))?;
            let started = match need {
                Need::Postgres if self.postgres.is_none() => self.start_postgres(),
                Need::Release if !self.is_built => self.build_release(),
                _ => Ok(()),
            };
            if let Err(reason) = started {
                self.met.insert(*need, Err(Unmet::Failed(reason.clone())));
                return Err(Unmet::Failed(reason));
            }
        }
        Ok(())
    }

    /// What the tests are told about this machine.
    pub fn environment(&self, command: &mut Command) {
        let tools = &self.places().tools;
        let mut path = vec![tools.join("python/bin"), tools.join("node/node_modules/.bin")];
        path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        if let Ok(path) = std::env::join_paths(path) {
            command.env("PATH", path);
        }
        if let Some(chromium) = chromium() {
            command.env("HAWKER_CHROMIUM", chromium);
        }
        if let Some(server) = nats_server() {
            command.env("HAWKER_NATS_SERVER", server);
        }
        command.env("HAWKER_BIN", self.places().target.join("release/hawker"));
        command
            .env("REDOCLY_TELEMETRY", "off")
            .env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
        if let Some(url) = &self.postgres {
            command.env("HAWKER_TEST_POSTGRES", url);
        }
    }

    pub fn cargo_deny(&self) -> PathBuf {
        let own = self.places().tools.join("bin/cargo-deny");
        if own.exists() { own } else { PathBuf::from("cargo-deny") }
    }

    fn install_packages(&self, missing: &[&str]) -> Result<(), Unmet> {
        let names = missing.join(" ");
        if find_program(&["apt-get"]).is_none() {
            return Err(Unmet::NotRun(format!(
                "this machine lacks (as Debian calls it): {names}"
            )));
        }
        if !self.is_root && !self.install {
            return Err(Unmet::NotRun(format!(
                "missing: {names}; give --install, or run `apt-get install {names}` as root"
            )));
        }
        let apt = |words: &[&str]| {
            let mut command = if self.is_root {
                Command::new("apt-get")
            } else {
                Command::new("sudo")
            };
            if !self.is_root {
                command.args(["--non-interactive", "apt-get"]);
            }
            command.args(words).env("DEBIAN_FRONTEND", "noninteractive");
            command
        };
        let updated = self.runner.prepare("apt-get update", apt(&["update"]), 10);
        let words: Vec<&str> = ["install", "--yes", "--no-install-recommends"]
            .into_iter()
            .chain(missing.iter().copied())
            .collect();
        updated
            .and_then(|()| self.runner.prepare("apt-get install", apt(&words), 20))
            .map_err(Unmet::Failed)
    }

    fn install_one(&self, need: Need) -> Result<(), Unmet> {
        match need {
            Need::Node => self.install_node(),
            Need::Python => self.install_python().map_err(Unmet::Failed),
            Need::CargoDeny => self.install_cargo_deny(),
            Need::Advisories => self.fetch_advisories(),
            Need::LoopMounts => self.probe_loop_mounts(),
            Need::Chromium
            | Need::Ffmpeg
            | Need::Hledger
            | Need::Ledger
            | Need::Postgres
            | Need::Strace
            | Need::Faketime
            | Need::Nats
            | Need::Release => Ok(()),
        }
    }

    fn install_node(&self) -> Result<(), Unmet> {
        let version = Command::new("node")
            .arg("--version")
            .output()
            .map_err(|error| Unmet::Failed(format!("node: {error}")))?;
        let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
        let major = version
            .trim_start_matches('v')
            .split('.')
            .next()
            .and_then(|major| major.parse::<u32>().ok());
        if major.is_none_or(|major| major < NODE_MAJOR_MIN) {
            return Err(Unmet::NotRun(format!(
                "Node {NODE_MAJOR_MIN} or newer is needed, this is {version}"
            )));
        }
        let folder = self.places().tools.join("node");
        let lock_files =
            ["package.json", "package-lock.json"].map(|name| self.places().root.join("tests/peers").join(name));
        let mut ci = Command::new("npm");
        // No scripts: what we install is only ever run by the tests that name it.
        ci.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(&folder);
        self.once_per_lock(&folder, &lock_files, "npm ci", vec![ci])
            .map_err(Unmet::Failed)?;
        link_node_modules(&self.places().root.join("node_modules"), &folder.join("node_modules")).map_err(Unmet::Failed)
    }

    fn install_python(&self) -> Result<(), String> {
        let folder = self.places().tools.join("python");
        let lock_file = self.places().root.join("tests/peers/requirements.txt");
        let mut make = Command::new("python3");
        make.args(["-m", "venv", "--clear"]).arg(&folder);
        let mut install = Command::new(folder.join("bin/pip"));
        install
            .args([
                "install",
                "--disable-pip-version-check",
                "--require-hashes",
                "--requirement",
            ])
            .arg(&lock_file);
        self.once_per_lock(&folder, &[lock_file], "pip install", vec![make, install])
    }

    /// Runs the commands in a folder that holds copies of the lock files, unless the last good run had the same ones.
    fn once_per_lock(
        &self,
        folder: &Path,
        lock_files: &[PathBuf],
        name: &str,
        commands: Vec<Command>,
    ) -> Result<(), String> {
        let said = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
        let mut wanted = String::new();
        for path in lock_files {
            wanted += &std::fs::read_to_string(path).map_err(|error| said(path, error))?;
        }
        let stamp = folder.join("installed.stamp");
        if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
            return Ok(());
        }
        std::fs::create_dir_all(folder).map_err(|error| said(folder, error))?;
        for path in lock_files {
            let copy = folder.join(path.file_name().unwrap_or_default());
            std::fs::copy(path, &copy).map_err(|error| said(&copy, error))?;
        }
        for command in commands {
            self.runner.prepare(name, command, 15)?;
        }
        std::fs::write(&stamp, wanted).map_err(|error| said(&stamp, error))
    }

    fn install_cargo_deny(&self) -> Result<(), Unmet> {
        if self.places().tools.join("bin/cargo-deny").exists() || find_program(&["cargo-deny"]).is_some() {
            return Ok(());
        }
        if !self.install {
            return Err(Unmet::NotRun(
                "cargo-deny is missing; `cargo xtask setup --install` builds it, which takes minutes".to_owned(),
            ));
        }
        let mut install = self.runner.cargo();
        let build = self.places().tools.join("cargo-deny-build");
        install
            .args(["install", "--locked", "--version", DENY_VERSION, "cargo-deny", "--root"])
            .arg(&self.places().tools);
        install.env("CARGO_TARGET_DIR", &build);
        let installed = self
            .runner
            .prepare("cargo install cargo-deny", install, 45)
            .map_err(Unmet::Failed);
        // Half a gigabyte nobody looks at again; if it stays, it only takes room.
        let _ = std::fs::remove_dir_all(build);
        installed
    }

    fn fetch_advisories(&self) -> Result<(), Unmet> {
        let mut fetch = Command::new(self.cargo_deny());
        fetch
            .args(["fetch", "db"])
            .current_dir(&self.places().root)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if fetch.status().is_ok_and(|status| status.success()) {
            return Ok(());
        }
        Err(Unmet::NotRun(
            "the advisory database cannot be fetched from here".to_owned(),
        ))
    }

    fn probe_loop_mounts(&self) -> Result<(), Unmet> {
        let works = |script: &str| {
            let status = Command::new("sh")
                .args(["-c", script])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            status.is_ok_and(|status| status.success())
        };
        let reason = if !self.is_root {
            "only root may mount the disk images it cuts the power of"
        } else if !works("unshare --mount true") {
            "this machine does not let root have a mount namespace"
        } else if !works("losetup --find") {
            "there is no free loop device"
        } else {
            return Ok(());
        };
        Err(Unmet::NotRun(reason.to_owned()))
    }

    fn start_postgres(&mut self) -> Result<(), String> {
        let given = std::env::var("HAWKER_TEST_POSTGRES").ok().filter(|url| !url.is_empty());
        let url = match given {
            Some(url) => url,
            None => {
                let bin = postgres::programs().ok_or("PostgreSQL's initdb is nowhere to be found")?;
                postgres::start(self.runner, &bin, self.is_root)?
            }
        };
        self.postgres = Some(url);
        Ok(())
    }

    fn build_release(&mut self) -> Result<(), String> {
        let mut build = self.runner.cargo();
        build.args([
            "build",
            "--release",
            "--locked",
            "--package",
            "hawker",
            "--bin",
            "hawker",
        ]);
        self.runner.prepare("cargo build --release", build, 60)?;
        self.is_built = true;
        Ok(())
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Node => "Node peers",
            Self::Python => "Python peers",
            Self::Chromium => "Chromium",
            Self::Ffmpeg => "ffmpeg",
            Self::Hledger => "hledger",
            Self::Ledger => "ledger",
            Self::Postgres => "PostgreSQL",
            Self::CargoDeny => "cargo-deny",
            Self::Advisories => "advisories",
            Self::LoopMounts => "loop mounts",
            Self::Strace => "strace",
            Self::Faketime => "libfaketime",
            Self::Nats => "NATS server",
            Self::Release => "release build",
        })
    }
}

/// The Debian packages a need lacks on this machine.
fn missing_packages(need: Need) -> Vec<&'static str> {
    let without = |program: &'static str, package: &'static str| find_program(&[program]).is_none().then_some(package);
    let missing = match need {
        Need::Node => vec![without("node", "nodejs"), without("npm", "npm")],
        Need::Python => {
            let venv = Command::new("python3")
                .args(["-c", "import venv, ensurepip"])
                .stderr(Stdio::null())
                .status();
            vec![
                without("python3", "python3"),
                (!venv.is_ok_and(|status| status.success())).then_some("python3-venv"),
            ]
        }
        Need::Chromium => vec![chromium().is_none().then_some("chromium")],
        Need::Ffmpeg => vec![without("ffmpeg", "ffmpeg")],
        Need::Hledger => vec![without("hledger", "hledger")],
        Need::Ledger => vec![without("ledger", "ledger")],
        Need::Postgres => {
            let there = std::env::var_os("HAWKER_TEST_POSTGRES").is_some() || postgres::programs().is_some();
            vec![(!there).then_some("postgresql")]
        }
        Need::Strace => vec![without("strace", "strace")],
        Need::Faketime => vec![without("faketime", "faketime")],
        Need::Nats => vec![nats_server().is_none().then_some("nats-server")],
        Need::LoopMounts => vec![without("mkfs.ext4", "e2fsprogs")],
        Need::CargoDeny | Need::Advisories | Need::Release => Vec::new(),
    };
    missing.into_iter().flatten().collect()
}

fn chromium() -> Option<PathBuf> {
    find_program(&["chromium", "chromium-browser", "google-chrome"])
}

/// One that was named, or Debian's.
fn nats_server() -> Option<PathBuf> {
    let named = std::env::var_os("HAWKER_NATS_SERVER").map(PathBuf::from);
    named
        .filter(|path| path.exists())
        .or_else(|| find_program(&["nats-server"]))
}

fn find_program(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .collect();
    names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|program| program.is_file())
}

/// Node looks for packages beside the script and upwards, so the root has a link to where they lie.
fn link_node_modules(link: &Path, target: &Path) -> Result<(), String> {
    if std::fs::read_link(link).is_ok_and(|there| there == target) {
        return Ok(());
    }
    let is_link = link.symlink_metadata().is_ok_and(|there| there.is_symlink());
    if is_link {
        std::fs::remove_file(link).map_err(|error| format!("{}: {error}", link.display()))?;
    } else if link.exists() {
        return Err("node_modules at the root is a folder of somebody else's; remove it and run again".to_owned());
    }
    std::os::unix::fs::symlink(target, link).map_err(|error| format!("{}: {error}", link.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_to_the_node_packages_is_made_once_and_moved_when_the_tools_move() {
        let base = std::env::temp_dir().join(format!("hawker-link-{}", std::process::id()));
        std::fs::create_dir_all(&base).unwrap();
        let link = base.join("node_modules");
        for target in ["a", "a", "b"] {
            link_node_modules(&link, Path::new(target)).unwrap();
            assert_eq!(std::fs::read_link(&link).unwrap(), Path::new(target));
        }
        std::fs::remove_file(&link).unwrap();
        std::fs::create_dir(&link).unwrap();
        assert!(link_node_modules(&link, Path::new("a")).is_err());
        std::fs::remove_dir_all(base).unwrap();
    }
}
