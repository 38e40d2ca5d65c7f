//! A figure: a number, its change, its picture.

use super::chart::{self, Svg};
use super::frame::Tone;

/// How the number moved against the period before.
pub struct Change {
    /// Says the direction in words as well: "18 % more than last Saturday".
    pub text: String,
    pub tone: Tone,
    pub up: bool,
}

/// One number worth looking at.
pub struct Figure {
    pub label: String,
    pub value: String,
    pub change: Option<Change>,
    /// A small line without axes; the number beside it is what counts.
    pub spark: Option<Svg>,
    pub link: Option<String>,
}

impl Figure {
    pub fn new(label: &str, value: &str) -> Self {
        Self {
            label: label.into(),
            value: value.into(),
            change: None,
            spark: None,
            link: None,
        }
    }

    pub fn changed(self, tone: Tone, up: bool, text: &str) -> Self {
        Self {
            change: Some(Change {
                text: text.into(),
                tone,
                up,
            }),
            ..self
        }
    }

    pub fn with_spark(self, values: &[u32], words: &str) -> Self {
        Self {
            spark: Some(chart::spark(values, words)),
            ..self
        }
    }

    pub fn to(self, link: &str) -> Self {
        Self {
            link: Some(link.into()),
            ..self
        }
    }
}
