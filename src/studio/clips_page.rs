//! The list of clips: posters, states, and how each one works.

use crate::app::App;
use crate::clips::{self, Anchor, Clip};
use crate::db::Tx;
use crate::growth::{self, ClipRevenue, ClipTotals, Period};
use crate::http::{Problem, Query, page};
use crate::identity::{Analyst, Staff, shop};
use crate::kernel::{ClipId, PageIn, Result, ShopId, Time, words};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::clip_editor_page::differences;
use super::field::Choice;
use super::frame::{Chip, Frame, Section, Tone};
use super::when::When;

pub struct ClipCard {
    pub title: String,
    pub link: String,
    pub poster: Option<String>,
    pub duration: String,
    pub state: Chip,
    /// Empty until someone has watched it.
    pub views: String,
    pub tap_rate: String,
    pub revenue: String,
    /// "2 anchors", or what is missing before it can sell.
    pub anchors: String,
    pub changed: When,
}

#[derive(Template)]
#[template(path = "studio/clips.html")]
pub struct ClipsPage {
    pub frame: Frame,
    pub filters: Vec<Choice>,
    pub clips: Vec<ClipCard>,
    /// The next page of a long list.
    pub next: Option<String>,
}

/// Clips a page.
const CLIPS: i64 = 60;

pub async fn show(
    State(app): State<App>,
    staff: Analyst,
    Query(asked): Query<PageIn>,
) -> std::result::Result<Response, Problem> {
    let after = asked.after::<ClipId>()?;
    let id = staff.shop;
    let (shop, clips, now) = app
        .db
        .read(move |tx| {
            let list = clips::list(tx, id, after, CLIPS)?;
            let next = list.next;
            let cards = list
                .data
                .into_iter()
                .map(|clip| {
                    let media = clips::media(tx, id, &clip.media_hash)?;
                    let poster = clips::media(tx, id, &clip.poster_hash)?;
                    let anchors = clips::anchors(tx, id, clip.id)?;
                    let changed = changed_since_published(tx, id, &clip, &anchors)?;
                    Ok((clip, media, poster, anchors.len(), changed))
                })
                .collect::<Result<Vec<_>>>()?;
            Ok((shop(tx, id)?, (cards, next), tx.now()))
        })
        .await?;
    let (cards, next) = clips;
    let figures = Figures::read(&app, &staff, now).await?;
    let frame = Frame::of(&shop, &staff, Section::Clips, "Clips");
    let base = frame.to(&Section::Clips);
    let clips = cards
        .into_iter()
        .map(|(clip, media, poster, anchors, changed)| {
            figures.onto(
                clip.id,
                ClipCard {
                    title: clip.title.clone(),
                    link: format!("{base}/{}", clip.id),
                    poster: poster.map(|poster| poster.path()),
                    duration: media
                        .map(|media| words::timecode(media.duration_ms.unsigned_abs()))
                        .unwrap_or_default(),
                    state: state(&clip, changed),
                    views: String::new(),
                    tap_rate: String::new(),
                    revenue: String::new(),
                    anchors: if anchors == 0 {
                        "No anchor yet".into()
                    } else {
                        words::count(anchors as u64, "anchor", "anchors")
                    },
                    changed: When::of(clip.changed_at, now),
                },
            )
        })
        .collect();
    page(&ClipsPage {
        frame,
        filters: Vec::new(),
        clips,
        next: next.map(|next| format!("{base}?after={next}")),
    })
}

/// How clips worked in the last thirty days; empty for whoever only packs.
#[derive(Default)]
struct Figures {
    seen: Vec<ClipTotals>,
    sold: Vec<ClipRevenue>,
}

impl Figures {
    async fn read(app: &App, staff: &Staff, now: Time) -> Result<Self> {
        if !staff.role.may_measure() {
            return Ok(Self::default());
        }
        let (id, period) = (staff.shop, Period::last(30, now));
        let totals = app
            .events
            .read(move |tx| growth::clip_totals(tx, id, None, period, CLIPS));
        Ok(Self {
            seen: totals.await?,
            sold: growth::revenue(app, id, None, period).await?,
        })
    }

    fn onto(&self, clip: ClipId, card: ClipCard) -> ClipCard {
        let Some(seen) = self.seen.iter().find(|seen| seen.clip == clip) else {
            return card;
        };
        let sold = self.sold.iter().find(|sold| sold.clip == clip);
        let [_, tap, ..] = seen.funnel(0).steps();
        ClipCard {
            views: words::number(seen.views.unsigned_abs()),
            // A card has room for three short numbers.
            tap_rate: tap
                .per_mille
                .map_or_else(|| "–".into(), |tap| format!("{} %", (tap + 5) / 10)),
            revenue: sold.map_or_else(|| "–".into(), |sold| words::money(sold.revenue)),
            ..card
        }
    }
}

/// Whether the draft says something else than what viewers see.
pub(super) fn changed_since_published(tx: &mut Tx<'_>, shop: ShopId, clip: &Clip, anchors: &[Anchor]) -> Result<bool> {
    Ok(clips::published(tx, shop, clip.id)?.is_some_and(|live| !differences(&live.content, clip, anchors).is_empty()))
}

/// The state of a clip in one or two words.
pub(super) fn state(clip: &Clip, changed: bool) -> Chip {
    match (clip.published, changed) {
        (None, _) => Chip::new(Tone::Quiet, "Draft"),
        (Some(_), false) => Chip::new(Tone::Ok, "Live"),
        (Some(_), true) => Chip::new(Tone::Warn, "Live, changed"),
    }
}

impl ClipsPage {
    /// Whether any card says how it works.
    pub fn has_figures(&self) -> bool {
        self.clips.iter().any(|clip| !clip.views.is_empty())
    }

    pub fn sample() -> Self {
        let clip = |title: &str,
                    picture: &str,
                    duration: &str,
                    state: Chip,
                    numbers: [&str; 3],
                    anchors: &str,
                    changed: When| ClipCard {
            title: title.into(),
            link: "/studio/nour/clips/clp_01jd3v8k2m7q9x4r5t6w8y0z1a".into(),
            poster: Some(format!("/media/sample-{picture}.jpg")),
            duration: duration.into(),
            state,
            views: numbers[0].into(),
            tap_rate: numbers[1].into(),
            revenue: numbers[2].into(),
            anchors: anchors.into(),
            changed,
        };
        let live = || Chip::new(Tone::Ok, "Live");
        let draft = || Chip::new(Tone::Quiet, "Draft");
        Self {
            frame: Frame::sample(Section::Clips, "Clips"),
            filters: vec![
                Choice::chosen("", "All 6"),
                Choice::new("live", "Live 3"),
                Choice::new("changed", "Changed 1"),
                Choice::new("draft", "Draft 2"),
            ],
            clips: vec![
                clip(
                    "Three mugs from one lump",
                    "mug",
                    "0:24",
                    live(),
                    ["4,812", "11.2 %", "€842.00"],
                    "2 anchors",
                    When::new("2 h ago", "21 November 2026, 12:04", "2026-11-21T12:04:00Z"),
                ),
                clip(
                    "Why the glaze runs",
                    "glaze",
                    "0:38",
                    live(),
                    ["2,077", "7.9 %", "€308.60"],
                    "3 anchors",
                    When::new("yesterday", "20 November 2026, 17:20", "2026-11-20T17:20:00Z"),
                ),
                clip(
                    "Unpacking the kiln at 5 a.m.",
                    "kiln",
                    "0:52",
                    Chip::new(Tone::Warn, "Live, changed"),
                    ["1,390", "5.4 %", "€134.00"],
                    "1 anchor",
                    When::new("yesterday", "20 November 2026, 09:02", "2026-11-20T09:02:00Z"),
                ),
                clip(
                    "A bowl for Sunday",
                    "bowl",
                    "0:19",
                    draft(),
                    ["–", "–", "–"],
                    "1 anchor, not published",
                    When::new("3 days ago", "18 November 2026, 20:15", "2026-11-18T20:15:00Z"),
                ),
                clip(
                    "The plate that survived",
                    "plate",
                    "0:31",
                    draft(),
                    ["–", "–", "–"],
                    "No anchor yet",
                    When::new("5 days ago", "16 November 2026, 11:48", "2026-11-16T11:48:00Z"),
                ),
                clip(
                    "Tea for two",
                    "tea",
                    "0:27",
                    Chip::new(Tone::Quiet, "Unpublished"),
                    ["918", "4.1 %", "€71.00"],
                    "1 anchor",
                    When::new("2 weeks ago", "6 November 2026, 08:30", "2026-11-06T08:30:00Z"),
                ),
            ],
            next: None,
        }
    }

    pub fn empty() -> Self {
        Self {
            frame: Frame::sample_first_day(Section::Clips, "Clips"),
            filters: Vec::new(),
            clips: Vec::new(),
            next: None,
        }
    }
}
