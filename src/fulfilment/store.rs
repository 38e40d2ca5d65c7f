//! All SQL on work and parcels.

use super::model::{Fulfilment, FulfilmentState, Shipment};
use crate::args;
use crate::checkout::Ship;
use crate::db::{FromRow, Json, Row, Tx};
use crate::kernel::{OrderId, PartyId, Result, ShopId, Time};

impl FromRow for Fulfilment {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            order: row.get(0)?,
            shop: row.get(1)?,
            partner: row.get(2)?,
            state: row.get(3)?,
            promised_from: row.get(4)?,
            promised_until: row.get(5)?,
            version: row.get(6)?,
            created_at: row.get(7)?,
        })
    }
}

impl FromRow for Shipment {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            order: row.get(1)?,
            number: row.get(2)?,
            carrier: row.get(3)?,
            tracking: row.get(4)?,
            lines: row.get::<Json<Vec<Ship>>>(5)?.0,
            handed_over_at: row.get(6)?,
        })
    }
}

/// Writes down the work on an order once.
pub(super) fn insert(
    tx: &mut Tx<'_>,
    (order, shop): (OrderId, ShopId),
    state: FulfilmentState,
    partner: Option<PartyId>,
    promise: Option<(Time, Time)>,
) -> Result<()> {
    tx.together(
        order,
        "insert into fulfilments (order_id, shop_id, partner_id, state, promised_from, promised_until, version, created_at, changed_at)
         values ($1, $2, $3, $4, $5, $6, 1, $7, $7)",
        args![order, shop, partner, state, promise.map(|promise| promise.0), promise.map(|promise| promise.1), tx.now()],
    )
}

/// The work on an order of a shop.
pub fn find(tx: &mut Tx<'_>, shop: ShopId, order: OrderId) -> Result<Option<Fulfilment>> {
    tx.maybe_one(
        "select order_id, shop_id, partner_id, state, promised_from, promised_until, version, created_at
           from fulfilments where shop_id = $1 and order_id = $2",
        args![shop, order],
    )
}

/// Work that is still to be done, oldest first; of one partner, or of everybody.
pub fn open_orders(tx: &mut Tx<'_>, shop: ShopId, partner: Option<PartyId>, limit: i64) -> Result<Vec<Fulfilment>> {
    match partner {
        Some(partner) => tx.all(
            "select order_id, shop_id, partner_id, state, promised_from, promised_until, version, created_at from fulfilments
              where shop_id = $1 and state in ('open', 'accepted', 'in_fulfilment') and partner_id = $2 order by created_at, order_id limit $3",
            args![shop, partner, limit],
        ),
        None => tx.all(
            "select order_id, shop_id, partner_id, state, promised_from, promised_until, version, created_at from fulfilments
              where shop_id = $1 and state in ('open', 'accepted', 'in_fulfilment') order by created_at, order_id limit $2",
            args![shop, limit],
        ),
    }
}

/// Moves the work from the state it was read in.
pub(super) fn advance(tx: &mut Tx<'_>, work: &Fulfilment, to: FulfilmentState) -> Result<()> {
    tx.change_one(
        "update fulfilments set state = $4, version = version + 1, changed_at = $5 where order_id = $1 and state = $2 and version = $3",
        args![work.order, work.state, work.version, to, tx.now()],
    )
}

/// Writes a parcel down once: its id is chosen by whoever hands it over. False: it was before.
pub(super) fn insert_shipment(tx: &mut Tx<'_>, shop: ShopId, shipment: &Shipment) -> Result<bool> {
    let done = tx.exec(
        "insert into shipments (id, order_id, shop_id, number, carrier, tracking, lines, handed_over_at) values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (id) do nothing",
        args![
            shipment.id,
            shipment.order,
            shop,
            shipment.number,
            shipment.carrier,
            shipment.tracking,
            Json(&shipment.lines),
            shipment.handed_over_at
        ],
    )?;
    Ok(done == 1)
}

/// The parcels of an order, in order.
pub fn shipments(tx: &mut Tx<'_>, shop: ShopId, order: OrderId) -> Result<Vec<Shipment>> {
    tx.all(
        "select id, order_id, number, carrier, tracking, lines, handed_over_at from shipments where shop_id = $1 and order_id = $2 order by number limit 100",
        args![shop, order],
    )
}

/// With a parcel's number its carrier knows who got it.
pub fn erase(tx: &mut Tx<'_>, order: OrderId) -> Result<()> {
    tx.put("update shipments set tracking = '' where order_id = $1", args![order])
}

/// Rows that break a promise of this module: empty, always, once the facts have been acted on.
pub fn check(tx: &mut Tx<'_>) -> Result<Vec<String>> {
    let idle: Vec<(OrderId,)> = tx.all(
        "select fulfilments.order_id from fulfilments where state = 'fulfilled'
            and not exists (select 1 from shipments where shipments.order_id = fulfilments.order_id) limit 20",
        &[],
    )?;
    Ok(idle
        .iter()
        .map(|(order,)| format!("I13 {order} is fulfilled and nothing was shipped"))
        .collect())
}
