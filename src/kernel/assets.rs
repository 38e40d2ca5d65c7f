//! Pictures, styles and scripts that are part of the program: embedded, pre-compressed, and named by one hash over all of them.
//!
//! One hash for the whole set keeps relative imports between modules working while every URL may be cached for ever.

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// One embedded file.
pub struct Asset {
    /// Path in the repository, such as `web/css/tokens.css`.
    pub path: &'static str,
    pub content_type: &'static str,
    pub bytes: &'static [u8],
    /// The same, gzipped.
    pub gzip: &'static [u8],
    url: &'static str,
}

/// The address of an embedded file. Panics on a path that does not exist: a page's sample test renders every template.
pub fn url(path: &str) -> &'static str {
    match find(path) {
        Some(asset) => asset.url,
        None => panic!("no asset is named {path}"),
    }
}

/// The file at a repository path.
pub fn find(path: &str) -> Option<&'static Asset> {
    ASSETS
        .binary_search_by(|asset| asset.path.cmp(path))
        .ok()
        .map(|index| &ASSETS[index])
}
