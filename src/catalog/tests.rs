//! Rules of products; the stories through the database stand beside the shop's own tests in `tests/it`.

use super::model::*;
use crate::kernel::{Currency, Id, Money, ProductId, Time, VariantId};

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
