//! Erasures over HTTP, for the owner of a shop. A buyer asks on the page of their order.

use super::ask::{Ask, Wish, ask, preview};
use super::model::{AskedBy, Erasure, ErasureState, Held, Item, ItemState, Preview, Subject, Why, until};
use super::store;
use crate::app::App;
use crate::http::{Json, Path, Problem, Query, json};
use crate::identity::Owner;
use crate::kernel::{ErasureId, Error, OrderId, PageIn, PageOut, Result, ShopId, Time};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};

/// Whom to erase.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewErasure)]
pub struct ErasureIn {
    /// Chosen by the client; sending it again is the same wish.
    id: ErasureId,
    /// Their e-mail address, or telephone number: all their purchases in this shop.
    contact: String,
}

/// Whom to look for.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ErasureQuestion)]
pub struct QuestionIn {
    /// Their e-mail address, or telephone number.
    contact: String,
}

/// What asking would do now.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ErasurePreview)]
pub struct PreviewOut {
    /// Orders that would be erased at once.
    pub orders: usize,
    /// Purchases that became no order.
    pub begun: usize,
    pub letters: usize,
    /// Kept cards, which the processors are told to forget.
    pub cards: usize,
    /// What would be held, and why.
    pub held: Vec<HeldOut>,
}

/// A purchase that is held.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ErasureHold)]
pub struct HeldOut {
    /// Null: no order was born yet.
    pub order: Option<OrderId>,
    pub number: Option<String>,
    pub reasons: Vec<Why>,
    /// When that ends; null: with what happens.
    pub until: Option<Time>,
    /// The same, for people.
    pub words: String,
}

/// A buyer's wish to be erased. It does not say who they are.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Erasure)]
pub struct ErasureOut {
    pub id: ErasureId,
    pub state: ErasureState,
    pub asked_by: AskedBy,
    pub asked_at: Time,
    pub done_at: Option<Time>,
    /// Purchases that are erased.
    pub erased: usize,
    /// Purchases that are held, and why.
    pub held: Vec<HeldOut>,
}

impl From<&Item> for HeldOut {
    fn from(item: &Item) -> Self {
        Self {
            order: item.order(),
            number: item.number.clone(),
            reasons: item.reasons.clone(),
            until: item.until,
            words: item.words(),
        }
    }
}

impl From<&Held> for HeldOut {
    fn from(held: &Held) -> Self {
        Self {
            order: held.number.as_ref().map(|_| held.checkout.order()),
            number: held.number.clone(),
            reasons: held.holds.iter().map(|hold| hold.why).collect(),
            until: until(&held.holds),
            words: held.words(),
        }
    }
}

impl From<&Preview> for PreviewOut {
    fn from(preview: &Preview) -> Self {
        Self {
            orders: preview.orders,
            begun: preview.begun,
            letters: preview.letters,
            cards: preview.cards,
            held: preview.held.iter().map(HeldOut::from).collect(),
        }
    }
}

impl ErasureOut {
    fn new(erasure: &Erasure, items: &[Item]) -> Self {
        let of = |state| items.iter().filter(move |item| item.state == state);
        Self {
            id: erasure.id,
            state: erasure.state,
            asked_by: erasure.asked_by,
            asked_at: erasure.asked_at,
            done_at: erasure.done_at,
            erased: of(ItemState::Erased).count(),
            held: of(ItemState::Held).map(HeldOut::from).collect(),
        }
    }
}

async fn shown(app: &App, shop: ShopId, id: ErasureId, status: StatusCode) -> Result<Response, Problem> {
    let found = app
        .db
        .read(move |tx| {
            let found = store::find(tx, shop, id)?;
            Ok(match found {
                Some(erasure) => Some((erasure, store::items(tx, id)?)),
                None => None,
            })
        })
        .await?;
    let (erasure, items) = found.ok_or_else(|| Error::not_found("erasure"))?;
    Ok(json(status, ErasureOut::new(&erasure, &items)))
}

/// What erasing somebody would do now: what is deleted, what is held and why. Nothing is changed.
#[utoipa::path(post, path = "/v1/erasures/preview", tag = "shop", request_body = QuestionIn, responses((status = 200, body = PreviewOut),
    (status = 422, description = "`invalid_field`: neither an address nor a number.")))]
pub async fn post_erasure_preview(
    State(app): State<App>,
    owner: Owner,
    Json(body): Json<QuestionIn>,
) -> Result<Response, Problem> {
    let subject = Subject::read(&body.contact)?;
    let preview = preview(&app, owner.shop, &subject).await?;
    Ok(json(StatusCode::OK, PreviewOut::from(&preview)))
}

/// Erase a buyer from this shop: everything that says who they are, now or when nothing needs it any more. They get a letter that says so.
#[utoipa::path(post, path = "/v1/erasures", tag = "shop", request_body = ErasureIn, responses((status = 201, body = ErasureOut),
    (status = 200, body = ErasureOut, description = "The same again."),
    (status = 409, description = "`id_reused`: this id is of a wish about somebody else."),
    (status = 422, description = "`invalid_field`: neither an address nor a number.")))]
pub async fn post_erasure(
    State(app): State<App>,
    owner: Owner,
    Json(body): Json<ErasureIn>,
) -> Result<Response, Problem> {
    let wish = Wish {
        id: body.id,
        subject: Subject::read(&body.contact)?,
        by: AskedBy::Staff,
        staff: owner.staff,
    };
    match ask(&app, owner.shop, wish).await? {
        Ask::Asked(erasure) => shown(&app, owner.shop, erasure.id, StatusCode::CREATED).await,
        Ask::Again(erasure) => shown(&app, owner.shop, erasure.id, StatusCode::OK).await,
        Ask::OtherWish => Err(Problem::conflict("id_reused", "This id is taken. Make a new one.")),
    }
}

/// Who asked to be erased, newest first.
#[utoipa::path(get, path = "/v1/erasures", tag = "shop", params(PageIn), responses((status = 200, body = PageOut<ErasureOut>)))]
pub async fn list_erasures(
    State(app): State<App>,
    owner: Owner,
    Query(page): Query<PageIn>,
) -> Result<Response, Problem> {
    let shop = owner.shop;
    let found = app
        .db
        .read(move |tx| {
            let found = store::list(tx, shop, page.after()?, page.limit())?;
            let mut data = Vec::with_capacity(found.data.len());
            for erasure in &found.data {
                data.push(ErasureOut::new(erasure, &store::items(tx, erasure.id)?));
            }
            Ok(crate::kernel::Page { data, next: found.next })
        })
        .await?;
    Ok(json(StatusCode::OK, found.map(|out| out)))
}

/// How far an erasure got.
#[utoipa::path(get, path = "/v1/erasures/{erasure}", tag = "shop", params(("erasure" = ErasureId, Path)),
    responses((status = 200, body = ErasureOut), (status = 404)))]
pub async fn get_erasure(State(app): State<App>, owner: Owner, Path(id): Path<ErasureId>) -> Result<Response, Problem> {
    shown(&app, owner.shop, id, StatusCode::OK).await
}
