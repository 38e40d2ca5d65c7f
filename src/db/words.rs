//! Enums that are one word in a column, in JSON and in a form: the word is written once.

/// Declares such an enum: `words! { pub enum Kind { Physical = "physical", Digital = "digital" } }`.
#[macro_export]
macro_rules! words {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        $(#[$meta])*
        pub enum $name {
            // The description's macro does not see through the word of serde's.
            $($(#[$doc])* #[serde(rename = $word)] #[schema(rename = $word)] $variant,)+
        }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::kernel::Error;
            fn from_str(word: &str) -> $crate::kernel::Result<Self> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::kernel::Error::invalid("unknown_word", concat!("Expected one of:" $(, " ", $word)+, "."))),
                }
            }
        }

        impl $crate::db::Bind for $name {
            fn value(&self) -> $crate::db::Value<'_> {
                $crate::db::Value::Text(std::borrow::Cow::Borrowed(self.word()))
            }
        }

        impl $crate::db::Column for $name {
            fn read(cell: $crate::db::Cell<'_>) -> $crate::kernel::Result<Self> {
                match cell {
                    $($crate::db::Cell::Text($word) => Ok(Self::$variant),)+
                    _ => Err($crate::kernel::Error::internal(format!("expected a word of {} in a column, found {cell:?}", stringify!($name)))),
                }
            }
        }
    };
}
