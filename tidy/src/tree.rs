//! The files under the rules: what git tracks or would track, read once.

use std::io::{Error, Result};
use std::path::Path;
use std::process::Command;

pub struct File {
    /// Relative to the root, with `/`.
    pub path: String,
    /// Empty for pictures, films and other files that are not UTF-8.
    pub text: String,
}

pub struct Tree {
    pub files: Vec<File>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    pub path: String,
    pub line: usize,
    pub message: String,
}

impl Tree {
    /// The repository this program was built from. New files count before they are added, deleted ones no longer.
    pub fn read() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(&root)
            .output()?;
        if !listed.status.success() {
            return Err(Error::other(String::from_utf8_lossy(&listed.stderr).into_owned()));
        }
        let mut files = Vec::new();
        for path in String::from_utf8_lossy(&listed.stdout)
            .split('\0')
            .filter(|path| !path.is_empty())
        {
            let on_disk = root.join(path);
            if on_disk.is_file() {
                let text = String::from_utf8(std::fs::read(on_disk)?).unwrap_or_default();
                files.push(File {
                    path: path.to_owned(),
                    text,
                });
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files.dedup_by(|a, b| a.path == b.path);
        Ok(Self { files })
    }

    #[cfg(test)]
    pub fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| File {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        });
        Self { files: files.collect() }
    }

    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Files below a folder (`"src/"`) whose names end so (`".rs"`).
    pub fn under<'a>(&'a self, folder: &'a str, ending: &'a str) -> impl Iterator<Item = &'a File> {
        self.files
            .iter()
            .filter(move |file| file.path.starts_with(folder) && file.path.ends_with(ending))
    }

    /// The modules of the application in dependency order: the `mod` lines of `src/lib.rs`.
    pub fn modules(&self) -> Vec<String> {
        let text = self.file("src/lib.rs").map_or("", |file| &file.text);
        text.lines().filter_map(declared_module).collect()
    }
}

impl File {
    pub fn finding(&self, line: usize, message: impl Into<String>) -> Finding {
        Finding {
            path: self.path.clone(),
            line,
            message: message.into(),
        }
    }

    /// The application module a file under `src/` belongs to; the crate's own root files belong to none.
    pub fn module(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        match inside.split_once('/') {
            Some((folder, _)) => Some(folder),
            None => inside
                .strip_suffix(".rs")
                .filter(|name| !matches!(*name, "lib" | "main")),
        }
    }
}

fn declared_module(line: &str) -> Option<String> {
    let line = line.split("//").next().unwrap_or_default().trim();
    let before_semicolon = line.strip_suffix(';')?;
    let (visibility, name) = before_semicolon.rsplit_once("mod ")?;
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let only_visibility = visibility.is_empty() || visibility.starts_with("pub");
    (plain && only_visibility).then(|| name.to_owned())
}

/// The line, counted from one, on which the character at `at` stands.
pub fn line_of(text: &[char], at: usize) -> usize {
    1 + text[..at].iter().filter(|c| **c == '\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn module_order_is_read_from_lib_in_the_order_written() {
        let tree = Tree::of(&[(
            "src/lib.rs",
            "//! Front.\npub mod kernel;\nmod db; // engines\n#[path = \"x.rs\"]\npub(crate) mod ledger;\nmod inline { }\nuse a::b;\n",
        )]);
        assert_eq!(tree.modules(), ["kernel", "db", "ledger"]);
    }

    #[test]
    fn a_file_knows_its_module() {
        let tree = Tree::of(&[
            ("src/lib.rs", ""),
            ("src/main.rs", ""),
            ("src/flow.rs", ""),
            ("src/checkout/buy.rs", ""),
            ("tidy/src/main.rs", ""),
        ]);
        let modules: Vec<_> = tree.files.iter().map(File::module).collect();
        assert_eq!(modules, [None, None, Some("flow"), Some("checkout"), None]);
    }

    #[test]
    fn the_repository_itself_is_read() {
        let tree = Tree::read().unwrap();
        assert!(
            tree.file("Cargo.toml")
                .is_some_and(|file| file.text.contains("[workspace]"))
        );
        assert!(tree.file("tidy/src/tree.rs").is_some());
    }
}
