//! The one colour a shop may choose, made safe to read.
//!
//! A creator picks any colour; the page needs three: the fill, the text upon it, and the same hue as text on paper, in both themes. Text is
//! moved towards black or white until it keeps 4.5:1 (WCAG 1.4.3), so no choice can make a button unreadable.

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;

use super::front::Front;

/// The shop's own colours; nothing if it keeps ours, because the studio's pages ask without knowing. Its address carries the version of the
/// shop's settings, so it may be kept.
pub async fn show(front: Front) -> Response {
    let sheet = style_sheet(&front.shop.accent).unwrap_or_default();
    let mut response = Response::new(Body::from(sheet));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/css; charset=utf-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400"));
    response
}

const PAPERS: [(Rgb, Rgb); 2] = [
    (Rgb(0xfb, 0xf9, 0xf5), Rgb(0xf1, 0xed, 0xe6)),
    (Rgb(0x12, 0x10, 0x0e), Rgb(0x1d, 0x1a, 0x17)),
];
const WHITE: Rgb = Rgb(255, 255, 255);
const BLACK: Rgb = Rgb(16, 14, 12);
const TEXT_CONTRAST: f64 = 4.5;
const EDGE_CONTRAST: f64 = 3.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rgb(u8, u8, u8);

/// The style sheet served at `/s/{shop}/accent.css`. `None` if `colour` is not `#rrggbb`.
pub fn style_sheet(colour: &str) -> Option<String> {
    let chosen = Rgb::parse(colour)?;
    let [light, dark] = PAPERS.map(|papers| Theme::from(chosen, papers).declarations());
    Some(format!(
        ":root{{{light}}}\n@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"
    ))
}

struct Theme {
    fill: Rgb,
    on_fill: Rgb,
    ink: Rgb,
}

impl Theme {
    /// The fill must stand off the paper, its text off the fill, and the ink off both papers.
    fn from(chosen: Rgb, (paper, paper_2): (Rgb, Rgb)) -> Self {
        let away = if paper.luminance() > 0.5 { BLACK } else { WHITE };
        let fill = chosen.towards(away, |c| {
            contrast(c, paper) >= EDGE_CONTRAST && readable_on(c).is_some()
        });
        let ink = chosen.towards(away, |c| contrast(c, paper).min(contrast(c, paper_2)) >= TEXT_CONTRAST);
        Self {
            fill,
            on_fill: readable_on(fill).unwrap_or(WHITE),
            ink,
        }
    }

    fn declarations(&self) -> String {
        format!(
            "--accent:{};--on-accent:{};--accent-ink:{}",
            self.fill.css(),
            self.on_fill.css(),
            self.ink.css()
        )
    }
}

/// White where it can be read, because it looks lighter on a strong colour; else near-black.
fn readable_on(fill: Rgb) -> Option<Rgb> {
    [WHITE, BLACK]
        .into_iter()
        .find(|text| contrast(*text, fill) >= TEXT_CONTRAST)
}

/// WCAG 2 contrast ratio, 1 to 21.
fn contrast(a: Rgb, b: Rgb) -> f64 {
    let (a, b) = (a.luminance(), b.luminance());
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

impl Rgb {
    fn parse(text: &str) -> Option<Self> {
        let digits = text
            .strip_prefix('#')
            .filter(|d| d.len() == 6 && d.bytes().all(|b| b.is_ascii_hexdigit()))?;
        let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
        Some(Self(byte(0)?, byte(2)?, byte(4)?))
    }

    fn css(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }

    fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let c = f64::from(channel) / 255.0;
            if c <= 0.04045 {
                c / 12.92
            } else {
                ((c + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * linear(self.0) + 0.7152 * linear(self.1) + 0.0722 * linear(self.2)
    }

    /// The first of 64 even steps towards `end` that will do. `end` itself always does.
    fn towards(self, end: Self, will_do: impl Fn(Self) -> bool) -> Self {
        (0..=64)
            .map(|step| self.mixed(end, step))
            .find(|c| will_do(*c))
            .unwrap_or(end)
    }

    fn mixed(self, end: Self, step: u16) -> Self {
        let channel = |from: u8, to: u8| {
            let mixed = (u16::from(from) * (64 - step) + u16::from(to) * step) / 64;
            u8::try_from(mixed).expect("a mean of two bytes is a byte")
        };
        Self(channel(self.0, end.0), channel(self.1, end.1), channel(self.2, end.2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_of_a_coarse_cube_can_be_read() {
        let channel = [0u8, 51, 102, 153, 204, 255];
        for r in channel {
            for g in channel {
                for b in channel {
                    for (paper, paper_2) in PAPERS {
                        let theme = Theme::from(Rgb(r, g, b), (paper, paper_2));
                        assert!(contrast(theme.on_fill, theme.fill) >= 4.5, "text on {r},{g},{b}");
                        assert!(contrast(theme.fill, paper) >= 3.0, "edge of {r},{g},{b}");
                        assert!(
                            contrast(theme.ink, paper) >= 4.5 && contrast(theme.ink, paper_2) >= 4.5,
                            "ink {r},{g},{b}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_readable_choice_is_kept_as_it_is() {
        let sheet = style_sheet("#1f3fd1").expect("a colour");
        assert!(
            sheet.starts_with(":root{--accent:#1f3fd1;--on-accent:#ffffff;--accent-ink:#1f3fd1}"),
            "{sheet}"
        );
    }

    #[test]
    fn only_six_hexadecimal_digits_are_a_colour() {
        for wrong in ["red", "#fff", "#12345g", "1f3fd1", "#1f3fd1;}", "#é12345", ""] {
            assert_eq!(style_sheet(wrong), None, "{wrong}");
        }
    }
}
