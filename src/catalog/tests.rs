//! Rules of products, and the verbs where they run.

use super::model::*;
use super::{
    AddVariant, Create, Edit, SetPrice, create, edit_product, edit_variant, find_by_slug, list, list_active, set_price,
};
use crate::fixture::Fixture;
use crate::kernel::{Currency, Id, Money, ProductId, ShopId, Time, VariantId};

fn mug() -> Product {
    Product {
        id: ProductId::from_uuid(uuid::Uuid::nil()),
        slug: "ebb-mug".into(),
        title: "Ebb mug".into(),
        description: String::new(),
        kind: Kind::Physical,
        tax_category: TaxCategory::Standard,
        image: String::new(),
        state: ProductState::Draft,
        contract: None,
        version: 1,
        created_at: Time(0),
        changed_at: Time(0),
    }
}

#[test]
fn an_edit_changes_what_it_names_and_nothing_else() {
    let edit = ProductEdit {
        title: Some("  Ebb mug, large ".into()),
        state: Some(ProductState::Active),
        ..ProductEdit::default()
    };
    let edited = edit.apply(&mug()).unwrap();
    assert_eq!(
        edited,
        Product {
            title: "Ebb mug, large".into(),
            state: ProductState::Active,
            ..mug()
        }
    );
    assert_eq!(ProductEdit::default().apply(&mug()).unwrap(), mug());
}

#[test]
fn fields_that_break_a_rule_are_named() {
    let hash = "a".repeat(64);
    let image = |path: &str| ProductEdit {
        image: Some(path.into()),
        ..ProductEdit::default()
    };
    assert!(image(&format!("/media/{hash}.webp")).apply(&mug()).is_ok());
    assert!(image("").apply(&mug()).is_ok());
    for bad in [
        "https://elsewhere.example/x.jpg",
        "/media/x.jpg",
        &format!("/media/{hash}.mp4"),
        &format!("/media/{hash}.jpg/.."),
    ] {
        assert_eq!(
            image(bad).apply(&mug()).unwrap_err().fields[0].pointer,
            "/image",
            "{bad}"
        );
    }
    let refused = |edit: ProductEdit| edit.apply(&mug()).unwrap_err().fields[0].pointer.to_string();
    assert_eq!(
        refused(ProductEdit {
            title: Some(" ".into()),
            ..ProductEdit::default()
        }),
        "/title"
    );
    assert_eq!(
        refused(ProductEdit {
            slug: Some("Ebb".into()),
            ..ProductEdit::default()
        }),
        "/slug"
    );
    for (sku, fits) in [
        ("EBB-1", true),
        ("a.b/c_d", true),
        ("", false),
        ("a b", false),
        ("ä", false),
    ] {
        let new = NewVariant {
            sku: Some(sku.into()),
            ..NewVariant::default()
        };
        assert_eq!(new.checked().is_ok(), fits, "{sku}");
    }
    for (minor, fits) in [(0, true), (1_000_000_000, true), (-1, false), (1_000_000_001, false)] {
        assert_eq!(checked_price(Money::new(minor, Currency::EUR)).is_ok(), fits, "{minor}");
    }
}

#[test]
fn a_sku_is_made_from_the_address() {
    assert_eq!(sku_of("ebb-mug", 2), "EBB-MUG-2");
    assert_eq!(
        sku_of("a-very-long-name-of-a-product-that-goes-on", 1),
        "A-VERY-LONG-NAME-OF-A-PRODUCT-TH-1"
    );
}

#[test]
fn a_variant_keeps_its_place_within_bounds() {
    let variant = Variant {
        id: VariantId::from_uuid(uuid::Uuid::nil()),
        product: mug().id,
        sku: "EBB".into(),
        title: String::new(),
        weight_grams: 0,
        position: 1,
        state: VariantState::Active,
        price: None,
    };
    let moved = |position| {
        VariantEdit {
            position: Some(position),
            ..VariantEdit::default()
        }
        .apply(&variant)
        .unwrap()
        .position
    };
    assert_eq!((moved(-5), moved(3), moved(99_999)), (0, 3, 10_000));
}

fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::EUR)
}

fn new_mug() -> NewProduct {
    NewProduct {
        title: "Ebb mug".into(),
        slug: None,
        description: "Dark stoneware.".into(),
        kind: Kind::Physical,
        tax_category: TaxCategory::Standard,
        image: String::new(),
        state: ProductState::Active,
        variants: vec![
            NewVariant {
                title: "Sand".into(),
                price: Some(eur(3800)),
                ..NewVariant::default()
            },
            NewVariant {
                title: "Storm".into(),
                sku: Some("STORM".into()),
                ..NewVariant::default()
            },
        ],
    }
}

fn make(fixture: &Fixture, shop: ShopId, new: &NewProduct) -> Create {
    let new = new.clone();
    fixture.write(move |tx| {
        let id = tx.id();
        create(tx, (shop, Currency::EUR), id, &new)
    })
}

fn made(create: Create) -> (Product, Vec<Variant>) {
    match create {
        Create::Created(product, variants) => (product, variants),
        other => panic!("{other:?}"),
    }
}

fn sellable_now(fixture: &Fixture, variants: &[VariantId]) -> Vec<(VariantId, i64, i64)> {
    let (shop, variants) = (fixture.shop, variants.to_vec());
    let found = fixture.write(move |tx| super::sellable(tx, shop, Currency::EUR, &variants));
    found
        .iter()
        .map(|item| (item.variant, item.price.minor, item.price_version))
        .collect()
}

#[test]
fn a_product_is_made_with_its_variants_once() {
    let fixture = Fixture::new();
    let shop = fixture.shop;
    let id: ProductId = fixture.write(|tx| Ok(tx.id()));
    let twice = || fixture.write(move |tx| create(tx, (shop, Currency::EUR), id, &new_mug()));
    let (product, variants) = made(twice());
    assert_eq!((product.slug.as_str(), product.version), ("ebb-mug", 1));
    let skus: Vec<&str> = variants.iter().map(|variant| variant.sku.as_str()).collect();
    assert_eq!(skus, ["EBB-MUG-1", "STORM"]);
    assert_eq!(
        made(twice()),
        (product, variants),
        "the same id again is the same product"
    );
}

#[test]
fn refusals_come_in_their_order() {
    let fixture = Fixture::new();
    let shop = fixture.shop;
    made(make(&fixture, shop, &new_mug()));
    let unpriced = NewProduct {
        variants: vec![NewVariant::default()],
        ..new_mug()
    };
    assert_eq!(make(&fixture, shop, &unpriced), Create::NothingToSell);
    assert_eq!(make(&fixture, shop, &new_mug()), Create::SkuTaken("STORM".into()));
    let named = NewProduct {
        slug: Some("ebb-mug".into()),
        variants: new_mug().variants[..1].to_vec(),
        ..new_mug()
    };
    assert_eq!(make(&fixture, shop, &named), Create::SlugTaken);
    let crowded = NewProduct {
        variants: vec![NewVariant::default(); 51],
        state: ProductState::Draft,
        ..new_mug()
    };
    assert_eq!(make(&fixture, shop, &crowded), Create::TooManyVariants);
    // An address made from the title gets a number; another shop's addresses and SKUs are its own business.
    let again = NewProduct {
        variants: new_mug().variants[..1].to_vec(),
        ..new_mug()
    };
    assert_eq!(made(make(&fixture, shop, &again)).0.slug, "ebb-mug-2");
    assert_eq!(made(make(&fixture, fixture.neighbour, &new_mug())).0.slug, "ebb-mug");
}

#[test]
fn only_what_is_active_and_priced_is_sellable() {
    let fixture = Fixture::new();
    let shop = fixture.shop;
    let (product, variants) = made(make(&fixture, shop, &new_mug()));
    let (sand, storm) = (variants[0].id, variants[1].id);
    assert_eq!(
        sellable_now(&fixture, &[storm, sand]),
        [(sand, 3800, 1)],
        "storm has no price"
    );
    for (minor, version) in [(4200, 1), (4200, 1), (4300, 2)] {
        fixture.write(move |tx| set_price(tx, shop, storm, None, eur(minor)));
        assert_eq!(sellable_now(&fixture, &[storm]), [(storm, minor, version)]);
    }
    let state = |state| ProductEdit {
        state: Some(state),
        ..ProductEdit::default()
    };
    for (state_to, count) in [
        (ProductState::Archived, 0),
        (ProductState::Active, 2),
        (ProductState::Draft, 0),
    ] {
        let edit = state(state_to);
        fixture.write(move |tx| {
            let version = super::find(tx, shop, product.id)?.unwrap().version;
            edit_product(tx, (shop, Currency::EUR), product.id, version, &edit).map(drop)
        });
        assert_eq!(sellable_now(&fixture, &[sand, storm]).len(), count, "{state_to:?}");
    }
    let dollars = fixture.write(move |tx| super::sellable(tx, shop, "USD".parse()?, &[sand]));
    assert!(dollars.is_empty(), "a price in euros is no price in dollars");
}

#[test]
fn an_edit_made_on_an_older_version_is_refused() {
    let fixture = Fixture::new();
    let shop = fixture.shop;
    let (product, variants) = made(make(&fixture, shop, &new_mug()));
    let sand = variants[0].id;
    let rename = |version| {
        let edit = ProductEdit {
            title: Some("Ebb mug, large".into()),
            ..ProductEdit::default()
        };
        fixture.write(move |tx| edit_product(tx, (shop, Currency::EUR), product.id, version, &edit))
    };
    assert!(matches!(rename(1), Edit::Edited(product, 2) if product.version == 2));
    assert_eq!(rename(1), Edit::Stale(2));
    // Prices and variants change with their product.
    let priced = fixture.write(move |tx| set_price(tx, shop, sand, Some(2), eur(3900)));
    assert_eq!(
        priced,
        SetPrice::Set {
            price: eur(3900),
            product_version: 3
        }
    );
    assert_eq!(
        fixture.write(move |tx| set_price(tx, shop, sand, Some(2), eur(3900))),
        SetPrice::Stale(3)
    );
    let unchanged = fixture.write(move |tx| set_price(tx, shop, sand, Some(3), eur(3900)));
    assert_eq!(
        unchanged,
        SetPrice::Set {
            price: eur(3900),
            product_version: 3
        },
        "the same price is no change"
    );
    let heavier = VariantEdit {
        weight_grams: Some(450),
        ..VariantEdit::default()
    };
    assert_eq!(
        fixture.write(move |tx| edit_variant(tx, (shop, Currency::EUR), sand, 2, &heavier)),
        Edit::Stale(3)
    );
    let added = fixture.write(move |tx| {
        let id = tx.id();
        super::add_variant(tx, (shop, Currency::EUR), product.id, id, &NewVariant::default())
    });
    assert!(matches!(added, AddVariant::Added(variant) if variant.sku == "EBB-MUG-3"));
    assert_eq!(rename(3), Edit::Stale(4));
}

#[test]
fn an_active_product_keeps_something_to_sell() {
    let fixture = Fixture::new();
    let shop = fixture.shop;
    let (product, variants) = made(make(&fixture, shop, &new_mug()));
    let (sand, storm) = (variants[0].id, variants[1].id);
    let archive = |variant, version| {
        let edit = VariantEdit {
            state: Some(VariantState::Archived),
            ..VariantEdit::default()
        };
        fixture.write(move |tx| edit_variant(tx, (shop, Currency::EUR), variant, version, &edit))
    };
    assert_eq!(archive(sand, 1), Edit::NothingToSell, "storm has no price");
    assert!(matches!(archive(storm, 1), Edit::Edited(..)));
    let taken = VariantEdit {
        sku: Some("STORM".into()),
        ..VariantEdit::default()
    };
    assert_eq!(
        fixture.write(move |tx| edit_variant(tx, (shop, Currency::EUR), sand, 2, &taken)),
        Edit::SkuTaken
    );
    let draft = NewProduct {
        state: ProductState::Draft,
        variants: Vec::new(),
        slug: Some("bowl".into()),
        ..new_mug()
    };
    let (bowl, _) = made(make(&fixture, shop, &draft));
    let edit = |edit: ProductEdit| fixture.write(move |tx| edit_product(tx, (shop, Currency::EUR), bowl.id, 1, &edit));
    assert_eq!(
        edit(ProductEdit {
            state: Some(ProductState::Active),
            ..ProductEdit::default()
        }),
        Edit::NothingToSell
    );
    assert_eq!(
        edit(ProductEdit {
            slug: Some(product.slug),
            ..ProductEdit::default()
        }),
        Edit::SlugTaken
    );
}

#[test]
fn lists_go_page_by_page_newest_first() {
    let fixture = Fixture::new();
    let shop = fixture.shop;
    for title in ["One", "Two", "Three"] {
        let new = NewProduct {
            title: title.into(),
            variants: new_mug().variants[..1].to_vec(),
            ..new_mug()
        };
        made(make(&fixture, shop, &new));
        fixture.pass(1);
    }
    let draft = NewProduct {
        title: "Four".into(),
        state: ProductState::Draft,
        variants: Vec::new(),
        ..new_mug()
    };
    made(make(&fixture, shop, &draft));
    let titles = |products: &[Product]| products.iter().map(|product| product.title.clone()).collect::<Vec<_>>();
    let first = fixture.write(move |tx| list(tx, shop, None, 2));
    assert_eq!(titles(&first.data), ["Four", "Three"]);
    let after: ProductId = first.next.unwrap().parse().unwrap();
    let second = fixture.write(move |tx| list(tx, shop, Some(after), 2));
    assert_eq!(
        (titles(&second.data), second.next),
        (vec!["Two".to_owned(), "One".to_owned()], None)
    );
    assert_eq!(
        titles(&fixture.write(move |tx| list_active(tx, shop, None, 10)).data),
        ["Three", "Two", "One"]
    );
    assert_eq!(fixture.write(move |tx| super::count(tx, shop)), (1, 3, 0));
}

#[test]
fn t1_a_neighbour_finds_nothing_here() {
    let fixture = Fixture::new();
    let (product, variants) = made(make(&fixture, fixture.shop, &new_mug()));
    let (neighbour, sand) = (fixture.neighbour, variants[0].id);
    fixture.write(move |tx| {
        let theirs = (neighbour, Currency::EUR);
        assert_eq!(super::find(tx, neighbour, product.id)?, None);
        assert_eq!(find_by_slug(tx, neighbour, "ebb-mug")?, None);
        assert_eq!(super::product_of(tx, neighbour, sand)?, None);
        assert_eq!(super::variant(tx, neighbour, sand, Currency::EUR)?, None);
        assert!(super::variants(tx, neighbour, product.id, Currency::EUR)?.is_empty());
        assert!(super::prices(tx, neighbour, sand)?.is_empty());
        assert!(super::sellable(tx, neighbour, Currency::EUR, &[sand])?.is_empty());
        assert_eq!(
            edit_product(tx, theirs, product.id, 1, &ProductEdit::default())?,
            Edit::NotFound
        );
        assert_eq!(
            edit_variant(tx, theirs, sand, 1, &VariantEdit::default())?,
            Edit::NotFound
        );
        assert_eq!(set_price(tx, neighbour, sand, None, eur(1))?, SetPrice::NotFound);
        let id = tx.id();
        assert_eq!(
            super::add_variant(tx, theirs, product.id, id, &NewVariant::default())?,
            AddVariant::NotFound
        );
        Ok(())
    });
}
