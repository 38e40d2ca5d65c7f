//! What a purchase asks of pre-orders: what is promised now, whether that stands at the tap, and that it was sold, or taken back.

use super::arrive::{cover, tidy};
use super::model::{Offered, Preorder, PreorderState, QuotedPreorder, Sale, SaleState};
use super::store;
use crate::db::Tx;
use crate::inventory::Restock;
use crate::kernel::{Error, LocationId, OrderId, Result, ShopId, Time, VariantId};

/// What can be pre-ordered of a variant now.
pub fn offered(tx: &mut Tx<'_>, shop: ShopId, variant: VariantId) -> Result<Option<Offered>> {
    let now = tx.now();
    let in_the_shop = |open: &Preorder| !open.is_in_drop() && is_promised(open, now);
    let Some(open) = store::open_of(tx, shop, variant)?.filter(in_the_shop) else {
        return Ok(None);
    };
    Ok(store::stock(tx, &open)?.map(|row| Offered {
        quoted: QuotedPreorder {
            id: open.id,
            ships_by: open.ships_by,
        },
        left: row.left(),
        in_checkouts: row.reserved,
        version: row.version,
    }))
}

/// What is promised now of a variant that a drop sells, by the drop's place.
pub fn offered_in_drop(tx: &mut Tx<'_>, place: LocationId, variant: VariantId) -> Result<Option<QuotedPreorder>> {
    let now = tx.now();
    let known = store::at(tx, place, variant)?;
    let open = known.filter(|known| known.state == PreorderState::Open && is_promised(known, now));
    Ok(open.map(|open| QuotedPreorder {
        id: open.id,
        ships_by: open.ships_by,
    }))
}

/// Nobody is promised a day that has passed.
fn is_promised(preorder: &Preorder, now: Time) -> bool {
    !preorder.late && preorder.ships_by > now
}

/// Whether what was shown is promised still: not for a later day, and not by a shop that takes no more.
pub fn promise_stands(tx: &mut Tx<'_>, shop: ShopId, shown: &QuotedPreorder) -> Result<bool> {
    let now = tx.now();
    let known = store::find(tx, shop, shown.id)?.filter(|known| is_promised(known, now));
    Ok(known.is_some_and(|known| known.state == PreorderState::Open && known.ships_by <= shown.ships_by))
}

/// A line of an order was sold as a pre-order: written with the order. What is there already is theirs, if nobody waits before them.
pub fn sold(
    tx: &mut Tx<'_>,
    shop: ShopId,
    (order, line): (OrderId, u32),
    promised: &QuotedPreorder,
    units: u32,
) -> Result<()> {
    // From here to the end of the transaction nobody else moves it.
    let preorder = store::hold_still(tx, shop, promised.id)?
        .ok_or_else(|| Error::internal("a line was sold of a pre-order that is not there"))?;
    // Who paid while the day was moved is told with the others.
    let tell = preorder.ships_by > promised.ships_by || preorder.late;
    let sale = Sale {
        order,
        line,
        preorder: preorder.id,
        units,
        state: SaleState::Waiting,
        promised: promised.ships_by,
    };
    store::insert_sale(tx, shop, &sale, tell)?;
    cover(tx, preorder)?;
    Ok(())
}

/// Units of an order's line were canceled or came back, and stock has them back already. What was waited for is expected still; what was there is for the
/// next who waits. Costs one statement for an order without pre-orders' lines at this place.
pub fn given_back(
    tx: &mut Tx<'_>,
    shop: ShopId,
    (order, line): (OrderId, u32),
    units: u32,
    how: Restock,
) -> Result<()> {
    let Some(sale) = store::sale(tx, order, line)?.filter(|_| !mutant!("D2-preorder")) else {
        return Ok(());
    };
    let Some(preorder) = store::hold_still(tx, shop, sale.preorder)? else {
        return Ok(());
    };
    // What arrived meanwhile may have made it theirs.
    let Some(sale) = store::sale(tx, order, line)? else {
        return Ok(());
    };
    store::less(tx, &sale, units)?;
    let units = i64::from(units);
    if mutant!("D4-preorder") {
        return Ok(()); // What had arrived for them stays nobody's.
    }
    let here = sale.state == SaleState::Here;
    let gone = how == Restock::WrittenOff || preorder.state == PreorderState::Done;
    if gone {
        // The unit is not here any more: thrown away, or on the shelf, where stock has put it.
        store::shrink(tx, &preorder, units, if here { units } else { 0 })?;
    } else if here {
        store::uncover(tx, &preorder, units)?;
    }
    let preorder = store::load(tx, preorder.id)?;
    let preorder = cover(tx, preorder)?;
    tidy(tx, preorder)
}
