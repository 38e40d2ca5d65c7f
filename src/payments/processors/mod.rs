//! Adapters: stateless translators between our questions and a provider's words. They never decide, and say honestly what they do not know.

mod manual;

pub use manual::Manual;
