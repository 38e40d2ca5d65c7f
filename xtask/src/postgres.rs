//! A PostgreSQL cluster of our own: in a temporary folder, on a socket and a free loopback port, gone when we are.
//!
//! Durable as in production (fsync on), because the tests kill servers. Everybody on this machine may connect while the tests
//! run; nothing else may.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::Runner;

/// Starts a cluster from the programs in `bin` and returns its address. The janitor stops it and removes its folder.
pub fn start(runner: &Runner<'_>, bin: &Path, as_root: bool) -> Result<String, String> {
    // PostgreSQL refuses to run as root, so root lends it another user, who can enter the common folder for sure.
    let user = as_root.then(other_user);
    let base = if as_root {
        PathBuf::from("/tmp")
    } else {
        std::env::temp_dir()
    };
    let folder = base.join(format!("hawker-postgres-{}", std::process::id()));
    let data = folder.join("data");
    let port = free_port()?;
    runner.janitor.remember(&format!("rm -rf -- '{}'", folder.display()));
    let mut make = Command::new("install");
    make.args(["-d", "-m", "0700"])
        .args(user.iter().flat_map(|user| ["-o", user]))
        .arg(&folder);
    runner.prepare("postgres-folder", make, 1)?;
    let mut init = postgres_program(bin, "initdb", user);
    init.args([
        "--username=postgres",
        "--auth=trust",
        "--encoding=UTF8",
        "--no-locale",
        "--pgdata",
    ])
    .arg(&data);
    runner.prepare("postgres-initdb", init, 5)?;
    runner.janitor.remember(&format!(
        "{}'{}' -D '{}' -m immediate stop",
        user.map_or_else(String::new, |user| format!("runuser -u {user} -- ")),
        bin.join("pg_ctl").display(),
        data.display()
    ));
    let options = format!(
        "-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories='{}' -c max_connections=300",
        folder.display()
    );
    let mut ctl = postgres_program(bin, "pg_ctl", user);
    ctl.arg("-D")
        .arg(&data)
        .args(["-w", "-t", "60", "-l"])
        .arg(folder.join("log"))
        .args(["-o", &options, "start"]);
    runner.prepare("postgres-start", ctl, 2)?;
    Ok(format!("postgres://postgres@127.0.0.1:{port}/postgres"))
}

/// Debian keeps the server's programs outside `PATH`; the newest version wins.
pub fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|path| Some((path.file_name()?.to_str()?.parse().ok()?, path.join("bin"))))
        .filter(|(_, bin)| bin.join("initdb").exists())
        .collect();
    found.sort();
    let in_path = std::env::var_os("PATH")
        .and_then(|path| std::env::split_paths(&path).find(|folder| folder.join("initdb").exists()));
    found.pop().map(|(_, bin)| bin).or(in_path)
}

fn postgres_program(bin: &Path, name: &str, user: Option<&str>) -> Command {
    let program = bin.join(name);
    let mut command = match user {
        Some(user) => {
            let mut command = Command::new("runuser");
            command.args(["-u", user, "--"]).arg(program);
            command
        }
        None => Command::new(program),
    };
    // That user may not enter the folder we were started in.
    command.current_dir("/");
    command
}

/// The user the Debian package made, or one that every machine has.
fn other_user() -> &'static str {
    let known = Command::new("id").args(["-u", "postgres"]).output();
    if known.is_ok_and(|known| known.status.success()) {
        "postgres"
    } else {
        "nobody"
    }
}

fn free_port() -> Result<u16, String> {
    let listener =
        TcpListener::bind(("127.0.0.1", 0)).map_err(|error| format!("no free port on 127.0.0.1: {error}"))?;
    Ok(listener.local_addr().map_err(|error| error.to_string())?.port())
}
