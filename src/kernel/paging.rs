//! Lists: `?limit=&after=` in, `{"data": [...], "next": "…"}` out. Paged by key, never by offset.

use serde::{Deserialize, Serialize};

/// What a list is asked for.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageIn {
    /// At most this many, 1 to 100; 20 if absent.
    #[param(minimum = 1, maximum = 100)]
    #[serde(default, deserialize_with = "one_to_a_hundred")]
    pub limit: Option<u32>,
    /// The `next` of the page before.
    pub after: Option<String>,
}

/// A page of things and the key to go on from, if there is more.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub data: Vec<T>,
    pub next: Option<String>,
}

/// A page on the wire.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct PageOut<T> {
    pub data: Vec<T>,
    pub next: Option<String>,
}

fn one_to_a_hundred<'de, D: serde::Deserializer<'de>>(reader: D) -> Result<Option<u32>, D::Error> {
    let limit = Option::<u32>::deserialize(reader)?;
    match limit {
        Some(0 | 101..) => Err(serde::de::Error::custom("a page has 1 to 100 entries")),
        _ => Ok(limit),
    }
}

impl PageIn {
    pub fn limit(&self) -> i64 {
        i64::from(self.limit.unwrap_or(20).clamp(1, 100))
    }
    /// The parsed `after`. Errors: `invalid_id`.
    pub fn after<T: std::str::FromStr<Err = super::Error>>(&self) -> super::Result<Option<T>> {
        self.after
            .as_deref()
            .filter(|after| !after.is_empty())
            .map(str::parse)
            .transpose()
    }
}

impl<T> Page<T> {
    /// Cuts rows that were read with `limit + 1`; `key` names the last row kept.
    pub fn cut(mut data: Vec<T>, limit: i64, key: impl Fn(&T) -> String) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = data.len() > limit;
        data.truncate(limit);
        let next = data.last().filter(|_| more).map(key);
        Self { data, next }
    }
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> PageOut<U> {
        PageOut {
            data: self.data.into_iter().map(f).collect(),
            next: self.next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_more_or_less_than_it_can_hold_is_refused() {
        let asked = |query| serde_html_form::from_str::<PageIn>(query).map(|page| page.limit());
        assert_eq!(asked("").unwrap(), 20);
        assert_eq!(asked("limit=1").unwrap(), 1);
        assert_eq!(asked("limit=100").unwrap(), 100);
        assert!(asked("limit=0").is_err() && asked("limit=101").is_err());
    }
}
