//! Audience: who watches, who taps, who buys; the whole shop and clip by clip. What was sold is counted from orders, never from beacons.

use super::chart::{Svg, funnel_bar};
use super::csv::csv;
use super::field::Choice;
use super::figure::Figure;
use super::frame::{Frame, Section, Tone};
use crate::app::App;
use crate::clips::{self, Clip, Media};
use crate::growth::{self, ClipRevenue, ClipTotals, Funnel, Period};
use crate::http::{Problem, Query, page};
use crate::identity::{Measurer, Shop, Staff, shop};
use crate::kernel::{ClipId, Money, Result, ShopId, words};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

type Answer = std::result::Result<Response, Problem>;

/// The days a page looks at, up to and including today; days are those of UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    Day,
    #[default]
    Week,
    Month,
    Quarter,
}

impl Window {
    const ALL: [Self; 4] = [Self::Day, Self::Week, Self::Month, Self::Quarter];

    fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
        }
    }

    pub(super) fn days(self) -> i64 {
        match self {
            Self::Day => 1,
            Self::Week => 7,
            Self::Month => 30,
            Self::Quarter => 90,
        }
    }

    /// "in the last 7 days", as the end of a sentence.
    pub(super) fn said(self) -> String {
        match self {
            Self::Day => "today".into(),
            other => format!("in the last {} days", other.days()),
        }
    }

    pub(super) fn choices(self) -> Vec<Choice> {
        let choice = |window: Self| Choice {
            value: window.name().into(),
            label: match window {
                Self::Day => "Today".into(),
                other => format!("{} days", other.days()),
            },
            chosen: window == self,
        };
        Self::ALL.map(choice).into()
    }

    /// The link to a file of the same days.
    pub(super) fn link(self, path: &str) -> String {
        format!("{path}?period={}", self.name())
    }

    /// How a number moved against the same number of days before. Nothing is said of a day that is not over.
    pub(super) fn compared(self, figure: Figure, now: i64, then: i64) -> Figure {
        if self == Self::Day || then <= 0 {
            return figure;
        }
        let before = format!("the {} days before", self.days());
        match now.saturating_sub(then).saturating_mul(100) / then {
            0 => figure.changed(Tone::Quiet, true, &format!("as in {before}")),
            percent if percent > 0 => figure.changed(Tone::Ok, true, &format!("{percent} % more than in {before}")),
            percent => figure.changed(Tone::Bad, false, &format!("{} % less than in {before}", -percent)),
        }
    }
}

/// Which days.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    #[serde(default)]
    pub(super) period: Window,
}

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
    pub poster: Option<String>,
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
    /// A plain warning when one clip carries nearly everything; empty otherwise.
    pub concentration: String,
    /// What to do when nobody was there; then the rest is empty.
    pub teach: Option<Teach>,
}

/// An empty page that says what will be here, and the one next action.
pub struct Teach {
    pub title: String,
    pub text: String,
    pub action: String,
    pub link: String,
}

/// Clips on the page: the most viewed.
const CLIPS: i64 = 50;
/// Fewer views say nothing about where they come from.
const MANY: i64 = 100;

/// A clip with what viewers did and what it sold.
struct Seen {
    clip: Clip,
    poster: Option<Media>,
    duration_ms: i64,
    totals: ClipTotals,
    sold: ClipRevenue,
}

/// What the page and its files say.
struct Audience {
    shop: Shop,
    window: Window,
    period: Period,
    funnel: Funnel,
    before: Funnel,
    revenue: i64,
    revenue_before: i64,
    by_day: Vec<(i64, i64)>,
    clips: Vec<Seen>,
    /// Whether viewers can see any clip.
    live: bool,
}

async fn read(app: &App, id: ShopId, window: Window) -> Result<Audience> {
    let (shop, now) = app.db.read(move |tx| Ok((shop(tx, id)?, tx.now()))).await?;
    let period = Period::last(window.days(), now);
    let sold = growth::revenue(app, id, None, period).await?;
    let sold_before = growth::revenue(app, id, None, period.before()).await?;
    let sellers: Vec<ClipId> = sold.iter().map(|sale| sale.clip).collect();
    let seen = app.events.read(move |tx| {
        let mut totals = growth::clip_totals(tx, id, None, period, CLIPS)?;
        for &clip in &sellers {
            if !totals.iter().any(|totals| totals.clip == clip) {
                totals.push(growth::totals_of(tx, id, clip, period)?);
            }
        }
        Ok((totals, growth::viewers_by_day(tx, id, None, period)?))
    });
    let (totals, by_day) = seen.await?;
    let sum = |sold: &[ClipRevenue]| sold.iter().map(|clip| clip.revenue.minor).sum();
    let (revenue, revenue_before) = (sum(&sold), sum(&sold_before));
    let currency = shop.currency;
    let rows = app.db.read(move |tx| {
        let mut clips = Vec::new();
        for totals in &totals {
            let Some(clip) = clips::find(tx, id, totals.clip)? else {
                continue;
            };
            let sold = sold.iter().find(|sale| sale.clip == totals.clip).copied();
            clips.push(Seen {
                poster: clips::media(tx, id, &clip.poster_hash)?,
                duration_ms: clips::media(tx, id, &clip.media_hash)?.map_or(0, |media| media.duration_ms),
                totals: *totals,
                sold: sold.unwrap_or(ClipRevenue {
                    clip: clip.id,
                    purchases: 0,
                    revenue: Money::new(0, currency),
                }),
                clip,
            });
        }
        Ok((clips, !clips::list_published(tx, id, None, 1)?.data.is_empty()))
    });
    let (clips, live) = rows.await?;
    Ok(Audience {
        funnel: growth::funnel(app, id, None, period).await?,
        before: growth::funnel(app, id, None, period.before()).await?,
        shop,
        window,
        period,
        revenue,
        revenue_before,
        by_day,
        clips,
        live,
    })
}

pub async fn show(State(app): State<App>, staff: Measurer, Query(asked): Query<Asked>) -> Answer {
    let audience = read(&app, staff.shop, asked.period).await?;
    page(&AudiencePage::of(&audience, &staff))
}

/// The funnel of the shop as a file.
pub async fn funnel_csv(State(app): State<App>, staff: Measurer, Query(asked): Query<Asked>) -> Answer {
    let audience = read(&app, staff.shop, asked.period).await?;
    Ok(funnel_file(&audience.shop.slug, audience.period, &audience.funnel))
}

/// The table of clips as a file.
pub async fn clips_csv(State(app): State<App>, staff: Measurer, Query(asked): Query<Asked>) -> Answer {
    let audience = read(&app, staff.shop, asked.period).await?;
    let heads = [
        "clip",
        "title",
        "views",
        "visits",
        "tapped",
        "added",
        "purchases",
        "watched_percent",
        "sold",
        "currency",
    ];
    let rows = audience.clips.iter().map(|seen| {
        let totals = seen.totals;
        vec![
            seen.clip.id.to_string(),
            seen.clip.title.clone(),
            totals.views.to_string(),
            totals.viewers.to_string(),
            totals.tapped.to_string(),
            totals.added.to_string(),
            seen.sold.purchases.to_string(),
            totals
                .watched_per_mille(seen.duration_ms)
                .map(decimal)
                .unwrap_or_default(),
            words::decimal(seen.sold.revenue),
            audience.shop.currency.code().into(),
        ]
    });
    Ok(csv(&file(&audience.shop.slug, "clips", audience.period), &heads, rows))
}

/// "nour-clips-2026-11-18-to-2026-11-24".
pub(super) fn file(shop: &str, what: &str, period: Period) -> String {
    let day = |day| Period { from: day, to: day }.start().timestamp().strftime("%Y-%m-%d");
    format!("{shop}-{what}-{}-to-{}", day(period.from), day(period.to))
}

/// Thousandths as a plain number of percent.
pub(super) fn decimal(per_mille: u32) -> String {
    format!("{}.{}", per_mille / 10, per_mille % 10)
}

/// A funnel as a file.
pub(super) fn funnel_file(name: &str, period: Period, funnel: &Funnel) -> Response {
    let rows = funnel.steps().map(|step| {
        let counted = if step.name == "purchase" { "orders" } else { "visits" };
        let percent = step.per_mille.map(decimal).unwrap_or_default();
        vec![step.name.into(), step.count.to_string(), counted.into(), percent]
    });
    let heads = ["step", "count", "counted", "percent_of_step_before"];
    csv(&file(name, "funnel", period), &heads, rows)
}

/// The steps as they are drawn; nothing if nobody took any.
pub(super) fn steps(funnel: &Funnel) -> Vec<Step> {
    const WORDS: [(&str, &str, &str); 4] = [
        ("View", "Watched for two seconds", ""),
        ("Tap", "Touched a card or a button", "views"),
        ("Add", "Accepted a price into a checkout", "taps"),
        ("Purchase", "An order was confirmed", "adds"),
    ];
    let steps = funnel.steps();
    // Orders count also those whose visit nobody followed, so they may be more than the views.
    let most = steps.iter().map(|step| step.count.unsigned_abs()).max().unwrap_or(0);
    if most == 0 {
        return Vec::new();
    }
    let drawn = steps.iter().zip(WORDS).map(|(step, (name, meaning, of))| {
        let count = step.count.unsigned_abs();
        let rate = step.per_mille.map(|rate| format!("{} of {of}", words::per_mille(rate)));
        Step::new(
            name,
            meaning,
            count,
            most,
            [&words::number(count), &rate.unwrap_or_default()],
        )
    });
    drawn.collect()
}

/// A rate in a table; a dash where there is nothing to divide by.
pub(super) fn rate(per_mille: Option<u32>) -> String {
    per_mille.map_or_else(|| "–".into(), words::per_mille)
}

impl Seen {
    fn row(&self, base: &str, window: Window) -> ClipRow {
        let [_, tap, add, purchase] = self.totals.funnel(self.sold.purchases).steps();
        ClipRow {
            title: self.clip.title.clone(),
            link: window.link(&format!("{base}/{}", self.clip.id)),
            poster: self.poster.as_ref().map(Media::path),
            views: words::number(self.totals.views.unsigned_abs()),
            tap_rate: rate(tap.per_mille),
            add_rate: rate(add.per_mille),
            purchase_rate: rate(purchase.per_mille),
            watched: rate(self.totals.watched_per_mille(self.duration_ms)),
            revenue: words::money(self.sold.revenue),
        }
    }
}

impl Audience {
    fn figures(&self) -> Vec<Figure> {
        let days = self.period.from..=self.period.to;
        let spark: Vec<u32> = days
            .map(|day| {
                let found = self.by_day.iter().find(|(other, _)| *other == day);
                found.map_or(0, |(_, visits)| u32::try_from(*visits).unwrap_or(u32::MAX))
            })
            .collect();
        let Self {
            window, funnel, before, ..
        } = self;
        let visits = Figure::new("Visits", &words::number(funnel.views.unsigned_abs()));
        let visits = window.compared(visits, funnel.views, before.views);
        let rate = |funnel: &Funnel| funnel.purchases.saturating_mul(1_000).checked_div(funnel.views);
        let bought = Figure::new(
            "View to purchase",
            &match rate(funnel) {
                Some(rate) => words::per_mille(u32::try_from(rate).unwrap_or(u32::MAX)),
                None => "–".into(),
            },
        );
        let bought = match (rate(funnel), rate(before)) {
            (Some(now), Some(then)) if *window != Window::Day && now != then => {
                let points = decimal(u32::try_from(now.abs_diff(then)).unwrap_or(u32::MAX));
                let (tone, word) = if now > then {
                    (Tone::Ok, "more")
                } else {
                    (Tone::Bad, "less")
                };
                bought.changed(tone, now > then, &format!("{points} points {word} than before"))
            }
            _ => bought,
        };
        let sold = Figure::new(
            "Sold through clips",
            &words::money(Money::new(self.revenue, self.shop.currency)),
        );
        vec![
            if spark.len() > 1 {
                visits.with_spark(&spark, "Visits a day, the oldest first")
            } else {
                visits
            },
            bought,
            window.compared(sold, self.revenue, self.revenue_before),
        ]
    }

    /// What one clip means to the shop, if it means nearly everything.
    fn concentration(&self) -> String {
        let views: i64 = self.clips.iter().map(|seen| seen.totals.views).sum();
        let Some(top) = self.clips.iter().max_by_key(|seen| seen.totals.views) else {
            return String::new();
        };
        let percent = top.totals.views.saturating_mul(100) / views.max(1);
        if views < MANY || percent < 70 || self.clips.len() < 2 {
            return String::new();
        }
        format!(
            "{percent} % of all views are of “{}”. When it tires, so do your sales. Put its product into a second clip, or link another clip where this one is shared.",
            top.clip.title
        )
    }

    fn teach(&self, frame: &Frame) -> Option<Teach> {
        if !self.clips.is_empty() {
            return None;
        }
        let said = self.window.said();
        let teach = |title: &str, text: String, action: &str, link: String| Teach {
            title: title.into(),
            text,
            action: action.into(),
            link,
        };
        Some(if self.live {
            teach(
                "Nobody was there yet",
                format!(
                    "No clip was watched {said}. Share a clip's page, or put the player on a page people visit; figures appear within a minute."
                ),
                "See the shop as viewers do",
                format!("/s/{}", self.shop.slug),
            )
        } else {
            teach(
                "Who stays, who taps, who buys",
                "Publish a clip and share its page. Within a minute you see how many watched, where they left, who tapped the card and who bought.".into(),
                "Go to clips",
                frame.to(&Section::Clips),
            )
        })
    }
}

impl AudiencePage {
    fn of(audience: &Audience, staff: &Staff) -> Self {
        let frame = Frame::of(&audience.shop, staff, Section::Audience, "Audience");
        let base = frame.to(&Section::Audience);
        let window = audience.window;
        let teach = audience.teach(&frame);
        Self {
            periods: window.choices(),
            figures: if teach.is_none() {
                audience.figures()
            } else {
                Vec::new()
            },
            steps: steps(&audience.funnel),
            funnel_csv: window.link(&format!("{base}/funnel.csv")),
            clips: audience.clips.iter().map(|seen| seen.row(&base, window)).collect(),
            clips_csv: window.link(&format!("{base}/clips.csv")),
            concentration: audience.concentration(),
            teach,
            frame,
        }
    }

    pub fn sample() -> Self {
        let row = |title: &str, picture: &str, numbers: [&str; 6]| ClipRow {
            title: title.into(),
            link: "/studio/nour/audience/clp_01jd3v8k2m7q9x4r5t6w8y0z1a".into(),
            poster: Some(format!("/media/sample-{picture}.jpg")),
            views: numbers[0].into(),
            tap_rate: numbers[1].into(),
            add_rate: numbers[2].into(),
            purchase_rate: numbers[3].into(),
            watched: numbers[4].into(),
            revenue: numbers[5].into(),
        };
        Self {
            frame: Frame::sample(Section::Audience, "Audience"),
            periods: Window::Week.choices(),
            figures: vec![
                Figure::new("Visits", "6,904").changed(Tone::Ok, true, "12 % more than in the 7 days before").with_spark(&[610, 702, 788, 840, 905, 1_420, 1_639], "Visits a day, rising at the weekend"),
                Figure::new("View to purchase", "1.9 %").changed(Tone::Ok, true, "0.2 points more than before"),
                Figure::new("Sold through clips", "€1,284.60").changed(Tone::Bad, false, "4 % less than in the 7 days before"),
            ],
            steps: sample_steps(),
            funnel_csv: "/studio/nour/audience/funnel.csv".into(),
            clips: vec![
                row("Three mugs from one lump", "mug", ["4,812", "11.2 %", "41.0 %", "52.5 %", "61 %", "€842.00"]),
                row("Why the glaze runs", "glaze", ["2,077", "7.9 %", "36.6 %", "43.3 %", "54 %", "€308.60"]),
                row("Unpacking the kiln at 5 a.m.", "kiln", ["1,390", "5.4 %", "30.7 %", "39.1 %", "47 %", "€134.00"]),
            ],
            clips_csv: "/studio/nour/audience/clips.csv".into(),
            concentration: "72 % of all views are of “Three mugs from one lump”. When it tires, so do your sales. Put its product into a second clip, or link another clip where this one is shared.".into(),
            teach: None,
        }
    }

    pub fn empty() -> Self {
        Self {
            frame: Frame::sample_first_day(Section::Audience, "Audience"),
            teach: Some(Teach {
                title: "Who stays, who taps, who buys".into(),
                text: "Publish a clip and share its page. Within a minute you see how many watched, where they left, who tapped the card and who bought.".into(),
                action: "Go to clips".into(),
                link: "/studio/nour/clips".into(),
            }),
            figures: Vec::new(),
            steps: Vec::new(),
            clips: Vec::new(),
            concentration: String::new(),
            ..Self::sample()
        }
    }
}

fn sample_steps() -> Vec<Step> {
    steps(&Funnel {
        impressions: 0,
        views: 8_279,
        taps: 778,
        adds: 306,
        purchases: 154,
    })
}
