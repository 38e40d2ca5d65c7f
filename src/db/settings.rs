//! Settings: tables that many read and hardly anybody writes to. One process writes to a file, so it knows when one of them changed, and a reader of the
//! file keeps what it read of them until then, for a second at most.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

/// Whatever is read through [`super::Tx::once`].
pub(super) const TABLES: [&str; 12] = [
    "clips",
    "contracts",
    "delivery_methods",
    "delivery_zones",
    "discounts",
    "installation",
    "prices",
    "products",
    "shops",
    "tax_rates",
    "variants",
    "webhook_endpoints",
];

/// How often each table was written to.
pub(super) type Stamp = [u64; TABLES.len()];

/// Two counts a change: before it is committed and after. While one is odd a change is on its way, and who reads the table may find either side of it; what
/// was read of it between two equal even ones was read as it stood at both.
#[derive(Default)]
pub(super) struct Settings([AtomicU64; TABLES.len()]);

/// The tables a batch wrote to, while it is committed.
pub(super) struct Changing<'a>(&'a Settings, [bool; TABLES.len()]);

impl Settings {
    /// How things stand.
    pub(super) fn stamp(&self) -> Stamp {
        std::array::from_fn(|at| self.0[at].load(Ordering::SeqCst))
    }

    /// A batch that wrote to `touched` is about to be committed. It ends with the value, whatever became of it. One batch of a database at a time does.
    pub(super) fn change(&self, touched: &BTreeSet<&'static str>) -> Changing<'_> {
        let changing = Changing(self, TABLES.map(|table| touched.contains(table)));
        changing.count();
        changing
    }
}

impl Changing<'_> {
    fn count(&self) {
        let counts = self.0.0.iter().zip(self.1);
        for (count, _) in counts.filter(|(_, changes)| *changes) {
            count.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        self.count();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_counts_once_on_its_way_and_once_when_it_came() {
        let settings = Settings::default();
        drop(settings.change(&BTreeSet::from(["orders", "outbox"])));
        assert_eq!(settings.stamp(), Stamp::default(), "orders are no settings");
        let changing = settings.change(&BTreeSet::from(["prices"]));
        let prices = |count| TABLES.map(|table| if table == "prices" { count } else { 0 });
        assert_eq!(settings.stamp(), prices(1));
        drop(changing);
        assert_eq!(settings.stamp(), prices(2));
    }
}
