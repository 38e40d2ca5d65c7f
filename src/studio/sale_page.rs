//! One sale as a flow: what the buyer paid and who got which part of it, in real widths.

use super::names::{Names, share};
use super::orders_page::buyer;
use crate::app::App;
use crate::checkout::{self, OrderView};
use crate::db::Tx;
use crate::http::{Path, Problem, page};
use crate::identity::{Analyst, Shop, Staff, shop};
use crate::kernel::{Error, OrderId, Result, Time, words};
use crate::ledger::{self, AccountKey, AccountKind, Transfer};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::chart::{Flow, Leg, LegKind};
use super::frame::{Frame, Section};
use super::when::When;

/// One part of the sale and the rule it came from.
pub struct SaleLeg {
    pub kind: LegKind,
    pub name: String,
    /// "20 % of net items, contract Studio pieces, version 3".
    pub rule: String,
    pub share: String,
    /// What was given back by refunds, and what stays.
    pub given_back: String,
    pub stays: String,
}

#[derive(Template)]
#[template(path = "studio/sale.html")]
pub struct SalePage {
    pub frame: Frame,
    pub number: String,
    pub order_link: String,
    pub buyer: String,
    pub at: When,
    /// Shown until the money is really taken.
    pub expected: bool,
    pub total: String,
    pub flow: Flow,
    pub legs: Vec<SaleLeg>,
    pub csv: String,
    pub contract: String,
    pub contract_link: String,
}

/// What the page reads, in one snapshot.
struct Desk {
    shop: Shop,
    names: Names,
    view: OrderView,
    transfers: Vec<Transfer>,
    now: Time,
}

fn read(tx: &mut Tx<'_>, staff: &Staff, id: OrderId) -> Result<Desk> {
    let shop = shop(tx, staff.shop)?;
    Ok(Desk {
        names: Names::read(tx, &shop)?,
        view: checkout::view(tx, shop.id, id)?.ok_or_else(|| Error::not_found("sale"))?,
        transfers: ledger::transfers_of_order(tx, shop.id, id)?,
        now: tx.now(),
        shop,
    })
}

pub async fn show(
    State(app): State<App>,
    staff: Analyst,
    Path((_, id)): Path<(String, OrderId)>,
) -> std::result::Result<Response, Problem> {
    let who = staff.0.clone();
    let desk = app.db.read(move |tx| read(tx, &who, id)).await?;
    page(&SalePage::of(&desk, &staff))
}

/// One account's part of the sale.
struct Share {
    key: AccountKey,
    got: i64,
    gave_back: i64,
}

impl Desk {
    /// From the ledger once something was taken; before that from the split that was frozen with the order.
    fn shares(&self) -> Vec<Share> {
        let mut shares: Vec<Share> = Vec::new();
        let mut add = |key: AccountKey, got: i64, gave_back: i64| match shares.iter_mut().find(|share| share.key == key)
        {
            Some(share) => {
                share.got += got;
                share.gave_back += gave_back;
            }
            None => shares.push(Share { key, got, gave_back }),
        };
        if self.transfers.is_empty() {
            let by_processor = self.view.intent.iter().map(|intent| &intent.allocation);
            let by_gift_card = self.view.gift_card.iter().filter_map(|used| used.allocation.as_ref());
            let parts = by_processor.chain(by_gift_card).flat_map(|split| split.parts());
            for leg in parts.flat_map(|(_, part)| &part.legs) {
                add(leg.account, leg.minor, 0);
            }
        }
        for transfer in &self.transfers {
            let back = matches!(transfer.source_kind.as_str(), "refund" | "gift_card_return");
            for leg in &transfer.legs {
                if leg.purpose == "processor_fee" {
                    // Whoever bears the fee has less; the processor has it.
                    let bearer = match leg.debit.key.kind {
                        AccountKind::ProcessorFees => AccountKey::of(AccountKind::ShopRevenue),
                        _ => leg.debit.key,
                    };
                    add(bearer, -leg.minor, 0);
                    add(AccountKey::of(AccountKind::ProcessorFees), leg.minor, 0);
                } else if back {
                    add(leg.debit.key, 0, leg.minor);
                } else {
                    add(leg.credit.key, leg.minor, 0);
                }
            }
        }
        shares.retain(|share| share.key.kind != AccountKind::ProcessorClearing && share.got != 0);
        shares.sort_by_key(|share| std::cmp::Reverse(share.got));
        shares
    }
}

impl SalePage {
    fn of(desk: &Desk, staff: &Staff) -> Self {
        let order = &desk.view.order;
        let frame = Frame::of(&desk.shop, staff, Section::Money, &format!("Sale {}", order.number));
        let money = |minor: i64| words::money(order.money(minor));
        let shares = desk.shares();
        let whole: i64 = shares.iter().map(|share| share.got).sum();
        let leg = |part: &Share| {
            let holder = desk.names.holder(part.key);
            SaleLeg {
                kind: holder.kind,
                name: holder.name,
                rule: holder.role.into(),
                share: share(part.got, whole),
                given_back: money(part.gave_back),
                stays: money(part.got - part.gave_back),
            }
        };
        let ribbon = |part: &Share| {
            let holder = desk.names.holder(part.key);
            Leg::new(
                holder.kind,
                &holder.name,
                part.got.unsigned_abs(),
                &money(part.got),
                &share(part.got, whole),
            )
        };
        Self {
            number: order.number.clone(),
            order_link: format!("{}/{}", frame.to(&Section::Orders), order.id),
            buyer: buyer(&desk.view),
            at: When::of(order.confirmed_at, desk.now),
            expected: desk.transfers.is_empty(),
            total: money(whole),
            flow: Flow {
                title: format!("Where {} of sale {} went", money(whole), order.number),
                source: "The buyer paid".into(),
                source_amount: money(whole),
                legs: shares.iter().filter(|share| share.got > 0).map(ribbon).collect(),
            },
            legs: shares.iter().map(leg).collect(),
            csv: String::new(),
            contract: String::new(),
            contract_link: String::new(),
            frame,
        }
    }

    pub fn sample() -> Self {
        let leg = |kind, name: &str, rule: &str, share: &str, amount: &str| SaleLeg {
            kind,
            name: name.into(),
            rule: rule.into(),
            share: share.into(),
            given_back: "€0.00".into(),
            stays: amount.into(),
        };
        Self {
            frame: Frame::sample(Section::Money, "Sale 1044"),
            number: "1044".into(),
            order_link: "/studio/nour/orders/ord_01jd4a1b2c3d4e5f6g7h8j1044".into(),
            buyer: "Amira Saleh, Wien".into(),
            at: When::new("2 h ago", "21 November 2026, 14:10:31", "2026-11-21T14:10:31Z"),
            expected: false,
            total: "€74.90".into(),
            flow: sample_flow(),
            legs: vec![
                leg(
                    LegKind::Creator,
                    "Lina Haddad",
                    "What is left of net items after everyone else",
                    "57.2 %",
                    "€42.82",
                ),
                leg(
                    LegKind::Creator,
                    "Jonas Weber",
                    "20 % of net items (€58.82)",
                    "15.7 %",
                    "€11.76",
                ),
                leg(
                    LegKind::Tax,
                    "Value added tax",
                    "19 %, line by line",
                    "16.0 %",
                    "€11.96",
                ),
                leg(
                    LegKind::Partner,
                    "Spree Parcel",
                    "All of the net delivery price",
                    "5.5 %",
                    "€4.12",
                ),
                leg(LegKind::Platform, "Hawker", "5 % of net items", "3.9 %", "€2.94"),
                leg(
                    LegKind::Processor,
                    "Sandbox",
                    "1.4 % of the total and €0.25, an estimate until the processor's statement",
                    "1.7 %",
                    "€1.30",
                ),
            ],
            csv: "/studio/nour/money/sales/ord_01jd4a1b2c3d4e5f6g7h8j1044.csv".into(),
            contract: "Studio pieces, version 3".into(),
            contract_link: "/studio/nour/partners/contracts/ctr_studio".into(),
        }
    }

    /// Authorized but not shipped: the same picture, said as what will happen.
    pub fn expected() -> Self {
        Self {
            expected: true,
            ..Self::sample()
        }
    }
}

/// The sample sale, also shown on its order.
pub fn sample_flow() -> Flow {
    Flow {
        title: "Where the €74.90 of sale 1044 went: €42.82 to Lina Haddad, €11.76 to Jonas Weber, €11.96 tax, €4.12 to Spree Parcel, €2.94 to Hawker, €1.30 to the processor".into(),
        source: "Amira paid".into(),
        source_amount: "€74.90".into(),
        legs: vec![
            Leg::new(LegKind::Creator, "Lina Haddad", 4282, "€42.82", "57.2 %"),
            Leg::new(LegKind::Creator, "Jonas Weber", 1176, "€11.76", "15.7 %"),
            Leg::new(LegKind::Tax, "Value added tax", 1196, "€11.96", "16.0 %"),
            Leg::new(LegKind::Partner, "Spree Parcel", 412, "€4.12", "5.5 %"),
            Leg::new(LegKind::Platform, "Hawker", 294, "€2.94", "3.9 %"),
            Leg::new(LegKind::Processor, "Sandbox", 130, "€1.30", "1.7 %"),
        ],
    }
}

/// A month of sales together, for the money page.
pub fn sample_month_flow() -> Flow {
    Flow {
        title: "Where the €11,204.30 of November went".into(),
        source: "Buyers paid".into(),
        source_amount: "€11,204.30".into(),
        legs: vec![
            Leg::new(LegKind::Creator, "Lina Haddad", 641_066, "€6,410.66", "57.2 %"),
            Leg::new(LegKind::Creator, "Jonas Weber", 176_041, "€1,760.41", "15.7 %"),
            Leg::new(LegKind::Tax, "Value added tax", 178_880, "€1,788.80", "16.0 %"),
            Leg::new(LegKind::Partner, "Spree Parcel", 61_129, "€611.29", "5.5 %"),
            Leg::new(LegKind::Platform, "Hawker", 44_003, "€440.03", "3.9 %"),
            Leg::new(LegKind::Processor, "Sandbox", 19_311, "€193.11", "1.7 %"),
        ],
    }
}
