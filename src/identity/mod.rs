//! Who is asking, and what they may do: shops, staff with roles, sign-in links, sessions, API keys; and the extractors that put rights into a
//! handler's signature.
//!
//! Tables: shops, shop_policies, staff, sign_in_links, sessions, api_keys.
//! Facts published: none.
//! Always true: a shop sells inside its window, by the database's clock; secrets are stored as SHA-256 only and shown once; a link opens one session; a revoked key, an ended session and a disabled
//! person are refused at once by this process (a replica believes a key for at most five seconds); the shop follows from the credential,
//! never from the request; the last owner cannot be removed.
//! It deliberately has no passwords and no accounts of buyers.

mod api;
mod edit_shop;
mod extract;
mod idempotent;
mod keys;
mod model;
mod open_shop;
mod people;
mod policies;
mod sign_in;
mod store;
mod window;
mod window_api;

#[cfg(test)]
mod tests;

pub use api::*;
pub use edit_shop::{EditShop, ShopEdit, edit_shop};
pub use extract::{Analyst, Creator, Helper, Measurer, Owner, Packer, Player, Staff, player_of, session_token};
pub use idempotent::idempotent;
pub use keys::{KeyKind, NewKey, forget_known_keys, key_list, make_key, revoke_key};
pub use model::{ApiKey, Person, Role, SCOPES, Seller, Session, Shop, Trading, Window, slug_of};
pub use open_shop::{CreateShop, NewShop, create_shop};
pub use people::{
    AddPerson, ChangePerson, NewPerson, PersonChange, add_person, change_person, disable_person, end_sessions_of,
};
pub use policies::{Policies, PoliciesHash, keep_policies};
pub use sign_in::{
    Door, Linked, SESSION_COOKIE, close_session, consume_link, forget_old_sign_ins, link_for, look_at_link,
    session_cookie, sign_in_by_mail, signed_out_cookie,
};
pub use store::{people, policies, publishable_key, shop, shop_by_slug, shops};
pub use window::{SetWindow, close_shop, look_at_window, must_trade, set_window, stay_open, windows_due};
pub use window_api::*;
