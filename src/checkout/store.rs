//! All SQL on checkouts, orders and their adjustments.

use super::model::{
    Address, Adjustment, AdjustmentKind, Checkout, CheckoutState, Contact, Frozen, Order, OrderLine, Waiting,
};
use crate::args;
use crate::db::{FromRow, Json, Row, Tx};
use crate::kernel::{
    AdjustmentId, CheckoutId, ClipId, Currency, Error, Id, LocationId, OrderId, Page, Rate, Result, ShopId, StaffId,
    Time, VariantId,
};

impl FromRow for Checkout {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        checkout_at(row, 0)
    }
}

/// A checkout in the 12 columns from `at`.
fn checkout_at(row: &Row<'_>, at: usize) -> Result<Checkout> {
    let address: String = row.get(at + 8)?;
    let broken = |error| Error::internal("a stored address cannot be read").because(error);
    Ok(Checkout {
        id: row.get(at)?,
        shop: row.get(at + 1)?,
        state: row.get(at + 2)?,
        version: row.get(at + 3)?,
        fingerprint: row.get(at + 4)?,
        lane: row.get(at + 5)?,
        offer: row.get::<Json<Frozen>>(at + 6)?.0,
        contact: row.get::<Json<Contact>>(at + 7)?.0,
        address: if address.is_empty() {
            None
        } else {
            Some(serde_json::from_str(&address).map_err(broken)?)
        },
        created_at: row.get(at + 9)?,
        changed_at: row.get(at + 10)?,
        expires_at: row.get(at + 11)?,
    })
}

fn address_text(address: Option<&Address>) -> String {
    address.map_or_else(String::new, |address| {
        serde_json::to_string(address).expect("an address serialises")
    })
}

/// Writes a new checkout. If its id was taken since [`of_whoever`] found nobody, the whole command runs again and finds them.
pub(super) fn insert(tx: &mut Tx<'_>, checkout: &Checkout) -> Result<()> {
    let total = checkout.total();
    tx.together(
        checkout.id,
        "insert into checkouts (id, shop_id, state, version, fingerprint, lane, offer, contact, address, total_minor, currency, clip_id,
                                created_at, changed_at, expires_at, next_check_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $14, $14) on conflict (id) do nothing",
        args![
            checkout.id,
            checkout.shop,
            checkout.state,
            checkout.version,
            checkout.fingerprint,
            checkout.lane,
            Json(&checkout.offer),
            Json(&checkout.contact),
            address_text(checkout.address.as_ref()),
            total.minor,
            total.currency,
            checkout.offer.quote.seen.map(|seen| seen.clip),
            checkout.created_at,
            checkout.expires_at
        ],
    )
}

/// A checkout of a shop.
pub fn find(tx: &mut Tx<'_>, shop: ShopId, id: CheckoutId) -> Result<Option<Checkout>> {
    tx.maybe_one(
        "select id, shop_id, state, version, fingerprint, lane, offer, contact, address, created_at, changed_at, expires_at
           from checkouts where shop_id = $1 and id = $2",
        args![shop, id],
    )
}

/// The checkout with this id, whichever shop's it is.
pub(super) fn of_whoever(tx: &mut Tx<'_>, id: CheckoutId) -> Result<Option<Checkout>> {
    tx.maybe_one_of(
        id,
        "select id, shop_id, state, version, fingerprint, lane, offer, contact, address, created_at, changed_at, expires_at
           from checkouts where id = $1",
        args![id],
    )
}

/// A checkout whose id we looked up ourselves.
pub(super) fn load(tx: &mut Tx<'_>, id: CheckoutId) -> Result<Checkout> {
    of_whoever(tx, id)?.ok_or_else(|| Error::not_found("checkout"))
}

/// Moves a checkout from the state and version it was read with.
pub(super) fn advance(tx: &mut Tx<'_>, checkout: &Checkout, to: CheckoutState, expires_at: Time) -> Result<()> {
    let next_check_at = to.is_open().then_some(expires_at);
    tx.together(
        checkout.id,
        "update checkouts set state = $4, version = version + 1, changed_at = $5, expires_at = $6, next_check_at = $7
          where id = $1 and state = $2 and version = $3",
        args![
            checkout.id,
            checkout.state,
            checkout.version,
            to,
            tx.now(),
            expires_at,
            next_check_at
        ],
    )
}

/// Rewrites what the buyer said, and the offer they accepted, while nothing was paid.
pub(super) fn amend(tx: &mut Tx<'_>, before: &Checkout, after: &Checkout) -> Result<()> {
    let total = after.total();
    tx.change_one(
        "update checkouts set state = $4, version = version + 1, changed_at = $5, offer = $6, contact = $7, address = $8, total_minor = $9
          where id = $1 and state = $2 and version = $3",
        args![
            before.id,
            before.state,
            before.version,
            after.state,
            tx.now(),
            Json(&after.offer),
            Json(&after.contact),
            address_text(after.address.as_ref()),
            total.minor
        ],
    )
}

/// Writes that a checkout follows a purchase. False: something with these lines does already.
pub(super) fn add(tx: &mut Tx<'_>, first: CheckoutId, lines: &str, checkout: &Checkout) -> Result<bool> {
    let added = tx.exec(
        "insert into upsells (first_id, lines, shop_id, checkout_id, created_at) values ($1, $2, $3, $4, $5) on conflict (first_id, lines) do nothing",
        args![first, lines, checkout.shop, checkout.id, tx.now()],
    )?;
    Ok(added == 1)
}

/// Takes the place of one that came to nothing. A statement of its own: only then it sees what the one before it waited for.
pub(super) fn add_again(tx: &mut Tx<'_>, first: CheckoutId, lines: &str, checkout: &Checkout) -> Result<bool> {
    let changed = tx.exec(
        "update upsells set checkout_id = $3, created_at = $4
          where first_id = $1 and lines = $2 and checkout_id in (select id from checkouts where state in ('canceled', 'expired'))",
        args![first, lines, checkout.id, tx.now()],
    )?;
    Ok(changed == 1)
}

/// What follows a purchase already, as variants and quantities.
pub(super) fn added(tx: &mut Tx<'_>, first: CheckoutId) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = tx.all(
        "select u.lines from upsells u join checkouts c on c.id = u.checkout_id
          where u.first_id = $1 and c.state not in ('canceled', 'expired') limit 100",
        args![first],
    )?;
    Ok(rows.into_iter().map(|(lines,)| lines).collect())
}

/// The purchase a checkout follows.
pub fn follows(tx: &mut Tx<'_>, shop: ShopId, checkout: CheckoutId) -> Result<Option<CheckoutId>> {
    let found: Option<(CheckoutId,)> = tx.maybe_one(
        "select first_id from upsells where shop_id = $1 and checkout_id = $2",
        args![shop, checkout],
    )?;
    Ok(found.map(|(first,)| first))
}

/// Open checkouts whose time has come, oldest first.
pub(super) fn due(tx: &mut Tx<'_>, most: i64) -> Result<Vec<(CheckoutId, i64)>> {
    tx.all(
        "select id, lane from checkouts where next_check_at is not null and next_check_at <= $1 order by next_check_at limit $2",
        args![tx.now(), most],
    )
}

/// Puts the next look at a checkout off.
pub(super) fn look_again(tx: &mut Tx<'_>, id: CheckoutId, at: Time) -> Result<()> {
    tx.put(
        "update checkouts set next_check_at = $2 where id = $1 and next_check_at is not null",
        args![id, at],
    )
}

impl FromRow for Order {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            shop: row.get(1)?,
            checkout: row.get(2)?,
            number: row.get(3)?,
            currency: row.get(4)?,
            total_minor: row.get(5)?,
            tax_minor: row.get(6)?,
            delivery_minor: row.get(7)?,
            country: row.get(8)?,
            email: row.get(9)?,
            confirmed_at: row.get(10)?,
            canceled_at: row.get(11)?,
            version: row.get(12)?,
        })
    }
}

pub(super) fn insert_order(tx: &mut Tx<'_>, order: &Order) -> Result<()> {
    tx.together(
        order.id,
        "insert into orders (id, shop_id, checkout_id, number, currency, total_minor, tax_minor, delivery_minor, country, email, confirmed_at, version)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        args![
            order.id,
            order.shop,
            order.checkout,
            order.number,
            order.currency,
            order.total_minor,
            order.tax_minor,
            order.delivery_minor,
            order.country,
            order.email,
            order.confirmed_at,
            order.version
        ],
    )
}

/// An order with the checkout it was born from.
struct Born(Order, Checkout, Option<Time>);

impl FromRow for Born {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self(Order::from_row(row)?, checkout_at(row, 13)?, row.get(25)?))
    }
}

/// An order of a shop with the checkout it was born from, and since when that says nothing of its buyer any more.
pub(super) fn find_born(tx: &mut Tx<'_>, shop: ShopId, id: OrderId) -> Result<Option<(Order, Checkout, Option<Time>)>> {
    let found: Option<Born> = tx.maybe_one_of(
        id,
        "select o.id, o.shop_id, o.checkout_id, o.number, o.currency, o.total_minor, o.tax_minor, o.delivery_minor, o.country, o.email,
                o.confirmed_at, o.canceled_at, o.version,
                c.id, c.shop_id, c.state, c.version, c.fingerprint, c.lane, c.offer, c.contact, c.address, c.created_at, c.changed_at, c.expires_at,
                c.erased_at
           from orders o join checkouts c on c.id = o.checkout_id where o.shop_id = $1 and o.id = $2",
        args![shop, id],
    )?;
    Ok(found.map(|Born(order, checkout, erased_at)| (order, checkout, erased_at)))
}

pub(super) fn find_order(tx: &mut Tx<'_>, shop: ShopId, id: OrderId) -> Result<Option<Order>> {
    tx.maybe_one(
        "select id, shop_id, checkout_id, number, currency, total_minor, tax_minor, delivery_minor, country, email, confirmed_at, canceled_at, version
           from orders where shop_id = $1 and id = $2",
        args![shop, id],
    )
}

/// Newest first.
pub(super) fn list_orders(tx: &mut Tx<'_>, shop: ShopId, after: Option<OrderId>, limit: i64) -> Result<Page<Order>> {
    let before: Option<(Time, OrderId)> = match after {
        Some(after) => tx.maybe_one(
            "select confirmed_at, id from orders where shop_id = $1 and id = $2",
            args![shop, after],
        )?,
        None => None,
    };
    let (at, id) = before.map_or((Time(i64::MAX), None), |(at, id)| (at, Some(id)));
    let rows: Vec<Order> = match id {
        Some(id) => tx.all(
            "select id, shop_id, checkout_id, number, currency, total_minor, tax_minor, delivery_minor, country, email, confirmed_at, canceled_at, version
               from orders where shop_id = $1 and (confirmed_at < $2 or (confirmed_at = $2 and id < $3)) order by confirmed_at desc, id desc limit $4",
            args![shop, at, id, limit + 1],
        )?,
        None => tx.all(
            "select id, shop_id, checkout_id, number, currency, total_minor, tax_minor, delivery_minor, country, email, confirmed_at, canceled_at, version
               from orders where shop_id = $1 order by confirmed_at desc, id desc limit $2",
            args![shop, limit + 1],
        )?,
    };
    Ok(Page::cut(rows, limit, |order| order.id.to_string()))
}

/// Confirmed orders since `since` that were not canceled: how many, and their totals. Refunds are subtracted by whoever reports revenue.
pub fn orders_since(tx: &mut Tx<'_>, shop: ShopId, since: Time) -> Result<(i64, i64)> {
    tx.one(
        "select count(*), cast(coalesce(sum(total_minor), 0) as bigint) from orders where shop_id = $1 and confirmed_at >= $2 and canceled_at is null",
        args![shop, since],
    )
}

/// Orders of a period that were not canceled, by their ids: those after `after`.
pub fn confirmed_between(
    tx: &mut Tx<'_>,
    shop: ShopId,
    (from, until): (Time, Time),
    after: Option<OrderId>,
    limit: i64,
) -> Result<Vec<OrderId>> {
    let after = after.unwrap_or(OrderId::from_uuid(uuid::Uuid::nil()));
    let rows: Vec<(OrderId,)> = tx.all(
        "select id from orders where shop_id = $1 and id > $2 and confirmed_at >= $3 and confirmed_at < $4 and canceled_at is null order by id limit $5",
        args![shop, after, from, until, limit],
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// What was sold through one clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClipSales {
    pub clip: ClipId,
    /// Confirmed orders, canceled ones included.
    pub orders: i64,
    /// The totals of those that were not canceled.
    pub kept_minor: i64,
    /// What was given back of them since.
    pub refunded_minor: i64,
}

impl FromRow for ClipSales {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            clip: row.get(0)?,
            orders: row.get(1)?,
            kept_minor: row.get(2)?,
            refunded_minor: row.get(3)?,
        })
    }
}

/// Orders confirmed from `from` up to before `until`, by the clip the offer was shown in (one, or all that sold something); best first.
pub fn clip_sales(
    tx: &mut Tx<'_>,
    shop: ShopId,
    clip: Option<ClipId>,
    from: Time,
    until: Time,
) -> Result<Vec<ClipSales>> {
    tx.all(
        "select checkouts.clip_id, count(*), cast(coalesce(sum(case when orders.canceled_at is null then orders.total_minor
                  - (select coalesce(sum(adjustments.amount_minor), 0) from adjustments
                      where adjustments.order_id = orders.id and adjustments.kind = 'cancellation') end), 0) as bigint) as kept,
                cast(sum((select coalesce(sum(adjustments.amount_minor), 0) from adjustments
                           where adjustments.order_id = orders.id and adjustments.kind = 'refund')) as bigint)
           from orders join checkouts on checkouts.id = orders.checkout_id
          where orders.shop_id = $1 and orders.confirmed_at >= $3 and orders.confirmed_at < $4
            and checkouts.clip_id is not null and checkouts.clip_id = coalesce($2, checkouts.clip_id)
          group by checkouts.clip_id order by kept desc, checkouts.clip_id limit 1000",
        args![shop, clip, from, until],
    )
}

/// Marks an order canceled that was read as not canceled.
pub(super) fn cancel_order(tx: &mut Tx<'_>, id: OrderId) -> Result<()> {
    tx.change_one(
        "update orders set canceled_at = $2, version = version + 1 where id = $1 and canceled_at is null",
        args![id, tx.now()],
    )
}

pub(super) fn touch_order(tx: &mut Tx<'_>, id: OrderId) -> Result<()> {
    tx.put("update orders set version = version + 1 where id = $1", args![id])
}

impl FromRow for OrderLine {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            line: row.get(0)?,
            variant: row.get(1)?,
            location: row.get(2)?,
            title: row.get(3)?,
            quantity: row.get(4)?,
            amount_minor: row.get(5)?,
            tax_minor: row.get(6)?,
            tax: Rate(row.get(7)?),
            shipped: row.get(8)?,
            canceled: row.get(9)?,
            returned: row.get(10)?,
            asked: row.get(11)?,
        })
    }
}

pub(super) fn insert_line(tx: &mut Tx<'_>, order: OrderId, line: &OrderLine) -> Result<()> {
    tx.together(
        order,
        "insert into order_lines (order_id, line, variant_id, location_id, title, quantity, amount_minor, tax_minor, tax_rate_bp)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        args![order, line.line, line.variant, line.location, line.title, line.quantity, line.amount_minor, line.tax_minor, line.tax.0],
    )
}

/// The lines of an order we looked up ourselves.
pub fn lines(tx: &mut Tx<'_>, order: OrderId) -> Result<Vec<OrderLine>> {
    tx.all_of(
        order,
        "select line, variant_id, location_id, title, quantity, amount_minor, tax_minor, tax_rate_bp, shipped, canceled, returned, asked
           from order_lines where order_id = $1 order by line limit 100",
        args![order],
    )
}

/// Counts units as shipped. No row: so many are not open any more, or the order was canceled.
pub(super) fn ship_line(tx: &mut Tx<'_>, order: OrderId, line: u32, quantity: u32) -> Result<bool> {
    let done = tx.exec(
        "update order_lines set shipped = shipped + $3 where order_id = $1 and line = $2 and shipped + canceled + $3 <= quantity
            and exists (select 1 from orders where id = $1 and canceled_at is null)",
        args![order, line, quantity],
    )?;
    Ok(done == 1)
}

/// Counts all open units as canceled; answers how many each line had.
pub(super) fn cancel_lines(tx: &mut Tx<'_>, order: OrderId) -> Result<Vec<OrderLine>> {
    let open: Vec<OrderLine> = lines(tx, order)?.into_iter().filter(|line| line.open() > 0).collect();
    if !mutant!("F4") {
        tx.put(
            "update order_lines set canceled = quantity - shipped where order_id = $1",
            args![order],
        )?;
    }
    Ok(open)
}

/// Counts units as canceled. No row: so many are not open any more, or the order was canceled.
pub(super) fn cancel_units(tx: &mut Tx<'_>, order: OrderId, line: u32, quantity: u32) -> Result<bool> {
    let done = tx.exec(
        "update order_lines set canceled = canceled + $3 where order_id = $1 and line = $2 and shipped + canceled + $3 <= quantity
            and exists (select 1 from orders where id = $1 and canceled_at is null)",
        args![order, line, quantity],
    )?;
    Ok(done == 1)
}

/// What was canceled of an order so far.
pub(super) fn canceled_minor(tx: &mut Tx<'_>, order: OrderId) -> Result<i64> {
    let (minor,): (i64,) = tx.one(
        "select cast(coalesce(sum(amount_minor), 0) as bigint) from adjustments where order_id = $1 and kind = 'cancellation'",
        args![order],
    )?;
    Ok(minor)
}

/// Counts units as come back, `newly` of which were not asked back before. No row: more than were shipped, or they come back already.
pub(super) fn return_line(tx: &mut Tx<'_>, order: OrderId, line: u32, quantity: u32, newly: u32) -> Result<bool> {
    let done = tx.exec(
        "update order_lines set returned = returned + $3, asked = asked + $4
          where order_id = $1 and line = $2 and asked + $4 <= shipped and returned + $3 <= asked + $4",
        args![order, line, quantity, newly],
    )?;
    Ok(done == 1)
}

/// Counts units as on their way back. False: so many did not leave, or come back already.
pub fn ask_back(tx: &mut Tx<'_>, order: OrderId, line: u32, quantity: u32) -> Result<bool> {
    let done = tx.exec(
        "update order_lines set asked = asked + $3 where order_id = $1 and line = $2 and asked + $3 <= shipped",
        args![order, line, quantity],
    )?;
    Ok(done == 1)
}

/// Units that were asked back do not come: they can be asked back again.
pub fn ask_no_more(tx: &mut Tx<'_>, order: OrderId, line: u32, quantity: u32) -> Result<()> {
    tx.change_one(
        "update order_lines set asked = asked - $3 where order_id = $1 and line = $2 and asked - $3 >= returned",
        args![order, line, quantity],
    )
}

/// Units of a variant that were sold at a place and have not left.
pub fn waiting_at(tx: &mut Tx<'_>, variant: VariantId, location: LocationId) -> Result<i64> {
    let (units,): (i64,) = tx.one(
        "select cast(coalesce(sum(quantity - shipped - canceled), 0) as bigint) from order_lines
          where variant_id = $1 and location_id = $2 and shipped + canceled < quantity",
        args![variant, location],
    )?;
    Ok(units)
}

/// Who waits for units of a variant at a place, whoever bought last first.
pub fn bought_last(tx: &mut Tx<'_>, variant: VariantId, location: LocationId, limit: i64) -> Result<Vec<Waiting>> {
    tx.all(
        "select orders.id, orders.number, order_lines.line, order_lines.quantity - order_lines.shipped - order_lines.canceled, orders.confirmed_at
           from order_lines join orders on orders.id = order_lines.order_id
          where order_lines.variant_id = $1 and order_lines.location_id = $2
            and order_lines.shipped + order_lines.canceled < order_lines.quantity
          order by orders.confirmed_at desc, orders.id desc, order_lines.line desc limit $3",
        args![variant, location, limit],
    )
}

impl FromRow for Waiting {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            order: row.get(0)?,
            number: row.get(1)?,
            line: row.get(2)?,
            units: row.get(3)?,
            since: row.get(4)?,
        })
    }
}

impl FromRow for Adjustment {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            order: row.get(1)?,
            kind: row.get(2)?,
            amount_minor: row.get(3)?,
            reason: row.get(4)?,
            detail: row.get(5)?,
            staff: row.get(6)?,
            at: row.get(7)?,
        })
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "one column each; a struct would only repeat the row"
)]
pub(super) fn insert_adjustment(
    tx: &mut Tx<'_>,
    id: AdjustmentId,
    order: &Order,
    kind: AdjustmentKind,
    minor: i64,
    reason: &str,
    detail: &str,
    staff: Option<StaffId>,
) -> Result<bool> {
    let done = tx.exec(
        "insert into adjustments (id, shop_id, order_id, kind, amount_minor, reason, detail, staff_id, at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (id) do nothing",
        args![id, order.shop, order.id, kind, minor, reason, detail, staff, tx.now()],
    )?;
    Ok(done == 1)
}

/// What was changed about an order after the sale, oldest first.
pub fn adjustments(tx: &mut Tx<'_>, order: OrderId) -> Result<Vec<Adjustment>> {
    tx.all(
        "select id, order_id, kind, amount_minor, reason, detail, staff_id, at from adjustments where order_id = $1 order by at, id limit 200",
        args![order],
    )
}

/// Rows of a page, and where it ended; none: it was the last.
type PageOf<T, I> = (Vec<T>, Option<I>);

/// How the buyers of a shop can be reached, by the purchases they began before `before`: a page of all purchases after `after`, and where it ended.
pub fn contacts(
    tx: &mut Tx<'_>,
    shop: ShopId,
    before: Time,
    after: CheckoutId,
    page: i64,
) -> Result<PageOf<(CheckoutId, Contact), CheckoutId>> {
    let end: Option<(CheckoutId,)> = tx.maybe_one(
        "select id from checkouts where id > $1 order by id limit 1 offset $2",
        args![after, page - 1],
    )?;
    let last = end.map_or(CheckoutId::from_uuid(uuid::Uuid::max()), |(id,)| id);
    let rows: Vec<(CheckoutId, Json<Contact>)> = tx.all(
        "select id, contact from checkouts where id > $1 and id <= $2 and shop_id = $3 and created_at < $4 and erased_at is null limit $5",
        args![after, last, shop, before, page],
    )?;
    let rows = rows.into_iter().map(|(id, Json(contact))| (id, contact));
    Ok((rows.collect(), end.map(|(id,)| id)))
}

/// Nothing of a purchase says who the buyer was any more; what was sold, for how much and to which country stays. False: it was so already.
pub fn erase(tx: &mut Tx<'_>, id: CheckoutId) -> Result<bool> {
    let done = tx.exec(
        "update checkouts set contact = '{}', address = '', fingerprint = $2, erased_at = $3 where id = $1 and erased_at is null",
        args![id, [0u8; 32], tx.now()],
    )?;
    tx.put(
        "update orders set email = '', version = version + 1 where id = $1 and email <> ''",
        args![id.order()],
    )?;
    Ok(done == 1)
}

/// Rows that break a promise of this module (I3, I16, I27, X4): empty, always.
pub fn check(tx: &mut Tx<'_>) -> Result<Vec<String>> {
    let unborn: Vec<(CheckoutId,)> = tx.all(
        "select id from checkouts where state = 'completed' and not exists (select 1 from orders where orders.checkout_id = checkouts.id) limit 20",
        &[],
    )?;
    let orphaned: Vec<(OrderId,)> = tx.all(
        "select id from orders where not exists (select 1 from checkouts where checkouts.id = orders.checkout_id and checkouts.state = 'completed') limit 20",
        &[],
    )?;
    let forgotten: Vec<(CheckoutId,)> = tx.all(
        "select id from checkouts where state not in ('completed', 'canceled', 'expired') and next_check_at is null limit 20",
        &[],
    )?;
    let mut broken: Vec<String> = unborn
        .iter()
        .map(|(id,)| format!("I3 {id} is completed and has no order"))
        .collect();
    broken.extend(
        orphaned
            .iter()
            .map(|(id,)| format!("I3 {id} has no completed checkout")),
    );
    broken.extend(
        forgotten
            .iter()
            .map(|(id,)| format!("I16 nobody will look at {id} again")),
    );
    let sums: Vec<(OrderId, Currency)> = tx.all(
        "select orders.id, orders.currency from orders join order_lines on order_lines.order_id = orders.id
          group by orders.id, orders.currency, orders.total_minor, orders.delivery_minor
         having orders.total_minor <> orders.delivery_minor + sum(order_lines.amount_minor) limit 20",
        &[],
    )?;
    broken.extend(
        sums.iter()
            .map(|(id, _)| format!("I8 {id}: its lines and delivery are not its total")),
    );
    let kept: Vec<(CheckoutId,)> = tx.all(
        "select c.id from checkouts c left join orders o on o.checkout_id = c.id
          where c.erased_at is not null and (c.contact <> '{}' or c.address <> '' or coalesce(o.email, '') <> '') limit 20",
        &[],
    )?;
    broken.extend(
        kept.iter()
            .map(|(id,)| format!("T9 {id} was erased, and still says who its buyer is")),
    );
    for id in crate::gift_cards::holding(tx)? {
        let state = load(tx, id)?.state;
        if !state.is_open() && state != CheckoutState::Completed {
            broken.push(format!(
                "X4 {id} is {} and still holds something of a gift card",
                state.word()
            ));
        }
    }
    for id in crate::discounts::holding(tx)? {
        let state = load(tx, id)?.state;
        if !state.is_open() && state != CheckoutState::Completed {
            broken.push(format!("X4 {id} is {} and still has a discount", state.word()));
        }
    }
    for id in crate::drops::holding(tx)? {
        let state = load(tx, id)?.state;
        if !state.is_open() && state != CheckoutState::Completed {
            broken.push(format!("I7 {id} is {} and still counts in a drop", state.word()));
        }
    }
    Ok(broken)
}
