//! Documents name files that exist: a map that shows streets torn down is worse than none.
//!
//! Looked at: what stands in backticks and the targets of links, in the Markdown files at the root and under `docs/`.
//! Patterns (`<verb>.rs`), addresses (`/v1/…`) and blocks of code are not paths.

use crate::tree::{File, Finding, Tree};

const ENDINGS: &[&str] = &[
    "rs", "md", "js", "mjs", "css", "html", "sql", "py", "toml", "yaml", "json",
];

pub fn paths(tree: &Tree) -> Vec<Finding> {
    let documents = tree
        .under("", ".md")
        .filter(|file| !file.path.contains('/') || file.path.starts_with("docs/"));
    documents.flat_map(|file| missing_in(tree, file)).collect()
}

fn missing_in(tree: &Tree, file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut in_block = false;
    for (index, line) in file.text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        }
        if in_block {
            continue;
        }
        let spans = line
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|span| !span_exists(tree, span));
        let links = link_targets(line).filter(|target| !link_exists(tree, &file.path, target));
        for name in spans.chain(links) {
            findings.push(file.finding(
                index + 1,
                format!("`{name}` does not exist; name the file that took its place, or drop the sentence"),
            ));
        }
    }
    findings
}

fn span_exists(tree: &Tree, span: &str) -> bool {
    let span = span.split("::").next().unwrap_or_default();
    let span = span.split(['#', ':']).next().unwrap_or_default();
    let a_path = !span.is_empty() && span.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    if !a_path || span.starts_with('/') || span.starts_with("..") {
        return true;
    }
    let path = span.trim_start_matches("./");
    if let Some((first, rest)) = path.split_once('/')
        && tree
            .files
            .iter()
            .any(|file| file.path.starts_with(&format!("{first}/")))
    {
        return rest.is_empty() || exists(tree, path) || ends_like(tree, path);
    }
    // A name from inside some folder, such as `checkout/buy.rs` or `routes.rs`.
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    let speaks_of_source = if path.contains('/') {
        ENDINGS.contains(&ending)
    } else {
        matches!(ending, "rs" | "md")
    };
    let stem = path.rsplit('/').next().unwrap_or_default();
    !speaks_of_source || stem.starts_with('.') || ends_like(tree, path)
}

fn exists(tree: &Tree, path: &str) -> bool {
    let folder = format!("{}/", path.trim_end_matches('/'));
    tree.files
        .iter()
        .any(|file| file.path == path || file.path.starts_with(&folder))
}

fn ends_like(tree: &Tree, path: &str) -> bool {
    tree.files
        .iter()
        .any(|file| file.path == path || file.path.ends_with(&format!("/{path}")))
}

fn link_targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', ' ', '#']).next())
        .filter(|target| !target.is_empty() && !target.contains(':'))
}

fn link_exists(tree: &Tree, from: &str, target: &str) -> bool {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.is_empty() || exists(tree, &parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(text: &str) -> Vec<String> {
        let tree = Tree::of(&[
            ("README.md", ""),
            ("src/checkout/buy.rs", ""),
            ("src/routes.rs", ""),
            ("docs/decisions/0001-lanes.md", ""),
            ("docs/page.md", text),
        ]);
        let messages = paths(&tree).into_iter().map(|finding| finding.message);
        messages
            .map(|message| message.split('`').nth(1).unwrap_or_default().to_owned())
            .collect()
    }

    #[test]
    fn paths_that_exist_pass() {
        let text = "`src/checkout/buy.rs`, `src/checkout/`, `src/checkout`, `checkout/buy.rs`, `routes.rs`, `src/routes.rs:12`,\n\
                    `docs/decisions/0001-lanes.md#why`, `src/`, [read](../README.md#top), [here](decisions/).";
        assert_eq!(missing(text), [""; 0]);
    }

    #[test]
    fn paths_that_do_not_exist_are_found() {
        let text = "`src/checkout/sell.rs` `checkout/sell.rs` `sell.rs`\n`src/pos/` [gone](../GONE.md)";
        assert_eq!(
            missing(text),
            [
                "src/checkout/sell.rs",
                "checkout/sell.rs",
                "sell.rs",
                "src/pos/",
                "../GONE.md"
            ]
        );
    }

    #[test]
    fn what_is_no_path_is_left_alone() {
        let text = "`<verb>.rs` `/v1/checkouts` `application/json` `hawker.toml` `db.write(key)` `a b/c.rs` `~/.cache/x.rs` `docs/*.md`\n\
                    ```\n`src/none.rs`\n```\n[web](https://example.org/x.md) [mail](mailto:a@example.org) [top](#top)";
        assert_eq!(missing(text), [""; 0]);
    }
}
