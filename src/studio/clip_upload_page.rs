//! Bringing a video in. With JavaScript the file travels first, with progress, and the form follows with the media's id; without it the
//! form carries the file itself.

use super::typed::Typed;
use crate::app::App;
use crate::clips::{self, ClipEdit, CreateClip};
use crate::db::LaneKey;
use crate::http::{Form, NewId, Problem as Refused, page, redirect};
use crate::identity::{Creator, Shop, shop};
use crate::kernel::{Error, Kind};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::field::{Choice, Field, Problem, refusable};

use super::frame::{Frame, Section};
use super::languages::languages;

#[derive(Template)]
#[template(path = "studio/clip_upload.html")]
pub struct ClipUploadPage {
    pub frame: Frame,
    pub title: Field,
    pub languages: Vec<Choice>,
    /// The file's name when it was refused, and why; the reason says what to do.
    pub file: Field,
    pub accept: String,
    /// What is taken.
    pub limits: String,
    pub problems: Vec<Problem>,
}

/// What the intake of media takes, in words.
const LIMITS: &str =
    "MP4 with H.264, up to 200 MB and 3 minutes. Vertical (9:16) fills a phone; square and wide work too.";

/// Where the fields of a refusal stand on the page.
const PLACES: [(&str, &str, &str); 3] = [
    ("/title", "title", "Title"),
    ("/media", "file", "The video"),
    ("/language", "language", "Language"),
];

pub async fn show(State(app): State<App>, staff: Creator) -> Result<Response, Refused> {
    let id = staff.shop;
    let shop = app.db.read(move |tx| shop(tx, id)).await?;
    page(&ClipUploadPage::of(&shop, &staff))
}

/// Begins the clip around a video that has arrived, and opens the editor.
pub async fn save(
    State(app): State<App>,
    staff: Creator,
    new_id: NewId,
    Form(typed): Form<Typed>,
) -> Result<Response, Refused> {
    let id = staff.shop;
    let new = ClipEdit {
        title: Some(typed.one("title").into()),
        language: Some(typed.one("language").into()).filter(|language: &String| !language.is_empty()),
        media: Some(typed.one("media").into()),
        poster: Some(typed.one("poster").into()),
        ..ClipEdit::default()
    };
    let arrived = !typed.one("media").is_empty();
    let (outcome, shop) = app
        .db
        .write(LaneKey::of(id), move |tx| {
            let shop = shop(tx, id)?;
            if !arrived {
                return Ok((Err(Error::field("/media", "Choose a video first.")), shop));
            }
            Ok((
                refusable(clips::create(tx, id, &shop.language, new_id.get(), &new))?,
                shop,
            ))
        })
        .await?;
    let error = match outcome {
        Ok(CreateClip::Created(clip)) => return Ok(redirect(&format!("/studio/{}/clips/{}", shop.slug, clip.id))),
        Ok(CreateClip::SlugTaken) => Error::field("/title", "Too many clips have this title. Find another."),
        Err(error) if error.kind == Kind::Invalid => error,
        Err(error) => return Err(error.into()),
    };
    let mut again = ClipUploadPage::of(&shop, &staff);
    again.title = Field::judged(typed.one("title"), &error, "/title");
    again.file = Field::judged("", &error, "/media");
    again.problems = Problem::all(&error, &PLACES);
    page(&again)
}

impl ClipUploadPage {
    fn of(shop: &Shop, staff: &Creator) -> Self {
        Self {
            frame: Frame::of(shop, staff, Section::Clips, "New clip"),
            title: Field::default(),
            languages: languages(&shop.language),
            file: Field::default(),
            accept: "video/mp4".into(),
            limits: LIMITS.into(),
            problems: Vec::new(),
        }
    }

    pub fn sample() -> Self {
        Self {
            frame: Frame::sample(Section::Clips, "New clip"),
            title: Field::default(),
            languages: vec![
                Choice::chosen("en", "English"),
                Choice::new("de", "Deutsch"),
                Choice::new("ar", "العربية"),
            ],
            file: Field::default(),
            accept: "video/mp4".into(),
            limits: "MP4 or WebM, up to 200 MB and 3 minutes. Vertical (9:16) fills a phone; square and wide work too."
                .into(),
            problems: Vec::new(),
        }
    }

    pub fn refused() -> Self {
        let why = "This video is packed as HEVC, which many phones cannot play. Export it again as H.264: on an iPhone choose Settings › Camera › Formats › Most Compatible, then film or share it once more.";
        Self {
            title: Field::of("Three mugs from one lump"),
            file: Field::wrong("IMG_2041.mov", why),
            problems: vec![Problem::new("file", "The video was not taken: it is HEVC, not H.264.")],
            ..Self::sample()
        }
    }
}
