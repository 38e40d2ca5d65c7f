//! What goes into a statement and comes out of a row: integers, text and bytes, the three types both engines share.

use crate::kernel::{Currency, Error, Id, Money, Result, Time};
use std::borrow::Cow;

/// A bound parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    Null,
    Int(i64),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    Uuid([u8; 16]),
}

impl Value<'_> {
    /// The same value without its borrow.
    pub(super) fn owned(&self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Int(value) => Value::Int(*value),
            Self::Text(text) => Value::Text(Cow::Owned(text.clone().into_owned())),
            Self::Bytes(bytes) => Value::Bytes(Cow::Owned(bytes.clone().into_owned())),
            Self::Uuid(bytes) => Value::Uuid(*bytes),
        }
    }
}

/// A cell of a row, borrowed from the engine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    Null,
    Int(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

/// Anything that can be bound.
pub trait Bind {
    fn value(&self) -> Value<'_>;
}

/// Anything a cell can be read as.
pub trait Column: Sized {
    fn read(cell: Cell<'_>) -> Result<Self>;
}

/// Parameters of a statement: `args![shop, id, tx.now()]`.
#[macro_export]
macro_rules! args {
    ($($value:expr),* $(,)?) => { &[$($crate::db::Bind::value(&$value)),*] };
}

fn mismatch(expected: &'static str, cell: Cell<'_>) -> Error {
    Error::internal(format!("expected {expected} in a column, found {cell:?}"))
}

macro_rules! integers {
    ($($type:ty)*) => {$(
        impl Bind for $type {
            fn value(&self) -> Value<'_> { Value::Int(i64::from(*self)) }
        }
        impl Column for $type {
            fn read(cell: Cell<'_>) -> Result<Self> {
                match cell {
                    Cell::Int(value) => Self::try_from(value).map_err(|_| mismatch(stringify!($type), cell)),
                    _ => Err(mismatch(stringify!($type), cell)),
                }
            }
        }
    )*};
}
integers!(i64 i32 u32 u16 u8);

impl Bind for bool {
    fn value(&self) -> Value<'_> {
        Value::Int(i64::from(*self))
    }
}
impl Column for bool {
    fn read(cell: Cell<'_>) -> Result<Self> {
        match cell {
            Cell::Int(value) => Ok(value != 0),
            _ => Err(mismatch("a truth value", cell)),
        }
    }
}
impl Bind for str {
    fn value(&self) -> Value<'_> {
        Value::Text(Cow::Borrowed(self))
    }
}
impl Bind for String {
    fn value(&self) -> Value<'_> {
        Value::Text(Cow::Borrowed(self))
    }
}
impl Column for String {
    fn read(cell: Cell<'_>) -> Result<Self> {
        match cell {
            Cell::Text(text) => Ok(text.to_owned()),
            _ => Err(mismatch("text", cell)),
        }
    }
}
impl Bind for [u8] {
    fn value(&self) -> Value<'_> {
        Value::Bytes(Cow::Borrowed(self))
    }
}
impl Bind for Vec<u8> {
    fn value(&self) -> Value<'_> {
        Value::Bytes(Cow::Borrowed(self))
    }
}
impl<const N: usize> Bind for [u8; N] {
    fn value(&self) -> Value<'_> {
        Value::Bytes(Cow::Borrowed(self))
    }
}
impl Column for Vec<u8> {
    fn read(cell: Cell<'_>) -> Result<Self> {
        match cell {
            Cell::Bytes(bytes) => Ok(bytes.to_vec()),
            _ => Err(mismatch("bytes", cell)),
        }
    }
}
impl<const N: usize> Column for [u8; N] {
    fn read(cell: Cell<'_>) -> Result<Self> {
        match cell {
            Cell::Bytes(bytes) => bytes.try_into().map_err(|_| mismatch("bytes of another length", cell)),
            _ => Err(mismatch("bytes", cell)),
        }
    }
}
impl<T: Id> Bind for T {
    fn value(&self) -> Value<'_> {
        Value::Uuid(*self.uuid().as_bytes())
    }
}
impl<T: Id> Column for T {
    fn read(cell: Cell<'_>) -> Result<Self> {
        match cell {
            Cell::Bytes(bytes) => uuid::Uuid::from_slice(bytes)
                .map(T::from_uuid)
                .map_err(|_| mismatch("an id", cell)),
            _ => Err(mismatch("an id", cell)),
        }
    }
}
impl Bind for Time {
    fn value(&self) -> Value<'_> {
        Value::Int(self.0)
    }
}
impl Column for Time {
    fn read(cell: Cell<'_>) -> Result<Self> {
        i64::read(cell).map(Self)
    }
}
impl Bind for Currency {
    fn value(&self) -> Value<'_> {
        Value::Text(Cow::Borrowed(self.code()))
    }
}
impl Column for Currency {
    fn read(cell: Cell<'_>) -> Result<Self> {
        match cell {
            Cell::Text(code) => code.parse(),
            _ => Err(mismatch("a currency", cell)),
        }
    }
}
impl<T: Bind> Bind for Option<T> {
    fn value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, Bind::value)
    }
}
impl<T: Column> Column for Option<T> {
    fn read(cell: Cell<'_>) -> Result<Self> {
        match cell {
            Cell::Null => Ok(None),
            cell => T::read(cell).map(Some),
        }
    }
}
macro_rules! references {
    ($($type:ty)*) => {$(
        impl Bind for $type {
            fn value(&self) -> Value<'_> { (**self).value() }
        }
    )*};
}
references!(&str & String & [u8]);

/// A structure kept as JSON text: snapshots that must survive edits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T: serde::Serialize> Bind for Json<T> {
    fn value(&self) -> Value<'_> {
        // Our own types serialise: maps have text keys and no number is a float.
        Value::Text(Cow::Owned(serde_json::to_string(&self.0).expect("own types serialise")))
    }
}
impl<T: serde::de::DeserializeOwned> Column for Json<T> {
    fn read(cell: Cell<'_>) -> Result<Self> {
        match cell {
            Cell::Text(text) => serde_json::from_str(text)
                .map(Json)
                .map_err(|error| Error::internal("a stored snapshot cannot be read").because(error)),
            _ => Err(mismatch("JSON", cell)),
        }
    }
}

/// A row of a result, whichever engine it came from.
pub struct Row<'a>(pub(super) RowSource<'a>);

pub(super) enum RowSource<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a tokio_postgres::Row),
}

impl Row<'_> {
    /// Column `index`, from 0.
    pub fn get<T: Column>(&self, index: usize) -> Result<T> {
        match &self.0 {
            RowSource::Sqlite(row) => super::sqlite::cell(row, index).and_then(T::read),
            RowSource::Postgres(row) => super::pg::cell(row, index).and_then(T::read),
        }
    }
    /// An amount and its currency in two neighbouring columns.
    pub fn money(&self, index: usize) -> Result<Money> {
        Ok(Money::new(self.get(index)?, self.get(index + 1)?))
    }
}

/// Anything a whole row can be read as.
pub trait FromRow: Sized {
    fn from_row(row: &Row<'_>) -> Result<Self>;
}

macro_rules! tuples {
    ($(($($name:ident $index:tt),+))+) => {$(
        impl<$($name: Column),+> FromRow for ($($name,)+) {
            fn from_row(row: &Row<'_>) -> Result<Self> { Ok(($(row.get::<$name>($index)?,)+)) }
        }
    )+};
}
tuples! {
    (A 0) (A 0, B 1) (A 0, B 1, C 2) (A 0, B 1, C 2, D 3) (A 0, B 1, C 2, D 3, E 4) (A 0, B 1, C 2, D 3, E 4, F 5)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6) (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7) (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9)
}
