//! What is sold, by requests: products, media, clips, contracts and quotes as a studio's server and a player send them.

use super::api::get_quote;
use super::open;
use super::products_api::{get_product, get_products};
use crate::app::App;
use crate::clips::{api as clips, media_api as media};
use crate::fixture::Fixture;
use crate::kernel::{Mail, MailError, Mailer};
use crate::{
    catalog::api as catalog, delivery::api as delivery, inventory::api as inventory, partners::api as partners,
    taxes::api as taxes,
};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::routing::{get, patch, post, put};
use serde_json::{Value, json};
use std::sync::Arc;
use tower::ServiceExt;

const CLIP: &[u8] = include_bytes!("../../tests/media/clip.mp4");

fn routes() -> Router<App> {
    Router::new()
        .route("/v1/products", get(get_products).post(catalog::post_product))
        .route("/v1/products/{product}", get(get_product).patch(catalog::patch_product))
        .route("/v1/products/{product}/draft", get(catalog::get_product_draft))
        .route("/v1/products/{product}/variants", post(catalog::post_variant))
        .route("/v1/products/{product}/contract", put(partners::put_product_contract))
        .route("/v1/variants/{variant}", patch(catalog::patch_variant))
        .route("/v1/variants/{variant}/stock", put(inventory::put_stock))
        .route("/v1/variants/{variant}/prices/{currency}", put(catalog::put_price))
        .route("/v1/media", post(media::post_media))
        .route("/media/{name}", get(media::get_media))
        .route("/v1/clips", get(clips::get_clips).post(clips::post_clip))
        .route("/v1/clips/{clip}", get(clips::get_clip).patch(clips::patch_clip))
        .route("/v1/clips/{clip}/draft", get(clips::get_clip_draft))
        .route("/v1/clips/{clip}/anchors.vtt", get(clips::get_anchors))
        .route("/v1/clips/{clip}/anchors", post(clips::post_anchor))
        .route(
            "/v1/clips/{clip}/anchors/{anchor}",
            patch(clips::patch_anchor).delete(clips::delete_anchor),
        )
        .route(
            "/v1/clips/{clip}/publication",
            post(clips::post_publication).delete(clips::delete_publication),
        )
        .route("/v1/tax-rates", get(taxes::get_tax_rates).put(taxes::put_tax_rates))
        .route("/v1/delivery", get(delivery::get_delivery).put(delivery::put_delivery))
        .route("/v1/parties", get(partners::get_parties).post(partners::post_party))
        .route(
            "/v1/contracts",
            get(partners::get_contracts).post(partners::post_contract),
        )
        .route(
            "/v1/contracts/{contract}/versions",
            get(partners::get_contract_versions).post(partners::post_contract_version),
        )
        .route("/v1/quotes", get(get_quote))
}

struct NoMail;

impl Mailer for NoMail {
    fn send(&self, _: &Mail) -> Result<(), MailError> {
        Err(MailError::Refused("nothing here sends mail".into()))
    }
}

/// The two shops behind the routes, with a runtime to serve them.
struct Counter {
    fixture: Fixture,
    app: App,
    runtime: tokio::runtime::Runtime,
    server: String,
    player: String,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("no JSON: {}", String::from_utf8_lossy(&self.body)))
    }
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
    /// Status and code of a problem.
    fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), "application/problem+json");
        (self.status.as_u16(), self.json()["code"].as_str().unwrap().to_owned())
    }
    #[track_caller]
    fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.body));
        self
    }
}

impl Counter {
    fn open() -> Self {
        let fixture = Fixture::new();
        let app = fixture.app(Vec::new(), Arc::new(NoMail));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let (server, player) = (fixture.server_key(fixture.shop), fixture.player_key(fixture.shop));
        Self {
            fixture,
            app,
            runtime,
            server,
            player,
        }
    }

    fn send(&self, key: &str, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !key.is_empty() {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).unwrap();
        let service = routes().with_state(self.app.clone());
        self.runtime.block_on(async move {
            let response = service.oneshot(request).await.unwrap();
            let (parts, body) = response.into_parts();
            let body = axum::body::to_bytes(body, 16 << 20).await.unwrap();
            Answer {
                status: parts.status,
                headers: parts.headers,
                body,
            }
        })
    }

    /// As the shop's own server.
    fn staff(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.send(
            &self.server,
            method,
            path,
            &[("content-type", "application/json")],
            body.to_string(),
        )
    }
    fn edit(&self, method: &str, path: &str, version: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json"), ("if-match", version)];
        self.send(&self.server, method, path, &headers, body.to_string())
    }
    /// As a player on some page.
    fn view(&self, path: &str) -> Answer {
        self.send(&self.player, "GET", path, &[], "")
    }
    fn upload(&self, bytes: &[u8]) -> Answer {
        self.send(&self.server, "POST", "/v1/media", &[], bytes.to_vec())
    }

    /// A product on sale, its id and its variant's.
    fn mug(&self) -> (String, String) {
        let new = json!({"title": "Ebb mug", "kind": "physical", "state": "active",
            "variants": [{"title": "Sand", "price": {"amount": 3800, "currency": "EUR"}}]});
        let made = self.staff("POST", "/v1/products", &new).expect(201).json();
        (text(&made["id"]), text(&made["variants"][0]["id"]))
    }

    fn stock(&self, variant: &str, free: u32) {
        let counted = self.staff(
            "PUT",
            &format!("/v1/variants/{variant}/stock"),
            &json!({"on_hand": free}),
        );
        assert_eq!(counted.expect(200).json()["left"], free);
    }

    fn delivery(&self) {
        let zones = json!({"zones": [{"name": "Home", "countries": ["DE"], "methods": [
            {"name": "Parcel", "price": {"amount": 490, "currency": "EUR"}, "eta_days_min": 2, "eta_days_max": 4}]}]});
        self.staff("PUT", "/v1/delivery", &zones).expect(200);
        let rates = json!({"rates": [{"country": "DE", "category": "standard", "rate_bp": 1900}]});
        self.staff("PUT", "/v1/tax-rates", &rates).expect(200);
    }

    /// A published clip that shows the mug from 0.5 to 1.5 seconds; its id and the anchor's.
    fn clip(&self, variant: &str) -> (String, String) {
        let media = text(&self.upload(CLIP).expect(201).json()["id"]);
        let clip = self
            .staff("POST", "/v1/clips", &json!({"title": "Glaze day", "media": media}))
            .expect(201);
        let id = text(&clip.json()["id"]);
        let card = json!({"kind": "product_card", "variant": variant, "start_ms": 500, "end_ms": 1500,
            "copy": {"en": {"title": "Ebb mug", "text": "a --> b\nc", "label": "Buy"}}});
        let anchor = self
            .staff("POST", &format!("/v1/clips/{id}/anchors"), &card)
            .expect(201)
            .json();
        self.staff("POST", &format!("/v1/clips/{id}/publication"), &json!({}))
            .expect(200);
        (id, text(&anchor["anchor"]["id"]))
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

#[test]
fn a_product_is_made_edited_and_seen() {
    let counter = Counter::open();
    let (id, variant) = counter.mug();
    counter.stock(&variant, 3);
    let seen = counter.view(&format!("/v1/products/{id}")).expect(200);
    let product = seen.json();
    assert_eq!(product["slug"], "ebb-mug");
    assert_eq!(product["page_url"], "http://shop.test/s/tidal-kiln/products/ebb-mug");
    let expected = json!({"id": variant, "sku": "EBB-MUG-1", "title": "Sand", "price": {"amount": 3800, "currency": "EUR"},
        "availability": {"left": 3, "in_checkouts": 0}});
    assert_eq!(product["variants"], json!([expected]));
    let known = [("if-none-match", seen.header("etag"))];
    let (moment, vary) = ("public, max-age=1, stale-while-revalidate=1", "authorization");
    assert_eq!((seen.header("cache-control"), seen.header("vary")), (moment, vary));
    counter
        .send(&counter.player, "GET", &format!("/v1/products/{id}"), &known, "")
        .expect(304);
    counter.stock(&variant, 2);
    counter
        .send(&counter.player, "GET", &format!("/v1/products/{id}"), &known, "")
        .expect(200);

    let path = format!("/v1/products/{id}");
    let bare = counter.staff("PATCH", &path, &json!({"title": "Ebb mug, large"}));
    assert_eq!(bare.problem(), (428, "version_required".into()));
    let edited = counter
        .edit("PATCH", &path, "\"1\"", &json!({"title": "Ebb mug, large"}))
        .expect(200);
    assert_eq!(
        (edited.header("etag"), edited.json()["title"].as_str()),
        ("\"2\"", Some("Ebb mug, large"))
    );
    assert_eq!(
        counter.edit("PATCH", &path, "\"1\"", &json!({"title": "x"})).problem(),
        (412, "stale".into())
    );
    let priced = counter
        .staff(
            "PUT",
            &format!("/v1/variants/{variant}/prices/EUR"),
            &json!({"amount": 4200}),
        )
        .expect(200);
    assert_eq!(priced.json()["version"], 3);
    assert_eq!(
        counter.view("/v1/products").expect(200).json()["data"][0]["variants"][0]["price"]["amount"],
        4200
    );
    counter
        .edit("PATCH", &path, "\"3\"", &json!({"state": "archived"}))
        .expect(200);
    assert_eq!(counter.view(&path).problem(), (404, "not_found".into()));
    assert_eq!(counter.view("/v1/products").expect(200).json()["data"], json!([]));
    counter
        .send(&counter.server, "GET", &format!("{path}/draft"), &[], "")
        .expect(200);
}

#[test]
fn bad_products_are_refused_by_name() {
    let counter = Counter::open();
    counter.mug();
    let refused = |body: Value| counter.staff("POST", "/v1/products", &body).problem();
    let mug = json!({"title": "Ebb mug", "kind": "physical"});
    let with = |name: &str, value: Value| {
        let mut body = mug.clone();
        body[name] = value;
        body
    };
    for (body, answer) in [
        (with("title", json!("")), (422, "invalid_field")),
        (with("kind", json!("liquid")), (422, "invalid_body")),
        (with("colour", json!("blue")), (422, "invalid_body")),
        (with("slug", json!("ebb-mug")), (409, "slug_taken")),
        (with("state", json!("active")), (409, "nothing_to_sell")),
        (
            with("image", json!("https://elsewhere.example/x.png")),
            (422, "invalid_field"),
        ),
        (with("variants", json!([{"sku": "EBB-MUG-1"}])), (409, "sku_taken")),
        (
            with("variants", json!([{"price": {"amount": -1, "currency": "EUR"}}])),
            (422, "invalid_field"),
        ),
        (
            with("variants", json!([{"price": {"amount": 1, "currency": "XXXX"}}])),
            (422, "invalid_body"),
        ),
    ] {
        assert_eq!(refused(body.clone()), (answer.0, answer.1.to_owned()), "{body}");
    }
    let unread = counter.send(
        &counter.server,
        "POST",
        "/v1/products",
        &[("content-type", "application/json")],
        "{",
    );
    assert_eq!(unread.problem(), (400, "invalid_json".into()));
}

#[test]
fn media_is_taken_once_and_served_in_ranges() {
    let counter = Counter::open();
    let stored = counter.upload(CLIP).expect(201).json();
    assert_eq!(
        (&stored["type"], &stored["width"], &stored["duration_ms"]),
        (&json!("video/mp4"), &json!(128), &json!(2000))
    );
    assert_eq!(counter.upload(CLIP).expect(201).json()["id"], stored["id"]);
    let src = text(&stored["src"]);
    let get = |headers: &[(&str, &str)]| counter.send("", "GET", &src, headers, "");
    let whole = get(&[]).expect(200);
    assert_eq!(&whole.body[..], CLIP);
    assert_eq!(whole.header("content-type"), "video/mp4");
    assert_eq!(whole.header("accept-ranges"), "bytes");
    assert_eq!(whole.header("x-content-type-options"), "nosniff");
    assert!(whole.header("cache-control").contains("immutable"));
    assert!(whole.header("content-security-policy").contains("sandbox"));
    let part = get(&[("range", "bytes=10-19")]).expect(206);
    assert_eq!(
        (&part.body[..], part.header("content-range")),
        (&CLIP[10..20], format!("bytes 10-19/{}", CLIP.len()).as_str())
    );
    let end = get(&[("range", "bytes=-5")]).expect(206);
    assert_eq!(&end.body[..], &CLIP[CLIP.len() - 5..]);
    let beyond = get(&[("range", "bytes=999999-")]).expect(416);
    assert_eq!(beyond.header("content-range"), format!("bytes */{}", CLIP.len()));
    get(&[("if-none-match", whole.header("etag"))]).expect(304);
    get(&[("range", "bytes=0-1"), ("if-range", whole.header("etag"))]).expect(206);
    get(&[("range", "bytes=0-1"), ("if-range", "\"other\"")]).expect(200);
    let head = counter.send("", "HEAD", &src, &[], "").expect(200);
    assert_eq!(
        (head.header("content-length"), head.body.len()),
        (CLIP.len().to_string().as_str(), 0)
    );
    for missing in [
        "/media/x.mp4",
        &src.replace(".mp4", ".png"),
        &src.replace(".mp4", ".exe"),
        "/media/..%2fhawker.db",
    ] {
        counter.send("", "GET", missing, &[], "").expect(404);
    }
    let left = std::fs::read_dir(counter.app.media.join("incoming")).unwrap().count();
    assert_eq!(left, 0, "nothing temporary stays");
}

#[test]
fn media_that_would_not_play_is_refused_with_what_to_do() {
    let counter = Counter::open();
    let box_of = |kind: &[u8; 4], size: u32| [&size.to_be_bytes()[..], kind].concat();
    let mdat_at = CLIP.windows(4).position(|bytes| bytes == b"mdat").unwrap() - 4;
    let png = |width: u32| {
        let header = [
            &b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"[..],
            &width.to_be_bytes(),
            &100u32.to_be_bytes(),
            &[8, 6, 0, 0, 0, 0, 0, 0, 0],
        ]
        .concat();
        [&header[..], b"\0\0\0\0IEND\xaeB`\x82"].concat()
    };
    counter.upload(&png(100)).expect(201);
    counter
        .upload(b"WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n")
        .expect(201);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("unknown_type", Vec::new()),
        ("unknown_type", b"just some text".to_vec()),
        (
            "unknown_type",
            b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>".to_vec(),
        ),
        ("unknown_type", b"\x1a\x45\xdf\xa3 a webm file from somewhere".to_vec()),
        ("truncated", CLIP[..CLIP.len() / 2].to_vec()),
        (
            "not_faststart",
            [&CLIP[..32], &CLIP[mdat_at..], &CLIP[32..mdat_at]].concat(),
        ),
        (
            "fragmented",
            [&CLIP[..mdat_at], &box_of(b"moof", 8), &CLIP[mdat_at..]].concat(),
        ),
        ("unreadable", [&CLIP[..32], &CLIP[mdat_at..]].concat()),
        ("unreadable", b"\x89PNG\r\n\x1a\n........".to_vec()),
        ("dimensions", png(9000)),
        ("truncated", png(100)[..33].to_vec()),
        ("captions", b"WEBVTT\n\n00:02.000 --> 00:01.000\nBackwards\n".to_vec()),
    ];
    for (reason, bytes) in cases {
        let refused = counter.upload(&bytes);
        assert_eq!(refused.problem(), (422, "media_refused".into()), "{reason}");
        assert_eq!(refused.json()["reason"], reason);
        assert!(!text(&refused.json()["remedy"]).is_empty());
    }
    let large = [&b"\x89PNG\r\n\x1a\n"[..], &vec![0; 10 << 20]].concat();
    assert_eq!(counter.upload(&large).problem(), (413, "too_large".into()));
    assert_eq!(
        counter.send(&counter.player, "POST", "/v1/media", &[], CLIP).problem(),
        (403, "forbidden".into())
    );
    assert_eq!(
        counter.send("", "POST", "/v1/media", &[], CLIP).problem(),
        (401, "unauthorized".into())
    );
    assert_eq!(
        std::fs::read_dir(counter.app.media.join("incoming")).unwrap().count(),
        0
    );
}

#[test]
fn a_clip_is_published_seen_and_taken_back() {
    let counter = Counter::open();
    let (product, variant) = counter.mug();
    let (id, anchor) = counter.clip(&variant);
    let seen = counter.view(&format!("/v1/clips/{id}")).expect(200);
    let clip = seen.json();
    assert_eq!(
        (clip["version"].as_i64(), clip["anchors"][0]["product"].as_str()),
        (Some(1), Some(product.as_str()))
    );
    counter
        .send(
            &counter.player,
            "GET",
            &format!("/v1/clips/{id}"),
            &[("if-none-match", seen.header("etag"))],
            "",
        )
        .expect(304);
    assert_eq!(counter.view("/v1/clips").expect(200).json()["data"], json!([clip]));

    let track = counter
        .send("", "GET", clip["anchors_src"].as_str().unwrap(), &[], "")
        .expect(200);
    assert_eq!(track.header("content-type"), "text/vtt; charset=utf-8");
    let track = String::from_utf8(track.body.to_vec()).unwrap();
    let lines: Vec<&str> = track.lines().collect();
    assert_eq!(
        (lines[0], lines[2], lines[3]),
        ("WEBVTT", anchor.as_str(), "00:00:00.500 --> 00:00:01.500")
    );
    assert_eq!(serde_json::from_str::<Value>(lines[4]).unwrap(), clip["anchors"][0]);
    let keyless = format!("/v1/clips/{id}/anchors.vtt");
    assert_eq!(counter.send("", "GET", &keyless, &[], "").problem().0, 401);

    let draft = counter
        .send(&counter.server, "GET", &format!("/v1/clips/{id}/draft"), &[], "")
        .expect(200);
    let path = format!("/v1/clips/{id}/anchors/{anchor}");
    assert_eq!(
        counter
            .edit("PATCH", &path, "\"1\"", &json!({"end_ms": 1800}))
            .problem(),
        (412, "stale".into())
    );
    let outside = counter.edit("PATCH", &path, draft.header("etag"), &json!({"end_ms": 2001}));
    assert_eq!(
        (
            outside.problem().1.as_str(),
            outside.json()["errors"][0]["pointer"].as_str()
        ),
        ("invalid_field", Some("/end_ms"))
    );
    let moved = counter
        .edit("PATCH", &path, draft.header("etag"), &json!({"end_ms": 1800}))
        .expect(200);
    let again = counter.view(&format!("/v1/clips/{id}")).expect(200).json();
    assert_eq!(again["anchors"][0]["end_ms"], 1500, "what is published stays");
    counter
        .edit("DELETE", &path, moved.header("etag"), &json!(null))
        .expect(200);
    let published = counter
        .staff("POST", &format!("/v1/clips/{id}/publication"), &json!({}))
        .expect(200)
        .json();
    assert_eq!(
        (published["version"].as_i64(), published["offers"].as_i64()),
        (Some(2), Some(0))
    );

    counter
        .send(
            &counter.server,
            "DELETE",
            &format!("/v1/clips/{id}/publication"),
            &[],
            "",
        )
        .expect(204);
    assert_eq!(counter.view(&format!("/v1/clips/{id}")).problem().0, 404);
}

#[test]
fn a_clip_without_a_video_or_with_a_draft_product_is_not_published() {
    let counter = Counter::open();
    let empty = text(
        &counter
            .staff("POST", "/v1/clips", &json!({"title": "Soon"}))
            .expect(201)
            .json()["id"],
    );
    assert_eq!(
        counter
            .staff("POST", &format!("/v1/clips/{empty}/publication"), &json!({}))
            .problem(),
        (409, "no_media".into())
    );
    let (product, variant) = counter.mug();
    let (id, anchor) = counter.clip(&variant);
    counter
        .edit(
            "PATCH",
            &format!("/v1/products/{product}"),
            "\"1\"",
            &json!({"state": "draft"}),
        )
        .expect(200);
    let refused = counter.staff("POST", &format!("/v1/clips/{id}/publication"), &json!({}));
    assert_eq!(refused.problem(), (409, "anchor_not_sellable".into()));
    assert_eq!(refused.json()["anchor"], anchor);
}

#[test]
fn a_quote_says_everything_and_its_refusals_have_names() {
    let counter = Counter::open();
    let (_, variant) = counter.mug();
    counter.stock(&variant, 3);
    let ask = |query: &str| counter.view(&format!("/v1/quotes?lines={variant}:{query}"));
    assert_eq!(ask("1").problem(), (409, "not_delivered_there".into()));
    counter.delivery();
    let quote = ask("2").expect(200).json();
    assert_eq!(quote["total"], json!({"amount": 8090, "currency": "EUR"}));
    assert_eq!(quote["delivery"]["promise"], "Arrives 25–27 Nov");
    assert_eq!(quote["availability"], json!({"left": 3, "in_checkouts": 0}));
    let signed = open(counter.app.db.signing_key(), quote["quote"].as_str().unwrap()).unwrap();
    assert_eq!((signed.shop, signed.total_minor), (counter.fixture.shop, 8090));
    let short = ask("4");
    assert_eq!(
        (short.problem(), short.json()["left"].as_i64()),
        ((409, "sold_out".into()), Some(3))
    );
    assert_eq!(ask("1&country=NZ").problem(), (409, "not_delivered_there".into()));
    assert_eq!(ask("1&country=nz").problem(), (422, "invalid_field".into()));
    assert_eq!(ask("21").problem(), (422, "invalid_field".into()));
    assert_eq!(
        ask("1&clip=clp_01h455vb4pex5vsknk084sn02q&version=1").problem(),
        (404, "not_for_sale".into())
    );
    assert_eq!(
        counter
            .view("/v1/quotes?lines=var_01h455vb4pex5vsknk084sn02q:1")
            .problem(),
        (404, "not_for_sale".into())
    );
    assert_eq!(counter.view("/v1/quotes").problem().0, 422);
}

#[test]
fn contracts_are_agreed_and_products_put_under_them() {
    let counter = Counter::open();
    let (product, _) = counter.mug();
    let party = |name: &str| {
        text(
            &counter
                .staff("POST", "/v1/parties", &json!({"kind": "creator", "name": name}))
                .expect(201)
                .json()["id"],
        )
    };
    let (lina, jonas) = (party("Lina"), party("Jonas"));
    let terms = |portion: u32| json!({"shares": [{"party": jonas, "part": {"portion": portion}}], "remainder": lina, "processor_fee": "remainder", "platform_fee_bp": 500});
    let refused = counter.staff(
        "POST",
        "/v1/contracts",
        &json!({"name": "Studio", "terms": terms(9600)}),
    );
    assert_eq!(refused.problem(), (422, "terms_unfit".into()));
    let contract = counter
        .staff(
            "POST",
            "/v1/contracts",
            &json!({"name": "Studio", "terms": terms(2000)}),
        )
        .expect(201)
        .json();
    let id = text(&contract["id"]);
    let path = format!("/v1/contracts/{id}/versions");
    counter
        .edit("POST", &path, "\"1\"", &json!({"terms": terms(2500)}))
        .expect(201);
    assert_eq!(
        counter
            .edit("POST", &path, "\"1\"", &json!({"terms": terms(2500)}))
            .problem(),
        (412, "stale".into())
    );
    let versions = counter.send(&counter.server, "GET", &path, &[], "").expect(200).json();
    assert_eq!(versions["data"].as_array().unwrap().len(), 2);
    let under = counter
        .edit(
            "PUT",
            &format!("/v1/products/{product}/contract"),
            "\"1\"",
            &json!({"contract": id}),
        )
        .expect(200);
    assert_eq!(under.json()["contract"], id);
    let unknown = json!({"contract": "ctr_01h455vb4pex5vsknk084sn02q"});
    assert_eq!(
        counter
            .edit("PUT", &format!("/v1/products/{product}/contract"), "\"2\"", &unknown)
            .problem(),
        (422, "no_such_contract".into())
    );
}

#[test]
fn t1_a_neighbours_keys_open_nothing_here() {
    let counter = Counter::open();
    let (product, variant) = counter.mug();
    let (clip, anchor) = counter.clip(&variant);
    counter.delivery();
    counter.stock(&variant, 3);
    let neighbour = counter.fixture.neighbour;
    let (server, player) = (
        counter.fixture.server_key(neighbour),
        counter.fixture.player_key(neighbour),
    );
    let headers = [("content-type", "application/json"), ("if-match", "\"1\"")];
    let gone = |method: &str, path: String, body: Value| {
        let answer = counter.send(&server, method, &path, &headers, body.to_string());
        assert_eq!(answer.problem().0, 404, "{method} {path}");
    };
    gone("GET", format!("/v1/products/{product}/draft"), json!(null));
    gone("PATCH", format!("/v1/products/{product}"), json!({"title": "Mine"}));
    gone("POST", format!("/v1/products/{product}/variants"), json!({}));
    gone(
        "PUT",
        format!("/v1/products/{product}/contract"),
        json!({"contract": null}),
    );
    gone("PATCH", format!("/v1/variants/{variant}"), json!({"title": "Mine"}));
    gone(
        "PUT",
        format!("/v1/variants/{variant}/prices/EUR"),
        json!({"amount": 1}),
    );
    gone("PUT", format!("/v1/variants/{variant}/stock"), json!({"on_hand": 0}));
    gone("GET", format!("/v1/clips/{clip}/draft"), json!(null));
    gone("PATCH", format!("/v1/clips/{clip}"), json!({"title": "Mine"}));
    gone(
        "POST",
        format!("/v1/clips/{clip}/anchors"),
        json!({"start_ms": 0, "end_ms": 1}),
    );
    gone(
        "PATCH",
        format!("/v1/clips/{clip}/anchors/{anchor}"),
        json!({"end_ms": 1}),
    );
    gone("DELETE", format!("/v1/clips/{clip}/anchors/{anchor}"), json!(null));
    gone("POST", format!("/v1/clips/{clip}/publication"), json!(null));
    gone("DELETE", format!("/v1/clips/{clip}/publication"), json!(null));
    for path in [
        format!("/v1/products/{product}"),
        format!("/v1/clips/{clip}"),
        format!("/v1/clips/{clip}/anchors.vtt"),
        format!("/v1/quotes?lines={variant}:1"),
    ] {
        assert_eq!(counter.send(&player, "GET", &path, &[], "").problem().0, 404, "{path}");
    }
    let lists = ["/v1/products", "/v1/clips"];
    assert!(
        lists
            .iter()
            .all(|path| counter.send(&player, "GET", path, &[], "").json()["data"] == json!([]))
    );
    counter.view(&format!("/v1/clips/{clip}")).expect(200);
}
