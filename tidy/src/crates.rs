//! The crate tree stays small and free of libraries that need another tool chain than Rust's and C's.

use std::collections::BTreeSet;
use std::process::Command;

use crate::tree::{Finding, Tree};

/// How many crates the default build may take, Hawker included.
const MOST: usize = 299;
const SOURCE: &str = "registry+https://github.com/rust-lang/crates.io-index";
const BANNED: &[&str] = &["aws-lc-sys", "openssl-sys"];

pub fn tree(tree: &Tree) -> Vec<Finding> {
    let Some(lock) = tree.file("Cargo.lock") else {
        return Vec::new();
    };
    let mut findings: Vec<Finding> = banned(&lock.text)
        .map(|(line, name)| {
            lock.finding(
                line,
                format!("{name} came in; find who asks with `cargo tree -i {name}` and turn its default features off"),
            )
        })
        .collect();
    for (index, line) in lock
        .text
        .lines()
        .enumerate()
        .filter(|(_, line)| is_foreign_source(line))
    {
        findings.push(lock.finding(index + 1, format!("{line}: crates come from crates.io only")));
    }
    match default_tree("{p}") {
        Ok(crates) if crates.len() <= MOST => {}
        Ok(crates) => findings.push(lock.finding(
            1,
            format!(
                "{} crates in the default build, at most {MOST} are allowed; see `cargo tree -e normal,build`",
                crates.len()
            ),
        )),
        Err(error) => findings.push(lock.finding(1, format!("cargo tree failed: {error}"))),
    }
    findings
}

fn is_foreign_source(line: &str) -> bool {
    line.strip_prefix("source = \"")
        .is_some_and(|source| source.trim_end_matches('"') != SOURCE)
}

fn banned(lock: &str) -> impl Iterator<Item = (usize, &'static str)> {
    lock.lines().enumerate().filter_map(|(index, line)| {
        let name = line.strip_prefix("name = \"")?.strip_suffix('"')?;
        Some((index + 1, *BANNED.iter().find(|banned| **banned == name)?))
    })
}

/// Each crate that `cargo build` compiles on this machine, once, as `cargo tree` formats it.
pub fn default_tree(format: &str) -> std::io::Result<BTreeSet<String>> {
    let listed = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--package",
            "hawker",
            "--edges",
            "normal,build",
            "--prefix",
            "none",
            "--format",
            format,
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()?;
    if !listed.status.success() {
        return Err(std::io::Error::other(
            String::from_utf8_lossy(&listed.stderr).into_owned(),
        ));
    }
    Ok(lines(&String::from_utf8_lossy(&listed.stdout)))
}

/// Cargo marks a crate it has shown before with `(*)`.
fn lines(listed: &str) -> BTreeSet<String> {
    listed
        .lines()
        .map(|line| line.trim_end_matches(" (*)").to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_banned_crate_is_found_with_its_line() {
        let lock =
            "[[package]]\nname = \"ring\"\n\n[[package]]\nname = \"aws-lc-sys\"\ndependencies = [\n \"cc\",\n]\n";
        assert_eq!(banned(lock).collect::<Vec<_>>(), [(5, "aws-lc-sys")]);
        assert_eq!(banned("dependencies = [\n \"openssl-sys\",\n]\n").count(), 0);
    }

    #[test]
    fn a_crate_from_elsewhere_is_found() {
        assert!(is_foreign_source("source = \"git+https://example.org/x#1\""));
        assert!(!is_foreign_source(&format!("source = \"{SOURCE}\"")));
        assert!(!is_foreign_source("name = \"source\""));
    }

    #[test]
    fn crates_are_counted_once_per_version() {
        let listed = "hawker v0.1.0 (somewhere)\naxum v0.8.9\nbytes v1.0.0\nbytes v1.0.0 (*)\nbytes v2.0.0\n\n";
        assert_eq!(lines(listed).len(), 4);
    }

    #[test]
    fn this_repository_keeps_to_it() {
        assert_eq!(tree(&Tree::read().unwrap()), []);
        assert!(default_tree("{p}").unwrap().len() > 100);
    }
}
