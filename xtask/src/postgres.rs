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
    let folder = std::env::temp_dir().join(format!("hawker-postgres-{}", std::process::id()));
    let data = folder.join("data");
    let port = free_port()?;
    runner.janitor.remember(&format!("rm -rf -- '{}'", folder.display()));
    // PostgreSQL refuses to run as root, so root runs it as the user the Debian package made.
    let mut make = Command::new("install");
    make.args(["-d", "-m", "0700"])
        .args(if as_root { &["-o", "postgres"][..] } else { &[] })
        .arg(&folder);
    runner.prepare("postgres-folder", make, 1)?;
    let mut init = postgres_program(bin, "initdb", as_root);
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
        if as_root { "runuser -u postgres -- " } else { "" },
        bin.join("pg_ctl").display(),
        data.display()
    ));
    let options = format!(
        "-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories='{}' -c max_connections=300",
        folder.display()
    );
    let mut ctl = postgres_program(bin, "pg_ctl", as_root);
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

fn postgres_program(bin: &Path, name: &str, as_root: bool) -> Command {
    let program = bin.join(name);
    let mut command = if as_root {
        Command::new("runuser")
    } else {
        Command::new(&program)
    };
    if as_root {
        command.args(["-u", "postgres", "--"]).arg(&program);
    }
    // The user postgres may not enter the folder we were started in.
    command.current_dir(std::env::temp_dir());
    command
}

fn free_port() -> Result<u16, String> {
    let listener =
        TcpListener::bind(("127.0.0.1", 0)).map_err(|error| format!("no free port on 127.0.0.1: {error}"))?;
    Ok(listener.local_addr().map_err(|error| error.to_string())?.port())
}
