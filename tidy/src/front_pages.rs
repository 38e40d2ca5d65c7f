//! Every Rust file starts by saying what it is for, and a module with a folder has its front page in `mod.rs`.

use crate::tree::{File, Finding, Tree};

pub fn present(tree: &Tree) -> Vec<Finding> {
    let rust = tree.files.iter().filter(|file| file.path.ends_with(".rs"));
    let silent = rust.filter(|file| !starts_with_front_page(file));
    silent
        .map(|file| {
            file.finding(
                1,
                "start the file with `//!`: what it is for, and what it deliberately does not do",
            )
        })
        .collect()
}

fn starts_with_front_page(file: &File) -> bool {
    let first = file
        .text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with("#!"));
    first.is_some_and(|line| line.strip_prefix("//!").is_some_and(|said| said.len() > 2))
}

pub fn folders(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.under("src/", ".rs") {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let front = format!("{folder}/mod.rs");
        let first_of_folder = tree
            .under(folder, ".rs")
            .find(|other| other.path.starts_with(&format!("{folder}/")));
        let is_first = first_of_folder.is_some_and(|first| first.path == file.path);
        if folder != "src" && is_first && tree.file(&front).is_none() {
            findings.push(file.finding(
                1,
                format!("a module with a folder has its front page in {front}, not beside the folder"),
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(findings: Vec<Finding>) -> Vec<String> {
        findings.into_iter().map(|finding| finding.path).collect()
    }

    #[test]
    fn a_file_without_a_front_page_is_found() {
        let tree = Tree::of(&[
            ("src/a.rs", "\n//! Says something.\n"),
            ("src/b.rs", "// Says nothing to rustdoc.\n"),
            ("src/c.rs", "#![expect(dead_code)]\n//! Says something.\n"),
            ("src/d.rs", "//!\nuse x;\n"),
            ("tests/it/main.rs", ""),
        ]);
        assert_eq!(paths(present(&tree)), ["src/b.rs", "src/d.rs", "tests/it/main.rs"]);
    }

    #[test]
    fn a_folder_without_mod_rs_is_found_once() {
        let tree = Tree::of(&[
            ("src/lib.rs", ""),
            ("src/clips.rs", ""),
            ("src/clips/model.rs", ""),
            ("src/clips/store.rs", ""),
            ("src/db/mod.rs", ""),
            ("src/db/lane.rs", ""),
        ]);
        assert_eq!(paths(folders(&tree)), ["src/clips/model.rs"]);
    }
}
