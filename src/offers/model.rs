//! A quote: exactly what was shown, in whole minor units.

use crate::catalog::KeepTheRest;
use crate::discounts::{self, TakenOff, Wish};
use crate::drops::QuotedDrop;
use crate::identity::PoliciesHash;
use crate::kernel::{
    AnchorId, ClipId, ContractId, Currency, DropId, Error, MethodId, Money, ProductId, Rate, Result, ShopId, Time,
    VariantId, ZoneId, apportion, words,
};
use crate::preorders::QuotedPreorder;
use crate::taxes;
use serde::{Deserialize, Serialize};

/// One wanted variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WantedLine {
    pub variant: VariantId,
    pub quantity: u32,
}

/// Where in which clip the offer was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    pub clip: ClipId,
    pub version: i64,
    pub anchor: Option<AnchorId>,
    /// Position in the clip.
    pub at_ms: i64,
}

/// What a quote is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub lines: Vec<WantedLine>,
    /// ISO 3166-1 alpha-2: where the parcel goes and whose tax is due.
    pub country: String,
    /// The chosen delivery method; the zone's first one if none is named.
    pub delivery: Option<MethodId>,
    pub seen: Option<Seen>,
    /// In a drop: at its prices, and from its units.
    pub drop: Option<InDrop>,
    /// What takes something off it.
    pub discounts: Wish,
}

/// A question that is asked in a drop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InDrop {
    pub id: DropId,
    /// What a checkout reserved there already: it may be quoted anew after the drop has closed, and never at a higher price than it was.
    pub reserved: Vec<QuotedLine>,
    /// What is kept of the secret of the browser that asks.
    pub key: Option<[u8; 32]>,
}

impl InDrop {
    /// A question of somebody who has reserved nothing yet.
    pub fn new(id: DropId) -> Self {
        Self {
            id,
            reserved: Vec::new(),
            key: None,
        }
    }

    /// The same, asked by a browser that may be a guest.
    #[must_use]
    pub fn by(self, key: Option<[u8; 32]>) -> Self {
        Self { key, ..self }
    }

    /// The question a quote answers, asked once more by whoever reserved by it.
    pub fn again(quote: &Quote) -> Option<Self> {
        quote.drop.as_ref().map(|drop| Self {
            id: drop.id,
            reserved: quote.lines.clone(),
            key: None,
        })
    }
}

/// The most a checkout may hold.
const LINES_MAX: usize = 20;
const QUANTITY_MAX: u32 = 20;

impl Asked {
    /// Reads `var_a:1,var_b:2`. Errors name the field.
    pub fn lines(text: &str) -> Result<Vec<WantedLine>> {
        let bad = |detail: &'static str| Error::field("/lines", detail);
        let mut lines: Vec<WantedLine> = Vec::new();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (variant, quantity) = part.split_once(':').unwrap_or((part, "1"));
            let variant = variant
                .parse()
                .map_err(|_| bad("Write variants and quantities as var_…:1,var_…:2."))?;
            let quantity = quantity.parse().map_err(|_| bad("A quantity is a whole number."))?;
            lines.push(WantedLine { variant, quantity });
        }
        if lines.is_empty() || lines.len() > LINES_MAX {
            return Err(bad("Ask for 1 to 20 lines."));
        }
        if lines
            .iter()
            .any(|line| line.quantity == 0 || line.quantity > QUANTITY_MAX)
        {
            return Err(bad("A quantity is 1 to 20."));
        }
        if (1..lines.len()).any(|index| lines[..index].iter().any(|other| other.variant == lines[index].variant)) {
            return Err(bad("Name each variant once, with its whole quantity."));
        }
        Ok(lines)
    }

    /// Two capital letters.
    pub fn country(text: &str) -> Result<String> {
        if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Ok(text.to_owned());
        }
        Err(Error::field(
            "/country",
            "Use the country's two capital letters, such as DE.",
        ))
    }
}

/// One line as it was shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotedLine {
    pub variant: VariantId,
    pub product: ProductId,
    pub sku: String,
    pub title: String,
    pub variant_title: String,
    pub image: String,
    pub physical: bool,
    pub quantity: u32,
    /// The price as the shop shows prices: with or without tax.
    pub unit_minor: i64,
    /// What the buyer pays for the line, tax included.
    pub amount_minor: i64,
    pub tax_minor: i64,
    pub tax: Rate,
    pub price_version: i64,
    pub contract: Option<ContractId>,
    /// What each of the quote's discounts takes off it, in their order; as the shop shows prices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taken: Vec<i64>,
    /// The bundle it is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<InBundle>,
    /// It is not there yet: when it leaves at the latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preorder: Option<QuotedPreorder>,
}

/// The place of a line in a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InBundle {
    /// Which of the quote's bundles.
    pub at: u32,
    /// The line's share of what the bundle costs, as the shop shows prices.
    pub minor: i64,
}

/// A bundle as it was shown: what its lines share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotedBundle {
    /// What it is sold as.
    pub variant: VariantId,
    pub product: ProductId,
    pub sku: String,
    pub title: String,
    pub image: String,
    pub quantity: u32,
    /// The price of one as the shop shows prices.
    pub unit_minor: i64,
    pub price_version: i64,
    /// What is given back when parts come back and the rest is kept.
    pub keep_the_rest: KeepTheRest,
}

impl QuotedLine {
    /// The line before anything is taken off, as the shop shows prices: of a part of a bundle, its share.
    pub fn full_minor(&self) -> i64 {
        match self.bundle {
            Some(inside) => inside.minor,
            None => self.alone_minor(self.quantity),
        }
    }

    /// What so many of its units cost alone, as the shop shows prices.
    pub fn alone_minor(&self, units: u32) -> i64 {
        self.unit_minor * i64::from(units)
    }

    /// Prices it anew: its tax is that of what is left of it.
    pub(super) fn priced(&mut self, inclusive: bool) {
        let off: i64 = self.taken.iter().sum();
        assert!(
            self.taken.iter().all(|minor| *minor >= 0) && off <= self.full_minor(),
            "a line never costs less than nothing"
        );
        let taxed = taxes::line(self.full_minor() - off, self.tax, inclusive);
        self.amount_minor = taxed.gross;
        self.tax_minor = taxed.tax;
    }

    /// What the line would cost with its tax after the first `count` discounts.
    fn gross_after(&self, count: usize, inclusive: bool) -> i64 {
        let off: i64 = self.taken.iter().take(count).sum();
        taxes::line(self.full_minor() - off, self.tax, inclusive).gross
    }
}

/// How it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotedDelivery {
    pub method: MethodId,
    pub name: String,
    pub zone: ZoneId,
    /// What the buyer pays for it, tax included.
    pub amount_minor: i64,
    pub tax_minor: i64,
    pub tax: Rate,
    pub eta_days_min: u32,
    pub eta_days_max: u32,
}

/// What was shown, whole. The token carries it, the checkout freezes it, a dispute is answered from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    pub shop: ShopId,
    /// Of the rules by which it was made.
    pub version: u32,
    pub shown_at: Time,
    pub expires_at: Time,
    pub country: String,
    pub zone: Option<ZoneId>,
    pub currency: Currency,
    /// Whether the unit prices shown include tax.
    pub inclusive: bool,
    pub lines: Vec<QuotedLine>,
    pub delivery: Option<QuotedDelivery>,
    pub items_minor: i64,
    pub tax_minor: i64,
    pub total_minor: i64,
    pub return_days: u32,
    /// The shop's seller and policies as they could be read beside the offer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policies: Option<PoliciesHash>,
    pub seen: Option<Seen>,
    /// The drop it is bought in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drop: Option<QuotedDrop>,
    /// What takes something off it, in the order in which it does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub discounts: Vec<discounts::Quoted>,
    /// The bundles its lines are parts of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bundles: Vec<QuotedBundle>,
}

/// The rules of this program; a token of other rules is refused.
pub(super) const RULES: u32 = 1;

impl Quote {
    /// Whether a parcel must travel.
    pub fn needs_address(&self) -> bool {
        self.lines.iter().any(|line| line.physical)
    }

    /// The code that was typed for it and takes something off.
    pub fn code(&self) -> Option<&str> {
        self.discounts.iter().find_map(|discount| discount.code.as_deref())
    }

    /// What a line would cost without discounts, tax included.
    pub fn full_gross(&self, line: &QuotedLine) -> i64 {
        match line.taken[..] {
            [] => line.amount_minor, // As it was sold, whatever rules it was sold by.
            _ => line.gross_after(0, self.inclusive),
        }
    }

    /// The bundle a line is a part of.
    pub fn bundle_of(&self, line: &QuotedLine) -> Option<&QuotedBundle> {
        self.bundles.get(line.bundle?.at as usize)
    }

    /// How much less a part of a bundle costs in it than alone, before discounts; tax included.
    pub fn saved_in_bundle(&self, line: &QuotedLine) -> i64 {
        let alone = taxes::line(line.alone_minor(line.quantity), line.tax, self.inclusive).gross;
        match line.bundle {
            Some(_) => alone - self.full_gross(line),
            None => 0,
        }
    }

    /// "in \u{201c}Morning set\u{201d}, €10.90 less than alone"; nothing of a line in no bundle.
    pub fn told_in_bundle(&self, line: &QuotedLine) -> Option<String> {
        let inside = format!("in \u{201c}{}\u{201d}", self.bundle_of(line)?.title);
        Some(match self.saved_in_bundle(line) {
            ..=0 => inside,
            saved => {
                let saved = words::money(Money::new(saved, self.currency));
                format!("{inside}, {saved} less than alone")
            }
        })
    }

    /// The same of all lines.
    pub fn full_minor(&self) -> i64 {
        self.lines.iter().map(|line| self.full_gross(line)).sum()
    }

    /// What each discount makes it cheaper, tax included; together with what is paid they are [`Quote::full_minor`], to the minor unit.
    pub fn taken_off(&self) -> Vec<(&discounts::Quoted, i64)> {
        let cheaper = |at: usize, line: &QuotedLine| {
            line.gross_after(at, self.inclusive) - line.gross_after(at + 1, self.inclusive)
        };
        let each = self.discounts.iter().enumerate();
        each.map(|(at, discount)| (discount, self.lines.iter().map(|line| cheaper(at, line)).sum()))
            .collect()
    }

    /// What was asked for: a bundle by what it is sold as.
    pub fn wanted(&self) -> Vec<WantedLine> {
        let wanted = |(bundle, lines): (Option<&QuotedBundle>, Vec<usize>)| match bundle {
            Some(bundle) => WantedLine {
                variant: bundle.variant,
                quantity: bundle.quantity,
            },
            None => WantedLine {
                variant: self.lines[lines[0]].variant,
                quantity: self.lines[lines[0]].quantity,
            },
        };
        self.groups().into_iter().map(wanted).collect()
    }

    /// What may be taken off: the lines before discounts, each bundle as one.
    pub(super) fn bare_lines(&self) -> Vec<discounts::Line> {
        let bare = |(bundle, lines): (Option<&QuotedBundle>, Vec<usize>)| {
            let first = &self.lines[lines[0]];
            let (product, quantity) = match bundle {
                Some(bundle) => (bundle.product, bundle.quantity),
                None => (first.product, first.quantity),
            };
            discounts::Line {
                product,
                quantity,
                minor: lines.iter().map(|line| self.lines[*line].full_minor()).sum(),
            }
        };
        self.groups().into_iter().map(bare).collect()
    }

    /// Prices every line anew with these discounts, in place of those it had. The parts of a bundle share what is taken off it by what is left of them.
    pub(super) fn take_off(&mut self, taken: Vec<TakenOff>) {
        let groups: Vec<Vec<usize>> = self.groups().into_iter().map(|(_, lines)| lines).collect();
        for line in &mut self.lines {
            line.taken = Vec::with_capacity(taken.len());
        }
        for off in &taken {
            for (group, minor) in groups.iter().zip(&off.minor) {
                let left = |line: &usize| {
                    let line = &self.lines[*line];
                    line.full_minor() - line.taken.iter().sum::<i64>()
                };
                let parts = match group[..] {
                    [_] => vec![*minor],
                    _ => apportion(
                        *minor,
                        &group.iter().map(|line| left(line).unsigned_abs()).collect::<Vec<_>>(),
                    ),
                };
                for (line, part) in group.iter().zip(parts) {
                    self.lines[*line].taken.push(part);
                }
            }
        }
        for line in &mut self.lines {
            line.priced(self.inclusive);
        }
        self.discounts = taken.into_iter().map(|off| off.discount).collect();
    }

    /// From when everything can travel, if it is bought at `at`.
    pub fn leaves(&self, at: Time) -> Time {
        let days = self.lines.iter().filter_map(|line| line.preorder);
        days.map(|preorder| preorder.ships_by).fold(at, Time::max)
    }

    /// The same things quoted anew: what was promised for a day is promised for it still.
    pub fn keep_preorders(&mut self, before: &Self) {
        for line in &mut self.lines {
            let known = before.lines.iter().find(|known| known.variant == line.variant);
            line.preorder = known.and_then(|known| known.preorder);
        }
    }

    /// The quote of something that is exchanged within its product: nobody pays for the parcel again, nor more than `at_most` for the first line, tax included.
    pub fn for_the_same(mut self, at_most: Option<i64>) -> Result<Self> {
        if let Some(delivery) = &mut self.delivery {
            (delivery.amount_minor, delivery.tax_minor) = (0, 0);
        }
        if let (Some(gross), Some(line)) = (at_most, self.lines.first_mut())
            && gross < line.amount_minor
        {
            let taxed = taxes::line(gross, line.tax, true);
            (line.amount_minor, line.tax_minor) = (taxed.gross, taxed.tax);
            let shown = if self.inclusive { gross } else { gross - taxed.tax };
            line.unit_minor = shown / i64::from(line.quantity);
            line.taken.clear();
            self.discounts.clear();
        }
        self.summed()
    }

    /// The same with its sums made from its parts. Errors: `amount_too_large`.
    pub(super) fn summed(mut self) -> Result<Self> {
        let mut items = 0i64;
        let mut tax = 0i64;
        for line in &self.lines {
            items = add(items, line.amount_minor)?;
            tax = add(tax, line.tax_minor)?;
        }
        let (delivery, delivery_tax) = self
            .delivery
            .as_ref()
            .map_or((0, 0), |delivery| (delivery.amount_minor, delivery.tax_minor));
        self.items_minor = items;
        self.tax_minor = add(tax, delivery_tax)?;
        self.total_minor = add(items, delivery)?;
        Ok(self)
    }
}

fn add(left: i64, right: i64) -> Result<i64> {
    left.checked_add(right)
        .filter(|sum| *sum < 1 << 53)
        .ok_or_else(|| Error::invalid("amount_too_large", "Amounts stay below 2^53 minor units."))
}
