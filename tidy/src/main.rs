//! `cargo run -p tidy`: the rules of this repository that a compiler cannot know.
//!
//! Each rule is one file with one public function that takes the tree and returns findings. A finding names the file,
//! the line, the rule and what to do. Rules look at text; none of them builds the code, so a run takes a second.

mod assets;
mod crates;
mod dependencies;
mod documents;
mod front_pages;
mod imports;
mod licenses;
mod names;
mod rust_text;
mod sql;
mod tables;
mod tree;
mod words;

use std::process::ExitCode;

use tree::{Finding, Tree};

type Rule = (&'static str, fn(&Tree) -> Vec<Finding>);

const RULES: &[Rule] = &[
    ("import-direction", imports::direction),
    ("foreign-store", imports::foreign_store),
    ("sql-place", sql::place),
    ("table-owner", tables::owner),
    ("front-page", front_pages::present),
    ("module-folder", front_pages::folders),
    ("vague-name", names::vague),
    ("dead-template", assets::templates),
    ("dead-asset", assets::assets),
    ("document-path", documents::paths),
    ("forbidden-word", words::forbidden),
    ("machine-path", words::machine_paths),
    ("dependency-reason", dependencies::reasons),
    ("crate-tree", crates::tree),
    ("license", licenses::allowed),
];

fn main() -> ExitCode {
    let tree = match Tree::read() {
        Ok(tree) => tree,
        Err(error) => {
            eprintln!("tidy: cannot read the repository: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut failed = 0;
    for (name, rule) in RULES {
        let findings = rule(&tree);
        for finding in &findings {
            println!("{}:{}: {name}: {}", finding.path, finding.line, finding.message);
        }
        failed += usize::from(!findings.is_empty());
    }
    println!("{} passed, {failed} failed", RULES.len() - failed);
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
