//! A table has one owner: the module whose front page lists it in a line `//! Tables: a, b, c.`

use std::collections::BTreeMap;

use crate::rust_text::RustText;
use crate::sql::is_statement;
use crate::tree::{File, Finding, Tree};

pub fn owner(tree: &Tree) -> Vec<Finding> {
    let created = created_tables(tree);
    let mut owners: BTreeMap<String, &str> = BTreeMap::new();
    let mut findings = Vec::new();
    for file in tree.under("src/", ".rs").filter(|file| is_front_page(file)) {
        let Some(module) = file.module() else { continue };
        for (line, table) in declared_tables(&file.text) {
            if let Some(other) = owners.insert(table.clone(), module) {
                findings.push(file.finding(
                    line,
                    format!("table `{table}` is owned by `{other}` already; a table has one owner"),
                ));
            }
            if !created.contains_key(&table) {
                findings.push(file.finding(
                    line,
                    format!("no migration creates table `{table}`; remove it from the list or write the migration"),
                ));
            }
        }
    }
    for (table, (file, line)) in &created {
        if !owners.contains_key(table) {
            findings.push(file.finding(
                *line,
                format!("table `{table}` has no owner; name it in a `//! Tables: …` line of one module's mod.rs"),
            ));
        }
    }
    for file in tree
        .under("src/", ".rs")
        .filter(|file| !file.path.starts_with("src/db/"))
    {
        let Some(module) = file.module() else { continue };
        for literal in RustText::of(&file.text)
            .strings
            .iter()
            .filter(|literal| is_statement(&literal.text))
        {
            for table in used_tables(&literal.text) {
                if let Some(owner) = owners.get(&table).filter(|owner| **owner != module) {
                    findings.push(file.finding(
                        literal.line,
                        format!("table `{table}` belongs to `{owner}`; call a verb of `{owner}` instead of touching its rows"),
                    ));
                }
            }
        }
    }
    findings
}

fn is_front_page(file: &File) -> bool {
    file.path.ends_with("/mod.rs") || file.path.matches('/').count() == 1
}

/// Reads `//! Tables: a, b,` and the lines it goes on over, up to the full stop or semicolon.
fn declared_tables(text: &str) -> Vec<(usize, String)> {
    let mut tables = Vec::new();
    let mut listing = false;
    for (index, line) in text.lines().enumerate() {
        let Some(front) = line.trim_start().strip_prefix("//!") else {
            break;
        };
        let mut rest = front.trim();
        if let Some(list) = rest.strip_prefix("Tables:") {
            listing = true;
            rest = list;
        }
        if !listing {
            continue;
        }
        let (list, ends) = match rest.split_once(['.', ';']) {
            Some((list, _)) => (list, true),
            None => (rest, rest.is_empty()),
        };
        let names = list
            .split(|c: char| c == ',' || c.is_whitespace())
            .map(|name| name.trim_matches('`'));
        tables.extend(
            names
                .filter(|name| is_name(name) && *name != "none" && *name != "and")
                .map(|name| (index + 1, name.to_owned())),
        );
        listing = !ends;
    }
    tables
}

/// Tables of the migrations, and the few the migrator itself must make before it can read any. One that takes another's name in the same file is
/// that other one, made anew.
fn created_tables(tree: &Tree) -> BTreeMap<String, (&File, usize)> {
    let mut created = BTreeMap::new();
    for file in tree.under("migrations/", ".sql").chain(tree.under("src/db/", ".rs")) {
        for (index, line) in file.text.lines().enumerate() {
            let line = line.to_ascii_lowercase();
            let (before, rest) = line.split_once("create table ").unwrap_or_default();
            let rest = rest.strip_prefix("if not exists ").unwrap_or(rest);
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let renamed = || file.text.contains(&format!("alter table {name} rename to "));
            if is_name(&name) && before.trim_matches([' ', '"']).is_empty() && !renamed() {
                created.entry(name).or_insert((file, index + 1));
            }
        }
    }
    created
}

/// Names that stand where a table stands: after `from`, `join`, `into` or `update`, and on after commas.
fn used_tables(sql: &str) -> Vec<String> {
    let tokens = tokens(sql);
    let mut tables = Vec::new();
    for (index, _) in tokens.iter().enumerate().filter(|(_, token)| is_table_word(token)) {
        let mut rest = tokens[index + 1..].iter();
        while let Some(name) = rest.next().filter(|token| is_name(token)) {
            tables.push(name.clone());
            // Past the alias, if any, to the comma before the next table.
            let mut after = rest
                .by_ref()
                .skip_while(|token| is_name(token) && !is_clause_word(token));
            if after.next().is_none_or(|token| token != ",") {
                break;
            }
        }
    }
    tables
}

fn is_table_word(token: &str) -> bool {
    matches!(token, "from" | "join" | "into" | "update")
}

fn is_clause_word(token: &str) -> bool {
    is_table_word(token)
        || matches!(
            token,
            "where" | "set" | "on" | "using" | "order" | "group" | "limit" | "left" | "inner" | "cross"
        )
}

/// Names and single signs, in lower case.
fn tokens(sql: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut in_name = false;
    for c in sql.chars().map(|c| c.to_ascii_lowercase()) {
        let part_of_name = c.is_ascii_alphanumeric() || c == '_';
        match tokens.last_mut().filter(|_| in_name && part_of_name) {
            Some(name) => name.push(c),
            None if !c.is_whitespace() => tokens.push(c.to_string()),
            None => {}
        }
        in_name = part_of_name;
    }
    tokens
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_lowercase()) && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIGRATION: (&str, &str) = (
        "migrations/0001_begin.sql",
        "-- Why.\ncreate table stock (id text);\ncreate table if not exists clip (id text);\ncreate table anchor(\n id text);\n",
    );
    const INVENTORY: (&str, &str) = ("src/inventory/mod.rs", "//! Stock.\n//!\n//! Tables: stock.\n");
    const CLIPS: (&str, &str) = (
        "src/clips/mod.rs",
        "//! Clips.\n//! Tables: `clip`,\n//! `anchor`. Facts: published.\n",
    );

    fn found(files: &[(&str, &str)]) -> Vec<(String, usize)> {
        owner(&Tree::of(files))
            .into_iter()
            .map(|finding| (finding.path, finding.line))
            .collect()
    }

    #[test]
    fn owned_tables_pass() {
        let store = (
            "src/clips/store.rs",
            "const ONE: &str = \"select a.id from clip c join anchor a on a.id = c.id\";",
        );
        assert_eq!(found(&[MIGRATION, INVENTORY, CLIPS, store]), []);
    }

    #[test]
    fn a_foreign_table_is_named_with_its_owner() {
        let store = (
            "src/clips/store.rs",
            "\nconst ONE: &str = \"select 1 from clip as c, stock where true\";",
        );
        let tree = Tree::of(&[MIGRATION, INVENTORY, CLIPS, store]);
        let findings = owner(&tree);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].line, 2);
        assert!(
            findings[0].message.contains("`stock` belongs to `inventory`"),
            "{}",
            findings[0].message
        );
    }

    #[test]
    fn a_table_nobody_owns_and_a_list_without_a_table_are_found() {
        assert_eq!(
            found(&[MIGRATION, INVENTORY]),
            [(MIGRATION.0.to_owned(), 4), (MIGRATION.0.to_owned(), 3)]
        );
        assert_eq!(found(&[INVENTORY]), [(INVENTORY.0.to_owned(), 3)]);
    }

    #[test]
    fn a_module_without_tables_may_say_why() {
        assert_eq!(
            found(&[(
                "src/pos/mod.rs",
                "//! Registers.\n//! Tables: none; the journal is\n//! a file.\n"
            )]),
            []
        );
    }

    #[test]
    fn a_table_made_anew_needs_no_owner_of_its_own() {
        let sql =
            "-- Why.\ncreate table stock_new (id text);\ndrop table stock;\nalter table stock_new rename to stock;\n";
        let anew = ("migrations/0002_anew.sql", sql);
        assert_eq!(found(&[MIGRATION, INVENTORY, CLIPS, anew]), []);
    }

    #[test]
    fn the_migrator_may_make_its_own_table() {
        let front = ("src/db/mod.rs", "//! Database.\n//! Tables: migrations.\n");
        let migrate = (
            "src/db/migrate.rs",
            "//! X.\nconst T: &str =\n    \"create table if not exists migrations (\n id text)\";\n",
        );
        assert_eq!(found(&[front, migrate]), []);
    }

    #[test]
    fn two_owners_are_one_too_many() {
        let thief = ("src/pos/mod.rs", "//! Registers.\n//! Tables: stock.\n");
        assert_eq!(
            found(&[MIGRATION, CLIPS, INVENTORY, thief]),
            [("src/pos/mod.rs".to_owned(), 2)]
        );
    }

    #[test]
    fn tables_are_read_from_every_kind_of_statement() {
        let cases: [(&str, &[&str]); 7] = [
            ("select x from a, b as c, d where e = 1", &["a", "b", "d"]),
            ("select x from a left join b on a.x = b.x", &["a", "b"]),
            (
                "insert into a (x) values ($1) on conflict (x) do update set y = 1",
                &["a", "set"],
            ),
            ("update a set x = 1 from b where true", &["a", "b"]),
            ("delete from a where x in (select x from b)", &["a", "b"]),
            ("with due as (select x from a) select * from due", &["a", "due"]),
            ("select x from (select y from a) z", &["a"]),
        ];
        for (sql, tables) in cases {
            assert_eq!(used_tables(sql), tables, "{sql}");
        }
    }
}
