//! Rules of checkouts.
