//! The pack of evidence of a sale: everything that shows what a buyer saw, agreed to and got, brought together from where it was written down.

use crate::checkout::{self, Address, Contact, OrderView, SeenOut};
use crate::db::Tx;
use crate::drops::api::DropArchiveOut;
use crate::drops::{self, Drop, Event};
use crate::fulfilment::{self, Shipment, ShipmentOut};
use crate::kernel::{OrderId, Result, ShopId, Time, words};
use crate::notify::{self, MailKind, Told};
use crate::payments::disputes::{self, Dispute, DisputeOut};
use crate::payments::{self, Entry};
use serde::Serialize;

/// The drop a sale was made in.
#[derive(Clone, Debug)]
pub struct SoldIn {
    pub drop: Drop,
    /// Its whole archive: a part of it proves nothing.
    pub events: Vec<Event>,
    /// The latest event when the buyer was shown the offer.
    pub position: i64,
    /// Whether the hashes hold together, from the first event to the drop's own last.
    pub whole: bool,
}

/// What there is about one sale.
#[derive(Clone, Debug)]
pub struct Pack {
    pub view: OrderView,
    pub seen: checkout::Evidence,
    pub sold_in: Option<SoldIn>,
    /// What happened to its payment.
    pub payment: Vec<Entry>,
    pub parcels: Vec<Shipment>,
    /// What the buyer was told.
    pub letters: Vec<Told>,
    pub disputes: Vec<Dispute>,
    pub made_at: Time,
}

/// Brings it together, in one snapshot. None: there is no such order in this shop.
pub fn pack(tx: &mut Tx<'_>, shop: ShopId, order: OrderId) -> Result<Option<Pack>> {
    let Some(view) = checkout::view(tx, shop, order)? else {
        return Ok(None);
    };
    let intent = view.order.checkout.intent();
    let parcels = fulfilment::shipments(tx, shop, order)?;
    let sold_in = match &view.checkout.offer.quote.drop {
        Some(quoted) => drops::find(tx, shop, quoted.id)?.map(|drop| (drop, quoted.position)),
        None => None,
    };
    let sold_in = match sold_in {
        Some((drop, position)) => {
            let events = drops::events(tx, drop.id)?;
            Some(SoldIn {
                whole: drops::verify(drop.id, &events, &drop.head).is_ok(),
                position,
                events,
                drop,
            })
        }
        None => None,
    };
    let about = notify::occasions(tx, &view)?;
    Ok(Some(Pack {
        seen: checkout::evidence(tx, &view.checkout)?,
        payment: payments::timeline(tx, intent)?,
        letters: notify::letters(tx, shop, &about)?,
        disputes: disputes::of_payment(tx, intent)?,
        made_at: tx.now(),
        sold_in,
        parcels,
        view,
    }))
}

impl Pack {
    /// The clip it was bought from, and where in it: "“Slow cup”, version 3, at 0:04.2". None: from the shop's pages.
    pub fn clip_words(&self) -> Option<String> {
        let seen = self.view.checkout.offer.quote.seen?;
        let clip = self.seen.clip.as_ref()?;
        let at = words::timecode(seen.at_ms.unsigned_abs());
        Some(format!("“{}”, version {}, at {at}", clip.content.title, clip.version))
    }

    /// What happened, step by step, oldest first: shown, agreed, confirmed, paid, sent, told.
    pub fn steps(&self) -> Vec<Entry> {
        let (order, offer) = (&self.view.order, &self.view.checkout.offer);
        let step = |at: Time, what: String, detail: String| Entry { at, what, detail };
        let shown = match (self.clip_words(), &self.sold_in) {
            (Some(clip), Some(sold)) => format!(
                "Was shown the offer in the drop “{}”, in the clip {clip}.",
                sold.drop.title
            ),
            (None, Some(sold)) => format!("Was shown the offer in the drop “{}”.", sold.drop.title),
            (Some(clip), None) => format!("Was shown the offer in the clip {clip}."),
            (None, None) => "Was shown the offer on the shop's page.".into(),
        };
        let total = words::money(order.total());
        let mut steps = vec![
            step(offer.quote.shown_at, shown, String::new()),
            step(
                offer.accepted_at,
                format!("The buyer agreed to pay {total}."),
                offer.dearer_than_minor.map_or(String::new(), |before| {
                    format!("They had agreed to {} before.", words::money(order.money(before)))
                }),
            ),
            step(
                order.confirmed_at,
                format!("Order {} was confirmed.", order.number),
                String::new(),
            ),
        ];
        steps.extend(self.payment.iter().cloned());
        steps.extend(self.parcels.iter().map(|parcel| {
            let how = [parcel.carrier.as_str(), parcel.tracking.as_str()];
            let how: Vec<&str> = how.into_iter().filter(|part| !part.is_empty()).collect();
            step(
                parcel.handed_over_at,
                format!("Parcel {} was handed over.", parcel.number),
                how.join(", "),
            )
        }));
        steps.extend(self.letters.iter().filter_map(|letter| {
            Some(step(
                letter.sent_at?,
                if letter.to.is_empty() {
                    format!("“{}” was sent.", letter.subject)
                } else {
                    format!("“{}” was sent to {}.", letter.subject, letter.to)
                },
                String::new(),
            ))
        }));
        steps.sort_by_key(|step| step.at);
        steps
    }

    /// What a bank will ask for and nobody wrote down, each with what can be done about it.
    pub fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        let physical = self.view.checkout.offer.quote.needs_address();
        if physical && self.parcels.is_empty() {
            missing.push(
                "No parcel has left: there is no proof of delivery. If it was sent, hand it over in the order."
                    .to_owned(),
            );
        }
        let untracked = self
            .parcels
            .iter()
            .filter(|parcel| physical && parcel.tracking.is_empty() && self.view.erased_at.is_none());
        missing.extend(untracked.map(|parcel| {
            format!(
                "Parcel {} has no tracking number. Attach the carrier's receipt.",
                parcel.number
            )
        }));
        match self.letters.iter().find(|letter| letter.kind == MailKind::Receipt) {
            Some(letter) if letter.sent_at.is_none() => {
                missing.push(format!("The receipt did not leave: {}", letter.trouble));
            }
            None if self.view.erased_at.is_some() => {}
            None => missing.push("No receipt was written, because the buyer left no e-mail address.".into()),
            Some(_) => {}
        }
        if let Some(at) = self.view.erased_at {
            missing.push(format!(
                "Who the buyer is was erased on {}, as they asked: name, addresses, tracking numbers and the texts of letters.",
                words::exact(at)
            ));
        }
        match &self.seen.policies {
            None => missing.push("The policies of that day were not kept: the sale is older than that.".into()),
            Some(kept) if kept.return_policy.is_empty() => {
                missing.push(
                    "The shop had no return policy on that day. Write one in the settings, for the next sale.".into(),
                );
            }
            Some(_) => {}
        }
        if self.sold_in.as_ref().is_some_and(|sold| !sold.whole) {
            missing.push(
                "The archive of the drop does not hold together. Say nothing of it until it is known why.".into(),
            );
        }
        missing
    }
}

/// The pack of evidence of a sale.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Evidence)]
pub struct PackOut {
    pub order: OrderId,
    pub number: String,
    pub confirmed_at: Time,
    pub contact: Contact,
    pub address: Option<Address>,
    /// Since when contact, address, tracking numbers and the texts of letters are erased. Absent: they are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub erased_at: Option<Time>,
    /// The frozen offer: clip and second, prices, policies, consent.
    pub seen: SeenOut,
    /// The whole archive of the drop it was bought in; `seen.drop.position` is where in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<DropArchiveOut>,
    /// What happened, step by step, oldest first.
    pub steps: Vec<StepOut>,
    pub parcels: Vec<ShipmentOut>,
    pub letters: Vec<LetterOut>,
    pub disputes: Vec<DisputeOut>,
    /// What a bank will ask for and is not there, in plain words.
    pub missing: Vec<String>,
    pub made_at: Time,
}

/// One thing that happened.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = EvidenceStep)]
pub struct StepOut {
    pub at: Time,
    pub what: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// A letter to the buyer. The keys in its links are left out.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = EvidenceLetter)]
pub struct LetterOut {
    pub kind: MailKind,
    pub to: String,
    pub subject: String,
    pub text: String,
    pub written_at: Time,
    /// Absent: it did not leave.
    pub sent_at: Option<Time>,
}

impl PackOut {
    pub fn new(pack: &Pack) -> Self {
        let view = &pack.view;
        let step = |step: Entry| StepOut {
            at: step.at,
            what: step.what,
            detail: step.detail,
        };
        let letter = |letter: &Told| LetterOut {
            kind: letter.kind,
            to: letter.to.clone(),
            subject: letter.subject.clone(),
            text: letter.text.clone(),
            written_at: letter.written_at,
            sent_at: letter.sent_at,
        };
        Self {
            order: view.order.id,
            number: view.order.number.clone(),
            confirmed_at: view.order.confirmed_at,
            contact: view.checkout.contact.clone(),
            address: view.checkout.address.clone(),
            erased_at: view.erased_at,
            seen: SeenOut::new(&view.checkout, &pack.seen),
            archive: pack
                .sold_in
                .as_ref()
                .map(|sold| DropArchiveOut::of(sold.drop.id, &sold.events, &sold.drop.head)),
            steps: pack.steps().into_iter().map(step).collect(),
            parcels: pack.parcels.iter().map(ShipmentOut::new).collect(),
            letters: pack.letters.iter().map(letter).collect(),
            disputes: pack.disputes.iter().cloned().map(DisputeOut::bare).collect(),
            missing: pack.missing(),
            made_at: pack.made_at,
        }
    }
}
