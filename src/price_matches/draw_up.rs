//! Drawing a batch up, and the hand on its switch.

use super::model::{MatchState, NewPrice, PriceMatch, checked};
use super::store;
use crate::catalog;
use crate::db::Tx;
use crate::drops;
use crate::identity;
use crate::kernel::{DropId, Error, PriceMatchId, Result, ShopId, StaffId, Time};

/// What is to be matched.
#[derive(Clone, Debug)]
pub struct NewPriceMatch {
    /// Chosen by whoever asks: asking again is the same batch.
    pub id: PriceMatchId,
    pub title: String,
    /// Only what was sold in this drop.
    pub drop: Option<DropId>,
    /// Orders confirmed from then on; absent: from the first.
    pub from_at: Option<Time>,
    /// And before then; absent: until now.
    pub until_at: Option<Time>,
    pub prices: Vec<NewPrice>,
    pub staff: Option<StaffId>,
}

/// What became of it.
#[derive(Clone, Debug)]
pub enum DrawUp {
    /// Its orders are being counted.
    Drawn(Box<PriceMatch>),
    Again(Box<PriceMatch>),
    NoSuchDrop,
}

/// Draws a batch up: it counts its orders by itself, and then waits for a person. Order of answers: again, errors (`invalid_field`, `id_reused`), no
/// such drop, drawn.
pub fn draw_up(tx: &mut Tx<'_>, shop: ShopId, new: NewPriceMatch) -> Result<DrawUp> {
    if let Some(known) = store::find(tx, shop, new.id)? {
        return Ok(DrawUp::Again(Box::new(known)));
    }
    checked(&new.prices)?;
    let title = new.title.split_whitespace().collect::<Vec<_>>().join(" ");
    if title.chars().count() > 120 {
        return Err(Error::field("/title", "This is too long."));
    }
    let now = tx.now();
    let (from_at, until_at) = (new.from_at.unwrap_or(Time(0)), new.until_at.unwrap_or(now).min(now));
    if from_at >= until_at {
        return Err(Error::field("/from", "The period ends before it begins."));
    }
    for price in &new.prices {
        if catalog::product_of(tx, shop, price.variant)?.is_none() {
            return Err(Error::field("/prices", "There is no such variant in this shop."));
        }
    }
    if let Some(drop) = new.drop
        && drops::find(tx, shop, drop)?.is_none()
    {
        return Ok(DrawUp::NoSuchDrop);
    }
    let drawn = PriceMatch {
        id: new.id,
        shop,
        title,
        drop: new.drop,
        from_at,
        until_at,
        prices: new.prices,
        currency: identity::shop(tx, shop)?.currency,
        state: MatchState::Counting,
        counted_to: None,
        staff: new.staff,
        created_at: now,
        started_at: None,
        ended_at: None,
        version: 1,
    };
    if !store::insert(tx, &drawn)? {
        return Err(Error::conflict("id_reused", "This id is taken. Make a new one."));
    }
    Ok(DrawUp::Drawn(Box::new(drawn)))
}

/// What a person does with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Starts it, or lets it go on.
    Start,
    /// What is on its way arrives; nothing more begins.
    Pause,
    /// Ends it. What went back stays so.
    Cancel,
}

/// Does it, if the batch is where it can be done; done twice it is done once. None: there is no such batch. Errors: `wrong_state`.
pub fn act(tx: &mut Tx<'_>, shop: ShopId, id: PriceMatchId, what: Act) -> Result<Option<PriceMatch>> {
    use MatchState as S;
    let Some(found) = store::find(tx, shop, id)? else {
        return Ok(None);
    };
    let now = tx.now();
    let to = match (what, found.state) {
        (Act::Start, S::Running) | (Act::Pause, S::Paused) | (Act::Cancel, S::Canceled) => return Ok(Some(found)),
        (Act::Start, S::Ready | S::Paused) => Some((S::Running, Some(now))),
        (Act::Pause, S::Running) => Some((S::Paused, None)),
        (Act::Cancel, S::Counting | S::Ready | S::Running | S::Paused) => Some((S::Canceled, None)),
        _ => None,
    };
    let Some((to, next_check_at)) = to else {
        return Err(Error::conflict(
            "wrong_state",
            format!("It is {} now; that cannot be done.", found.state.word()),
        ));
    };
    if !store::advance(tx, &found, to, next_check_at)? {
        return Err(Error::engine(
            crate::kernel::Engine::Retry,
            "a batch was moved by somebody else meanwhile",
        ));
    }
    store::find(tx, shop, id)
}
