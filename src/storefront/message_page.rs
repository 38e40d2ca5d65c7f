//! What a visitor sees when a page cannot be shown: what happened, what was not lost, what to do.

use askama::Template;

use super::frame::{Frame, Head, Link};
use super::structured_data::Markup;

#[derive(Template)]
#[template(path = "storefront/message.html")]
pub struct MessagePage {
    pub frame: Frame,
    pub head: Head,
    pub status: u16,
    pub title: String,
    pub text: String,
    /// "Nothing was charged."
    pub kept: Option<String>,
    pub next: Vec<Link>,
}

impl MessagePage {
    pub fn not_found(frame: Frame) -> Self {
        let home = Link::new("See all clips", &frame.home_path);
        Self::new(
            frame,
            404,
            "This one is gone.",
            "The page was moved, sold out for good, or never existed.",
            None,
            vec![home],
        )
    }

    pub fn broken(frame: Frame) -> Self {
        let home = Link::new("Back to the shop", &frame.home_path);
        Self::new(
            frame,
            500,
            "That is our mistake.",
            "The page could not be made just now. We have been told; trying again in a minute usually helps.",
            Some("If you were paying: a payment is never taken twice. Open your receipt or this page again to see what happened.".into()),
            vec![home],
        )
    }

    pub fn new(frame: Frame, status: u16, title: &str, text: &str, kept: Option<String>, next: Vec<Link>) -> Self {
        let head = Head {
            title: format!("{title} · {}", frame.shop_name),
            description: text.into(),
            canonical: String::new(),
            kind: "website",
            picture: None,
            markup: Markup::none(),
            listed: false,
        };
        Self {
            frame,
            head,
            status,
            title: title.into(),
            text: text.into(),
            kept,
            next,
        }
    }

    pub fn sample() -> Self {
        Self::not_found(Frame::sample())
    }

    pub fn sample_broken() -> Self {
        Self::broken(Frame::sample())
    }
}
