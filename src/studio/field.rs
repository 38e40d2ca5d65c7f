//! A form that can be refused without losing anything: each field keeps what was typed beside what is wrong with it.

use crate::kernel::{Error, Kind, Result};

/// Inside a command: what was refused as invalid is an answer for the form; anything else breaks the command as usual, so that a lost
/// race is still run again. The verb refuses before it writes.
pub fn refusable<T>(outcome: Result<T>) -> Result<Result<T>> {
    match outcome {
        Err(error) if error.kind != Kind::Invalid => Err(error),
        answer => Ok(answer),
    }
}

/// One field of a form.
#[derive(Clone, Default)]
pub struct Field {
    pub value: String,
    pub error: Option<String>,
}

impl Field {
    pub fn of(value: &str) -> Self {
        Self {
            value: value.into(),
            error: None,
        }
    }

    /// What was typed, with what a verb said against it under this pointer.
    pub fn judged(value: &str, error: &Error, pointer: &str) -> Self {
        let said = error.fields.iter().find(|field| field.pointer == pointer);
        Self {
            value: value.into(),
            error: said.map(|field| field.detail.to_string()),
        }
    }

    /// What was typed, and why it cannot stay so.
    pub fn wrong(value: &str, error: &str) -> Self {
        Self {
            value: value.into(),
            error: Some(error.into()),
        }
    }
}

/// One line of the summary above a refused form; it links to the field.
#[derive(Clone)]
pub struct Problem {
    /// The id of the input to jump to.
    pub field: String,
    pub detail: String,
}

impl Problem {
    pub fn new(field: &str, detail: &str) -> Self {
        Self {
            field: field.into(),
            detail: detail.into(),
        }
    }
}

impl Problem {
    /// The summary of a verb's refusal: for each field it named, the input and its label. `places` is (pointer, input, label).
    pub fn all(error: &Error, places: &[(&str, &str, &str)]) -> Vec<Self> {
        let place = |pointer: &str| places.iter().find(|(known, ..)| *known == pointer);
        let mut problems: Vec<Self> = error
            .fields
            .iter()
            .filter_map(|field| {
                place(&field.pointer).map(|(_, input, label)| Self::new(input, &format!("{label}: {}", field.detail)))
            })
            .collect();
        if problems.is_empty() {
            let said = error.fields.first().map_or(&error.detail, |field| &field.detail);
            problems.push(Self::new("main", said));
        }
        problems
    }

    /// Someone else saved first. The form keeps what was typed and now carries their version.
    pub fn stale() -> Self {
        Self::new(
            "main",
            "Someone changed this while you were typing. Your words are still here: saving again puts them in the place of theirs.",
        )
    }
}

/// One choice of a select, a radio group or a filter.
#[derive(Clone)]
pub struct Choice {
    pub value: String,
    pub label: String,
    pub chosen: bool,
}

impl Choice {
    pub fn new(value: &str, label: &str) -> Self {
        Self {
            value: value.into(),
            label: label.into(),
            chosen: false,
        }
    }

    pub fn chosen(value: &str, label: &str) -> Self {
        Self {
            chosen: true,
            ..Self::new(value, label)
        }
    }
}
