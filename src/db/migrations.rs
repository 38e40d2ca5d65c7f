//! The program's own migrations, in the order in which they run: one list for the shop's data, one for the beacons.

use super::Migration;

/// Shops and everything they sell.
pub const MAIN: &[Migration] = &[
    Migration {
        number: 1,
        name: "spine",
        sql: include_str!("../../migrations/main/0001_spine.sql"),
    },
    Migration {
        number: 2,
        name: "policies",
        sql: include_str!("../../migrations/main/0002_policies.sql"),
    },
    Migration {
        number: 3,
        name: "refused captures",
        sql: include_str!("../../migrations/main/0003_refused_captures.sql"),
    },
    Migration {
        number: 4,
        name: "routing",
        sql: include_str!("../../migrations/main/0004_routing.sql"),
    },
    Migration {
        number: 5,
        name: "promises",
        sql: include_str!("../../migrations/main/0005_promises.sql"),
    },
    Migration {
        number: 6,
        name: "methods",
        sql: include_str!("../../migrations/main/0006_methods.sql"),
    },
    Migration {
        number: 7,
        name: "fewer trees",
        sql: include_str!("../../migrations/main/0007_fewer_trees.sql"),
    },
    Migration {
        number: 8,
        name: "gift cards",
        sql: include_str!("../../migrations/main/0008_gift_cards.sql"),
    },
    Migration {
        number: 9,
        name: "disputes",
        sql: include_str!("../../migrations/main/0009_disputes.sql"),
    },
    Migration {
        number: 10,
        name: "conflicts and strangers",
        sql: include_str!("../../migrations/main/0010_conflicts_and_strangers.sql"),
    },
    Migration {
        number: 11,
        name: "plain checks",
        sql: include_str!("../../migrations/main/0011_plain_checks.sql"),
    },
    Migration {
        number: 12,
        name: "settlement files",
        sql: include_str!("../../migrations/main/0012_settlement_files.sql"),
    },
    Migration {
        number: 13,
        name: "webhooks",
        sql: include_str!("../../migrations/main/0013_webhooks.sql"),
    },
    Migration {
        number: 14,
        name: "drops",
        sql: include_str!("../../migrations/main/0014_drops.sql"),
    },
    Migration {
        number: 15,
        name: "door",
        sql: include_str!("../../migrations/main/0015_door.sql"),
    },
    Migration {
        number: 16,
        name: "pricing",
        sql: include_str!("../../migrations/main/0016_pricing.sql"),
    },
    Migration {
        number: 17,
        name: "changes",
        sql: include_str!("../../migrations/main/0017_changes.sql"),
    },
    Migration {
        number: 18,
        name: "windows and pre-orders",
        sql: include_str!("../../migrations/main/0018_windows_and_preorders.sql"),
    },
    Migration {
        number: 19,
        name: "store credit and exchanges",
        sql: include_str!("../../migrations/main/0019_store_credit_and_exchanges.sql"),
    },
    Migration {
        number: 20,
        name: "erasures",
        sql: include_str!("../../migrations/main/0020_erasures.sql"),
    },
    Migration {
        number: 21,
        name: "shortages",
        sql: include_str!("../../migrations/main/0021_shortages.sql"),
    },
    Migration {
        number: 22,
        name: "counted",
        sql: include_str!("../../migrations/main/0022_counted.sql"),
    },
    Migration {
        number: 23,
        name: "cooling",
        sql: include_str!("../../migrations/main/0023_cooling.sql"),
    },
    Migration {
        number: 24,
        name: "cards",
        sql: include_str!("../../migrations/main/0024_cards.sql"),
    },
    Migration {
        number: 25,
        name: "drop preorders",
        sql: include_str!("../../migrations/main/0025_drop_preorders.sql"),
    },
];

/// What players saw, in a file and lane of its own.
pub const EVENTS: &[Migration] = &[Migration {
    number: 1,
    name: "events",
    sql: include_str!("../../migrations/events/0001_events.sql"),
}];
