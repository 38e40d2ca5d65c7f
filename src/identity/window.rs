//! A shop that exists for a time: it opens, it closes itself, and whoever has bought keeps everything they have.
//!
//! A shop sells inside its window by the database's clock, whether or not the job has been there. What follows from its end (its drops close, and what
//! it sells is archived if its people said so) is done by the job `windows` (`drops::mind_windows`), which looks at its time again.

use super::model::{Shop, Trading, Window};
use super::store;
use crate::db::Tx;
use crate::kernel::{Engine, Error, Result, ShopId, Time, words};

/// What became of a shop's window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetWindow {
    Set(Box<Shop>),
    /// It was like that.
    Again(Box<Shop>),
}

/// Sets the window of a shop. What buyers were told stays: while it is open its beginning is not moved, and its end only to a later time. A shop that was
/// closed may open once more. Order of answers: `invalid_field`, again, set.
pub fn set_window(tx: &mut Tx<'_>, id: ShopId, window: Window) -> Result<SetWindow> {
    let shop = store::shop(tx, id)?;
    if shop.window == window {
        return Ok(SetWindow::Again(Box::new(shop)));
    }
    judge(&shop.window, &window, tx.now())?;
    write(tx, shop, window).map(SetWindow::Set)
}

fn judge(before: &Window, window: &Window, now: Time) -> Result<()> {
    let wrong = |field, detail| Err(Error::field(field, detail));
    if let (Some(opens), Some(closes)) = (window.opens_at, window.closes_at)
        && closes <= opens
    {
        return wrong("/closes_at", "A shop closes after it opens.");
    }
    if window.closes_at.is_some_and(|closes| closes <= now) {
        return wrong("/closes_at", "This has passed already. To end it now, close the shop.");
    }
    // Without an end nobody was told one.
    let Some(known) = before.closes_at.filter(|_| before.trading(now) == Trading::Open) else {
        return Ok(());
    };
    if window.opens_at != before.opens_at && window.trading(now) != Trading::Open {
        return wrong("/opens_at", "It is open already. Close it first.");
    }
    if window.closes_at.is_some_and(|closes| closes < known) {
        return wrong(
            "/closes_at",
            "Buyers were told a later time. Extend it, or close the shop now.",
        );
    }
    Ok(())
}

/// Closes a shop now, whatever time was set. Who has reserved may still pay; orders, returns and money go on. Twice is once.
pub fn close_shop(tx: &mut Tx<'_>, id: ShopId) -> Result<SetWindow> {
    let shop = store::shop(tx, id)?;
    if let Trading::Closed(_) = shop.window.trading(tx.now()) {
        return Ok(SetWindow::Again(Box::new(shop)));
    }
    let window = Window {
        closes_at: Some(tx.now()),
        ..shop.window
    };
    write(tx, shop, window).map(SetWindow::Set)
}

/// A shop without an end: it is open from now on. Twice is once.
pub fn stay_open(tx: &mut Tx<'_>, id: ShopId) -> Result<SetWindow> {
    let shop = store::shop(tx, id)?;
    if shop.window == Window::default() {
        return Ok(SetWindow::Again(Box::new(shop)));
    }
    write(tx, shop, Window::default()).map(SetWindow::Set)
}

fn write(tx: &mut Tx<'_>, shop: Shop, window: Window) -> Result<Box<Shop>> {
    // What is over is looked at at once: what follows from that is the job's.
    let look = window.look(tx.now()).or(window.closes_at);
    if !store::set_window(tx, &shop, &window, look)? {
        return Err(Error::engine(
            Engine::Retry,
            "somebody changed the shop in the same instant",
        ));
    }
    Ok(Box::new(Shop {
        window,
        version: shop.version + 1,
        ..shop
    }))
}

/// Whether a shop sells at this instant. Errors: `shop_not_open`, `shop_closed`.
pub fn must_trade(shop: &Shop, now: Time) -> Result<()> {
    match shop.window.trading(now) {
        Trading::Open => Ok(()),
        Trading::Before(opens) => Err(Error::conflict(
            "shop_not_open",
            format!("This shop opens on {}. Nothing was reserved.", words::exact(opens)),
        )),
        Trading::Closed(_) => Err(Error::conflict(
            "shop_closed",
            "This shop has closed. Nothing was reserved. What you bought here goes on as it was promised.",
        )),
    }
}

/// Shops whose window somebody has to look at.
pub fn windows_due(tx: &mut Tx<'_>, most: i64) -> Result<Vec<ShopId>> {
    store::windows_due(tx, most)
}

/// Takes a due look at a shop's window; whether it has closed, and what follows from that has to be done now, by whoever took the look.
pub fn look_at_window(tx: &mut Tx<'_>, id: ShopId) -> Result<Option<Shop>> {
    let shop = store::shop(tx, id)?;
    let now = tx.now();
    let closed = matches!(shop.window.trading(now), Trading::Closed(_));
    Ok((store::take_look(tx, id, shop.window.look(now))? && closed).then_some(shop))
}
