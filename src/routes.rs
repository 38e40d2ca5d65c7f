//! Every route, one line each: method and path stand at the handler of the API, path and handler here for pages.
//!
//! Tables: none. It deliberately has no layers and no rules: rights stand in the handlers' signatures, limits in `server`.

use crate::app::App;
use crate::notify::webhooks;
use crate::operating::Reference;
use crate::payments::settlement_files;
use crate::{
    catalog, checkout, clips, delivery, discounts, disputes, drops, erasure, exchanges, fulfilment, gift_cards, growth,
    identity, inventory, ledger, offers, operating, partners, payments, preorders, price_matches, returns, storefront,
    studio, taxes,
};
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use axum::{Extension, Router};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::openapi::schema::{ArrayItems, Schema};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, ResponseBuilder, Server,
    tag::TagBuilder,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The API: what stands here is in `/openapi.json`, `/docs` and the census.
fn api() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(described())
        .routes(routes!(identity::get_shop, identity::patch_shop))
        .routes(routes!(identity::put_window, identity::delete_window))
        .routes(routes!(identity::post_shop_closing))
        .routes(routes!(identity::list_staff, identity::post_staff))
        .routes(routes!(identity::patch_staff, identity::delete_staff))
        .routes(routes!(identity::delete_staff_sessions))
        .routes(routes!(identity::list_keys, identity::post_key))
        .routes(routes!(identity::delete_key))
        .routes(routes!(catalog::api::get_product_draft))
        .routes(routes!(catalog::api::post_product))
        .routes(routes!(catalog::api::patch_product))
        .routes(routes!(catalog::api::post_variant))
        .routes(routes!(catalog::api::patch_variant))
        .routes(routes!(catalog::api::put_price))
        .routes(routes!(inventory::api::put_stock))
        .routes(routes!(clips::api::get_clips, clips::api::post_clip))
        .routes(routes!(clips::api::get_clip, clips::api::patch_clip))
        .routes(routes!(clips::api::get_anchors))
        .routes(routes!(clips::api::get_clip_draft))
        .routes(routes!(clips::api::post_anchor))
        .routes(routes!(clips::api::patch_anchor, clips::api::delete_anchor))
        .routes(routes!(clips::api::post_publication, clips::api::delete_publication))
        .routes(routes!(clips::media_api::post_media))
        .routes(routes!(taxes::api::get_tax_rates, taxes::api::put_tax_rates))
        .routes(routes!(delivery::api::get_delivery, delivery::api::put_delivery))
        .routes(routes!(partners::api::get_parties, partners::api::post_party))
        .routes(routes!(partners::api::get_contracts, partners::api::post_contract))
        .routes(routes!(
            partners::api::get_contract_versions,
            partners::api::post_contract_version
        ))
        .routes(routes!(partners::api::put_product_contract))
        .routes(routes!(drops::api::list_drops, drops::api::post_drop))
        .routes(routes!(drops::api::get_drop, drops::api::patch_drop))
        .routes(routes!(drops::api::post_scheduling))
        .routes(routes!(drops::api::post_opening))
        .routes(routes!(drops::api::post_pause, drops::api::delete_pause))
        .routes(routes!(drops::api::post_closing))
        .routes(routes!(drops::api::post_release))
        .routes(routes!(drops::api::post_extension))
        .routes(routes!(drops::api::post_drop_price))
        .routes(routes!(drops::rules_api::delete_price_rule))
        .routes(routes!(
            drops::early_api::get_early_links,
            drops::early_api::post_early_link
        ))
        .routes(routes!(drops::early_api::delete_early_link))
        .routes(routes!(drops::early_api::put_early_access))
        .routes(routes!(drops::early_api::get_guests, drops::early_api::put_guests))
        .routes(routes!(drops::early_api::post_guest_removals))
        .routes(routes!(drops::letters_api::put_drop_letter))
        .routes(routes!(drops::work_api::put_guard, drops::work_api::delete_guard))
        .routes(routes!(drops::api::put_pin, drops::api::delete_pin))
        .routes(routes!(drops::api::post_archival))
        .routes(routes!(drops::api::get_drop_events))
        .routes(routes!(drops::live_api::get_drop_live))
        .routes(routes!(drops::room_api::put_turn, drops::room_api::get_turn))
        .routes(routes!(drops::room_api::get_draw))
        .routes(routes!(checkout::get_drop_reservation))
        .routes(routes!(drops::wait_api::put_wait, drops::wait_api::delete_wait))
        .routes(routes!(
            offers::bundles_api::get_bundle,
            offers::bundles_api::put_bundle
        ))
        .routes(routes!(preorders::api::list_preorders, preorders::api::post_preorder))
        .routes(routes!(preorders::api::get_preorder))
        .routes(routes!(preorders::api::post_arrival))
        .routes(routes!(preorders::api::post_delay))
        .routes(routes!(preorders::api::post_preorder_closing))
        .routes(routes!(offers::products_api::get_products))
        .routes(routes!(offers::products_api::get_product))
        .routes(routes!(inventory::live_api::get_live))
        .routes(routes!(offers::api::get_quote))
        .routes(routes!(
            checkout::put_checkout,
            checkout::get_checkout,
            checkout::delete_checkout
        ))
        .routes(routes!(checkout::put_buyer))
        .routes(routes!(checkout::list_stored_methods))
        .routes(routes!(checkout::delete_stored_method))
        .routes(routes!(checkout::put_details))
        .routes(routes!(checkout::post_payment))
        .routes(routes!(checkout::list_orders))
        .routes(routes!(checkout::get_order))
        .routes(routes!(checkout::post_cancellation))
        .routes(routes!(checkout::post_canceled_units))
        .routes(routes!(checkout::post_refund))
        .routes(routes!(checkout::hear::post_webhook))
        .routes(routes!(fulfilment::get_shelf, fulfilment::put_shelf))
        .routes(routes!(fulfilment::list_shortages))
        .routes(routes!(fulfilment::post_acceptance))
        .routes(routes!(fulfilment::post_shipment))
        .routes(routes!(fulfilment::post_capture))
        .routes(routes!(exchanges::list_exchanges, exchanges::post_exchange))
        .routes(routes!(exchanges::post_exchange_preview))
        .routes(routes!(exchanges::post_exchange_closing))
        .routes(routes!(returns::list_returns, returns::post_return))
        .routes(routes!(returns::post_return_receipt))
        .routes(routes!(returns::post_return_closing))
        .routes(routes!(
            price_matches::list_price_matches,
            price_matches::post_price_match
        ))
        .routes(routes!(price_matches::get_price_match))
        .routes(routes!(price_matches::list_price_match_orders))
        .routes(routes!(price_matches::post_price_match_start))
        .routes(routes!(price_matches::post_price_match_pause))
        .routes(routes!(price_matches::post_price_match_cancellation))
        .routes(routes!(checkout::payment::get_payment))
        .routes(routes!(checkout::payment::post_look))
        .routes(routes!(checkout::payment::post_decision))
        .routes(routes!(payments::api::get_routing, payments::api::put_routing))
        .routes(routes!(payments::api::post_dry_run))
        .routes(routes!(disputes::list_disputes))
        .routes(routes!(disputes::get_dispute))
        .routes(routes!(disputes::post_dispute_acceptance))
        .routes(routes!(disputes::post_dispute_answer))
        .routes(routes!(disputes::get_evidence))
        .routes(routes!(erasure::list_erasures, erasure::post_erasure))
        .routes(routes!(erasure::post_erasure_preview))
        .routes(routes!(erasure::get_erasure))
        .routes(routes!(discounts::api::list_discounts, discounts::api::post_discount))
        .routes(routes!(discounts::api::get_discount, discounts::api::patch_discount))
        .routes(routes!(
            gift_cards::api::list_gift_cards,
            gift_cards::api::post_gift_card
        ))
        .routes(routes!(
            gift_cards::api::get_gift_card,
            gift_cards::api::patch_gift_card
        ))
        .routes(routes!(gift_cards::api::post_gift_card_balance))
        .routes(routes!(
            settlement_files::api::list_settlement_files,
            settlement_files::api::post_settlement_file
        ))
        .routes(routes!(settlement_files::api::get_settlement_file))
        .routes(routes!(settlement_files::api::list_settlement_lines))
        .routes(routes!(settlement_files::api::list_settlement_exceptions))
        .routes(routes!(settlement_files::api::post_settlement_decision))
        .routes(routes!(
            webhooks::api::list_webhook_endpoints,
            webhooks::api::post_webhook_endpoint
        ))
        .routes(routes!(
            webhooks::api::get_webhook_endpoint,
            webhooks::api::patch_webhook_endpoint,
            webhooks::api::delete_webhook_endpoint
        ))
        .routes(routes!(webhooks::api::post_webhook_secret_rotation))
        .routes(routes!(webhooks::api::post_webhook_test))
        .routes(routes!(webhooks::api::post_webhook_replays))
        .routes(routes!(webhooks::api::list_webhook_deliveries))
        .routes(routes!(webhooks::api::get_webhook_delivery))
        .routes(routes!(webhooks::api::post_webhook_replay))
        .routes(routes!(ledger::list_balances))
        .routes(routes!(ledger::list_transfers))
        .routes(routes!(growth::post_beacons))
        .routes(routes!(growth::get_funnel))
        .routes(routes!(growth::get_retention))
}

/// Pages for people. The census reads [`PAGES`], so a page is named in both.
fn pages() -> Router<App> {
    Router::new()
        .route(
            "/studio/sign-in",
            get(studio::sign_in_page::show).post(studio::sign_in_page::send),
        )
        .route(
            "/studio/sign-in/{token}",
            get(studio::sign_in_confirm_page::show).post(studio::sign_in_confirm_page::open),
        )
        .route(
            "/sandbox/3ds/{payment}",
            get(storefront::sandbox_challenge_page::show).post(storefront::sandbox_challenge_page::answer),
        )
        .route("/mailbox", get(storefront::mailbox_page::show))
        .route("/mailbox/{mail}", get(storefront::mailbox_page::show_mail))
        .route("/s/{shop}", get(storefront::home_page::show))
        .route("/s/{shop}/clips/{clip}", get(storefront::clip_page::show))
        .route("/s/{shop}/drops/{drop}", get(storefront::drop_page::show))
        .route(
            "/s/{shop}/drops/{drop}/letters",
            axum::routing::post(storefront::drop_letters::send),
        )
        .route(
            "/s/{shop}/drops/{drop}/early",
            axum::routing::post(storefront::drop_page::enter_early),
        )
        .route(
            "/s/{shop}/drops/{drop}/waits",
            axum::routing::post(storefront::drop_page::wait),
        )
        .route(
            "/s/{shop}/drops/{drop}/turn",
            axum::routing::post(storefront::drop_page::take_turn),
        )
        .route("/s/{shop}/products/{product}", get(storefront::product_page::show))
        .route(
            "/s/{shop}/checkout",
            get(storefront::checkout_form::show).post(storefront::checkout_form::send),
        )
        .route(
            "/s/{shop}/stored-methods",
            get(storefront::stored_methods_page::show).post(storefront::stored_methods_page::forget),
        )
        .route("/s/{shop}/orders/{order}", get(storefront::order_page::show))
        .route(
            "/s/{shop}/orders/{order}/addition",
            axum::routing::post(storefront::order_page::add),
        )
        .route(
            "/s/{shop}/orders/{order}/cancellation",
            axum::routing::post(storefront::order_page::cancel),
        )
        .route(
            "/s/{shop}/orders/{order}/canceled-units",
            axum::routing::post(storefront::order_page::cancel_units),
        )
        .route(
            "/s/{shop}/orders/{order}/withdrawal",
            get(storefront::withdrawal_page::show).post(storefront::withdrawal_page::confirm),
        )
        .route(
            "/s/{shop}/orders/{order}/erasure",
            get(storefront::erasure_page::show).post(storefront::erasure_page::confirm),
        )
        .route(
            "/s/{shop}/orders/{order}/exchange",
            get(storefront::exchange_page::show).post(storefront::exchange_page::confirm),
        )
        .route(
            "/s/{shop}/orders/{order}/exchange-end",
            axum::routing::post(storefront::exchange_page::end),
        )
        .route(
            "/s/{shop}/orders/{order}/exchange-payment",
            axum::routing::post(storefront::exchange_page::pay),
        )
        .route(
            "/s/{shop}/orders/{order}/proof",
            axum::routing::post(storefront::withdrawal_page::say_sent),
        )
        .route(
            "/s/{shop}/orders/{order}/payment",
            axum::routing::post(storefront::order_page::pay),
        )
        .route("/s/{shop}/policies/{policy}", get(storefront::policy_page::show))
        .route("/s/{shop}/accent.css", get(storefront::accent::show))
        .route("/sitemap.xml", get(storefront::sitemap::sitemap))
        .route("/robots.txt", get(storefront::sitemap::robots))
        .route("/studio/sign-out", axum::routing::post(studio::sign_in_page::sign_out))
}

/// The creator's desk, in the order of the rail.
fn desk() -> Router<App> {
    use crate::studio as desk;
    Router::new()
        .route("/studio/{shop}", get(desk::today_page::show))
        .route("/studio/{shop}/clips", get(desk::clips_page::show))
        .route(
            "/studio/{shop}/clips/new",
            get(desk::clip_upload_page::show).post(desk::clip_upload_page::save),
        )
        .route(
            "/studio/{shop}/clips/{clip}",
            get(desk::clip_editor_page::show).post(desk::clip_editor_page::save),
        )
        .route("/studio/{shop}/products", get(desk::products_page::show))
        .route(
            "/studio/{shop}/products/new",
            get(desk::product_page::show_new).post(desk::product_page::save_new),
        )
        .route(
            "/studio/{shop}/products/{product}",
            get(desk::product_page::show).post(desk::product_page::save),
        )
        .route(
            "/studio/{shop}/products/{product}/bundle",
            get(desk::bundle_page::show).post(desk::bundle_page::save),
        )
        .route(
            "/studio/{shop}/products/{product}/shelf",
            get(desk::shelf_page::show).post(desk::shelf_page::count),
        )
        .route("/studio/{shop}/discounts", get(desk::discounts_page::show))
        .route(
            "/studio/{shop}/discounts/new",
            get(desk::discount_page::show_new).post(desk::discount_page::save_new),
        )
        .route(
            "/studio/{shop}/discounts/{discount}",
            get(desk::discount_page::show).post(desk::discount_page::save),
        )
        .route("/studio/{shop}/orders", get(desk::orders_page::show))
        .route(
            "/studio/{shop}/orders/{order}",
            get(desk::order_page::show).post(desk::order_page::ship),
        )
        .route(
            "/studio/{shop}/orders/{order}/acceptance",
            axum::routing::post(desk::order_page::accept),
        )
        .route(
            "/studio/{shop}/orders/{order}/refunds",
            axum::routing::post(desk::order_page::refund),
        )
        .route(
            "/studio/{shop}/orders/{order}/captures",
            axum::routing::post(desk::order_page::take_again),
        )
        .route(
            "/studio/{shop}/orders/{order}/cancellation",
            axum::routing::post(desk::order_page::cancel),
        )
        .route(
            "/studio/{shop}/orders/{order}/canceled-units",
            axum::routing::post(desk::order_page::cancel_units),
        )
        .route(
            "/studio/{shop}/orders/{order}/returns/{return}/receipt",
            axum::routing::post(desk::order_page::receive_return),
        )
        .route(
            "/studio/{shop}/orders/{order}/exchanges",
            axum::routing::post(desk::order_page::ask_exchange),
        )
        .route(
            "/studio/{shop}/orders/{order}/exchanges/{exchange}/closing",
            axum::routing::post(desk::order_page::close_exchange),
        )
        .route(
            "/studio/{shop}/orders/{order}/returns/{return}/closing",
            axum::routing::post(desk::order_page::close_return),
        )
        .route(
            "/studio/{shop}/price-matches",
            get(desk::price_matches_page::show).post(desk::price_matches_page::draw_up),
        )
        .route(
            "/studio/{shop}/price-matches/{price_match}",
            get(desk::price_match_page::show),
        )
        .route(
            "/studio/{shop}/price-matches/{price_match}/start",
            axum::routing::post(desk::price_match_page::start),
        )
        .route(
            "/studio/{shop}/price-matches/{price_match}/pause",
            axum::routing::post(desk::price_match_page::pause),
        )
        .route(
            "/studio/{shop}/price-matches/{price_match}/cancellation",
            axum::routing::post(desk::price_match_page::cancel),
        )
        .route("/studio/{shop}/payments/{payment}", get(desk::payment_page::show))
        .route(
            "/studio/{shop}/payments/{payment}/looks",
            axum::routing::post(desk::payment_page::look),
        )
        .route(
            "/studio/{shop}/payments/{payment}/decisions",
            axum::routing::post(desk::payment_page::decide),
        )
        .route(
            "/studio/{shop}/disputes",
            get(desk::disputes_page::show).post(desk::disputes_page::open),
        )
        .route("/studio/{shop}/disputes/{dispute}", get(desk::dispute_page::show))
        .route("/studio/{shop}/orders/{order}/evidence", get(desk::evidence_page::show))
        .route("/studio/{shop}/orders/{order}/frame", get(desk::evidence_page::frame))
        .route(
            "/studio/{shop}/disputes/{dispute}/acceptance",
            axum::routing::post(desk::dispute_page::accept),
        )
        .route(
            "/studio/{shop}/disputes/{dispute}/answer",
            axum::routing::post(desk::dispute_page::answer),
        )
        .route(
            "/studio/{shop}/disputes/{dispute}/bank",
            axum::routing::post(desk::dispute_page::act_as_bank),
        )
        .route("/studio/{shop}/money", get(desk::money_page::show))
        .route("/studio/{shop}/money/sales/{order}", get(desk::sale_page::show))
        .route(
            "/studio/{shop}/preorders",
            get(desk::preorders_page::show).post(desk::preorders_page::run),
        )
        .route(
            "/studio/{shop}/drops",
            get(desk::drops_page::show).post(desk::drops_page::begin),
        )
        .route(
            "/studio/{shop}/drops/{drop}",
            get(desk::drop_page::show).post(desk::drop_page::run),
        )
        .route(
            "/studio/{shop}/drops/{drop}/pin",
            axum::routing::post(desk::drop_page::pin),
        )
        .route(
            "/studio/{shop}/drops/{drop}/plan",
            get(desk::drop_plan_page::show).post(desk::drop_plan_page::save),
        )
        .route(
            "/studio/{shop}/money/gift-cards",
            get(desk::gift_cards_page::show).post(desk::gift_cards_page::issue),
        )
        .route(
            "/studio/{shop}/money/gift-cards/{gift_card}",
            get(desk::gift_card_page::show).post(desk::gift_card_page::save),
        )
        .route(
            "/studio/{shop}/money/settlement-files",
            get(desk::settlement_files_page::show)
                .post(desk::settlement_files_page::send)
                // The file, and what the form puts around it.
                .layer(DefaultBodyLimit::max(settlement_files::BYTES_MAX + (64 << 10))),
        )
        .route(
            "/studio/{shop}/money/settlement-files/sandbox.csv",
            get(desk::settlement_file_page::sandbox),
        )
        .route(
            "/studio/{shop}/money/settlement-files/{settlement_file}",
            get(desk::settlement_file_page::show),
        )
        .route(
            "/studio/{shop}/money/settlement-exceptions/{settlement_line}",
            get(desk::settlement_exception_page::show).post(desk::settlement_exception_page::save),
        )
        .route("/studio/{shop}/audience", get(desk::audience_page::show))
        .route(
            "/studio/{shop}/audience/funnel.csv",
            get(desk::audience_page::funnel_csv),
        )
        .route("/studio/{shop}/audience/clips.csv", get(desk::audience_page::clips_csv))
        .route("/studio/{shop}/audience/{clip}", get(desk::audience_clip_page::show))
        .route(
            "/studio/{shop}/audience/{clip}/funnel.csv",
            get(desk::audience_clip_page::funnel_csv),
        )
        .route(
            "/studio/{shop}/audience/{clip}/retention.csv",
            get(desk::audience_clip_page::retention_csv),
        )
        .route(
            "/studio/{shop}/partners",
            get(desk::partners_page::show).post(desk::partners_page::save),
        )
        .route(
            "/studio/{shop}/partners/contracts/new",
            get(desk::contract_page::show_new).post(desk::contract_page::save_new),
        )
        .route(
            "/studio/{shop}/partners/contracts/{contract}",
            get(desk::contract_page::show).post(desk::contract_page::save),
        )
        .route(
            "/studio/{shop}/settings",
            get(desk::settings_shop_page::show).post(desk::settings_shop_page::save),
        )
        .route(
            "/studio/{shop}/settings/shop",
            get(desk::settings_shop_page::show).post(desk::settings_shop_page::save),
        )
        .route(
            "/studio/{shop}/settings/window",
            get(desk::settings_window_page::show).post(desk::settings_window_page::save),
        )
        .route(
            "/studio/{shop}/settings/privacy",
            get(desk::settings_privacy_page::show).post(desk::settings_privacy_page::save),
        )
        .route(
            "/studio/{shop}/settings/policies",
            get(desk::settings_policies_page::show).post(desk::settings_policies_page::save),
        )
        .route(
            "/studio/{shop}/settings/tax",
            get(desk::settings_tax_page::show).post(desk::settings_tax_page::save),
        )
        .route(
            "/studio/{shop}/settings/delivery",
            get(desk::settings_delivery_page::show).post(desk::settings_delivery_page::save),
        )
        .route(
            "/studio/{shop}/settings/payments",
            get(desk::settings_payments_page::show).post(desk::settings_payments_page::save),
        )
        .route(
            "/studio/{shop}/settings/keys",
            get(desk::settings_keys_page::show).post(desk::settings_keys_page::save),
        )
        .route(
            "/studio/{shop}/settings/webhooks",
            get(desk::settings_webhooks_page::show).post(desk::settings_webhooks_page::save),
        )
        .route(
            "/studio/{shop}/settings/webhooks/{webhook_endpoint}",
            get(desk::settings_webhook_page::show).post(desk::settings_webhook_page::save),
        )
        .route(
            "/studio/{shop}/settings/staff",
            get(desk::settings_staff_page::show).post(desk::settings_staff_page::save),
        )
}

/// For whoever runs the program.
fn operation() -> Router<App> {
    Router::new()
        .route("/healthz", get(operating::healthz))
        .route("/readyz", get(operating::readyz))
        .route("/metrics", get(operating::metrics))
        .route("/openapi.json", get(operating::openapi))
        .route("/docs", get(operating::docs))
        .route("/assets/{hash}/{*path}", get(operating::asset))
        .route("/media/{file}", get(clips::media_api::get_media))
}

/// Method and path of every route that is not in the API's description.
pub const PAGES: &[(&str, &str)] = &[
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
    ("GET", "/assets/{hash}/{*path}"),
    ("GET", "/media/{file}"),
    ("GET", "/mailbox"),
    ("GET", "/mailbox/{mail}"),
    ("GET", "/sandbox/3ds/{payment}"),
    ("POST", "/sandbox/3ds/{payment}"),
    ("GET", "/studio/sign-in"),
    ("POST", "/studio/sign-in"),
    ("GET", "/studio/sign-in/{token}"),
    ("POST", "/studio/sign-in/{token}"),
    ("POST", "/studio/sign-out"),
    ("GET", "/s/{shop}"),
    ("GET", "/s/{shop}/clips/{clip}"),
    ("GET", "/s/{shop}/drops/{drop}"),
    ("POST", "/s/{shop}/drops/{drop}/early"),
    ("POST", "/s/{shop}/drops/{drop}/letters"),
    ("POST", "/s/{shop}/drops/{drop}/turn"),
    ("POST", "/s/{shop}/drops/{drop}/waits"),
    ("GET", "/s/{shop}/products/{product}"),
    ("GET", "/s/{shop}/checkout"),
    ("POST", "/s/{shop}/checkout"),
    ("GET", "/s/{shop}/stored-methods"),
    ("POST", "/s/{shop}/stored-methods"),
    ("GET", "/s/{shop}/orders/{order}"),
    ("POST", "/s/{shop}/orders/{order}/addition"),
    ("POST", "/s/{shop}/orders/{order}/cancellation"),
    ("POST", "/s/{shop}/orders/{order}/canceled-units"),
    ("GET", "/s/{shop}/orders/{order}/withdrawal"),
    ("POST", "/s/{shop}/orders/{order}/withdrawal"),
    ("GET", "/s/{shop}/orders/{order}/erasure"),
    ("POST", "/s/{shop}/orders/{order}/erasure"),
    ("GET", "/s/{shop}/orders/{order}/exchange"),
    ("POST", "/s/{shop}/orders/{order}/exchange"),
    ("POST", "/s/{shop}/orders/{order}/exchange-end"),
    ("POST", "/s/{shop}/orders/{order}/exchange-payment"),
    ("POST", "/s/{shop}/orders/{order}/proof"),
    ("POST", "/s/{shop}/orders/{order}/payment"),
    ("GET", "/s/{shop}/policies/{policy}"),
    ("GET", "/s/{shop}/accent.css"),
    ("GET", "/sitemap.xml"),
    ("GET", "/robots.txt"),
    ("GET", "/studio/{shop}"),
    ("GET", "/studio/{shop}/clips"),
    ("GET", "/studio/{shop}/clips/new"),
    ("POST", "/studio/{shop}/clips/new"),
    ("GET", "/studio/{shop}/clips/{clip}"),
    ("POST", "/studio/{shop}/clips/{clip}"),
    ("GET", "/studio/{shop}/products"),
    ("GET", "/studio/{shop}/products/new"),
    ("POST", "/studio/{shop}/products/new"),
    ("GET", "/studio/{shop}/products/{product}"),
    ("POST", "/studio/{shop}/products/{product}"),
    ("GET", "/studio/{shop}/products/{product}/bundle"),
    ("POST", "/studio/{shop}/products/{product}/bundle"),
    ("GET", "/studio/{shop}/products/{product}/shelf"),
    ("POST", "/studio/{shop}/products/{product}/shelf"),
    ("GET", "/studio/{shop}/discounts"),
    ("GET", "/studio/{shop}/discounts/new"),
    ("POST", "/studio/{shop}/discounts/new"),
    ("GET", "/studio/{shop}/discounts/{discount}"),
    ("POST", "/studio/{shop}/discounts/{discount}"),
    ("GET", "/studio/{shop}/orders"),
    ("GET", "/studio/{shop}/orders/{order}"),
    ("POST", "/studio/{shop}/orders/{order}"),
    ("POST", "/studio/{shop}/orders/{order}/acceptance"),
    ("POST", "/studio/{shop}/orders/{order}/refunds"),
    ("POST", "/studio/{shop}/orders/{order}/captures"),
    ("POST", "/studio/{shop}/orders/{order}/cancellation"),
    ("POST", "/studio/{shop}/orders/{order}/canceled-units"),
    ("POST", "/studio/{shop}/orders/{order}/returns/{return}/receipt"),
    ("POST", "/studio/{shop}/orders/{order}/exchanges"),
    ("POST", "/studio/{shop}/orders/{order}/exchanges/{exchange}/closing"),
    ("POST", "/studio/{shop}/orders/{order}/returns/{return}/closing"),
    ("GET", "/studio/{shop}/price-matches"),
    ("POST", "/studio/{shop}/price-matches"),
    ("GET", "/studio/{shop}/price-matches/{price_match}"),
    ("POST", "/studio/{shop}/price-matches/{price_match}/start"),
    ("POST", "/studio/{shop}/price-matches/{price_match}/pause"),
    ("POST", "/studio/{shop}/price-matches/{price_match}/cancellation"),
    ("GET", "/studio/{shop}/payments/{payment}"),
    ("POST", "/studio/{shop}/payments/{payment}/looks"),
    ("POST", "/studio/{shop}/payments/{payment}/decisions"),
    ("GET", "/studio/{shop}/disputes"),
    ("POST", "/studio/{shop}/disputes"),
    ("GET", "/studio/{shop}/disputes/{dispute}"),
    ("GET", "/studio/{shop}/orders/{order}/evidence"),
    ("GET", "/studio/{shop}/orders/{order}/frame"),
    ("POST", "/studio/{shop}/disputes/{dispute}/acceptance"),
    ("POST", "/studio/{shop}/disputes/{dispute}/answer"),
    ("POST", "/studio/{shop}/disputes/{dispute}/bank"),
    ("GET", "/studio/{shop}/money"),
    ("GET", "/studio/{shop}/money/sales/{order}"),
    ("GET", "/studio/{shop}/preorders"),
    ("POST", "/studio/{shop}/preorders"),
    ("GET", "/studio/{shop}/drops"),
    ("POST", "/studio/{shop}/drops"),
    ("GET", "/studio/{shop}/drops/{drop}"),
    ("POST", "/studio/{shop}/drops/{drop}"),
    ("POST", "/studio/{shop}/drops/{drop}/pin"),
    ("GET", "/studio/{shop}/drops/{drop}/plan"),
    ("POST", "/studio/{shop}/drops/{drop}/plan"),
    ("GET", "/studio/{shop}/money/gift-cards"),
    ("POST", "/studio/{shop}/money/gift-cards"),
    ("GET", "/studio/{shop}/money/gift-cards/{gift_card}"),
    ("POST", "/studio/{shop}/money/gift-cards/{gift_card}"),
    ("GET", "/studio/{shop}/money/settlement-files"),
    ("POST", "/studio/{shop}/money/settlement-files"),
    ("GET", "/studio/{shop}/money/settlement-files/sandbox.csv"),
    ("GET", "/studio/{shop}/money/settlement-files/{settlement_file}"),
    ("GET", "/studio/{shop}/money/settlement-exceptions/{settlement_line}"),
    ("POST", "/studio/{shop}/money/settlement-exceptions/{settlement_line}"),
    ("GET", "/studio/{shop}/audience"),
    ("GET", "/studio/{shop}/audience/funnel.csv"),
    ("GET", "/studio/{shop}/audience/clips.csv"),
    ("GET", "/studio/{shop}/audience/{clip}"),
    ("GET", "/studio/{shop}/audience/{clip}/funnel.csv"),
    ("GET", "/studio/{shop}/audience/{clip}/retention.csv"),
    ("GET", "/studio/{shop}/partners"),
    ("POST", "/studio/{shop}/partners"),
    ("GET", "/studio/{shop}/partners/contracts/new"),
    ("POST", "/studio/{shop}/partners/contracts/new"),
    ("GET", "/studio/{shop}/partners/contracts/{contract}"),
    ("POST", "/studio/{shop}/partners/contracts/{contract}"),
    ("GET", "/studio/{shop}/settings"),
    ("POST", "/studio/{shop}/settings"),
    ("GET", "/studio/{shop}/settings/shop"),
    ("POST", "/studio/{shop}/settings/shop"),
    ("GET", "/studio/{shop}/settings/window"),
    ("POST", "/studio/{shop}/settings/window"),
    ("GET", "/studio/{shop}/settings/privacy"),
    ("POST", "/studio/{shop}/settings/privacy"),
    ("GET", "/studio/{shop}/settings/policies"),
    ("POST", "/studio/{shop}/settings/policies"),
    ("GET", "/studio/{shop}/settings/tax"),
    ("POST", "/studio/{shop}/settings/tax"),
    ("GET", "/studio/{shop}/settings/delivery"),
    ("POST", "/studio/{shop}/settings/delivery"),
    ("GET", "/studio/{shop}/settings/payments"),
    ("POST", "/studio/{shop}/settings/payments"),
    ("GET", "/studio/{shop}/settings/keys"),
    ("POST", "/studio/{shop}/settings/keys"),
    ("GET", "/studio/{shop}/settings/webhooks"),
    ("POST", "/studio/{shop}/settings/webhooks"),
    ("GET", "/studio/{shop}/settings/webhooks/{webhook_endpoint}"),
    ("POST", "/studio/{shop}/settings/webhooks/{webhook_endpoint}"),
    ("GET", "/studio/{shop}/settings/staff"),
    ("POST", "/studio/{shop}/settings/staff"),
];

/// All routes.
pub fn router() -> Router<App> {
    let (api, description) = api().split_for_parts();
    let reference = Arc::new(Reference::of(written(description)));
    api.merge(pages())
        .merge(desk())
        .merge(operation().layer(Extension(reference)))
}

/// The API's description as JSON, the same on every machine.
pub fn openapi() -> String {
    written(api().split_for_parts().1)
}

fn described() -> OpenApi {
    let tag = |name: &str, about: &str| TagBuilder::new().name(name).description(Some(about)).build();
    let license = LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0"));
    let info = InfoBuilder::new().title("Hawker").version("1").license(Some(license.build())).description(Some(
        "Short video into revenue: clips, timed anchors, quotes, checkouts, orders, money.\n\n\
         A player sends the shop's publishable key (`Authorization: Bearer pk_…`); the shop follows from the key. A server sends a secret key \
         with scopes (`sk_…`); people in the studio have a session.\n\n\
         Errors are RFC 9457 `application/problem+json`: decide by `code`, show `detail`. Fields that nobody knows are refused. Edits need \
         `If-Match` with the version they were made from. Everything that staff change takes an `Idempotency-Key`: repeated, it changes \
         nothing twice and answers the same, with `Idempotent-Replayed: true`. 429 and 503 say in `Retry-After` when to come back.\n\n\
         Amounts are minor units with a currency. Times are RFC 3339 in UTC. Lists are paged by `limit` and `after`; `next` is the next `after`.",
    ));
    OpenApiBuilder::new()
        .info(info.build())
        // Wherever the description was read from.
        .servers(Some([Server::new("/")]))
        .tags(Some([
            tag("clips", "What players show."),
            tag("catalog", "Products, variants, prices, stock."),
            tag("buying", "From a quote to an order."),
            tag("orders", "Work on orders: accept, ship, cancel, refund."),
            tag("delivery", "Zones, methods, tax rates."),
            tag("partners", "Who earns what."),
            tag(
                "drops",
                "Limited sales in a window: planning, the run of show, the archive.",
            ),
            tag("money", "Payments, routing, gift cards, balances and transfers."),
            tag("audience", "What viewers did."),
            tag("shop", "The shop's settings."),
            tag("staff", "Who works here."),
            tag("keys", "API keys."),
            tag(
                "webhooks",
                "What happened, told to your own programs: docs/webhooks.md.",
            ),
        ]))
        .build()
}

/// Adds what all operations share: how to say who one is, and what a refusal looks like.
fn written(mut api: OpenApi) -> String {
    let components = api.components.get_or_insert_default();
    components.add_security_scheme("key", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    components.add_security_scheme(
        "session",
        SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(identity::SESSION_COOKIE))),
    );
    let (name, schema) = problem_schema();
    components.schemas.insert(name, schema);
    for (name, schema) in problem_parts() {
        components.schemas.insert(name, schema);
    }
    let refusal = ResponseBuilder::new()
        .description("A problem: see `code`.")
        .content(
            "application/problem+json",
            ContentBuilder::new()
                .schema(Some(Ref::from_schema_name("Problem")))
                .build(),
        )
        .build();
    for item in api.paths.paths.values_mut() {
        let all = [
            &mut item.get,
            &mut item.put,
            &mut item.post,
            &mut item.delete,
            &mut item.patch,
        ];
        for operation in all.into_iter().flatten() {
            if operation.security.is_none() {
                operation.security = Some(vec![
                    SecurityRequirement::new("key", [""; 0]),
                    SecurityRequirement::new("session", [""; 0]),
                ]);
            }
            let responses = &mut operation.responses.responses;
            for (status, response) in responses.iter_mut() {
                if let RefOr::T(response) = response {
                    complete(status, response, &refusal);
                }
            }
            for others in ["4XX", "5XX"] {
                responses.entry(others.to_owned()).or_insert(RefOr::T(refusal.clone()));
            }
        }
    }
    if let Some(components) = &mut api.components {
        name_what_pages_hold(&mut components.schemas);
    }
    let mut text = api.to_pretty_json().expect("a description serialises");
    text.push('\n');
    text
}

/// Handlers name the statuses; what each of them always means and holds is said here.
fn complete(status: &str, response: &mut utoipa::openapi::Response, refusal: &utoipa::openapi::Response) {
    if response.description.is_empty() {
        let usual = match status {
            "200" => "As it stands now.",
            "201" => "Made.",
            "204" => "Done.",
            "404" => "There is none, or it belongs to someone else.",
            _ => &refusal.description,
        };
        usual.clone_into(&mut response.description);
    }
    if status.starts_with(['4', '5']) && response.content.is_empty() {
        response.content = refusal.content.clone();
    }
}

/// A generic page repeats in full what it is a page of; a reference says the same, and readers of the description get one type instead of two.
fn name_what_pages_hold(schemas: &mut BTreeMap<String, RefOr<Schema>>) {
    let known: Vec<String> = schemas.keys().cloned().collect();
    for name in known.iter().filter_map(|page| page.strip_prefix("PageOut_")) {
        let page = schemas.get_mut(&format!("PageOut_{name}"));
        let data = match page {
            Some(RefOr::T(Schema::Object(page))) if known.iter().any(|known| known == name) => {
                page.properties.get_mut("data")
            }
            _ => None,
        };
        if let Some(RefOr::T(Schema::Array(data))) = data {
            data.items = ArrayItems::RefOrSchema(Box::new(Ref::from_schema_name(name).into()));
        }
    }
}

fn problem_schema() -> (String, RefOr<Schema>) {
    use utoipa::{PartialSchema, ToSchema};
    (
        crate::http::ProblemOut::name().into_owned(),
        crate::http::ProblemOut::schema(),
    )
}

fn problem_parts() -> Vec<(String, RefOr<Schema>)> {
    let mut parts = Vec::new();
    <crate::http::ProblemOut as utoipa::ToSchema>::schemas(&mut parts);
    parts
}
