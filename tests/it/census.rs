//! The census: every route × no, wrong, another tenant's and the right credentials. A route without a row fails, and so does a row without a
//! route; what may be done with a route is read here and nowhere guessed.

use crate::harness::{Answer, Client, World};
use hawker::app::App;
use hawker::db::LaneKey;
use hawker::identity::{self, Role};
use hawker::inventory;
use hawker::kernel::{DisputeStage, DisputeTold, ExchangeId, OrderId, ShopId, VariantId};
use hawker::payments::{self, disputes};
use hyper::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Who may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Anyone,
    /// A key; people in the studio use other routes.
    Player,
    Owner,
    Creator,
    /// Whoever works on orders, and partners on their own.
    Helper,
    /// The same without partners.
    Packer,
    /// Whoever looks at figures: nobody who only packs.
    Measurer,
    /// Everybody who works here but partners.
    Analyst,
    /// Everybody who works here; partners see their own work only.
    Staff,
}

impl Who {
    fn may(self, role: Role) -> bool {
        match self {
            Self::Anyone | Self::Staff => true,
            Self::Player => false,
            Self::Owner => role.is_owner(),
            Self::Creator => role.may_create(),
            Self::Helper => role.may_help(),
            Self::Packer => role.may_help() && role.may_look(),
            Self::Measurer => role.may_measure(),
            Self::Analyst => role.may_look(),
        }
    }
}

/// One route: who may, and what a good request sends.
struct Row {
    method: &'static str,
    path: &'static str,
    who: Who,
    body: Body,
}

/// What a request carries. `{name}` stands for an id of the furnished shop, `{n}` for a number that is new each time.
#[derive(Clone, Copy)]
enum Body {
    None,
    Json(&'static str),
    Form(&'static str),
    File(&'static str, &'static str),
}

const fn read(path: &'static str, who: Who) -> Row {
    Row {
        method: "GET",
        path,
        who,
        body: Body::None,
    }
}
const fn act(method: &'static str, path: &'static str, who: Who, body: &'static str) -> Row {
    Row {
        method,
        path,
        who,
        body: Body::Json(body),
    }
}
const fn delete(path: &'static str, who: Who) -> Row {
    Row {
        method: "DELETE",
        path,
        who,
        body: Body::None,
    }
}
const fn form(path: &'static str, who: Who, body: &'static str) -> Row {
    Row {
        method: "POST",
        path,
        who,
        body: Body::Form(body),
    }
}
const fn upload(path: &'static str, who: Who, kind: &'static str, file: &'static str) -> Row {
    Row {
        method: "POST",
        path,
        who,
        body: Body::File(kind, file),
    }
}

const TERMS: &str = r#"{"name":"Contract {n}","terms":{"remainder":"{party}","processor_fee":"remainder"}}"#;
const VERSION: &str = r#"{"terms":{"remainder":"{party}","processor_fee":"platform"}}"#;

const CENSUS: &[Row] = &[
    read("/healthz", Who::Anyone),
    read("/readyz", Who::Anyone),
    read("/metrics", Who::Anyone),
    read("/openapi.json", Who::Anyone),
    read("/docs", Who::Anyone),
    read("/assets/{hash}/{*path}", Who::Anyone),
    read("/media/{file}", Who::Anyone),
    // Only the demo has a mailbox, and only a payment in doubt has a bank's page: here both say 404.
    read("/mailbox", Who::Anyone),
    read("/mailbox/{mail}", Who::Anyone),
    read("/sandbox/3ds/{payment}", Who::Anyone),
    form("/sandbox/3ds/{payment}", Who::Anyone, "answer=approve"),
    read("/studio/sign-in", Who::Anyone),
    form("/studio/sign-in", Who::Anyone, "email=someone%40census.example"),
    read("/studio/sign-in/{token}", Who::Anyone),
    form("/studio/sign-in/{token}", Who::Anyone, ""),
    form("/studio/sign-out", Who::Anyone, ""),
    // Signed by the processor; anything else is refused before it is read.
    act("POST", "/v1/webhooks/{processor}", Who::Anyone, "{}"),
    // The shop's pages. Their clips and products go by other names than ids, so some of these are not found.
    read("/s/{shop}", Who::Anyone),
    read("/s/{shop}/clips/{clip}", Who::Anyone),
    read("/s/{shop}/products/{product}", Who::Anyone),
    read("/s/{shop}/drops/{drop}", Who::Anyone),
    form("/s/{shop}/drops/{drop}/early", Who::Anyone, ""),
    form("/s/{shop}/drops/{drop}/letters", Who::Anyone, ""),
    form("/s/{shop}/drops/{drop}/turn", Who::Anyone, ""),
    form("/s/{shop}/drops/{drop}/waits", Who::Anyone, ""),
    read("/s/{shop}/policies/{policy}", Who::Anyone),
    read("/s/{shop}/accent.css", Who::Anyone),
    // Bought by form: an order's page opens with its token only, so without one it says 404.
    read("/s/{shop}/checkout", Who::Anyone),
    form("/s/{shop}/checkout", Who::Anyone, ""),
    read("/s/{shop}/stored-methods", Who::Anyone),
    form("/s/{shop}/stored-methods", Who::Anyone, ""),
    read("/s/{shop}/orders/{order}", Who::Anyone),
    form("/s/{shop}/orders/{order}/addition", Who::Anyone, ""),
    form("/s/{shop}/orders/{order}/cancellation", Who::Anyone, ""),
    form("/s/{shop}/orders/{order}/canceled-units", Who::Anyone, ""),
    read("/s/{shop}/orders/{order}/erasure", Who::Anyone),
    form("/s/{shop}/orders/{order}/erasure", Who::Anyone, ""),
    read("/s/{shop}/orders/{order}/withdrawal", Who::Anyone),
    form("/s/{shop}/orders/{order}/withdrawal", Who::Anyone, ""),
    read("/s/{shop}/orders/{order}/exchange", Who::Anyone),
    form("/s/{shop}/orders/{order}/exchange", Who::Anyone, ""),
    form("/s/{shop}/orders/{order}/exchange-end", Who::Anyone, ""),
    form("/s/{shop}/orders/{order}/exchange-payment", Who::Anyone, ""),
    form("/s/{shop}/orders/{order}/proof", Who::Anyone, ""),
    form("/s/{shop}/orders/{order}/payment", Who::Anyone, ""),
    read("/sitemap.xml", Who::Anyone),
    read("/robots.txt", Who::Anyone),
    // The desk. Empty forms are let in and refused for what is missing.
    read("/studio/{shop}", Who::Analyst),
    read("/studio/{shop}/clips", Who::Analyst),
    read("/studio/{shop}/clips/new", Who::Creator),
    form("/studio/{shop}/clips/new", Who::Creator, ""),
    read("/studio/{shop}/clips/{clip}", Who::Analyst),
    form("/studio/{shop}/clips/{clip}", Who::Creator, ""),
    read("/studio/{shop}/products", Who::Analyst),
    read("/studio/{shop}/products/new", Who::Creator),
    form("/studio/{shop}/products/new", Who::Creator, ""),
    read("/studio/{shop}/products/{product}", Who::Analyst),
    form("/studio/{shop}/products/{product}", Who::Creator, ""),
    read("/studio/{shop}/products/{product}/bundle", Who::Analyst),
    form("/studio/{shop}/products/{product}/bundle", Who::Creator, ""),
    read("/studio/{shop}/products/{product}/shelf", Who::Analyst),
    form(
        "/studio/{shop}/products/{product}/shelf",
        Who::Packer,
        "variant={variant}&counted=60",
    ),
    read("/studio/{shop}/discounts", Who::Analyst),
    read("/studio/{shop}/discounts/new", Who::Creator),
    form("/studio/{shop}/discounts/new", Who::Creator, ""),
    read("/studio/{shop}/discounts/{discount}", Who::Analyst),
    form("/studio/{shop}/discounts/{discount}", Who::Creator, ""),
    read("/studio/{shop}/orders", Who::Analyst),
    read("/studio/{shop}/orders/{order}", Who::Staff),
    form("/studio/{shop}/orders/{order}", Who::Helper, ""),
    form("/studio/{shop}/orders/{order}/refunds", Who::Creator, ""),
    form("/studio/{shop}/orders/{order}/acceptance", Who::Helper, ""),
    form("/studio/{shop}/orders/{order}/captures", Who::Creator, ""),
    form("/studio/{shop}/orders/{order}/cancellation", Who::Creator, ""),
    form("/studio/{shop}/orders/{order}/canceled-units", Who::Creator, ""),
    form("/studio/{shop}/orders/{order}/exchanges", Who::Creator, ""),
    form(
        "/studio/{shop}/orders/{order}/exchanges/{exchange}/closing",
        Who::Creator,
        "",
    ),
    form(
        "/studio/{shop}/orders/{order}/returns/{return}/receipt",
        Who::Creator,
        "",
    ),
    form(
        "/studio/{shop}/orders/{order}/returns/{return}/closing",
        Who::Creator,
        "",
    ),
    read("/studio/{shop}/price-matches", Who::Analyst),
    form("/studio/{shop}/price-matches", Who::Creator, ""),
    read("/studio/{shop}/price-matches/{price_match}", Who::Analyst),
    form("/studio/{shop}/price-matches/{price_match}/start", Who::Creator, ""),
    form("/studio/{shop}/price-matches/{price_match}/pause", Who::Creator, ""),
    form(
        "/studio/{shop}/price-matches/{price_match}/cancellation",
        Who::Creator,
        "",
    ),
    read("/studio/{shop}/payments/{payment}", Who::Analyst),
    form("/studio/{shop}/payments/{payment}/looks", Who::Creator, ""),
    form("/studio/{shop}/payments/{payment}/decisions", Who::Creator, ""),
    read("/studio/{shop}/disputes", Who::Analyst),
    form("/studio/{shop}/disputes", Who::Creator, ""),
    read("/studio/{shop}/disputes/{dispute}", Who::Analyst),
    read("/studio/{shop}/orders/{order}/evidence", Who::Analyst),
    read("/studio/{shop}/orders/{order}/frame", Who::Analyst),
    form("/studio/{shop}/disputes/{dispute}/acceptance", Who::Creator, ""),
    form("/studio/{shop}/disputes/{dispute}/answer", Who::Creator, ""),
    form("/studio/{shop}/disputes/{dispute}/bank", Who::Creator, ""),
    read("/studio/{shop}/money", Who::Analyst),
    read("/studio/{shop}/money/sales/{order}", Who::Analyst),
    read("/studio/{shop}/drops", Who::Analyst),
    form("/studio/{shop}/drops", Who::Creator, ""),
    read("/studio/{shop}/preorders", Who::Analyst),
    form("/studio/{shop}/preorders", Who::Creator, ""),
    read("/studio/{shop}/drops/{drop}", Who::Analyst),
    form("/studio/{shop}/drops/{drop}", Who::Creator, ""),
    form("/studio/{shop}/drops/{drop}/pin", Who::Packer, ""),
    read("/studio/{shop}/drops/{drop}/plan", Who::Creator),
    form("/studio/{shop}/drops/{drop}/plan", Who::Creator, ""),
    read("/studio/{shop}/money/gift-cards", Who::Analyst),
    form("/studio/{shop}/money/gift-cards", Who::Creator, ""),
    read("/studio/{shop}/money/gift-cards/{gift_card}", Who::Analyst),
    form("/studio/{shop}/money/gift-cards/{gift_card}", Who::Creator, ""),
    read("/studio/{shop}/money/settlement-files", Who::Analyst),
    form("/studio/{shop}/money/settlement-files", Who::Creator, ""),
    read("/studio/{shop}/money/settlement-files/sandbox.csv", Who::Analyst),
    read("/studio/{shop}/money/settlement-files/{settlement_file}", Who::Analyst),
    read(
        "/studio/{shop}/money/settlement-exceptions/{settlement_line}",
        Who::Analyst,
    ),
    form(
        "/studio/{shop}/money/settlement-exceptions/{settlement_line}",
        Who::Creator,
        "",
    ),
    read("/studio/{shop}/audience", Who::Measurer),
    read("/studio/{shop}/audience/funnel.csv", Who::Measurer),
    read("/studio/{shop}/audience/clips.csv", Who::Measurer),
    read("/studio/{shop}/audience/{clip}", Who::Measurer),
    read("/studio/{shop}/audience/{clip}/funnel.csv", Who::Measurer),
    read("/studio/{shop}/audience/{clip}/retention.csv", Who::Measurer),
    read("/studio/{shop}/partners", Who::Analyst),
    form("/studio/{shop}/partners", Who::Owner, ""),
    read("/studio/{shop}/partners/contracts/new", Who::Creator),
    form("/studio/{shop}/partners/contracts/new", Who::Creator, ""),
    read("/studio/{shop}/partners/contracts/{contract}", Who::Analyst),
    form("/studio/{shop}/partners/contracts/{contract}", Who::Creator, ""),
    read("/studio/{shop}/settings", Who::Owner),
    form("/studio/{shop}/settings", Who::Owner, ""),
    read("/studio/{shop}/settings/shop", Who::Owner),
    form("/studio/{shop}/settings/shop", Who::Owner, ""),
    read("/studio/{shop}/settings/window", Who::Owner),
    form("/studio/{shop}/settings/window", Who::Owner, ""),
    read("/studio/{shop}/settings/privacy", Who::Owner),
    form("/studio/{shop}/settings/privacy", Who::Owner, ""),
    read("/studio/{shop}/settings/policies", Who::Owner),
    form("/studio/{shop}/settings/policies", Who::Owner, ""),
    read("/studio/{shop}/settings/tax", Who::Owner),
    form("/studio/{shop}/settings/tax", Who::Owner, ""),
    read("/studio/{shop}/settings/delivery", Who::Owner),
    form("/studio/{shop}/settings/delivery", Who::Owner, ""),
    read("/studio/{shop}/settings/payments", Who::Owner),
    form("/studio/{shop}/settings/payments", Who::Owner, ""),
    read("/studio/{shop}/settings/keys", Who::Owner),
    form("/studio/{shop}/settings/keys", Who::Owner, ""),
    read("/studio/{shop}/settings/staff", Who::Owner),
    form("/studio/{shop}/settings/staff", Who::Owner, ""),
    read("/studio/{shop}/settings/webhooks", Who::Owner),
    form("/studio/{shop}/settings/webhooks", Who::Owner, ""),
    read("/studio/{shop}/settings/webhooks/{webhook_endpoint}", Who::Owner),
    form("/studio/{shop}/settings/webhooks/{webhook_endpoint}", Who::Owner, ""),
    // The shop.
    read("/v1/shop", Who::Analyst),
    act("PATCH", "/v1/shop", Who::Owner, r#"{"tagline":"Line {n}"}"#),
    // Without an end it goes on selling, and so does the rest of the census.
    act("PUT", "/v1/shop/window", Who::Owner, r#"{"archives":false}"#),
    Row {
        method: "POST",
        path: "/v1/shop/closing",
        who: Who::Owner,
        body: Body::None,
    },
    delete("/v1/shop/window", Who::Owner),
    read("/v1/staff", Who::Owner),
    act(
        "POST",
        "/v1/staff",
        Who::Owner,
        r#"{"email":"new{n}@census.example","name":"New","role":"helper"}"#,
    ),
    act("PATCH", "/v1/staff/{staff}", Who::Owner, r#"{"name":"Name {n}"}"#),
    delete("/v1/staff/{staff}/sessions", Who::Owner),
    delete("/v1/staff/{staff}", Who::Owner),
    read("/v1/keys", Who::Owner),
    act(
        "POST",
        "/v1/keys",
        Who::Owner,
        r#"{"kind":"secret","name":"Key {n}","scopes":["orders:read"]}"#,
    ),
    delete("/v1/keys/{key}", Who::Owner),
    // Catalog.
    read("/v1/products", Who::Player),
    read("/v1/products/{product}", Who::Player),
    act("PUT", "/v1/variants/{variant}/stock", Who::Creator, r#"{"on_hand":40}"#),
    read("/v1/variants/{variant}/shelf", Who::Packer),
    act("PUT", "/v1/variants/{variant}/shelf", Who::Packer, r#"{"counted":60}"#),
    read("/v1/shortages", Who::Packer),
    act(
        "POST",
        "/v1/products",
        Who::Creator,
        r#"{"title":"Jug {n}","kind":"physical"}"#,
    ),
    read("/v1/products/{product}/draft", Who::Analyst),
    act(
        "PATCH",
        "/v1/products/{product}",
        Who::Creator,
        r#"{"description":"Text {n}"}"#,
    ),
    act(
        "POST",
        "/v1/products/{product}/variants",
        Who::Creator,
        r#"{"title":"Size {n}","sku":"sku-{n}"}"#,
    ),
    act(
        "PUT",
        "/v1/products/{product}/contract",
        Who::Creator,
        r#"{"contract":null}"#,
    ),
    act(
        "PATCH",
        "/v1/variants/{variant}",
        Who::Creator,
        r#"{"title":"Size {n}"}"#,
    ),
    act(
        "PUT",
        "/v1/variants/{variant}/prices/{currency}",
        Who::Creator,
        r#"{"amount":1999}"#,
    ),
    read("/v1/tax-rates", Who::Analyst),
    act(
        "PUT",
        "/v1/tax-rates",
        Who::Owner,
        r#"{"rates":[{"country":"DE","category":"standard","rate_bp":1900}]}"#,
    ),
    read("/v1/delivery", Who::Analyst),
    act(
        "PUT",
        "/v1/delivery",
        Who::Owner,
        r#"{"zones":[{"name":"Home","countries":["DE"],"methods":[{"name":"Parcel","price":{"amount":490,"currency":"EUR"},"eta_days_min":1,"eta_days_max":2}]}]}"#,
    ),
    // Clips.
    upload("/v1/media", Who::Creator, "video/mp4", "tests/media/clip.mp4"),
    read("/v1/clips", Who::Player),
    read("/v1/clips/{clip}", Who::Player),
    read("/v1/clips/{clip}/anchors.vtt", Who::Player),
    read("/v1/clips/{clip}/draft", Who::Analyst),
    act("POST", "/v1/clips", Who::Creator, r#"{"title":"Clip {n}"}"#),
    act(
        "PATCH",
        "/v1/clips/{clip}",
        Who::Creator,
        r#"{"description":"Text {n}"}"#,
    ),
    act(
        "POST",
        "/v1/clips/{clip}/anchors",
        Who::Creator,
        r#"{"kind":"mark","start_ms":0,"end_ms":500,"copy":{"en":{"title":"Mark {n}"}}}"#,
    ),
    act(
        "PATCH",
        "/v1/clips/{clip}/anchors/{anchor}",
        Who::Creator,
        r#"{"start_ms":100}"#,
    ),
    delete("/v1/clips/{clip}/anchors/{anchor}", Who::Creator),
    Row {
        method: "POST",
        path: "/v1/clips/{clip}/publication",
        who: Who::Creator,
        body: Body::None,
    },
    delete("/v1/clips/{clip}/publication", Who::Creator),
    // Partners.
    read("/v1/parties", Who::Analyst),
    act(
        "POST",
        "/v1/parties",
        Who::Creator,
        r#"{"kind":"creator","name":"Party {n}"}"#,
    ),
    read("/v1/contracts", Who::Analyst),
    act("POST", "/v1/contracts", Who::Creator, TERMS),
    read("/v1/contracts/{contract}/versions", Who::Analyst),
    act("POST", "/v1/contracts/{contract}/versions", Who::Creator, VERSION),
    // Asked for no variants, it is let in and refused: a stream would not end.
    read("/v1/live", Who::Player),
    // Buying.
    read("/v1/quotes", Who::Player),
    act(
        "PUT",
        "/v1/checkouts/{checkout}",
        Who::Player,
        r#"{"quote":"{quote}","payment":{"method":"manual"}}"#,
    ),
    read("/v1/checkouts/{checkout}", Who::Player),
    act(
        "PUT",
        "/v1/checkouts/{checkout}/details",
        Who::Player,
        r#"{"contact":{"email":"buyer@census.example"}}"#,
    ),
    act(
        "POST",
        "/v1/checkouts/{checkout}/payment",
        Who::Player,
        r#"{"method":"manual"}"#,
    ),
    delete("/v1/checkouts/{checkout}", Who::Player),
    // Kept cards belong to whoever holds the cookie; another shop's player finds none under it.
    Row {
        method: "PUT",
        path: "/v1/buyer",
        who: Who::Player,
        body: Body::None,
    },
    read("/v1/stored-methods", Who::Player),
    delete("/v1/stored-methods/{method}", Who::Player),
    // Audience. Beacons carry their key in the body.
    act(
        "POST",
        "/v1/beacons",
        Who::Anyone,
        r#"{"key":"{pk}","clip":"{clip}","version":1,"lang":"en","events":[]}"#,
    ),
    read("/v1/payments/{payment}", Who::Analyst),
    Row {
        method: "POST",
        path: "/v1/payments/{payment}/looks",
        who: Who::Creator,
        body: Body::None,
    },
    act(
        "POST",
        "/v1/payments/{payment}/decisions",
        Who::Creator,
        r#"{"decision":"agrees","reason":"story"}"#,
    ),
    // It is an inquiry: let in, and told that there is nothing to give up or answer yet.
    read("/v1/disputes", Who::Analyst),
    read("/v1/disputes/{dispute}", Who::Analyst),
    read("/v1/orders/{order}/evidence", Who::Analyst),
    act(
        "POST",
        "/v1/disputes/{dispute}/acceptance",
        Who::Creator,
        r#"{"reason":"story"}"#,
    ),
    act(
        "POST",
        "/v1/disputes/{dispute}/answer",
        Who::Creator,
        r#"{"texts":{"statement":"story"}}"#,
    ),
    read("/v1/routing", Who::Analyst),
    act(
        "PUT",
        "/v1/routing",
        Who::Owner,
        r#"{"rules":[{"name":"Rule {n}","choice":{"order":["sandbox"]}}]}"#,
    ),
    act(
        "POST",
        "/v1/routing/dry-run",
        Who::Analyst,
        r#"{"amount":{"amount":1999,"currency":"EUR"},"country":"DE","method":"card"}"#,
    ),
    read("/v1/drops", Who::Analyst),
    act("POST", "/v1/drops", Who::Creator, r#"{"title":"Drop {n}"}"#),
    read("/v1/preorders", Who::Analyst),
    // There is one of the variant already.
    act(
        "POST",
        "/v1/preorders",
        Who::Creator,
        r#"{"variant":"{variant}","units":5,"ships_by":"2035-01-01T00:00:00Z"}"#,
    ),
    read("/v1/preorders/{preorder}", Who::Analyst),
    act(
        "POST",
        "/v1/preorders/{preorder}/arrivals",
        Who::Creator,
        r#"{"units":1,"after":0}"#,
    ),
    act(
        "POST",
        "/v1/preorders/{preorder}/delay",
        Who::Creator,
        r#"{"ships_by":"2035-01-01T00:00:00Z"}"#,
    ),
    Row {
        method: "POST",
        path: "/v1/preorders/{preorder}/closing",
        who: Who::Creator,
        body: Body::None,
    },
    read("/v1/drops/{drop}", Who::Analyst),
    act("PATCH", "/v1/drops/{drop}", Who::Creator, r#"{"title":"Drop {n}"}"#),
    act("POST", "/v1/drops/{drop}/scheduling", Who::Creator, "{}"),
    act("POST", "/v1/drops/{drop}/opening", Who::Creator, "{}"),
    act("POST", "/v1/drops/{drop}/pause", Who::Creator, "{}"),
    delete("/v1/drops/{drop}/pause", Who::Creator),
    act("POST", "/v1/drops/{drop}/closing", Who::Creator, "{}"),
    act(
        "POST",
        "/v1/drops/{drop}/releases",
        Who::Creator,
        r#"{"variant":"{variant}","units":1}"#,
    ),
    act(
        "POST",
        "/v1/drops/{drop}/extension",
        Who::Creator,
        r#"{"closes_at":"2036-01-01T00:00:00Z"}"#,
    ),
    act(
        "POST",
        "/v1/drops/{drop}/prices",
        Who::Creator,
        r#"{"variant":"{variant}","price":{"amount":1900,"currency":"EUR"}}"#,
    ),
    act("PUT", "/v1/drops/{drop}/pin", Who::Packer, r#"{"variant":"{variant}"}"#),
    delete("/v1/drops/{drop}/pin", Who::Packer),
    delete("/v1/drops/{drop}/price-rules/{price_rule}", Who::Creator),
    act("POST", "/v1/drops/{drop}/archival", Who::Creator, "{}"),
    read("/v1/drops/{drop}/events", Who::Analyst),
    read("/v1/drops/{drop}/live", Who::Player),
    // Without a browser's key they are let in and refused.
    act("PUT", "/v1/drops/{drop}/turn", Who::Player, ""),
    read("/v1/drops/{drop}/turn", Who::Player),
    read("/v1/drops/{drop}/draw", Who::Player),
    read("/v1/drops/{drop}/reservation", Who::Player),
    act(
        "PUT",
        "/v1/drops/{drop}/letters",
        Who::Player,
        r#"{"about":"opening","email":"jo{n}@example.com"}"#,
    ),
    act("PUT", "/v1/drops/{drop}/guard", Who::Creator, ""),
    delete("/v1/drops/{drop}/guard", Who::Creator),
    read("/v1/drops/{drop}/guests", Who::Creator),
    act(
        "PUT",
        "/v1/drops/{drop}/guests",
        Who::Creator,
        r#"{"emails":["member@census.example"]}"#,
    ),
    act(
        "POST",
        "/v1/drops/{drop}/guest-removals",
        Who::Creator,
        r#"{"emails":["member@census.example"]}"#,
    ),
    read("/v1/drops/{drop}/early-links", Who::Creator),
    act(
        "POST",
        "/v1/drops/{drop}/early-links",
        Who::Creator,
        r#"{"label":"Guests {n}","people":3}"#,
    ),
    delete("/v1/drops/{drop}/early-links/{early_link}", Who::Creator),
    act(
        "PUT",
        "/v1/drops/{drop}/early-access",
        Who::Player,
        r#"{"early":"made-up"}"#,
    ),
    act("PUT", "/v1/drops/{drop}/waits/{variant}", Who::Player, "{}"),
    delete("/v1/drops/{drop}/waits/{variant}", Who::Player),
    read("/v1/products/{product}/bundle", Who::Analyst),
    act(
        "PUT",
        "/v1/products/{product}/bundle",
        Who::Creator,
        r#"{"parts":[],"keep_the_rest":"prorate"}"#,
    ),
    read("/v1/discounts", Who::Analyst),
    act(
        "POST",
        "/v1/discounts",
        Who::Creator,
        r#"{"name":"Discount {n}","code":"CENSUS{n}","takes":{"kind":"percentage","off_bp":1000}}"#,
    ),
    read("/v1/discounts/{discount}", Who::Analyst),
    act(
        "PATCH",
        "/v1/discounts/{discount}",
        Who::Creator,
        r#"{"name":"Renamed {n}"}"#,
    ),
    read("/v1/gift-cards", Who::Analyst),
    act(
        "POST",
        "/v1/gift-cards",
        Who::Creator,
        r#"{"amount":{"amount":2500,"currency":"EUR"},"reason":"sold","note":"Card {n}"}"#,
    ),
    read("/v1/gift-cards/{gift_card}", Who::Analyst),
    act(
        "PATCH",
        "/v1/gift-cards/{gift_card}",
        Who::Creator,
        r#"{"note":"Note {n}"}"#,
    ),
    act(
        "POST",
        "/v1/gift-card-balances",
        Who::Player,
        r#"{"code":"{gift_code}"}"#,
    ),
    read("/v1/settlement-files", Who::Analyst),
    upload(
        "/v1/settlement-files",
        Who::Creator,
        "text/csv",
        "tests/golden/settlement/stripe.csv",
    ),
    read("/v1/settlement-files/{settlement_file}", Who::Analyst),
    read("/v1/settlement-files/{settlement_file}/lines", Who::Analyst),
    read("/v1/settlement-exceptions", Who::Analyst),
    act(
        "POST",
        "/v1/settlement-exceptions/{settlement_line}/decisions",
        Who::Creator,
        r#"{"decision":"leave","reason":"Reason {n}"}"#,
    ),
    // What is sent there has the shop's orders in it.
    read("/v1/webhook-endpoints", Who::Owner),
    act(
        "POST",
        "/v1/webhook-endpoints",
        Who::Owner,
        r#"{"url":"https://census.example/hook{n}"}"#,
    ),
    read("/v1/webhook-endpoints/{webhook_endpoint}", Who::Owner),
    act(
        "PATCH",
        "/v1/webhook-endpoints/{webhook_endpoint}",
        Who::Owner,
        r#"{"description":"Hook {n}"}"#,
    ),
    act(
        "POST",
        "/v1/webhook-endpoints/{webhook_endpoint}/secret-rotation",
        Who::Owner,
        "{}",
    ),
    Row {
        method: "POST",
        path: "/v1/webhook-endpoints/{webhook_endpoint}/test",
        who: Who::Owner,
        body: Body::None,
    },
    act(
        "POST",
        "/v1/webhook-endpoints/{webhook_endpoint}/replays",
        Who::Owner,
        r#"{"since":"2026-01-01T00:00:00Z"}"#,
    ),
    read("/v1/webhook-deliveries", Who::Owner),
    read("/v1/webhook-deliveries/{webhook_delivery}", Who::Owner),
    Row {
        method: "POST",
        path: "/v1/webhook-deliveries/{webhook_delivery}/replay",
        who: Who::Owner,
        body: Body::None,
    },
    delete("/v1/webhook-endpoints/{webhook_endpoint}", Who::Owner),
    read("/v1/balances", Who::Analyst),
    read("/v1/transfers", Who::Analyst),
    read("/v1/funnel", Who::Measurer),
    read("/v1/retention", Who::Measurer),
    // Buyers who ask to be erased.
    read("/v1/erasures", Who::Owner),
    act(
        "POST",
        "/v1/erasures/preview",
        Who::Owner,
        r#"{"contact":"nobody@example.org"}"#,
    ),
    act(
        "POST",
        "/v1/erasures",
        Who::Owner,
        r#"{"id":"{erasure}","contact":"nobody@census.example"}"#,
    ),
    read("/v1/erasures/{erasure}", Who::Owner),
    // Orders.
    read("/v1/orders", Who::Packer),
    read("/v1/orders/{order}", Who::Packer),
    act("POST", "/v1/orders/{order}/acceptance", Who::Helper, "{}"),
    act(
        "POST",
        "/v1/orders/{order}/shipments",
        Who::Helper,
        r#"{"carrier":"Post","tracking":"T{n}"}"#,
    ),
    Row {
        method: "POST",
        path: "/v1/orders/{order}/captures",
        who: Who::Creator,
        body: Body::None,
    },
    act(
        "POST",
        "/v1/orders/{order}/refunds",
        Who::Creator,
        r#"{"amount":1,"reason":"story"}"#,
    ),
    act(
        "POST",
        "/v1/orders/{order}/canceled-units",
        Who::Creator,
        r#"{"lines":[{"line":0,"quantity":1}]}"#,
    ),
    read("/v1/price-matches", Who::Analyst),
    act(
        "POST",
        "/v1/price-matches",
        Who::Creator,
        r#"{"prices":[{"variant":"{variant}","unit_minor":100}]}"#,
    ),
    read("/v1/price-matches/{price_match}", Who::Analyst),
    read("/v1/price-matches/{price_match}/orders", Who::Analyst),
    Row {
        method: "POST",
        path: "/v1/price-matches/{price_match}/start",
        who: Who::Creator,
        body: Body::None,
    },
    Row {
        method: "POST",
        path: "/v1/price-matches/{price_match}/pause",
        who: Who::Creator,
        body: Body::None,
    },
    Row {
        method: "POST",
        path: "/v1/price-matches/{price_match}/cancellation",
        who: Who::Creator,
        body: Body::None,
    },
    read("/v1/orders/{order}/exchanges", Who::Creator),
    act(
        "POST",
        "/v1/orders/{order}/exchange-previews",
        Who::Creator,
        r#"{"back":{"line":0,"quantity":1},"variant":"{variant}"}"#,
    ),
    act(
        "POST",
        "/v1/orders/{order}/exchanges",
        Who::Creator,
        r#"{"back":{"line":0,"quantity":1},"variant":"{variant}"}"#,
    ),
    act(
        "POST",
        "/v1/orders/{order}/exchanges/{exchange}/closing",
        Who::Creator,
        r#"{"reason":"story"}"#,
    ),
    read("/v1/orders/{order}/returns", Who::Creator),
    act(
        "POST",
        "/v1/orders/{order}/returns",
        Who::Creator,
        r#"{"name":"Jo","email":"jo@example.org"}"#,
    ),
    act(
        "POST",
        "/v1/orders/{order}/returns/{return}/receipt",
        Who::Creator,
        "{}",
    ),
    act(
        "POST",
        "/v1/orders/{order}/returns/{return}/closing",
        Who::Creator,
        r#"{"reason":"story"}"#,
    ),
    act(
        "POST",
        "/v1/orders/{order}/cancellation",
        Who::Creator,
        r#"{"reason":"story"}"#,
    ),
];

/// A shop with one of everything a path can name; each named thing by its parameter.
struct Furnished {
    shop: crate::harness::TestShop,
    names: BTreeMap<&'static str, String>,
    client_secret: String,
    /// Of the browser that had a card kept.
    cookie: String,
}

fn id(answer: &Answer) -> String {
    let value = answer.value();
    value["id"]
        .as_str()
        .unwrap_or_else(|| panic!("no id in {} {}", answer.status, answer.text()))
        .to_owned()
}

/// What an edit says it has seen.
async fn version(owner: &Client, path: &str) -> String {
    let read = owner.get(path).await;
    format!(
        "\"{}\"",
        read.value()["version"]
            .as_i64()
            .unwrap_or_else(|| panic!("{path}: {} {}", read.status, read.text()))
    )
}

/// An exchange that was given up: nothing of the census's order has left.
async fn ended_exchange(app: &App, order: &str, variant: &str) -> String {
    let (order, variant): (OrderId, VariantId) = (order.parse().unwrap(), variant.parse().unwrap());
    let id: ExchangeId = app.random.id(app.clock.wall());
    let write = app.db.write(LaneKey(0), move |tx| {
        let (shop, offer): (ShopId, String) = tx.one(
            "select o.shop_id, c.offer from orders o join checkouts c on c.id = o.checkout_id where o.id = $1",
            hawker::args![order],
        )?;
        let offer: Value = serde_json::from_str(&offer).unwrap();
        tx.exec(
            "insert into exchanges (id, shop_id, order_id, return_id, state, line, quantity, variant_id, quote, due_by, asked_at, ended_at, version)
             values ($1, $2, $3, $1, 'closed', 0, 1, $4, $5, $6, $6, $6, 1)",
            hawker::args![id, shop, order, variant, offer["quote"].to_string(), tx.now()],
        )
    });
    write.await.unwrap();
    id.to_string()
}

/// A bank asks about a payment.
pub async fn inquiry(app: &App, payment: &str) -> String {
    let payment = payment.parse().unwrap();
    let told = app.db.write(LaneKey::of(payment), move |tx| {
        let attempt = payments::latest_attempt(tx, payment)?.unwrap();
        let told = DisputeTold {
            name: format!("dp_{payment}"),
            round: 1,
            reference: attempt.reference(),
            stage: DisputeStage::Inquiry,
            amount: attempt.amount,
            reason: "general".into(),
            detail: String::new(),
            due_by: None,
            fees: Vec::new(),
        };
        disputes::record(tx, &attempt, &told)?;
        Ok(disputes::of_payment(tx, payment)?.remove(0).id.to_string())
    });
    told.await.unwrap()
}

impl Furnished {
    async fn make(world: &World, name: &str) -> Self {
        let shop = world.shop(name).await;
        let owner = world
            .sign_in(&shop, &shop.owner_email)
            .await
            .with("accept", "application/json");
        let mut names = BTreeMap::from([
            ("token", "A".repeat(43)),
            ("currency", "EUR".to_owned()),
            ("processor", "sandbox".to_owned()),
        ]);
        names.insert("shop", shop.slug.clone());
        names.insert("policy", "returns".to_owned());
        names.insert("mail", "unheard-of".to_owned());
        names.insert("pk", shop.publishable_key.clone());
        let (hash, file) = hawker::kernel::assets::url("web/css/tokens.css")
            .trim_start_matches("/assets/")
            .split_once('/')
            .unwrap();
        names.insert("hash", hash.to_owned());
        names.insert("*path", file.to_owned());
        names.insert("staff", world.person(&shop, Role::Helper).await.0.to_string());
        world.secret_key(&shop, &["audience:read"]).await;
        let of = shop.id;
        let keys = world.app.db.read(move |tx| identity::key_list(tx, of)).await.unwrap();
        names.insert("key", keys.iter().find(|key| !key.publishable).unwrap().id.to_string());

        let zones = json!({ "zones": [{ "name": "Home", "countries": ["DE"], "methods": [{ "name": "Parcel",
            "price": { "amount": 490, "currency": "EUR" }, "eta_days_min": 1, "eta_days_max": 2 }] }] });
        assert_eq!(owner.put("/v1/delivery", &zones).await.status, 200);
        names.insert(
            "party",
            id(&owner
                .post(
                    "/v1/parties",
                    &json!({ "kind": "creator", "name": format!("Party of {name}") }),
                )
                .await),
        );
        let contract =
            json!({ "name": "Terms", "terms": { "remainder": names["party"], "processor_fee": "remainder" } });
        names.insert("contract", id(&owner.post("/v1/contracts", &contract).await));

        let hook = json!({ "url": "https://census.example/hook", "events": ["dispute.closed"] });
        let hook = owner.post("/v1/webhook-endpoints", &hook).await.value()["endpoint"]["id"].clone();
        names.insert("webhook_endpoint", hook.as_str().unwrap().to_owned());
        let test = format!("/v1/webhook-endpoints/{}/test", names["webhook_endpoint"]);
        let sent = owner.send(Method::POST, &test, None, Default::default()).await;
        names.insert("webhook_delivery", id(&sent));

        let discount = json!({ "name": "Spring", "code": "SPRING", "takes": { "kind": "percentage", "off_bp": 1000 } });
        names.insert("discount", id(&owner.post("/v1/discounts", &discount).await));
        let card = json!({ "amount": { "amount": 2500, "currency": "EUR" }, "reason": "sold" });
        let issued = owner.post("/v1/gift-cards", &card).await.value();
        names.insert("gift_card", issued["gift_card"]["id"].as_str().unwrap().to_owned());
        names.insert("gift_code", issued["code"].as_str().unwrap().to_owned());
        let report = include_bytes!("../golden/settlement/stripe.csv");
        let file = owner
            .send(
                Method::POST,
                "/v1/settlement-files?processor=sandbox",
                Some("text/csv"),
                report.as_slice().into(),
            )
            .await;
        names.insert("settlement_file", id(&file));
        let open = owner.get("/v1/settlement-exceptions").await.value();
        names.insert("settlement_line", open["data"][0]["id"].as_str().unwrap().to_owned());
        let product = json!({ "title": format!("Mug of {name}"), "kind": "physical",
            "variants": [{ "title": "One", "price": { "amount": 2000, "currency": "EUR" } }] });
        let made = owner.post("/v1/products", &product).await;
        names.insert("product", id(&made));
        let draft = format!("/v1/products/{}/draft", names["product"]);
        names.insert(
            "variant",
            owner.get(&draft).await.value()["variants"][0]["id"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
        let seen = version(&owner, &draft).await;
        let active = owner
            .clone()
            .with("if-match", &seen)
            .patch(
                &format!("/v1/products/{}", names["product"]),
                &json!({ "state": "active" }),
            )
            .await;
        assert_eq!(active.status, 200, "{}", active.text());
        stock(&world.app, &shop, &names["variant"]).await;
        let soon = hawker::kernel::Time(world.app.clock.wall().0 + 30 * 86_400 * 1_000_000);
        let preorder = json!({ "variant": names["variant"], "units": 5, "ships_by": soon });
        names.insert("preorder", id(&owner.post("/v1/preorders", &preorder).await));
        let drop = json!({ "title": format!("Drop of {name}"), "opens_at": "2035-01-01T00:00:00Z", "early_minutes": 10, "items": [{ "variant": names["variant"], "allotment": 5,
            "price": { "amount": 1900, "currency": "EUR" },
            "price_rules": [{ "kind": "sold", "units": 900, "price": { "amount": 1800, "currency": "EUR" } }] }] });
        let drop = owner.post("/v1/drops", &drop).await;
        let rule = drop.value()["items"][0]["price_rules"][0]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        names.insert("price_rule", rule);
        names.insert("drop", id(&drop));
        let links = format!("/v1/drops/{}/early-links", names["drop"]);
        let link = owner.post(&links, &json!({ "label": "Guests", "people": 9 })).await;
        names.insert("early_link", id(&link));
        let scheduled = format!("/v1/drops/{}/scheduling", names["drop"]);
        assert_eq!(owner.post(&scheduled, &json!({})).await.status, 200);

        let film = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/media/clip.mp4")).unwrap();
        let media = owner
            .send(Method::POST, "/v1/media", Some("video/mp4"), film.into())
            .await;
        let file = media.value()["src"]
            .as_str()
            .unwrap_or_else(|| panic!("{} {}", media.status, media.text()))
            .to_owned();
        names.insert("file", file.rsplit('/').next().unwrap().to_owned());
        let clip = owner
            .post(
                "/v1/clips",
                &json!({ "title": format!("Clip of {name}"), "media": media.value()["id"] }),
            )
            .await;
        names.insert("clip", id(&clip));
        let anchor = json!({ "kind": "mark", "start_ms": 0, "end_ms": 400, "copy": { "en": { "title": "Mark" } } });
        let anchors = owner
            .post(&format!("/v1/clips/{}/anchors", names["clip"]), &anchor)
            .await;
        assert!(anchors.status < 300, "{}", anchors.text());
        let draft = owner.get(&format!("/v1/clips/{}/draft", names["clip"])).await.value();
        names.insert(
            "anchor",
            draft["anchors"][0]["id"]
                .as_str()
                .unwrap_or_else(|| panic!("{draft}"))
                .to_owned(),
        );
        let published = owner
            .send(
                Method::POST,
                &format!("/v1/clips/{}/publication", names["clip"]),
                None,
                Default::default(),
            )
            .await;
        assert!(published.status < 300, "{} {}", published.status, published.text());

        let player = world.with_key(&shop.publishable_key);
        let buyer = json!({ "contact": { "email": "buyer@census.example" }, "payment": { "method": "manual" },
            "address": { "name": "B", "line1": "Street 1", "postal_code": "10115", "city": "Berlin", "country": "DE" } });
        let seen = format!("&clip={}&version=1&at_ms=100", names["clip"]);
        let bought = checkout(&player, (&names["variant"], &seen), &buyer).await;
        let order = bought.value()["order"]["id"]
            .as_str()
            .unwrap_or_else(|| panic!("{} {}", bought.status, bought.text()))
            .to_owned();
        // A payment and an order have the same id under two names; the sandbox knows its payments by yet others.
        names.insert("payment", order.replace("ord_", "int_"));
        names.insert("order", order);
        names.insert("dispute", inquiry(&world.app, &names["payment"]).await);
        let open = checkout(&player, (&names["variant"], ""), &json!({})).await;
        names.insert("checkout", id(&open));
        names.insert("quote", quote(&player, &names["variant"], "").await);
        let browser = player.clone().with("sec-fetch-site", "same-origin");
        let given = browser.send(Method::PUT, "/v1/buyer", None, Default::default()).await;
        let cookie = given
            .header("set-cookie")
            .unwrap()
            .split(';')
            .next()
            .unwrap()
            .to_owned();
        let browser = browser.with("cookie", &cookie);
        let keeps = json!({ "contact": { "email": "buyer@census.example" }, "address": buyer["address"],
            "payment": { "method": "card", "token": "tok_visa", "keep": true } });
        let kept = checkout(&browser, (&names["variant"], ""), &keeps).await;
        assert_eq!(kept.status, 201, "{}", kept.text());
        let methods = browser.get("/v1/stored-methods").await.value();
        names.insert("method", methods["data"][0]["id"].as_str().unwrap().to_owned());
        let withdrawn = json!({ "name": "B", "email": "buyer@census.example" });
        let withdrawn = owner
            .post(&format!("/v1/orders/{}/returns", names["order"]), &withdrawn)
            .await;
        names.insert("return", id(&withdrawn));
        names.insert(
            "exchange",
            ended_exchange(&world.app, &names["order"], &names["variant"]).await,
        );
        let prices = json!({ "prices": [{ "variant": names["variant"], "unit_minor": 100 }] });
        let wish: hawker::kernel::ErasureId = crate::harness::nobody();
        let wish = json!({ "id": wish, "contact": "nobody@census.example" });
        names.insert("erasure", id(&owner.post("/v1/erasures", &wish).await));
        names.insert("price_match", id(&owner.post("/v1/price-matches", &prices).await));
        let client_secret = open.value()["client_secret"]
            .as_str()
            .unwrap_or_else(|| panic!("{}", open.text()))
            .to_owned();
        Self {
            shop,
            names,
            client_secret,
            cookie,
        }
    }

    fn fill(&self, text: &str, n: usize) -> String {
        let mut filled = text.replace("{n}", &n.to_string());
        for (name, value) in &self.names {
            filled = filled.replace(&format!("{{{name}}}"), value);
        }
        filled
    }

    /// The path with this shop's things in it. A parameter nobody furnished fails the census: add the thing to [`Furnished`].
    fn path(&self, row: &Row) -> String {
        let filled = self.fill(row.path, 0);
        assert!(
            !filled.contains('{'),
            "the census does not know what to put into {}",
            row.path
        );
        match row.path {
            "/v1/settlement-files" if row.method == "POST" => format!("{filled}?processor=sandbox"),
            "/v1/quotes" => format!("{filled}?lines={}:1", self.names["variant"]),
            // Asked for something it cannot answer, it is let in and refused: a stream would not end.
            "/v1/drops/{drop}/live" => format!("{filled}?after=nothing"),
            "/v1/funnel" | "/v1/retention" => format!("{filled}?clip={}", self.names["clip"]),
            _ => filled,
        }
    }

    /// Whether the path names something that belongs to one shop.
    fn is_owned(row: &Row) -> bool {
        (row.path.starts_with("/v1/") || row.path.starts_with("/studio/")) && row.path.contains('{')
    }

    /// Everything that would give this shop away in an answer to somebody else.
    fn marks(&self) -> Vec<&str> {
        let owned = [
            "staff",
            "key",
            "party",
            "contract",
            "product",
            "variant",
            "clip",
            "anchor",
            "order",
            "checkout",
            "method",
            "dispute",
            "settlement_file",
            "settlement_line",
            "webhook_endpoint",
            "webhook_delivery",
            "drop",
            "price_rule",
            "early_link",
            "return",
            "price_match",
            "erasure",
        ];
        let mut marks: Vec<&str> = owned.iter().map(|name| self.names[name].as_str()).collect();
        marks.extend([self.shop.slug.as_str(), self.client_secret.as_str()]);
        marks
    }

    /// The words of a request.
    fn sent(&self, row: &Row, n: usize) -> String {
        let body = match row.body {
            Body::Json(text) | Body::Form(text) => self.fill(text, n),
            Body::None | Body::File(..) => String::new(),
        };
        format!("{} {body}", self.path(row))
    }

    /// Sends what the row says, with things of this shop in it.
    async fn ask(&self, client: &Client, row: &Row, n: usize) -> Answer {
        let method: Method = row.method.parse().unwrap();
        let path = self.path(row);
        match row.body {
            Body::None => client.send(method, &path, None, Default::default()).await,
            Body::Json(text) => {
                client
                    .send(method, &path, Some("application/json"), self.fill(text, n).into())
                    .await
            }
            Body::Form(text) => {
                client
                    .send(
                        method,
                        &path,
                        Some("application/x-www-form-urlencoded"),
                        self.fill(text, n).into(),
                    )
                    .await
            }
            Body::File(kind, file) => {
                let bytes = std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
                client.send(method, &path, Some(kind), bytes.into()).await
            }
        }
    }
}

async fn stock(app: &App, shop: &crate::harness::TestShop, variant: &str) {
    let (shop, variant) = (shop.id, variant.parse::<VariantId>().unwrap());
    app.db
        .write(LaneKey::of(shop), move |tx| {
            inventory::set_stock(tx, shop, variant, None, 50).map(drop)
        })
        .await
        .unwrap();
}

/// An offer of one of a variant; `seen` says where, as more of the query.
async fn quote(player: &Client, variant: &str, seen: &str) -> String {
    let quoted = player
        .get(&format!("/v1/quotes?lines={variant}:1&country=DE{seen}"))
        .await;
    quoted.value()["quote"]
        .as_str()
        .unwrap_or_else(|| panic!("{} {}", quoted.status, quoted.text()))
        .to_owned()
}

async fn checkout(player: &Client, (variant, seen): (&str, &str), more: &Value) -> Answer {
    let mut body = more.clone();
    body["quote"] = quote(player, variant, seen).await.into();
    let checkout: hawker::kernel::CheckoutId = crate::harness::nobody();
    player.put(&format!("/v1/checkouts/{checkout}"), &body).await
}

fn routes() -> BTreeSet<(String, String)> {
    let api: Value = serde_json::from_str(&hawker::routes::openapi()).unwrap();
    let mut found: BTreeSet<_> = hawker::routes::PAGES
        .iter()
        .map(|(method, path)| ((*method).to_owned(), (*path).to_owned()))
        .collect();
    for (path, methods) in api["paths"].as_object().unwrap() {
        found.extend(
            methods
                .as_object()
                .unwrap()
                .keys()
                .map(|method| (method.to_uppercase(), path.clone())),
        );
    }
    found
}

#[test]
fn t1_every_route_has_a_row_and_every_row_a_route() {
    let rows: BTreeSet<_> = CENSUS
        .iter()
        .map(|row| (row.method.to_owned(), row.path.to_owned()))
        .collect();
    assert_eq!(rows.len(), CENSUS.len(), "a route has one row");
    let routes = routes();
    let without_row: Vec<_> = routes.difference(&rows).collect();
    let without_route: Vec<_> = rows.difference(&routes).collect();
    assert!(
        without_row.is_empty() && without_route.is_empty(),
        "no row for {without_row:?}; no route for {without_route:?}"
    );
}

/// Says all that is wrong at once: a census that stops at the first finding is run twenty times.
fn report(findings: &[String]) {
    assert!(
        findings.is_empty(),
        "{} findings:\n{}",
        findings.len(),
        findings.join("\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn t1_no_credentials_and_wrong_credentials_open_nothing() {
    let world = World::start_with(|config| config.rate_limits = false).await;
    let ours = Furnished::make(&world, "Ours").await;
    let page = world
        .client()
        .with("sec-fetch-site", "same-origin")
        .with("if-match", "\"1\"");
    let cases = [
        ("no credentials", page.clone()),
        (
            "an unknown session",
            page.clone()
                .with("cookie", &format!("__Host-hawker={}", "A".repeat(43))),
        ),
        (
            "an unknown key",
            page.clone()
                .with("authorization", &format!("Bearer sk_{}", "A".repeat(43))),
        ),
        (
            "another scheme",
            page.clone().with("authorization", "Basic b3duZXI6b3duZXI="),
        ),
        (
            "a checkout's secret alone",
            page.with("hawker-checkout-secret", &ours.client_secret),
        ),
    ];
    let mut findings = Vec::new();
    for (name, client) in cases {
        for row in CENSUS.iter().filter(|row| row.who != Who::Anyone) {
            let answer = ours.ask(&client, row, 0).await;
            if answer.status != 401 {
                findings.push(format!(
                    "{name}: {} {}: {} {}",
                    row.method,
                    row.path,
                    answer.status,
                    answer.text()
                ));
            }
        }
    }
    report(&findings);
}

#[tokio::test(flavor = "multi_thread")]
async fn t1_another_tenant_finds_nothing_and_sees_nothing() {
    let world = World::start_with(|config| config.rate_limits = false).await;
    let ours = Furnished::make(&world, "Alder Pottery").await;
    let theirs = Furnished::make(&world, "Theirs").await;
    let page = world
        .client()
        .with("sec-fetch-site", "same-origin")
        .with("if-match", "\"1\"")
        .with("hawker-checkout-secret", &theirs.client_secret);
    let key = world.secret_key(&theirs.shop, &identity::SCOPES).await;
    let session = world
        .sign_in(&theirs.shop, &theirs.shop.owner_email)
        .await
        .with("accept", "*/*")
        .with("if-match", "\"1\"");
    let callers = [
        ("their owner", session, false),
        (
            "their server",
            page.clone().with("authorization", &format!("Bearer {key}")),
            true,
        ),
        (
            "their player",
            page.with("cookie", &theirs.cookie)
                .with("authorization", &format!("Bearer {}", theirs.shop.publishable_key)),
            true,
        ),
    ];
    let mut findings = Vec::new();
    for (name, client, is_key) in callers {
        for (n, row) in CENSUS
            .iter()
            .enumerate()
            .filter(|(_, row)| row.who != Who::Anyone && row.path != "/v1/quotes")
        {
            let answer = ours.ask(&client, row, n).await;
            let text = answer.text();
            // Whoever may not at all learns nothing either; a checkout's id is the client's, so it may exist elsewhere.
            let shut = match row.who {
                Who::Player if !is_key => 401,
                Who::Player => 404,
                _ if name == "their player" || (is_key && row.path.starts_with("/studio/")) => 403,
                _ => 404,
            };
            let reused = row.method == "PUT" && row.path == "/v1/checkouts/{checkout}" && is_key;
            if Furnished::is_owned(row) && answer.status != shut && !(reused && (400..500).contains(&answer.status)) {
                findings.push(format!("{name}: {} {}: {} {text}", row.method, row.path, answer.status));
            }
            // Hearing back what one sent oneself tells nothing.
            let sent = ours.sent(row, n);
            let given_away = ours
                .marks()
                .into_iter()
                .find(|mark| text.contains(mark) && !sent.contains(mark));
            if let Some(mark) = given_away {
                findings.push(format!("{name}: {} {} gives {mark} away: {text}", row.method, row.path));
            }
        }
    }
    report(&findings);

    let owner = world.sign_in(&ours.shop, &ours.shop.owner_email).await;
    let product = owner
        .get(&format!("/v1/products/{}/draft", ours.names["product"]))
        .await
        .value();
    assert_eq!(
        (product["title"].as_str(), product["state"].as_str()),
        (Some("Mug of Alder Pottery"), Some("active")),
        "nothing was changed"
    );
    let open = world
        .with_key(&ours.shop.publishable_key)
        .with("hawker-checkout-secret", &ours.client_secret);
    assert_eq!(
        open.get(&format!("/v1/checkouts/{}", ours.names["checkout"]))
            .await
            .value()["state"],
        "incomplete"
    );
}

/// Nothing about the caller was wrong: the answer is a success, or a refusal of the business.
fn let_in(answer: &Answer) -> bool {
    answer.status < 500 && !matches!(answer.status, 401 | 403 | 404 | 405 | 413 | 415)
}

#[tokio::test(flavor = "multi_thread")]
async fn t1_every_role_may_what_its_row_says_and_a_player_nothing_of_the_staff() {
    let world = World::start_with(|config| config.rate_limits = false).await;
    let mut findings = Vec::new();
    for role in Role::ALL {
        let ours = Furnished::make(&world, &format!("Shop of the {}", role.name())).await;
        let email = match role {
            Role::Owner => ours.shop.owner_email.clone(),
            Role::Helper => {
                let owner = world.sign_in(&ours.shop, &ours.shop.owner_email).await;
                let email = "packs@census.example";
                owner
                    .post(
                        "/v1/staff",
                        &json!({ "email": email, "name": "Packs", "role": "helper" }),
                    )
                    .await;
                email.to_owned()
            }
            _ => world.person(&ours.shop, role).await.1,
        };
        let client = world
            .sign_in(&ours.shop, &email)
            .await
            .with("accept", "*/*")
            .with("if-match", "\"1\"");
        for (n, row) in CENSUS
            .iter()
            .enumerate()
            .filter(|(_, row)| row.path != "/studio/sign-out" && !row.path.contains("{token}"))
        {
            let answer = ours.ask(&client, row, n).await;
            let expected = match row.who {
                Who::Anyone => answer.status < 500,
                Who::Player => answer.status == 401,
                // A partner is told of other people's orders that they do not exist.
                Who::Helper | Who::Staff if role == Role::Partner => let_in(&answer) || answer.status == 404,
                who if who.may(role) => let_in(&answer),
                _ => answer.status == 403,
            };
            if !expected {
                findings.push(format!(
                    "{}: {} {}: {} {}",
                    role.name(),
                    row.method,
                    row.path,
                    answer.status,
                    answer.text()
                ));
            }
        }
        if role == Role::Owner {
            continue; // The owner has just deleted and unpublished what a player would ask for.
        }
        let player = world
            .with_key(&ours.shop.publishable_key)
            .with("sec-fetch-site", "same-origin")
            .with("cookie", &ours.cookie)
            .with("hawker-checkout-secret", &ours.client_secret);
        for (n, row) in CENSUS.iter().enumerate().filter(|(_, row)| row.who != Who::Anyone) {
            let unpublished = role == Role::Creator && row.path.starts_with("/v1/clips/");
            let answer = ours.ask(&player, row, n).await;
            let expected = if row.who == Who::Player {
                let_in(&answer) || unpublished
            } else {
                answer.refusal() == (403, "forbidden".into())
            };
            if !expected {
                findings.push(format!(
                    "player: {} {}: {} {}",
                    row.method,
                    row.path,
                    answer.status,
                    answer.text()
                ));
            }
        }
    }
    report(&findings);
}
