//! What a discount is, and what may be said about it.

use crate::kernel::{Currency, DiscountId, Error, Money, MoneyOut, ProductId, Rate, Result, ShopId, Time, words};
use serde::{Deserialize, Serialize};

crate::words! {
    /// Whether a discount may still be had.
    pub enum DiscountState {
        Active = "active",
        /// Somebody here ended it. What was quoted before is honoured as long as the quote holds.
        Ended = "ended",
    }
}

/// What a discount takes off. Every amount is rounded down, to the shop's side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[schema(as = DiscountTakes)]
pub enum Takes {
    /// Of every so many units, the cheapest: `buy` 2 `get` 1 at 10000 is three for the price of two.
    Bogo {
        buy: u32,
        get: u32,
        /// In basis points of the price of those: 10000 is free.
        off_bp: u32,
    },
    /// From so many units on, so much off all of them.
    Volume { steps: Vec<Step> },
    /// So much of the price, in basis points.
    Percentage { off_bp: u32 },
    /// An amount, once a purchase.
    Fixed { off: MoneyOut },
}

/// A step of a volume discount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DiscountStep)]
pub struct Step {
    /// Units it is for altogether, whichever products they are of.
    pub from: u32,
    pub off_bp: u32,
}

impl Takes {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Bogo { .. } => "bogo",
            Self::Volume { .. } => "volume",
            Self::Percentage { .. } => "percentage",
            Self::Fixed { .. } => "fixed",
        }
    }

    /// Where several have the same priority: what counts units first, then portions, then amounts.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Bogo { .. } => 0,
            Self::Volume { .. } => 1,
            Self::Percentage { .. } => 2,
            Self::Fixed { .. } => 3,
        }
    }
}

/// The rule of one version of a discount: everything that decides what it takes off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    pub name: String,
    pub takes: Takes,
    /// The products it is for; none named: everything.
    #[serde(default)]
    pub products: Vec<ProductId>,
    /// What the lines it is for must come to before anything is taken off, as the shop shows prices.
    #[serde(default)]
    pub minimum: Option<MoneyOut>,
    /// The smallest goes first.
    pub priority: i64,
    /// Whether it works together with others.
    pub combinable: bool,
    /// How often one buyer may have it; 0: no limit.
    #[serde(default)]
    pub per_buyer: u32,
}

impl Rule {
    pub fn is_for(&self, product: ProductId) -> bool {
        self.products.is_empty() || self.products.contains(&product)
    }
}

/// A discount of a shop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discount {
    pub id: DiscountId,
    pub shop: ShopId,
    pub version: i64,
    pub state: DiscountState,
    /// What a buyer types; none: it applies by itself.
    pub code: Option<String>,
    pub rule: Rule,
    pub starts_at: Time,
    /// None: until somebody ends it.
    pub ends_at: Option<Time>,
    /// How often it may be had altogether; 0: no limit.
    pub uses_max: u32,
    /// How often it counts as had, where there is a limit.
    pub used: i64,
    pub created_at: Time,
    pub changed_at: Time,
}

impl Discount {
    pub fn is_on(&self, now: Time) -> bool {
        self.state == DiscountState::Active && self.starts_at <= now && self.ends_at.is_none_or(|end| end > now)
    }
    pub fn is_used_up(&self) -> bool {
        self.uses_max > 0 && self.used >= i64::from(self.uses_max)
    }
    /// As a quote names it.
    pub(super) fn quoted(&self) -> Quoted {
        Quoted {
            id: self.id,
            version: self.version,
            name: self.rule.name.clone(),
            code: self.code.clone(),
            limited: self.uses_max > 0,
            per_buyer: self.rule.per_buyer,
        }
    }
}

/// A discount as a quote carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quoted {
    pub id: DiscountId,
    /// Of the rule it was worked out with.
    pub version: i64,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Whether a limit counts it when it is bought.
    pub limited: bool,
    pub per_buyer: u32,
}

/// What a discount takes off each line, in the lines' order; as the shop shows prices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenOff {
    pub discount: Quoted,
    pub minor: Vec<i64>,
}

/// A line something may be taken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    pub product: ProductId,
    pub quantity: u32,
    /// The whole line, as the shop shows prices.
    pub minor: i64,
}

/// What a question for a price says of discounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Whatever applies now, and the code that was typed.
    Now(Option<String>),
    /// What was quoted before and still holds: neither looked for anew nor judged again.
    Promised(Vec<Quoted>),
    /// None at all: a drop has prices of its own.
    Nothing,
}

impl Default for Wish {
    fn default() -> Self {
        Self::Now(None)
    }
}

/// A discount to make, or what one becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDiscount {
    /// As it was typed; empty: it applies by itself.
    pub code: String,
    pub rule: Rule,
    /// None: at once.
    pub starts_at: Option<Time>,
    pub ends_at: Option<Time>,
    pub uses_max: u32,
}

const CODE_MIN: usize = 3;
const CODE_MAX: usize = 32;
const PRODUCTS_MAX: usize = 100;
const STEPS_MAX: usize = 10;

/// A code as people type it: any case, blanks around and inside. None: it cannot be one.
pub fn read_code(text: &str) -> Option<String> {
    let code: String = text
        .chars()
        .filter(|letter| !letter.is_whitespace())
        .flat_map(char::to_uppercase)
        .collect();
    let plain = |letter: u8| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == b'-' || letter == b'_';
    ((CODE_MIN..=CODE_MAX).contains(&code.len()) && code.bytes().all(plain)).then_some(code)
}

fn portion(pointer: &'static str, off_bp: u32) -> Result<()> {
    if (1..=10_000).contains(&off_bp) {
        return Ok(());
    }
    Err(Error::field(pointer, "Take off more than nothing and at most 100 %."))
}

impl NewDiscount {
    /// The same, trimmed, with its code as it is kept. Errors: `invalid_field`, in the order of the fields.
    pub(super) fn checked(mut self, currency: Currency) -> Result<(Self, Option<String>)> {
        let rule = &mut self.rule;
        rule.name = rule.name.split_whitespace().collect::<Vec<_>>().join(" ");
        if rule.name.is_empty() || rule.name.chars().count() > 80 {
            return Err(Error::field(
                "/name",
                "Give it a name of at most 80 characters: buyers see it beside what it takes off.",
            ));
        }
        match &mut rule.takes {
            Takes::Percentage { off_bp } => portion("/takes/off_bp", *off_bp)?,
            Takes::Fixed { off } => amount("/takes/off", *off, currency)?,
            Takes::Bogo { buy, get, off_bp } => {
                if !(1..=100).contains(buy) || !(1..=100).contains(get) {
                    return Err(Error::field("/takes/buy", "Buy 1 to 100, get 1 to 100."));
                }
                portion("/takes/off_bp", *off_bp)?;
            }
            Takes::Volume { steps } => {
                steps.sort_by_key(|step| step.from);
                let doubled = steps.windows(2).any(|pair| pair[0].from == pair[1].from);
                if steps.is_empty() || steps.len() > STEPS_MAX || doubled {
                    return Err(Error::field(
                        "/takes/steps",
                        "Say 1 to 10 steps, each number of units once.",
                    ));
                }
                for step in steps.iter() {
                    if !(1..=1000).contains(&step.from) {
                        return Err(Error::field("/takes/steps", "A step begins at 1 to 1000 units."));
                    }
                    portion("/takes/steps", step.off_bp)?;
                }
            }
        }
        rule.products.sort_unstable();
        rule.products.dedup();
        if rule.products.len() > PRODUCTS_MAX {
            return Err(Error::field(
                "/products",
                "Name at most 100 products, or none: then it is for everything.",
            ));
        }
        if let Some(minimum) = rule.minimum {
            amount("/minimum", minimum, currency)?;
        }
        if !(0..=1000).contains(&rule.priority) {
            return Err(Error::field(
                "/priority",
                "A number from 0 to 1000; the smallest goes first.",
            ));
        }
        let code = match self.code.trim() {
            "" => None,
            typed => Some(read_code(typed).ok_or_else(|| {
                Error::field(
                    "/code",
                    "Use 3 to 32 letters, digits, - or _; leave it empty if it applies by itself.",
                )
            })?),
        };
        if let (Some(start), Some(end)) = (self.starts_at, self.ends_at)
            && end <= start
        {
            return Err(Error::field("/ends_at", "It ends after it starts."));
        }
        if self.rule.per_buyer > 0 && code.is_none() {
            // By itself it would be shown to buyers who had it, and refused when they pay.
            return Err(Error::field("/uses_per_buyer", "A limit for each buyer needs a code."));
        }
        if self.uses_max > 1_000_000 || self.rule.per_buyer > 1000 {
            return Err(Error::field(
                "/uses_max",
                "At most 1000000 altogether, and 1000 a buyer; 0 is no limit.",
            ));
        }
        Ok((self, code))
    }
}

fn amount(pointer: &'static str, given: MoneyOut, currency: Currency) -> Result<()> {
    if given.currency != currency {
        return Err(Error::field(pointer, format!("Prices here are in {currency}.")));
    }
    if !(1..=100_000_000_000).contains(&given.amount) {
        return Err(Error::field(pointer, "An amount above nothing."));
    }
    Ok(())
}

/// "10 %", "€5.00", "3 for 2": what a discount takes off, in a few words.
pub fn words(takes: &Takes) -> String {
    let off = |bp: u32| words::percent(Rate(bp));
    match takes {
        Takes::Percentage { off_bp } => format!("{} off", off(*off_bp)),
        Takes::Fixed { off } => format!("{} off", words::money(Money::from(*off))),
        Takes::Bogo {
            buy,
            get,
            off_bp: 10_000,
        } => format!("{} for the price of {buy}", buy + get),
        Takes::Bogo { buy, get, off_bp } => format!("Buy {buy}, get {get} at {} off", off(*off_bp)),
        Takes::Volume { steps } => {
            let step = |step: &Step| format!("{} off from {}", off(step.off_bp), step.from);
            steps.iter().map(step).collect::<Vec<_>>().join(", ")
        }
    }
}

fn refused(code: &'static str, detail: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::conflict(code, detail)
}

/// Whoever tries codes learns the same of a wrong one, of another shop's, of one that has not begun, and of what is no code at all.
pub(super) fn unknown() -> Error {
    Error::new(
        crate::kernel::Kind::NotFound,
        "code_unknown",
        "There is no discount with this code here. Look at it once more; nothing was charged.",
    )
}

pub(super) fn ended() -> Error {
    refused("code_ended", "The discount of this code is over. Nothing was charged.")
}

pub(super) fn not_in_a_drop() -> Error {
    refused(
        "code_not_for_these",
        "A drop has prices of its own: codes take nothing off them. Nothing was charged.",
    )
}

pub(super) fn not_for_these() -> Error {
    refused(
        "code_not_for_these",
        "This code takes nothing off what you chose. Nothing was charged.",
    )
}

pub(super) fn minimum(of: Money) -> Error {
    let least = words::money(of);
    refused(
        "code_minimum",
        format!("This code takes something off from {least} on. Nothing was charged."),
    )
}

pub(super) fn gives_less() -> Error {
    refused(
        "code_gives_less",
        "Without this code you pay less, and the two do not go together. Nothing was charged.",
    )
}

pub(super) fn used_up(discount: &Quoted) -> Error {
    match discount.code {
        Some(_) => refused(
            "code_used_up",
            "This code was used as often as it may be. Nothing was charged.",
        ),
        None => refused(
            "discount_used_up",
            format!(
                "\u{201c}{}\u{201d} was used up meanwhile. Look at the total again; nothing was charged.",
                discount.name
            ),
        ),
    }
}

pub(super) fn used_by_you(discount: &Quoted) -> Error {
    let often = match discount.per_buyer {
        1 => "once".into(),
        times => format!("{times} times"),
    };
    refused(
        "code_used_by_you",
        format!("Each buyer may use this code {often}, and you did. Nothing was charged."),
    )
}
