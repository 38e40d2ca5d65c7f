//! The host's switch at the door of a waiting room.

use super::api::done;
use super::work::guard;
use crate::app::App;
use crate::http::{Path, Problem};
use crate::identity::Creator;
use crate::kernel::DropId;
use axum::extract::State;
use axum::response::Response;

/// From now on each new turn costs its browser some work.
#[utoipa::path(put, path = "/v1/drops/{drop}/guard", tag = "drops", params(("drop" = DropId, Path)), responses((status = 200, body = super::api::DropOut), (status = 404),
    (status = 409, description = "`wrong_drop_state`, `no_waiting_room`")))]
pub async fn put_guard(State(app): State<App>, creator: Creator, Path(id): Path<DropId>) -> Result<Response, Problem> {
    done(&app, &creator.0, id, |tx, hand| guard(tx, hand, true)).await
}

/// Only in a rush.
#[utoipa::path(delete, path = "/v1/drops/{drop}/guard", tag = "drops", params(("drop" = DropId, Path)), responses((status = 200, body = super::api::DropOut), (status = 404),
    (status = 409, description = "`wrong_drop_state`, `no_waiting_room`")))]
pub async fn delete_guard(
    State(app): State<App>,
    creator: Creator,
    Path(id): Path<DropId>,
) -> Result<Response, Problem> {
    done(&app, &creator.0, id, |tx, hand| guard(tx, hand, false)).await
}
