//! Today: what sold, what needs me, what is live. On the first day: the way to the first sale.

use askama::Template;

use super::chart::{Bar, Bars};
use super::figure::Figure;
use super::frame::{Frame, Section, Tone, When};

/// Something only a person can decide or do.
pub struct Task {
    pub tone: Tone,
    pub icon: &'static str,
    pub title: String,
    pub detail: String,
    /// What the button says; it names the next step, not "View".
    pub action: String,
    pub link: String,
    pub since: When,
}

/// A clip that sells right now.
pub struct LiveClip {
    pub title: String,
    pub link: String,
    pub poster: String,
    pub views: String,
    pub tap_rate: String,
    pub revenue: String,
}

/// The last few orders, newest first.
pub struct RecentOrder {
    pub number: String,
    pub link: String,
    pub buyer: String,
    pub what: String,
    pub total: String,
    pub at: When,
}

pub enum StepState {
    Done,
    /// The one thing to do now.
    Next,
    Later,
}

/// One step on the way to the first sale.
pub struct Step {
    pub state: StepState,
    pub title: String,
    pub detail: String,
    pub action: String,
    pub link: String,
}

pub struct FirstSale {
    pub done: u32,
    pub steps: Vec<Step>,
}

#[derive(Template)]
#[template(path = "studio/today.html")]
pub struct TodayPage {
    pub frame: Frame,
    pub day: String,
    pub figures: Vec<Figure>,
    pub sales: Option<Bars>,
    pub sales_csv: String,
    pub tasks: Vec<Task>,
    pub live: Vec<LiveClip>,
    pub recent: Vec<RecentOrder>,
    pub first_sale: Option<FirstSale>,
}

impl TodayPage {
    pub fn sample() -> Self {
        Self {
            frame: Frame::sample(Section::Today, "Today"),
            day: "Saturday, 21 November".into(),
            figures: vec![
                Figure::new("Sold today", "€1,284.60")
                    .changed(Tone::Ok, true, "18 % more than last Saturday")
                    .with_spark(
                        &[2, 3, 3, 5, 4, 8, 9, 12, 11, 16, 21, 24],
                        "Sales an hour since 6:00, rising",
                    )
                    .to("/studio/nour/money"),
                Figure::new("Orders", "21")
                    .changed(Tone::Ok, true, "3 more than last Saturday")
                    .with_spark(
                        &[1, 0, 1, 2, 1, 2, 2, 3, 2, 3, 2, 2],
                        "Orders an hour since 6:00, steady",
                    )
                    .to("/studio/nour/orders"),
                Figure::new("Viewers who tapped", "9.4 %")
                    .changed(Tone::Bad, false, "1.1 points fewer than last Saturday")
                    .with_spark(
                        &[11, 11, 12, 10, 10, 11, 10, 9, 9, 9, 10, 9],
                        "Tap rate an hour since 6:00, falling a little",
                    )
                    .to("/studio/nour/audience"),
            ],
            sales: Some(sample_sales()),
            sales_csv: "/studio/nour/money/sales.csv".into(),
            tasks: sample_tasks(),
            live: vec![
                LiveClip {
                    title: "Three mugs from one lump".into(),
                    link: "/studio/nour/clips/clp_01jd3v8k2m7q9x4r5t6w8y0z1a".into(),
                    poster: "/media/sample-mug.jpg".into(),
                    views: "4,812 views".into(),
                    tap_rate: "11.2 % tap".into(),
                    revenue: "€842.00".into(),
                },
                LiveClip {
                    title: "Why the glaze runs".into(),
                    link: "/studio/nour/clips/clp_01jd3v8k2m7q9x4r5t6w8y0z1b".into(),
                    poster: "/media/sample-glaze.jpg".into(),
                    views: "2,077 views".into(),
                    tap_rate: "7.9 % tap".into(),
                    revenue: "€308.60".into(),
                },
                LiveClip {
                    title: "Unpacking the kiln at 5 a.m.".into(),
                    link: "/studio/nour/clips/clp_01jd3v8k2m7q9x4r5t6w8y0z1c".into(),
                    poster: "/media/sample-kiln.jpg".into(),
                    views: "1,390 views".into(),
                    tap_rate: "5.4 % tap".into(),
                    revenue: "€134.00".into(),
                },
            ],
            recent: sample_recent(),
            first_sale: None,
        }
    }

    /// A shop on its first day teaches the way to its first sale.
    pub fn empty() -> Self {
        let step = |state, title: &str, detail: &str, action: &str, link: &str| Step {
            state,
            title: title.into(),
            detail: detail.into(),
            action: action.into(),
            link: link.into(),
        };
        Self {
            frame: Frame::sample_first_day(Section::Today, "Today"),
            day: "Saturday, 21 November".into(),
            figures: Vec::new(),
            sales: None,
            sales_csv: String::new(),
            tasks: Vec::new(),
            live: Vec::new(),
            recent: Vec::new(),
            first_sale: Some(FirstSale {
                done: 1,
                steps: vec![
                    step(
                        StepState::Done,
                        "Add a product",
                        "Ash glaze mug, €28.00.",
                        "Change it",
                        "/studio/nour/products",
                    ),
                    step(
                        StepState::Next,
                        "Count your stock",
                        "Say how many you have. Hawker never sells one more than that, however many people tap at once.",
                        "Enter stock",
                        "/studio/nour/products",
                    ),
                    step(
                        StepState::Later,
                        "Say where you deliver",
                        "Countries, a price and how many days. The buyer sees the arrival date before paying.",
                        "Set up delivery",
                        "/studio/nour/settings/delivery",
                    ),
                    step(
                        StepState::Later,
                        "Upload a clip",
                        "A vertical video of 10 to 60 seconds from your phone is perfect.",
                        "Upload a clip",
                        "/studio/nour/clips/new",
                    ),
                    step(
                        StepState::Later,
                        "Put the product at its second",
                        "Pause where the mug appears and press “Anchor here”. The card will slide up exactly there.",
                        "Open the editor",
                        "/studio/nour/clips",
                    ),
                    step(
                        StepState::Later,
                        "Publish",
                        "Your shop's page and the player you can embed go live together.",
                        "Publish",
                        "/studio/nour/clips",
                    ),
                ],
            }),
        }
    }
}

fn sample_sales() -> Bars {
    let day = |label: &str, amount_minor: u64, words: &str| Bar {
        label: label.into(),
        amount_minor,
        words: words.into(),
    };
    Bars {
        title: "Sales a day over the last 14 days, in euros".into(),
        bars: vec![
            day("8 Nov", 61_200, "€612.00"),
            day("9 Nov", 48_850, "€488.50"),
            day("10 Nov", 53_100, "€531.00"),
            day("11 Nov", 70_440, "€704.40"),
            day("12 Nov", 66_900, "€669.00"),
            day("13 Nov", 92_310, "€923.10"),
            day("14 Nov", 108_860, "€1,088.60"),
            day("15 Nov", 97_400, "€974.00"),
            day("16 Nov", 58_730, "€587.30"),
            day("17 Nov", 64_020, "€640.20"),
            day("18 Nov", 71_950, "€719.50"),
            day("19 Nov", 88_200, "€882.00"),
            day("20 Nov", 119_340, "€1,193.40"),
            day("21 Nov", 128_460, "€1,284.60"),
        ],
        grid: vec![(50_000, "€500".into()), (100_000, "€1,000".into())],
    }
}

fn sample_tasks() -> Vec<Task> {
    vec![
        Task {
            tone: Tone::Bad,
            icon: "money",
            title: "One payment has no answer yet".into(),
            detail: "Order 1043, €42.90. The processor has not said yes or no. The stock is kept and nobody is charged twice; Hawker asks again in 8 minutes.".into(),
            action: "See what we know".into(),
            link: "/studio/nour/orders/ord_01jd4a1b2c3d4e5f6g7h8j9k0n".into(),
            since: When::new("6 min ago", "21 November 2026, 14:06:12", "2026-11-21T14:06:12Z"),
        },
        Task {
            tone: Tone::Warn,
            icon: "parcel",
            title: "3 orders to ship".into(),
            detail: "The oldest was promised for Tuesday. Money is taken when you ship.".into(),
            action: "Ship orders".into(),
            link: "/studio/nour/orders?state=to_ship".into(),
            since: When::new("since yesterday", "20 November 2026, 18:40", "2026-11-20T18:40:00Z"),
        },
        Task {
            tone: Tone::Warn,
            icon: "products",
            title: "Ash glaze mug: 3 left, 2 in checkouts".into(),
            detail: "At today's pace the last one is sold this evening.".into(),
            action: "Enter stock".into(),
            link: "/studio/nour/products/prd_01jd3t0a1b2c3d4e5f6g7h8j9k".into(),
            since: When::new("40 min ago", "21 November 2026, 13:32", "2026-11-21T13:32:00Z"),
        },
        Task {
            tone: Tone::Quiet,
            icon: "clips",
            title: "Tea strainer is in no clip".into(),
            detail: "It is for sale but nobody sees it. Two of your clips show it without an anchor.".into(),
            action: "Add an anchor".into(),
            link: "/studio/nour/clips".into(),
            since: When::new("2 days ago", "19 November 2026, 09:12", "2026-11-19T09:12:00Z"),
        },
    ]
}

fn sample_recent() -> Vec<RecentOrder> {
    let order = |number: &str, buyer: &str, what: &str, total: &str, at: When| RecentOrder {
        number: number.into(),
        link: format!("/studio/nour/orders/{number}"),
        buyer: buyer.into(),
        what: what.into(),
        total: total.into(),
        at,
    };
    vec![
        order(
            "1044",
            "Amira Saleh, Wien",
            "2 × Ash glaze mug, 1 × Tea strainer",
            "€74.90",
            When::new("2 min ago", "21 November 2026, 14:10", "2026-11-21T14:10:00Z"),
        ),
        order(
            "1043",
            "Tom Brandt, Leipzig",
            "1 × Salad bowl",
            "€42.90",
            When::new("6 min ago", "21 November 2026, 14:06", "2026-11-21T14:06:00Z"),
        ),
        order(
            "1042",
            "Marie Laurent, Lyon",
            "1 × Ash glaze mug",
            "€34.90",
            When::new("31 min ago", "21 November 2026, 13:41", "2026-11-21T13:41:00Z"),
        ),
        order(
            "1041",
            "Yusuf Demir, Hamburg",
            "1 × Serving plate, 1 × Tea strainer",
            "€66.90",
            When::new("1 h ago", "21 November 2026, 13:02", "2026-11-21T13:02:00Z"),
        ),
    ]
}
