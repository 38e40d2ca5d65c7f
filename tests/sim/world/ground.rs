//! The shop every history begins with.

use crate::dice::Dice;
use crate::ports::{Bank, HandClock, SeededRandom, TakesAll};
use hawker::app::{App, Parts, Settings};
use hawker::bench::shop;
use hawker::catalog::{BundlePart, Create, KeepTheRest, NewProduct, NewVariant, ProductState, SetBundle, TaxCategory};
use hawker::db::{self, Config, Db, Drive, Engine, LaneKey, MAIN};
use hawker::gift_cards::{self, Issued, NewGiftCard, Reason};
use hawker::kernel::{Clock, ContractId, Money, Processor, Random, Rate, Result, ShopId, VariantId};
use hawker::partners::{Agree, Bearer, Part, Share, Terms};
use hawker::taxes::TaxRate;
use hawker::{catalog, inventory, partners, taxes};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use vfs::{Crash, Disk, Image};

/// A shop on a disk, made once: every history begins with a copy of it.
pub struct Ground {
    pub(super) image: Image,
    /// The same shop with what only histories with drops need.
    pub(super) with_show: Image,
    pub(super) shop: ShopId,
    /// All but the second are scarce: a cart may find the last of its things gone after the first was taken for it.
    pub(super) variants: Vec<VariantId>,
    /// Of the first and the second; the third has none.
    pub(super) contracts: Vec<(ContractId, Terms)>,
    /// The codes of gift cards, of little and of much.
    pub(super) codes: Vec<String>,
    /// What drops sell; the last is a draft in the shop.
    pub(super) show: Vec<VariantId>,
    /// The first shop with what only histories with a richer trade need.
    pub(super) with_trade: Image,
    /// Things that are sold alone and in bundles; of the last there are few, and it is pre-ordered.
    pub(super) goods: Vec<VariantId>,
    /// Of the first three the same in another colour.
    pub(super) others: Vec<VariantId>,
    /// A bundle of each policy.
    pub(super) bundles: Vec<VariantId>,
}

/// Which of the variants there is enough of.
pub(super) const ENOUGH: usize = 1;
const SCARCE: u32 = 10;
const PLENTY: u32 = 500;
/// Of what is pre-ordered so many are on the shelf at first.
const FEW: u32 = 3;

fn file(disk: &Disk) -> Engine {
    Engine::Sqlite(PathBuf::from(format!("file:hawker.db?vfs={}", disk.name())))
}

pub(super) fn program(
    disk: &Disk,
    clock: &Arc<HandClock>,
    random: &Arc<SeededRandom>,
    banks: &[Arc<Bank>],
    drive: Drive,
) -> Result<App> {
    let config = Config {
        beside_a_server: true, // The disk has one program; there is no file to lock.
        readers: 1,
        drive,
        ..Config::new(file(disk), "main", MAIN)
    };
    let (port, dice): (Arc<dyn Clock>, Arc<dyn Random>) = (clock.clone(), random.clone());
    let db = Db::open(&config, &port, &dice)?;
    let processors = banks.iter().map(|bank| bank.clone() as Arc<dyn Processor>);
    Ok(App::new(Parts {
        events: db.clone(), // No beacons here.
        db,
        clock: port,
        random: dice,
        processors: processors.collect(),
        mailer: Arc::new(TakesAll),
        media: PathBuf::new(),
        base_url: "http://shop.test".into(),
        // Whoever wants to be forgotten is, a day after what they bought has left.
        settings: Settings {
            evidence_days: 1,
            ..Settings::default()
        },
        tasks: tokio_util::task::TaskTracker::new(),
    }))
}

impl Ground {
    pub fn lay() -> Result<Self> {
        let disk = Disk::register(&format!("ground-{:?}", std::thread::current().id()), 1);
        let clock = Arc::new(HandClock::new());
        let random = Arc::new(SeededRandom(Mutex::new(Dice(1))));
        let app = program(&disk, &clock, &random, &[], Drive::Threads)?;
        let stall = shop::open(&app, 3, PLENTY)?;
        let shop = stall.shop;
        for scarce in [stall.variants[0], stall.variants[2]] {
            app.db.write_blocking(LaneKey(0), move |tx| {
                inventory::set_stock(tx, shop, scarce, None, SCARCE)
            })?;
        }
        let variants = stall.variants.clone();
        let contracts = app
            .db
            .write_blocking(LaneKey(0), move |tx| contracts(tx, shop, &variants))?;
        let codes = [150, 2_000, 2_000, 30_000]
            .into_iter()
            .map(|minor| app.db.write_blocking(LaneKey(0), move |tx| gift_card(tx, shop, minor)));
        let codes = codes.collect::<Result<Vec<_>>>()?;
        app.db.shut_down();
        drop(app);
        disk.crash(Crash::KeepUnsynced); // No log of before is left beside the file.
        let image = disk.snapshot();
        let app = program(&disk, &clock, &random, &[], Drive::Threads)?;
        let show = app
            .db
            .write_blocking(LaneKey(0), move |tx| things_of_a_show(tx, shop))?;
        app.db.shut_down();
        drop(app);
        disk.crash(Crash::KeepUnsynced);
        let with_show = disk.snapshot();
        disk.restore(&image);
        let app = program(&disk, &clock, &random, &[], Drive::Threads)?;
        let of = contracts.iter().map(|(id, _)| *id).collect::<Vec<_>>();
        let (goods, others, bundles) = app
            .db
            .write_blocking(LaneKey(0), move |tx| richer_trade(tx, shop, &of))?;
        app.db.shut_down();
        drop(app);
        disk.crash(Crash::KeepUnsynced);
        Ok(Self {
            image,
            with_show,
            with_trade: disk.snapshot(),
            goods,
            others,
            bundles,
            show,
            shop,
            variants: stall.variants,
            contracts,
            codes,
        })
    }
}

fn gift_card(tx: &mut db::Tx<'_>, shop: ShopId, minor: i64) -> Result<String> {
    let new = NewGiftCard {
        id: tx.id(),
        amount: Money::new(minor, "EUR".parse()?),
        reason: if minor < 1_000 { Reason::Given } else { Reason::Sold },
        note: String::new(),
        expires_at: None,
        staff: None,
    };
    match gift_cards::issue(tx, shop, &new)? {
        Issued::New(_, code) => Ok(code.in_full()),
        Issued::Again(_) => panic!("its id is new"),
    }
}

/// Two things that the shop sells beside its drops, and one that only they sell.
fn things_of_a_show(tx: &mut db::Tx<'_>, shop: ShopId) -> Result<Vec<VariantId>> {
    let currency = "EUR".parse()?;
    let mut made = Vec::new();
    for (number, state) in [ProductState::Active, ProductState::Active, ProductState::Draft]
        .into_iter()
        .enumerate()
    {
        let variant = NewVariant {
            title: String::new(),
            sku: None,
            weight_grams: 300,
            price: Some(Money::new(1_300, currency)),
        };
        let new = NewProduct {
            title: format!("Show {number}"),
            slug: None,
            description: String::new(),
            kind: catalog::Kind::Physical,
            tax_category: TaxCategory::Standard,
            image: String::new(),
            state,
            variants: vec![variant],
        };
        let Create::Created(_, variants) = catalog::create(tx, (shop, currency), tx.id(), &new)? else {
            panic!("a new product is made");
        };
        inventory::set_stock(tx, shop, variants[0].id, None, crate::drop_rules::UNITS)?;
        made.push(variants[0].id);
    }
    Ok(made)
}

/// The second thing is cheap and sold under a contract by which everybody bears the processor's fee, the third under none.
fn contracts(tx: &mut db::Tx<'_>, shop: ShopId, variants: &[VariantId]) -> Result<Vec<(ContractId, Terms)>> {
    let currency = "EUR".parse()?;
    catalog::set_price(tx, shop, variants[1], None, Money::new(333, currency))?;
    let products = variants.iter().map(|variant| catalog::product_of(tx, shop, *variant));
    let products: Vec<_> = products.collect::<Result<Option<_>>>()?.expect("they are there");
    let id = products[0].contract.expect("the bench has one");
    let first = partners::contract(tx, shop, id)?.expect("it is there");
    let mut shares = first.terms.shares.clone();
    shares.push(Share {
        party: first.terms.remainder,
        part: Part::Fixed(Money::new(7, currency).into()),
    });
    let terms = Terms {
        shares,
        processor_fee: Bearer::Everyone,
        platform_fee_bp: 777,
        ..Terms::all_to(first.terms.remainder)
    };
    let Agree::Agreed(second) = partners::draw_up(tx, (shop, currency), tx.id(), "Everyone", &terms)? else {
        panic!("terms that add up are agreed");
    };
    partners::assign(tx, shop, products[1].id, products[1].version, Some(second.id))?;
    partners::assign(tx, shop, products[2].id, products[2].version, None)?;
    Ok(vec![(first.id, first.terms), (second.id, terms)])
}

/// Four things, each under another contract or none and one at another rate of tax, and three bundles of them, one of each policy.
fn richer_trade(
    tx: &mut db::Tx<'_>,
    shop: ShopId,
    contracts: &[ContractId],
) -> Result<(Vec<VariantId>, Vec<VariantId>, Vec<VariantId>)> {
    let currency = "EUR".parse()?;
    let rate = |category, rate| TaxRate {
        country: "DE".into(),
        category,
        rate: Rate(rate),
    };
    let rates = [rate(TaxCategory::Standard, 1900), rate(TaxCategory::Reduced, 700)];
    taxes::set(tx, shop, &rates)?;
    let (mut made, mut others) = (Vec::new(), Vec::new());
    for (number, minor) in (0..).zip([2_000, 1_333, 777, 1_499, 3_199, 4_001, 1_701]) {
        let variant = |title: &str| NewVariant {
            title: title.into(),
            sku: None,
            weight_grams: 300,
            price: Some(Money::new(minor, currency)),
        };
        let new = NewProduct {
            title: format!("Good {number}"),
            slug: None,
            description: String::new(),
            kind: catalog::Kind::Physical,
            tax_category: if number == 2 {
                TaxCategory::Reduced
            } else {
                TaxCategory::Standard
            },
            image: String::new(),
            state: ProductState::Active,
            variants: match number {
                0..3 => vec![variant("Red"), variant("Blue")],
                _ => vec![variant("")],
            },
        };
        let Create::Created(product, variants) = catalog::create(tx, (shop, currency), tx.id(), &new)? else {
            panic!("a new product is made");
        };
        if number < 3 {
            inventory::set_stock(tx, shop, variants[1].id, None, crate::trade_rules::UNITS)?;
            others.push(variants[1].id);
        }
        let contract = contracts.get(number).copied();
        partners::assign(tx, shop, product.id, product.version, contract)?;
        if number < 4 {
            let units = if number == 3 { FEW } else { crate::trade_rules::UNITS };
            inventory::set_stock(tx, shop, variants[0].id, None, units)?;
        }
        made.push((product.id, variants[0].id));
    }
    let part = |number: usize, quantity| BundlePart {
        variant: made[number].1,
        quantity,
    };
    let bundles = [
        (KeepTheRest::Prorate, vec![part(0, 1), part(2, 2)]),
        (KeepTheRest::Reprice, vec![part(0, 1), part(1, 2)]),
        (KeepTheRest::None, vec![part(1, 1), part(2, 1)]),
    ];
    for ((id, _), (keep, parts)) in made[4..].iter().zip(bundles) {
        let product = catalog::find(tx, shop, *id)?.expect("it was just made");
        let set = catalog::set_bundle(tx, (shop, currency), *id, product.version, keep, &parts)?;
        assert!(matches!(set, SetBundle::Set(..)), "{set:?}");
    }
    let variants: Vec<VariantId> = made.iter().map(|(_, variant)| *variant).collect();
    Ok((variants[..4].to_vec(), others, variants[4..].to_vec()))
}
