//! The shop's pages: server-rendered, readable and buyable without JavaScript.
//!
//! Owns no table and publishes no fact: pages read through the verbs of the modules to the left. One page is one struct with `sample()`, one
//! template of the same name. A page struct holds strings that are ready to show (money, times and states already in the viewer's words), so
//! a template never calculates and can be looked at without a database.
//! Always true: no inline script, no inline style, nothing from a third party, and every page makes sense with scripts and styles off.
//! It deliberately knows nothing of the player: the clip page hands it one tag around a plain video.

pub mod accent;
pub mod checkout_form;
pub mod checkout_page;
pub mod clip_page;
pub mod frame;
pub mod drop_letters;
pub mod drop_page;
pub mod erasure_page;
pub mod exchange_page;
pub mod front;
pub mod home_page;
pub mod mailbox_page;
pub mod message_page;
pub mod order_page;
pub mod policy_page;
pub mod product_page;
pub mod sandbox_challenge_page;
pub mod sitemap;
pub mod stored_methods_page;
pub mod withdrawal_page;
pub mod structured_data;
pub mod window_page;

#[cfg(test)]
mod tests;
