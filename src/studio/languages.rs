//! Languages as the studio offers them: each in its own name, with its direction.

use super::field::Choice;

/// Tag, own name, and whether it is written from right to left.
const KNOWN: [(&str, &str, bool); 12] = [
    ("en", "English", false),
    ("de", "Deutsch", false),
    ("ar", "العربية", true),
    ("fr", "Français", false),
    ("es", "Español", false),
    ("it", "Italiano", false),
    ("nl", "Nederlands", false),
    ("pl", "Polski", false),
    ("pt", "Português", false),
    ("tr", "Türkçe", false),
    ("he", "עברית", true),
    ("ja", "日本語", false),
];

/// The language's own name; a tag we do not know names itself.
pub fn name(tag: &str) -> &str {
    KNOWN
        .iter()
        .find(|(known, ..)| *known == tag)
        .map_or(tag, |(_, name, _)| name)
}

/// The value of `dir`.
pub fn direction(tag: &str) -> &'static str {
    let base = tag.split('-').next().unwrap_or(tag);
    if KNOWN.iter().any(|(known, _, rtl)| *known == base && *rtl) {
        "rtl"
    } else {
        "ltr"
    }
}

/// All languages with one chosen; a chosen one we do not know is offered, too.
pub fn languages(chosen: &str) -> Vec<Choice> {
    let mut choices: Vec<Choice> = KNOWN
        .iter()
        .map(|(tag, name, _)| Choice {
            chosen: *tag == chosen,
            ..Choice::new(tag, name)
        })
        .collect();
    if !choices.iter().any(|choice| choice.chosen) && !chosen.is_empty() {
        choices.push(Choice::chosen(chosen, chosen));
    }
    choices
}
