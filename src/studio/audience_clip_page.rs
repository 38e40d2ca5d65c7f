//! The audience of one clip: its funnel, where viewers leave, and how each anchor works.

use super::audience_page::{Asked, Step, Window, decimal, file, funnel_file, rate, steps};
use super::chart::{Band, Retention};
use super::clip_editor_page::{self, anchor_name, kind_name};
use super::csv::csv;
use super::field::Choice;
use super::figure::Figure;
use super::frame::{Frame, Section, Tone};
use crate::app::App;
use crate::catalog;
use crate::clips::{self, AskKind, Clip, Media};
use crate::growth::{self, AnchorTotals, ClipTotals, Funnel, Period};
use crate::http::{Path, Problem, Query, page};
use crate::identity::{Measurer, Shop, Staff, shop};
use crate::kernel::{AnchorId, ClipId, Error, Money, Result, ShopId, words};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

type Answer = std::result::Result<Response, Problem>;

/// How one anchor works.
pub struct AnchorRow {
    pub name: String,
    pub at: String,
    pub seen: String,
    pub taps: String,
    pub tap_rate: String,
    /// How often it was accepted into a checkout, or answered if it asks.
    pub done: String,
}

#[derive(Template)]
#[template(path = "studio/audience_clip.html")]
pub struct AudienceClipPage {
    pub frame: Frame,
    pub poster: Option<String>,
    pub editor_link: String,
    pub audience_link: String,
    /// "in the last 7 days".
    pub said: String,
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

/// Fewer views make a curve of one person's thumb.
const VIEWS_MIN: i64 = 10;

/// An anchor as viewers see it.
struct Shown {
    id: AnchorId,
    name: String,
    kind: String,
    start_ms: i64,
    end_ms: i64,
    ask: Option<AskKind>,
}

/// What the page and its files say.
pub(super) struct Audience {
    shop: Shop,
    clip: Clip,
    poster: Option<Media>,
    duration_ms: i64,
    anchors: Vec<Shown>,
    window: Window,
    period: Period,
    funnel: Funnel,
    totals: ClipTotals,
    before: ClipTotals,
    retention: growth::Retention,
    by_anchor: Vec<AnchorTotals>,
    revenue: Money,
}

pub(super) async fn read(app: &App, id: ShopId, clip: ClipId, window: Window) -> Result<Audience> {
    let own = app.db.read(move |tx| {
        let shop = shop(tx, id)?;
        let clip = clips::find(tx, id, clip)?.ok_or_else(|| Error::not_found("clip"))?;
        // What viewers saw last, also if it is no longer to be seen.
        let live = clips::versions(tx, id, clip.id)?
            .into_iter()
            .max_by_key(|live| live.version);
        let mut anchors = Vec::new();
        for anchor in live.iter().flat_map(|live| &live.content.anchors) {
            let product = anchor
                .product
                .map(|product| catalog::find(tx, id, product))
                .transpose()?;
            let product = product.flatten().map(|product| product.title);
            anchors.push(Shown {
                id: anchor.id,
                name: anchor_name(&anchor.copy, &clip.language, anchor.kind, product),
                kind: kind_name(anchor.kind),
                start_ms: anchor.start_ms,
                end_ms: anchor.end_ms,
                ask: anchor.ask,
            });
        }
        let poster = clips::media(tx, id, &clip.poster_hash)?;
        let duration_ms = live.map_or(0, |live| live.content.media.duration_ms);
        Ok((shop, clip, poster, duration_ms, anchors, tx.now()))
    });
    let (shop, clip, poster, duration_ms, anchors, now) = own.await?;
    let (clip_id, period) = (clip.id, Period::last(window.days(), now));
    let seen = app.events.read(move |tx| {
        let totals = growth::totals_of(tx, id, clip_id, period)?;
        let before = growth::totals_of(tx, id, clip_id, period.before())?;
        Ok((totals, before, growth::anchor_totals(tx, id, clip_id, period)?))
    });
    let (totals, before, by_anchor) = seen.await?;
    let sold = growth::revenue(app, id, Some(clip_id), period).await?;
    Ok(Audience {
        funnel: growth::funnel(app, id, Some(clip_id), period).await?,
        retention: growth::retention(app, id, clip_id, period).await?,
        revenue: sold.first().map_or(Money::new(0, shop.currency), |clip| clip.revenue),
        shop,
        clip,
        poster,
        duration_ms,
        anchors,
        window,
        period,
        totals,
        before,
        by_anchor,
    })
}

pub async fn show(
    State(app): State<App>,
    staff: Measurer,
    Path((_, clip)): Path<(String, ClipId)>,
    Query(asked): Query<Asked>,
) -> Answer {
    let audience = read(&app, staff.shop, clip, asked.period).await?;
    page(&AudienceClipPage::of(&audience, &staff))
}

/// The clip's funnel as a file.
pub async fn funnel_csv(
    State(app): State<App>,
    staff: Measurer,
    Path((_, clip)): Path<(String, ClipId)>,
    Query(asked): Query<Asked>,
) -> Answer {
    let audience = read(&app, staff.shop, clip, asked.period).await?;
    Ok(funnel_file(&audience.clip.slug, audience.period, &audience.funnel))
}

/// The curve as a file: how often each second was played, of how many views.
pub async fn retention_csv(
    State(app): State<App>,
    staff: Measurer,
    Path((_, clip)): Path<(String, ClipId)>,
    Query(asked): Query<Asked>,
) -> Answer {
    let audience = read(&app, staff.shop, clip, asked.period).await?;
    let played = audience.retention.plays.iter().zip(audience.retention.per_mille());
    let rows = played.enumerate().map(|(second, (plays, share))| {
        vec![
            second.to_string(),
            plays.to_string(),
            audience.retention.views.to_string(),
            decimal(share),
        ]
    });
    let heads = ["second", "plays", "views", "percent_of_views"];
    Ok(csv(
        &file(&audience.clip.slug, "retention", audience.period),
        &heads,
        rows,
    ))
}

/// The curve over the whole clip, with its anchors behind it. None: too few views to draw one.
pub(super) fn curve(audience: &Audience) -> Option<Retention> {
    if audience.retention.views < VIEWS_MIN || audience.duration_ms <= 0 {
        return None;
    }
    let duration_ms = audience.duration_ms.unsigned_abs();
    let mut per_mille = audience.retention.per_mille();
    // Seconds nobody reached are part of the picture.
    per_mille.resize(usize::try_from(duration_ms.div_ceil(1000)).unwrap_or(0), 0);
    Some(Retention {
        title: format!(
            "Viewers still watching, second by second, of {} views",
            words::number(audience.retention.views.unsigned_abs())
        ),
        duration_ms,
        bands: bands(&audience.anchors, duration_ms),
        per_mille,
    })
}

/// The stretches with an anchor on screen; anchors that overlap are one stretch.
fn bands(anchors: &[Shown], duration_ms: u64) -> Vec<Band> {
    let mut sorted: Vec<&Shown> = anchors.iter().collect();
    sorted.sort_by_key(|anchor| anchor.start_ms);
    let mut bands: Vec<Band> = Vec::new();
    for anchor in sorted {
        let (start_ms, end_ms) = (
            anchor.start_ms.unsigned_abs(),
            anchor.end_ms.unsigned_abs().min(duration_ms),
        );
        let label = format!("{}, {}", anchor.name, anchor.span());
        match bands.last_mut() {
            Some(last) if start_ms <= last.end_ms => {
                last.end_ms = last.end_ms.max(end_ms);
                last.label = format!("{}; {label}", last.label);
            }
            _ => bands.push(Band {
                label,
                start_ms,
                end_ms,
            }),
        }
    }
    bands
}

/// What the curve says, in words: who is there at the middle, and the second that loses most.
fn reading(curve: &Retention) -> String {
    let hundred = |per_mille: u32| (per_mille + 5) / 10;
    let middle = curve.per_mille.get(curve.per_mille.len() / 2).copied().unwrap_or(0);
    let falls = curve.per_mille.windows(2).map(|pair| pair[0].saturating_sub(pair[1]));
    // The first of those that lose as many.
    let worst = falls
        .enumerate()
        .max_by_key(|(at, fall)| (*fall, std::cmp::Reverse(*at)));
    let said = format!("{} in 100 still watch at the middle.", hundred(middle));
    match worst {
        Some((at, fall)) if hundred(fall) > 0 => format!(
            "{said} Most leave at {}: {} in 100 within one second.",
            words::timecode((at as u64 + 1) * 1000),
            hundred(fall)
        ),
        _ => said,
    }
}

impl Shown {
    fn span(&self) -> String {
        let tenths = |ms: i64| format!("{}.{}", words::timecode(ms.unsigned_abs()), ms / 100 % 10);
        format!("{}\u{a0}–\u{a0}{}", tenths(self.start_ms), tenths(self.end_ms))
    }

    fn row(&self, totals: &[AnchorTotals]) -> AnchorRow {
        let number = |count: i64| words::number(count.unsigned_abs());
        let found = totals.iter().find(|totals| totals.anchor == self.id);
        let (seen, taps) = found.map_or((0, 0), |of| (of.impressions, of.taps + of.asks));
        let done = found.map_or(0, |of| if self.ask.is_some() { of.asks } else { of.adds });
        AnchorRow {
            name: self.name.clone(),
            at: if self.name == self.kind {
                self.span()
            } else {
                format!("{} · {}", self.kind, self.span())
            },
            seen: number(seen),
            taps: number(taps),
            tap_rate: rate(share(taps, seen)),
            done: number(done),
        }
    }
}

/// A part in thousandths; none of nothing.
fn share(part: i64, of: i64) -> Option<u32> {
    u32::try_from(part.saturating_mul(1_000).checked_div(of)?).ok()
}

impl Audience {
    fn figures(&self) -> Vec<Figure> {
        let views = Figure::new("Views", &words::number(self.totals.views.unsigned_abs()));
        let hooked = Figure::new(
            "Still there after 3 s",
            &rate(share(self.totals.hooks, self.totals.views)),
        );
        let sold = Figure::new("Sold", &words::money(self.revenue));
        let each = Money::new(
            self.revenue.minor.checked_div(self.totals.views).unwrap_or(0),
            self.revenue.currency,
        );
        vec![
            self.window.compared(views, self.totals.views, self.before.views),
            hooked,
            if each.minor > 0 {
                sold.changed(Tone::Quiet, true, &format!("{} a view", words::money(each)))
            } else {
                sold
            },
        ]
    }
}

impl AudienceClipPage {
    fn of(audience: &Audience, staff: &Staff) -> Self {
        let frame = Frame::of(&audience.shop, staff, Section::Audience, &audience.clip.title);
        let base = format!("{}/{}", frame.to(&Section::Audience), audience.clip.id);
        let retention = curve(audience);
        Self {
            poster: audience.poster.as_ref().map(Media::path),
            editor_link: format!("{}/{}", frame.to(&Section::Clips), audience.clip.id),
            audience_link: audience.window.link(&frame.to(&Section::Audience)),
            periods: audience.window.choices(),
            figures: audience.figures(),
            steps: steps(&audience.funnel),
            funnel_csv: audience.window.link(&format!("{base}/funnel.csv")),
            reading: retention.as_ref().map(reading).unwrap_or_default(),
            retention,
            retention_csv: audience.window.link(&format!("{base}/retention.csv")),
            anchors: audience
                .anchors
                .iter()
                .map(|anchor| anchor.row(&audience.by_anchor))
                .collect(),
            said: audience.window.said(),
            frame,
        }
    }

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
            done: numbers[3].into(),
        };
        Self {
            frame: Frame::sample(Section::Audience, "Three mugs from one lump"),
            poster: Some("/media/sample-mug.jpg".into()),
            editor_link: "/studio/nour/clips/clp_01jd3v8k2m7q9x4r5t6w8y0z1a".into(),
            audience_link: "/studio/nour/audience?period=week".into(),
            said: Window::Week.said(),
            periods: Window::Week.choices(),
            figures: vec![
                Figure::new("Views", "4,812").changed(Tone::Ok, true, "31 % more than in the 7 days before"),
                Figure::new("Still there after 3 s", "80 %").changed(Tone::Ok, true, "2.1 points more than before"),
                Figure::new("Revenue", "€842.00").changed(Tone::Ok, true, "€0.17 a view"),
            ],
            steps: steps(&Funnel {
                impressions: 0,
                views: 4_812,
                taps: 539,
                adds: 221,
                purchases: 116,
            }),
            funnel_csv: "/studio/nour/audience/clp_01jd3v8k2m7q9x4r5t6w8y0z1a/funnel.csv".into(),
            retention: Some(clip_editor_page::sample_retention()),
            reading: "61 in 100 still watch at the middle. Most leave at 0:01: 9 in 100 within one second.".into(),
            retention_csv: "/studio/nour/audience/clp_01jd3v8k2m7q9x4r5t6w8y0z1a/retention.csv".into(),
            anchors: vec![
                row("Ash glaze mug", "0:04.2 – 0:10.6", ["3,704", "539", "14.6 %", "221"]),
                row(
                    "Ask: tell me when it is back",
                    "0:14.0 – 0:17.8",
                    ["2,906", "208", "7.2 %", "208"],
                ),
            ],
        }
    }

    /// Nobody watched it in these days.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Id;

    fn curve(per_mille: &[u32]) -> Retention {
        Retention {
            title: String::new(),
            duration_ms: 5_000,
            per_mille: per_mille.to_vec(),
            bands: Vec::new(),
        }
    }

    #[test]
    fn the_curve_is_read_aloud() {
        let fall = reading(&curve(&[1_000, 980, 700, 650, 600]));
        assert_eq!(
            fall,
            "70 in 100 still watch at the middle. Most leave at 0:02: 28 in 100 within one second."
        );
        assert_eq!(
            reading(&curve(&[1_000, 1_000, 1_200])),
            "100 in 100 still watch at the middle."
        );
        assert_eq!(reading(&curve(&[])), "0 in 100 still watch at the middle.");
    }

    #[test]
    fn anchors_that_overlap_are_one_stretch() {
        let shown = |start_ms, end_ms| Shown {
            id: AnchorId::from_uuid(uuid::Uuid::nil()),
            name: "Mug".into(),
            kind: String::new(),
            start_ms,
            end_ms,
            ask: None,
        };
        let of = |anchors: &[Shown]| {
            bands(anchors, 10_000)
                .iter()
                .map(|band| (band.start_ms, band.end_ms))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            of(&[
                shown(4_000, 12_000),
                shown(0, 2_000),
                shown(1_500, 3_000),
                shown(2_000, 2_500)
            ]),
            [(0, 3_000), (4_000, 10_000)]
        );
    }
}
