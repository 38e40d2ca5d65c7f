//! The strict probe of an MP4: what every browser plays at once from the first bytes, or a refusal that says what to do.

use super::probe::{Probed, Refusal};
use super::sps;
use mp4_atom::{Codec, Decode, FourCC, Moov, Trak};
use std::io::{Read, Seek, SeekFrom};

const MOOV_MAX: u64 = 8 << 20;
const MILLIS: std::ops::RangeInclusive<u64> = 1_000..=180_000;
/// Full HD, upright or lying.
const PIXELS_MAX: u64 = 1920 * 1088;
const SIDE_MIN: u16 = 120;
const SIDE_MAX: u16 = 1920;
const BOXES_MAX: usize = 1_000;

/// Makes nearly anything playable.
const REMAKE: &str = "Remake it with: ffmpeg -i input -t 180 -vf \"scale='min(1080,iw)':-2\" -c:v libx264 -profile:v high -pix_fmt yuv420p -c:a aac -movflags +faststart output.mp4";
const MOVE_INDEX: &str =
    "Move its index to the front, without loss, with: ffmpeg -i input.mp4 -c copy -movflags +faststart output.mp4";

fn refuse(reason: &'static str, detail: impl Into<String>) -> Refusal {
    Refusal {
        reason,
        detail: detail.into(),
        remedy: REMAKE,
    }
}

/// Looks at an MP4 file of `length` bytes.
pub(super) fn probe(file: &mut (impl Read + Seek), length: u64) -> std::io::Result<Result<Probed, Refusal>> {
    let layout = match layout(file, length)? {
        Ok(layout) => layout,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let mut bytes = vec![0; usize::try_from(layout.moov_size).unwrap_or(usize::MAX)];
    file.seek(SeekFrom::Start(layout.moov_at))?;
    file.read_exact(&mut bytes)?;
    // The reader is someone else's code on bytes from outside: should it panic, the file is refused and nothing else happens.
    let read = std::panic::catch_unwind(|| Moov::decode(&mut bytes.as_slice()));
    let Ok(Ok(moov)) = read else {
        return Ok(Err(refuse("unreadable", "The index of this video cannot be read.")));
    };
    Ok(judge(&moov, length))
}

struct Layout {
    moov_at: u64,
    moov_size: u64,
}

/// Walks the boxes of the file: they fill it exactly, the index comes before the pictures, and nothing is fragmented.
fn layout(file: &mut (impl Read + Seek), length: u64) -> std::io::Result<Result<Layout, Refusal>> {
    let mut at = 0;
    let mut moov = None;
    let mut mdat = None;
    for number in 0.. {
        if at == length {
            break;
        }
        let mut header = [0u8; 16];
        let there = usize::try_from((length - at).min(16)).unwrap_or(16);
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut header[..there])?;
        let Some((kind, size)) = box_header(&header[..there], length - at) else {
            return Ok(Err(refuse(
                "truncated",
                "This file ends in the middle: the upload or the recording was cut off.",
            )));
        };
        match &kind {
            b"moov" if size > MOOV_MAX => {
                return Ok(Err(refuse("unreadable", "The index of this video is too large.")));
            }
            b"moov" => moov = Some((at, size)),
            b"mdat" => mdat = mdat.or(Some(at)),
            b"moof" => {
                return Ok(Err(refuse(
                    "fragmented",
                    "This video is fragmented, which needs a player of its own.",
                )));
            }
            _ => {}
        }
        at += size;
        if number > BOXES_MAX {
            return Ok(Err(refuse("unreadable", "This file has too many parts.")));
        }
    }
    Ok(match (moov, mdat) {
        (None, _) => Err(refuse(
            "unreadable",
            "This file has no index (moov): it is no complete MP4.",
        )),
        (_, None) => Err(refuse("no_pictures", "This file has an index and no pictures.")),
        (Some((moov_at, _)), Some(mdat_at)) if moov_at > mdat_at => Err(Refusal {
            reason: "not_faststart",
            detail: "The index stands at the end, so viewers would wait for the whole file.".into(),
            remedy: MOVE_INDEX,
        }),
        (Some((moov_at, moov_size)), Some(_)) => Ok(Layout { moov_at, moov_size }),
    })
}

/// Kind and whole size of a box; `None` when it does not fit into what is left.
fn box_header(header: &[u8], left: u64) -> Option<([u8; 4], u64)> {
    let kind: [u8; 4] = header.get(4..8)?.try_into().ok()?;
    let size = match u32::from_be_bytes(header.get(..4)?.try_into().ok()?) {
        0 => left, // Goes on to the end of the file.
        1 => u64::from_be_bytes(header.get(8..16)?.try_into().ok()?),
        size => u64::from(size),
    };
    (size >= 8 && size <= left).then_some((kind, size))
}

fn judge(moov: &Moov, length: u64) -> Result<Probed, Refusal> {
    if moov.mvex.is_some() {
        return Err(refuse(
            "fragmented",
            "This video is fragmented, which needs a player of its own.",
        ));
    }
    let of = |handler: &[u8; 4]| -> Vec<&Trak> {
        moov.trak
            .iter()
            .filter(|track| track.mdia.hdlr.handler == FourCC::new(handler))
            .collect()
    };
    let (pictures, sound) = (of(b"vide"), of(b"soun"));
    let [track] = pictures[..] else {
        let count = pictures.len();
        return Err(refuse(
            "tracks",
            format!("A clip has exactly one video track; this file has {count}."),
        ));
    };
    if sound.len() > 1 {
        return Err(refuse(
            "tracks",
            format!("A clip has at most one sound track; this file has {}.", sound.len()),
        ));
    }
    let (width, height) = picture(track)?;
    sound.into_iter().try_for_each(aac)?;
    let duration_ms = duration(track)?;
    if !moov.trak.iter().all(|track| inside(track, length)) {
        return Err(refuse(
            "truncated",
            "The index names pictures beyond the end of the file: it was cut off.",
        ));
    }
    Ok(Probed {
        content_type: "video/mp4",
        extension: "mp4",
        width,
        height,
        duration_ms,
    })
}

/// Progressive 8-bit 4:2:0 H.264 within the limits; its size as shown.
fn picture(track: &Trak) -> Result<(u32, u32), Refusal> {
    let [Codec::Avc1(video)] = &track.mdia.minf.stbl.stsd.codecs[..] else {
        return Err(refuse(
            "video_codec",
            "The pictures are not H.264, which is what every browser plays.",
        ));
    };
    let Some(sps) = video
        .avcc
        .sequence_parameter_sets
        .first()
        .and_then(|set| sps::read(set))
    else {
        return Err(refuse("video_codec", "The H.264 header cannot be read."));
    };
    if !matches!(sps.profile, 66 | 77 | 88 | 100) || sps.chroma_format != 1 || sps.bit_depth != 8 {
        return Err(refuse(
            "video_profile",
            "The pictures use more than 8 bits or another colour format than 4:2:0.",
        ));
    }
    if !sps.progressive || video.fiel.as_ref().is_some_and(|fields| fields.field_count > 1) {
        return Err(refuse(
            "interlaced",
            "The pictures are interlaced: every second line of another moment.",
        ));
    }
    let (width, height) = (video.visual.width, video.visual.height);
    if width.min(height) < SIDE_MIN || width.max(height) > SIDE_MAX || u64::from(width) * u64::from(height) > PIXELS_MAX
    {
        let detail =
            format!("The picture is {width} × {height}; a clip has at least 120 and at most 1920 points a side.");
        return Err(refuse("dimensions", detail));
    }
    // A phone held upright records lying pictures and a quarter turn.
    let matrix = &track.tkhd.matrix;
    let turned = matrix.a == 0 && matrix.d == 0 && matrix.b != 0;
    let (width, height) = (u32::from(width), u32::from(height));
    Ok(if turned { (height, width) } else { (width, height) })
}

fn aac(track: &Trak) -> Result<(), Refusal> {
    /// MPEG-4 audio and MPEG-2 AAC, as ISO/IEC 14496-1 numbers them.
    const AAC: [u8; 4] = [0x40, 0x66, 0x67, 0x68];
    match &track.mdia.minf.stbl.stsd.codecs[..] {
        [Codec::Mp4a(audio)] if AAC.contains(&audio.esds.es_desc.dec_config.object_type_indication) => Ok(()),
        _ => Err(refuse(
            "audio_codec",
            "The sound is not AAC, which is what every browser plays.",
        )),
    }
}

fn duration(track: &Trak) -> Result<u64, Refusal> {
    let header = &track.mdia.mdhd;
    let millis = header
        .duration
        .saturating_mul(1000)
        .checked_div(u64::from(header.timescale))
        .unwrap_or(0);
    if MILLIS.contains(&millis) {
        return Ok(millis);
    }
    let (whole, part) = (millis / 1000, millis % 1000 / 100);
    Err(refuse(
        "duration",
        format!("This video lasts {whole}.{part} seconds; a clip lasts 1 to 180."),
    ))
}

/// Whether every chunk begins inside the file.
fn inside(track: &Trak, length: u64) -> bool {
    let table = &track.mdia.minf.stbl;
    let short = table
        .stco
        .iter()
        .flat_map(|table| table.entries.iter().map(|at| u64::from(*at)));
    let long = table.co64.iter().flat_map(|table| table.entries.iter().copied());
    let mut chunks = short.chain(long).peekable();
    chunks.peek().is_some() && chunks.all(|at| at < length)
}
