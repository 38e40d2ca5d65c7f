//! One line that does not agree: what they say, what we have, and a person's yes or no.

use super::field::{Choice, Field, Problem as Wrong, refusable};
use super::frame::{Chip, Frame, Section};
use super::settlement_file_page::line_chip;
use super::settlement_files_page::path;
use super::typed::Typed;
use super::when::When;
use crate::app::App;
use crate::checkout::{self, Order};
use crate::db::{LaneKey, Tx};
use crate::http::{Form, Path, Problem, page, redirect};
use crate::identity::{Analyst, Creator, Shop, Staff, shop};
use crate::kernel::{Error, Money, Result, SettlementLineId, Time, words};
use crate::payments::settlement_files::{self, Decide, Decision, LineState, SettlementLine, decide, explain, noun};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

#[derive(Template)]
#[template(path = "studio/settlement_exception.html")]
pub struct SettlementExceptionPage {
    pub frame: Frame,
    pub here: String,
    pub list: String,
    pub title: String,
    pub detail: String,
    pub state: Chip,
    pub since: When,
    pub theirs: Vec<(&'static str, String)>,
    pub ours: Vec<(&'static str, String)>,
    /// Its link and number.
    pub order: Option<(String, String)>,
    pub file: String,
    /// What each choice means; empty where nothing is left to decide.
    pub ways: Vec<(Choice, String)>,
    pub reason: Field,
    /// Why it was decided so, and when.
    pub decided: Option<(String, When)>,
    pub problems: Vec<Wrong>,
}

struct Desk {
    shop: Shop,
    line: SettlementLine,
    order: Option<Order>,
    now: Time,
}

fn read(tx: &mut Tx<'_>, staff: &Staff, id: SettlementLineId) -> Result<Desk> {
    let line = settlement_files::line(tx, staff.shop, id)?.ok_or_else(|| Error::not_found("settlement line"))?;
    let order = match line.checkout {
        Some(checkout) => checkout::order_of_checkout(tx, staff.shop, checkout)?,
        None => None,
    };
    Ok(Desk {
        shop: shop(tx, staff.shop)?,
        line,
        order,
        now: tx.now(),
    })
}

pub async fn show(
    State(app): State<App>,
    staff: Analyst,
    Path((_, id)): Path<(String, SettlementLineId)>,
) -> std::result::Result<Response, Problem> {
    let who = staff.0.clone();
    let desk = app.db.read(move |tx| read(tx, &who, id)).await?;
    page(&SettlementExceptionPage::of(&desk, &staff))
}

/// A person's yes or no.
pub async fn save(
    State(app): State<App>,
    creator: Creator,
    Path((_, id)): Path<(String, SettlementLineId)>,
    Form(typed): Form<Typed>,
) -> std::result::Result<Response, Problem> {
    let (who, given) = (creator.0.clone(), typed.clone());
    let (decided, desk) = app
        .db
        .write(LaneKey::of(creator.shop), move |tx| {
            let decision = match given.one("decision") {
                "accept" => Ok(Decision::Accept),
                "leave" => Ok(Decision::Leave),
                _ => Err(Error::field("/decision", "Choose one of the two.")),
            };
            let decided = match decision {
                Ok(decision) => refusable(decide(tx, who.shop, id, decision, given.one("reason"), who.staff))?,
                Err(error) => Err(error),
            };
            Ok((decided, read(tx, &who, id)?))
        })
        .await?;
    let mut again = SettlementExceptionPage::of(&desk, &creator);
    match decided {
        Ok(Decide::Decided(line)) if line.state == LineState::Open => {
            again.problems = vec![Wrong::new(
                "says",
                "We have heard of it since, and it does not agree. Nothing was booked: look at it again.",
            )];
        }
        Ok(Decide::Decided(_)) => return Ok(redirect(&format!("{}?done=settled", again.list))),
        Ok(Decide::NotFound) => return Err(Error::not_found("settlement line").into()),
        Ok(Decide::NotOpen(_)) => {
            again.problems = vec![Wrong::new(
                "says",
                "Somebody decided about it meanwhile, or it has come.",
            )];
        }
        Err(error) => {
            again.reason = Field::judged(typed.one("reason"), &error, "/reason");
            for (choice, _) in &mut again.ways {
                choice.chosen = choice.value == typed.one("decision");
            }
            again.problems = Wrong::all(
                &error,
                &[("/reason", "reason", "Why"), ("/decision", "decide", "Decide")],
            );
        }
    }
    page(&again)
}

impl SettlementExceptionPage {
    fn of(desk: &Desk, staff: &Staff) -> Self {
        let line = &desk.line;
        let says = explain(line);
        let frame = Frame::of(&desk.shop, staff, Section::Money, &says.title);
        let list = path(&frame.shop_slug);
        let base = frame.to(&Section::Money);
        let mut theirs = Vec::new();
        if line.number > 0 {
            theirs.push(("Line", line.number.to_string()));
            theirs.push((
                "Kind",
                match noun(line.kind) {
                    same if same == line.word => same.to_owned(),
                    kind => format!("{kind} ({})", line.word),
                },
            ));
            theirs.push(("Sold", words::money(line.sold)));
            theirs.push(("Kept", words::money(Money::new(line.fee_minor, line.net.currency))));
            theirs.push(("Settled", words::money(line.net)));
        }
        if let Some(at) = line.at.filter(|_| line.number > 0) {
            theirs.push(("Of", words::exact(at)));
        }
        if !line.payment.is_empty() {
            theirs.push(("Payment", line.payment.clone()));
        }
        if !line.operation.is_empty() {
            theirs.push(("Operation", line.operation.clone()));
        }
        let money = |minor| words::money(Money::new(minor, line.ours_currency()));
        let ours = match line.ours {
            Some(_) => vec![
                ("Amount", money(line.ours_minor)),
                ("Expected to be kept", money(line.ours_fee_minor)),
            ],
            None => Vec::new(),
        };
        let open = line.state == LineState::Open && staff.role.may_create();
        let ways = [
            (Choice::new("accept", "The file is right"), says.accept),
            (
                Choice::new("leave", "Leave our books as they are"),
                "Nothing is booked. Say what you do about it instead.".to_owned(),
            ),
        ];
        Self {
            here: format!("{base}/settlement-exceptions/{}", line.id),
            title: says.title,
            detail: says.detail,
            state: line_chip(line),
            since: When::of(line.created_at, desk.now),
            theirs,
            ours,
            order: (desk.order.as_ref()).map(|order| (format!("{base}/sales/{}", order.id), order.number.to_string())),
            file: format!("{list}/{}", line.file),
            ways: if open { ways.into() } else { Vec::new() },
            reason: Field::default(),
            decided: line.decided_at.map(|at| (line.reason.clone(), When::of(at, desk.now))),
            problems: Vec::new(),
            list,
            frame,
        }
    }

    pub fn sample() -> Self {
        use super::frame::Tone;
        Self {
            frame: Frame::sample(Section::Money, "What the processors' files say"),
            here: "/studio/nour/money/settlement-exceptions/sln_01jd4a1b2c3d4e5f6g7h8j1044".into(),
            list: "/studio/nour/money/settlement-files".into(),
            title: "€9.99 was kept of €34.90, and €0.77 was expected".into(),
            detail: "The amount is as we have it; stripe kept far more or less of it.".into(),
            state: Chip::new(Tone::Warn, "In question"),
            since: When::new("2 days ago", "19 November 2026, 10:12 UTC", "2026-11-19T10:12:00Z"),
            theirs: vec![
                ("Line", "4".into()),
                ("Kind", "charge".into()),
                ("Sold", "€34.90".into()),
                ("Kept", "€9.99".into()),
                ("Settled", "€24.91".into()),
                ("Payment", "pi_3OaXyz2eZvKYlo2C1rtg1l7A".into()),
            ],
            ours: vec![("Amount", "€34.90".into()), ("Expected to be kept", "€0.77".into())],
            order: Some((
                "/studio/nour/money/sales/ord_01jd4a1b2c3d4e5f6g7h8j1044".into(),
                "1044".into(),
            )),
            file: "/studio/nour/money/settlement-files/sfl_01jd4a1b2c3d4e5f6g7h8j1044".into(),
            ways: vec![
                (
                    Choice::new("accept", "The file is right"),
                    "Agreeing books the true fee on whoever bore the expected one.".into(),
                ),
                (
                    Choice::new("leave", "Leave our books as they are"),
                    "Nothing is booked. Say what you do about it instead.".into(),
                ),
            ],
            reason: Field::default(),
            decided: None,
            problems: Vec::new(),
        }
    }

    pub fn decided() -> Self {
        use super::frame::Tone;
        Self {
            state: Chip::new(Tone::Ok, "Agreed to"),
            ways: Vec::new(),
            decided: Some((
                "Their new price list, by letter of 3 November.".into(),
                When::new("yesterday", "20 November 2026, 10:12 UTC", "2026-11-20T10:12:00Z"),
            )),
            ..Self::sample()
        }
    }
}
