//! Rules of offers.
