//! The audience of one clip: its funnel, where viewers leave, and how each anchor works.

use askama::Template;

use super::audience_page::Step;
use super::chart::Retention;
use super::clip_editor_page;
use super::field::Choice;
use super::figure::Figure;
use super::frame::{Frame, Section, Tone};

/// How one anchor works.
pub struct AnchorRow {
    pub name: String,
    pub at: String,
    pub seen: String,
    pub taps: String,
    pub tap_rate: String,
    pub purchases: String,
}

#[derive(Template)]
#[template(path = "studio/audience_clip.html")]
pub struct AudienceClipPage {
    pub frame: Frame,
    pub poster: String,
    pub editor_link: String,
    pub periods: Vec<Choice>,
    pub figures: Vec<Figure>,
    pub steps: Vec<Step>,
    pub funnel_csv: String,
    pub retention: Option<Retention>,
    /// What the curve says, in words: "Most leave in the first two seconds."
    pub reading: String,
    pub retention_csv: String,
    pub anchors: Vec<AnchorRow>,
}

impl AudienceClipPage {
    /// The curve's table, a row every second.
    pub fn retention_rows(&self) -> Vec<(usize, u32)> {
        self.retention
            .iter()
            .flat_map(|curve| curve.per_mille.iter().map(|value| value.div_ceil(10)).enumerate())
            .collect()
    }

    pub fn sample() -> Self {
        let row = |name: &str, at: &str, numbers: [&str; 4]| AnchorRow {
            name: name.into(),
            at: at.into(),
            seen: numbers[0].into(),
            taps: numbers[1].into(),
            tap_rate: numbers[2].into(),
            purchases: numbers[3].into(),
        };
        Self {
            frame: Frame::sample(Section::Audience, "Three mugs from one lump"),
            poster: "/media/sample-mug.jpg".into(),
            editor_link: "/studio/nour/clips/clp_01jd3v8k2m7q9x4r5t6w8y0z1a".into(),
            periods: vec![
                Choice::new("day", "Today"),
                Choice::chosen("week", "7 days"),
                Choice::new("all", "Since it is live"),
            ],
            figures: vec![
                Figure::new("Views", "4,812").changed(Tone::Ok, true, "31 % more than the week before"),
                Figure::new("Still there after 3 s", "80 %").changed(Tone::Ok, true, "6 points above your other clips"),
                Figure::new("Revenue", "€842.00").changed(Tone::Ok, true, "€0.17 a view"),
            ],
            steps: vec![
                Step::new("View", "Watched for two seconds", 4812, 4812, ["4,812", ""]),
                Step::new(
                    "Tap",
                    "Touched a card or a button",
                    539,
                    4812,
                    ["539", "11.2 % of views"],
                ),
                Step::new(
                    "Add",
                    "Accepted a price into a checkout",
                    221,
                    4812,
                    ["221", "41.0 % of taps"],
                ),
                Step::new(
                    "Purchase",
                    "The order was confirmed",
                    116,
                    4812,
                    ["116", "52.5 % of adds"],
                ),
            ],
            funnel_csv: "/studio/nour/audience/clp_01jd3v8k2m7q9x4r5t6w8y0z1a/funnel.csv".into(),
            retention: Some(clip_editor_page::sample_retention()),
            reading:
                "One in five leaves before the wheel turns. The mug's card appears where people stay; it loses nobody."
                    .into(),
            retention_csv: "/studio/nour/audience/clp_01jd3v8k2m7q9x4r5t6w8y0z1a/retention.csv".into(),
            anchors: vec![
                row("Ash glaze mug", "0:04.2 – 0:10.6", ["3,704", "539", "14.6 %", "116"]),
                row(
                    "Ask: tell me when it is back",
                    "0:14.0 – 0:17.8",
                    ["2,906", "208", "7.2 %", "–"],
                ),
            ],
        }
    }

    /// Live for too short a time to say anything.
    pub fn empty() -> Self {
        Self {
            figures: Vec::new(),
            steps: Vec::new(),
            retention: None,
            reading: String::new(),
            anchors: Vec::new(),
            ..Self::sample()
        }
    }
}
