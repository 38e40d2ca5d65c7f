//! A file is named for what it holds. Names that hold anything grow until nobody finds anything in them.

use crate::tree::{Finding, Tree};

const VAGUE: &[&str] = &[
    "util", "utils", "helper", "helpers", "common", "manager", "service", "services", "misc",
];

pub fn vague(tree: &Tree) -> Vec<Finding> {
    let ours = tree.files.iter().filter(|file| {
        let source = [".rs", ".js", ".mjs", ".py", ".css"]
            .iter()
            .any(|ending| file.path.ends_with(ending));
        source && VAGUE.iter().any(|name| parts(&file.path).any(|part| part == *name))
    });
    ours.map(|file| {
        file.finding(
            1,
            "name the file for the thing it holds, or keep the code where it is used",
        )
    })
    .collect()
}

/// Folders and the file's name without its ending.
fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').map(|part| part.split('.').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vague_names_are_found_as_files_and_as_folders() {
        let tree = Tree::of(&[
            ("src/checkout/utils.rs", ""),
            ("src/common/money.rs", ""),
            ("web/js/helpers.js", ""),
            ("src/tickets/service_desk.rs", ""),
            ("docs/common.md", ""),
        ]);
        let paths: Vec<_> = vague(&tree).into_iter().map(|finding| finding.path).collect();
        assert_eq!(
            paths,
            ["src/checkout/utils.rs", "src/common/money.rs", "web/js/helpers.js"]
        );
    }
}
