//! What a checkout can rely on: the texts it is made under are kept, once for every wording.

use crate::fixture::Fixture;
use crate::identity::{EditShop, Shop, ShopEdit, edit_shop, keep_policies, policies};

#[test]
fn a_shops_texts_are_kept_once_for_every_wording_and_never_change() {
    for fixture in Fixture::engines() {
        let id = fixture.shop;
        let say = |text: &'static str| {
            let version = fixture.settings().version;
            let edited = fixture.write(move |tx| {
                let edit = ShopEdit {
                    return_policy: Some(text.into()),
                    ..ShopEdit::default()
                };
                edit_shop(tx, id, version, edit)
            });
            let EditShop::Edited(shop) = edited else {
                panic!("the version is the current one")
            };
            shop.policies.expect("an edit keeps the texts")
        };
        let (first, second, again) = (say("Whole."), say("Not at all."), say("Whole."));
        assert_eq!(first, again, "the same words are the same texts");
        assert_ne!(first, second);
        for (hash, text) in [(first, "Whole."), (second, "Not at all.")] {
            let kept = hash.clone();
            let found = fixture.write(move |tx| policies(tx, id, &kept)).expect("kept for ever");
            assert_eq!(found.return_policy, text);
            let (neighbour, hash) = (fixture.neighbour, hash.clone());
            assert!(fixture.write(move |tx| policies(tx, neighbour, &hash)).is_none());
        }
    }
}

#[test]
fn a_shop_from_before_its_texts_were_kept_keeps_them_when_they_are_needed() {
    for fixture in Fixture::engines() {
        let now = fixture.settings();
        let old = Shop {
            name: "Before".into(),
            policies: None,
            ..now.clone()
        };
        let hash = fixture.write(move |tx| keep_policies(tx, &old));
        assert_eq!(
            fixture.settings().policies.as_ref(),
            Some(&hash),
            "the next sale has nothing to do"
        );
        let found = fixture.write(move |tx| policies(tx, now.id, &hash)).expect("kept");
        assert_eq!(found.shop, "Before");
    }
}
