//! Every page renders with every sample, and what must never be in a page is not.

use askama::DynTemplate;

use super::chart::{Bar, Bars, Flow, Leg, LegKind, Retention, spark};
use super::{
    audience_clip_page::AudienceClipPage, audience_page::AudiencePage, bundle_page::BundlePage,
    clip_editor_page::ClipEditorPage, clip_upload_page::ClipUploadPage, clips_page::ClipsPage,
    contract_page::ContractPage, discount_page::DiscountPage, discounts_page::DiscountsPage, drop_page::DropPage,
    drop_plan_page::DropPlanPage, drops_page::DropsPage, gift_card_page::GiftCardPage, gift_cards_page::GiftCardsPage,
    money_page::MoneyPage, order_page::OrderPage, orders_page::OrdersPage, partners_page::PartnersPage,
    payment_page::PaymentPage, preorders_page::PreordersPage, price_match_page::PriceMatchPage,
    price_matches_page::PriceMatchesPage, product_page::ProductPage, products_page::ProductsPage, sale_page::SalePage,
    settings_delivery_page::SettingsDeliveryPage, settings_keys_page::SettingsKeysPage,
    settings_payments_page::SettingsPaymentsPage, settings_policies_page::SettingsPoliciesPage,
    settings_privacy_page::SettingsPrivacyPage, settings_shop_page::SettingsShopPage,
    settings_staff_page::SettingsStaffPage, settings_tax_page::SettingsTaxPage,
    settings_webhook_page::SettingsWebhookPage, settings_webhooks_page::SettingsWebhooksPage,
    settings_window_page::SettingsWindowPage, sign_in_confirm_page::SignInConfirmPage, sign_in_page::SignInPage,
    today_page::TodayPage,
};

/// Name and page of every sample. The browser checks render the same list.
pub fn pages() -> Vec<(&'static str, String)> {
    let page = |name: &'static str, template: &dyn DynTemplate| (name, template.dyn_render().expect(name));
    vec![
        page("sign_in", &SignInPage::sample()),
        page("sign_in_refused", &SignInPage::refused()),
        page("sign_in_sent", &SignInPage::sent()),
        page("sign_in_confirm", &SignInConfirmPage::sample()),
        page("sign_in_confirm_spent", &SignInConfirmPage::spent()),
        page("today", &TodayPage::sample()),
        page("today_empty", &TodayPage::empty()),
        page("clips", &ClipsPage::sample()),
        page("clips_empty", &ClipsPage::empty()),
        page("clip_upload", &ClipUploadPage::sample()),
        page("clip_upload_refused", &ClipUploadPage::refused()),
        page("clip_editor", &ClipEditorPage::sample()),
        page("clip_editor_empty", &ClipEditorPage::empty()),
        page("clip_editor_refused", &ClipEditorPage::refused()),
        page("products", &ProductsPage::sample()),
        page("products_empty", &ProductsPage::empty()),
        page("product", &ProductPage::sample()),
        page("product_empty", &ProductPage::empty()),
        page("product_refused", &ProductPage::refused()),
        page("disputes", &super::disputes_page::DisputesPage::sample()),
        page("dispute", &super::dispute_page::DisputePage::sample()),
        page("evidence", &super::evidence_page::EvidencePage::sample()),
        page("orders", &OrdersPage::sample()),
        page("orders_empty", &OrdersPage::empty()),
        page("orders_nothing_found", &OrdersPage::nothing_found()),
        page("order", &OrderPage::sample()),
        page("order_refunding", &OrderPage::refunding()),
        page("order_coming_back", &OrderPage::coming_back()),
        page("order_unknown", &OrderPage::unknown()),
        page("payment", &PaymentPage::sample()),
        page("payment_waiting", &PaymentPage::waiting()),
        page("payment_refused", &PaymentPage::refused()),
        page("money", &MoneyPage::sample()),
        page("money_empty", &MoneyPage::empty()),
        page("preorders", &PreordersPage::sample()),
        page("preorders_empty", &PreordersPage::empty()),
        page("drops", &DropsPage::sample()),
        page("drops_empty", &DropsPage::empty()),
        page("drop_plan", &DropPlanPage::sample()),
        page("drop_plan_refused", &DropPlanPage::sample_refused()),
        page("drop_plan_scheduled", &DropPlanPage::sample_scheduled()),
        page("drop", &DropPage::sample()),
        page("drop_scheduled", &DropPage::sample_scheduled()),
        page("drop_over", &DropPage::sample_over()),
        page("drop_refused", &DropPage::sample_refused()),
        page("bundle", &BundlePage::sample()),
        page("bundle_blank", &BundlePage::sample_blank()),
        page("shelf", &super::shelf_page::ShelfPage::sample()),
        page("shelf_refused", &super::shelf_page::ShelfPage::refused()),
        page("discounts", &DiscountsPage::sample()),
        page("discounts_empty", &DiscountsPage::empty()),
        page("discount", &DiscountPage::sample()),
        page("discount_new", &DiscountPage::sample_new()),
        page("discount_ended", &DiscountPage::sample_ended()),
        page("discount_refused", &DiscountPage::refused()),
        page("price_matches", &PriceMatchesPage::sample()),
        page("price_matches_empty", &PriceMatchesPage::empty()),
        page("price_match", &PriceMatchPage::sample()),
        page("price_match_ready", &PriceMatchPage::ready()),
        page("gift_cards", &GiftCardsPage::sample()),
        page("gift_cards_empty", &GiftCardsPage::empty()),
        page("gift_cards_issued", &GiftCardsPage::issued()),
        page("gift_cards_refused", &GiftCardsPage::refused()),
        page("payment_unheard", &PaymentPage::unheard()),
        page(
            "settlement_files",
            &super::settlement_files_page::SettlementFilesPage::sample(),
        ),
        page(
            "settlement_files_empty",
            &super::settlement_files_page::SettlementFilesPage::empty(),
        ),
        page(
            "settlement_files_refused",
            &super::settlement_files_page::SettlementFilesPage::refused(),
        ),
        page(
            "settlement_file",
            &super::settlement_file_page::SettlementFilePage::sample(),
        ),
        page(
            "settlement_file_working",
            &super::settlement_file_page::SettlementFilePage::working(),
        ),
        page(
            "settlement_exception",
            &super::settlement_exception_page::SettlementExceptionPage::sample(),
        ),
        page(
            "settlement_exception_decided",
            &super::settlement_exception_page::SettlementExceptionPage::decided(),
        ),
        page("gift_card", &GiftCardPage::sample()),
        page("gift_card_disabled", &GiftCardPage::sample_disabled()),
        page("sale", &SalePage::sample()),
        page("sale_expected", &SalePage::expected()),
        page("audience", &AudiencePage::sample()),
        page("audience_empty", &AudiencePage::empty()),
        page("audience_clip", &AudienceClipPage::sample()),
        page("audience_clip_empty", &AudienceClipPage::empty()),
        page("partners", &PartnersPage::sample()),
        page("partners_empty", &PartnersPage::empty()),
        page("partners_refused", &PartnersPage::refused()),
        page("contract", &ContractPage::sample()),
        page("contract_empty", &ContractPage::empty()),
        page("contract_refused", &ContractPage::refused()),
        page("settings_shop", &SettingsShopPage::sample()),
        page("settings_shop_refused", &SettingsShopPage::refused()),
        page("settings_window", &SettingsWindowPage::sample()),
        page("settings_window_refused", &SettingsWindowPage::refused()),
        page("settings_policies", &SettingsPoliciesPage::sample()),
        page("settings_privacy", &SettingsPrivacyPage::sample()),
        page("settings_privacy_empty", &SettingsPrivacyPage::empty()),
        page("settings_tax", &SettingsTaxPage::sample()),
        page("settings_delivery", &SettingsDeliveryPage::sample()),
        page("settings_delivery_empty", &SettingsDeliveryPage::empty()),
        page("settings_payments", &SettingsPaymentsPage::sample()),
        page("settings_payments_one", &SettingsPaymentsPage::one()),
        page("settings_payments_refused", &SettingsPaymentsPage::refused()),
        page("settings_keys", &SettingsKeysPage::sample()),
        page("settings_keys_refused", &SettingsKeysPage::refused()),
        page("settings_webhooks", &SettingsWebhooksPage::sample()),
        page("settings_webhooks_empty", &SettingsWebhooksPage::empty()),
        page("settings_webhooks_made", &SettingsWebhooksPage::made()),
        page("settings_webhooks_refused", &SettingsWebhooksPage::refused()),
        page("settings_webhook", &SettingsWebhookPage::sample()),
        page("settings_webhook_disabled", &SettingsWebhookPage::disabled()),
        page("settings_webhook_rotated", &SettingsWebhookPage::rotated()),
        page("settings_staff", &SettingsStaffPage::sample()),
        page("settings_staff_refused", &SettingsStaffPage::refused()),
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
            assert!(opening.contains(" src="), "{name}: inline script{opening}");
        }
    }
}

#[test]
fn every_page_has_one_title_and_a_main_part() {
    for (name, html) in pages() {
        assert_eq!(html.matches("<h1").count(), 1, "{name}: one h1");
        assert_eq!(html.matches("<main").count(), 1, "{name}: one main");
    }
}

#[test]
fn every_id_is_there_once_and_every_label_and_description_finds_its_field() {
    for (name, html) in pages() {
        let ids: Vec<&str> = values(&html, " id=\"");
        for id in &ids {
            assert_eq!(ids.iter().filter(|other| other == &id).count(), 1, "{name}: id {id}");
        }
        for pointer in [" for=\"", " aria-describedby=\"", " aria-labelledby=\"", " href=\"#"] {
            for id in values(&html, pointer).into_iter().flat_map(str::split_whitespace) {
                assert!(ids.contains(&id), "{name}:{pointer}{id} points nowhere");
            }
        }
    }
}

#[test]
fn a_form_that_changes_something_shared_carries_its_version() {
    for (name, html) in pages() {
        let edits = [
            "clip_editor",
            "product",
            "order",
            "payment",
            "contract",
            "settings_policies",
            "settings_tax",
            "settings_delivery",
            "settings_payments",
        ];
        if edits
            .iter()
            .any(|page| name == *page || name.strip_prefix(page).is_some_and(|rest| rest.starts_with('_')))
        {
            for form in html
                .split("<form")
                .skip(1)
                .filter(|form| form.contains("method=\"post\""))
            {
                let form = form.split("</form>").next().unwrap_or_default();
                assert!(
                    form.contains("sign-out") || form.contains("name=\"version\""),
                    "{name}: a form without a version"
                );
            }
        }
    }
}

#[test]
fn a_name_with_markup_stays_text_in_a_chart() {
    let nasty = "<script>\"'&";
    let bars = Bars {
        title: nasty.into(),
        bars: vec![Bar {
            label: nasty.into(),
            amount_minor: 1,
            words: nasty.into(),
        }],
        grid: vec![(1, nasty.into())],
    };
    let flow = Flow {
        title: nasty.into(),
        source: nasty.into(),
        source_amount: nasty.into(),
        legs: vec![Leg::new(LegKind::Tax, nasty, 1, nasty, nasty)],
    };
    for svg in [bars.draw(), flow.draw(), spark(&[1, 2], nasty)] {
        let text = svg.to_string();
        assert!(!text.contains("<script") && !text.contains("\"'&"), "{text}");
        assert!(text.contains("&lt;script&gt;&quot;&#39;&amp;"), "{text}");
    }
}

#[test]
fn a_chart_of_nothing_draws_no_broken_number() {
    let bars = Bars {
        title: String::new(),
        bars: Vec::new(),
        grid: Vec::new(),
    };
    let flow = Flow {
        title: String::new(),
        source: String::new(),
        source_amount: String::new(),
        legs: Vec::new(),
    };
    let curve = Retention {
        title: String::new(),
        duration_ms: 0,
        per_mille: vec![0],
        bands: Vec::new(),
    };
    for svg in [bars.draw(), flow.draw(), curve.draw(), spark(&[], ""), spark(&[0], "")] {
        let text = svg.to_string();
        assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
    }
}

#[test]
fn the_ribbons_of_a_sale_are_as_thick_as_their_part() {
    let legs = vec![
        Leg::new(LegKind::Creator, "a", 7500, "", ""),
        Leg::new(LegKind::Tax, "b", 2500, "", ""),
    ];
    let flow = Flow {
        title: String::new(),
        source: String::new(),
        source_amount: String::new(),
        legs,
    };
    let text = flow.draw().to_string();
    let nodes: Vec<&str> = text
        .split("flow-node")
        .skip(2)
        .map(|node| values(node, " height=\"")[0])
        .collect();
    assert_eq!(nodes, ["195.00", "65.00"]);
}

#[test]
fn rewatching_raises_the_scale_of_the_curve() {
    let curve = Retention {
        title: String::new(),
        duration_ms: 2000,
        per_mille: vec![1000, 1300],
        bands: Vec::new(),
    };
    let text = curve.draw().to_string();
    assert!(
        text.contains(">150 %<") && text.contains("130 % still watching"),
        "{text}"
    );
}

fn values<'a>(html: &'a str, before: &str) -> Vec<&'a str> {
    html.split(before)
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect()
}
