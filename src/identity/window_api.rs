//! A shop's window over HTTP.

use super::api::ShopOut;
use super::extract::Owner;
use super::model::Window;
use super::window::{SetWindow, close_shop, set_window, stay_open};
use crate::app::App;
use crate::db::LaneKey;
use crate::http::{Json, Problem, json};
use crate::kernel::Time;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};

/// The time in which a shop sells.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ShopWindow)]
pub struct WindowOut {
    /// Null: it is open.
    pub opens_at: Option<Time>,
    /// Null: it stays.
    pub closes_at: Option<Time>,
    /// What it sells is archived when it closes.
    #[serde(default)]
    pub archives: bool,
}

impl WindowOut {
    /// None: the shop always sells.
    pub fn of(window: &Window) -> Option<Self> {
        (*window != Window::default()).then_some(Self {
            opens_at: window.opens_at,
            closes_at: window.closes_at,
            archives: window.archives,
        })
    }
}

fn answer(set: SetWindow) -> Response {
    let (SetWindow::Set(shop) | SetWindow::Again(shop)) = set;
    json(StatusCode::OK, ShopOut::from(*shop))
}

/// Let the shop exist for a time: before it there is a page with a clock, after it a page that says so. Sent again it extends the time.
#[utoipa::path(put, path = "/v1/shop/window", tag = "shop", request_body = WindowOut, responses((status = 200, body = ShopOut),
    (status = 422, description = "`invalid_field`: a time has passed, or is earlier than what buyers were told")))]
pub async fn put_window(
    State(app): State<App>,
    owner: Owner,
    Json(body): Json<WindowOut>,
) -> Result<Response, Problem> {
    let shop = owner.shop;
    let window = Window {
        opens_at: body.opens_at,
        closes_at: body.closes_at,
        archives: body.archives,
    };
    let set = app.db.write(LaneKey::of(shop), move |tx| set_window(tx, shop, window));
    Ok(answer(set.await?))
}

/// Let the shop stay: it has no window any more, and is open.
#[utoipa::path(delete, path = "/v1/shop/window", tag = "shop", responses((status = 200, body = ShopOut)))]
pub async fn delete_window(State(app): State<App>, owner: Owner) -> Result<Response, Problem> {
    let shop = owner.shop;
    let set = app.db.write(LaneKey::of(shop), move |tx| stay_open(tx, shop));
    Ok(answer(set.await?))
}

/// Close the shop now. Who has reserved may still pay; orders, returns and money go on.
#[utoipa::path(post, path = "/v1/shop/closing", tag = "shop", responses((status = 200, body = ShopOut)))]
pub async fn post_shop_closing(State(app): State<App>, owner: Owner) -> Result<Response, Problem> {
    let shop = owner.shop;
    let set = app.db.write(LaneKey::of(shop), move |tx| close_shop(tx, shop));
    Ok(answer(set.await?))
}
