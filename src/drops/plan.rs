//! Putting a drop together, and changing what may still be changed.

use super::archive::{act, born};
use super::early::EARLY_MINUTES_MAX;
use super::model::{Drop, DropState, EventKind, Item, Phase, Stage, View};
use super::rules::{self, RULES_MAX, Rule, RuleState, When};
use super::store;
use crate::catalog;
use crate::clips;
use crate::db::Tx;
use crate::inventory;
use crate::kernel::{Currency, DropId, Error, Money, Result, ShopId, StaffId, Time, VariantId, text};

/// What a drop will sell of one variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewItem {
    pub variant: VariantId,
    pub allotment: u32,
    pub price: Money,
    pub transient: bool,
    /// It is a pre-order, and leaves by then: its units are not in stock yet.
    pub ships_by: Option<Time>,
    /// Steps of its price that are taken by the clock or by what was sold.
    pub rules: Vec<When>,
}

/// A drop as it is planned.
#[derive(Clone, Debug)]
pub struct Plan {
    pub title: String,
    /// Made from the title when absent; stays once the drop is made.
    pub slug: Option<String>,
    pub description: String,
    pub stage: Stage,
    pub opens_at: Option<Time>,
    pub closes_at: Option<Time>,
    pub limit: u32,
    pub hold_minutes: i64,
    /// People let in a minute from its waiting room; 0: it has none.
    pub line_rate: u32,
    /// So much earlier it opens for its guests; 0: it does not.
    pub early_minutes: u32,
    /// Whoever has bought here before is a guest.
    pub early_for_buyers: bool,
    pub items: Vec<NewItem>,
}

/// A drop's units are kept so long for who reserves them, if nothing else is said.
pub const HOLD_MINUTES: i64 = 3;
/// Variants of one drop.
const ITEMS_MAX: usize = 20;
const UNITS_MAX: u32 = 1_000_000;

/// What became of planning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Planned {
    Made(Box<View>),
    SlugTaken,
    NotFound,
    /// Somebody changed it meanwhile; its version now.
    Stale(i64),
    /// Too late for this: it is not a draft any more.
    Fixed(&'static str),
}

impl Plan {
    /// The same with its texts trimmed. Errors: `invalid_field`.
    fn checked(&self, tx: &mut Tx<'_>, shop: ShopId, currency: Currency) -> Result<Self> {
        let plan = Self {
            title: text::line("/title", &self.title, 120)?,
            slug: self.slug.as_deref().map(|slug| text::slug("/slug", slug)).transpose()?,
            description: text::paragraphs("/description", &self.description, 2000)?,
            ..self.clone()
        };
        if let (Some(opens), Some(closes)) = (plan.opens_at, plan.closes_at)
            && closes <= opens
        {
            return Err(Error::field("/closes_at", "A drop closes after it opens."));
        }
        if !(1..=30).contains(&plan.hold_minutes) {
            return Err(Error::field("/hold_minutes", "Units are kept for 1 to 30 minutes."));
        }
        if plan.limit > 1000 {
            return Err(Error::field(
                "/limit_per_buyer",
                "A limit is at most 1,000 pieces; 0 is none.",
            ));
        }
        if plan.line_rate > 60_000 {
            return Err(Error::field(
                "/waiting_room/rate_per_minute",
                "At most 60,000 people are let in a minute.",
            ));
        }
        if plan.early_minutes > EARLY_MINUTES_MAX {
            return Err(Error::field(
                "/early_minutes",
                "A drop opens at most 1,440 minutes earlier for its guests.",
            ));
        }
        if plan.early_minutes > 0 && plan.opens_at.is_none() {
            return Err(Error::field(
                "/early_minutes",
                "To open earlier for guests, say when it opens for everybody.",
            ));
        }
        if plan.items.len() > ITEMS_MAX {
            return Err(Error::field("/items", "A drop sells at most 20 variants."));
        }
        if let Some(clip) = plan.stage.clip()
            && clips::find(tx, shop, clip)?.is_none()
        {
            return Err(Error::field("/clip", "This shop has no such clip."));
        }
        for (index, item) in plan.items.iter().enumerate() {
            let field = |name: &str, detail: &'static str| Err(Error::field(format!("/items/{index}/{name}"), detail));
            if plan.items[..index].iter().any(|other| other.variant == item.variant) {
                return field("variant", "Name each variant once, with all its units.");
            }
            if item.price.currency != currency {
                return field("price", "Prices of a drop are in the shop's currency.");
            }
            if catalog::checked_price(item.price).is_err() {
                return field("price", "A price is between 0 and 1,000,000,000 minor units.");
            }
            if item.allotment > UNITS_MAX {
                return field("allotment", "A drop gets at most 1,000,000 units of a variant.");
            }
            if item
                .ships_by
                .is_some_and(|day| plan.opens_at.is_some_and(|opens| day <= opens))
            {
                return field("ships_by", "What is not there yet leaves after the drop opens.");
            }
            if item.rules.len() > RULES_MAX {
                return field("price_rules", "A price has at most 20 rules.");
            }
            for (number, rule) in item.rules.iter().enumerate() {
                rules::checked(&format!("/items/{index}/price_rules/{number}"), *rule, item.price)?;
            }
            if catalog::product_of(tx, shop, item.variant)?.is_none() {
                return field("variant", "This shop has no such variant.");
            }
        }
        Ok(plan)
    }

    fn write_items(&self, tx: &mut Tx<'_>, drop: &Drop) -> Result<()> {
        for (position, item) in (0i64..).zip(&self.items) {
            let rules = &item.rules;
            let item = Item {
                variant: item.variant,
                position,
                allotment: item.allotment,
                transient: item.transient,
                price: item.price,
                price_version: 1,
                ships_by: item.ships_by,
            };
            store::insert_item(tx, drop, &item)?;
            for (number, when) in (0i64..).zip(rules) {
                let at = if let When::At(at, _) = when { Some(*at) } else { None };
                let rule = Rule {
                    id: tx.id(),
                    variant: item.variant,
                    when: *when,
                    state: RuleState::Waiting,
                    steps: 0,
                    next_at: at,
                };
                store::insert_rule(tx, drop, &rule, position * 100 + number)?;
            }
        }
        Ok(())
    }
}

/// Plans a drop under an id the caller chose; asked again, it answers what it made. Nothing is taken from stock yet. Errors: `invalid_field`.
pub fn plan(
    tx: &mut Tx<'_>,
    (shop, currency): (ShopId, Currency),
    id: DropId,
    new: &Plan,
    staff: Option<StaffId>,
) -> Result<Planned> {
    if let Some(known) = view(tx, shop, id)? {
        return Ok(Planned::Made(Box::new(known)));
    }
    let new = new.checked(tx, shop, currency)?;
    let stem = new.slug.clone().unwrap_or_else(|| text::slug_of(&new.title, "drop"));
    let tries = if new.slug.is_some() { 1 } else { 100 };
    for number in 1..=tries {
        let mut drop = Drop {
            id,
            shop,
            slug: match number {
                1 => stem.clone(),
                _ => format!("{stem}-{number}"),
            },
            title: new.title.clone(),
            description: new.description.clone(),
            stage: new.stage.clone(),
            state: DropState::Draft,
            opens_at: new.opens_at,
            closes_at: new.closes_at,
            opened_at: None,
            closed_at: None,
            limit: new.limit,
            hold_minutes: new.hold_minutes,
            pinned: None,
            line_rate: new.line_rate,
            early_minutes: new.early_minutes,
            early_for_buyers: new.early_for_buyers && new.early_minutes > 0,
            version: 1,
            head: [0; 32],
            next_check_at: None,
            created_at: tx.now(),
            changed_at: tx.now(),
        };
        if born(tx, &mut drop, staff)? {
            new.write_items(tx, &drop)?;
            return Ok(Planned::Made(Box::new(of(tx, drop)?)));
        }
    }
    Ok(Planned::SlugTaken)
}

/// Changes a drop from the version somebody saw. A draft may become anything; once it is scheduled its words, its stage and, until it opens, the
/// time it opens may change: units, prices and the end have acts of their own, and the limit stays what buyers were told.
///
/// Order of answers: not found, stale, invalid fields, fixed, made.
pub fn edit(
    tx: &mut Tx<'_>,
    (shop, currency): (ShopId, Currency),
    id: DropId,
    version: i64,
    new: &Plan,
    staff: Option<StaffId>,
) -> Result<Planned> {
    let Some(before) = store::find(tx, shop, id)? else {
        return Ok(Planned::NotFound);
    };
    if before.version != version {
        return Ok(Planned::Stale(before.version));
    }
    let new = new.checked(tx, shop, currency)?;
    let after = Drop {
        title: new.title.clone(),
        description: new.description.clone(),
        stage: new.stage.clone(),
        opens_at: new.opens_at,
        closes_at: new.closes_at,
        limit: new.limit,
        hold_minutes: new.hold_minutes,
        line_rate: new.line_rate,
        early_minutes: new.early_minutes,
        early_for_buyers: new.early_for_buyers && new.early_minutes > 0,
        ..before.clone()
    };
    if before.state != DropState::Draft {
        if matches!(before.state, DropState::Closed | DropState::Archived) {
            return Ok(Planned::Fixed("This drop is over. What was shown stays as it was."));
        }
        let is_before = before.state == DropState::Scheduled && before.phase(tx.now()) == Phase::Before;
        if after.opens_at != before.opens_at && !is_before {
            return Ok(Planned::Fixed("It is open already."));
        }
        if after.opens_at.is_some_and(|at| at <= tx.now()) && after.opens_at != before.opens_at {
            return Err(Error::field(
                "/opens_at",
                "This has passed already. Open it by hand instead.",
            ));
        }
        if after.closes_at != before.closes_at {
            return Ok(Planned::Fixed("Extend it, or close it: its end is not edited."));
        }
        let told = |drop: &Drop| {
            let early = (drop.early_minutes, drop.early_for_buyers);
            (drop.limit, drop.hold_minutes, drop.line_rate, early)
        };
        if told(&after) != told(&before) {
            return Ok(Planned::Fixed(
                "Buyers were told the limit, how long units are kept, and how they are let in. They stay.",
            ));
        }
        let same = store::items(tx, id)?
            .iter()
            .map(|item| item.variant)
            .eq(new.items.iter().map(|item| item.variant));
        if !new.items.is_empty() && !same {
            return Ok(Planned::Fixed(
                "What it sells is fixed. Release more units, or step a price.",
            ));
        }
    }
    let told = serde_json::json!({
        "title": after.title, "opens_at": after.opens_at, "closes_at": after.closes_at, "limit_per_buyer": after.limit, "hold_minutes": after.hold_minutes,
    });
    let draft = before.state == DropState::Draft;
    let drop = act(tx, &before, after, EventKind::Edited, &told, staff)?;
    if draft {
        store::delete_items(tx, id)?;
        new.write_items(tx, &drop)?;
    }
    Ok(Planned::Made(Box::new(of(tx, drop)?)))
}

/// A drop with its items and its stock.
pub(super) fn of(tx: &mut Tx<'_>, drop: Drop) -> Result<View> {
    Ok(View {
        items: store::items(tx, drop.id)?,
        stock: inventory::aside(tx, drop.shop, drop.place())?,
        rules: store::rules(tx, drop.id)?,
        line: match drop.line_rate {
            0 => None,
            _ => store::line(tx, drop.id)?,
        },
        drop,
    })
}

/// A drop of a shop, whole.
pub fn view(tx: &mut Tx<'_>, shop: ShopId, id: DropId) -> Result<Option<View>> {
    match store::find(tx, shop, id)? {
        Some(drop) => of(tx, drop).map(Some),
        None => Ok(None),
    }
}

/// The same by its address.
pub fn view_by_slug(tx: &mut Tx<'_>, shop: ShopId, slug: &str) -> Result<Option<View>> {
    match store::find_by_slug(tx, shop, slug)? {
        Some(drop) => of(tx, drop).map(Some),
        None => Ok(None),
    }
}
