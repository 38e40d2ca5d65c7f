//! `hawker demo`: a shop with real content, made through the same verbs the studio uses. Nothing here is only for the demo but its texts.

use crate::app::App;
use crate::catalog::{self, Create, Kind, NewProduct, NewVariant, ProductState, TaxCategory};
use crate::clips::{
    self, AnchorEdit, AnchorKind, AskKind, Caption, ClipEdit, Copies, Copy, CreateClip, EditAnchor, Intake, Publish,
};
use crate::db::LaneKey;
use crate::delivery::{self, NewMethod, NewZone};
use crate::identity::{self, CreateShop, EditShop, NewShop, Seller, Shop, ShopEdit};
use crate::inventory;
use crate::kernel::{Currency, Error, Money, PartyId, Rate, Result, VariantId};
use crate::partners::{self, Agree, Assign, Bearer, FulfilmentFee, NewParty, Part, PartyKind, Share, Terms};
use crate::taxes::{self, TaxRate};
use serde::Deserialize;
use std::collections::BTreeMap;

include!(concat!(env!("OUT_DIR"), "/demo.rs"));

/// Who owns the demo shop.
pub const OWNER: &str = "nadja@loam-and-ink.example";
pub const SLUG: &str = "loam-and-ink";

#[derive(Deserialize)]
struct Content {
    shop: ShopText,
    parties: Vec<PartyText>,
    split_contract: ContractText,
    tax_rates: Vec<RateText>,
    delivery_zones: Vec<ZoneText>,
    products: Vec<ProductText>,
    clips: Vec<ClipText>,
}

#[derive(Deserialize)]
struct ShopText {
    name: String,
    currency: Currency,
    country: String,
    language: String,
    accent: String,
    line: String,
    seller: SellerText,
    policies: PolicyText,
}

#[derive(Deserialize)]
struct SellerText {
    name: String,
    street: String,
    postal_code: String,
    city: String,
    email: String,
    phone: String,
    vat_id: String,
}

#[derive(Deserialize)]
struct PolicyText {
    return_days: u32,
    returns: String,
    shipping: String,
}

#[derive(Deserialize)]
struct PartyText {
    key: String,
    kind: PartyKind,
    name: String,
    email: String,
}

#[derive(Deserialize)]
struct ContractText {
    name: String,
    shares: Vec<ShareText>,
}

#[derive(Deserialize)]
struct ShareText {
    party: String,
    kind: String,
    #[serde(default)]
    basis_points: u32,
    #[serde(default)]
    amount_minor: i64,
}

#[derive(Deserialize)]
struct RateText {
    country: String,
    category: TaxCategory,
    basis_points: u32,
}

#[derive(Deserialize)]
struct ZoneText {
    name: String,
    countries: Vec<String>,
    methods: Vec<MethodText>,
}

#[derive(Deserialize)]
struct MethodText {
    name: String,
    price_minor: i64,
    eta_days_min: u32,
    eta_days_max: u32,
}

#[derive(Deserialize)]
struct ProductText {
    slug: String,
    kind: Kind,
    name: String,
    description: String,
    image: String,
    tax_category: TaxCategory,
    variants: Vec<VariantText>,
}

#[derive(Deserialize)]
struct VariantText {
    sku: String,
    name: String,
    price_minor: i64,
    weight_grams: u32,
    stock: u32,
}

#[derive(Deserialize)]
struct ClipText {
    slug: String,
    file: String,
    poster: String,
    captions: BTreeMap<String, String>,
    copy: BTreeMap<String, CopyText>,
    anchors: Vec<AnchorText>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct CopyText {
    title: String,
    description: String,
    text: String,
    label: String,
    action: String,
    quote: String,
    by: String,
}

#[derive(Deserialize)]
struct AnchorText {
    kind: AnchorKind,
    #[serde(default)]
    ask: Option<AskKind>,
    #[serde(default)]
    sku: Option<String>,
    start_ms: i64,
    end_ms: i64,
    copy: BTreeMap<String, CopyText>,
}

impl CopyText {
    /// Our three places for words, whatever the content calls them.
    fn placed(self) -> Copy {
        let text = if self.quote.is_empty() { self.text } else { self.quote };
        let title = if self.by.is_empty() { self.title } else { self.by };
        let label = if self.action.is_empty() {
            self.label
        } else {
            self.action
        };
        Copy { title, text, label }
    }
}

fn file(name: &str) -> Result<&'static [u8]> {
    let found = FILES.iter().find(|(path, _)| *path == name).map(|(_, bytes)| *bytes);
    found.ok_or_else(|| Error::internal(format!("the demo has no file {name}")))
}

/// The demo shop; made if it is not there yet.
pub async fn shop(app: &App) -> Result<Shop> {
    if let Some(shop) = app.db.read(|tx| identity::shop_by_slug(tx, SLUG)).await? {
        return Ok(shop);
    }
    let text = std::str::from_utf8(file("shop.toml")?)
        .map_err(|error| Error::internal("demo/shop.toml is not UTF-8").because(error))?;
    let content: Content = toml::from_str(text).map_err(|error| Error::internal(format!("demo/shop.toml: {error}")))?;
    let shop = opened(app, &content).await?;
    let variants = goods(app, &shop, &content).await?;
    for clip in &content.clips {
        shown(app, &shop, clip, &variants).await?;
    }
    Ok(shop)
}

async fn opened(app: &App, content: &Content) -> Result<Shop> {
    let text = &content.shop;
    let new = NewShop {
        name: text.name.clone(),
        slug: SLUG.into(),
        currency: text.currency,
        country: text.country.clone(),
        language: text.language.clone(),
        owner_name: "Nadja Brandt".into(),
        owner_email: OWNER.into(),
        test_mode: true,
    };
    let seller = &text.seller;
    let edit = ShopEdit {
        accent: Some(text.accent.clone()),
        tagline: Some(text.line.clone()),
        seller: Some(Seller {
            name: seller.name.clone(),
            address: format!("{}, {} {}", seller.street, seller.postal_code, seller.city),
            email: seller.email.clone(),
            phone: seller.phone.clone(),
            vat_id: seller.vat_id.clone(),
            imprint: String::new(),
        }),
        return_days: Some(text.policies.return_days),
        return_policy: Some(text.policies.returns.trim().to_owned()),
        shipping_policy: Some(text.policies.shipping.trim().to_owned()),
        prices_include_tax: Some(true),
        ..ShopEdit::default()
    };
    let rates: Vec<TaxRate> = content
        .tax_rates
        .iter()
        .map(|rate| TaxRate {
            country: rate.country.clone(),
            category: rate.category,
            rate: Rate(rate.basis_points),
        })
        .collect();
    let currency = text.currency;
    let zones: Vec<NewZone> = content
        .delivery_zones
        .iter()
        .map(|zone| NewZone {
            id: None,
            name: zone.name.clone(),
            countries: zone.countries.clone(),
            methods: zone
                .methods
                .iter()
                .map(|method| NewMethod {
                    id: None,
                    name: method.name.clone(),
                    price: Money::new(method.price_minor, currency),
                    eta_days_min: method.eta_days_min,
                    eta_days_max: method.eta_days_max,
                })
                .collect(),
        })
        .collect();
    app.db
        .write(LaneKey(0), move |tx| {
            let CreateShop::Created { shop, .. } = identity::create_shop(tx, new.clone())? else {
                return Err(Error::conflict("slug_taken", "Another shop has the demo's address."));
            };
            taxes::set(tx, shop, &rates)?;
            delivery::set(tx, shop, &zones)?;
            let version = identity::shop(tx, shop)?.version;
            match identity::edit_shop(tx, shop, version, edit.clone())? {
                EditShop::Edited(shop) => Ok(shop),
                EditShop::Stale { .. } => Err(Error::internal("the demo's new shop was edited by someone else")),
            }
        })
        .await
}

/// Parties, the contract, products with pictures, prices and stock; answers the variants by SKU.
async fn goods(app: &App, shop: &Shop, content: &Content) -> Result<BTreeMap<String, VariantId>> {
    let (id, currency) = (shop.id, shop.currency);
    let parties: Vec<NewParty> = content
        .parties
        .iter()
        .map(|party| NewParty {
            kind: party.kind,
            name: party.name.clone(),
            email: party.email.clone(),
        })
        .collect();
    let keys: Vec<String> = content.parties.iter().map(|party| party.key.clone()).collect();
    let ids: Vec<PartyId> = app
        .db
        .write(LaneKey(0), move |tx| {
            parties
                .iter()
                .map(|party| Ok(partners::add_party(tx, id, tx.id(), party)?.id))
                .collect()
        })
        .await?;
    let known: BTreeMap<String, PartyId> = keys.into_iter().zip(ids).collect();
    let terms = terms(&content.split_contract, &known, currency)?;
    let name = content.split_contract.name.clone();
    let contract = app
        .db
        .write(LaneKey(0), move |tx| {
            match partners::draw_up(tx, (id, currency), tx.id(), &name, &terms)? {
                Agree::Agreed(contract) => Ok(contract.id),
                other => Err(Error::internal(format!("the demo's contract was refused: {other:?}"))),
            }
        })
        .await?;
    let mut variants = BTreeMap::new();
    for product in &content.products {
        let image = picture(app, shop, &product.image).await?;
        let new = NewProduct {
            title: product.name.clone(),
            slug: Some(product.slug.clone()),
            description: product.description.clone(),
            kind: product.kind,
            tax_category: product.tax_category,
            image,
            state: ProductState::Active,
            variants: product
                .variants
                .iter()
                .map(|variant| NewVariant {
                    title: variant.name.clone(),
                    sku: Some(variant.sku.clone()),
                    weight_grams: variant.weight_grams,
                    price: Some(Money::new(variant.price_minor, currency)),
                })
                .collect(),
        };
        let stock: Vec<u32> = product.variants.iter().map(|variant| variant.stock).collect();
        let made = app
            .db
            .write(LaneKey(0), move |tx| {
                let Create::Created(product, made) = catalog::create(tx, (id, currency), tx.id(), &new)? else {
                    return Err(Error::internal("a product of the demo was refused"));
                };
                for (variant, units) in made.iter().zip(&stock) {
                    inventory::set_stock(tx, id, variant.id, None, *units)?;
                }
                match partners::assign(tx, id, product.id, product.version, Some(contract))? {
                    Assign::Assigned(_) => Ok(made),
                    other => Err(Error::internal(format!(
                        "the demo's contract fits no product: {other:?}"
                    ))),
                }
            })
            .await?;
        variants.extend(made.into_iter().map(|variant| (variant.sku, variant.id)));
    }
    Ok(variants)
}

fn terms(text: &ContractText, known: &BTreeMap<String, PartyId>, currency: Currency) -> Result<Terms> {
    let party = |key: &str| {
        known
            .get(key)
            .copied()
            .ok_or_else(|| Error::internal(format!("the demo has no party {key}")))
    };
    let remainder = text
        .shares
        .iter()
        .find(|share| share.kind == "remainder")
        .map(|share| party(&share.party))
        .transpose()?;
    let mut terms = Terms::all_to(remainder.ok_or_else(|| Error::internal("the demo's contract has no remainder"))?);
    terms.processor_fee = Bearer::Remainder;
    for share in &text.shares {
        match share.kind.as_str() {
            "portion" if share.party == "platform" => terms.platform_fee_bp = share.basis_points,
            "portion" => terms.shares.push(Share {
                party: party(&share.party)?,
                part: Part::Portion(share.basis_points),
            }),
            "fixed" => {
                let per_unit = Money::new(share.amount_minor, currency).into();
                terms.fulfilment = Some(FulfilmentFee {
                    party: party(&share.party)?,
                    per_unit,
                });
            }
            "delivery" => terms.delivery = Some(party(&share.party)?),
            _ => {}
        }
    }
    Ok(terms)
}

async fn upload(app: &App, shop: &Shop, name: &str) -> Result<clips::Media> {
    let bytes = axum::body::Bytes::from_static(file(name)?);
    match clips::intake(
        app,
        shop.id,
        futures_util::stream::iter([Ok::<_, std::convert::Infallible>(bytes)]),
    )
    .await?
    {
        Intake::Stored { media, .. } => Ok(media),
        other => Err(Error::internal(format!("{name} was refused: {other:?}"))),
    }
}

async fn picture(app: &App, shop: &Shop, name: &str) -> Result<String> {
    Ok(upload(app, shop, name).await?.path())
}

async fn shown(app: &App, shop: &Shop, text: &ClipText, variants: &BTreeMap<String, VariantId>) -> Result<()> {
    let media = upload(app, shop, &text.file).await?;
    let poster = upload(app, shop, &text.poster).await?;
    let mut captions = Vec::new();
    for (lang, name) in &text.captions {
        let label = match lang.as_str() {
            "de" => "Deutsch",
            "ar" => "العربية",
            _ => "English",
        };
        captions.push(Caption {
            lang: lang.clone(),
            label: label.into(),
            hash: upload(app, shop, name).await?.hash,
        });
    }
    let words = text.copy.get(&shop.language).cloned().unwrap_or_default();
    let clip = ClipEdit {
        title: Some(words.title),
        slug: Some(text.slug.clone()),
        description: Some(words.description),
        language: Some(shop.language.clone()),
        media: Some(media.hash),
        poster: Some(poster.hash),
        captions: Some(captions),
    };
    let mut anchors = Vec::new();
    for anchor in &text.anchors {
        let variant = match &anchor.sku {
            Some(sku) => Some(
                variants
                    .get(sku)
                    .copied()
                    .ok_or_else(|| Error::internal(format!("the demo has no SKU {sku}")))?,
            ),
            None => None,
        };
        let copy: Copies = anchor
            .copy
            .iter()
            .map(|(lang, copy)| (lang.clone(), copy.clone().placed()))
            .collect();
        anchors.push(AnchorEdit {
            kind: Some(anchor.kind),
            ask: anchor.ask,
            start_ms: Some(anchor.start_ms),
            end_ms: Some(anchor.end_ms),
            variant,
            copy: Some(copy),
        });
    }
    let (id, currency, language) = (shop.id, shop.currency, shop.language.clone());
    app.db
        .write(LaneKey(0), move |tx| {
            let CreateClip::Created(clip) = clips::create(tx, id, &language, tx.id(), &clip)? else {
                return Err(Error::internal("a clip of the demo was refused"));
            };
            for anchor in &anchors {
                match clips::add_anchor(tx, (id, currency), clip.id, tx.id(), anchor)? {
                    EditAnchor::Done { .. } => {}
                    other => return Err(Error::internal(format!("an anchor of the demo was refused: {other:?}"))),
                }
            }
            match clips::publish(tx, (id, currency), clip.id, None)? {
                Publish::Live { .. } => Ok(()),
                other => Err(Error::internal(format!(
                    "a clip of the demo cannot be published: {other:?}"
                ))),
            }
        })
        .await
}
