//! One order: what was bought, what happened to the money, what has to travel, and what the buyer saw when they agreed.

use askama::Template;

use super::chart::{Flow, LegKind};
use super::field::{Choice, Field, Problem};
use super::frame::{Chip, Frame, Section, Tone, When};
use super::sale_page;

pub struct OrderLine {
    pub id: String,
    pub title: String,
    pub variant: String,
    pub image: Option<String>,
    pub quantity: u32,
    pub unit: String,
    pub amount: String,
    pub tax: String,
    /// How many can still be shipped, and how many refunded.
    pub to_ship: u32,
    pub refundable: u32,
    /// What the refund form asks for; kept when the form comes back.
    pub refund_quantity: u32,
    /// "1 shipped, 1 refunded"; empty when nothing happened yet.
    pub progress: String,
}

/// One thing that happened, told in plain words.
pub struct Happening {
    pub tone: Tone,
    pub title: String,
    pub detail: String,
    pub amount: String,
    pub at: When,
}

/// A parcel that left.
pub struct Shipment {
    pub carrier: String,
    pub tracking: String,
    pub what: String,
    pub at: When,
}

/// One leg of a refund: who gives back how much of their share.
pub struct RefundLeg {
    pub kind: LegKind,
    pub name: String,
    pub share: String,
    pub gives_back: String,
    pub keeps: String,
}

/// What a refund would do, computed by the ledger's own rule before anyone presses the button.
pub struct RefundPreview {
    pub amount: String,
    pub legs: Vec<RefundLeg>,
    /// "2 mugs go back on the shelf"; empty when nothing does.
    pub stock: String,
}

/// What the buyer saw when they agreed, frozen.
pub struct Evidence {
    pub clip: String,
    pub clip_link: String,
    pub at: String,
    pub frame: Option<String>,
    pub offer: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "studio/order.html")]
pub struct OrderPage {
    pub frame: Frame,
    pub version: u32,
    pub number: String,
    pub at: When,
    pub payment: Chip,
    pub fulfilment: Chip,
    pub buyer_name: String,
    pub buyer_contact: String,
    pub address: Vec<String>,
    pub lines: Vec<OrderLine>,
    /// Below the lines: items, delivery, tax, total.
    pub sums: Vec<(String, String)>,
    pub total: String,
    pub promise: String,
    pub flow: Option<Flow>,
    pub sale_link: String,
    pub timeline: Vec<Happening>,
    pub shipments: Vec<Shipment>,
    pub carriers: Vec<Choice>,
    pub tracking: Field,
    /// Said on the ship button: what will be captured.
    pub capture_on_ship: String,
    pub can_ship: bool,
    pub can_cancel: bool,
    pub can_refund: bool,
    pub refund_reasons: Vec<Choice>,
    pub refund_preview: Option<RefundPreview>,
    pub evidence: Evidence,
    pub problems: Vec<Problem>,
}

impl OrderPage {
    pub fn sample() -> Self {
        Self {
            frame: Frame::sample(Section::Orders, "Order 1044"),
            version: 2,
            number: "1044".into(),
            at: When::new("2 min ago", "21 November 2026, 14:10:31", "2026-11-21T14:10:31Z"),
            payment: Chip::new(Tone::Quiet, "Authorized"),
            fulfilment: Chip::new(Tone::Warn, "To ship"),
            buyer_name: "Amira Saleh".into(),
            buyer_contact: "amira.saleh@example.org".into(),
            address: vec![
                "Amira Saleh".into(),
                "Lindengasse 14/7".into(),
                "1070 Wien".into(),
                "Austria".into(),
            ],
            lines: sample_lines(),
            sums: sample_sums(),
            total: "€74.90".into(),
            promise: "Promised for 24–26 November".into(),
            flow: None,
            sale_link: "/studio/nour/money/sales/ord_01jd4a1b2c3d4e5f6g7h8j1044".into(),
            timeline: vec![
                Happening {
                    tone: Tone::Quiet,
                    title: "The card's bank promised the money".into(),
                    detail:
                        "Visa ending 4242, through Sandbox. It is taken when you ship; the promise lasts seven days."
                            .into(),
                    amount: "€74.90".into(),
                    at: When::new("2 min ago", "21 November 2026, 14:10:31", "2026-11-21T14:10:31Z"),
                },
                Happening {
                    tone: Tone::Quiet,
                    title: "Three pieces were reserved".into(),
                    detail: "2 × Ash glaze mug 300 ml and 1 × Tea strainer, kept for ten minutes while Amira paid."
                        .into(),
                    amount: String::new(),
                    at: When::new("3 min ago", "21 November 2026, 14:09:58", "2026-11-21T14:09:58Z"),
                },
                Happening {
                    tone: Tone::Quiet,
                    title: "Amira tapped the card".into(),
                    detail: "At 0:05.2 of “Three mugs from one lump”.".into(),
                    amount: String::new(),
                    at: When::new("3 min ago", "21 November 2026, 14:09:51", "2026-11-21T14:09:51Z"),
                },
            ],
            shipments: Vec::new(),
            carriers: vec![
                Choice::chosen("spree", "Spree Parcel"),
                Choice::new("post", "Post"),
                Choice::new("other", "Someone else"),
            ],
            tracking: Field::default(),
            capture_on_ship: "€74.90".into(),
            can_ship: true,
            can_cancel: true,
            can_refund: false,
            refund_reasons: sample_reasons(),
            refund_preview: None,
            evidence: sample_evidence(),
            problems: Vec::new(),
        }
    }

    /// Shipped and captured: the refund form is open with one mug chosen, and shows exactly who gives back what.
    pub fn refunding() -> Self {
        let mut lines = sample_lines();
        for line in &mut lines {
            line.to_ship = 0;
            line.refundable = line.quantity;
            line.progress = format!("{} shipped", line.quantity);
        }
        lines[0].refund_quantity = 1;
        let leg = |kind, name: &str, share: &str, gives_back: &str, keeps: &str| RefundLeg {
            kind,
            name: name.into(),
            share: share.into(),
            gives_back: gives_back.into(),
            keeps: keeps.into(),
        };
        let mut page = Self::sample();
        page.at = When::new("3 days ago", "18 November 2026, 14:10:31", "2026-11-18T14:10:31Z");
        for happening in &mut page.timeline {
            happening.at = page.at.clone();
        }
        page.timeline.insert(
            0,
            Happening {
                tone: Tone::Ok,
                title: "You shipped it, and the money was taken".into(),
                detail: "Everything in one parcel with Spree Parcel.".into(),
                amount: "€74.90".into(),
                at: When::new("2 days ago", "19 November 2026, 16:31:07", "2026-11-19T16:31:07Z"),
            },
        );
        Self {
            version: 4,
            payment: Chip::new(Tone::Ok, "Captured"),
            fulfilment: Chip::new(Tone::Ok, "Shipped"),
            lines,
            shipments: vec![Shipment {
                carrier: "Spree Parcel".into(),
                tracking: "SP 4471 0098 2231".into(),
                what: "2 × Ash glaze mug, 1 × Tea strainer".into(),
                at: When::new("2 days ago", "19 November 2026, 16:31:07", "2026-11-19T16:31:07Z"),
            }],
            flow: Some(sale_page::sample_flow()),
            can_ship: false,
            can_cancel: false,
            can_refund: true,
            refund_preview: Some(RefundPreview {
                amount: "€28.00".into(),
                legs: vec![
                    leg(LegKind::Creator, "Lina Haddad", "€42.82", "€17.65", "€25.17"),
                    leg(LegKind::Creator, "Jonas Weber", "€11.76", "€4.70", "€7.06"),
                    leg(LegKind::Platform, "Hawker (platform)", "€2.94", "€1.18", "€1.76"),
                    leg(LegKind::Tax, "Value added tax", "€11.96", "€4.47", "€7.49"),
                    leg(LegKind::Partner, "Spree Parcel", "€4.12", "€0.00", "€4.12"),
                    leg(LegKind::Processor, "Sandbox (processor)", "€1.30", "€0.00", "€1.30"),
                ],
                stock: "1 × Ash glaze mug 300 ml goes back on the shelf.".into(),
            }),
            ..page
        }
    }

    /// The processor's answer was lost; nothing may be done to the money until it is known.
    pub fn unknown() -> Self {
        let mut page = Self::sample();
        page.timeline.insert(
            0,
            Happening {
                tone: Tone::Bad,
                title: "No answer yet from the processor".into(),
                detail: "We asked for €74.90 and the line broke. Hawker asks again in 8 minutes, then less often. Nothing was lost: the pieces stay reserved and nobody is charged twice.".into(),
                amount: String::new(),
                at: When::new("6 min ago", "21 November 2026, 14:06:12", "2026-11-21T14:06:12Z"),
            },
        );
        Self {
            payment: Chip::new(Tone::Bad, "No answer yet"),
            fulfilment: Chip::new(Tone::Quiet, "Waits for payment"),
            can_ship: false,
            can_cancel: false,
            ..page
        }
    }
}

fn sample_lines() -> Vec<OrderLine> {
    vec![
        OrderLine {
            id: "1".into(),
            title: "Ash glaze mug".into(),
            variant: "300 ml · NC-MUG-300".into(),
            image: Some("/media/sample-mug.jpg".into()),
            quantity: 2,
            unit: "€28.00".into(),
            amount: "€56.00".into(),
            tax: "incl. €8.94 tax, 19 %".into(),
            to_ship: 2,
            refundable: 0,
            refund_quantity: 0,
            progress: String::new(),
        },
        OrderLine {
            id: "2".into(),
            title: "Tea strainer".into(),
            variant: "NC-STR-1".into(),
            image: Some("/media/sample-tea.jpg".into()),
            quantity: 1,
            unit: "€14.00".into(),
            amount: "€14.00".into(),
            tax: "incl. €2.24 tax, 19 %".into(),
            to_ship: 1,
            refundable: 0,
            refund_quantity: 0,
            progress: String::new(),
        },
    ]
}

fn sample_sums() -> Vec<(String, String)> {
    vec![
        ("Items".into(), "€70.00".into()),
        ("Delivery, Parcel to Austria".into(), "€4.90".into()),
        ("Tax included".into(), "€11.96".into()),
    ]
}

fn sample_reasons() -> Vec<Choice> {
    vec![
        Choice::chosen("returned", "Sent back"),
        Choice::new("damaged", "Arrived damaged"),
        Choice::new("lost", "Never arrived"),
        Choice::new("goodwill", "Kindness"),
        Choice::new("other", "Something else"),
    ]
}

fn sample_evidence() -> Evidence {
    let said = |name: &str, words: &str| (name.to_string(), words.to_string());
    Evidence {
        clip: "Three mugs from one lump, version 6".into(),
        clip_link: "/studio/nour/clips/clp_01jd3v8k2m7q9x4r5t6w8y0z1a".into(),
        at: "0:05.2".into(),
        frame: Some("/media/sample-mug.jpg".into()),
        offer: vec![
            said(
                "Card",
                "“Ash glaze mug. Thrown from the lump you just saw.” Button: “Get this mug”",
            ),
            said("Price", "€28.00 each, tax included"),
            said("Delivery", "Parcel, €4.90, arrives 24–26 November"),
            said("Returns", "30 days to return, text of 2 November 2026"),
            said("Agreed", "21 November 2026, 14:10:29, total €74.90"),
        ],
    }
}
