//! What is said in a clip, for people who read: the captions of one language as lines.

use super::captions::{Cue, cues};
use super::intake::media_file;
use super::model::Snapshot;
use crate::app::App;

/// The lines of the captions in `language`, else in the clip's own, else in the first there are. Empty without captions.
pub async fn transcript(app: &App, clip: &Snapshot, language: &str) -> Vec<Cue> {
    let in_language = |wanted: &str| clip.captions.iter().find(|caption| caption.lang == wanted);
    let Some(captions) = in_language(language)
        .or_else(|| in_language(&clip.language))
        .or(clip.captions.first())
    else {
        return Vec::new();
    };
    match tokio::fs::read(media_file(app, &captions.hash, "vtt")).await {
        // It was read once before it was taken.
        Ok(bytes) => cues(&bytes).unwrap_or_default(),
        Err(error) => {
            tracing::warn!(%error, hash = captions.hash, "captions are missing from the media folder");
            Vec::new()
        }
    }
}
