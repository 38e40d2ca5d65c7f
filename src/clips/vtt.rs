//! A clip's anchors as a WebVTT metadata track: any player can read them, one cue an anchor.

use crate::kernel::AnchorId;
use std::fmt::Write;

/// One anchor on the wire: its span, and its payload as JSON.
pub struct AnchorCue {
    pub id: AnchorId,
    pub start_ms: i64,
    pub end_ms: i64,
    pub json: String,
}

/// Writes the track. The payload stays on one line, and what would end a cue or look like a time line is escaped inside the JSON.
pub fn anchors_vtt(cues: &[AnchorCue]) -> String {
    let mut track = String::from("WEBVTT\n");
    for AnchorCue {
        id,
        start_ms,
        end_ms,
        json,
    } in cues
    {
        let payload = json.replace("-->", "--\\u003e").replace(['\n', '\r'], " ");
        write!(
            track,
            "\n{id}\n{} --> {}\n{payload}\n",
            clock(*start_ms),
            clock(*end_ms)
        )
        .expect("text is writable");
    }
    track
}

fn clock(millis: i64) -> String {
    let (seconds, rest) = (millis.div_euclid(1000), millis.rem_euclid(1000));
    format!(
        "{:02}:{:02}:{:02}.{rest:03}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}
