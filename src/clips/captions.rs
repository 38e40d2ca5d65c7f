//! WebVTT captions as viewers upload them: read strictly, so that a player never meets a broken file.

use super::probe::Refusal;

/// One caption: what is said, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cue {
    pub start_ms: i64,
    pub end_ms: i64,
    /// Without mark-up, on one line.
    pub text: String,
}

fn refuse(line: usize, detail: &str) -> Refusal {
    Refusal {
        reason: "captions",
        detail: format!("Line {}: {detail}", line + 1),
        remedy: "A WebVTT file begins with WEBVTT and has cues such as: 00:01.000 --> 00:03.500, then a line of text, then an empty line.",
    }
}

/// Reads a WebVTT file. Refused: another encoding than UTF-8, a missing header, times that cannot be read or run backwards, no cue at all.
pub fn cues(bytes: &[u8]) -> Result<Vec<Cue>, Refusal> {
    let text = std::str::from_utf8(bytes).map_err(|_| refuse(0, "the file is not UTF-8"))?;
    let text = text
        .strip_prefix('\u{feff}')
        .unwrap_or(text)
        .replace("\r\n", "\n")
        .replace('\r', "\n");
    let mut lines = text.split('\n').enumerate().peekable();
    let header = lines.next().map_or("", |(_, line)| line);
    if header
        .strip_prefix("WEBVTT")
        .is_none_or(|rest| !(rest.is_empty() || rest.starts_with([' ', '\t'])))
    {
        return Err(refuse(0, "the file must begin with WEBVTT"));
    }
    let mut cues: Vec<Cue> = Vec::new();
    while let Some((number, line)) = lines.next() {
        let Some((start, rest)) = line.split_once("-->") else {
            continue;
        };
        let end = rest.split_whitespace().next().unwrap_or("");
        let (Some(start_ms), Some(end_ms)) = (millis(start.trim()), millis(end)) else {
            return Err(refuse(number, "this time cannot be read"));
        };
        if end_ms <= start_ms || cues.last().is_some_and(|last| start_ms < last.start_ms) {
            return Err(refuse(
                number,
                "this cue ends before it starts, or starts before the one above it",
            ));
        }
        let mut said = Vec::new();
        while let Some((_, line)) = lines.next_if(|(_, line)| !line.trim().is_empty()) {
            said.push(plain(line.trim()));
        }
        cues.push(Cue {
            start_ms,
            end_ms,
            text: said.join(" "),
        });
    }
    if cues.is_empty() {
        return Err(refuse(0, "the file has no cue"));
    }
    Ok(cues)
}

/// `mm:ss.ttt` or `hh:mm:ss.ttt` in milliseconds.
fn millis(time: &str) -> Option<i64> {
    let (clock, fraction) = time.split_once('.')?;
    let digits = |text: &str, least: usize, most: usize| -> Option<i64> {
        let fits = (least..=most).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_digit());
        fits.then(|| text.parse().ok()).flatten()
    };
    let fraction = digits(fraction, 3, 3)?;
    let parts: Vec<&str> = clock.split(':').collect();
    let (hours, minutes, seconds) = match parts[..] {
        [minutes, seconds] => (0, digits(minutes, 2, 2)?, digits(seconds, 2, 2)?),
        [hours, minutes, seconds] => (digits(hours, 2, 4)?, digits(minutes, 2, 2)?, digits(seconds, 2, 2)?),
        _ => return None,
    };
    (minutes < 60 && seconds < 60).then_some(((hours * 60 + minutes) * 60 + seconds) * 1000 + fraction)
}

/// Takes tags such as `<v Mira>` and `<i>` out, and the three entities WebVTT has for text.
fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut inside = false;
    for c in line.chars() {
        match c {
            '<' => inside = true,
            '>' if inside => inside = false,
            c if !inside => text.push(c),
            _ => {}
        }
    }
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}
