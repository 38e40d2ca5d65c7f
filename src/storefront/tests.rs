//! Every page renders with every sample, and what must never be in a page is not.

use askama::Template;

use super::structured_data::{Markup, Organization, Thing};
use super::{
    checkout_page::CheckoutPage,
    clip_page::ClipPage,
    drop_page::DropPage,
    erasure_page::ErasurePage,
    exchange_page::ExchangePage,
    home_page::HomePage,
    mailbox_page::MailboxPage,
    message_page::MessagePage,
    order_page::OrderPage,
    policy_page::PolicyPage,
    product_page::ProductPage,
    sandbox_challenge_page::SandboxChallengePage,
    sitemap::{Robots, Sitemap},
    stored_methods_page::StoredMethodsPage,
    window_page::WindowPage,
    withdrawal_page::WithdrawalPage,
};

/// Name and page of every sample. The browser checks render the same list.
pub fn pages() -> Vec<(&'static str, String)> {
    let page = |name: &'static str, template: &dyn askama::DynTemplate| (name, template.dyn_render().expect(name));
    vec![
        page("home", &HomePage::sample()),
        page("home_empty", &HomePage::sample_empty()),
        page("clip", &ClipPage::sample()),
        page("product", &ProductPage::sample()),
        page("product_sold_out", &ProductPage::sample_sold_out()),
        page("erasure", &ErasurePage::sample()),
        page("exchange", &ExchangePage::sample()),
        page("exchange_offered", &ExchangePage::sample_offered()),
        page("order_exchanging", &OrderPage::sample_exchanging()),
        page("withdrawal", &WithdrawalPage::sample()),
        page("withdrawal_stated", &WithdrawalPage::sample_stated()),
        page("checkout", &CheckoutPage::sample()),
        page("drop", &DropPage::sample()),
        page("drop_before", &DropPage::sample_before()),
        page("drop_over", &DropPage::sample_over()),
        page("drop_room_before", &DropPage::sample_room_before()),
        page("drop_room_waiting", &DropPage::sample_room_waiting()),
        page("drop_invited", &DropPage::sample_invited()),
        page("drop_early", &DropPage::sample_early()),
        page("drop_room_work", &DropPage::sample_room_work()),
        page(
            "drop_letter_asked",
            &DropPage::sample_letter(crate::drops::ContactState::Asked, false),
        ),
        page(
            "drop_letter_offer",
            &DropPage::sample_letter(crate::drops::ContactState::Confirmed, true),
        ),
        page(
            "drop_letter_left",
            &DropPage::sample_letter(crate::drops::ContactState::Left, false),
        ),
        page("drop_hls", &DropPage::sample_hls()),
        page("drop_own", &DropPage::sample_own()),
        page("drop_room_admitted", &DropPage::sample_room_admitted()),
        page("checkout_discount", &CheckoutPage::sample_discount()),
        page("checkout_gift_card", &CheckoutPage::sample_gift_card()),
        page("order_gift_card", &OrderPage::sample_gift_card()),
        page("checkout_one_click", &CheckoutPage::sample_one_click()),
        page("stored_methods", &StoredMethodsPage::sample()),
        page("stored_methods_empty", &StoredMethodsPage::sample_empty()),
        page("checkout_refused", &CheckoutPage::sample_refused()),
        page("checkout_declined", &CheckoutPage::sample_declined()),
        page("order", &OrderPage::sample()),
        page("order_on_its_way", &OrderPage::sample_on_its_way()),
        page("order_lost", &OrderPage::sample_lost()),
        page("policy", &PolicyPage::sample()),
        page("window", &WindowPage::sample()),
        page("window_closed", &WindowPage::sample_closed()),
        page("message", &MessagePage::sample()),
        page("message_broken", &MessagePage::sample_broken()),
        page("sandbox_challenge", &SandboxChallengePage::sample()),
        page("mailbox", &MailboxPage::sample()),
        page("mailbox_empty", &MailboxPage::sample_empty()),
    ]
}

#[test]
fn no_page_has_inline_script_or_style() {
    for (name, html) in pages() {
        assert!(!html.contains("<style"), "{name}: style element");
        assert!(!html.contains(" style=\""), "{name}: style attribute");
        assert!(
            !html.contains(" onclick=") && !html.contains("javascript:"),
            "{name}: inline handler"
        );
        for script in html.split("<script").skip(1) {
            let opening = script.split('>').next().unwrap_or_default();
            assert!(
                opening.contains(" src=") || opening.contains("application/ld+json"),
                "{name}: inline script{opening}"
            );
        }
    }
}

#[test]
fn every_page_has_one_title_a_language_and_a_main_part() {
    for (name, html) in pages() {
        assert_eq!(html.matches("<h1").count(), 1, "{name}: one h1");
        assert_eq!(html.matches("<main").count(), 1, "{name}: one main");
        assert!(html.contains("<html lang=\"en\""), "{name}: language");
    }
}

#[test]
fn a_title_cannot_leave_the_structured_data() {
    let nasty = "</script><script>alert(1)</script><!-- & \u{2028}";
    let organization = Organization {
        name: nasty.into(),
        url: "https://shop.example".into(),
        logo: None,
    };
    let markup = Markup::new(&[Thing::Organization(organization)]);
    assert!(
        !markup.as_str().contains(['<', '>', '&', '\u{2028}']),
        "{}",
        markup.as_str()
    );
    let read: serde_json::Value = serde_json::from_str(markup.as_str()).expect("still JSON");
    assert_eq!(read["@graph"][0]["name"], nasty);
    assert_eq!(read["@graph"][0]["@type"], "Organization");
}

#[test]
fn the_buyers_words_are_never_markup() {
    let mut page = CheckoutPage::sample();
    page.address[1].value = "\"><script>alert(1)</script>".into();
    let html = page.render().expect("renders");
    assert!(!html.contains("<script>alert"), "escaped");
}

#[test]
fn a_refused_field_is_named_in_the_summary_and_tied_to_its_error() {
    let html = CheckoutPage::sample_refused().render().expect("renders");
    assert!(html.contains("2 fields need another look"));
    assert!(html.contains("<a href=\"#postal_code\">"));
    assert!(html.contains("aria-describedby=\"postal_code-error\""));
    assert!(html.contains("value=\"Jo Lindqvist\""), "what was typed is still there");
}

#[test]
fn the_sitemap_names_each_video_and_escapes_its_text() {
    let xml = Sitemap::sample().render().expect("renders");
    assert!(xml.contains("<video:duration>20</video:duration>"));
    assert!(!xml.contains("bowl & a"), "escaped");
    assert!(
        Robots::sample()
            .render()
            .expect("renders")
            .ends_with("Sitemap: https://shop.example/sitemap.xml")
    );
}
