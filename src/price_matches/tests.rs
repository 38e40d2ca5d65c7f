//! What can be matched, and how far it is.

use super::model::{NewPrice, Progress, checked};
use crate::kernel::{Id, VariantId};
use uuid::Uuid;

fn price(variant: u128, unit_minor: i64) -> NewPrice {
    NewPrice {
        variant: VariantId::from_uuid(Uuid::from_u128(variant)),
        unit_minor,
    }
}

#[test]
fn each_variant_has_one_new_price_and_none_is_below_nothing() {
    assert!(checked(&[price(1, 900), price(2, 0)]).is_ok());
    for wrong in [vec![], vec![price(1, -1)], vec![price(1, 1), price(1, 2)]] {
        assert!(checked(&wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn progress_counts_what_is_done_with() {
    let progress = Progress {
        orders: 8,
        done: 4,
        skipped: 1,
        waiting: 2,
        later: 1,
        ..Progress::default()
    };
    assert_eq!((progress.percent(), Progress::default().percent()), (62, 100));
}
