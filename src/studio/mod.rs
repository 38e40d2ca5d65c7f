//! The studio: the creator's desk.
//!
//! One page is one struct `…Page` with a `sample()`, one handler and one template of the same name under `templates/studio/`. Page structs
//! hold strings and numbers that are ready to be shown; they know no database and no rule of the business.
//!
//! Always true: every page works as plain HTML and forms; JavaScript adds comfort. No inline script, no inline style. A form posts to its
//! page's own path, carries the version of what it edits, and comes back with what was typed when it is refused.
//!
//! It deliberately keeps no rule of its own: it calls verbs of the modules to its left and shows what they answer.

pub mod chart;
mod csv;
pub mod field;
pub mod figure;
pub mod frame;
pub mod languages;
pub mod names;
pub mod typed;
pub mod when;

pub mod sign_in_confirm_page;
pub mod sign_in_page;
pub mod today_page;

pub mod clip_editor_page;
pub mod clip_upload_page;
pub mod clips_page;

pub mod preorders_page;
pub mod product_page;
pub mod products_page;

pub mod dispute_page;
pub mod disputes_page;
pub mod evidence_page;
pub mod order_page;
pub mod orders_page;
pub mod payment_page;
pub mod price_match_page;
pub mod price_matches_page;
mod payment_words;

pub mod drop_page;
pub mod drop_plan_page;
pub mod drops_page;
pub mod bundle_page;
pub mod shelf_page;
pub mod discount_page;
pub mod discounts_page;
pub mod gift_card_page;
pub mod gift_cards_page;
pub mod money_page;
pub mod sale_page;
pub mod settlement_exception_page;
pub mod settlement_file_page;
pub mod settlement_files_page;

pub mod audience_clip_page;
pub mod audience_page;

pub mod contract_page;
pub mod partners_page;

pub mod settings_delivery_page;
pub mod settings_keys_page;
pub mod settings_payments_page;
pub mod settings_policies_page;
pub mod settings_privacy_page;
pub mod settings_shop_page;
pub mod settings_staff_page;
pub mod settings_tax_page;
pub mod settings_webhook_page;
pub mod settings_webhooks_page;
pub mod settings_window_page;

#[cfg(test)]
mod tests;
