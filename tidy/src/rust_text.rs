//! Tells code, comments and literals of a Rust source apart, as far as the rules need it.
//!
//! Not a parser: it knows where strings and comments begin and end, so that a rule about code is not tripped by prose and
//! a rule about literals finds all of them.

pub struct RustText {
    /// The source with every comment and literal blanked; positions and line breaks stay.
    pub code: Vec<char>,
    pub strings: Vec<Literal>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Literal {
    pub line: usize,
    pub text: String,
}

impl RustText {
    pub fn of(source: &str) -> Self {
        let mut reader = Reader {
            text: source.chars().collect(),
            at: 0,
            line: 1,
            code: Vec::new(),
        };
        let mut strings = Vec::new();
        while reader.at < reader.text.len() {
            if let Some(literal) = reader.step() {
                strings.push(literal);
            }
        }
        Self {
            code: reader.code,
            strings,
        }
    }
}

struct Reader {
    text: Vec<char>,
    at: usize,
    line: usize,
    code: Vec<char>,
}

impl Reader {
    fn peek(&self, ahead: usize) -> char {
        self.text.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn keep(&mut self) {
        self.advance(false);
    }

    fn blank(&mut self) {
        self.advance(true);
    }

    fn advance(&mut self, hidden: bool) {
        let Some(c) = self.text.get(self.at).copied() else {
            return;
        };
        self.line += usize::from(c == '\n');
        self.code.push(if hidden && c != '\n' { ' ' } else { c });
        self.at += 1;
    }

    /// Reads one character of code, one comment or one literal; a string literal is returned.
    fn step(&mut self) -> Option<Literal> {
        match (self.peek(0), self.peek(1)) {
            ('/', '/') => {
                while self.at < self.text.len() && self.peek(0) != '\n' {
                    self.blank();
                }
                None
            }
            ('/', '*') => {
                self.block_comment();
                None
            }
            ('"', _) => Some(self.string()),
            ('\'', _) => {
                self.character_or_lifetime();
                None
            }
            (c, _) if c.is_alphabetic() || c == '_' => self.word(),
            _ => {
                self.keep();
                None
            }
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        while self.at < self.text.len() {
            let step = match (self.peek(0), self.peek(1)) {
                ('/', '*') => 1,
                ('*', '/') => -1,
                _ => 0,
            };
            self.blank();
            if step != 0 {
                self.blank();
                depth += step;
                if depth == 0 {
                    return;
                }
            }
        }
    }

    /// A name, or the prefix of a literal: `r`, `b`, `br`, `c`, `cr`.
    fn word(&mut self) -> Option<Literal> {
        let start = self.at;
        while self.peek(0).is_alphanumeric() || self.peek(0) == '_' {
            self.keep();
        }
        let word: String = self.text[start..self.at].iter().collect();
        if matches!(word.as_str(), "r" | "br" | "cr") && matches!(self.peek(0), '"' | '#') {
            return self.raw_string();
        }
        None
    }

    fn raw_string(&mut self) -> Option<Literal> {
        let mut hashes = 0;
        while self.peek(hashes) == '#' {
            hashes += 1;
        }
        if self.peek(hashes) != '"' {
            return None; // A raw name such as r#type.
        }
        for _ in 0..=hashes {
            self.blank();
        }
        let line = self.line;
        let mut text = String::new();
        while self.at < self.text.len() {
            let closes = self.peek(0) == '"' && (1..=hashes).all(|ahead| self.peek(ahead) == '#');
            if closes {
                for _ in 0..=hashes {
                    self.blank();
                }
                break;
            }
            text.push(self.peek(0));
            self.blank();
        }
        Some(Literal { line, text })
    }

    fn string(&mut self) -> Literal {
        let line = self.line;
        let mut text = String::new();
        self.blank();
        while self.at < self.text.len() && self.peek(0) != '"' {
            if self.peek(0) != '\\' {
                text.push(self.peek(0));
                self.blank();
                continue;
            }
            self.blank();
            match self.peek(0) {
                '\n' => {
                    while self.peek(0).is_whitespace() {
                        self.blank();
                    }
                }
                escaped => {
                    text.push(if escaped == 'n' { '\n' } else { escaped });
                    self.blank();
                }
            }
        }
        self.blank();
        Literal { line, text }
    }

    fn character_or_lifetime(&mut self) {
        let escaped = self.peek(1) == '\\';
        if !escaped && self.peek(2) != '\'' {
            self.keep(); // A lifetime.
            return;
        }
        self.blank();
        if escaped {
            self.blank();
        }
        self.blank();
        while self.at < self.text.len() && self.peek(0) != '\'' {
            self.blank();
        }
        self.blank();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(source: &str) -> String {
        RustText::of(source).code.into_iter().collect()
    }

    fn strings(source: &str) -> Vec<(usize, String)> {
        RustText::of(source)
            .strings
            .into_iter()
            .map(|literal| (literal.line, literal.text))
            .collect()
    }

    #[test]
    fn comments_and_literals_are_blanked_and_code_stays_in_place() {
        assert_eq!(code("a /* b /* c */ d */ e // f\ng"), "a                   e     \ng");
        assert_eq!(
            code("x(\"crate::y\", 'q', '\\'', b'z')"),
            "x(          ,    ,     , b   )"
        );
        assert_eq!(code("fn f<'a>(s: &'a str) {}"), "fn f<'a>(s: &'a str) {}");
    }

    #[test]
    fn strings_carry_their_line_and_their_text() {
        assert_eq!(
            strings("f(\"one\\n\");\ng(r#\"two \"quoted\"\n more\"#, b\"three\");\nh(\"fo\\\n    ur\\\"\")"),
            [
                (1, "one\n".to_owned()),
                (2, "two \"quoted\"\n more".to_owned()),
                (3, "three".to_owned()),
                (4, "four\"".to_owned())
            ]
        );
    }

    #[test]
    fn a_raw_name_is_not_a_raw_string() {
        assert_eq!(code("let r#type = 1; \"x\""), "let r#type = 1;    ");
    }
}
