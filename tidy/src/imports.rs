//! Call down, publish up: a module imports only modules that stand to its left in `src/lib.rs`, and nobody reaches into
//! another module's store.

use crate::rust_text::RustText;
use crate::tree::{File, Finding, Tree, line_of};

/// A path that starts at the crate's root, as far as the rules look at it.
struct Use {
    line: usize,
    module: String,
    next: Option<String>,
}

pub fn direction(tree: &Tree) -> Vec<Finding> {
    let order = tree.modules();
    let place = |name: &str| order.iter().position(|module| module == name);
    let mut findings = Vec::new();
    let mut undeclared: Option<&str> = None;
    for file in tree.under("src/", ".rs") {
        let Some(own) = file.module().filter(|own| undeclared != Some(own)) else {
            continue;
        };
        let Some(own_place) = place(own) else {
            undeclared = Some(own); // Once for a whole folder; its files stand together.
            findings.push(file.finding(
                1,
                format!("`{own}` is not declared in src/lib.rs; add its `mod` line where it belongs in the order"),
            ));
            continue;
        };
        for used in uses(file) {
            if place(&used.module).is_some_and(|there| there > own_place) {
                findings.push(file.finding(
                    used.line,
                    format!(
                        "`{own}` may not import `{0}`, which stands to its right in src/lib.rs; record a fact and let flow.rs tell `{0}`, or take what is needed as data",
                        used.module
                    ),
                ));
            }
        }
    }
    findings
}

pub fn foreign_store(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.under("src/", ".rs") {
        for used in uses(file) {
            if used.next.as_deref() == Some("store") && Some(used.module.as_str()) != file.module() {
                findings.push(file.finding(
                    used.line,
                    format!(
                        "the store of `{0}` is its own; call a verb of `{0}`, or re-export the function in its mod.rs",
                        used.module
                    ),
                ));
            }
        }
    }
    findings
}

fn uses(file: &File) -> Vec<Use> {
    let code = RustText::of(&file.text).code;
    let mut found = Vec::new();
    let mut at = 0;
    while at < code.len() {
        let boundary = at == 0 || !(code[at - 1].is_alphanumeric() || matches!(code[at - 1], '_' | ':'));
        match boundary
            .then(|| root_path(&code, at, module_depth(&file.path)))
            .flatten()
        {
            Some(after) => {
                branches(&code, after, &mut found);
                at = after;
            }
            None => at += 1,
        }
    }
    found
}

/// How many `super::` lead from the file's module to the crate's root.
fn module_depth(path: &str) -> usize {
    let parts: Vec<_> = path.strip_prefix("src/").unwrap_or(path).split('/').collect();
    match parts.last() {
        Some(&("mod.rs" | "lib.rs" | "main.rs")) => parts.len() - 1,
        _ => parts.len(),
    }
}

/// Where the path goes on after `crate::` or after exactly as many `super::` as lead to the root.
fn root_path(code: &[char], at: usize, depth: usize) -> Option<usize> {
    if let Some(after) = segment(code, at, "crate") {
        return Some(after);
    }
    let mut after = at;
    for _ in 0..depth {
        after = segment(code, after, "super")?;
    }
    (after > at && segment(code, after, "super").is_none()).then_some(after)
}

fn segment(code: &[char], at: usize, name: &str) -> Option<usize> {
    let end = at + name.len();
    let same = code.get(at..end)?.iter().copied().eq(name.chars());
    let end = skip_space(code, end);
    (same && code.get(end..end + 2)? == [':', ':']).then(|| skip_space(code, end + 2))
}

fn skip_space(code: &[char], mut at: usize) -> usize {
    while code.get(at).is_some_and(|c| c.is_whitespace()) {
        at += 1;
    }
    at
}

/// Reads `a::b` or `{a::b, c::{d, e}}` at the crate's root.
fn branches(code: &[char], start: usize, found: &mut Vec<Use>) {
    if code.get(start) != Some(&'{') {
        found.extend(branch(code, start));
        return;
    }
    let mut depth = 0;
    let mut expects_branch = false;
    let mut at = start;
    while let Some(c) = code.get(at) {
        match c {
            '{' => {
                depth += 1;
                expects_branch = depth == 1;
            }
            '}' => {
                depth -= 1;
                if depth == 0 {
                    return;
                }
            }
            ',' => expects_branch = depth == 1,
            c if expects_branch && !c.is_whitespace() => {
                found.extend(branch(code, at));
                expects_branch = false;
            }
            _ => {}
        }
        at += 1;
    }
}

fn branch(code: &[char], at: usize) -> Option<Use> {
    let module = name(code, at)?;
    let after = skip_space(code, at + module.chars().count());
    let next_at = (code.get(after..after + 2)? == [':', ':']).then(|| skip_space(code, after + 2));
    Some(Use {
        line: line_of(code, at),
        module,
        next: next_at.and_then(|at| name(code, at)),
    })
}

fn name(code: &[char], at: usize) -> Option<String> {
    let name: String = code[at..]
        .iter()
        .take_while(|c| c.is_alphanumeric() || **c == '_')
        .collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIB: (&str, &str) = (
        "src/lib.rs",
        "pub mod kernel;\npub mod db;\npub mod inventory;\npub mod checkout;\nmod flow;\n",
    );

    fn lines(rule: fn(&Tree) -> Vec<Finding>, path: &str, text: &str) -> Vec<usize> {
        rule(&Tree::of(&[LIB, (path, text)]))
            .iter()
            .map(|finding| finding.line)
            .collect()
    }

    #[test]
    fn left_is_allowed_and_right_is_not() {
        let text = "use crate::kernel::Money;\nuse crate::inventory;\nuse crate::checkout::Buy;\nfn f() { crate::flow::run() }\n";
        assert_eq!(lines(direction, "src/inventory/reserve.rs", text), [3, 4]);
        assert_eq!(lines(direction, "src/flow.rs", text), [0; 0]);
    }

    #[test]
    fn groups_are_looked_into() {
        let text = "use crate::{\n    kernel::{Money, checkout},\n    checkout::Buy,\n    db,\n    flow,\n};\n";
        assert_eq!(lines(direction, "src/db/mod.rs", text), [3, 5]);
    }

    #[test]
    fn super_counts_up_to_the_root() {
        assert_eq!(
            lines(
                direction,
                "src/db/lane/mod.rs",
                "use super::super::checkout::Buy;\nuse super::checkout;\n"
            ),
            [1]
        );
        assert_eq!(lines(direction, "src/db/mod.rs", "use super::checkout::Buy;\n"), [1]);
        assert_eq!(
            lines(direction, "src/db/mod.rs", "mod tests { use super::super::kernel; }\n"),
            [0; 0]
        );
    }

    #[test]
    fn prose_and_literals_import_nothing() {
        let text =
            "// crate::checkout\nfn f() -> &'static str { \"crate::checkout\" }\nfn g() { mycrate::checkout() }\n";
        assert_eq!(lines(direction, "src/db/mod.rs", text), [0; 0]);
    }

    #[test]
    fn an_undeclared_module_is_told_to_declare_itself() {
        assert_eq!(lines(direction, "src/growth/mod.rs", "//! Growth.\n"), [1]);
        let folder = Tree::of(&[LIB, ("src/growth/mod.rs", ""), ("src/growth/store.rs", "")]);
        assert_eq!(direction(&folder).len(), 1);
    }

    #[test]
    fn another_modules_store_is_out_of_bounds() {
        let text = "use crate::inventory::store;\nuse crate::{inventory::{self}, kernel::Money, inventory::store::find};\nuse super::store;\n";
        assert_eq!(lines(foreign_store, "src/checkout/buy.rs", text), [1, 2]);
        assert_eq!(lines(foreign_store, "src/inventory/reserve.rs", text), [0; 0]);
    }
}
