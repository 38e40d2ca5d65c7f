//! Every crate of the default build may be used on terms that `deny.toml` allows.
//!
//! cargo-deny reads the same list and looks deeper (license texts, all platforms); this runs everywhere, in a moment.

use std::iter::Peekable;

use crate::crates::default_tree;
use crate::tree::{Finding, Tree};

pub fn allowed(tree: &Tree) -> Vec<Finding> {
    let Some(deny) = tree.file("deny.toml") else {
        return Vec::new();
    };
    let list = allow_list(&deny.text);
    let crates = match default_tree("{p}|{l}") {
        Ok(crates) => crates,
        Err(error) => return vec![deny.finding(1, format!("cargo tree failed: {error}"))],
    };
    let foreign = crates
        .iter()
        .filter_map(|line| line.split_once('|'))
        .filter(|(_, terms)| !allows(&list, terms));
    foreign
        .map(|(name, terms)| {
            let name = name.split(" (").next().unwrap_or_default();
            deny.finding(
                1,
                format!("{name} comes under \"{terms}\"; choose another crate, or decide to allow its license here"),
            )
        })
        .collect()
}

/// The strings between `allow = [` and `]`.
fn allow_list(deny: &str) -> Vec<&str> {
    let lines = deny.lines().map(str::trim).skip_while(|line| *line != "[licenses]");
    let entries = lines
        .skip_while(|line| !line.starts_with("allow = ["))
        .take_while(|line| *line != "]");
    entries.flat_map(|line| line.split('"').skip(1).step_by(2)).collect()
}

/// Is there a way to satisfy the terms with the list alone? `A OR B` needs one of the two, `A AND B` both.
fn allows(list: &[&str], terms: &str) -> bool {
    let spaced = terms.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    either(list, &mut words) && words.next().is_none()
}

fn either<'a>(list: &[&str], words: &mut Peekable<impl Iterator<Item = &'a str>>) -> bool {
    let mut good = both(list, words);
    while words.next_if_eq(&"OR").is_some() {
        good |= both(list, words);
    }
    good
}

fn both<'a>(list: &[&str], words: &mut Peekable<impl Iterator<Item = &'a str>>) -> bool {
    let mut good = one(list, words);
    while words.next_if_eq(&"AND").is_some() {
        good &= one(list, words);
    }
    good
}

fn one<'a>(list: &[&str], words: &mut Peekable<impl Iterator<Item = &'a str>>) -> bool {
    if words.next_if_eq(&"(").is_some() {
        let good = either(list, words);
        return words.next_if_eq(&")").is_some() && good;
    }
    let mut name = words.next().unwrap_or_default().to_owned();
    if words.next_if_eq(&"WITH").is_some() {
        name = format!("{name} WITH {}", words.next().unwrap_or_default());
    }
    list.contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_weighed_as_they_are_written() {
        let list = ["MIT", "Apache-2.0", "Unicode-3.0"];
        for terms in [
            "MIT",
            "MIT OR GPL-3.0",
            "GPL-3.0/MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR Apache-2.0",
            "GPL-3.0 AND MIT OR MIT",
        ] {
            assert!(allows(&list, terms), "{terms}");
        }
        for terms in [
            "",
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "(MIT OR GPL-3.0) AND OpenSSL",
            "Apache-2.0 WITH LLVM-exception",
            "MIT MIT",
            "(MIT",
        ] {
            assert!(!allows(&list, terms), "{terms}");
        }
    }

    #[test]
    fn the_list_is_read_from_its_own_section() {
        let deny = "[sources]\nallow = [\n  \"no\",\n]\n[licenses]\n# \"not this\"\nallow = [\n  \"MIT\",\n  \"ISC\", # \n]\n[bans]\nallow = [\"no\"]\n";
        assert_eq!(allow_list(deny), ["MIT", "ISC"]);
    }

    #[test]
    fn this_repository_keeps_to_it() {
        assert_eq!(allowed(&Tree::read().unwrap()), []);
        let nothing = Tree::of(&[("deny.toml", "[licenses]\nallow = [\n]\n")]);
        assert!(allowed(&nothing).len() > 100);
    }
}
