//! Hawker: short video into reliable revenue.
