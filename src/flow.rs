//! Who acts on which fact. Each act runs in the transaction that takes the fact from the outbox: exactly once, and never without the other.
//!
//! Tables: none. It deliberately decides nothing: a line names a fact and the verbs that follow from it.

use crate::db::Tx;
use crate::fulfilment;
use crate::kernel::{Fact, Result};

/// Acts on one fact. May run again if its transaction was lost, never after it was committed.
pub fn act(tx: &mut Tx<'_>, fact: &Fact) -> Result<()> {
    match *fact {
        Fact::OrderConfirmed { shop, order, .. } => fulfilment::open(tx, shop, order),
        Fact::OrderCanceled { shop, order } => fulfilment::cancel(tx, shop, order),
        Fact::ShipmentHandedOver { .. } | Fact::PaymentCaptured { .. } | Fact::OrderRefunded { .. } => Ok(()),
    }
}
