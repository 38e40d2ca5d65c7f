//! Rules of stock: one stream of operations on SQLite, on PostgreSQL and on a model in memory, and what each of them shows.

use super::*;
use crate::catalog::{self, Create, Kind, NewProduct, NewVariant, ProductState, TaxCategory};
use crate::fixture::Fixture;
use crate::kernel::{CheckoutId, Currency, Id, LocationId, Money, Seconds, VariantId};
use proptest::prelude::*;
use std::collections::BTreeMap;

const VARIANTS: usize = 3;
const CHECKOUTS: usize = 6;

/// Something that happens to stock; numbers stand for variants and checkouts.
#[derive(Clone, Debug)]
enum Step {
    Count {
        variant: usize,
        free: u32,
    },
    /// All that lies there; nothing that was sold has left.
    CountShelf {
        variant: usize,
        lying: u32,
    },
    Reserve {
        checkout: usize,
        wanted: Vec<(usize, u32)>,
    },
    Pay {
        checkout: usize,
        paying: bool,
    },
    Release {
        checkout: usize,
    },
    Expire {
        checkout: usize,
        unknown: bool,
    },
    Convert {
        checkout: usize,
    },
    Restock {
        checkout: usize,
        sellable: bool,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let checkout = 0..CHECKOUTS;
    let wanted = proptest::collection::vec((0..VARIANTS, 1..4u32), 1..4);
    let step = prop_oneof![
        1 => (0..VARIANTS, 0..8u32).prop_map(|(variant, free)| Step::Count { variant, free }),
        1 => (0..VARIANTS, 0..8u32).prop_map(|(variant, lying)| Step::CountShelf { variant, lying }),
        4 => (checkout.clone(), wanted).prop_map(|(checkout, wanted)| Step::Reserve { checkout, wanted }),
        1 => (checkout.clone(), any::<bool>()).prop_map(|(checkout, paying)| Step::Pay { checkout, paying }),
        1 => checkout.clone().prop_map(|checkout| Step::Release { checkout }),
        2 => (checkout.clone(), any::<bool>()).prop_map(|(checkout, unknown)| Step::Expire { checkout, unknown }),
        3 => checkout.clone().prop_map(|checkout| Step::Convert { checkout }),
        1 => (checkout, any::<bool>()).prop_map(|(checkout, sellable)| Step::Restock { checkout, sellable }),
    ];
    proptest::collection::vec(step, 1..40)
}

/// What somebody sees after a step: its answer, and of every variant what is left and what is in checkouts.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    answer: String,
    stock: Vec<(i64, i64)>,
}

#[derive(Clone, Copy, Default)]
struct Shelf {
    on_hand: i64,
    missing: i64,
    reserved: i64,
    sold: i64,
}

impl Shelf {
    /// What is free; less than nothing where units are promised that are not there.
    fn free(self) -> i64 {
        self.on_hand - self.missing - self.sold - self.reserved
    }

    fn left(self) -> i64 {
        self.free().max(0)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Claimed {
    Live,
    Ended,
    Converted,
    /// Sold and taken back: the model lets nothing more happen to it.
    Back,
}

/// The rules of this module in thirty lines of memory.
#[derive(Default)]
struct Model {
    shelves: [Shelf; VARIANTS],
    claims: BTreeMap<usize, (Claimed, BTreeMap<usize, i64>)>,
}

impl Model {
    /// Whether the program could get into this step at all: a checkout reserves once, and a sale is taken back once.
    fn may(&self, step: &Step) -> bool {
        match step {
            Step::Reserve { checkout, .. } => !self.claims.contains_key(checkout),
            Step::Restock { checkout, .. } => self
                .claims
                .get(checkout)
                .is_some_and(|(state, _)| *state == Claimed::Converted),
            Step::Convert { checkout } => self
                .claims
                .get(checkout)
                .is_none_or(|(state, _)| *state != Claimed::Back),
            _ => true,
        }
    }

    fn step(&mut self, step: &Step) -> Seen {
        let answer = match step {
            Step::Count { variant, free } => {
                let shelf = &mut self.shelves[*variant];
                shelf.missing = if *free == 0 { (-shelf.free()).max(0) } else { 0 };
                shelf.on_hand = shelf.sold + shelf.reserved + i64::from(*free);
                format!("set {}", shelf.missing)
            }
            Step::CountShelf { variant, lying } => {
                let (shelf, lying) = (&mut self.shelves[*variant], i64::from(*lying));
                shelf.on_hand = shelf.on_hand.max(lying);
                shelf.missing = shelf.on_hand - lying;
                format!("set {}", (-shelf.free()).max(0))
            }
            Step::Reserve { checkout, wanted } => self.reserve(*checkout, wanted),
            Step::Pay { checkout, .. } => self.is(*checkout, Claimed::Live).to_string(),
            Step::Release { checkout } | Step::Expire { checkout, .. } => self.end(*checkout).to_string(),
            Step::Convert { checkout } => self.convert(*checkout).to_owned(),
            Step::Restock { checkout, sellable } => {
                let (state, claims) = self.claims.get_mut(checkout).expect("may() said so");
                *state = Claimed::Back;
                for (variant, count) in claims.iter() {
                    self.shelves[*variant].sold -= count;
                    self.shelves[*variant].on_hand -= if *sellable { 0 } else { *count };
                }
                "back".to_owned()
            }
        };
        let stock = self.shelves.iter().map(|shelf| (shelf.left(), shelf.reserved));
        Seen {
            answer,
            stock: stock.collect(),
        }
    }

    fn is(&self, checkout: usize, state: Claimed) -> bool {
        self.claims.get(&checkout).is_some_and(|(is, _)| *is == state)
    }

    fn reserve(&mut self, checkout: usize, wanted: &[(usize, u32)]) -> String {
        let mut sums: BTreeMap<usize, i64> = BTreeMap::new();
        for (variant, count) in wanted {
            *sums.entry(*variant).or_default() += i64::from(*count);
        }
        for (variant, count) in &sums {
            let shelf = self.shelves[*variant];
            let left = shelf.left();
            if left < *count {
                return format!("sold out {variant} {left}");
            }
        }
        for (variant, count) in &sums {
            self.shelves[*variant].reserved += count;
        }
        self.claims.insert(checkout, (Claimed::Live, sums));
        "reserved".to_owned()
    }

    /// How many variants were given back.
    fn end(&mut self, checkout: usize) -> usize {
        if !self.is(checkout, Claimed::Live) {
            return 0;
        }
        let (state, claims) = self.claims.get_mut(&checkout).expect("it is live");
        *state = Claimed::Ended;
        for (variant, count) in claims.iter() {
            self.shelves[*variant].reserved -= count;
        }
        claims.len()
    }

    fn convert(&mut self, checkout: usize) -> &'static str {
        let Some((state, claims)) = self.claims.get_mut(&checkout) else {
            return "too late";
        };
        match state {
            Claimed::Converted => return "again",
            Claimed::Live => {
                for (variant, count) in claims.iter() {
                    self.shelves[*variant].reserved -= count;
                }
            }
            Claimed::Ended | Claimed::Back => {
                if claims
                    .iter()
                    .any(|(variant, count)| self.shelves[*variant].left() < *count)
                {
                    return "too late";
                }
            }
        }
        *state = Claimed::Converted;
        for (variant, count) in claims.iter() {
            self.shelves[*variant].sold += count;
        }
        "sold"
    }
}

/// The real thing, with the ids that stand behind the numbers.
struct Real<'a> {
    fixture: &'a Fixture,
    variants: Vec<VariantId>,
    checkouts: Vec<CheckoutId>,
}

impl<'a> Real<'a> {
    fn on(fixture: &'a Fixture) -> Self {
        let (shop, currency) = (fixture.shop, fixture.settings().currency);
        let (variants, checkouts) = fixture.write(move |tx| {
            let variant = NewVariant {
                title: String::new(),
                sku: None,
                weight_grams: 0,
                price: None,
            };
            let mut variants = Vec::new();
            for number in 0..VARIANTS {
                let new = NewProduct {
                    title: format!("Thing {number} {}", tx.now().0),
                    slug: None,
                    description: String::new(),
                    kind: Kind::Physical,
                    tax_category: TaxCategory::Standard,
                    image: String::new(),
                    state: ProductState::Draft,
                    variants: vec![variant.clone()],
                };
                let Create::Created(_, made) = catalog::create(tx, (shop, currency), tx.id(), &new)? else {
                    panic!("a product")
                };
                variants.push(made[0].id);
            }
            let checkouts: Vec<CheckoutId> = (0..CHECKOUTS).map(|_| tx.id()).collect();
            Ok((variants, checkouts))
        });
        // Ids of one instant are not in order, and the order of locking is theirs.
        let mut real = Self {
            fixture,
            variants,
            checkouts,
        };
        real.variants.sort();
        real
    }

    fn step(&self, step: &Step) -> Seen {
        let (shop, variants, checkouts, step) = (
            self.fixture.shop,
            self.variants.clone(),
            self.checkouts.clone(),
            step.clone(),
        );
        self.fixture.write(move |tx| {
            let number = |variant: VariantId| {
                variants
                    .iter()
                    .position(|known| *known == variant)
                    .expect("one of ours")
            };
            let until = tx.now().plus(Seconds::minutes(10));
            let answer = match &step {
                Step::Count { variant, free } => counted(set_stock(tx, shop, variants[*variant], None, *free)?),
                Step::CountShelf { variant, lying } => {
                    let variant = variants[*variant];
                    let sold = |tx: &mut crate::db::Tx<'_>, _| Ok(stock_of(tx, variant)?[0].sold);
                    counted(count_shelf(tx, shop, variant, None, *lying, sold)?)
                }
                Step::Reserve { checkout, wanted } => {
                    let demand: Vec<Demand> = wanted
                        .iter()
                        .map(|(variant, quantity)| Demand {
                            variant: variants[*variant],
                            quantity: *quantity,
                            place: None,
                        })
                        .collect();
                    match reserve(tx, shop, checkouts[*checkout], &demand, false, until)? {
                        Reserve::Reserved(_) => "reserved".to_owned(),
                        Reserve::SoldOut { variant, left } => format!("sold out {} {left}", number(variant)),
                        Reserve::Shut(_) => "shut".to_owned(),
                    }
                }
                Step::Pay { checkout, paying } => extend(tx, checkouts[*checkout], *paying, until)?.to_string(),
                Step::Release { checkout } => release(tx, checkouts[*checkout])?.len().to_string(),
                Step::Expire { checkout, unknown } => expire(tx, checkouts[*checkout], *unknown)?.len().to_string(),
                Step::Convert { checkout } => match convert(tx, checkouts[*checkout], None)? {
                    Convert::Sold(_) => "sold",
                    Convert::Again => "again",
                    Convert::TooLate => "too late",
                }
                .to_owned(),
                Step::Restock { checkout, sellable } => {
                    let how = if *sellable {
                        Restock::Sellable
                    } else {
                        Restock::WrittenOff
                    };
                    let Convert::Again = convert(tx, checkouts[*checkout], None)? else {
                        panic!("only what was sold comes back")
                    };
                    for claim in store::claims(tx, checkouts[*checkout])? {
                        restock(tx, &claim, how)?;
                    }
                    "back".to_owned()
                }
            };
            let mut stock = Vec::with_capacity(VARIANTS);
            for variant in &variants {
                let seen = availability(tx, *variant)?;
                stock.push((seen.left, seen.in_checkouts));
            }
            Ok(Seen { answer, stock })
        })
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Differential: the same stream shows the same on both engines and in the model, step by step.
    #[test]
    fn s16_both_engines_and_a_model_in_memory_show_the_same(steps in steps()) {
        ENGINES.with(|engines| {
            for fixture in engines {
                let (mut model, real) = (Model::default(), Real::on(fixture));
                for step in &steps {
                    if model.may(step) {
                        assert_eq!(model.step(step), real.step(step), "after {step:?} on {:?}", fixture.db.engine());
                    }
                }
                assert_eq!(fixture.write(check), Vec::<String>::new());
            }
        });
    }
}

fn counted(set: SetStock) -> String {
    match set {
        SetStock::Set(row) => format!("set {}", row.short()),
        refused => panic!("{refused:?}"),
    }
}

thread_local! {
    /// Opened once for all cases; each case has variants and checkouts of its own.
    static ENGINES: Vec<Fixture> = Fixture::engines();
}

#[test]
fn d3_lines_that_share_a_variant_are_summed_before_anything_is_taken() {
    let fixture = Fixture::new();
    let real = Real::on(&fixture);
    real.step(&Step::Count { variant: 0, free: 3 });
    let twice = Step::Reserve {
        checkout: 0,
        wanted: vec![(0, 2), (0, 2)],
    };
    assert_eq!(real.step(&twice).answer, "sold out 0 3");
    assert_eq!(real.step(&twice).stock[0], (3, 0), "all or nothing");
    assert_ne!(real.checkouts[0].uuid(), real.checkouts[1].uuid());
}

/// Two programs on one database sell one hot variant from plenty to the last unit; half of what is taken is paid, the rest let go or kept.
#[test]
fn d16_two_replicas_sell_a_hot_variant_from_plenty_to_exactly_its_last_unit() {
    const UNITS: u32 = 1_300;
    let Some(fixture) = Fixture::engines().into_iter().nth(1) else {
        return; // A file has one server.
    };
    let real = Real::on(&fixture);
    real.step(&Step::Count {
        variant: 0,
        free: UNITS,
    });
    let (shop, variant) = (fixture.shop, real.variants[0]);
    let clock = fixture.clock();
    let random: std::sync::Arc<dyn crate::kernel::Random> = std::sync::Arc::new(crate::db::SystemRandom::default());
    let config = crate::db::Config::new(fixture.db.engine().clone(), "main", crate::db::MAIN);
    let other = crate::db::Db::open(&config, &clock, &random).unwrap();
    let lane = crate::db::LaneKey::of(variant);
    let tap = async |db: &crate::db::Db, number: usize| {
        let (checkout, taken) = db
            .write(lane, move |tx| {
                let (checkout, demand): (CheckoutId, _) = (
                    tx.id(),
                    [Demand {
                        variant,
                        quantity: 1,
                        place: None,
                    }],
                );
                let until = tx.now().plus(Seconds::minutes(10));
                Ok((checkout, reserve(tx, shop, checkout, &demand, true, until)?))
            })
            .await
            .unwrap();
        match taken {
            Reserve::SoldOut { left, .. } => {
                assert!(left < 1, "{left} are left");
                return "sold out";
            }
            Reserve::Shut(_) => unreachable!("nobody shuts it"),
            Reserve::Reserved(_) => {}
        }
        let end = move |tx: &mut crate::db::Tx<'_>| match number % 4 {
            0 | 1 => convert(tx, checkout, None).map(|done| assert!(matches!(done, Convert::Sold(_)))),
            2 => release(tx, checkout).map(drop),
            _ => Ok(()),
        };
        db.write(lane, end).await.unwrap();
        ["sold", "sold", "let go", "kept"][number % 4]
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut counts = BTreeMap::<&str, i64>::new();
    for round in 0..6 {
        let taps = (0..400).map(|number| tap(if number % 2 == 0 { &fixture.db } else { &other }, number / 2 + round));
        for what in runtime.block_on(futures_util::future::join_all(taps)) {
            *counts.entry(what).or_default() += 1;
        }
    }
    let of = |what: &str| counts.get(what).copied().unwrap_or(0);
    assert!(of("sold out") > 0 && of("let go") > 0, "{counts:?}");
    let stock = fixture.write(move |tx| stock_of(tx, variant))[0];
    assert_eq!((stock.sold, stock.reserved), (of("sold"), of("kept")), "{counts:?}");
    assert_eq!(stock.on_hand, i64::from(UNITS));
    assert_eq!(fixture.write(check), Vec::<String>::new());
    other.shut_down();
}

#[test]
fn d18_each_place_sells_what_lies_there_and_units_change_places_in_one_transaction_or_not_at_all() {
    for fixture in Fixture::engines() {
        let shop = fixture.shop;
        let (variant, studio, depot) = fixture.write(move |tx| {
            let new = NewProduct {
                title: "Bowl".into(),
                slug: None,
                description: String::new(),
                kind: Kind::Physical,
                tax_category: TaxCategory::Standard,
                image: String::new(),
                state: ProductState::Active,
                variants: vec![NewVariant {
                    title: String::new(),
                    sku: None,
                    weight_grams: 400,
                    price: Some(Money::new(3000, Currency::EUR)),
                }],
            };
            let Create::Created(_, variants) = catalog::create(tx, (shop, Currency::EUR), tx.id(), &new)? else {
                panic!("a product")
            };
            let variant = variants[0].id;
            let studio = first_location(tx, shop)?;
            // Places are looked at in the order of their ids: this one comes after the studio.
            let depot = LocationId::from_uuid(uuid::Uuid::from_u128(u128::MAX - 1));
            store::insert_place(tx, shop, depot, "Depot")?;
            set_stock(tx, shop, variant, Some(studio), 3)?;
            set_stock(tx, shop, variant, Some(depot), 2)?;
            Ok((variant, studio, depot))
        });
        let take = |number: u128, units: u32| {
            fixture.write(move |tx| {
                let checkout = CheckoutId::from_uuid(uuid::Uuid::from_u128(number));
                let demand = [Demand {
                    variant,
                    quantity: units,
                    place: None,
                }];
                let until = tx.now().plus(Seconds::minutes(10));
                Ok(match reserve(tx, shop, checkout, &demand, false, until)? {
                    Reserve::Reserved(claims) => Ok(claims[0].location),
                    Reserve::SoldOut { left, .. } => Err(left),
                    Reserve::Shut(_) => panic!("nothing is set aside"),
                })
            })
        };
        let places = || fixture.write(move |tx| stock_of(tx, variant));
        let free = |rows: &[StockRow], place| {
            let row = rows.iter().find(|row| row.location == place);
            row.map(|row| row.on_hand - row.reserved - row.sold)
        };
        // A parcel leaves from one place: four are nowhere, though five are there.
        assert_eq!(take(1, 4), Err(3));
        assert_eq!(take(2, 2), Ok(studio));
        assert_eq!(take(3, 2), Ok(depot), "where both still lie");
        assert_eq!(take(4, 2), Err(1));
        // What is claimed where it lies stays there; the rest changes places, all of it or nothing.
        let (away, elsewhere) = (
            LocationId::from_uuid(uuid::Uuid::from_u128(77)),
            LocationId::from_uuid(uuid::Uuid::from_u128(78)),
        );
        let moves = |place, units, from| {
            fixture.write(move |tx| {
                make_place(tx, shop, place, "Away")?;
                let what = SetAside {
                    variant,
                    place,
                    units,
                    gate: Gate::Open,
                    from: Some(from),
                };
                set_aside(tx, shop, what)
            })
        };
        assert!(!moves(away, 2, studio), "one of three is free");
        assert!(!moves(away, 1, depot), "none is");
        assert_eq!((free(&places(), studio), free(&places(), depot)), (Some(1), Some(0)));
        assert!(moves(away, 1, studio));
        assert_eq!((free(&places(), studio), free(&places(), away)), (Some(0), Some(1)));
        // A move that breaks in the middle is none.
        fixture.refused(move |tx| {
            release(tx, CheckoutId::from_uuid(uuid::Uuid::from_u128(3)))?;
            make_place(tx, shop, elsewhere, "Nowhere")?;
            let what = SetAside {
                variant,
                place: elsewhere,
                units: 2,
                gate: Gate::Open,
                from: Some(depot),
            };
            assert!(set_aside(tx, shop, what)?);
            Err::<(), _>(crate::kernel::Error::conflict("story", "the power went"))
        });
        assert_eq!((free(&places(), depot), free(&places(), elsewhere)), (Some(0), None));
        assert_eq!(fixture.write(check), Vec::<String>::new());
    }
}
