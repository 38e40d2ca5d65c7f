//! Words that may not be committed: unfinished work, silenced rules, and paths of somebody's machine.

use crate::rust_text::RustText;
use crate::tree::{Finding, Tree, line_of};

/// What no Rust code here contains, and what to do instead.
const IN_CODE: &[(&str, &str)] = &[
    ("dbg!", "remove it"),
    ("todo!", "finish it, or do not begin it"),
    ("unimplemented!", "finish it, or do not begin it"),
    (
        "#[allow",
        "use #[expect(lint, reason = \"…\")], which complains when the reason is gone",
    ),
    (
        "#![allow",
        "use #![expect(lint, reason = \"…\")], which complains when the reason is gone",
    ),
    ("#[ignore", "make the test run, or delete it"),
    ("#[should_panic", "return the refusal and compare it"),
];

/// Split so that this file does not accuse itself.
const UNFINISHED: &str = concat!("FIX", "ME");
const MACHINE_PATHS: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
const OUTSIDE: &str = concat!("../sha", "red");

pub fn forbidden(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        for (index, line) in file
            .text
            .lines()
            .enumerate()
            .filter(|(_, line)| line.contains(UNFINISHED))
        {
            findings.push(file.finding(
                index + 1,
                format!("{UNFINISHED} in \"{}\": do it, or open an issue", line.trim()),
            ));
        }
    }
    for file in tree.under("", ".rs") {
        let code = RustText::of(&file.text).code;
        for (word, instead) in IN_CODE {
            let pattern: Vec<char> = word.chars().collect();
            let places = code
                .windows(pattern.len())
                .enumerate()
                .filter(|(_, window)| *window == pattern);
            let whole = places.filter(|(at, _)| *at == 0 || !(code[at - 1].is_alphanumeric() || code[at - 1] == '_'));
            findings.extend(whole.map(|(at, _)| file.finding(line_of(&code, at), format!("`{word}`: {instead}"))));
        }
    }
    findings
}

pub fn machine_paths(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        for (index, line) in file.text.lines().enumerate() {
            let named = MACHINE_PATHS.iter().find(|path| starts_a_path(line, path));
            if let Some(path) = named.or_else(|| line.contains(OUTSIDE).then_some(&OUTSIDE)) {
                findings.push(file.finding(
                    index + 1,
                    format!("`{path}` exists on one machine only; use a path relative to the repository"),
                ));
            }
        }
    }
    findings
}

/// `/x/` inside a longer path or an address is somebody else's business.
fn starts_a_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !(c.is_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '}' | '*' | '~')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(rule: fn(&Tree) -> Vec<Finding>, path: &str, text: &str) -> Vec<usize> {
        rule(&Tree::of(&[(path, text)]))
            .iter()
            .map(|finding| finding.line)
            .collect()
    }

    #[test]
    fn unfinished_work_is_found_in_every_file() {
        assert_eq!(
            lines(forbidden, "web/a.css", &format!("a {{}}\n/* {UNFINISHED} */")),
            [2]
        );
    }

    #[test]
    fn silenced_rules_are_found_in_code_and_not_in_prose() {
        let text = "// dbg! is forbidden\nfn f() { dbg!(1); }\n#[allow(dead_code)]\nfn g() { \"todo!\"; my_todo!() }\n#[ignore]\nfn h() {}\n";
        let mut found = lines(forbidden, "src/a.rs", text);
        found.sort_unstable();
        assert_eq!(found, [2, 3, 5]);
        assert_eq!(lines(forbidden, "docs/a.md", text), [0; 0]);
    }

    #[test]
    fn machine_paths_are_told_from_addresses() {
        let text = format!(
            "cd {0}x\nsrc{0}x\nhttps://example.org{0}\n\"{1}.cargo\"\nsee {2}/design\n",
            MACHINE_PATHS[0], MACHINE_PATHS[1], OUTSIDE
        );
        assert_eq!(lines(machine_paths, "docs/a.md", &text), [1, 4, 5]);
    }
}
