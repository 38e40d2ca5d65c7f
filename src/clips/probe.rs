//! What an uploaded file is, by its own bytes: never by its name or by what the sender calls it.

use super::{captions, mp4};
use crate::kernel::{Error, Result};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

/// What was found out about a file that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Probed {
    pub content_type: &'static str,
    pub extension: &'static str,
    pub width: u32,
    pub height: u32,
    pub duration_ms: u64,
}

/// Why a file is not taken, and what makes it acceptable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Stable: `not_faststart`, `video_codec`, `duration` …
    pub reason: &'static str,
    pub detail: String,
    pub remedy: &'static str,
}

/// What kind of file begins like this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Video,
    Picture,
    Captions,
    Unknown,
}

/// Bytes from the start that decide.
pub(super) const MAGIC: usize = 16;

pub(super) const VIDEO_MAX: u64 = 200 << 20;
pub(super) const PICTURE_MAX: u64 = 10 << 20;
pub(super) const CAPTIONS_MAX: u64 = 1 << 20;

const PICTURE_SIDES: std::ops::RangeInclusive<usize> = 16..=6000;

impl Kind {
    pub(super) fn of(start: &[u8]) -> Self {
        let start_after_mark = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
        if start.get(4..8) == Some(b"ftyp") {
            Self::Video
        } else if start.starts_with(b"\x89PNG\r\n\x1a\n")
            || start.starts_with(b"\xff\xd8\xff")
            || (start.starts_with(b"RIFF") && start.get(8..12) == Some(b"WEBP"))
        {
            Self::Picture
        } else if start_after_mark.starts_with(b"WEBVTT") {
            Self::Captions
        } else {
            Self::Unknown
        }
    }

    pub(super) fn bytes_max(self) -> u64 {
        match self {
            Self::Video => VIDEO_MAX,
            Self::Picture => PICTURE_MAX,
            Self::Captions | Self::Unknown => CAPTIONS_MAX,
        }
    }
}

/// Looks at a complete file of the kind its first bytes told.
pub(super) fn probe(file: &mut File, kind: Kind, length: u64) -> Result<Result<Probed, Refusal>> {
    let failed = |error: std::io::Error| Error::internal("an upload cannot be read back").because(error);
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    match kind {
        Kind::Video => mp4::probe(file, length).map_err(failed),
        Kind::Picture => picture(&whole(file).map_err(failed)?),
        Kind::Captions => Ok(captions::cues(&whole(file).map_err(failed)?).map(|_| Probed {
            content_type: "text/vtt; charset=utf-8",
            extension: "vtt",
            width: 0,
            height: 0,
            duration_ms: 0,
        })),
        Kind::Unknown => Ok(Err(unknown())),
    }
}

fn whole(file: &mut File) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map(|_| bytes)
}

/// A file of no kind we take.
pub(super) fn unknown() -> Refusal {
    Refusal {
        reason: "unknown_type",
        detail: "This is neither an MP4 video, nor a PNG, JPEG or WebP picture, nor WebVTT captions.".into(),
        remedy: "For a video: ffmpeg -i input -c:v libx264 -pix_fmt yuv420p -c:a aac -movflags +faststart output.mp4",
    }
}

fn picture(bytes: &[u8]) -> Result<Result<Probed, Refusal>> {
    let refuse = |reason, detail: String| {
        Ok(Err(Refusal {
            reason,
            detail,
            remedy: "Save it again as PNG, JPEG or WebP, 16 to 6000 points a side.",
        }))
    };
    let (content_type, extension) = match bytes {
        [0x89, ..] => ("image/png", "png"),
        [0xff, ..] => ("image/jpeg", "jpg"),
        _ => ("image/webp", "webp"),
    };
    let Ok(size) = imagesize::blob_size(bytes) else {
        return refuse("unreadable", "The header of this picture cannot be read.".into());
    };
    if !PICTURE_SIDES.contains(&size.width) || !PICTURE_SIDES.contains(&size.height) {
        return refuse(
            "dimensions",
            format!("The picture is {} × {} points.", size.width, size.height),
        );
    }
    let ends = match extension {
        "png" => bytes.ends_with(b"IEND\xaeB`\x82"),
        "jpg" => bytes.ends_with(b"\xff\xd9"),
        _ => bytes.get(4..8).is_some_and(|size| {
            u64::from(u32::from_le_bytes([size[0], size[1], size[2], size[3]])) + 8 <= bytes.len() as u64
        }),
    };
    if !ends {
        return refuse(
            "truncated",
            "This picture ends in the middle: the upload was cut off.".into(),
        );
    }
    let side = |points: usize| u32::try_from(points).unwrap_or(u32::MAX);
    Ok(Ok(Probed {
        content_type,
        extension,
        width: side(size.width),
        height: side(size.height),
        duration_ms: 0,
    }))
}
