//! SQL stands in `store.rs` files and in `src/db/`, nowhere else: who looks for a statement knows where to look.

use crate::rust_text::RustText;
use crate::tree::{Finding, Tree};

pub fn place(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.under("src/", ".rs").filter(|file| !may_hold_sql(&file.path)) {
        for literal in RustText::of(&file.text)
            .strings
            .iter()
            .filter(|literal| is_statement(&literal.text))
        {
            findings.push(file.finding(
                literal.line,
                "SQL outside a store; make it a function named for its meaning in this module's store.rs",
            ));
        }
    }
    findings
}

fn may_hold_sql(path: &str) -> bool {
    path.ends_with("/store.rs") || path.contains("/store/") || path.starts_with("src/db/")
}

/// Does a literal begin like a statement? Sentences for people ("Select a clip.") begin with one capital letter.
pub fn is_statement(literal: &str) -> bool {
    let first: String = literal
        .trim_start()
        .chars()
        .take_while(char::is_ascii_alphabetic)
        .collect();
    let one_case = first.chars().all(|c| c.is_ascii_lowercase()) || first.chars().all(|c| c.is_ascii_uppercase());
    if !one_case {
        return false;
    }
    let flat = literal
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_ascii_lowercase();
    let has = |part: &str| flat.contains(part);
    match first.to_ascii_lowercase().as_str() {
        "select" => flat.len() > "select ".len() && (has(" from ") || has("(") || has("select 1")),
        "insert" => has("insert into ") || has("insert or "),
        "update" => has(" set "),
        "delete" => has("delete from "),
        "with" => has(" as (") || has(" as materialized (") || has(" as not materialized ("),
        "create" | "drop" | "alter" => ["table ", "index ", "view ", "trigger "].iter().any(|kind| has(kind)),
        "pragma" | "savepoint" => flat.contains(' '),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_told_from_sentences() {
        for sql in [
            "select id from clip",
            "SELECT id\n FROM clip",
            "\n  insert into clip (id) values ($1)",
            "update stock set reserved = 1",
            "delete from clip where id = $1",
            "with due as (select 1) select * from due",
            "select 1",
            "select count(*) filter (where x)",
            "create table if not exists x (id text)",
            "pragma user_version",
        ] {
            assert!(is_statement(sql), "{sql}");
        }
        for prose in [
            "Select a clip from the list.",
            "Update what you set here.",
            "select",
            "update",
            "delete",
            "with care",
            "update the price",
            "delete the clip from the shop",
            "create a shop",
            "selected from",
            "",
        ] {
            assert!(!is_statement(prose), "{prose}");
        }
    }

    #[test]
    fn only_stores_and_the_engine_folder_hold_sql() {
        let text = "//! X.\nfn f() {\n    run(\n        \"update stock\n            set sold = 1\",\n    );\n}\n";
        let tree = Tree::of(&[
            ("src/inventory/reserve.rs", text),
            ("src/inventory/store.rs", text),
            ("src/db/outbox.rs", text),
            ("tests/it/main.rs", text),
        ]);
        let found: Vec<_> = place(&tree)
            .into_iter()
            .map(|finding| (finding.path, finding.line))
            .collect();
        assert_eq!(found, [("src/inventory/reserve.rs".to_owned(), 4)]);
    }
}
