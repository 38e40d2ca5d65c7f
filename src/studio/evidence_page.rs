//! The pack of evidence of one sale, to read, to print and to send: what the buyer saw, agreed to, got and was told.

use super::drop_page::{item_names, told};
use super::frame::{Frame, Section};
use super::order_page::{Evidence, sample_evidence, seen};
use super::when::When;
use crate::app::App;
use crate::checkout;
use crate::clips;
use crate::disputes::{Pack, SoldIn, pack};
use crate::http::{Path, Problem, page};
use crate::identity::{Analyst, Shop, Staff, shop};
use crate::kernel::{Error, OrderId, Result, Time, VariantId, words};
use crate::payments::Entry;
use crate::{drops, payments};
use askama::Template;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};

/// One thing that happened.
pub struct Step {
    pub at: String,
    pub machine: String,
    pub what: String,
    pub detail: String,
}

/// The drop it was bought in.
pub struct Show {
    pub title: String,
    /// Where in its run of show the offer was made, and that nothing was changed in it since.
    pub words: String,
    pub steps: Vec<Step>,
    /// Of the latest event.
    pub head: String,
}

/// A letter as the buyer got it.
pub struct Letter {
    pub subject: String,
    /// "Sent to jo@example.org, 21 November 2026, 14:11 UTC".
    pub sent: String,
    pub text: String,
}

#[derive(Template)]
#[template(path = "studio/evidence.html")]
pub struct EvidencePage {
    pub frame: Frame,
    pub number: String,
    pub order_link: String,
    pub made: When,
    /// What a bank will ask for and is not there.
    pub missing: Vec<String>,
    pub facts: Vec<(String, String)>,
    pub saw: Evidence,
    /// The picture at the second that was tapped; none where no clip was.
    pub picture: Option<String>,
    /// SHA-256 of the file that played.
    pub media: String,
    pub show: Option<Show>,
    pub steps: Vec<Step>,
    pub parcels: Vec<(String, String)>,
    pub letters: Vec<Letter>,
    pub disputes: Vec<(String, String)>,
}

struct Desk {
    shop: Shop,
    pack: Pack,
    names: Vec<(VariantId, String)>,
}

async fn read(app: &App, staff: &Staff, id: OrderId) -> Result<Desk> {
    let shop_id = staff.shop;
    app.db
        .read(move |tx| {
            let shop = shop(tx, shop_id)?;
            let pack = pack(tx, shop_id, id)?.ok_or_else(|| Error::not_found("order"))?;
            let view = match &pack.sold_in {
                Some(sold) => drops::view(tx, shop_id, sold.drop.id)?,
                None => None,
            };
            let names = match &view {
                Some(view) => item_names(tx, &shop, &view.items)?,
                None => Vec::new(),
            };
            Ok(Desk { shop, pack, names })
        })
        .await
}

pub async fn show(
    State(app): State<App>,
    staff: Analyst,
    Path((_, id)): Path<(String, OrderId)>,
) -> std::result::Result<Response, Problem> {
    let desk = read(&app, &staff, id).await?;
    page(&EvidencePage::of(&desk, &staff))
}

/// The picture at the second that was tapped, taken from the file that played; the clip's poster where this machine cannot take one.
pub async fn frame(
    State(app): State<App>,
    staff: Analyst,
    Path((_, id)): Path<(String, OrderId)>,
) -> std::result::Result<Response, Problem> {
    let shop = staff.0.shop;
    let found = app
        .db
        .read(move |tx| {
            let Some(view) = checkout::view(tx, shop, id)? else {
                return Ok(None);
            };
            let saw = checkout::evidence(tx, &view.checkout)?;
            Ok(saw.clip.zip(view.checkout.offer.quote.seen))
        })
        .await?;
    let (clip, seen) = found.ok_or_else(|| Error::not_found("picture"))?;
    if let Some(bytes) = clips::frame(&app, &clip.content.media, seen.at_ms).await {
        let jpeg = (header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg"));
        let kept = (
            header::CACHE_CONTROL,
            HeaderValue::from_static("private, max-age=31536000, immutable"),
        );
        return Ok((StatusCode::OK, [jpeg, kept], Body::from(bytes)).into_response());
    }
    let poster = clip.content.poster.ok_or_else(|| Error::not_found("picture"))?;
    Ok(Redirect::temporary(&poster.path()).into_response())
}

fn step(at: Time, what: String, detail: String) -> Step {
    Step {
        at: words::to_the_second(at),
        machine: at.to_string(),
        what,
        detail,
    }
}

fn show_of(sold: &SoldIn, desk: &Desk) -> Show {
    let mut steps = Vec::new();
    for event in &sold.events {
        let (_, title, detail) = told(event, &desk.names, desk.shop.currency);
        steps.push(step(event.at, title.to_owned(), detail));
        if event.position == sold.position {
            let shown = desk.pack.view.checkout.offer.quote.shown_at;
            steps.push(step(shown, "This buyer was shown the offer".into(), String::new()));
        }
    }
    let words = if sold.whole {
        format!(
            "The offer was made after event {} of {}. Each event carries the fingerprint of the one before it; all of them were worked out anew for this page, and none was changed, left out or put in.",
            sold.position,
            sold.events.len()
        )
    } else {
        "The fingerprints of its events do not hold together.".into()
    };
    Show {
        title: sold.drop.title.clone(),
        words,
        steps,
        head: sold.drop.head.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

impl EvidencePage {
    fn of(desk: &Desk, staff: &Staff) -> Self {
        let (pack, view) = (&desk.pack, &desk.pack.view);
        let order = &view.order;
        let title = format!("Evidence of order {}", order.number);
        let frame = Frame::of(&desk.shop, staff, Section::Orders, &title);
        let order_link = format!("/studio/{}/orders/{}", desk.shop.slug, order.id);
        let contact = &view.checkout.contact;
        let mut facts = vec![
            (
                "Order".to_owned(),
                format!("{} of {}", order.number, words::exact(order.confirmed_at)),
            ),
            ("Total".into(), words::money(order.total())),
        ];
        let reached: Vec<&str> = [contact.email.as_deref(), contact.phone.as_deref()]
            .into_iter()
            .flatten()
            .collect();
        facts.push((
            "Buyer".into(),
            match view.erased_at {
                Some(at) => format!("Erased on {}, as they asked", words::exact(at)),
                None => reached.join(", "),
            },
        ));
        if let Some(address) = &view.checkout.address {
            let lines = [
                Some(address.name.clone()),
                Some(address.line1.clone()),
                address.line2.clone(),
                Some(format!("{} {}", address.postal_code, address.city)),
                address.region.clone(),
                Some(words::country(&address.country)),
            ];
            let lines: Vec<String> = lines.into_iter().flatten().collect();
            facts.push(("Sent to".into(), lines.join("\n")));
        }
        let taken = view.taken_minor();
        if taken > 0 {
            facts.push(("Taken".into(), words::money(view.money(taken))));
        }
        if view.given_back_minor() > 0 {
            facts.push(("Given back".into(), words::money(view.money(view.given_back_minor()))));
        }
        let saw = seen(&desk.shop, view, &pack.seen);
        let letters = pack.letters.iter().map(|letter| Letter {
            subject: letter.subject.clone(),
            sent: match letter.sent_at {
                Some(at) if letter.to.is_empty() => format!("Sent {}; what it said is erased", words::exact(at)),
                Some(at) => format!("Sent to {}, {}", letter.to, words::exact(at)),
                None => format!("To {}; it did not leave. {}", letter.to, letter.trouble),
            },
            text: letter.text.clone(),
        });
        let parcels = pack.parcels.iter().map(|parcel| {
            let things: Vec<String> = parcel
                .lines
                .iter()
                .filter_map(|ship| {
                    let line = view.lines.iter().find(|line| line.line == ship.line)?;
                    Some(format!("{} × {}", ship.quantity, line.title))
                })
                .collect();
            let how: Vec<&str> = [parcel.carrier.as_str(), parcel.tracking.as_str()]
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect();
            let how = if how.is_empty() {
                "no carrier was named".to_owned()
            } else {
                how.join(" ")
            };
            (
                format!("Parcel {}", parcel.number),
                format!(
                    "{}\nHanded over {}\n{how}",
                    things.join(", "),
                    words::exact(parcel.handed_over_at)
                ),
            )
        });
        let disputes = pack.disputes.iter().map(|dispute| {
            let amount = words::money(dispute.amount);
            (
                format!("{amount}, {}", words::exact(dispute.created_at)),
                payments::disputes::reason_words(&dispute.reason).to_owned(),
            )
        });
        Self {
            number: order.number.clone(),
            picture: pack.seen.clip.as_ref().map(|_| format!("{order_link}/frame")),
            media: pack
                .seen
                .clip
                .as_ref()
                .map(|clip| clip.content.media.hash.clone())
                .unwrap_or_default(),
            made: When::of(pack.made_at, pack.made_at),
            missing: pack.missing(),
            show: pack.sold_in.as_ref().map(|sold| show_of(sold, desk)),
            steps: pack
                .steps()
                .into_iter()
                .map(|Entry { at, what, detail }| step(at, what, detail))
                .collect(),
            parcels: parcels.collect(),
            letters: letters.collect(),
            disputes: disputes.collect(),
            order_link,
            facts,
            saw,
            frame,
        }
    }

    pub fn sample() -> Self {
        let step = |at: &str, what: &str, detail: &str| Step {
            at: at.into(),
            machine: "2026-11-21T14:10:00Z".into(),
            what: what.into(),
            detail: detail.into(),
        };
        let pair = |name: &str, words: &str| (name.to_owned(), words.to_owned());
        Self {
            frame: Frame::sample(Section::Orders, "Evidence of order 1042"),
            number: "1042".into(),
            order_link: "/studio/nour/orders/ord_01jd3v8k2m7q9x4r5t6w8y0z1a".into(),
            made: When::new("now", "2 December 2026, 09:00 UTC", "2026-12-02T09:00:00Z"),
            missing: vec!["Parcel 1 has no tracking number. Attach the carrier's receipt.".into()],
            facts: vec![
                pair("Order", "1042 of 21 November 2026, 14:10 UTC"),
                pair("Total", "€74.90"),
                pair("Buyer", "jo@example.org"),
                pair("Sent to", "Jo Meyer\nGasse 1\n04109 Leipzig\nGermany"),
            ],
            saw: sample_evidence(),
            picture: Some("/media/sample-mug.jpg".into()),
            media: "9f2c4d".repeat(10),
            show: Some(Show {
                title: "Ash glaze, live".into(),
                words: "The offer was made after event 4 of 9.".into(),
                steps: vec![step("21 November 2026, 14:00:00 UTC", "Opened", "")],
                head: "a1b2c3".repeat(10),
            }),
            steps: vec![
                step("21 November 2026, 14:10 UTC", "The buyer agreed to pay €74.90.", ""),
                step(
                    "22 November 2026, 09:30 UTC",
                    "Parcel 1 was handed over.",
                    "DHL, JD014600003828",
                ),
            ],
            parcels: vec![pair(
                "Parcel 1",
                "2 × Mug, ash\nHanded over 22 November 2026, 09:30 UTC\nDHL JD014600003828",
            )],
            letters: vec![Letter {
                subject: "Your order 1042 at Nour Ceramics".into(),
                sent: "Sent to jo@example.org, 21 November 2026, 14:11 UTC".into(),
                text: "Thank you. We have your order.".into(),
            }],
            disputes: vec![pair(
                "€74.90, 1 December 2026, 08:00 UTC",
                "The buyer says the parcel never came.",
            )],
        }
    }
}
