//! The order's own page: receipt, where it is, and what the buyer may still do. Its address holds the secret, so it is never listed.

use askama::Template;

use super::checkout_page::Sum;
use super::frame::{Frame, Head, Link, Notice, Picture, Tone, When};
use super::structured_data::Markup;

#[derive(Template)]
#[template(path = "storefront/order.html")]
pub struct OrderPage {
    pub frame: Frame,
    pub head: Head,
    /// "L-1042", as printed on the parcel.
    pub number: String,
    pub title: String,
    /// What is true now, in one sentence.
    pub state: String,
    pub placed: When,
    pub steps: Vec<Step>,
    pub parcels: Vec<Parcel>,
    pub lines: Vec<OrderLine>,
    pub totals: Vec<Sum>,
    pub total: String,
    pub tax: String,
    /// "Visa ending 4242: €114.90 authorized, nothing taken yet".
    pub payment: String,
    pub sent_to: Vec<String>,
    /// Where the receipt went.
    pub receipt: String,
    /// The buyer may still call it off.
    pub cancellation: Option<Cancellation>,
    pub policies: Vec<Link>,
    pub notice: Option<Notice>,
}

pub struct Step {
    pub label: String,
    pub detail: String,
    pub at: Option<When>,
    pub progress: Progress,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    Done,
    Now,
    Ahead,
}

impl Progress {
    pub fn class(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Now => "now",
            Self::Ahead => "ahead",
        }
    }

    /// Said to those who do not see the line.
    pub fn spoken(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Now => "happening now",
            Self::Ahead => "still to come",
        }
    }
}

pub struct Parcel {
    pub carrier: String,
    pub tracking: String,
    pub tracking_address: Option<String>,
    pub contents: String,
}

pub struct OrderLine {
    pub title: String,
    pub variant_title: String,
    pub picture: Picture,
    pub quantity: u32,
    pub amount: String,
    /// "1 refunded".
    pub note: String,
}

pub struct Cancellation {
    pub action: String,
    pub explanation: String,
}

impl OrderPage {
    pub fn sample() -> Self {
        let line = |title: &str, variant_title: &str, quantity: u32, amount: &str, image: &str| OrderLine {
            title: title.into(),
            variant_title: variant_title.into(),
            picture: Picture::new(image, "", 1000, 1000),
            quantity,
            amount: amount.into(),
            note: String::new(),
        };
        let step = |label: &str, detail: &str, at: Option<When>, progress: Progress| Step {
            label: label.into(),
            detail: detail.into(),
            at,
            progress,
        };
        Self {
            frame: Frame::sample(),
            head: Head {
                title: "Order L-1042 · Loam & Ink".into(),
                description: "Receipt and status of order L-1042.".into(),
                canonical: "https://shop.example/s/loam-and-ink/orders/ord_01ksample".into(),
                kind: "website",
                picture: None,
                markup: Markup::none(),
                listed: false,
            },
            number: "L-1042".into(),
            title: "Thank you, Jo. It is yours.".into(),
            state: "We are packing it. Your card is charged when the parcel leaves.".into(),
            placed: When::new("2026-11-21T20:31:00Z", "12 minutes ago", "21 November 2026, 21:31"),
            steps: vec![
                step(
                    "Ordered",
                    "€114.90 authorized",
                    Some(When::new(
                        "2026-11-21T20:31:00Z",
                        "12 minutes ago",
                        "21 November 2026, 21:31",
                    )),
                    Progress::Done,
                ),
                step("Packing", "Packhof Süd accepted it", None, Progress::Now),
                step("On its way", "Your card is charged then", None, Progress::Ahead),
                step("Arrives", "24–26 Nov", None, Progress::Ahead),
            ],
            parcels: Vec::new(),
            lines: vec![
                line("Dune mug", "Tide", 2, "€68.00", "/media/sample-mug.webp"),
                line("Slow dripper", "", 1, "€42.00", "/media/sample-dripper.webp"),
            ],
            totals: vec![
                Sum {
                    label: "3 pieces".into(),
                    amount: "€110.00".into(),
                },
                Sum {
                    label: "Parcel".into(),
                    amount: "€4.90".into(),
                },
            ],
            total: "€114.90".into(),
            tax: "incl. €18.35 VAT (19 %)".into(),
            payment: "Card ending in 4242".into(),
            sent_to: vec![
                "Jo Lindqvist".into(),
                "Kanalweg 7".into(),
                "20357 Hamburg".into(),
                "Germany".into(),
            ],
            receipt: "jo.lindqvist@example.com".into(),
            cancellation: Some(Cancellation {
                action: "/s/loam-and-ink/orders/ord_01ksample/cancellation".into(),
                explanation: "Until the parcel leaves you can call it off here. Nothing is charged then.".into(),
            }),
            policies: Frame::sample().policies,
            notice: None,
        }
    }

    /// Handed over in two parcels, one piece refunded since.
    pub fn sample_on_its_way() -> Self {
        let mut page = Self::sample();
        page.title = "On its way to you.".into();
        page.placed = When::new("2026-11-21T20:31:00Z", "yesterday", "21 November 2026, 21:31");
        page.steps[0].at = Some(When::new(
            "2026-11-21T20:31:00Z",
            "yesterday",
            "21 November 2026, 21:31",
        ));
        page.state = "Handed to the carrier this morning. Your card was charged then.".into();
        page.steps[1].progress = Progress::Done;
        page.steps[2].progress = Progress::Now;
        page.steps[2].detail = "€114.90 charged".into();
        page.steps[2].at = Some(When::new(
            "2026-11-22T08:05:00Z",
            "2 hours ago",
            "22 November 2026, 09:05",
        ));
        page.parcels = vec![Parcel {
            carrier: "Parcel post".into(),
            tracking: "PP 4471 9902 18".into(),
            tracking_address: Some("https://parcel.example/PP4471990218".into()),
            contents: "2 pieces".into(),
        }];
        page.lines[0].note = "1 refunded".into();
        page.totals.push(Sum {
            label: "Refunded".into(),
            amount: "−€34.00".into(),
        });
        page.total = "€80.90".into();
        page.tax = "incl. €12.92 VAT (19 %)".into();
        page.cancellation = None;
        page.notice = Some(Notice {
            tone: Tone::Ok,
            title: "€34.00 is on its way back to you".into(),
            text: "One Dune mug was refunded. Banks take up to five working days to show it.".into(),
        });
        page
    }
}
