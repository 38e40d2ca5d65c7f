//! Mistakes on purpose, for the simulator to find. In every other build a mutant is the constant `false`.

/// Whether this mistake is to be made: `mutant!("D2")`. Chosen by the environment, `HAWKER_MUTANT=D2`.
macro_rules! mutant {
    ($name:literal) => {
        cfg!(feature = "sim") && $crate::kernel::mutant::is_chosen($name)
    };
}

/// Whether the simulator chose this mistake.
pub fn is_chosen(name: &str) -> bool {
    static CHOSEN: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    CHOSEN.get_or_init(|| std::env::var("HAWKER_MUTANT").unwrap_or_default()) == name
}
