//! Rules of clips, anchors and media.
