//! The edge: what every handler shares and no verb knows. Problems, bodies, versions, rate limits, repeated requests, events, headers.
//!
//! Tables: idempotency_keys.
//! Facts published: none.
//! Always true: an error leaves as `application/problem+json` with a stable code and never with its cause; a body with a field nobody reads
//! is refused; a repeated request with the same `Idempotency-Key` changes nothing twice and answers the same.
//! It deliberately knows no rights (see `identity`) and no routes (see `routes`).

mod address;
mod body;
mod events;
mod idempotency;
mod limits;
mod live;
mod pages;
mod problem;
mod same_origin;
mod store;
mod version;

#[cfg(test)]
mod tests;

pub use address::ClientAddress;
pub use body::{Form, Json, Path, Query, body_bytes, json, read_json};
pub use events::{Stopping, events};
pub use idempotency::{
    Begin, IdempotencyKey, KeptAs, LEASE, NewId, Scope, answers_with, begin, erase_answer, fingerprint, finish,
    forget_old_keys, give_up, once,
};
pub use limits::{Limit, Who, forget_idle_callers, limit};
pub use live::{Following, Live, Watched, follow};
pub use pages::{allow_on_page, allow_other_origins, html, page, page_unless_known, redirect, security_headers};
pub use problem::{Problem, ProblemOut, Shown};
pub use same_origin::{SameOrigin, is_same_origin};
pub use version::{IfMatch, etag, for_a_moment, json_unless_known};
