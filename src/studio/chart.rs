//! Charts as SVG text: drawn on the server, sized by the page, readable without JavaScript.
//!
//! Always true: positions are percentages, so one drawing fits a phone and a desk while its letters keep their size; curves live in a
//! nested picture that stretches with `non-scaling-stroke`. Colours are classes of `studio-chart.css`. Every mark carries its value in a
//! `<title>`; the page that shows a chart shows its table and its CSV as well.

use std::fmt::{self, Display, Write};

/// SVG that is safe to put into a page: every text in it went through [`Escaped`].
#[derive(Clone)]
pub struct Svg(String);

impl Display for Svg {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Svg {}

impl Svg {
    fn new() -> Self {
        Self(String::new())
    }

    fn put(&mut self, piece: fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.0.write_fmt(piece);
    }
}

/// Text for an element's body or a quoted attribute.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '&' => to.write_str("&amp;")?,
                '<' => to.write_str("&lt;")?,
                '>' => to.write_str("&gt;")?,
                '"' => to.write_str("&quot;")?,
                '\'' => to.write_str("&#39;")?,
                other => to.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// `part` of `whole` on a scale of 100, for percentage coordinates.
fn percent(part: u64, whole: u64) -> f64 {
    share(part, whole) * 100.0
}

#[expect(
    clippy::cast_precision_loss,
    reason = "pixels: a chart needs four digits of a number, not all of them"
)]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// A line without axes beside a figure. `words` say what it shows to who cannot see it.
pub fn spark(values: &[u32], words: &str) -> Svg {
    let mut svg = Svg::new();
    let top = u64::from(values.iter().copied().max().unwrap_or(0).max(1));
    let steps = values.len().saturating_sub(1).max(1) as u64;
    let mut line = String::new();
    for (at, value) in values.iter().enumerate() {
        let x = percent(at as u64, steps);
        let y = 36.0 - share(u64::from(*value), top) * 32.0;
        let _ = write!(line, "{}{x:.2} {y:.2}", if at == 0 { "M" } else { "L" });
    }
    svg.put(format_args!(
        r#"<svg class="spark" viewBox="0 0 100 40" preserveAspectRatio="none" role="img" aria-label="{}"><path class="chart-area" d="{line}L100 40L0 40Z"/><path class="chart-line" d="{line}" vector-effect="non-scaling-stroke"/></svg>"#,
        Escaped(words)
    ));
    svg
}

/// Where in the clip an anchor is on screen; a band behind the retention curve.
pub struct Band {
    pub label: String,
    pub start_ms: u64,
    pub end_ms: u64,
}

/// Who is still watching, second by second.
pub struct Retention {
    pub title: String,
    pub duration_ms: u64,
    /// Thousandths of all views that play each second; more than 1000 when people rewatch.
    pub per_mille: Vec<u32>,
    pub bands: Vec<Band>,
}

impl Retention {
    /// The highest labelled gridline, in thousandths: 100 %, or the next quarter above when people rewatch.
    fn ceiling(&self) -> u64 {
        let most = u64::from(self.per_mille.iter().copied().max().unwrap_or(0)).max(1000);
        most.div_ceil(250) * 250
    }

    /// Where second `at` lies from left to right. Seconds sit at their own time, so the curve lines up with a timeline of the same width.
    fn x(&self, at: usize) -> f64 {
        percent((at as u64 * 1000).min(self.duration_ms), self.duration_ms)
    }

    pub fn draw(&self) -> Svg {
        let mut svg = Svg::new();
        let ceiling = self.ceiling();
        svg.put(format_args!(
            r#"<svg class="chart-plot" role="img" aria-label="{}" width="100%" height="200">"#,
            Escaped(&self.title)
        ));
        for band in &self.bands {
            let x = percent(band.start_ms, self.duration_ms);
            let width = percent(band.end_ms.saturating_sub(band.start_ms), self.duration_ms);
            svg.put(format_args!(
                r#"<rect class="chart-band" x="{x:.3}%" y="0" width="{width:.3}%" height="100%"><title>{}</title></rect>"#,
                Escaped(&band.label)
            ));
        }
        self.draw_curve(&mut svg, ceiling);
        for step in 0..=ceiling / 250 {
            let y = 100.0 - percent(step * 250, ceiling);
            svg.put(format_args!(
                r#"<line class="chart-grid" x1="0" x2="100%" y1="{y:.2}%" y2="{y:.2}%"/>"#
            ));
            if step.is_multiple_of(2) && step > 0 {
                svg.put(format_args!(
                    r#"<text class="chart-label chart-y" x="0" y="{y:.2}%" dx="-10" dy="5" text-anchor="end">{} %</text>"#,
                    step * 25
                ));
            }
        }
        self.draw_hovers(&mut svg, ceiling);
        svg.put(format_args!("</svg>"));
        seconds_axis(&mut svg, self.duration_ms);
        svg
    }

    fn draw_curve(&self, svg: &mut Svg, ceiling: u64) {
        let mut line = String::new();
        let mut last_x = 0.0;
        for (at, value) in self.per_mille.iter().enumerate() {
            last_x = self.x(at) * 10.0;
            let y = 1000.0 - share(u64::from(*value), ceiling) * 1000.0;
            let _ = write!(line, "{}{last_x:.1} {y:.1}", if at == 0 { "M" } else { "L" });
        }
        svg.put(format_args!(
            r#"<svg viewBox="0 0 1000 1000" preserveAspectRatio="none" width="100%" height="100%"><path class="chart-area" d="{line}L{last_x:.1} 1000L0 1000Z"/><path class="chart-line" d="{line}" vector-effect="non-scaling-stroke"/></svg>"#
        ));
    }

    /// One invisible column a second; the style sheet shows its value while the pointer is on it.
    fn draw_hovers(&self, svg: &mut Svg, ceiling: u64) {
        let count = self.per_mille.len().max(1) as u64;
        let width = 100.0 / share(count, 1);
        for (at, value) in self.per_mille.iter().enumerate() {
            let x = self.x(at);
            let y = 100.0 - percent(u64::from(*value), ceiling);
            let (anchor, shift) = match x {
                x if x < 15.0 => ("start", 8),
                x if x > 85.0 => ("end", -8),
                _ => ("middle", 0),
            };
            let words = format!("{} · {} % still watching", clock(at as u64), value.div_ceil(10));
            svg.put(format_args!(
                r#"<g class="chart-hover"><rect x="{left:.3}%" y="0" width="{width:.3}%" height="100%"/><line x1="{x:.3}%" x2="{x:.3}%" y1="0" y2="100%"/><circle cx="{x:.3}%" cy="{y:.3}%" r="4"/><text x="{x:.3}%" y="18" dx="{shift}" text-anchor="{anchor}">{words}</text><title>{words}</title></g>"#,
                left = (x - width / 2.0).max(0.0),
            ));
        }
    }
}

/// Seconds from left to right under a chart or a timeline of the same width: about six of them, on round steps.
fn seconds_axis(svg: &mut Svg, duration_ms: u64) {
    let seconds = duration_ms / 1000;
    let step = [1, 2, 5, 10, 15, 30, 60, 120]
        .into_iter()
        .find(|step| seconds / step <= 6)
        .unwrap_or(300);
    svg.put(format_args!(
        r#"<svg class="chart-axis" aria-hidden="true" width="100%" height="24">"#
    ));
    for second in (0..=seconds).step_by(usize::try_from(step).unwrap_or(300)) {
        let x = percent(second * 1000, duration_ms);
        let anchor = if second == 0 {
            "start"
        } else if x > 97.0 {
            "end"
        } else {
            "middle"
        };
        svg.put(format_args!(
            r#"<text class="chart-label" x="{x:.3}%" y="17" text-anchor="{anchor}">{}</text>"#,
            clock(second)
        ));
    }
    svg.put(format_args!("</svg>"));
}

/// Seconds as a viewer reads them on a player: `0:07`.
fn clock(seconds: u64) -> String {
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// One bar of a bar chart.
pub struct Bar {
    /// Under the bar: a day, an hour.
    pub label: String,
    pub amount_minor: u64,
    /// The amount as people read it.
    pub words: String,
}

/// Amounts side by side: sales a day.
pub struct Bars {
    pub title: String,
    pub bars: Vec<Bar>,
    /// Gridlines, lowest first: the amount and how it is written.
    pub grid: Vec<(u64, String)>,
}

impl Bars {
    pub fn draw(&self) -> Svg {
        let mut svg = Svg::new();
        let most = self.bars.iter().map(|bar| bar.amount_minor).max().unwrap_or(0);
        let ceiling = self
            .grid
            .iter()
            .map(|(amount, _)| *amount)
            .max()
            .unwrap_or(0)
            .max(most)
            .max(1);
        let slot = 100.0 / share(self.bars.len().max(1) as u64, 1);
        svg.put(format_args!(
            r#"<svg class="chart-plot" role="img" aria-label="{}" width="100%" height="180">"#,
            Escaped(&self.title)
        ));
        svg.put(format_args!(
            r#"<line class="chart-grid" x1="0" x2="100%" y1="100%" y2="100%"/>"#
        ));
        for (amount, words) in &self.grid {
            let y = 100.0 - percent(*amount, ceiling) * 0.9;
            svg.put(format_args!(
                r#"<line class="chart-grid" x1="0" x2="100%" y1="{y:.2}%" y2="{y:.2}%"/><text class="chart-label chart-y" x="0" y="{y:.2}%" dx="-10" dy="5" text-anchor="end">{}</text>"#,
                Escaped(words)
            ));
        }
        for (at, bar) in self.bars.iter().enumerate() {
            let left = share(at as u64, 1) * slot;
            let height = percent(bar.amount_minor, ceiling) * 0.9;
            let middle = left + slot / 2.0;
            let (anchor, x) = match middle {
                x if x < 15.0 => ("start", left),
                x if x > 85.0 => ("end", left + slot),
                x => ("middle", x),
            };
            svg.put(format_args!(
                r#"<g class="chart-hover"><rect x="{left:.3}%" y="0" width="{slot:.3}%" height="100%"/><rect class="chart-bar" x="{bar_x:.3}%" y="{y:.3}%" width="{bar_width:.3}%" height="{height:.3}%" rx="3"/><text x="{x:.3}%" y="{text_y:.3}%" dy="-8" text-anchor="{anchor}">{words}</text><title>{label} · {words}</title></g>"#,
                bar_x = left + slot * 0.18,
                bar_width = slot * 0.64,
                y = 100.0 - height,
                text_y = 100.0 - height,
                words = Escaped(&bar.words),
                label = Escaped(&bar.label),
            ));
        }
        svg.put(format_args!("</svg>"));
        self.draw_labels(&mut svg, slot);
        svg
    }

    /// At most five labels, counted from the newest bar, so that they never touch on a phone.
    fn draw_labels(&self, svg: &mut Svg, slot: f64) {
        let every = self.bars.len().div_ceil(5).max(1);
        svg.put(format_args!(
            r#"<svg class="chart-axis" aria-hidden="true" width="100%" height="24">"#
        ));
        for (at, bar) in self.bars.iter().enumerate() {
            if (self.bars.len() - 1 - at).is_multiple_of(every) {
                let x = share(at as u64, 1) * slot + slot / 2.0;
                svg.put(format_args!(
                    r#"<text class="chart-label" x="{x:.3}%" y="17" text-anchor="middle">{}</text>"#,
                    Escaped(&bar.label)
                ));
            }
        }
        svg.put(format_args!("</svg>"));
    }
}

/// A bar of a funnel: how many of the first step are left. The text stands beside it, in the page.
pub fn funnel_bar(count: u64, of: u64, words: &str) -> Svg {
    let mut svg = Svg::new();
    svg.put(format_args!(
        r#"<svg class="funnel-bar" role="img" aria-label="{words}" width="100%" height="28"><rect class="chart-track" width="100%" height="100%" rx="4"/><rect class="chart-bar" width="{:.3}%" height="100%" rx="4"/><title>{words}</title></svg>"#,
        percent(count, of),
        words = Escaped(words),
    ));
    svg
}

/// Who gets a leg of a sale; decides its colour.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum LegKind {
    Creator,
    Partner,
    Platform,
    Processor,
    Tax,
}

impl LegKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Creator => "creator",
            Self::Partner => "partner",
            Self::Platform => "platform",
            Self::Processor => "processor",
            Self::Tax => "tax",
        }
    }
}

/// One part of what the buyer paid.
pub struct Leg {
    pub kind: LegKind,
    pub name: String,
    pub amount_minor: u64,
    pub amount: String,
    /// Of the whole sale: "57.2 %".
    pub share: String,
}

impl Leg {
    pub fn new(kind: LegKind, name: &str, amount_minor: u64, amount: &str, share: &str) -> Self {
        Self {
            kind,
            name: name.into(),
            amount_minor,
            amount: amount.into(),
            share: share.into(),
        }
    }
}

/// Where the money of one sale went.
pub struct Flow {
    pub title: String,
    /// "Buyer paid", and how much.
    pub source: String,
    pub source_amount: String,
    pub legs: Vec<Leg>,
}

/// Height of the whole amount, in pixels; each ribbon gets its exact part of it.
const FLOW_PIXELS: f64 = 260.0;
/// The least height a leg's two lines of text need.
const FLOW_SLOT: f64 = 56.0;
/// Room above the buyer's bar for who paid and how much.
const FLOW_HEADROOM: f64 = 48.0;
/// Where the ribbons end, from left to right; the names stand to the right of it.
const FLOW_END: u32 = 56;

impl Flow {
    /// Ribbons from the buyer on the left to everyone who got a part, as thick as the part is large.
    pub fn draw(&self) -> Svg {
        let whole: u64 = self.legs.iter().map(|leg| leg.amount_minor).sum();
        let thickness = |leg: &Leg| share(leg.amount_minor, whole) * FLOW_PIXELS;
        let slot = |leg: &Leg| (thickness(leg) + 16.0).max(FLOW_SLOT);
        let height: f64 = self.legs.iter().map(slot).sum();
        // Above the buyer's bar there is always room for two lines of text.
        let start = ((height - FLOW_PIXELS) / 2.0).max(FLOW_HEADROOM);
        let height = height.max(start + FLOW_PIXELS);
        let mut from = start;
        let mut slot_top = 0.0;
        let mut ribbons = Svg::new();
        let mut names = Svg::new();
        for leg in &self.legs {
            let thick = thickness(leg);
            let to = slot_top + (slot(leg) - thick) / 2.0;
            let (from_end, to_end) = (from + thick, to + thick);
            let kind = leg.kind.name();
            let words = Escaped(&leg.name);
            ribbons.put(format_args!(
                r#"<path class="flow-ribbon flow-{kind}" d="M0 {from:.2}C500 {from:.2} 500 {to:.2} 1000 {to:.2}L1000 {to_end:.2}C500 {to_end:.2} 500 {from_end:.2} 0 {from_end:.2}Z"><title>{words}: {} ({})</title></path>"#,
                Escaped(&leg.amount),
                Escaped(&leg.share),
            ));
            let middle = slot_top + slot(leg) / 2.0;
            names.put(format_args!(
                r#"<rect class="flow-node flow-{kind}" x="{FLOW_END}%" y="{to:.2}" width="6" height="{node:.2}" rx="2"/><text class="flow-name" x="{FLOW_END}%" dx="16" y="{name_y:.2}">{words}</text><text class="flow-amount" x="{FLOW_END}%" dx="16" y="{amount_y:.2}">{}<tspan class="flow-share" dx="8">{}</tspan></text>"#,
                Escaped(&leg.amount),
                Escaped(&leg.share),
                node = thick.max(1.0),
                name_y = middle - 3.0,
                amount_y = middle + 16.0,
            ));
            from = from_end;
            slot_top += slot(leg);
        }
        let mut svg = Svg::new();
        svg.put(format_args!(
            r#"<svg class="flow" role="img" aria-label="{}" width="100%" height="{height:.0}"><svg viewBox="0 0 1000 {height:.0}" preserveAspectRatio="none" width="{FLOW_END}%" height="{height:.0}">{ribbons}</svg><rect class="flow-node flow-buyer" x="0" y="{start:.2}" width="6" height="{FLOW_PIXELS}" rx="2"/>{names}<text class="flow-name" x="0" y="{label:.2}">{}</text><text class="flow-amount" x="0" y="{amount:.2}">{}</text></svg>"#,
            Escaped(&self.title),
            Escaped(&self.source),
            Escaped(&self.source_amount),
            label = start - 30.0,
            amount = start - 11.0,
        ));
        svg
    }
}
