//! Audience: who watches, who taps, who buys; the whole shop and clip by clip.

use askama::Template;

use super::chart::{Svg, funnel_bar};
use super::field::Choice;
use super::figure::Figure;
use super::frame::{Frame, Section, Tone};

/// One step of a funnel: distinct viewers, and the rate from the step before.
pub struct Step {
    pub name: String,
    /// What the word means, in one sentence.
    pub meaning: String,
    pub count: String,
    /// "11.2 % of views"; empty on the first step.
    pub rate: String,
    pub bar: Svg,
}

impl Step {
    pub fn new(name: &str, meaning: &str, count: u64, of: u64, words: [&str; 2]) -> Self {
        let said = format!("{name}: {}", words[0]);
        Self {
            name: name.into(),
            meaning: meaning.into(),
            count: words[0].into(),
            rate: words[1].into(),
            bar: funnel_bar(count, of, &said),
        }
    }
}

/// How one clip works, next to the others.
pub struct ClipRow {
    pub title: String,
    pub link: String,
    pub poster: String,
    pub views: String,
    pub tap_rate: String,
    pub add_rate: String,
    pub purchase_rate: String,
    pub watched: String,
    pub revenue: String,
}

#[derive(Template)]
#[template(path = "studio/audience.html")]
pub struct AudiencePage {
    pub frame: Frame,
    pub periods: Vec<Choice>,
    pub figures: Vec<Figure>,
    pub steps: Vec<Step>,
    pub funnel_csv: String,
    pub clips: Vec<ClipRow>,
    pub clips_csv: String,
    /// A plain warning when most viewers come from one source; empty otherwise.
    pub concentration: String,
}

impl AudiencePage {
    pub fn sample() -> Self {
        let row = |title: &str, picture: &str, numbers: [&str; 6]| ClipRow {
            title: title.into(),
            link: "/studio/nour/audience/clp_01jd3v8k2m7q9x4r5t6w8y0z1a".into(),
            poster: format!("/media/sample-{picture}.jpg"),
            views: numbers[0].into(),
            tap_rate: numbers[1].into(),
            add_rate: numbers[2].into(),
            purchase_rate: numbers[3].into(),
            watched: numbers[4].into(),
            revenue: numbers[5].into(),
        };
        Self {
            frame: Frame::sample(Section::Audience, "Audience"),
            periods: vec![Choice::new("day", "Today"), Choice::chosen("week", "7 days"), Choice::new("month", "30 days")],
            figures: vec![
                Figure::new("Viewers", "6,904").changed(Tone::Ok, true, "12 % more than the week before").with_spark(&[610, 702, 788, 840, 905, 1_420, 1_639], "Viewers a day, rising at the weekend"),
                Figure::new("View to purchase", "1.9 %").changed(Tone::Ok, true, "0.2 points more").with_spark(&[17, 16, 18, 18, 19, 19, 20], "Rate a day, rising slowly"),
                Figure::new("Tap to order", "38 s").changed(Tone::Ok, false, "half of all buyers need less; 9 s faster than before"),
            ],
            steps: sample_steps(),
            funnel_csv: "/studio/nour/audience/funnel.csv".into(),
            clips: vec![
                row("Three mugs from one lump", "mug", ["4,812", "11.2 %", "41.0 %", "52.5 %", "61 %", "€842.00"]),
                row("Why the glaze runs", "glaze", ["2,077", "7.9 %", "36.6 %", "43.3 %", "54 %", "€308.60"]),
                row("Unpacking the kiln at 5 a.m.", "kiln", ["1,390", "5.4 %", "30.7 %", "39.1 %", "47 %", "€134.00"]),
            ],
            clips_csv: "/studio/nour/audience/clips.csv".into(),
            concentration: "71 % of your viewers come from one profile page. If it changes its rules, most of your audience goes with it. Put a clip on your own page or in a newsletter as a second door.".into(),
        }
    }

    pub fn empty() -> Self {
        Self {
            frame: Frame::sample_first_day(Section::Audience, "Audience"),
            periods: Vec::new(),
            figures: Vec::new(),
            steps: Vec::new(),
            clips: Vec::new(),
            concentration: String::new(),
            ..Self::sample()
        }
    }
}

fn sample_steps() -> Vec<Step> {
    vec![
        Step::new("View", "Watched for two seconds", 8279, 8279, ["8,279", ""]),
        Step::new(
            "Tap",
            "Touched a card or a button",
            778,
            8279,
            ["778", "9.4 % of views"],
        ),
        Step::new(
            "Add",
            "Accepted a price into a checkout",
            306,
            8279,
            ["306", "39.3 % of taps"],
        ),
        Step::new(
            "Purchase",
            "The order was confirmed",
            154,
            8279,
            ["154", "50.3 % of adds"],
        ),
    ]
}
