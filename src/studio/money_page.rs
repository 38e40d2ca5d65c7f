//! Money: what is owed to whom, and every movement of the ledger.

use super::chart::Leg;
use super::names::{Names, share};
use crate::app::App;
use crate::db::Tx;
use crate::http::{Problem, Query, page};
use crate::identity::{Analyst, Shop, Staff, shop};
use crate::kernel::{Money, Page, PageIn, Result, Time, words};
use crate::ledger::{self, AccountKey, AccountKind};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::chart::{Bar, Bars, Flow};
use super::field::Choice;
use super::figure::Figure;
use super::frame::{Frame, Section, Tone};
use super::sale_page;
use super::when::When;

/// One account of one party.
pub struct Balance {
    pub party: String,
    pub role: String,
    pub account: String,
    pub owed: String,
}

/// One leg of a transfer: from one account to another.
pub struct TransferLeg {
    pub from: String,
    pub to: String,
    pub amount: String,
}

/// One movement of the ledger; its legs balance.
pub struct Transfer {
    pub id: String,
    pub what: String,
    pub order_link: Option<String>,
    pub amount: String,
    pub legs: Vec<TransferLeg>,
    pub at: When,
}

#[derive(Template)]
#[template(path = "studio/money.html")]
pub struct MoneyPage {
    pub frame: Frame,
    pub periods: Vec<Choice>,
    pub figures: Vec<Figure>,
    pub sales: Option<Bars>,
    pub sales_csv: String,
    /// Where the money of the period went, all sales together.
    pub flow: Option<Flow>,
    pub balances: Vec<Balance>,
    pub balances_csv: String,
    pub transfers: Vec<Transfer>,
    pub transfers_csv: String,
    pub next: Option<String>,
}

/// What the page reads, in one snapshot.
struct Desk {
    shop: Shop,
    names: Names,
    balances: Vec<ledger::Balance>,
    transfers: Page<ledger::Transfer>,
    now: Time,
}

fn read(tx: &mut Tx<'_>, staff: &Staff, asked: &PageIn) -> Result<Desk> {
    let shop = shop(tx, staff.shop)?;
    Ok(Desk {
        names: Names::read(tx, &shop)?,
        balances: ledger::balances(tx, staff.shop)?,
        transfers: ledger::transfers(tx, staff.shop, asked)?,
        now: tx.now(),
        shop,
    })
}

pub async fn show(
    State(app): State<App>,
    staff: Analyst,
    Query(asked): Query<PageIn>,
) -> std::result::Result<Response, Problem> {
    let who = staff.0.clone();
    let desk = app.db.read(move |tx| read(tx, &who, &asked)).await?;
    page(&MoneyPage::of(&desk, &staff))
}

impl Desk {
    /// What the shop's own currency adds up to over some accounts.
    fn sum(&self, counts: impl Fn(AccountKind) -> bool) -> i64 {
        let own = self
            .balances
            .iter()
            .filter(|balance| balance.money.currency == self.shop.currency);
        own.filter(|balance| counts(balance.key.kind))
            .map(|balance| balance.money.minor)
            .sum()
    }

    fn money(&self, minor: i64) -> String {
        words::money(Money::new(minor, self.shop.currency))
    }

    /// Everything that was taken and who has which part of it now.
    fn flow(&self) -> Option<Flow> {
        let mut parts: Vec<(AccountKey, i64)> = self
            .balances
            .iter()
            .filter(|balance| !is_purse(balance.key.kind) && balance.money.currency == self.shop.currency)
            .filter(|balance| balance.money.minor > 0)
            .map(|balance| (balance.key, balance.money.minor))
            .collect();
        parts.sort_by_key(|(_, minor)| std::cmp::Reverse(*minor));
        let whole: i64 = parts.iter().map(|(_, minor)| minor).sum();
        if whole == 0 {
            return None;
        }
        let leg = |(key, minor): &(AccountKey, i64)| {
            let holder = self.names.holder(*key);
            Leg::new(
                holder.kind,
                &holder.name,
                minor.unsigned_abs(),
                &self.money(*minor),
                &share(*minor, whole),
            )
        };
        Some(Flow {
            title: format!("Where {} went, net of refunds", self.money(whole)),
            source: "Taken, after fees".into(),
            source_amount: self.money(whole),
            legs: parts.iter().map(leg).collect(),
        })
    }
}

/// Accounts that money of a sale comes from, rather than goes to.
fn is_purse(kind: AccountKind) -> bool {
    matches!(
        kind,
        AccountKind::ProcessorClearing
            | AccountKind::GiftCardLiability
            | AccountKind::GiftCardsSold
            | AccountKind::GiftCardsGiven
            | AccountKind::PaidOut
            | AccountKind::CurrencyExchange
    )
}

impl MoneyPage {
    fn of(desk: &Desk, staff: &Staff) -> Self {
        let frame = Frame::of(&desk.shop, staff, Section::Money, "Money");
        let base = frame.to(&Section::Money);
        let is_other = |kind| {
            matches!(
                kind,
                AccountKind::PartyPayable
                    | AccountKind::DeliveryPayable
                    | AccountKind::TaxPayable
                    | AccountKind::PlatformRevenue
            )
        };
        let on_gift_cards = desk.sum(|kind| kind == AccountKind::GiftCardLiability);
        let mut figures = vec![
            Figure::new(
                "With the processor",
                &desk.money(-desk.sum(|kind| kind == AccountKind::ProcessorClearing)),
            )
            .changed(Tone::Quiet, true, "taken, net of refunds and fees"),
            Figure::new(
                "The shop keeps",
                &desk.money(desk.sum(|kind| kind == AccountKind::ShopRevenue)),
            ),
            Figure::new("Owed to others", &desk.money(desk.sum(is_other))).changed(
                Tone::Quiet,
                true,
                "partners, platform and tax",
            ),
        ];
        if on_gift_cards > 0 {
            let figure = Figure::new("Owed on gift cards", &desk.money(on_gift_cards));
            figures.push(figure.changed(Tone::Quiet, true, "not spent yet"));
        }
        let balance = |balance: &ledger::Balance| {
            let holder = desk.names.holder(balance.key);
            Balance {
                party: holder.name,
                role: holder.role.into(),
                account: balance.money.currency.code().into(),
                owed: words::money(balance.money),
            }
        };
        let transfer = |transfer: &ledger::Transfer| {
            let what = match transfer.source_kind.as_str() {
                "capture" => "Sale, money taken",
                "refund" => "Money given back",
                "gift_card" => "Gift card issued",
                "gift_card_use" => "Sale, paid with a gift card",
                "gift_card_return" => "Back onto a gift card",
                "settlement" if transfer.order.is_some() => "Settled: the true fee",
                "settlement" => "Fee or payout of a processor",
                "settlement_exchange" => "Settled in another currency",
                "settlement_write_off" => "Written off",
                _ => "Movement",
            };
            let settled = transfer.source_kind.starts_with("settlement");
            let back = matches!(transfer.source_kind.as_str(), "refund" | "gift_card_return");
            let legs = transfer.legs.iter().map(|leg| TransferLeg {
                from: desk.names.holder(leg.debit.key).name,
                to: desk.names.holder(leg.credit.key).name,
                amount: words::money(Money::new(leg.minor, transfer.currency)),
            });
            // The amount of a movement is what went through the purse: the processor's account, or what is owed on gift cards. What a settlement file
            // changes is all of it.
            let through = transfer.legs.iter().filter(|leg| {
                if settled {
                    true
                } else if back {
                    is_purse(leg.credit.key.kind)
                } else {
                    is_purse(leg.debit.key.kind)
                }
            });
            let sum: i64 = through.map(|leg| leg.minor).sum();
            Transfer {
                id: transfer.id.to_string(),
                what: what.into(),
                order_link: transfer.order.map(|order| format!("{base}/sales/{order}")),
                amount: words::money(Money::new(if back { -sum } else { sum }, transfer.currency)),
                legs: legs.collect(),
                at: When::of(transfer.at, desk.now),
            }
        };
        Self {
            periods: Vec::new(),
            figures: if desk.balances.is_empty() { Vec::new() } else { figures },
            sales: None,
            sales_csv: String::new(),
            flow: desk.flow(),
            balances: desk
                .balances
                .iter()
                .filter(|balance| !is_purse(balance.key.kind) || balance.key.kind == AccountKind::GiftCardLiability)
                .map(balance)
                .collect(),
            balances_csv: String::new(),
            transfers: desk.transfers.data.iter().map(transfer).collect(),
            transfers_csv: String::new(),
            next: desk.transfers.next.as_ref().map(|next| format!("{base}?after={next}")),
            frame,
        }
    }

    pub fn sample() -> Self {
        let balance = |party: &str, role: &str, account: &str, owed: &str| Balance {
            party: party.into(),
            role: role.into(),
            account: account.into(),
            owed: owed.into(),
        };
        let leg = |from: &str, to: &str, amount: &str| TransferLeg {
            from: from.into(),
            to: to.into(),
            amount: amount.into(),
        };
        Self {
            frame: Frame::sample(Section::Money, "Money"),
            periods: vec![
                Choice::new("week", "This week"),
                Choice::chosen("month", "November"),
                Choice::new("quarter", "This quarter"),
                Choice::new("year", "2026"),
            ],
            figures: vec![
                Figure::new("Taken in November", "€11,204.30")
                    .changed(Tone::Ok, true, "22 % more than October")
                    .with_spark(
                        &[5, 6, 6, 8, 7, 9, 12, 10, 11, 13, 15, 18],
                        "Captured money a day, rising",
                    ),
                Figure::new("Promised, not taken", "€142.80").changed(Tone::Quiet, false, "3 orders to ship"),
                Figure::new("Yours to keep", "€6,410.66").changed(Tone::Quiet, true, "57.2 % of what was taken"),
            ],
            sales: Some(Bars {
                title: "Money taken a week, in euros".into(),
                bars: [
                    ("W40", 181_220_u64, "€1,812.20"),
                    ("W41", 204_010, "€2,040.10"),
                    ("W42", 173_390, "€1,733.90"),
                    ("W43", 260_900, "€2,609.00"),
                    ("W44", 312_470, "€3,124.70"),
                    ("W45", 288_050, "€2,880.50"),
                    ("W46", 401_180, "€4,011.80"),
                    ("W47", 431_200, "€4,312.00"),
                ]
                .into_iter()
                .map(|(label, amount_minor, words)| Bar {
                    label: label.into(),
                    amount_minor,
                    words: words.into(),
                })
                .collect(),
                grid: vec![(200_000, "€2,000".into()), (400_000, "€4,000".into())],
            }),
            sales_csv: "/studio/nour/money/sales.csv".into(),
            flow: Some(sale_page::sample_month_flow()),
            balances: vec![
                balance("Lina Haddad", "Creator", "Payable", "€6,410.66"),
                balance("Jonas Weber", "Creator", "Payable", "€1,760.41"),
                balance("Spree Parcel", "Delivery partner", "Payable", "€611.29"),
                balance("Hawker", "Platform", "Fees", "€440.03"),
                balance("Sandbox", "Processor", "Fees (estimate)", "€0.00"),
                balance("Tax office", "Tax", "Value added tax", "€1,788.80"),
            ],
            balances_csv: "/studio/nour/money/balances.csv".into(),
            transfers: vec![
                Transfer {
                    id: "tfr_01jd4a9m3x".into(),
                    what: "Sale 1040, money taken".into(),
                    order_link: Some("/studio/nour/money/sales/ord_01jd4a1b2c3d4e5f6g7h8j1040".into()),
                    amount: "€36.90".into(),
                    legs: vec![
                        leg("Sandbox, clearing", "Lina Haddad, payable", "€16.89"),
                        leg("Sandbox, clearing", "Jonas Weber, payable", "€4.70"),
                        leg("Sandbox, clearing", "Spree Parcel, payable", "€7.48"),
                        leg("Sandbox, clearing", "Hawker, fees", "€1.17"),
                        leg("Sandbox, clearing", "Sandbox, fees", "€0.77"),
                        leg("Sandbox, clearing", "Tax office, value added tax", "€5.89"),
                    ],
                    at: When::new("2 h ago", "21 November 2026, 12:31:40", "2026-11-21T12:31:40Z"),
                },
                Transfer {
                    id: "tfr_01jd49zk7q".into(),
                    what: "Sale 1039, refund of one mug".into(),
                    order_link: Some("/studio/nour/money/sales/ord_01jd4a1b2c3d4e5f6g7h8j1039".into()),
                    amount: "−€28.00".into(),
                    legs: vec![
                        leg("Lina Haddad, payable", "Sandbox, clearing", "€17.65"),
                        leg("Jonas Weber, payable", "Sandbox, clearing", "€4.70"),
                        leg("Hawker, fees", "Sandbox, clearing", "€1.18"),
                        leg("Tax office, value added tax", "Sandbox, clearing", "€4.47"),
                    ],
                    at: When::new("4 h ago", "21 November 2026, 10:12:05", "2026-11-21T10:12:05Z"),
                },
                Transfer {
                    id: "tfr_01jd3y0d2h".into(),
                    what: "Sale 1038, money taken".into(),
                    order_link: Some("/studio/nour/money/sales/ord_01jd4a1b2c3d4e5f6g7h8j1038".into()),
                    amount: "€52.90".into(),
                    legs: vec![
                        leg("Sandbox, clearing", "Lina Haddad, payable", "€29.28"),
                        leg("Sandbox, clearing", "Jonas Weber, payable", "€8.06"),
                        leg("Sandbox, clearing", "Spree Parcel, payable", "€4.12"),
                        leg("Sandbox, clearing", "Hawker, fees", "€2.01"),
                        leg("Sandbox, clearing", "Sandbox, fees", "€0.99"),
                        leg("Sandbox, clearing", "Tax office, value added tax", "€8.44"),
                    ],
                    at: When::new("yesterday", "20 November 2026, 22:04:18", "2026-11-20T22:04:18Z"),
                },
            ],
            transfers_csv: "/studio/nour/money/transfers.csv".into(),
            next: Some("/studio/nour/money?after=tfr_01jd3y0d2h".into()),
        }
    }

    pub fn empty() -> Self {
        Self {
            frame: Frame::sample_first_day(Section::Money, "Money"),
            periods: Vec::new(),
            figures: Vec::new(),
            sales: None,
            flow: None,
            balances: Vec::new(),
            transfers: Vec::new(),
            next: None,
            ..Self::sample()
        }
    }
}
