//! The report as one page that needs nothing else: words first, then the figures, then what they look like.

use super::Machine;
use super::figures::{Quantiles, counted};
use super::rush::RushReport;
use super::storm::StormReport;
use super::verdict::Verdict;
use super::viewers::ViewersReport;
use crate::bench::load::Latencies;

/// A chart's own units: drawn for a phone, and twice as large on a desk.
const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 244.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 44.0;
/// Dots of a cloud; more say no more.
const DOTS: usize = 1_500;

const STYLE: &str = r":root{color-scheme:light dark;--paper:#fbf9f5;--card:#fff;--ink:#1a1714;--soft:#5f5850;--line:#dcd5ca;--one:#1f3fd1;--two:#b65b12;--three:#17663c;--good:#17663c;--bad:#b0241b}
@media(prefers-color-scheme:dark){:root{--paper:#12100e;--card:#1d1a17;--ink:#f5f0e8;--soft:#b1a89c;--line:#37312b;--one:#aab9ff;--two:#f2b83f;--three:#74d09b;--good:#74d09b;--bad:#ff9d93}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Liberation Sans',sans-serif}
main{max-width:72rem;margin:0 auto;padding:1.5rem 1rem 4rem}header p,footer{color:var(--soft)}h1{font-size:clamp(1.6rem,1.2rem + 2vw,2.6rem);line-height:1.15;margin:.25rem 0 .75rem;max-width:26ch}h2{font-size:1.1rem;margin:0}
.verdict{border-left:.3rem solid var(--good);padding:.25rem 0 .25rem 1rem;margin:1.5rem 0;max-width:60ch;font-size:1.1rem}.verdict.bad{border-color:var(--bad)}.verdict strong{display:block;color:var(--good)}.verdict.bad strong{color:var(--bad)}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(10rem,1fr));background:var(--card);border:1px solid var(--line);border-radius:.75rem;overflow:hidden;margin:1.5rem 0}dl div{box-shadow:0 0 0 .5px var(--line);padding:.75rem 1rem;display:flex;flex-direction:column}dt{color:var(--soft);font-size:.875rem}dd{margin:0;order:-1;font-size:1.5rem;font-weight:650;font-variant-numeric:tabular-nums;line-height:1.3}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:1rem}figure:only-child{max-width:46rem}figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:.75rem;padding:1rem;display:flex;flex-direction:column}figcaption p{margin:.15rem 0 .5rem;color:var(--soft);font-size:.9rem}svg{width:100%;height:auto;display:block;margin-top:auto}
svg text{fill:var(--soft);font:12.5px system-ui,-apple-system,'Segoe UI',Roboto,'Liberation Sans',sans-serif}.grid{stroke:var(--line);stroke-width:1}.s1{stroke:var(--one);fill:none;stroke-width:2;stroke-linejoin:round}.s2{stroke:var(--two);fill:none;stroke-width:2;stroke-linejoin:round}.s3{stroke:var(--three);fill:none;stroke-width:2;stroke-linejoin:round}.d1{fill:var(--one);fill-opacity:.55}.even{stroke:var(--soft);stroke-dasharray:4 4}.band{fill:var(--two);fill-opacity:.12}
.legend{display:flex;flex-wrap:wrap;gap:.25rem 1rem;font-size:.875rem;color:var(--soft);margin:0 0 .25rem;padding:0;list-style:none}.legend li::before{content:'';display:inline-block;width:1.1rem;height:.2rem;border-radius:1px;margin-right:.4rem;vertical-align:middle;background:var(--one)}.legend .k2::before{background:var(--two)}.legend .k3::before{background:var(--three)}
.table{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}th,td{text-align:right;padding:.35rem .6rem;border-top:1px solid var(--line)}th:first-child,td:first-child{text-align:left}thead th{border:0;color:var(--soft);font-weight:500}section{margin-top:2rem}ul.violations{color:var(--bad)}";

fn safe(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn number(value: f64) -> String {
    if value >= 10.0 || (value - value.round()).abs() < 0.005 {
        let whole = format!("{value:.0}");
        let (sign, digits) = whole
            .strip_prefix('-')
            .map_or(("", whole.as_str()), |digits| ("-", digits));
        let mut grouped = String::new();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at) % 3 == 0 {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        return format!("{sign}{grouped}");
    }
    if value >= 1.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

/// A round number of which four or five reach `most`.
fn step(most: f64) -> f64 {
    let rough = (most / 4.0).max(1e-6);
    let ten = 10f64.powf(rough.log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * ten)
        .find(|step| *step >= rough)
        .unwrap_or(rough)
}

struct Axis {
    label: &'static str,
    most: f64,
    ticks: Vec<(f64, String)>,
}

impl Axis {
    fn to(most: f64, label: &'static str) -> Self {
        let step = step(most.max(1e-3));
        let mut ticks = Vec::new();
        let mut at = 0.0;
        while at <= most * 1.0001 {
            ticks.push((at, number(at)));
            at += step;
        }
        Self {
            label,
            most: most.max(1e-3),
            ticks,
        }
    }
}

enum Shape {
    Line(Vec<(f64, f64)>),
    Dots(Vec<(f64, f64)>),
    /// What would be even.
    Even,
    /// From and until.
    Band(f64, f64),
}

struct Chart<'a> {
    title: &'a str,
    says: String,
    /// Names of the series in their colours; none for a single one.
    legend: &'a [&'a str],
    across: Axis,
    up: Axis,
    shapes: Vec<Shape>,
}

impl Chart<'_> {
    fn x(&self, value: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * (value / self.across.most).clamp(0.0, 1.0)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value / self.up.most).clamp(0.0, 1.0)
    }

    fn html(&self) -> String {
        let mut svg = format!(
            r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{}">"#,
            safe(&self.says)
        );
        for (at, text) in &self.up.ticks {
            let y = self.y(*at);
            svg.push_str(&format!(
                r#"<path class="grid" d="M{LEFT} {y:.1}H{:.1}"/><text x="{:.1}" y="{:.1}" text-anchor="end">{text}</text>"#,
                WIDTH - RIGHT,
                LEFT - 6.0,
                y + 4.0
            ));
        }
        for (at, text) in &self.across.ticks {
            let (x, y) = (self.x(*at), HEIGHT - BOTTOM);
            let anchor = if x > WIDTH - RIGHT - 14.0 { "end" } else { "middle" };
            svg.push_str(&format!(
                r#"<text x="{x:.1}" y="{:.1}" text-anchor="{anchor}">{text}</text>"#,
                y + 16.0
            ));
        }
        svg.push_str(&format!(
            r#"<text x="{:.1}" y="{:.1}" text-anchor="end">{}</text><text x="{:.1}" y="{:.1}" text-anchor="middle" transform="rotate(-90 10 {:.1})">{}</text>"#,
            WIDTH - RIGHT,
            HEIGHT - 6.0,
            safe(self.across.label),
            10.0,
            (HEIGHT - BOTTOM + TOP) / 2.0,
            (HEIGHT - BOTTOM + TOP) / 2.0,
            safe(self.up.label)
        ));
        let mut lines = 0;
        for shape in &self.shapes {
            match shape {
                Shape::Line(points) => {
                    lines += 1;
                    let path: Vec<String> = points
                        .iter()
                        .map(|(x, y)| format!("{:.1} {:.1}", self.x(*x), self.y(*y)))
                        .collect();
                    if !path.is_empty() {
                        svg.push_str(&format!(r#"<path class="s{lines}" d="M{}"/>"#, path.join("L")));
                    }
                }
                Shape::Dots(points) => {
                    let every = points.len().div_ceil(DOTS).max(1);
                    for (x, y) in points.iter().step_by(every) {
                        svg.push_str(&format!(
                            r#"<circle class="d1" cx="{:.1}" cy="{:.1}" r="2"/>"#,
                            self.x(*x),
                            self.y(*y)
                        ));
                    }
                }
                Shape::Even => {
                    let (x, y) = (self.x(self.across.most), self.y(self.up.most));
                    svg.push_str(&format!(
                        r#"<path class="even" d="M{LEFT} {:.1}L{x:.1} {y:.1}"/>"#,
                        HEIGHT - BOTTOM
                    ));
                }
                Shape::Band(from, until) => {
                    let (x, right) = (self.x(*from), self.x(*until));
                    svg.push_str(&format!(
                        r#"<rect class="band" x="{x:.1}" y="{TOP}" width="{:.1}" height="{:.1}"/>"#,
                        right - x,
                        HEIGHT - TOP - BOTTOM
                    ));
                }
            }
        }
        svg.push_str("</svg>");
        let mut legend = String::new();
        if !self.legend.is_empty() {
            legend.push_str(r#"<ul class="legend">"#);
            for (at, name) in self.legend.iter().enumerate() {
                legend.push_str(&format!(r#"<li class="k{}">{}</li>"#, at + 1, safe(name)));
            }
            legend.push_str("</ul>");
        }
        format!(
            "<figure><figcaption><h2>{}</h2><p>{}</p>{legend}</figcaption>{svg}</figure>",
            safe(self.title),
            safe(&self.says)
        )
    }
}

/// How much of a thing happened when: two curves over the same seconds.
fn over_time<'a>(
    title: &'a str,
    says: String,
    legend: &'a [&'a str],
    up: &'static str,
    series: Vec<Vec<(f64, f64)>>,
    band: Option<(f64, f64)>,
) -> Chart<'a> {
    let all = series.iter().flatten();
    let (last, most) = all.fold((0.0, 0.0), |(x, y): (f64, f64), point| (x.max(point.0), y.max(point.1)));
    let mut shapes: Vec<Shape> = band.map(|(from, until)| Shape::Band(from, until)).into_iter().collect();
    shapes.extend(series.into_iter().map(Shape::Line));
    Chart {
        title,
        says,
        legend,
        across: Axis::to(last, "seconds"),
        up: Axis::to(most, up),
        shapes,
    }
}

/// What share of all took at most how long. The slowest are what matters, so they have most of the room: one in ten, in a hundred, in a thousand.
fn by_share<'a>(title: &'a str, says: String, legend: &'a [&'a str], of: Vec<&mut Latencies>) -> Chart<'a> {
    let shares: Vec<f64> = (0..=60).map(|at| 1.0 - 10f64.powf(-f64::from(at) / 20.0)).collect();
    let mut most: f64 = 0.0;
    let mut shapes = Vec::new();
    for latencies in of.into_iter().filter(|latencies| latencies.len() > 0) {
        let points: Vec<(f64, f64)> = shares
            .iter()
            .enumerate()
            .map(|(at, share)| (at as f64, latencies.ms(share.max(1e-9))))
            .collect();
        most = points.iter().fold(most, |most, point| most.max(point.1));
        shapes.push(Shape::Line(points));
    }
    let ticks = [(6.02, "50 %"), (20.0, "90 %"), (40.0, "99 %"), (60.0, "99.9 %")];
    Chart {
        title,
        says,
        legend,
        across: Axis {
            label: "share of all requests",
            most: 60.0,
            ticks: ticks.map(|(at, text)| (at, text.to_owned())).to_vec(),
        },
        up: Axis::to(most, "milliseconds"),
        shapes,
    }
}

fn cloud<'a>(title: &'a str, says: String, labels: (&'static str, &'static str), points: Vec<(f64, f64)>) -> Chart<'a> {
    let (x, y) = points
        .iter()
        .fold((1.0, 1.0), |(x, y): (f64, f64), point| (x.max(point.0), y.max(point.1)));
    Chart {
        title,
        says,
        legend: &[],
        across: Axis::to(x, labels.0),
        up: Axis::to(y, labels.1),
        shapes: vec![Shape::Even, Shape::Dots(points)],
    }
}

fn quantiles(rows: &[(&str, Quantiles)]) -> String {
    let mut table = String::from(
        "<section><h2>Latencies in milliseconds</h2><div class=\"table\"><table><thead><tr><th>request</th><th>count</th><th>p50</th><th>p90</th><th>p99</th><th>slowest</th></tr></thead><tbody>",
    );
    for (name, row) in rows {
        table.push_str(&format!(
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            safe(name),
            number(row.count as f64),
            number(row.p50),
            number(row.p90),
            number(row.p99),
            number(row.max)
        ));
    }
    table.push_str("</tbody></table></div></section>");
    table
}

fn whole(
    machine: &Machine,
    title: &str,
    (right, words): (bool, String),
    figures: &[(&str, String)],
    charts: &[Chart<'_>],
    more: &str,
    verdict: &Verdict,
) -> String {
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{0} · hawker bench drop</title><style>{STYLE}</style></head><body><main><header><p>hawker bench drop</p><h1>{0}</h1></header>",
        safe(title)
    );
    page.push_str(&format!(
        "<div class=\"verdict{}\"><strong>{}</strong>{}</div>",
        if right { "" } else { " bad" },
        if right {
            "The books agree."
        } else {
            "The books do not agree."
        },
        safe(&words)
    ));
    if !verdict.violations.is_empty() {
        page.push_str("<ul class=\"violations\">");
        for violation in verdict.violations.iter().take(20) {
            page.push_str(&format!("<li>{}</li>", safe(violation)));
        }
        page.push_str("</ul>");
    }
    page.push_str("<dl>");
    for (name, value) in figures {
        page.push_str(&format!("<div><dt>{}</dt><dd>{}</dd></div>", safe(name), safe(value)));
    }
    page.push_str("</dl><div class=\"charts\">");
    charts.iter().for_each(|chart| page.push_str(&chart.html()));
    page.push_str("</div>");
    page.push_str(more);
    page.push_str(&format!(
        "<section><footer>{}. The server and the generator share this machine. The verdict is counted off the database and off the processor's journal after the server has ended; the curves are what buyers saw.</footer></section></main></body></html>\n",
        safe(&machine.text())
    ));
    page
}

fn ms(value: f64) -> String {
    format!("{} ms", number(value))
}

pub fn rush(report: &RushReport) -> String {
    let v = &report.verdict;
    let mut seen = report.seen.clone();
    let last = seen.sold_at.iter().chain(&seen.refused_at).copied().fold(0.0, f64::max);
    let width = step(last / 8.0).max(0.01);
    let a_second = |at: &[f64]| -> Vec<(f64, f64)> {
        counted(at, width)
            .into_iter()
            .map(|(at, count)| (at, count / width))
            .collect()
    };
    let in_line = report.waiting_room > 0;
    let first_come = if in_line {
        "The place in the line and the place of the sale. Dots along the dashed line: whoever was before you bought before you."
    } else {
        "The place of arrival and the place of the sale. Dots along the dashed line: first come, first served. Those far from it took something that came free again, or thought before they paid."
    };
    let mut charts = vec![
        over_time(
            "Answers over time",
            "Orders and definite refusals a second, from the opening on.".into(),
            &["orders", "refusals"],
            "a second",
            vec![a_second(&seen.sold_at), a_second(&seen.refused_at)],
            None,
        ),
        by_share(
            "How long answers took",
            "From sending a request to the last byte of its answer.".into(),
            &["reserve", "pay", "quote"],
            vec![&mut seen.reserves, &mut seen.pays, &mut seen.quotes],
        ),
        cloud(
            "Fairness",
            first_come.into(),
            (
                if in_line {
                    "place in the line"
                } else {
                    "place of arrival"
                },
                "place of the sale",
            ),
            seen.fairness,
        ),
    ];
    let mut figures = vec![
        (
            "units sold",
            format!("{} of {}", number(v.sold as f64), number(f64::from(report.units))),
        ),
        ("oversold", v.oversold.to_string()),
        ("stranded", v.stranded.to_string()),
        ("charged twice", v.double_charged.to_string()),
        ("definite refusals", number(report.refused as f64)),
        ("without a verdict", report.without_verdict.to_string()),
        ("slowest answer to a reservation", ms(report.slowest_answer_ms)),
        ("orders a second", number(report.orders_per_s)),
        (
            "server time an order",
            format!("{} µs", number(report.server_cpu_us_per_order)),
        ),
        (
            "server time a buyer",
            format!("{} µs", number(report.server_cpu_us_per_buyer)),
        ),
        ("server memory, peak", format!("{} MB", number(report.rss_mb))),
        ("asked again after 503", number(report.turned_away as f64)),
    ];
    if let Some(error) = report.estimate_error_pct {
        figures.push(("median error of the estimate", format!("{} %", number(error))));
        charts.push(cloud(
            "What the waiting room said",
            "Seconds a buyer was told they would wait, and did.".into(),
            ("seconds told", "seconds waited"),
            seen.waits,
        ));
    }
    let more = quantiles(&[
        ("quote", report.quote_ms),
        ("reserve", report.reserve_ms),
        ("pay", report.pay_ms),
    ]);
    let title = format!(
        "{} buyers, {} units",
        number(report.buyers as f64),
        number(f64::from(report.units))
    );
    whole(
        &report.machine,
        &title,
        (report.is_right(), report.in_words()),
        &figures,
        &charts,
        &more,
        v,
    )
}

pub fn storm(report: &StormReport) -> String {
    let v = &report.verdict;
    let figures = [
        ("peak, orders a second", number(report.peak_per_s)),
        ("in the burst", number(report.goodput_per_s)),
        (
            "goodput",
            format!("{} % of the peak", number(report.goodput_share * 100.0)),
        ),
        ("normal after", format!("{} s", number(report.seconds_until_normal))),
        ("turned away (503)", number(report.turned_away as f64)),
        ("gave up", number(report.gave_up as f64)),
        ("slowest answer once let in", ms(report.slowest_answer_ms)),
        (
            "server time an order",
            format!("{} µs", number(report.server_cpu_us_per_order)),
        ),
        ("oversold", v.oversold.to_string()),
        ("stranded", v.stranded.to_string()),
        ("charged twice", v.double_charged.to_string()),
        ("server memory, peak", format!("{} MB", number(report.rss_mb))),
    ];
    let charts = [over_time(
        "Orders over time",
        "Orders a second: the peak, the calm before, the burst (shaded), and what followed.".into(),
        &[],
        "orders a second",
        vec![report.seen.orders.clone()],
        Some(report.seen.burst),
    )];
    let more = quantiles(&[
        ("order in the calm", report.calm_ms),
        ("order in the burst", report.burst_ms),
        ("request that was let in", report.admitted_ms),
    ]);
    let title = format!("{} times the peak", number(report.factor));
    whole(
        &report.machine,
        &title,
        (report.is_right(), report.in_words()),
        &figures,
        &charts,
        &more,
        v,
    )
}

pub fn viewers(report: &ViewersReport) -> String {
    let mut latencies = report.latencies.clone();
    let figures = [
        ("viewers", number(report.viewers as f64)),
        ("price steps", report.steps.to_string()),
        ("p99 of a step", ms(report.step_ms.p99)),
        ("missed", report.missed.to_string()),
        ("server memory", format!("{} MB", number(report.rss_mb))),
        ("a viewer", format!("{} kB", number(report.kb_per_viewer))),
        (
            "server time an event",
            format!("{} µs", number(report.server_cpu_us_per_event)),
        ),
    ];
    let charts = [by_share(
        "How long a price step takes to a page",
        "From when the host sends it to when a viewer has it.".into(),
        &[],
        vec![&mut latencies],
    )];
    let more = quantiles(&[("price step", report.step_ms)]);
    let title = format!("{} viewers of one drop", number(report.viewers as f64));
    whole(
        &report.machine,
        &title,
        (report.is_right(), report.in_words()),
        &figures,
        &charts,
        &more,
        &report.verdict,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_round_and_read_at_a_glance() {
        let written = [0.0, 0.25, 7.25, 99.0, 12_345.6].map(number);
        assert_eq!(written, ["0", "0.25", "7.2", "99", "12,346"]);
        assert!((step(97.0) - 25.0).abs() < 1e-9 && (step(0.9) - 0.25).abs() < 1e-9);
    }

    #[test]
    fn whatever_is_drawn_stays_inside_its_frame() {
        let chart = over_time(
            "T",
            "s".into(),
            &[],
            "n",
            vec![vec![(0.0, 1.0), (2.0, 7.0)]],
            Some((0.5, 9.0)),
        );
        for (x, y) in [(-1.0, -1.0), (2.0, 7.0), (99.0, 99.0)] {
            assert!((LEFT..=WIDTH - RIGHT).contains(&chart.x(x)) && (TOP..=HEIGHT - BOTTOM).contains(&chart.y(y)));
        }
        assert!(chart.html().contains("class=\"s1\" d=\"M"));
    }
}
