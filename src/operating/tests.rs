//! Pages render with samples; encodings are read as the standard says.

use super::assets::accepts_gzip;
use super::{ProblemPage, ReferencePage};
use askama::Template;

#[test]
fn pages_render_with_their_samples() {
    let reference = ReferencePage::sample().render().unwrap();
    for expected in ["/v1/shop", "schema-Shop", "list of string", "expand"] {
        assert!(reference.contains(expected), "{expected} is missing");
    }
    assert!(
        ProblemPage::sample()
            .render()
            .unwrap()
            .contains("There is no such clip.")
    );
}

#[test]
fn a_coding_with_weight_zero_is_refused() {
    let cases = [
        ("gzip", true),
        ("br, gzip;q=0.5", true),
        ("gzip;q=0", false),
        ("gzip; q=0.0", false),
        ("br", false),
        ("*", true),
        ("", false),
    ];
    for (header, expected) in cases {
        assert_eq!(accepts_gzip(header), expected, "{header}");
    }
}
