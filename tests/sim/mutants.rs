//! The mistakes that are built in on purpose, one at a time, and what each is: the simulator has to find every one of them.

/// Name (the failure it makes, as the tests call it) and mistake.
pub const MUTANTS: &[(&str, &str)] = &[
    ("D1", "units are reserved without looking whether there are any"),
    ("D2", "a reservation that ends gives its units back twice"),
    ("D2-cancel", "a canceled order keeps its units sold"),
    ("D4", "late money becomes an order although the units are gone"),
    ("D7", "nobody ends reservations whose time is up"),
    ("D8", "an order is born without its lines"),
    ("D9", "a count of stock forgets what is sold and reserved"),
    ("D10", "the same tap again is taken for a new one"),
    ("F2", "parcels leave without their units being counted"),
    ("F4", "the lines of a canceled order are not counted as canceled"),
    ("F5", "the work on a canceled order stays open"),
    ("I13", "a parcel leaves although its promise is over"),
    ("I16", "nobody asks again about a capture without an answer"),
    ("I16-refund", "nobody asks again about a refund without an answer"),
    ("I26", "transfers are never sealed"),
    ("L1", "a refund is booked the wrong way round"),
    ("L2", "money is taken without a transfer"),
    ("L2-refund", "money is given back without a transfer"),
    ("L3", "shares of a partial sum are rounded down, each by itself"),
    ("P2", "no answer is taken for a no"),
    (
        "P2-late",
        "nobody looks again for a payment that was believed not to exist",
    ),
    ("P3", "nobody asks about an attempt that a crash left on its way"),
    ("P4-extra", "a promise that nobody wants any more is kept"),
    ("P5", "the same answer to a capture counts twice"),
    ("P8", "money that came too late is not let go"),
    ("P8-cancel", "the money of a canceled order is not let go"),
    ("P9", "a promise that is over is counted on"),
    ("P9-twice", "the promise before a renewal is not let go"),
    ("P10", "a capture without an answer is taken for refused"),
    ("P10-unreserved", "a capture is not set aside before it is asked for"),
    ("P11", "whatever is answered to a void, it is taken for done"),
    ("P13", "a refund is not set aside before it is asked for"),
    ("P14", "the same answer to a refund counts twice"),
    ("P15", "a refund that never left is taken for done"),
    (
        "P17",
        "what the resolver and notices learn of a payment changes no checkout",
    ),
    ("S1", "commits are acknowledged before they are on the disk"),
    ("W0", "a confirmed order is not made known"),
    ("W1", "of many facts at once one is dropped"),
];

/// One that has to be found in every run of the tests.
pub const CANARY: &str = "D2";
