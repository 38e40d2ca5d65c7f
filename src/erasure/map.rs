//! The data map: every column of the schema, and whether it can hold something about a person: for what, and until when.
//!
//! A test compares it with the migrated schema: a column that nobody classified fails. docs/privacy.md holds it as a table, `hawker data-map` prints it.

/// Whom a column is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// A buyer, or what a buyer or somebody else wrote about one.
    Buyer,
    /// A buyer, as a hash or a random name: it cannot be read back, but what is known already can be compared with it.
    Key,
    /// Somebody who works for the shop, sells, or earns.
    Staff,
}

impl About {
    fn title(self) -> &'static str {
        match self {
            Self::Buyer => "Buyers",
            Self::Key => "Buyers, as hashes and random names",
            Self::Staff => "People of the shop",
        }
    }
}

/// A column that can hold something about a person.
#[derive(Clone, Copy, Debug)]
pub struct Personal {
    pub table: &'static str,
    pub column: &'static str,
    pub about: About,
    /// What it is for.
    pub purpose: &'static str,
    /// When it is erased; "with the purchase": when the purchase is erased, at once or when its holds end.
    pub ends: &'static str,
}

/// A line of the map.
const fn of(
    table: &'static str,
    column: &'static str,
    about: About,
    purpose: &'static str,
    ends: &'static str,
) -> Personal {
    Personal {
        table,
        column,
        about,
        purpose,
        ends,
    }
}

use About::{Buyer, Key, Staff};

/// Everything that can be about a person.
pub const PERSONAL: &[Personal] = &[
    of(
        "adjustments",
        "reason",
        Buyer,
        "why it was refunded or canceled, as somebody of the shop wrote it",
        "stays: names do not belong here",
    ),
    of(
        "attempts",
        "action_url",
        Buyer,
        "where the buyer confirms at their bank",
        "with the purchase",
    ),
    of(
        "checkouts",
        "contact",
        Buyer,
        "to reach the buyer about their purchase",
        "with the purchase",
    ),
    of(
        "checkouts",
        "address",
        Buyer,
        "where the parcel goes",
        "with the purchase",
    ),
    of(
        "disputes",
        "detail",
        Buyer,
        "the bank’s own words or code",
        "stays: of a code nobody is told by",
    ),
    of(
        "disputes",
        "answer",
        Buyer,
        "what the bank was answered",
        "with the purchase",
    ),
    of(
        "disputes",
        "why",
        Buyer,
        "why it was given up, as somebody of the shop wrote it",
        "stays: names do not belong here",
    ),
    of(
        "drop_contacts",
        "email",
        Buyer,
        "who asked for a letter of a drop",
        "at once, when erasing is asked; else when the drop is settled",
    ),
    of(
        "drop_links",
        "label",
        Buyer,
        "for whom a link is, as somebody of the shop wrote it",
        "stays: names do not belong here",
    ),
    of(
        "erasures",
        "email",
        Buyer,
        "where the confirmation goes",
        "when it is written",
    ),
    of(
        "gift_cards",
        "note",
        Buyer,
        "for whom it is, as somebody of the shop wrote it",
        "when the shop changes it: a card belongs to whoever has its code",
    ),
    of(
        "idempotency_keys",
        "body",
        Buyer,
        "the same answer for the same request",
        "with the purchase, or after 30 days",
    ),
    of(
        "mails",
        "recipient",
        Buyer,
        "where a letter goes",
        "with the purchase, or with the address it went to",
    ),
    of(
        "mails",
        "says",
        Buyer,
        "what it tells; shown as evidence",
        "with the purchase, or with the address it went to",
    ),
    of(
        "mails",
        "detail",
        Buyer,
        "what the mail server said about it",
        "with the purchase, or with the address it went to",
    ),
    of(
        "orders",
        "country",
        Buyer,
        "which tax is due; the law asks to keep it, and alone it names nobody",
        "stays",
    ),
    of(
        "orders",
        "email",
        Buyer,
        "to reach the buyer; it is in the list of orders",
        "with the purchase",
    ),
    of(
        "payment_log",
        "what",
        Buyer,
        "what happened to the payment: amounts, processors, results",
        "stays: it is the history of money",
    ),
    of(
        "payment_log",
        "detail",
        Buyer,
        "the processor’s words about it",
        "stays: it is the history of money",
    ),
    of(
        "processor_notices",
        "body",
        Buyer,
        "what a processor told, as it came",
        "with the purchase",
    ),
    of(
        "returns",
        "name",
        Buyer,
        "who withdraws: the statement is theirs",
        "with the purchase",
    ),
    of(
        "returns",
        "email",
        Buyer,
        "where its acknowledgement goes",
        "with the purchase",
    ),
    of("returns", "words", Buyer, "what they wish to say", "with the purchase"),
    of("returns", "proof", Buyer, "how they sent it back", "with the purchase"),
    of(
        "shipments",
        "tracking",
        Buyer,
        "to follow the parcel; its carrier knows who got it",
        "with the purchase",
    ),
    of(
        "stored_methods",
        "token",
        Buyer,
        "to pay with it again",
        "when its processor has let go of it, which it is told at once",
    ),
    of(
        "stored_methods",
        "customer",
        Buyer,
        "whose it is, at the processor",
        "when its processor has let go of it, which it is told at once",
    ),
    of(
        "stored_methods",
        "brand",
        Buyer,
        "for its owner to know it by",
        "when its processor has let go of it, which it is told at once",
    ),
    of(
        "stored_methods",
        "last_four",
        Buyer,
        "for its owner to know it by",
        "when its processor has let go of it, which it is told at once",
    ),
    of(
        "stored_methods",
        "card_expires",
        Buyer,
        "not to ask an expired card",
        "when its processor has let go of it, which it is told at once",
    ),
    of(
        "stored_methods",
        "contact",
        Buyer,
        "what a kept card pays for",
        "at once, when erasing is asked; else 400 days after its last use",
    ),
    of(
        "stored_methods",
        "address",
        Buyer,
        "where what it pays for goes",
        "at once, when erasing is asked; else 400 days after its last use",
    ),
    of(
        "strange_notices",
        "said",
        Buyer,
        "what was told of a payment nobody knows: an amount and a reference",
        "stays until it is known",
    ),
    of(
        "webhook_attempts",
        "reply",
        Buyer,
        "what they answered, to find mistakes",
        "with the purchase, or after its time (docs/webhooks.md)",
    ),
    of(
        "webhook_events",
        "payload",
        Buyer,
        "what the shop’s own programs are told",
        "with the purchase, or after its time (docs/webhooks.md)",
    ),
    of(
        "attempts",
        "card",
        Key,
        "which card it is, as a hash: one buyer with one card is one buyer of a drop",
        "with the purchase",
    ),
    of(
        "attempts",
        "token",
        Key,
        "the processor’s name of the card: to pay, and not to ask a refused card again",
        "with the purchase",
    ),
    of(
        "budgets",
        "visit",
        Key,
        "how many watched, tapped and added: a random number of one visit",
        "stays, or ends with its day: nothing joins it to a purchase or a person",
    ),
    of(
        "card_asks",
        "card",
        Key,
        "so that a card is not asked too often",
        "when it is asked on a later day",
    ),
    of(
        "checkouts",
        "fingerprint",
        Key,
        "to know a repeated request; it is worked out from what the buyer typed",
        "with the purchase",
    ),
    of(
        "discount_buyers",
        "name",
        Key,
        "so that a discount is had only so often by each buyer",
        "with the purchase",
    ),
    of(
        "discount_uses",
        "names",
        Key,
        "so that a discount is had only so often by each buyer",
        "with the purchase",
    ),
    of(
        "drop_buyers",
        "identity",
        Key,
        "so that nobody has more than the limit",
        "with the purchase, when the drop is over",
    ),
    of(
        "drop_claims",
        "identities",
        Key,
        "so that nobody has more than the limit",
        "with the purchase, when the drop is over",
    ),
    of("drop_contacts", "buyer", Key, "the browser that asked", "with the row"),
    of(
        "drop_contacts",
        "plain",
        Key,
        "the same mailbox, however it is written",
        "at once, when erasing is asked; else when the drop is settled",
    ),
    of(
        "drop_entitlements",
        "contact",
        Key,
        "who may come in earlier",
        "at once, when erasing is asked by address",
    ),
    of(
        "drop_guests",
        "buyer",
        Key,
        "the browser that may come in earlier",
        "stays, or ends with the drop: a hash of a random secret, which names nobody",
    ),
    of(
        "drop_holds",
        "buyer",
        Key,
        "the browser that has reserved",
        "stays, or ends with the drop: a hash of a random secret, which names nobody",
    ),
    of(
        "drop_turns",
        "id",
        Key,
        "the browser’s turn in a waiting room",
        "stays, or ends with the drop: a hash of a random secret, which names nobody",
    ),
    of(
        "drop_waits",
        "buyer",
        Key,
        "the browser that waits",
        "stays: a hash of a random secret, which names nobody",
    ),
    of(
        "drop_waits",
        "bound",
        Key,
        "the mailbox a place is for",
        "at once, when erasing is asked",
    ),
    of(
        "erasures",
        "subject",
        Key,
        "so that a restored backup is erased again",
        "stays: a keyed hash",
    ),
    of(
        "events",
        "visit",
        Key,
        "how many watched, tapped and added: a random number of one visit",
        "stays, or ends with its day: nothing joins it to a purchase or a person",
    ),
    of(
        "idempotency_keys",
        "fingerprint",
        Key,
        "to know another request under the same key",
        "with the purchase, or after 30 days",
    ),
    of(
        "mail_budgets",
        "recipient_hash",
        Key,
        "so that nobody floods an address",
        "after two days",
    ),
    of(
        "stored_methods",
        "owner",
        Key,
        "the browser whose secret it belongs to",
        "with the row",
    ),
    of(
        "visit_steps",
        "visit",
        Key,
        "how many watched, tapped and added: a random number of one visit",
        "stays, or ends with its day: nothing joins it to a purchase or a person",
    ),
    of(
        "adjustments",
        "staff_id",
        Staff,
        "who did it",
        "stays with what was done",
    ),
    of(
        "discount_versions",
        "staff_id",
        Staff,
        "who did it",
        "stays with what was done",
    ),
    of("disputes", "staff_id", Staff, "who did it", "stays with what was done"),
    of(
        "drop_events",
        "staff_id",
        Staff,
        "who did it",
        "stays with what was done",
    ),
    of("erasures", "staff_id", Staff, "who did it", "stays with what was done"),
    of("exchanges", "staff_id", Staff, "who did it", "stays with what was done"),
    of(
        "gift_card_moves",
        "staff_id",
        Staff,
        "who did it",
        "stays with what was done",
    ),
    of(
        "parties",
        "name",
        Staff,
        "whom the shop owes a share",
        "stays with the books",
    ),
    of("parties", "email", Staff, "to reach them", "stays with the books"),
    of(
        "price_matches",
        "staff_id",
        Staff,
        "who did it",
        "stays with what was done",
    ),
    of("returns", "staff_id", Staff, "who did it", "stays with what was done"),
    of("sessions", "token_hash", Staff, "to stay signed in", "after it ended"),
    of("sessions", "staff_id", Staff, "who did it", "stays with what was done"),
    of(
        "settlement_files",
        "staff_id",
        Staff,
        "who did it",
        "stays with what was done",
    ),
    of(
        "settlement_lines",
        "staff_id",
        Staff,
        "who did it",
        "stays with what was done",
    ),
    of(
        "shop_policies",
        "texts",
        Staff,
        "the seller and policies a buyer agreed to",
        "stays: it is evidence",
    ),
    of(
        "shops",
        "seller",
        Staff,
        "whom the contract is with",
        "stays: buyers must know",
    ),
    of(
        "sign_in_links",
        "token_hash",
        Staff,
        "to sign in",
        "after it was used, or a day",
    ),
    of(
        "sign_in_links",
        "staff_id",
        Staff,
        "who did it",
        "stays with what was done",
    ),
    of(
        "staff",
        "email",
        Staff,
        "to sign in",
        "stays: who did what in the books; not a buyer’s",
    ),
    of(
        "staff",
        "name",
        Staff,
        "who did what",
        "stays: who did what in the books; not a buyer’s",
    ),
];

/// Everything else: ids, times, amounts, states, what the shop says to everybody.
pub const NOTHING: &[(&str, &str)] = &[
    ("accounts", "id shop_id kind party_id currency created_at"),
    ("adjustments", "id shop_id order_id kind amount_minor detail at"),
    ("anchors", "id shop_id clip_id kind ask start_ms end_ms variant_id copy"),
    (
        "api_keys",
        "id shop_id kind hash shown scopes name created_at revoked_at",
    ),
    (
        "attempts",
        "id intent_id shop_id n processor method state reference decline capture_before tries next_check_at created_at changed_at hard amount_minor taking window_seconds off_session",
    ),
    ("balance_snapshots", "account_id through balance_minor"),
    ("batches", "id at"),
    ("budgets", "shop_id day events"),
    ("bundle_parts", "product_id position variant_id quantity"),
    ("bundles", "product_id shop_id keep_the_rest"),
    (
        "captures",
        "id intent_id attempt_id shop_id shipment_id amount_minor final state fee_minor reference detail legs tries next_check_at created_at changed_at told",
    ),
    ("card_asks", "shop_id day asks"),
    (
        "checkouts",
        "id shop_id state version lane offer total_minor currency clip_id created_at changed_at expires_at next_check_at erased_at",
    ),
    ("clip_versions", "clip_id version shop_id snapshot published_at"),
    (
        "clips",
        "id shop_id slug title description language media_hash poster_hash captions version published created_at changed_at",
    ),
    ("contract_versions", "contract_id version terms created_at"),
    ("contracts", "id shop_id name version created_at"),
    ("counters", "shop_id clip_id day kind anchor_id count"),
    (
        "delivery_methods",
        "id shop_id zone_id name price_minor currency eta_days_min eta_days_max position",
    ),
    ("delivery_zones", "id shop_id name countries position"),
    ("discount_buyers", "discount_id used used_max"),
    (
        "discount_uses",
        "checkout_id discount_id shop_id version held counted created_at",
    ),
    ("discount_versions", "discount_id version rule at"),
    (
        "discounts",
        "id shop_id version state code rule starts_at ends_at uses_max used created_at changed_at",
    ),
    (
        "disputes",
        "id shop_id intent_id attempt_id processor name round state closed_by reason amount_minor currency covered_minor excess_minor legs fees due_by asked asks tries trouble version next_check_at created_at changed_at",
    ),
    ("drop_buyers", "drop_id units units_max lapses cools_until"),
    ("drop_claims", "checkout_id drop_id shop_id units held"),
    (
        "drop_contacts",
        "id drop_id shop_id about state asked reminded created_at",
    ),
    ("drop_entitlements", "drop_id shop_id source used created_at"),
    ("drop_events", "drop_id position kind detail at hash"),
    ("drop_guests", "drop_id link_id bound_at"),
    ("drop_holds", "drop_id variant_id checkout_id"),
    (
        "drop_items",
        "drop_id variant_id shop_id position allotment transient price_minor currency price_version ships_by",
    ),
    (
        "drop_lines",
        "drop_id rate seed arrivals drawn admitted wave_at version guarded second in_second rush_until marked",
    ),
    ("drop_links", "id drop_id shop_id people used revoked created_at"),
    ("drop_marks", "drop_id place rank"),
    (
        "drop_rules",
        "id drop_id shop_id variant_id position kind at minutes down_minor units price_minor currency state steps next_at",
    ),
    (
        "drop_turns",
        "drop_id shop_id late rank used pass_until checkout_id joined_at",
    ),
    (
        "drop_waits",
        "id drop_id shop_id variant_id units state offered_until joined_at written checkout_id",
    ),
    ("dropped", "shop_id day reason count"),
    (
        "drops",
        "id shop_id slug title description clip_id stream_url stream_kind state opens_at closes_at opened_at closed_at limit_units hold_minutes pinned_id line_rate version head next_check_at created_at changed_at early_minutes early_for_buyers",
    ),
    ("erasure_items", "erasure_id checkout_id state reasons until changed_at"),
    ("erasures", "id shop_id asked_by state asked_at done_at next_check_at"),
    (
        "events",
        "shop_id id clip_id clip_version kind anchor_id at_ms from_second to_second day received_at folded",
    ),
    (
        "exchanges",
        "id shop_id order_id return_id state line quantity variant_id quote due_by missing_minor tries checkout_id trouble asked_at ended_at version next_check_at",
    ),
    (
        "fulfilments",
        "order_id shop_id partner_id state promised_from promised_until version created_at changed_at",
    ),
    (
        "gift_card_moves",
        "id shop_id gift_card_id kind source_id checkout_id amount_minor detail legs at",
    ),
    (
        "gift_card_uses",
        "checkout_id gift_card_id shop_id covers_minor held_minor taken_minor returned_minor allocation created_at changed_at",
    ),
    (
        "gift_cards",
        "id shop_id code_hash last_four currency initial_minor balance_minor held_minor reason state expires_at version created_at order_id paid_out_minor",
    ),
    (
        "idempotency_keys",
        "shop_id principal route key status lease_until created_at",
    ),
    ("installation", "one epoch frozen signing_key"),
    (
        "intents",
        "id shop_id checkout_id state amount_minor currency authorized_minor capture_pending_minor captured_minor refund_pending_minor refunded_minor allocation attempts version created_at lost_at next_check_at own_asks disputed_minor disputes_open was let_go_minor",
    ),
    ("leases", "name owner number until"),
    (
        "legs",
        "transfer_id leg debit_account credit_account amount_minor currency purpose",
    ),
    ("locations", "id shop_id name position set_aside"),
    ("mail_budgets", "day letters"),
    (
        "mails",
        "id shop_id kind subject_id subject state lease tries due_at created_at sent_at",
    ),
    (
        "media",
        "hash shop_id content_type extension size_bytes width height duration_ms created_at",
    ),
    ("migrations", "book number name checksum applied_at"),
    (
        "order_lines",
        "order_id line variant_id location_id title quantity amount_minor tax_minor tax_rate_bp shipped canceled returned asked",
    ),
    (
        "orders",
        "id shop_id checkout_id number currency total_minor tax_minor delivery_minor confirmed_at canceled_at version",
    ),
    ("outbox", "id kind payload state tries due_at recorded_at"),
    ("parties", "id shop_id kind created_at"),
    ("payment_log", "intent_id id at"),
    (
        "preorder_sales",
        "order_id line preorder_id shop_id units state promised tell sold_at",
    ),
    (
        "preorders",
        "id shop_id variant_id home_id state units arrived covered ships_by late version next_check_at created_at changed_at counted place_id",
    ),
    (
        "price_match_orders",
        "match_id order_id state planned_minor refunded_minor why changed_at",
    ),
    (
        "price_matches",
        "id shop_id title drop_id from_at until_at prices currency state counted_to created_at started_at ended_at version next_check_at",
    ),
    ("prices", "variant_id currency amount_minor version changed_at"),
    ("processor_accounts", "id shop_id kind settings enabled"),
    ("processor_notices", "processor notice_id shop_id received_at acted_at"),
    (
        "products",
        "id shop_id slug title description kind tax_category image state contract_id version created_at changed_at is_bundle",
    ),
    (
        "refunds",
        "id intent_id attempt_id shop_id adjustment_id amount_minor state reference detail legs tries next_check_at created_at changed_at told credited",
    ),
    (
        "reservations",
        "id shop_id checkout_id variant_id location_id quantity state created_at expires_at",
    ),
    ("retention", "shop_id clip_id day second change"),
    ("return_lines", "return_id line quantity"),
    (
        "returns",
        "id shop_id order_id state whole units_canceled stated_at due_by received_at deducted_minor deduction restock refunded_minor ended_at trouble reminded version next_check_at exchange_id",
    ),
    ("routing_rules", "shop_id version rules created_at"),
    ("sealed_heads", "shop_id sequence hash"),
    ("sessions", "shop_id created_at expires_at ended_at"),
    (
        "settlement_files",
        "id shop_id processor format name hash batches state lines worked again matched booked excepted missing from_at till_at looked next_check_at created_at done_at",
    ),
    (
        "settlement_lines",
        "id shop_id file_id processor name digest line_number kind word payment operation sold_minor sold_currency net_minor net_currency fee_minor at state trouble ours checkout_id ours_minor ours_fee_minor ours_currency reason decided_at created_at",
    ),
    ("settlement_parts", "file_id n lines"),
    ("shipments", "id order_id shop_id number carrier lines handed_over_at"),
    ("shop_policies", "shop_id hash kept_at"),
    (
        "shops",
        "id slug name currency country language accent tagline test_mode return_days return_policy shipping_policy prices_include_tax version created_at policies time_zone opens_at closes_at closing_archives window_check_at",
    ),
    ("sign_in_links", "expires_at used_at"),
    ("staff", "id shop_id role party_id created_at disabled_at"),
    (
        "stock",
        "variant_id location_id shop_id on_hand reserved sold version home_id gate missing",
    ),
    (
        "stored_methods",
        "id shop_id checkout_id state processor tries created_at used_at next_check_at",
    ),
    (
        "strange_notices",
        "processor notice_id reference received_at next_check_at",
    ),
    ("tax_rates", "shop_id country category rate_bp"),
    (
        "transfers",
        "id shop_id source_kind source_id order_id currency at sequence hash",
    ),
    ("upsells", "first_id lines shop_id checkout_id created_at"),
    (
        "variants",
        "id shop_id product_id sku title weight_grams position state",
    ),
    ("visit_steps", "shop_id day clip_id step"),
    ("webhook_attempts", "delivery_id number at status millis detail"),
    (
        "webhook_deliveries",
        "id shop_id endpoint_id event_id state lease tries due_at status detail created_at ended_at",
    ),
    (
        "webhook_endpoints",
        "id shop_id url description events state reason generation old_until failures failing_since disabled_at rest_until deleted_at version created_at",
    ),
    ("webhook_events", "id shop_id kind object_id version created_at"),
    ("webhook_objects", "shop_id object_id version"),
];

/// The map as Markdown, the way docs/privacy.md holds it.
pub fn markdown() -> String {
    let mut text = String::new();
    for about in [Buyer, Key, Staff] {
        text.push_str(&format!(
            "### {}\n\n| column | for | until |\n|---|---|---|\n",
            about.title()
        ));
        for one in PERSONAL.iter().filter(|one| one.about == about) {
            text.push_str(&format!(
                "| {}.{} | {} | {} |\n",
                one.table, one.column, one.purpose, one.ends
            ));
        }
        text.push('\n');
    }
    text
}
