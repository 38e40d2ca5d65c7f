//! One dispute: what happened in plain words, until when it can be answered, who bears it, and the two things a person can do.

use super::disputes_page::chip;
use super::field::{Field, Problem as Wrong};
use super::frame::{Chip, Frame, Section, Tone};
use super::names::Names;
use super::order_page::Happening;
use super::typed::Typed;
use super::when::When;
use crate::app::App;
use crate::checkout::{self, Order};
use crate::disputes::{Step, bearers, pack, proposed, refusal};
use crate::http::{Form, Path, Problem, Query, page, redirect};
use crate::identity::{Analyst, Creator, Shop, Staff, shop};
use crate::kernel::{DisputeId, Error, Kind, Result, Time, words};
use crate::ledger::{AccountKey, AccountKind};
use crate::payments::disputes::{self, Answering, Asked, ClosedBy, Dispute, DisputeState, FIELDS, reason_words};
use crate::payments::{self, FeeBearer};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use std::collections::BTreeMap;

/// One text of the answer.
pub struct TextField {
    pub name: &'static str,
    pub label: &'static str,
    pub field: Field,
    pub rows: u32,
}

/// What a pretended bank can do now.
pub struct BankStep {
    pub word: &'static str,
    pub label: &'static str,
}

#[derive(Template)]
#[template(path = "studio/dispute.html")]
pub struct DisputePage {
    pub frame: Frame,
    pub here: String,
    pub title: String,
    pub state: Chip,
    pub opened: When,
    /// Where its order and its payment are, and the order's number.
    pub order: Option<(String, String)>,
    pub payment: String,
    /// How it stands, a sentence each.
    pub stands: Vec<String>,
    pub due: Option<When>,
    /// What a bank will ask for and is not there; while it can be answered.
    pub missing: Vec<String>,
    /// Names and words.
    pub facts: Vec<(String, String)>,
    /// Who bears it, and how much.
    pub bears: Vec<(String, String)>,
    /// Above the shares: taken, or taken and given back.
    pub bears_words: String,
    pub may_act: bool,
    pub can_answer: bool,
    pub can_accept: bool,
    /// Why neither can be done here; empty where it can, or where it is over.
    pub elsewhere: String,
    pub texts: Vec<TextField>,
    /// What was answered.
    pub answered: Vec<(String, String)>,
    pub reason: Field,
    pub bank: Vec<BankStep>,
    pub timeline: Vec<Happening>,
    pub problems: Vec<Wrong>,
}

/// What was done before the page was asked for.
#[derive(Deserialize)]
pub struct After {
    done: Option<String>,
}

/// What the page reads, in one snapshot.
struct Desk {
    shop: Shop,
    dispute: Dispute,
    /// Its rounds beside it.
    rounds: Vec<Dispute>,
    order: Option<Order>,
    proposed: BTreeMap<String, String>,
    missing: Vec<String>,
    names: Names,
    fee_bearer: FeeBearer,
    entries: Vec<payments::Entry>,
    now: Time,
}

async fn read(app: &App, staff: &Staff, id: DisputeId) -> Result<Desk> {
    let shop_id = staff.shop;
    app.db
        .read(move |tx| {
            let dispute = disputes::find(tx, shop_id, id)?.ok_or_else(|| Error::not_found("dispute"))?;
            let shop = shop(tx, shop_id)?;
            let intent = payments::intent(tx, dispute.intent)?.ok_or_else(|| Error::not_found("payment"))?;
            let rounds = disputes::of_payment(tx, dispute.intent)?;
            Ok(Desk {
                names: Names::read(tx, &shop)?,
                order: checkout::order_of_checkout(tx, shop_id, dispute.checkout())?,
                proposed: proposed(tx, &dispute)?,
                missing: match pack(tx, shop_id, dispute.checkout().order())? {
                    Some(pack) if dispute.can_be_answered(tx.now()) => pack.missing(),
                    _ => Vec::new(),
                },
                rounds: rounds
                    .into_iter()
                    .filter(|other| other.name == dispute.name && other.id != dispute.id)
                    .collect(),
                fee_bearer: intent.allocation.processor_fee,
                entries: payments::timeline(tx, dispute.intent)?,
                now: tx.now(),
                dispute,
                shop,
            })
        })
        .await
}

pub async fn show(
    State(app): State<App>,
    staff: Analyst,
    Path((_, id)): Path<(String, DisputeId)>,
    Query(after): Query<After>,
) -> std::result::Result<Response, Problem> {
    let desk = read(&app, &staff, id).await?;
    let mut shown = DisputePage::of(&app, &desk, &staff);
    shown.frame = shown.frame.after(after.done.as_deref());
    page(&shown)
}

/// Gives it up, or comes back with the reason as it was typed.
pub async fn accept(
    State(app): State<App>,
    creator: Creator,
    Path((_, id)): Path<(String, DisputeId)>,
    Form(typed): Form<Typed>,
) -> std::result::Result<Response, Problem> {
    let done = disputes::accept(&app, creator.shop, id, typed.one("reason"), creator.staff).await;
    let mut again = again(&app, &creator, id).await?;
    again.reason = Field::of(typed.one("reason"));
    if let Err(error) = &done {
        again.reason = Field::judged(typed.one("reason"), error, "/reason");
    }
    after(again, done, "accepted", &[("/reason", "reason", "Why")])
}

/// Answers it, once, or comes back with everything as it was typed.
pub async fn answer(
    State(app): State<App>,
    creator: Creator,
    Path((_, id)): Path<(String, DisputeId)>,
    Form(typed): Form<Typed>,
) -> std::result::Result<Response, Problem> {
    let texts: BTreeMap<String, String> = FIELDS
        .iter()
        .map(|(name, _)| ((*name).to_owned(), typed.one(name).to_owned()))
        .collect();
    let done = disputes::submit(&app, creator.shop, id, texts, creator.staff).await;
    let mut again = again(&app, &creator, id).await?;
    for text in &mut again.texts {
        text.field = Field::of(typed.one(text.name));
    }
    after(
        again,
        done,
        "answered",
        &[("/statement", "statement", "Receipt and more")],
    )
}

async fn again(app: &App, staff: &Staff, id: DisputeId) -> Result<DisputePage> {
    let desk = read(app, staff, id).await?;
    Ok(DisputePage::of(app, &desk, staff))
}

fn after(
    mut again: DisputePage,
    done: Result<Answering>,
    word: &str,
    places: &[(&str, &str, &str)],
) -> std::result::Result<Response, Problem> {
    match done {
        Ok(answering) => match refusal(&answering) {
            None => return Ok(redirect(&format!("{}?done={word}", again.here))),
            Some(error) if error.kind == Kind::Conflict => again.problems = vec![Wrong::new("main", &error.detail)],
            Some(error) => return Err(error.into()),
        },
        Err(error) if matches!(error.kind, Kind::Invalid) => again.problems = Wrong::all(&error, places),
        Err(error) => return Err(error.into()),
    }
    page(&again)
}

/// The pretended bank goes on.
pub async fn act_as_bank(
    State(app): State<App>,
    creator: Creator,
    Path((_, id)): Path<(String, DisputeId)>,
    Form(typed): Form<Typed>,
) -> std::result::Result<Response, Problem> {
    let mut again = again(&app, &creator, id).await?;
    let Some(step) = Step::ALL.into_iter().find(|step| step.word() == typed.one("step")) else {
        again.problems = vec![Wrong::new("bank", "Choose what the bank does.")];
        return page(&again);
    };
    match crate::disputes::act(&app, creator.shop, id, step).await {
        Ok(()) => Ok(redirect(&format!("{}?done=disputed", again.here))),
        Err(error) if error.kind == Kind::Conflict => {
            again.problems = vec![Wrong::new("bank", &error.detail)];
            page(&again)
        }
        Err(error) => Err(error.into()),
    }
}

/// How it stands, in plain words.
fn stands(desk: &Desk) -> Vec<String> {
    let dispute = &desk.dispute;
    let amount = words::money(dispute.amount);
    let mut all = vec![reason_words(&dispute.reason).to_owned()];
    all.push(match (dispute.state, dispute.closed_by) {
        (DisputeState::Inquiry, _) => format!("The bank asks about {amount}. No money has moved. If the buyer is right, a refund ends it; if not, the bank can be answered on the processor's pages."),
        (DisputeState::NeedsResponse, _) if dispute.asked == Asked::Accept => "Given up; the processor has not confirmed it yet. It is told again until it does.".into(),
        (DisputeState::NeedsResponse, _) if dispute.asked == Asked::Submit => "Answered; the processor has not confirmed it yet. It is told again until it does.".into(),
        (DisputeState::NeedsResponse, _) if dispute.can_be_answered(desk.now) => format!("The bank took {amount} back and waits for an answer. There is one answer: make it complete."),
        (DisputeState::NeedsResponse, _) => format!("The bank took {amount} back, and it cannot be answered."),
        (DisputeState::UnderReview, _) => format!("It was answered. The bank holds {amount} until it decides; that takes up to three months."),
        (DisputeState::Won, _) if dispute.legs.is_empty() && dispute.excess_minor == 0 => "It is settled. No money moved.".into(),
        (DisputeState::Won, _) => format!("The bank gave {amount} back. Everybody has exactly what was taken from them."),
        (DisputeState::Lost, ClosedBy::Staff) => format!("It was given up: {amount} stays with the buyer. {}", dispute.why),
        (DisputeState::Lost, ClosedBy::Time) => format!("It was not answered in time: {amount} stays with the buyer."),
        (DisputeState::Lost, _) => format!("The bank decided for the buyer: {amount} stays with them."),
    });
    if dispute.state.blocks_refunds() {
        all.push("Meanwhile nothing of this payment can be given back: the buyer would have it twice.".into());
    }
    if dispute.excess_minor > 0 && dispute.state.takes_money() {
        let excess = words::money(dispute.money(dispute.excess_minor));
        all.push(format!("{excess} of it had gone back to the buyer before: they have it twice. It stands on the shop's losses. Answer with the refund's date, or ask the buyer for it."));
    }
    if !dispute.trouble.is_empty() {
        all.push(dispute.trouble.clone());
    }
    all
}

fn bank_steps(desk: &Desk, sandbox: bool) -> Vec<BankStep> {
    if !desk.shop.test_mode || !sandbox {
        return Vec::new();
    }
    let step = |step: Step, label| BankStep {
        word: step.word(),
        label,
    };
    match desk.dispute.state {
        DisputeState::Inquiry => vec![
            step(Step::Escalate, "Take the money back"),
            step(Step::Win, "Leave it at that"),
        ],
        DisputeState::NeedsResponse | DisputeState::UnderReview => vec![
            step(Step::Win, "Decide for the shop"),
            step(Step::Lose, "Decide for the buyer"),
        ],
        DisputeState::Won
            if !desk.dispute.legs.is_empty() && desk.rounds.iter().all(|other| other.round < desk.dispute.round) =>
        {
            vec![step(Step::Again, "Come back a second time")]
        }
        _ => Vec::new(),
    }
}

fn fee_words(desk: &Desk) -> String {
    let who = match desk.fee_bearer {
        FeeBearer::Shop => "the shop".to_owned(),
        FeeBearer::Party(party) => {
            desk.names
                .holder(AccountKey::party(AccountKind::PartyPayable, party))
                .name
        }
        FeeBearer::Everyone => "everybody with a share, in proportion".to_owned(),
    };
    let fees: Vec<String> = desk.dispute.fee().into_iter().map(words::money).collect();
    if fees.is_empty() {
        return "None was charged.".into();
    }
    format!(
        "{}, borne by {who}, as the processor's fees of this sale",
        fees.join(" and ")
    )
}

impl DisputePage {
    fn of(app: &App, desk: &Desk, staff: &Staff) -> Self {
        let dispute = &desk.dispute;
        let title = match &desk.order {
            Some(order) => format!("Dispute of order {}", order.number),
            None => "Dispute of a payment without an order".into(),
        };
        let frame = Frame::of(&desk.shop, staff, Section::Orders, &title);
        let processor = app.processor(dispute.processor());
        let here = processor.as_ref().is_ok_and(|one| one.answers_disputes());
        let sandbox = payments::sandbox::Sandbox::all(app)
            .iter()
            .any(|one| crate::kernel::Processor::name(&**one) == dispute.processor());
        let may_act = staff.role.may_create();
        let waits = dispute.state == DisputeState::NeedsResponse && dispute.asked == Asked::Nothing;
        let texts = FIELDS.iter().map(|(name, label)| TextField {
            name,
            label,
            field: Field::of(desk.proposed.get(*name).map_or("", String::as_str)),
            rows: match *name {
                "statement" | "refund_policy" | "activity" => 8,
                "product_description" => 3,
                _ => 1,
            },
        });
        let answered = FIELDS
            .iter()
            .filter_map(|(name, label)| Some(((*label).to_owned(), dispute.answer.get(*name)?.clone())));
        let mut facts = vec![
            ("Disputed".to_owned(), words::money(dispute.amount)),
            ("Fee".into(), fee_words(desk)),
            ("Processor".into(), format!("{}, {}", dispute.processor(), dispute.name)),
        ];
        if !dispute.detail.is_empty() {
            facts.push(("The bank's words".into(), dispute.detail.clone()));
        }
        if dispute.round > 1 || !desk.rounds.is_empty() {
            facts.push((
                "Round".into(),
                format!("{} of {}", dispute.round, desk.rounds.len() + 1),
            ));
        }
        let mut bears: Vec<(String, String)> = bearers(dispute)
            .into_iter()
            .map(|(account, minor)| {
                let holder = desk.names.holder(account);
                (
                    format!("{}, {}", holder.name, holder.role),
                    words::money(dispute.money(minor)),
                )
            })
            .collect();
        if dispute.excess_minor > 0 {
            bears.push((
                "The shop's losses, paid twice".into(),
                words::money(dispute.money(dispute.excess_minor)),
            ));
        }
        Self {
            here: format!("/studio/{}/disputes/{}", frame.shop_slug, dispute.id),
            state: chip(dispute),
            opened: When::of(dispute.created_at, desk.now),
            order: desk.order.as_ref().map(|order| {
                (
                    format!("{}/{}", frame.to(&Section::Orders), order.id),
                    order.number.clone(),
                )
            }),
            payment: format!("/studio/{}/payments/{}", frame.shop_slug, dispute.intent),
            stands: stands(desk),
            due: dispute.due_by.filter(|_| waits).map(|due| When::of(due, desk.now)),
            missing: desk.missing.clone(),
            facts,
            bears_words: if dispute.state == DisputeState::Won {
                "Taken from, and given back to".into()
            } else {
                "Taken from".into()
            },
            bears,
            may_act,
            can_answer: may_act && here && dispute.can_be_answered(desk.now),
            can_accept: may_act && here && waits,
            elsewhere: match (waits, here, may_act) {
                (true, false, _) => format!(
                    "Disputes of {} are answered on its own pages. What it decides comes back here.",
                    dispute.processor()
                ),
                (true, true, false) => "Only the owner and creators can answer it or give it up.".into(),
                _ => String::new(),
            },
            texts: texts.collect(),
            answered: answered.collect(),
            reason: Field::default(),
            bank: if may_act { bank_steps(desk, sandbox) } else { Vec::new() },
            timeline: desk
                .entries
                .iter()
                .rev()
                .map(|entry| Happening {
                    tone: Tone::Quiet,
                    title: entry.what.clone(),
                    detail: entry.detail.clone(),
                    amount: String::new(),
                    at: When::of(entry.at, desk.now),
                })
                .collect(),
            problems: Vec::new(),
            title,
            frame,
        }
    }

    pub fn sample() -> Self {
        let when = |relative: &str| When::new(relative, "21 November 2026, 14:10 UTC", "2026-11-21T14:10:00Z");
        let text = |name: &'static str, label: &'static str, value: &str, rows| TextField {
            name,
            label,
            field: Field::of(value),
            rows,
        };
        Self {
            frame: Frame::sample(Section::Orders, "Dispute of order 1042"),
            here: "/studio/nour/disputes/dsp_01jd3v8k2m7q9x4r5t6w8y0z1a".into(),
            title: "Dispute of order 1042".into(),
            state: Chip::new(Tone::Bad, "Needs an answer"),
            opened: when("2 hours ago"),
            order: Some((
                "/studio/nour/orders/ord_01jd3v8k2m7q9x4r5t6w8y0z1a".into(),
                "1042".into(),
            )),
            payment: "/studio/nour/payments/int_01jd3v8k2m7q9x4r5t6w8y0z1a".into(),
            stands: vec![
                reason_words("product_not_received").into(),
                "The bank took €34.90 back and waits for an answer. There is one answer: make it complete.".into(),
                "Meanwhile nothing of this payment can be given back: the buyer would have it twice.".into(),
            ],
            due: Some(when("in 9 days")),
            missing: vec!["Parcel 1 has no tracking number. Attach the carrier's receipt.".into()],
            facts: vec![
                ("Disputed".into(), "€34.90".into()),
                (
                    "Fee".into(),
                    "€15.00, borne by Nour, as the processor's fees of this sale".into(),
                ),
                ("Processor".into(), "stripe, du_1MtJUT2eZvKYlo2CNaw2HvEv".into()),
            ],
            bears: vec![
                ("Nour, earned".into(), "€21.00".into()),
                ("Tax office, tax collected".into(), "€5.57".into()),
            ],
            bears_words: "Taken from".into(),
            may_act: true,
            can_answer: true,
            can_accept: true,
            elsewhere: String::new(),
            texts: vec![
                text("product_description", "What was sold", "1 × Mug, speckled", 3),
                text("shipping_tracking_number", "Tracking number", "JD014600003828", 1),
                text(
                    "statement",
                    "Receipt, and what else the bank should know",
                    "Order 1042 of 14 November 2026.\nTotal: €34.90",
                    8,
                ),
            ],
            answered: Vec::new(),
            reason: Field::default(),
            bank: vec![BankStep {
                word: "win",
                label: "Decide for the shop",
            }],
            timeline: vec![Happening {
                tone: Tone::Quiet,
                title: "The buyer's bank took €34.90 back.".into(),
                detail: reason_words("product_not_received").into(),
                amount: String::new(),
                at: when("2 hours ago"),
            }],
            problems: Vec::new(),
        }
    }
}
