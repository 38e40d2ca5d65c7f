//! Bringing a video in. With JavaScript the file travels first, with progress, and the form follows with the media's id; without it the
//! form carries the file itself.

use askama::Template;

use super::field::{Choice, Field, Problem};
use super::frame::{Frame, Section};

#[derive(Template)]
#[template(path = "studio/clip_upload.html")]
pub struct ClipUploadPage {
    pub frame: Frame,
    pub title: Field,
    pub languages: Vec<Choice>,
    /// The file's name when it was refused, and why; the reason says what to do.
    pub file: Field,
    pub accept: String,
    /// "MP4 or WebM, up to 500 MB and 3 minutes".
    pub limits: String,
    pub problems: Vec<Problem>,
}

impl ClipUploadPage {
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
            accept: "video/mp4,video/webm".into(),
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
