//! Tables as CSV (RFC 4180), for whoever wants the numbers under a picture.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

/// The file of this name: its heads, then its rows.
pub fn csv(name: &str, heads: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Response {
    let mut text = String::new();
    let heads = heads.iter().map(|head| (*head).to_owned()).collect();
    for row in std::iter::once(heads).chain(rows) {
        let cells: Vec<String> = row.iter().map(|cell| quoted(cell)).collect();
        text += &cells.join(",");
        text += "\r\n";
    }
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/csv; charset=utf-8"),
    );
    let file = format!("attachment; filename=\"{name}.csv\"");
    headers.extend(HeaderValue::try_from(file).map(|file| (header::CONTENT_DISPOSITION, file)));
    response
}

/// A cell that stays one cell. What a spreadsheet would run as a formula is made plain text: a clip's title is anybody's words.
fn quoted(cell: &str) -> String {
    let formula =
        cell.starts_with(['=', '+', '@', '\t', '\r']) || (cell.starts_with('-') && cell.parse::<f64>().is_err());
    let cell = if formula { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_cell_stays_one_cell_and_runs_nothing() {
        let cases = [
            ("mug", "mug"),
            ("mug, blue", "\"mug, blue\""),
            ("the \"last\" one", "\"the \"\"last\"\" one\""),
            ("=1+1", "'=1+1"),
            ("-12.50", "-12.50"),
            ("-mug", "'-mug"),
        ];
        for (cell, written) in cases {
            assert_eq!(quoted(cell), written);
        }
    }
}
