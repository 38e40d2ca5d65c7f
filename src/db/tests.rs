//! Stories of the lanes.
