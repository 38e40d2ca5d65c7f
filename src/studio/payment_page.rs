//! One payment: how it stands on both sides, what was not lost, and what a person can do about it.

use super::field::{Choice, Field, Problem as Wrong};
use super::frame::{Chip, Frame, Section, Tone};
use super::order_page::Happening;
use super::payment_words::{MoneyRow, PaymentPart, WaitLine};
use super::typed::Typed;
use super::when::When;
use crate::app::App;
use crate::checkout::{self, Checkout};
use crate::gift_cards;
use crate::http::{Form, Path, Problem, Query, page, redirect};
use crate::identity::{Analyst, Creator, Shop, Staff, shop};
use crate::kernel::{Error, IntentId, Kind, Money, Result, Time, words};
use crate::payments::{self, Decided, Decision, IntentState, Settle, Standing};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

/// A decision that our side allows; the processor's answer has to prove it.
pub struct Way {
    pub choice: Choice,
    pub means: String,
}

/// Money of which nobody says whether it moved, and the two things a person may say.
pub struct Question {
    pub of: String,
    pub title: String,
    pub detail: String,
    /// None while the request is repeated: then nobody needs to say anything.
    pub ways: Vec<Way>,
    pub reference: Field,
    pub reason: Field,
}

#[derive(Template)]
#[template(path = "studio/payment.html")]
pub struct PaymentPage {
    pub frame: Frame,
    pub here: String,
    pub version: i64,
    pub title: String,
    pub state: Chip,
    pub begun: When,
    /// Where its order is, and its number; none where none was born.
    pub order: Option<(String, String)>,
    /// What was to be bought.
    pub what: Vec<String>,
    pub buyer: String,
    pub money: PaymentPart,
    /// By our books: a name and an amount or a word each.
    pub ours: Vec<(String, String)>,
    /// What the processor said when it was asked last, and when.
    pub theirs: Vec<(String, When)>,
    /// What was not lost, a sentence each.
    pub safe: Vec<String>,
    pub is_conflicted: bool,
    /// Whether this person may ask and decide.
    pub may_act: bool,
    pub can_ask: bool,
    pub ways: Vec<Way>,
    /// Why none of them may fit, and what then.
    pub no_way: String,
    pub reason: Field,
    /// What a processor that cannot be asked never said.
    pub questions: Vec<Question>,
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
    standing: Standing,
    checkout: Option<Checkout>,
    gift_card: Option<gift_cards::Use>,
    order: Option<checkout::Order>,
    unheard: Vec<payments::Unheard>,
    now: Time,
}

async fn read(app: &App, staff: &Staff, id: IntentId) -> Result<Desk> {
    let shop_id = staff.shop;
    let processors = app.processors.clone();
    app.db
        .read(move |tx| {
            let standing = payments::standing(tx, shop_id, id)?.ok_or_else(|| Error::not_found("payment"))?;
            Ok(Desk {
                shop: shop(tx, shop_id)?,
                checkout: checkout::find(tx, shop_id, standing.intent.checkout)?,
                order: checkout::order_of_checkout(tx, shop_id, standing.intent.checkout)?,
                gift_card: gift_cards::used(tx, standing.intent.checkout)?,
                unheard: payments::unheard(tx, &processors, id)?,
                now: tx.now(),
                standing,
            })
        })
        .await
}

pub async fn show(
    State(app): State<App>,
    staff: Analyst,
    Path((_, id)): Path<(String, IntentId)>,
    Query(after): Query<After>,
) -> std::result::Result<Response, Problem> {
    let desk = read(&app, &staff, id).await?;
    let mut shown = PaymentPage::of(&app, &desk, &staff);
    shown.frame = shown.frame.after(after.done.as_deref());
    page(&shown)
}

/// Asks the processor now.
pub async fn look(
    State(app): State<App>,
    creator: Creator,
    Path((_, id)): Path<(String, IntentId)>,
) -> std::result::Result<Response, Problem> {
    let desk = read(&app, &creator, id).await?;
    payments::ask_now(&app, creator.shop, id, checkout::conclude).await?;
    Ok(redirect(&format!(
        "/studio/{}/payments/{id}?done=asked",
        desk.shop.slug
    )))
}

/// Decides about a conflict, or comes back with the reason as it was typed.
pub async fn decide(
    State(app): State<App>,
    creator: Creator,
    Path((_, id)): Path<(String, IntentId)>,
    Form(typed): Form<Typed>,
) -> std::result::Result<Response, Problem> {
    let chosen = Decision::ALL
        .into_iter()
        .find(|decision| decision.word() == typed.one("decision"));
    let settled = match chosen {
        None => Err(Error::field("/decision", "Choose what to do.")),
        Some(decision) => {
            let decided = Decided {
                decision,
                version: typed.version(),
                who: payments::who(&creator),
                reason: typed.one("reason").into(),
                of: typed.one("of").into(),
                reference: typed.one("reference").into(),
            };
            payments::settle(&app, creator.shop, id, decided, checkout::conclude).await
        }
    };
    let desk = read(&app, &creator, id).await?;
    let mut again = PaymentPage::of(&app, &desk, &creator);
    again.keep(&typed, None);
    match settled {
        Ok(Settle::Settled(_)) => {
            return Ok(redirect(&format!(
                "/studio/{}/payments/{id}?done=decided",
                desk.shop.slug
            )));
        }
        Ok(Settle::NotFound) => return Err(Error::not_found("payment").into()),
        Ok(Settle::NotConflicted) => {
            again.problems = vec![Wrong::new(
                "main",
                "This payment is in no conflict any more: see below how it stands.",
            )];
        }
        Ok(Settle::Stale(_)) => {
            again.problems = vec![Wrong::new(
                "main",
                "Something happened to this payment since you opened the page. Look at it as it stands now, then decide again.",
            )];
        }
        Ok(Settle::NotProven(doubts)) => {
            again.problems = doubts.iter().map(|doubt| Wrong::new("decide", doubt)).collect();
        }
        Err(error) if matches!(error.kind, Kind::Invalid) => {
            again.keep(&typed, Some(&error));
            let of = typed.one("of");
            let named = |name: &str| {
                if of.is_empty() {
                    name.to_owned()
                } else {
                    format!("{name}-{of}")
                }
            };
            let (reason, reference, decide) = (named("reason"), named("reference"), named("decide"));
            let places = [
                ("/reason", reason.as_str(), "Why"),
                ("/reference", reference.as_str(), "Its name there"),
                ("/decision", decide.as_str(), "What"),
            ];
            again.problems = Wrong::all(&error, &places);
        }
        Err(error) => return Err(error.into()),
    }
    page(&again)
}

impl PaymentPage {
    /// Keeps what was typed in the form that was sent, beside what was refused.
    fn keep(&mut self, typed: &Typed, error: Option<&Error>) {
        let field = |name: &str, pointer: &str| match error {
            Some(error) => Field::judged(typed.one(name), error, pointer),
            None => Field::of(typed.one(name)),
        };
        let question = self
            .questions
            .iter_mut()
            .find(|question| question.of == typed.one("of"));
        let (ways, reason) = match question {
            Some(question) => {
                question.reference = field("reference", "/reference");
                (&mut question.ways, &mut question.reason)
            }
            None => (&mut self.ways, &mut self.reason),
        };
        *reason = field("reason", "/reason");
        for way in ways {
            way.choice.chosen = way.choice.value == typed.one("decision");
        }
    }
}

/// What a processor that cannot be asked never said, for whoever may say it in its place.
fn questions(unheard: &[payments::Unheard], may_act: bool, now: Time) -> Vec<Question> {
    let question = |one: &payments::Unheard| {
        let amount = words::money(one.amount);
        let (made, what) = if one.is_refund {
            ("given back", "refund")
        } else {
            ("taken", "capture")
        };
        let open = one.from <= now;
        let way = |decision: Decision, label: String, means: String| Way {
            choice: Choice::new(decision.word(), &label),
            means,
        };
        let ways = vec![
            way(
                Decision::Happened,
                format!("It was {made}"),
                format!(
                    "{} shows this {what}. It is written into the ledger as if it had said so.",
                    one.processor
                ),
            ),
            way(
                Decision::DidNotHappen,
                format!("It was not {made}"),
                format!(
                    "{} shows no such {what}, or a failed one. It can be asked for again.",
                    one.processor
                ),
            ),
        ];
        let detail = if open {
            format!(
                "{} cannot be asked by programs, and has not told us. Look at its own pages, and say here what they show. Should it tell us the \
                 opposite later, the payment is frozen.",
                one.processor
            )
        } else {
            format!(
                "{} cannot be asked by programs. Until {} we repeat the same request, which does nothing twice; after that a person has to look.",
                one.processor,
                words::exact(one.from)
            )
        };
        Question {
            of: one.of.clone(),
            title: format!("Was {amount} {made}?"),
            detail,
            ways: if open && may_act { ways } else { Vec::new() },
            reference: Field::default(),
            reason: Field::default(),
        }
    };
    unheard.iter().map(question).collect()
}

/// A payment's state in a word or two.
fn chip(state: IntentState) -> Chip {
    match state {
        IntentState::RequiresMethod => Chip::new(Tone::Quiet, "Nothing promised"),
        IntentState::Processing => Chip::new(Tone::Warn, "Asked"),
        IntentState::RequiresAction => Chip::new(Tone::Warn, "At the bank"),
        IntentState::Unknown => Chip::new(Tone::Bad, "No answer yet"),
        IntentState::Conflicted => Chip::new(Tone::Bad, "Needs a person"),
        IntentState::RequiresCapture => Chip::new(Tone::Quiet, "Promised"),
        IntentState::PartiallyCaptured => Chip::new(Tone::Warn, "Partly taken"),
        IntentState::Succeeded => Chip::new(Tone::Ok, "Taken"),
        IntentState::Canceled => Chip::new(Tone::Quiet, "Let go"),
        IntentState::Expired => Chip::new(Tone::Bad, "Ran out"),
    }
}

fn ways(standing: &Standing, processor: &str) -> Vec<Way> {
    let amount = words::money(standing.intent.amount);
    let owed = standing.intent.is_owed_back();
    let way = |decision: Decision| {
        let (label, means) = match decision {
            Decision::GiveBack if owed => (
                "Give it back once more",
                format!(
                    "{processor} is asked anew for what it refused to give back. Should it refuse again, give it back at {processor} itself."
                ),
            ),
            Decision::Agrees => (
                "The books agree by now",
                format!(
                    "{processor} is asked once more. If it says what we have written down, the payment goes on where both books prove it is."
                ),
            ),
            Decision::LetGo => (
                "Let the promise go",
                format!(
                    "What {processor} promises for this payment is let go, all of it. The buyer may pay in another way. Only if nothing was taken."
                ),
            ),
            Decision::Happened | Decision::DidNotHappen => ("", String::new()),
            Decision::GiveBack => (
                "Give it all back",
                format!(
                    "What {processor} took is written into the ledger and goes back, all of it; its fee stays with it. Only if it took exactly {amount}."
                ),
            ),
        };
        Way {
            choice: Choice::new(decision.word(), label),
            means,
        }
    };
    payments::decisions(&standing.intent, &standing.attempts)
        .into_iter()
        .map(way)
        .collect()
}

/// What the processor's books said when they were looked at last: the newest looks, together.
fn theirs(standing: &Standing, now: Time) -> Vec<(String, When)> {
    let looks: Vec<&payments::Entry> = standing.entries.iter().filter(|entry| entry.is_look()).collect();
    let Some(newest) = looks.last().map(|entry| entry.at) else {
        return Vec::new();
    };
    let last = looks.iter().filter(|entry| entry.at == newest);
    last.map(|entry| (entry.what.clone(), When::of(entry.at, now)))
        .collect()
}

impl PaymentPage {
    fn of(app: &App, desk: &Desk, staff: &Staff) -> Self {
        let standing = &desk.standing;
        let intent = &standing.intent;
        let money = |minor: i64| words::money(Money::new(minor, intent.amount.currency));
        let title = match &desk.order {
            Some(order) => format!("Payment of order {}", order.number),
            None => format!("Payment of {} without an order", words::money(intent.amount)),
        };
        let frame = Frame::of(&desk.shop, staff, Section::Orders, &title);
        let here = format!("/studio/{}/payments/{}", frame.shop_slug, intent.id);
        let is_conflicted = intent.state == IntentState::Conflicted;
        let processor = standing.holder().map_or("The processor", |attempt| &attempt.processor);
        let answers = app.processor(processor).is_ok_and(|one| one.repeats_for().is_none());
        let may_act = staff.role.may_create();
        let references: Vec<String> = standing.attempts.iter().map(payments::Attempt::reference).collect();
        let mut ours = vec![
            ("To be paid".to_owned(), words::money(intent.amount)),
            ("Promised to us".into(), money(intent.authorized_minor)),
            ("Taken".into(), money(intent.captured_minor)),
            ("Given back".into(), money(intent.refunded_minor)),
        ];
        for (name, pending) in [
            ("Being taken, no clear word", intent.capture_pending_minor),
            ("On its way back, no clear word", intent.refund_pending_minor),
        ] {
            if pending > 0 {
                ours.push((name.into(), money(pending)));
            }
        }
        ours.push(("Our reference there".into(), references.join(", ")));
        let quote = desk.checkout.as_ref().map(|checkout| &checkout.offer.quote);
        let lines = quote.into_iter().flat_map(|quote| &quote.lines);
        Self {
            state: chip(intent.state),
            version: intent.version,
            begun: When::of(
                standing.attempts.first().map_or(desk.now, |attempt| attempt.created_at),
                desk.now,
            ),
            order: desk.order.as_ref().map(|order| {
                (
                    format!("{}/{}", frame.to(&Section::Orders), order.id),
                    order.number.clone(),
                )
            }),
            what: lines
                .map(|line| format!("{} × {}", line.quantity, line.title))
                .collect(),
            buyer: (desk.checkout.as_ref())
                .and_then(|checkout| checkout.contact.email.clone().or(checkout.contact.phone.clone()))
                .unwrap_or_default(),
            money: {
                let part = PaymentPart::of(standing, &desk.shop.slug, desk.now);
                match &desk.checkout {
                    Some(checkout) => part.with(desk.gift_card.as_ref(), checkout),
                    None => part,
                }
            },
            theirs: theirs(standing, desk.now),
            safe: safe(standing, desk.order.is_some()),
            can_ask: may_act && (is_conflicted || !standing.waits.is_empty()),
            ways: if answers && may_act {
                ways(standing, processor)
            } else {
                Vec::new()
            },
            no_way: no_way(is_conflicted, answers, may_act, processor),
            reason: Field::default(),
            questions: questions(&desk.unheard, may_act, desk.now),
            timeline: timeline(standing, desk.now),
            problems: Vec::new(),
            ours,
            is_conflicted,
            may_act,
            here,
            title,
            frame,
        }
    }

    /// An answer about another amount, before any order was born; the books were looked at since.
    pub fn sample() -> Self {
        let when = |relative: &str| When::new(relative, "21 November 2026, 14:10 UTC", "2026-11-21T14:10:00Z");
        let way = |decision: Decision, label: &str, means: &str| Way {
            choice: Choice::new(decision.word(), label),
            means: means.into(),
        };
        let happening = |title: &str, detail: &str| Happening {
            tone: Tone::Quiet,
            title: title.into(),
            detail: detail.into(),
            amount: String::new(),
            at: when("6 minutes ago"),
        };
        Self {
            frame: Frame::sample(Section::Orders, "Payment of €34.90 without an order"),
            here: "/studio/nour/payments/int_01jd3v8k2m7q9x4r5t6w8y0z1a".into(),
            version: 3,
            title: "Payment of €34.90 without an order".into(),
            state: chip(IntentState::Conflicted),
            begun: when("8 minutes ago"),
            order: None,
            what: vec!["1 × Ash glaze mug".into()],
            buyer: "amira.saleh@example.org".into(),
            money: PaymentPart {
                gift_card: String::new(),
                sentence: "Frozen: the processor's books and ours differ. Nothing is taken or given back until somebody has decided.".into(),
                waits: Vec::new(),
                rows: vec![MoneyRow {
                    what: "Try 1: asked to promise".into(),
                    processor: "stripe".into(),
                    amount: "€34.90".into(),
                    outcome: Chip::new(Tone::Bad, "Contradicts us"),
                    detail: "There it is pi_3QK2aB.".into(),
                    at: when("8 minutes ago"),
                }],
                disputes: Vec::new(),
            },
            ours: [("To be paid", "€34.90"), ("Promised to us", "€0.00"), ("Taken", "€0.00"), ("Given back", "€0.00")]
                .map(|(name, words)| (name.to_owned(), words.to_owned()))
                .to_vec(),
            theirs: vec![(
                "Looked at the books of stripe: for try 1 it promises 34.90 EUR.".into(),
                when("2 minutes ago"),
            )],
            safe: vec![
                "Nothing was taken of the buyer by our books, and nothing will be while this is frozen.".into(),
                "Nobody else is asked for this money, so nobody is charged twice.".into(),
            ],
            is_conflicted: true,
            may_act: true,
            can_ask: true,
            ways: vec![
                way(Decision::Agrees, "The books agree by now", "stripe is asked once more. If it says what we have written down, the payment goes on where both books prove it is."),
                way(Decision::LetGo, "Let the promise go", "What stripe promises for this payment is let go, all of it. The buyer may pay in another way. Only if nothing was taken."),
                way(Decision::GiveBack, "Give it all back", "What stripe took is written into the ledger and goes back, all of it; its fee stays with it. Only if it took exactly €34.90."),
            ],
            no_way: no_way(true, true, true, "stripe"),
            reason: Field::default(),
            questions: Vec::new(),
            timeline: vec![
                happening("stripe contradicts us about 34.90 EUR. Frozen until a person decides.", "The processor answered with another amount, currency or reference."),
                happening("Asked stripe for 34.90 EUR (try 1).", ""),
            ],
            problems: Vec::new(),
        }
    }

    /// No answer yet; it is looked at again by itself.
    pub fn waiting() -> Self {
        let when = |relative: &str| When::new(relative, "21 November 2026, 14:20 UTC", "2026-11-21T14:20:00Z");
        let mut page = Self::sample();
        page.money = PaymentPart {
            gift_card: String::new(),
            sentence: "Nobody knows yet whether €34.90 is promised. Nobody else is asked meanwhile, so nobody is charged twice.".into(),
            waits: vec![WaitLine {
                what: "stripe has not said what became of 34.90 EUR. Nobody else is asked meanwhile.".into(),
                next: when("in 8 minutes"),
                so_far: "Looked at 4 times so far.".into(),
            }],
            rows: page.money.rows,
            disputes: Vec::new(),
        };
        Self {
            state: chip(IntentState::Unknown),
            theirs: Vec::new(),
            is_conflicted: false,
            ways: Vec::new(),
            no_way: String::new(),
            ..page
        }
    }

    /// A processor that cannot be asked never said whether it took the money.
    pub fn unheard() -> Self {
        let asked_at = Time(1_795_428_000_000_000);
        let unheard = payments::Unheard {
            of: "cap_01jd3v8k2m7q9x4r5t6w8y0z1a".into(),
            is_refund: false,
            processor: "adyen".into(),
            amount: Money::new(3490, crate::kernel::Currency::EUR),
            asked_at,
            from: asked_at,
        };
        Self {
            questions: questions(&[unheard], true, asked_at),
            ..Self::waiting()
        }
    }

    /// The decision was not proven by what the processor says.
    pub fn refused() -> Self {
        Self {
            problems: vec![Wrong::new(
                "decide",
                "We asked for 34.90 EUR in try 1, and stripe took 34.90 EUR.",
            )],
            reason: Field::of("Stripe's support says that it is fine now"),
            ..Self::sample()
        }
    }
}

/// What was not lost.
fn safe(standing: &Standing, has_order: bool) -> Vec<String> {
    let state = standing.intent.state;
    let mut safe = Vec::new();
    if state == IntentState::Conflicted {
        safe.push(if standing.intent.captured_minor == 0 {
            "Nothing was taken of the buyer by our books, and nothing will be while this is frozen.".into()
        } else {
            "What both sides agreed on is in the ledger. Nothing more is taken or given back while this is frozen."
                .to_owned()
        });
        safe.push("Nobody else is asked for this money, so nobody is charged twice.".into());
    } else if !standing.waits.is_empty() && state.waits() {
        safe.push("Nobody else is asked while the answer is missing, so nobody is charged twice.".into());
        safe.push("If the money turns up too late, it is let go again by itself.".into());
    }
    if !safe.is_empty() && has_order {
        safe.push("The order and what the buyer saw are kept as they were.".into());
    }
    safe
}

fn no_way(is_conflicted: bool, answers: bool, may_act: bool, processor: &str) -> String {
    if !is_conflicted {
        return String::new();
    }
    if !may_act {
        return "An owner or creator can ask the processor and decide.".into();
    }
    if !answers {
        return format!(
            "{processor} cannot be asked by programs, so nothing can prove here which books are right. There is no safe way out of this in \
             Hawker: settle it at {processor} itself. Here the payment stays frozen, and no money of it moves."
        );
    }
    format!(
        "None of these fits if {processor} took another amount than we asked for, or says that a bank turned back what it had taken or given \
         back: no program can say for which pieces that is. Then settle it at {processor} itself. Where everything that it took went back there, its \
         books and ours agree again. Until then the payment stays frozen, and no money of it moves."
    )
}

/// Everything that happened, newest first.
fn timeline(standing: &Standing, now: Time) -> Vec<Happening> {
    let told = |entry: &payments::Entry| Happening {
        tone: Tone::Quiet,
        title: entry.what.clone(),
        detail: entry.detail.clone(),
        amount: String::new(),
        at: When::of(entry.at, now),
    };
    standing.entries.iter().rev().map(told).collect()
}
