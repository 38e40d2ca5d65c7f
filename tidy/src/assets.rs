//! Templates, style sheets and scripts that nothing names any more are dead: delete them.
//!
//! A template lives when Rust names it (`path = "…"`, `include_str!`) or a living template extends, includes or imports it. A
//! style sheet or script lives when a template, a style sheet, another script or Rust names its file. Tests give no life.

use std::collections::BTreeSet;

use crate::rust_text::RustText;
use crate::tree::{File, Finding, Tree};

pub fn templates(tree: &Tree) -> Vec<Finding> {
    let named_by_rust: Vec<String> = rust_of_the_program(tree)
        .flat_map(|file| RustText::of(&file.text).strings)
        .map(|literal| literal.text)
        .collect();
    let all: Vec<(&File, &str)> = tree
        .under("templates/", "")
        .map(|file| (file, &file.path["templates/".len()..]))
        .collect();
    let mut living: BTreeSet<&str> = BTreeSet::new();
    let mut next: Vec<(&File, &str)> = all
        .iter()
        .copied()
        .filter(|(file, name)| {
            named_by_rust
                .iter()
                .any(|text| text == name || text.ends_with(&file.path))
        })
        .collect();
    while let Some((file, name)) = next.pop() {
        if living.insert(name) {
            next.extend(all.iter().copied().filter(|(_, other)| quotes(&file.text, other)));
        }
    }
    let dead = all.iter().filter(|(_, name)| !living.contains(name));
    dead.map(|(file, _)| {
        file.finding(
            1,
            "nothing renders this template; name it in a page's `path`, extend or include it, or delete it",
        )
    })
    .collect()
}

pub fn assets(tree: &Tree) -> Vec<Finding> {
    let is_asset = |file: &&File| {
        let inside = file.path.starts_with("web/") || file.path.starts_with("sdk/");
        inside && !is_test(&file.path) && [".css", ".js", ".mjs"].iter().any(|ending| file.path.ends_with(ending))
    };
    let speakers: Vec<&File> = tree.files.iter().filter(|file| speaks_for_assets(&file.path)).collect();
    let dead = tree.files.iter().filter(is_asset).filter(|asset| {
        let name = asset.path.rsplit('/').next().unwrap_or_default();
        !speakers
            .iter()
            .any(|file| file.path != asset.path && names(&file.text, name))
    });
    dead.map(|file| {
        file.finding(
            1,
            "no template, script, style sheet or Rust source names this file; load it or delete it",
        )
    })
    .collect()
}

fn rust_of_the_program(tree: &Tree) -> impl Iterator<Item = &File> {
    tree.files
        .iter()
        .filter(|file| file.path.ends_with(".rs") && (file.path.starts_with("src/") || file.path == "build.rs"))
}

fn is_test(path: &str) -> bool {
    path.split('/').any(|part| part == "test" || part == "tests") || path.contains(".test.")
}

fn speaks_for_assets(path: &str) -> bool {
    let ours = ["src/", "templates/", "web/", "sdk/"]
        .iter()
        .any(|folder| path.starts_with(folder))
        || path == "build.rs";
    ours && !is_test(path)
        && [".rs", ".html", ".js", ".mjs", ".css"]
            .iter()
            .any(|ending| path.ends_with(ending))
}

fn quotes(text: &str, name: &str) -> bool {
    text.contains(&format!("\"{name}\"")) || text.contains(&format!("'{name}'"))
}

/// Is the file named, not merely a longer name that ends alike (`shop.js` in `web-shop.js`)?
fn names(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        before.is_some_and(|c| matches!(c, '/' | '"' | '\'' | '`' | '('))
            && after.is_some_and(|c| matches!(c, '"' | '\'' | '`' | ')' | '?'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(findings: Vec<Finding>) -> Vec<String> {
        findings.into_iter().map(|finding| finding.path).collect()
    }

    #[test]
    fn a_template_lives_through_rust_or_a_living_template() {
        let tree = Tree::of(&[
            (
                "src/studio/today_page.rs",
                "#[template(path = \"studio/today.html\")]\nstruct Today;\n// old/prose.html\n",
            ),
            (
                "src/notify/mail.rs",
                "const R: &str = include_str!(\"../../templates/mail/receipt.txt\");",
            ),
            ("templates/studio/today.html", "{% extends \"layout.html\" %}"),
            ("templates/layout.html", "{% include 'nav.html' %}"),
            ("templates/nav.html", ""),
            ("templates/mail/receipt.txt", ""),
            ("templates/old/prose.html", "{% include \"old/part.html\" %}"),
            ("templates/old/part.html", ""),
        ]);
        assert_eq!(
            paths(templates(&tree)),
            ["templates/old/prose.html", "templates/old/part.html"]
        );
    }

    #[test]
    fn an_asset_lives_when_its_file_is_named() {
        let tree = Tree::of(&[
            (
                "templates/layout.html",
                "<link href=\"/assets/base.css\"><script src=\"{{ asset(\"menu.js\") }}\"></script>",
            ),
            ("src/routes.rs", "serve(\"sdk/player.js\")"),
            ("sdk/player.js", "import { core } from \"./core.js\";"),
            ("sdk/core.js", "// names itself: \"core.js\" and nobody: (old-core.js)"),
            ("sdk/test/dead.test.mjs", "import \"../dead.js\";"),
            ("sdk/dead.js", ""),
            ("web/base.css", "@import url(\"tokens.css\");"),
            ("web/tokens.css", ""),
            ("web/menu.js", ""),
            ("web/e.css", "/* base.css */"),
        ]);
        assert_eq!(paths(assets(&tree)), ["sdk/dead.js", "web/e.css"]);
    }
}
