//! The demo's mailbox: every mail the demo would have sent, newest first. Only the demo serves it.

use super::frame::When;
use crate::app::App;
use crate::http::{Path, Problem, page};
use crate::kernel::{Error, MailId, Time, words};
use crate::notify::{self, Kept};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

#[derive(Template)]
#[template(path = "storefront/mailbox.html")]
pub struct MailboxPage {
    pub mails: Vec<MailRow>,
    pub open: Option<Mail>,
}

pub struct MailRow {
    pub path: String,
    pub subject: String,
    pub to: String,
    pub preview: String,
    pub sent: When,
    pub open: bool,
}

pub struct Mail {
    pub subject: String,
    pub from: String,
    pub to: String,
    pub sent: When,
    pub paragraphs: Vec<Vec<Part>>,
}

/// The list. Outside the demo there is no such page.
pub async fn show(State(app): State<App>) -> Result<Response, Problem> {
    let mails = mails(&app).await?;
    page(&MailboxPage {
        mails: rows(&mails, None, app.clock.wall()),
        open: None,
    })
}

/// One mail, beside the list.
pub async fn show_mail(State(app): State<App>, Path(id): Path<MailId>) -> Result<Response, Problem> {
    let mails = mails(&app).await?;
    let open = mails
        .iter()
        .find(|mail| mail.id == id)
        .ok_or_else(|| Error::not_found("mail"))?;
    let now = app.clock.wall();
    let open = Mail {
        subject: open.subject.clone(),
        from: app.settings.mail_from.clone(),
        to: open.to.clone(),
        sent: when(open.at, now),
        paragraphs: paragraphs(&open.text),
    };
    page(&MailboxPage {
        mails: rows(&mails, Some(id), now),
        open: Some(open),
    })
}

async fn mails(app: &App) -> Result<Vec<Kept>, Problem> {
    if !app.settings.demo {
        return Err(Error::not_found("page").into());
    }
    Ok(notify::mailbox(app).await?)
}

fn rows(mails: &[Kept], open: Option<MailId>, now: Time) -> Vec<MailRow> {
    let row = |mail: &Kept| MailRow {
        path: format!("/mailbox/{}", mail.id),
        subject: mail.subject.clone(),
        to: mail.to.clone(),
        preview: preview(&mail.text),
        sent: when(mail.at, now),
        open: open == Some(mail.id),
    };
    mails.iter().map(row).collect()
}

fn when(at: Time, now: Time) -> When {
    When::new(&at.to_string(), &words::relative(at, now), &words::exact(at))
}

/// The first words, on one line.
fn preview(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(100)
        .collect()
}

/// A piece of a mail's text.
#[derive(Debug, PartialEq, Eq)]
pub enum Part {
    Words(String),
    /// An address to follow.
    Link(String),
}

/// Cuts a plain-text mail into paragraphs, with its web addresses as links. Nothing in the text is ever markup.
pub fn paragraphs(text: &str) -> Vec<Vec<Part>> {
    let text = text.replace("\r\n", "\n");
    text.split("\n\n")
        .map(str::trim)
        .filter(|paragraph| !paragraph.is_empty())
        .map(parts)
        .collect()
}

fn parts(paragraph: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut words = String::new();
    for piece in paragraph.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end();
        if !(word.starts_with("https://") || word.starts_with("http://")) {
            words.push_str(piece);
            continue;
        }
        if !words.is_empty() {
            parts.push(Part::Words(std::mem::take(&mut words)));
        }
        // A full stop after an address ends the sentence, not the address.
        let address = word.trim_end_matches(['.', ',', ';', ')', '>']);
        parts.push(Part::Link(address.into()));
        words.push_str(&piece[address.len()..]);
    }
    if !words.is_empty() {
        parts.push(Part::Words(words));
    }
    parts
}

impl MailboxPage {
    pub fn sample() -> Self {
        let row = |path: &str, subject: &str, to: &str, preview: &str, sent: When, open: bool| MailRow {
            path: path.into(),
            subject: subject.into(),
            to: to.into(),
            preview: preview.into(),
            sent,
            open,
        };
        let sent = || When::new("2026-11-21T20:31:00Z", "12 minutes ago", "21 November 2026, 21:31");
        let text = "Thank you, Jo.\n\nYour order L-1042 is confirmed: 2 × Dune mug (Tide) and 1 × Slow dripper, €114.90 in all. It arrives 24–26 Nov. \
                    Your card is charged when the parcel leaves.\n\nSee where it is: https://shop.example/s/loam-and-ink/orders/ord_01ksample?t=sample.\n\nNadja";
        Self {
            mails: vec![
                row(
                    "/mailbox/3",
                    "Your order L-1042",
                    "jo.lindqvist@example.com",
                    "Thank you, Jo. Your order L-1042 is confirmed",
                    sent(),
                    true,
                ),
                row(
                    "/mailbox/2",
                    "Sign in to Hawker",
                    "nadja@example.com",
                    "Open this link to sign in. It works once",
                    When::new("2026-11-21T20:02:00Z", "41 minutes ago", "21 November 2026, 21:02"),
                    false,
                ),
            ],
            open: Some(Mail {
                subject: "Your order L-1042".into(),
                from: "Loam & Ink".into(),
                to: "jo.lindqvist@example.com".into(),
                sent: sent(),
                paragraphs: paragraphs(text),
            }),
        }
    }

    pub fn sample_empty() -> Self {
        Self {
            mails: Vec::new(),
            open: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Part, paragraphs};

    #[test]
    fn addresses_become_links_and_markup_stays_words() {
        let found = paragraphs("Hello <b>Jo</b>\r\n\r\nLook: https://a.example/x?t=1. Bye");
        let words = |text: &str| Part::Words(text.into());
        assert_eq!(
            found,
            vec![
                vec![words("Hello <b>Jo</b>")],
                vec![
                    words("Look: "),
                    Part::Link("https://a.example/x?t=1".into()),
                    words(". Bye")
                ],
            ]
        );
    }

    #[test]
    fn a_script_address_is_no_link() {
        assert_eq!(
            paragraphs("javascript:alert(1)"),
            vec![vec![Part::Words("javascript:alert(1)".into())]]
        );
    }
}
