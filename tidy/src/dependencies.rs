//! Each dependency says why it is here, in a comment on the line above it.

use crate::tree::{File, Finding, Tree};

pub fn reasons(tree: &Tree) -> Vec<Finding> {
    let manifests = tree
        .files
        .iter()
        .filter(|file| file.path == "Cargo.toml" || file.path.ends_with("/Cargo.toml"));
    manifests.flat_map(without_reason).collect()
}

fn without_reason(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut in_dependencies = false;
    let mut depth = 0i32;
    let mut reason_above = false;
    for (index, line) in file.text.lines().enumerate().map(|(index, line)| (index, line.trim())) {
        if depth == 0 && line.starts_with('[') {
            let table = line.trim_matches(['[', ']']);
            in_dependencies = table.ends_with("dependencies");
            if let Some((_, name)) = table.split_once("dependencies.").filter(|_| !reason_above) {
                findings.push(file.finding(index + 1, no_reason(name)));
            }
        } else if in_dependencies && depth == 0 && !reason_above && !line.is_empty() && !line.starts_with('#') {
            let name = line.split(['=', '.', ' ']).next().unwrap_or_default();
            findings.push(file.finding(index + 1, no_reason(name)));
        }
        reason_above = line.strip_prefix('#').is_some_and(|reason| reason.trim().len() > 2);
        if !reason_above {
            depth += brackets(line);
        }
    }
    findings
}

fn no_reason(name: &str) -> String {
    format!("`{name}` does not say why it is here; write one line of comment directly above it")
}

/// How many lists and tables a line leaves open.
fn brackets(line: &str) -> i32 {
    line.chars()
        .map(|c| i32::from(matches!(c, '[' | '{')) - i32::from(matches!(c, ']' | '}')))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_without_its_own_comment_is_found() {
        let text = "[package]\nname = \"x\"\n\n[dependencies]\n# Time.\njiff = \"1\"\nuuid = \"1\"\n\n# Web.\naxum = { version = \"1\", features = [\n  \"a\",\n] }\n\
                    serde.workspace = true\n#\nbare = \"1\"\n\n[dev-dependencies]\nproptest = \"1\"\n\n[target.'cfg(unix)'.dependencies.nix]\nversion = \"1\"\n";
        let found: Vec<_> = reasons(&Tree::of(&[("Cargo.toml", text)]))
            .into_iter()
            .map(|finding| finding.line)
            .collect();
        assert_eq!(found, [7, 13, 15, 18, 20]);
    }
}
