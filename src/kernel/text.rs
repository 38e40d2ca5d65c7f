//! Text that people type: trimmed, bounded, without control characters; and the part of an address made from it.

use super::{Error, Result};

/// One line of text, 1 to `most` characters after trimming. `pointer` names the field in a refusal.
pub fn line(pointer: &'static str, text: &str, most: usize) -> Result<String> {
    let text = optional_line(pointer, text, most)?;
    if text.is_empty() {
        return Err(Error::field(pointer, "This must not be empty."));
    }
    Ok(text)
}

/// As [`line`], and may be empty.
pub fn optional_line(pointer: &'static str, text: &str, most: usize) -> Result<String> {
    if text.chars().any(|c| c.is_control()) {
        return Err(Error::field(
            pointer,
            "This must be one line without control characters.",
        ));
    }
    bounded(pointer, text.trim(), most)
}

/// Paragraphs: line breaks and tabs are welcome; at most `most` characters; may be empty.
pub fn paragraphs(pointer: &'static str, text: &str, most: usize) -> Result<String> {
    let text = text.replace("\r\n", "\n");
    if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        return Err(Error::field(pointer, "This must not contain control characters."));
    }
    bounded(pointer, text.trim(), most)
}

fn bounded(pointer: &'static str, text: &str, most: usize) -> Result<String> {
    if text.chars().count() > most {
        return Err(Error::field(
            pointer,
            format!("This may have at most {most} characters."),
        ));
    }
    Ok(text.to_owned())
}

/// The longest part of an address we make or take.
pub const SLUG_MAX: usize = 60;

/// A part of an address as it was typed: small letters, digits and single hyphens.
pub fn slug(pointer: &'static str, text: &str) -> Result<String> {
    let letters = text
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    let hyphens = text.starts_with('-') || text.ends_with('-') || text.contains("--");
    if text.is_empty() || text.len() > SLUG_MAX || !letters || hyphens {
        let rule = "Use small letters a to z, digits and single hyphens between them, 60 characters at most.";
        return Err(Error::field(pointer, rule));
    }
    Ok(text.to_owned())
}

/// A part of an address made from a title: `Glaze Day, Nº 3` becomes `glaze-day-n-3`. `fallback` stands in when nothing is left.
pub fn slug_of(title: &str, fallback: &str) -> String {
    let mut slug = String::with_capacity(title.len());
    for c in title.chars().flat_map(char::to_lowercase) {
        match plain(c) {
            Some(letters) => slug.push_str(letters),
            None if c.is_ascii_alphanumeric() => slug.push(c),
            None if slug.ends_with('-') || slug.is_empty() => {}
            None => slug.push('-'),
        }
    }
    slug.truncate(SLUG_MAX - 4); // Room for a number when the address is taken.
    let slug = slug.trim_matches('-');
    if slug.is_empty() {
        fallback.to_owned()
    } else {
        slug.to_owned()
    }
}

/// The usual Latin letters with marks, written without them.
fn plain(c: char) -> Option<&'static str> {
    Some(match c {
        'à' | 'á' | 'â' | 'ã' | 'å' | 'ā' | 'ă' | 'ą' => "a",
        'ä' | 'æ' => "ae",
        'ç' | 'ć' | 'č' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ę' | 'ě' => "e",
        'ğ' => "g",
        'ì' | 'í' | 'î' | 'ï' | 'ī' | 'ı' => "i",
        'ł' => "l",
        'ñ' | 'ń' | 'ň' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ō' | 'ő' => "o",
        'ö' | 'ø' | 'œ' => "oe",
        'ř' => "r",
        'ś' | 'š' | 'ş' | 'ș' => "s",
        'ß' => "ss",
        'ť' | 'ț' => "t",
        'ù' | 'ú' | 'û' | 'ū' | 'ű' | 'ů' => "u",
        'ü' => "ue",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        '\'' | '’' => "",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_made_from_titles() {
        for (title, slug) in [
            ("Glaze day", "glaze-day"),
            ("  Ebb mug, Nº 3! ", "ebb-mug-n-3"),
            ("Töpferglück & Söhne", "toepferglueck-soehne"),
            ("Mira's jug", "miras-jug"),
            ("日本", "thing"),
        ] {
            assert_eq!(slug_of(title, "thing"), slug);
        }
        assert!(slug_of(&"long ".repeat(40), "thing").len() <= SLUG_MAX - 4);
    }

    #[test]
    fn typed_addresses_and_lines_have_rules() {
        assert!(slug("/slug", "ebb-mug-3").is_ok());
        for bad in ["", "-a", "a-", "a--b", "A", "ä", "a b", &"a".repeat(61)] {
            assert!(slug("/slug", bad).is_err(), "{bad}");
        }
        assert_eq!(line("/title", "  Mug ", 10).unwrap(), "Mug");
        for bad in ["", "   ", "a\nb", "12345678901"] {
            assert!(line("/title", bad, 10).is_err(), "{bad:?}");
        }
        assert_eq!(paragraphs("/text", "a\r\nb", 10).unwrap(), "a\nb");
        assert!(paragraphs("/text", "a\u{0}b", 10).is_err());
    }
}
