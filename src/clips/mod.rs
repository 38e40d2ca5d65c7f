//! Media, clips, their timed anchors, and the versions that were published.
//!
//! Tables: media, clips, anchors, clip_versions.
//! Facts published: none.
//! Always true: a published version never changes, whatever happens to the draft, the media or the products; media is named by the hash of
//! its bytes and taken only after a strict probe; an anchor lies inside its clip and points at a variant of the same shop; every change of a
//! clip or its anchors raises the draft's version.
//! It deliberately does not re-encode: what a browser could not play everywhere is refused, with the command that makes it playable.

mod anchors;
pub mod api;
mod captions;
mod draft;
mod intake;
pub mod media_api;
mod model;
mod mp4;
mod poster;
mod probe;
mod publish;
mod sps;
mod store;
mod transcript;
mod vtt;

#[cfg(test)]
mod tests;

pub use anchors::{EditAnchor, add_anchor, edit_anchor, remove_anchor};
pub use captions::{Cue, cues};
pub use draft::{CreateClip, EditClip, create, edit};
pub use intake::{Intake, clear_incoming, intake, keep_drawing, media_file};
pub use model::*;
pub use poster::frame;
pub use probe::Refusal;
pub use publish::{Publish, Unpublish, publish, unpublish};
pub use store::{
    anchors, find, find_by_slug, is_published, list, list_published, media, published, published_by_slug, version,
    versions,
};
pub use transcript::transcript;
pub use vtt::{AnchorCue, anchors_vtt};
