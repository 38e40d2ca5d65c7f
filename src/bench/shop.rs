//! The shop under load: physical goods with tax and delivery, sold under a contract of two creators and a packer, so that every sale has six legs.

use crate::app::App;
use crate::catalog::{self, Create, Kind, NewProduct, NewVariant, ProductState, TaxCategory};
use crate::db::{LaneKey, Tx};
use crate::delivery::{self, NewMethod, NewZone};
use crate::identity::{self, CreateShop, NewShop};
use crate::inventory;
use crate::kernel::{Currency, Error, Money, PartyId, Rate, Result, ShopId, VariantId};
use crate::partners::{self, Agree, Assign, Bearer, FulfilmentFee, NewParty, Part, PartyKind, Share, Terms};
use crate::taxes::{self, TaxRate};

/// Products made by one command, which keeps it inside a command's budget.
const CHUNK: usize = 20;

/// What the generator needs to know.
#[derive(Clone, Debug)]
pub struct Stall {
    pub shop: ShopId,
    pub publishable_key: String,
    pub variants: Vec<VariantId>,
}

/// Makes a shop with `variants` products of `units` each.
pub fn open(app: &App, variants: usize, units: u32) -> Result<Stall> {
    let currency: Currency = "EUR".parse()?;
    let (shop, publishable_key, contract) = app.db.write_blocking(LaneKey(0), move |tx| found(tx, currency))?;
    let mut made = Vec::with_capacity(variants);
    while made.len() < variants {
        let (from, until) = (made.len(), variants.min(made.len() + CHUNK));
        made.extend(app.db.write_blocking(LaneKey(0), move |tx| {
            (from..until)
                .map(|number| {
                    let Create::Created(product, variants) =
                        catalog::create(tx, (shop, currency), tx.id(), &product(number, currency))?
                    else {
                        return Err(Error::internal("a product of the bench was refused"));
                    };
                    inventory::set_stock(tx, shop, variants[0].id, None, units)?;
                    match partners::assign(tx, shop, product.id, product.version, Some(contract))? {
                        Assign::Assigned(_) => Ok(variants[0].id),
                        other => Err(Error::internal(format!(
                            "the bench's contract fits no product: {other:?}"
                        ))),
                    }
                })
                .collect::<Result<Vec<VariantId>>>()
        })?);
    }
    Ok(Stall {
        shop,
        publishable_key,
        variants: made,
    })
}

fn found(tx: &mut Tx<'_>, currency: Currency) -> Result<(ShopId, String, crate::kernel::ContractId)> {
    let new = NewShop {
        name: "Bench".into(),
        slug: format!("bench-{}", tx.now().0),
        currency,
        country: "DE".into(),
        language: "en".into(),
        owner_name: "Bench".into(),
        owner_email: "bench@localhost.example".into(),
        test_mode: true,
    };
    let CreateShop::Created {
        shop, publishable_key, ..
    } = identity::create_shop(tx, new)?
    else {
        return Err(Error::internal("the bench's shop exists already"));
    };
    let standard = TaxRate {
        country: "DE".into(),
        category: TaxCategory::Standard,
        rate: Rate(1900),
    };
    taxes::set(tx, shop, &[standard])?;
    let parcel = NewMethod {
        id: None,
        name: "Parcel".into(),
        price: Money::new(490, currency),
        eta_days_min: 2,
        eta_days_max: 4,
    };
    let zone = NewZone {
        id: None,
        name: "Germany".into(),
        countries: vec!["DE".into()],
        methods: vec![parcel],
    };
    delivery::set(tx, shop, &[zone])?;
    let party = |tx: &mut Tx<'_>, kind, name: &str| -> Result<PartyId> {
        let new = NewParty {
            kind,
            name: name.into(),
            email: String::new(),
        };
        Ok(partners::add_party(tx, shop, tx.id(), &new)?.id)
    };
    let creator = party(tx, PartyKind::Creator, "Creator")?;
    let second = party(tx, PartyKind::Creator, "Second creator")?;
    let packer = party(tx, PartyKind::Fulfilment, "Packer")?;
    let terms = Terms {
        shares: vec![Share {
            party: second,
            part: Part::Portion(3000),
        }],
        processor_fee: Bearer::Remainder,
        platform_fee_bp: 500,
        fulfilment: Some(FulfilmentFee {
            party: packer,
            per_unit: Money::new(150, currency).into(),
        }),
        delivery: Some(packer),
        ..Terms::all_to(creator)
    };
    match partners::draw_up(tx, (shop, currency), tx.id(), "Bench", &terms)? {
        Agree::Agreed(contract) => Ok((shop, publishable_key, contract.id)),
        other => Err(Error::internal(format!("the bench's contract was refused: {other:?}"))),
    }
}

fn product(number: usize, currency: Currency) -> NewProduct {
    let variant = NewVariant {
        title: String::new(),
        sku: None,
        weight_grams: 400,
        price: Some(Money::new(1999, currency)),
    };
    NewProduct {
        title: format!("Mug {number}"),
        slug: None,
        description: "A mug.".into(),
        kind: Kind::Physical,
        tax_category: TaxCategory::Standard,
        image: String::new(),
        state: ProductState::Active,
        variants: vec![variant],
    }
}
