//! Rules of pre-orders, tried where they run: who is given what arrived, and what every act leaves behind.

use super::*;
use crate::catalog::{self, Create, Kind, NewProduct, NewVariant, ProductState, TaxCategory};
use crate::db::Tx;
use crate::fixture::Fixture;
use crate::inventory::{self, Demand, Reserve, Restock};
use crate::kernel::{CheckoutId, Currency, Id, Money, OrderId, PreorderId, Result, Seconds, ShopId, Time, VariantId};
use uuid::Uuid;

fn mug(tx: &mut Tx<'_>, shop: ShopId, kind: Kind) -> Result<VariantId> {
    let new = NewProduct {
        title: "Mug".into(),
        slug: None,
        description: String::new(),
        kind,
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
    match catalog::create(tx, (shop, Currency::EUR), tx.id(), &new)? {
        Create::Created(_, variants) => Ok(variants[0].id),
        _ => panic!("a product"),
    }
}

fn id(number: u128) -> PreorderId {
    PreorderId::from_uuid(Uuid::from_u128(number))
}

/// A pre-order of so many units for ten days from now.
fn begun(fixture: &Fixture, units: u32) -> VariantId {
    let shop = fixture.shop;
    fixture.write(move |tx| {
        let variant = mug(tx, shop, Kind::Physical)?;
        let ships_by = tx.now().plus(Seconds::days(10));
        take(
            tx,
            shop,
            id(1),
            NewPreorder {
                variant,
                units,
                ships_by,
            },
        )?;
        Ok(variant)
    })
}

/// Sells units as a checkout does; what the sale is called.
fn sell(fixture: &Fixture, variant: VariantId, number: u128, units: u32) -> OrderId {
    let shop = fixture.shop;
    fixture.write(move |tx| {
        let checkout = CheckoutId::from_uuid(Uuid::from_u128(1000 + number));
        let demand = [Demand {
            variant,
            quantity: units,
            place: Some(place(id(1))),
        }];
        let until = tx.now().plus(Seconds::minutes(10));
        let Reserve::Reserved(_) = inventory::reserve(tx, shop, checkout, &demand, true, until)? else {
            panic!("not enough")
        };
        inventory::convert(tx, checkout, None)?;
        let promised = offered(tx, shop, variant)?.expect("it is offered").quoted;
        sold(tx, shop, (checkout.order(), 0), &promised, units)?;
        Ok(checkout.order())
    })
}

fn states(fixture: &Fixture, orders: &[OrderId]) -> Vec<(SaleState, u32)> {
    let orders = orders.to_vec();
    fixture.write(move |tx| {
        let mut states = Vec::new();
        for order in &orders {
            let sale = sales_of(tx, *order)?[0];
            states.push((sale.state, sale.units));
        }
        assert_eq!(check(tx)?, Vec::<String>::new());
        Ok(states)
    })
}

#[test]
fn a_preorder_is_of_something_that_travels_for_a_day_that_comes_and_one_at_a_time() {
    for fixture in Fixture::engines() {
        let shop = fixture.shop;
        let variant = begun(&fixture, 5);
        // variant, units, days ahead -> refused with
        let digital = fixture.write(move |tx| mug(tx, shop, Kind::Digital));
        let theirs = fixture.neighbour;
        let foreign = fixture.write(move |tx| mug(tx, theirs, Kind::Physical));
        let free = fixture.write(move |tx| mug(tx, shop, Kind::Physical));
        let table = [
            (variant, 5, 10, "preorder_open"),
            (free, 0, 10, "invalid_field"),
            (free, 5, 0, "invalid_field"),
            (free, 5, 61, "invalid_field"),
            (digital, 5, 10, "invalid_field"),
            (foreign, 5, 10, "invalid_field"),
        ];
        for (number, (variant, units, days, code)) in (10u128..).zip(table) {
            let refused = fixture.refused(move |tx| {
                let ships_by = tx.now().plus(Seconds::days(days));
                take(
                    tx,
                    shop,
                    id(number),
                    NewPreorder {
                        variant,
                        units,
                        ships_by,
                    },
                )
            });
            assert_eq!(refused, code, "{units} units in {days} days");
        }
        // Asked again it answers what it made; another shop finds nothing under its name.
        let again = fixture.write(move |tx| {
            let ships_by = tx.now().plus(Seconds::days(3));
            take(
                tx,
                shop,
                id(1),
                NewPreorder {
                    variant,
                    units: 9,
                    ships_by,
                },
            )
        });
        assert_eq!(again.units, 5);
        let (neighbour, now) = (fixture.neighbour, Time(0));
        assert_eq!(
            fixture.write(move |tx| receive(tx, neighbour, id(1), 1, None)),
            Act::NotFound
        );
        assert_eq!(fixture.write(move |tx| close(tx, neighbour, id(1))), Act::NotFound);
        assert_eq!(fixture.write(move |tx| delay(tx, neighbour, id(1), now)), Act::NotFound);
    }
}

#[test]
fn f2_what_arrives_is_given_in_the_order_of_the_sales_and_whole_or_not_at_all() {
    use SaleState::{Here, Waiting};
    for fixture in Fixture::engines() {
        let (shop, variant) = (fixture.shop, begun(&fixture, 10));
        let orders: Vec<OrderId> = [2u32, 1, 3]
            .into_iter()
            .zip(0u128..)
            .map(|(units, number)| {
                let order = sell(&fixture, variant, number, units);
                fixture.pass(1);
                order
            })
            .collect();
        // units that arrive -> how the three stand
        let table = [
            (1, [Waiting, Waiting, Waiting]),
            (1, [Here, Waiting, Waiting]),
            (3, [Here, Here, Waiting]),
            (1, [Here, Here, Here]),
        ];
        for (units, expected) in table {
            fixture.write(move |tx| receive(tx, shop, id(1), units, None));
            let found: Vec<SaleState> = states(&fixture, &orders).iter().map(|(state, _)| *state).collect();
            assert_eq!(found, expected, "after {units} more");
        }
        // Two that arrived are nobody's yet: the next buyer has theirs at once. The rest of the ten goes to the shelf.
        fixture.write(move |tx| receive(tx, shop, id(1), 2, None));
        let next = sell(&fixture, variant, 9, 2);
        assert_eq!(states(&fixture, &[next]), [(Here, 2)]);
        fixture.write(move |tx| receive(tx, shop, id(1), 3, None));
        let (known, left) = fixture.write(move |tx| {
            Ok((
                find(tx, shop, id(1))?.unwrap(),
                inventory::availability(tx, variant)?.left,
            ))
        });
        assert_eq!((known.state, known.units, left), (PreorderState::Done, 8, 3));
    }
}

#[test]
fn d2_what_is_canceled_returned_or_thrown_away_leaves_every_count_as_it_should_be() {
    use SaleState::{Here, Waiting};
    for fixture in Fixture::engines() {
        let (shop, variant) = (fixture.shop, begun(&fixture, 4));
        let first = sell(&fixture, variant, 0, 1);
        fixture.pass(1);
        let second = sell(&fixture, variant, 1, 2);
        fixture.write(move |tx| receive(tx, shop, id(1), 1, None));
        let back = move |order: OrderId, units: u32, how: Restock| {
            move |tx: &mut Tx<'_>| {
                let claim = inventory::Claim {
                    variant,
                    location: place(id(1)),
                    quantity: units,
                };
                inventory::restock(tx, &claim, how)?;
                given_back(tx, shop, (order, 0), units, how)
            }
        };
        assert_eq!(states(&fixture, &[first, second]), [(Here, 1), (Waiting, 2)]);
        // One of two that wait is canceled; then what was here is, and goes to who waits.
        fixture.write(back(second, 1, Restock::Sellable));
        fixture.write(back(first, 1, Restock::Sellable));
        assert_eq!(states(&fixture, &[second]), [(Here, 1)]);
        // It comes back broken, and is expected by nobody.
        fixture.write(back(second, 1, Restock::WrittenOff));
        let known = fixture.write(move |tx| Ok(find(tx, shop, id(1))?.unwrap()));
        assert_eq!((known.units, known.arrived, known.covered), (3, 0, 0));
        let third = sell(&fixture, variant, 2, 1);
        fixture.write(move |tx| close(tx, shop, id(1)));
        assert_eq!(states(&fixture, &[third]), [(Waiting, 1)]);
        fixture.write(move |tx| receive(tx, shop, id(1), 1, None));
        assert_eq!(states(&fixture, &[third]), [(Here, 1)]);
        // Done: what comes back now goes to the shelf.
        fixture.write(back(third, 1, Restock::Sellable));
        let (known, left) = fixture.write(move |tx| {
            Ok((
                find(tx, shop, id(1))?.unwrap(),
                inventory::availability(tx, variant)?.left,
            ))
        });
        assert_eq!((known.state, known.units, left), (PreorderState::Done, 0, 1));
        assert_eq!(fixture.write(check), Vec::<String>::new());
    }
}
