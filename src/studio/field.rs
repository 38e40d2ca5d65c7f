//! A form that can be refused without losing anything: each field keeps what was typed beside what is wrong with it.

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
