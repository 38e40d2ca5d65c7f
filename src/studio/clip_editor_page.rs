//! The clip editor: the clip, its timeline and its cards.
//!
//! One form per anchor and one for the clip itself, each with the clip's version; the button's `do` says what it asks for. With JavaScript
//! the timeline writes into these same fields and each form saves itself.

use askama::Template;

use super::chart::{Band, Retention};
use super::field::{Choice, Field, Problem};
use super::frame::{Chip, Frame, Section, Tone, When};

/// The film under the timeline.
pub struct Media {
    pub src: String,
    pub kind: String,
    pub width: u32,
    pub height: u32,
    pub duration_ms: u64,
    pub poster: String,
    /// One frame, for nudging; from the file's own frame rate.
    pub frame_ms: u32,
}

/// What a card says in one language.
pub struct Copy {
    pub lang: String,
    pub lang_name: String,
    pub dir: &'static str,
    pub title: Field,
    pub text: Field,
    pub label: Field,
}

/// One anchor as it is edited.
pub struct AnchorForm {
    pub id: String,
    /// What a person calls it: the product's name or the ask.
    pub name: String,
    pub kinds: Vec<Choice>,
    pub start: Field,
    pub end: Field,
    pub start_ms: u64,
    pub end_ms: u64,
    pub products: Vec<Choice>,
    pub picture: Option<String>,
    pub price: String,
    pub left: String,
    pub copies: Vec<Copy>,
    /// "512 taps, 11.2 % of its viewers"; empty before it was ever live.
    pub taps: String,
}

impl Copy {
    /// A card without a title, or with a title and no words on its button, is not ready for viewers of this language.
    pub fn is_missing(&self) -> bool {
        self.title.value.is_empty() || self.label.value.is_empty()
    }
}

impl Media {
    /// The length as the player shows it.
    pub fn length(&self) -> String {
        format!(
            "{}:{:02}.{:02}",
            self.duration_ms / 60_000,
            self.duration_ms / 1000 % 60,
            self.duration_ms % 1000 / 10
        )
    }
}

impl AnchorForm {
    /// Ids of the inputs, so that labels and the summary of a refused form find them.
    pub fn kind_id(&self) -> String {
        format!("{}-kind", self.id)
    }

    pub fn product_id(&self) -> String {
        format!("{}-product", self.id)
    }

    pub fn start_id(&self) -> String {
        format!("{}-start", self.id)
    }

    pub fn end_id(&self) -> String {
        format!("{}-end", self.id)
    }
}

/// One line of what publishing will change.
pub struct Difference {
    pub what: String,
    pub before: String,
    pub after: String,
}

/// What the public sees now and what it would see.
pub enum Publication {
    /// Never published, or taken down.
    Private {
        changes: Vec<Difference>,
    },
    Live {
        since: When,
        changes: Vec<Difference>,
    },
}

#[derive(Template)]
#[template(path = "studio/clip_editor.html")]
pub struct ClipEditorPage {
    pub frame: Frame,
    pub version: u32,
    pub state: Chip,
    pub title: Field,
    pub description: Field,
    pub slug: String,
    pub languages: Vec<Choice>,
    pub page_url: String,
    pub preview_url: String,
    pub media: Media,
    pub anchors: Vec<AnchorForm>,
    pub publication: Publication,
    /// Why it cannot be published yet; empty when it can.
    pub missing: Vec<String>,
    pub retention: Option<Retention>,
    pub retention_csv: String,
    pub audience_link: String,
    pub problems: Vec<Problem>,
}

impl ClipEditorPage {
    /// The curve's table, a row every second.
    pub fn retention_rows(&self) -> Vec<(usize, u32)> {
        self.retention
            .iter()
            .flat_map(|curve| curve.per_mille.iter().map(|value| value.div_ceil(10)).enumerate())
            .collect()
    }

    pub fn sample() -> Self {
        let card = AnchorForm {
            id: "anc_01jd3w0a1b2c3d4e5f6g7h8j9k".into(),
            name: "Ash glaze mug".into(),
            kinds: sample_kinds("product_card"),
            start: Field::of("4.20"),
            end: Field::of("10.60"),
            start_ms: 4200,
            end_ms: 10_600,
            products: sample_products("var_mug_ash"),
            picture: Some("/media/sample-mug.jpg".into()),
            price: "€28.00".into(),
            left: "3 left, 2 in checkouts".into(),
            copies: vec![
                sample_copy(
                    "en",
                    ["Ash glaze mug", "Thrown from the lump you just saw.", "Get this mug"],
                ),
                sample_copy(
                    "de",
                    [
                        "Becher mit Ascheglasur",
                        "Aus dem Klumpen gedreht, den du eben gesehen hast.",
                        "Becher holen",
                    ],
                ),
                sample_copy(
                    "ar",
                    ["كوب بطلاء الرماد", "صُنع من القطعة التي شاهدتها الآن.", "اطلب الكوب"],
                ),
            ],
            taps: "539 taps, 11.2 % of its viewers".into(),
        };
        let ask = AnchorForm {
            id: "anc_01jd3w0a1b2c3d4e5f6g7h8j9m".into(),
            name: "Ask: tell me when it is back".into(),
            kinds: sample_kinds("ask"),
            start: Field::of("14.00"),
            end: Field::of("17.80"),
            start_ms: 14_000,
            end_ms: 17_800,
            products: sample_products(""),
            picture: None,
            price: String::new(),
            left: String::new(),
            copies: vec![
                sample_copy(
                    "en",
                    [
                        "The next kiln opens on 4 December",
                        "I will write once, to you, that morning.",
                        "Tell me",
                    ],
                ),
                sample_copy(
                    "de",
                    [
                        "Der nächste Brand kommt am 4. Dezember",
                        "Ich schreibe dir einmal, an dem Morgen.",
                        "Sag mir Bescheid",
                    ],
                ),
                sample_copy(
                    "ar",
                    ["الفرن القادم يُفتح في ٤ ديسمبر", "سأكتب لك مرة واحدة في ذلك الصباح.", ""],
                ),
            ],
            taps: "208 taps, 4.3 % of its viewers".into(),
        };
        Self {
            frame: Frame::sample(Section::Clips, "Three mugs from one lump"),
            version: 7,
            state: Chip::new(Tone::Warn, "Live, changed"),
            title: Field::of("Three mugs from one lump"),
            description: Field::of("Two kilos of stoneware, one wheel, no cuts. The third mug is the one I keep."),
            slug: "three-mugs-from-one-lump".into(),
            languages: vec![
                Choice::chosen("en", "English"),
                Choice::new("de", "Deutsch"),
                Choice::new("ar", "العربية"),
            ],
            page_url: "/s/nour/clips/three-mugs-from-one-lump".into(),
            preview_url: "/s/nour/clips/three-mugs-from-one-lump?preview=7".into(),
            media: sample_media(),
            anchors: vec![card, ask],
            publication: Publication::Live {
                since: When::new("3 days ago", "18 November 2026, 18:02", "2026-11-18T18:02:00Z"),
                changes: vec![
                    Difference {
                        what: "Ash glaze mug appears".into(),
                        before: "at 0:05.0".into(),
                        after: "at 0:04.2".into(),
                    },
                    Difference {
                        what: "Button in Deutsch".into(),
                        before: "Kaufen".into(),
                        after: "Becher holen".into(),
                    },
                    Difference {
                        what: "Ask: tell me when it is back".into(),
                        before: "not there".into(),
                        after: "0:14.0 to 0:17.8".into(),
                    },
                ],
            },
            missing: Vec::new(),
            retention: Some(sample_retention()),
            retention_csv: "/studio/nour/audience/clp_01jd3v8k2m7q9x4r5t6w8y0z1a/retention.csv".into(),
            audience_link: "/studio/nour/audience/clp_01jd3v8k2m7q9x4r5t6w8y0z1a".into(),
            problems: Vec::new(),
        }
    }

    /// Just uploaded: no anchor, no audience, and the page says what to do first.
    pub fn empty() -> Self {
        Self {
            version: 1,
            state: Chip::new(Tone::Quiet, "Draft"),
            anchors: Vec::new(),
            publication: Publication::Private { changes: Vec::new() },
            missing: vec!["Put at least one anchor on the clip, so that there is something to tap.".into()],
            retention: None,
            ..Self::sample()
        }
    }

    pub fn refused() -> Self {
        let mut page = Self::sample();
        page.anchors[0].end = Field::wrong(
            "3.10",
            "The card would end before it starts (4.20). Choose an end after 4.20.",
        );
        page.problems = vec![Problem::new(
            "anc_01jd3w0a1b2c3d4e5f6g7h8j9k-end",
            "Ash glaze mug: the end lies before the start.",
        )];
        page
    }
}

fn sample_kinds(chosen: &str) -> Vec<Choice> {
    let kinds = [
        ("product_card", "Product card"),
        ("buy_button", "Buy button"),
        ("ask", "Ask"),
        ("mark", "Mark in the story"),
        ("proof", "Proof"),
    ];
    kinds
        .into_iter()
        .map(|(value, label)| Choice {
            chosen: value == chosen,
            ..Choice::new(value, label)
        })
        .collect()
}

fn sample_products(chosen: &str) -> Vec<Choice> {
    let products = [
        ("", "No product"),
        ("var_mug_ash", "Ash glaze mug, 300 ml · €28.00"),
        ("var_mug_blue", "Ash glaze mug, 450 ml · €34.00"),
        ("var_strainer", "Tea strainer · €14.00"),
        ("var_bowl", "Salad bowl · €38.00"),
    ];
    products
        .into_iter()
        .map(|(value, label)| Choice {
            chosen: value == chosen,
            ..Choice::new(value, label)
        })
        .collect()
}

fn sample_copy(lang: &str, words: [&str; 3]) -> Copy {
    let (lang_name, dir) = match lang {
        "de" => ("Deutsch", "ltr"),
        "ar" => ("العربية", "rtl"),
        _ => ("English", "ltr"),
    };
    Copy {
        lang: lang.into(),
        lang_name: lang_name.into(),
        dir,
        title: Field::of(words[0]),
        text: Field::of(words[1]),
        label: Field::of(words[2]),
    }
}

fn sample_media() -> Media {
    Media {
        src: "/media/sample-clip.mp4".into(),
        kind: "video/mp4".into(),
        width: 720,
        height: 1280,
        duration_ms: 24_000,
        poster: "/media/sample-mug.jpg".into(),
        frame_ms: 40,
    }
}

/// The curve of the sample clip, for this page and the clip's own audience page.
pub fn sample_retention() -> Retention {
    Retention {
        title: "Viewers still watching, second by second: 100 % at the start, 61 % at the mug, 38 % at the end".into(),
        duration_ms: 24_000,
        per_mille: vec![
            1000, 912, 848, 801, 776, 768, 765, 771, 758, 731, 702, 671, 640, 618, 607, 611, 604, 588, 561, 529, 498,
            462, 431, 402, 381,
        ],
        bands: vec![
            Band {
                label: "Ash glaze mug, 0:04.2 to 0:10.6".into(),
                start_ms: 4200,
                end_ms: 10_600,
            },
            Band {
                label: "Ask: tell me when it is back, 0:14.0 to 0:17.8".into(),
                start_ms: 14_000,
                end_ms: 17_800,
            },
        ],
    }
}
