//! The goods are here: their money pays for what leaves.

use super::ask::is_said;
use super::end::{close, let_go};
use super::model::{Exchange, ExchangeState as S, WITHIN, place, sums};
use super::store;
use crate::app::App;
use crate::checkout::{self, Cancel, CheckoutState, EXCHANGE, NewRefund, Paying, Replaced, Replacement, Way};
use crate::db::{LaneKey, Tx};
use crate::gift_cards::Code;
use crate::kernel::{CheckoutId, Engine, Error, ExchangeId, Fact, MayFail, OrderId, Result, Seconds, ShopId, Time};
use crate::returns::{self, Return, ReturnState};

/// Looked at in a round.
const ROWS: i64 = 50;
const NOT_COME: &str = "What was to come back did not come in time.";
const NOT_PAID: &str = "The difference was not paid in time.";
const FEWER: &str = "Fewer pieces came back than were to be exchanged.";

/// The job `exchanges`: goes on with what a crash left, ends what nobody sent or paid. Returns how many it looked at.
pub async fn mind(app: &App) -> Result<u64> {
    let mut due = app.db.read(|tx| store::due(tx, ROWS)).await?;
    if mutant!("I16-exchange") {
        due.clear();
    }
    for (shop, id) in &due {
        if let Err(error) = settle(app, *shop, *id).await {
            tracing::error!(%error, %id, "an exchange could not be looked at; the next round tries again");
        }
    }
    Ok(due.len() as u64)
}

/// Takes whatever step follows for an exchange. Run twice, by whomever, it is one step.
pub async fn settle(app: &App, shop: ShopId, id: ExchangeId) -> Result<()> {
    let app = app.clone();
    app.clone().track(async move { step(&app, shop, id).await }).await
}

async fn step(app: &App, shop: ShopId, id: ExchangeId) -> Result<()> {
    let read = app.db.read(move |tx| {
        let Some(found) = store::find(tx, shop, id)? else {
            return Ok(None);
        };
        let back = returns::find(tx, shop, found.back())?;
        Ok(back.map(|back| (found, back, tx.now())))
    });
    let Some((found, back, now)) = read.await? else {
        return Ok(());
    };
    let lane = LaneKey::of(found.order);
    let later = move |at: Time| app.db.write(lane, move |tx| store::look_again(tx, id, at, ""));
    let tomorrow = now.plus(Seconds::days(1));
    match (found.state, back.state) {
        (S::Placed | S::Refunded | S::Closed, _) => Ok(()),
        (S::Awaited, ReturnState::Awaited) if now >= found.due_by => app
            .db
            .write(lane, move |tx| close(tx, shop, id, NOT_COME, None))
            .await
            .map(drop),
        (S::Awaited, ReturnState::Awaited) => later(tomorrow.min(found.due_by)).await,
        (S::Awaited, ReturnState::Sent) => later(tomorrow).await,
        (S::Awaited | S::ToPay, ReturnState::Closed) => {
            let why = back.trouble;
            app.db
                .write(lane, move |tx| close(tx, shop, id, &why, None))
                .await
                .map(drop)
        }
        (S::Awaited, ReturnState::Received) => received(app, &found, &back).await,
        (S::ToPay, _) if now >= found.due_by => money_back(app, &found, NOT_PAID).await,
        (S::ToPay, _) => later(found.due_by).await,
        (S::Awaited, ReturnState::Refunded) => money_back(app, &found, FEWER).await,
    }
}

/// The money of what came back becomes credit, and this order: `checkout`.
fn replacement(app: &App, found: &Exchange, back: &Return, n: u32) -> Replacement {
    Replacement {
        shop: found.shop,
        order: found.order,
        checkout: found.checkout_of(n),
        quote: found.quote.clone(),
        place: place(found.id),
        refund: NewRefund {
            id: back.refund(0),
            what: returns::what_goes_back(back, false),
            way: Way::Credit {
                at_most: Some(found.quote.total_minor),
                code: Code::of_credit(app.db.signing_key(), found.order),
            },
            reason: EXCHANGE.into(),
            staff: back.staff,
        },
        holds: Seconds::minutes(app.settings.reservation_minutes),
    }
}

async fn received(app: &App, found: &Exchange, back: &Return) -> Result<()> {
    let (shop, id, order, lane) = (found.shop, found.id, found.order, LaneKey::of(found.order));
    if back.units != [found.unit] && !mutant!("F2-exchange") {
        return money_back(app, found, FEWER).await;
    }
    let view = app.db.read(move |tx| checkout::view(tx, shop, order)).await?;
    let view = view.ok_or_else(|| Error::internal("an exchange has no order"))?;
    if returns::is_taken_later(app, &view).await? {
        return wait(app, found, "Not all of its money is taken yet.", Seconds::minutes(15)).await;
    }
    let (wish, what) = (replacement(app, found, back, 1), returns::what_goes_back(back, false));
    let version = found.version;
    let done = app
        .db
        .write(lane, move |tx| {
            let Some(found) = still(tx, shop, id, version)? else {
                return Ok(None); // Another replica was faster, or a person ended it.
            };
            let worth = checkout::preview_refund(tx, shop, order, &what)?.map_or(0, |plan| plan.amount.minor);
            let due = sums(worth, found.quote.total_minor);
            if due.missing_minor > 0 {
                if !store::advance(tx, &found, S::ToPay, "")? {
                    return Err(moved());
                }
                store::ask_for(tx, id, due.missing_minor, tx.now().plus(WITHIN))?;
                tx.publish(&Fact::ExchangePayable {
                    shop,
                    order,
                    exchange: id,
                })?;
                return Ok(None);
            }
            match checkout::replace(tx, &wish)? {
                Replaced::Placed(_, back) => {
                    if !store::begin(tx, &found)? {
                        return Err(moved());
                    }
                    end_placed(tx, shop, id)?;
                    Ok(Some(back))
                }
                // The card that paid was stopped in this instant: what is on it cannot pay, and the money goes back.
                Replaced::ToPay(_) => Err(Error::conflict("not_replaceable", "Its credit cannot pay for it.")),
            }
        })
        .await;
    match done {
        Ok(Some(back)) => checkout::send_rest(app, order, &back).await,
        Ok(None) => Ok(()),
        // It cannot leave any more: as if they had withdrawn.
        Err(error) if error.code == "not_replaceable" => money_back(app, found, &error.detail).await,
        Err(error) if error.code == "nothing_to_refund" => money_back(app, found, &error.detail).await,
        Err(error) if is_said(&error) => wait(app, found, &error.detail, Seconds::hours(1)).await,
        Err(error) => Err(error),
    }
}

/// The exchange as it was seen, if what came back for it was not ended meanwhile.
fn still(tx: &mut Tx<'_>, shop: ShopId, id: ExchangeId, version: i64) -> Result<Option<Exchange>> {
    let Some(found) = store::find(tx, shop, id)?.filter(|found| found.version == version) else {
        return Ok(None);
    };
    checkout::take_turn(tx, found.order)?; // Whoever ends what came back is before us, or finds what it bought.
    let back = returns::find(tx, shop, found.back())?;
    Ok(back.filter(|back| back.state == ReturnState::Received).map(|_| found))
}

fn moved() -> Error {
    Error::engine(Engine::Retry, "an exchange was moved on by somebody else meanwhile")
}

async fn wait(app: &App, found: &Exchange, trouble: &str, so_long: Seconds) -> Result<()> {
    let (id, trouble) = (found.id, trouble.to_owned());
    app.db
        .write(LaneKey::of(found.order), move |tx| {
            store::look_again(tx, id, tx.now().plus(so_long), &trouble)
        })
        .await
}

/// What leaves is an order: what came back is settled, and whatever is canceled of the order goes home.
fn end_placed(tx: &mut Tx<'_>, shop: ShopId, id: ExchangeId) -> Result<()> {
    let Some(found) = store::find(tx, shop, id)?.filter(|found| !found.state.is_over()) else {
        return Ok(());
    };
    let back = returns::find(tx, shop, found.back())?.ok_or_else(|| Error::internal("an exchange has no return"))?;
    if !store::advance(tx, &found, S::Placed, "")? {
        return Err(moved());
    }
    let adjustments = checkout::adjustments(tx, found.order)?;
    let mine = [back.refund(0), checkout::rest_of(back.refund(0))];
    let given = adjustments.iter().filter(|change| mine.contains(&change.id));
    let minor = given.map(|change| change.amount_minor).sum();
    returns::refunded(tx, back.id, minor)?;
    let_go(tx, &found) // Whoever canceled it in this instant put its units back here.
}

/// A checkout became an order: if an exchange waited for it to be paid, it is done. Costs nothing where no gift card paid.
pub fn placed(tx: &mut Tx<'_>, shop: ShopId, checkout: CheckoutId) -> Result<()> {
    match store::of_checkout(tx, shop, checkout)? {
        Some(found) => end_placed(tx, shop, found.id),
        None => Ok(()),
    }
}

/// What became of paying the difference.
#[derive(Clone, Debug)]
pub enum Pay {
    /// Paid, declined, at the bank: the checkout says which.
    Paid(Box<checkout::Pay>),
    NotFound,
    /// It has ended, or nothing is to be paid.
    NotPayable,
}

/// Pays the difference: what came back becomes credit and pays for its part, the buyer for the rest. Sent twice it is one payment.
///
/// Order of answers: not found, not payable, paid. Errors: those of a refund, `not_replaceable`, those of [`checkout::pay`].
pub async fn pay(
    app: &App,
    shop: ShopId,
    (order, id): (OrderId, ExchangeId),
    paying: Paying,
    return_url: String,
) -> Result<Pay> {
    let read = app.db.read(move |tx| {
        let found = store::find(tx, shop, id)?.filter(|found| found.order == order);
        let back = match &found {
            Some(found) => returns::find(tx, shop, found.back())?,
            None => None,
        };
        let open = match found.as_ref().and_then(Exchange::checkout) {
            Some(checkout) => checkout::find(tx, shop, checkout)?,
            None => None,
        };
        Ok(found.zip(back).map(|(found, back)| (found, back, open, tx.now())))
    });
    let Some((found, back, open, now)) = read.await? else {
        return Ok(Pay::NotFound);
    };
    if found.state != S::ToPay {
        return Ok(Pay::NotPayable);
    }
    let goes_on = open.filter(|open| {
        open.state == CheckoutState::Completed
            || open.state.is_open() && (open.state.is_paying() || open.expires_at > now)
    });
    let checkout = match goes_on {
        Some(open) => open.id,
        None => {
            let (wish, version) = (replacement(app, &found, &back, found.tries + 1), found.version);
            let begun = app.db.write(LaneKey::of(order), move |tx| {
                let Some(found) = still(tx, shop, id, version)? else {
                    return Ok(None);
                };
                let known = checkout::adjustments(tx, order)?;
                if !known.iter().any(|change| change.id == wish.refund.id) {
                    // Something may have gone back since for another reason: nobody pays more than they were shown.
                    let plan = checkout::preview_refund(tx, shop, order, &wish.refund.what)?;
                    let due = sums(plan.map_or(0, |plan| plan.amount.minor), found.quote.total_minor);
                    if due.missing_minor > found.missing_minor {
                        store::ask_for(tx, id, due.missing_minor, found.due_by)?;
                        return Ok(None);
                    }
                }
                let replaced = checkout::replace(tx, &wish)?;
                if !store::begin(tx, &found)? {
                    return Err(moved());
                }
                Ok(Some(match replaced {
                    Replaced::ToPay(checkout) => checkout.id,
                    Replaced::Placed(order, _) => order.checkout,
                }))
            });
            match begun.await? {
                Some(checkout) => checkout,
                None => return Ok(Pay::NotPayable), // Sent twice at once: the other one pays. Or a person ended it.
            }
        }
    };
    let paid = checkout::pay(app, shop, checkout, paying, return_url).await?;
    if matches!(&paid, checkout::Pay::Settled(settled) if settled.order.is_some()) {
        // Told at once to whoever paid; facts tell it to whoever paid at their bank.
        let told = app.db.write(LaneKey::of(order), move |tx| placed(tx, shop, checkout));
        told.await
            .may_fail("it is paid: the fact that it was bought says it again");
    }
    Ok(Pay::Paid(Box::new(paid)))
}

/// It cannot leave, or was not paid: what was kept is for sale again, and the money goes back the way it came. While its checkout is being paid it waits.
pub(super) async fn money_back(app: &App, found: &Exchange, why: &str) -> Result<()> {
    let (shop, id, order) = (found.shop, found.id, found.order);
    if let Some(checkout) = found.checkout()
        && matches!(checkout::cancel(app, shop, checkout).await?, Cancel::Completed)
    {
        return app
            .db
            .write(LaneKey::of(order), move |tx| placed(tx, shop, checkout))
            .await;
    }
    let (why, version) = (why.to_owned(), found.version);
    let ended = app
        .db
        .write(LaneKey::of(order), move |tx| {
            let Some(found) = store::find(tx, shop, id)?.filter(|now| now.version == version && !now.state.is_over())
            else {
                return Ok(None);
            };
            let back = returns::find(tx, shop, found.back())?;
            let back = back.ok_or_else(|| Error::internal("an exchange has no return"))?;
            if !matches!(back.state, ReturnState::Received | ReturnState::Refunded) {
                return Ok(None);
            }
            let is_credit = !checkout::pay_out_credit(tx, shop, order, back.refund(0))?;
            let why = match is_credit {
                true => format!("{why} What it was worth had become credit, and is spent."),
                false => why.clone(),
            };
            if !store::advance(tx, &found, S::Refunded, &why)? {
                return Err(moved());
            }
            let_go(tx, &found)?;
            returns::to_money(tx, back.id)?;
            let known = checkout::adjustments(tx, order)?;
            if !is_credit && known.iter().any(|change| change.id == back.refund(0)) {
                // It was told as credit to nobody, and as money it is told now.
                tx.publish(&Fact::OrderRefunded {
                    shop,
                    order,
                    adjustment: back.refund(0),
                })?;
            }
            Ok(Some(back.id))
        })
        .await?;
    match ended {
        Some(back) => returns::pay_back(app, shop, back).await,
        None => Ok(()),
    }
}
