-- The spine: from a clip to settled money. One section a module; a table has one owner.
-- Times are microseconds since 1970 UTC; amounts are minor units; ids are UUIDv7 bytes; text in JSON is a snapshot that must survive edits.

-- identity ----------------------------------------------------------------------------------------------------------------------
create table shops (
  id {bytes} not null primary key,
  slug {text} not null unique,
  name {text} not null,
  currency {text} not null,
  country {text} not null,
  language {text} not null,
  accent {text} not null,
  tagline {text} not null default '',
  test_mode {int} not null check (test_mode in (0, 1)),
  seller {text} not null, -- JSON: the seller of record, as the imprint shows it
  return_days {int} not null check (return_days >= 0),
  return_policy {text} not null,
  shipping_policy {text} not null,
  prices_include_tax {int} not null check (prices_include_tax in (0, 1)),
  version {int} not null,
  created_at {int} not null
) {strict};
create table staff (
  id {bytes} not null primary key,
  shop_id {bytes} not null references shops (id),
  email {text} not null,
  name {text} not null,
  role {text} not null check (role in ('owner', 'creator', 'helper', 'partner', 'analyst')),
  party_id {bytes}, -- a partner sees only the work of this party
  created_at {int} not null,
  disabled_at {int},
  unique (shop_id, email)
) {strict};
create table sign_in_links (
  token_hash {bytes} not null primary key,
  staff_id {bytes} not null references staff (id),
  expires_at {int} not null,
  used_at {int}
) {keyed};
create table sessions (
  token_hash {bytes} not null primary key,
  shop_id {bytes} not null references shops (id),
  staff_id {bytes} not null references staff (id),
  created_at {int} not null,
  expires_at {int} not null,
  ended_at {int}
) {keyed};
create table api_keys (
  id {bytes} not null primary key,
  shop_id {bytes} not null references shops (id),
  kind {text} not null check (kind in ('publishable', 'secret')),
  hash {bytes} not null unique,
  shown {text} not null, -- the first and last characters; a publishable key whole
  scopes {text} not null, -- space-separated
  name {text} not null,
  created_at {int} not null,
  revoked_at {int}
) {strict};

-- http --------------------------------------------------------------------------------------------------------------------------
create table idempotency_keys (
  shop_id {bytes} not null,
  principal {text} not null,
  route {text} not null,
  key {text} not null,
  fingerprint {bytes} not null,
  status {int}, -- null while in flight
  body {text},
  lease_until {int} not null,
  created_at {int} not null,
  primary key (shop_id, principal, route, key)
) {strict};
create index idempotency_keys_age on idempotency_keys (created_at);

-- ledger ------------------------------------------------------------------------------------------------------------------------
-- A leg moves a positive amount from one account to another of the same currency: debits equal credits by construction.
create table accounts (
  id {bytes} not null primary key,
  shop_id {bytes} not null references shops (id),
  kind {text} not null, -- processor_clearing, processor_fees, tax_payable, party_payable, platform_revenue, delivery_payable ...
  party_id {bytes}, -- for party accounts
  currency {text} not null,
  created_at {int} not null,
  unique (id, currency)
) {keyed};
create unique index accounts_natural on accounts (shop_id, kind, coalesce(party_id, shop_id), currency);
create table transfers (
  id {bytes} not null primary key,
  shop_id {bytes} not null references shops (id),
  source_kind {text} not null, -- capture, refund ...
  source_id {bytes} not null,
  order_id {bytes},
  currency {text} not null,
  at {int} not null,
  sequence {int}, -- dense per shop, given by the sealing job
  hash {bytes},
  unique (shop_id, source_kind, source_id),
  unique (shop_id, sequence)
) {strict};
create index transfers_unsealed on transfers (shop_id, id) where sequence is null;
create index transfers_order on transfers (order_id);
create table legs (
  transfer_id {bytes} not null references transfers (id),
  leg {int} not null,
  debit_account {bytes} not null,
  credit_account {bytes} not null,
  amount_minor {int} not null check (amount_minor > 0),
  currency {text} not null,
  purpose {text} not null, -- share, tax, processor_fee, platform_fee, delivery, reversal ...
  primary key (transfer_id, leg),
  foreign key (debit_account, currency) references accounts (id, currency),
  foreign key (credit_account, currency) references accounts (id, currency),
  check (debit_account <> credit_account)
) {keyed};
create table balance_snapshots (
  account_id {bytes} not null primary key references accounts (id),
  through {int} not null, -- the sealed sequence it includes
  balance_minor {int} not null -- credits minus debits
) {keyed};
create table sealed_heads (
  shop_id {bytes} not null primary key references shops (id),
  sequence {int} not null,
  hash {bytes} not null
) {keyed};

-- catalog -----------------------------------------------------------------------------------------------------------------------
create table products (
  id {bytes} not null primary key,
  shop_id {bytes} not null references shops (id),
  slug {text} not null,
  title {text} not null,
  description {text} not null,
  kind {text} not null check (kind in ('physical', 'digital')),
  tax_category {text} not null, -- standard, reduced, zero
  image {text} not null default '', -- a media path
  state {text} not null check (state in ('draft', 'active', 'archived')),
  contract_id {bytes}, -- who earns; none: everything is the shop's
  version {int} not null,
  created_at {int} not null,
  changed_at {int} not null,
  unique (shop_id, slug)
) {strict};
create index products_shop on products (shop_id, id);
create table variants (
  id {bytes} not null primary key,
  shop_id {bytes} not null references shops (id),
  product_id {bytes} not null references products (id),
  sku {text} not null,
  title {text} not null,
  weight_grams {int} not null check (weight_grams >= 0),
  position {int} not null,
  state {text} not null check (state in ('active', 'archived')),
  unique (shop_id, sku)
) {strict};
create index variants_product on variants (product_id, position);
create table prices (
  variant_id {bytes} not null references variants (id),
  currency {text} not null,
  amount_minor {int} not null check (amount_minor >= 0),
  version {int} not null,
  changed_at {int} not null,
  primary key (variant_id, currency)
) {keyed};

-- clips -------------------------------------------------------------------------------------------------------------------------
create table media (
  hash {text} not null, -- SHA-256 of the bytes, hex
  shop_id {bytes} not null references shops (id),
  content_type {text} not null,
  extension {text} not null,
  size_bytes {int} not null,
  width {int} not null,
  height {int} not null,
  duration_ms {int} not null,
  created_at {int} not null,
  primary key (hash, shop_id)
) {strict};
create table clips (
  id {bytes} not null primary key,
  shop_id {bytes} not null references shops (id),
  slug {text} not null,
  title {text} not null,
  description {text} not null,
  language {text} not null,
  media_hash {text} not null,
  poster_hash {text} not null default '',
  captions {text} not null, -- JSON: language, label, media hash
  version {int} not null, -- of the draft
  published {int}, -- the published version, if any
  created_at {int} not null,
  changed_at {int} not null,
  unique (shop_id, slug)
) {strict};
create index clips_shop on clips (shop_id, id);
create table anchors (
  id {bytes} not null primary key,
  shop_id {bytes} not null references shops (id),
  clip_id {bytes} not null references clips (id),
  kind {text} not null check (kind in ('product_card', 'buy_button', 'ask', 'mark', 'proof')),
  ask {text} not null default '', -- save, subscribe, alert, rsvp
  start_ms {int} not null check (start_ms >= 0),
  end_ms {int} not null,
  variant_id {bytes},
  copy {text} not null, -- JSON: language to title, text, label
  check (end_ms > start_ms)
) {strict};
create index anchors_clip on anchors (clip_id, start_ms);
create table clip_versions (
  clip_id {bytes} not null references clips (id),
  version {int} not null,
  shop_id {bytes} not null references shops (id),
  snapshot {text} not null, -- JSON: media, anchors, copy, exactly as published
  published_at {int} not null,
  primary key (clip_id, version)
) {strict};

-- inventory ---------------------------------------------------------------------------------------------------------------------
create table locations (
  id {bytes} not null primary key,
  shop_id {bytes} not null references shops (id),
  name {text} not null,
  position {int} not null
) {strict};
create table stock (
  variant_id {bytes} not null references variants (id),
  location_id {bytes} not null references locations (id),
  shop_id {bytes} not null references shops (id),
  on_hand {int} not null check (on_hand >= 0), -- units ever counted in; what is sold stays counted
  reserved {int} not null default 0 check (reserved >= 0),
  sold {int} not null default 0 check (sold >= 0),
  version {int} not null default 1,
  primary key (variant_id, location_id),
  check (on_hand >= sold + reserved)
) {keyed};
create table reservations (
  id {bytes} not null primary key,
  shop_id {bytes} not null references shops (id),
  checkout_id {bytes} not null,
  variant_id {bytes} not null,
  location_id {bytes} not null,
  quantity {int} not null check (quantity > 0),
  state {text} not null check (state in ('active', 'paying', 'converted', 'released', 'expired', 'expired_unknown')),
  created_at {int} not null,
  expires_at {int} not null,
  unique (checkout_id, variant_id, location_id)
) {keyed};
create index reservations_live on reservations (expires_at) where state in ('active', 'paying');

-- taxes, delivery -----------------------------------------------------------------------------------------------------------------
create table tax_rates (
  shop_id {bytes} not null references shops (id),
  country {text} not null,
  category {text} not null,
  rate_bp {int} not null check (rate_bp between 0 and 10000),
  primary key (shop_id, country, category)
) {keyed};
create table delivery_zones (
  id {bytes} not null primary key,
  shop_id {bytes} not null references shops (id),
  name {text} not null,
  countries {text} not null, -- space-separated ISO 3166 codes; * for the rest of the world
  position {int} not null
) {strict};
create index delivery_zones_shop on delivery_zones (shop_id, position);
create table delivery_methods (
  id {bytes} not null primary key,
  shop_id {bytes} not null references shops (id),
  zone_id {bytes} not null references delivery_zones (id),
  name {text} not null,
  price_minor {int} not null check (price_minor >= 0),
  currency {text} not null,
  eta_days_min {int} not null,
  eta_days_max {int} not null,
  position {int} not null,
  check (eta_days_min >= 0 and eta_days_max >= eta_days_min)
) {strict};
create index delivery_methods_zone on delivery_methods (zone_id, position);

-- partners ------------------------------------------------------------------------------------------------------------------------
create table parties (
  id {bytes} not null primary key,
  shop_id {bytes} not null references shops (id),
  kind {text} not null check (kind in ('creator', 'brand', 'fulfilment', 'courier', 'affiliate', 'platform')),
  name {text} not null,
  email {text} not null default '',
  created_at {int} not null
) {strict};
create index parties_shop on parties (shop_id, id);
create table contracts (
  id {bytes} not null primary key,
  shop_id {bytes} not null references shops (id),
  name {text} not null,
  version {int} not null, -- the one sales use from now on
  created_at {int} not null
) {strict};
create index contracts_shop on contracts (shop_id, id);
create table contract_versions (
  contract_id {bytes} not null references contracts (id),
  version {int} not null,
  terms {text} not null, -- JSON: portions, fixed amounts, remainder, who bears the processor's fee
  created_at {int} not null,
  primary key (contract_id, version)
) {strict};

-- payments ------------------------------------------------------------------------------------------------------------------------
create table processor_accounts (
  id {text} not null, -- sandbox, manual, or a name the shop chose
  shop_id {bytes} not null references shops (id),
  kind {text} not null check (kind in ('sandbox', 'manual', 'stripe')),
  settings {text} not null, -- JSON; no secrets
  enabled {int} not null,
  primary key (shop_id, id)
) {strict};
create table intents (
  id {bytes} not null primary key,
  shop_id {bytes} not null references shops (id),
  checkout_id {bytes} not null unique,
  state {text} not null,
  amount_minor {int} not null check (amount_minor >= 0),
  currency {text} not null,
  authorized_minor {int} not null default 0,
  capture_pending_minor {int} not null default 0 check (capture_pending_minor >= 0),
  captured_minor {int} not null default 0,
  refund_pending_minor {int} not null default 0 check (refund_pending_minor >= 0),
  refunded_minor {int} not null default 0,
  allocation {text} not null, -- JSON: the legs of every line, frozen from the contracts of that day
  attempts {int} not null default 0, -- tries so far; bounded
  version {int} not null,
  created_at {int} not null,
  check (captured_minor + capture_pending_minor <= authorized_minor),
  check (refunded_minor + refund_pending_minor <= captured_minor),
  check (authorized_minor <= amount_minor)
) {strict};
create index intents_conflicted on intents (shop_id, id) where state = 'conflicted';
create table attempts (
  id {bytes} not null primary key,
  intent_id {bytes} not null references intents (id),
  shop_id {bytes} not null references shops (id),
  n {int} not null,
  processor {text} not null,
  method {text} not null, -- card, manual
  token {text} not null default '', -- the processor's token of the method; never a number
  state {text} not null check (state in ('sending', 'pending', 'requires_action', 'authorized', 'failed', 'unknown', 'not_executed', 'not_sent', 'conflicted', 'voiding', 'voided', 'captured')),
  reference {text} not null default '', -- the processor's name for it
  decline {text} not null default '',
  action_url {text} not null default '',
  capture_before {int},
  tries {int} not null default 0,
  next_check_at {int}, -- null only in a final state
  created_at {int} not null,
  changed_at {int} not null,
  unique (intent_id, n)
) {keyed};
create index attempts_due on attempts (next_check_at) where next_check_at is not null;
create table captures (
  id {bytes} not null primary key,
  intent_id {bytes} not null references intents (id),
  shop_id {bytes} not null references shops (id),
  shipment_id {bytes} not null unique, -- one capture a shipment
  amount_minor {int} not null check (amount_minor > 0),
  final {int} not null,
  state {text} not null check (state in ('sending', 'unknown', 'succeeded', 'failed', 'conflicted')),
  fee_minor {int} not null default 0, -- the processor's, an estimate until reconciled
  reference {text} not null default '',
  detail {text} not null default '',
  legs {text} not null, -- JSON: what the ledger will say of it
  tries {int} not null default 0,
  next_check_at {int},
  created_at {int} not null,
  changed_at {int} not null
) {strict};
create index captures_due on captures (next_check_at) where next_check_at is not null;
create index captures_intent on captures (intent_id);
create table refunds (
  id {bytes} not null primary key,
  intent_id {bytes} not null references intents (id),
  shop_id {bytes} not null references shops (id),
  adjustment_id {bytes} not null unique,
  amount_minor {int} not null check (amount_minor > 0),
  state {text} not null check (state in ('not_sent', 'sending', 'unknown', 'succeeded', 'failed', 'conflicted')),
  reference {text} not null default '',
  detail {text} not null default '',
  legs {text} not null,
  tries {int} not null default 0,
  next_check_at {int},
  created_at {int} not null,
  changed_at {int} not null
) {strict};
create index refunds_due on refunds (next_check_at) where next_check_at is not null;
create index refunds_intent on refunds (intent_id);
create table payment_log (
  id {bytes} not null primary key,
  intent_id {bytes} not null,
  at {int} not null,
  what {text} not null, -- one plain sentence
  detail {text} not null
) {keyed};
create index payment_log_intent on payment_log (intent_id, id);
create table processor_notices (
  processor {text} not null,
  notice_id {text} not null,
  shop_id {bytes} not null,
  body {text} not null,
  received_at {int} not null,
  acted_at {int},
  primary key (shop_id, processor, notice_id)
) {keyed};

-- checkout ------------------------------------------------------------------------------------------------------------------------
create table checkouts (
  id {bytes} not null primary key,
  shop_id {bytes} not null references shops (id),
  state {text} not null check (state in ('incomplete', 'ready_for_complete', 'complete_in_progress', 'requires_escalation', 'completed', 'canceled', 'expired')),
  version {int} not null,
  fingerprint {bytes} not null, -- of the first request: another body under the same id is refused
  lane {int} not null,
  offer {text} not null, -- JSON: the quote as shown, clip, version, anchor, second, policies; frozen for evidence
  contact {text} not null, -- JSON: e-mail, phone
  address {text} not null, -- JSON, or empty
  total_minor {int} not null,
  currency {text} not null,
  clip_id {bytes},
  created_at {int} not null,
  changed_at {int} not null,
  expires_at {int} not null,
  next_check_at {int} -- null only in a final state
) {strict};
create index checkouts_due on checkouts (next_check_at) where next_check_at is not null;
create table orders (
  id {bytes} not null primary key,
  shop_id {bytes} not null references shops (id),
  checkout_id {bytes} not null unique references checkouts (id),
  number {text} not null,
  currency {text} not null,
  total_minor {int} not null,
  tax_minor {int} not null,
  delivery_minor {int} not null,
  country {text} not null,
  email {text} not null,
  confirmed_at {int} not null,
  canceled_at {int},
  version {int} not null
) {keyed};
create index orders_shop on orders (shop_id, id);
create table order_lines (
  order_id {bytes} not null references orders (id),
  line {int} not null,
  variant_id {bytes} not null,
  location_id {bytes} not null,
  title {text} not null,
  quantity {int} not null check (quantity > 0),
  amount_minor {int} not null, -- gross, after discounts, tax included
  tax_minor {int} not null,
  tax_rate_bp {int} not null,
  shipped {int} not null default 0,
  canceled {int} not null default 0,
  returned {int} not null default 0,
  primary key (order_id, line),
  check (shipped >= 0 and canceled >= 0 and shipped + canceled <= quantity),
  check (returned >= 0 and returned <= shipped)
) {keyed};
create table adjustments (
  id {bytes} not null primary key,
  shop_id {bytes} not null references shops (id),
  order_id {bytes} not null references orders (id),
  kind {text} not null check (kind in ('cancellation', 'refund')),
  amount_minor {int} not null,
  reason {text} not null,
  detail {text} not null, -- JSON: lines and quantities, restocked or not
  staff_id {bytes},
  at {int} not null
) {keyed};
create index adjustments_order on adjustments (order_id, id);

-- fulfilment ----------------------------------------------------------------------------------------------------------------------
create table fulfilments (
  order_id {bytes} not null primary key references orders (id),
  shop_id {bytes} not null references shops (id),
  partner_id {bytes}, -- none: the shop itself
  state {text} not null check (state in ('open', 'accepted', 'in_fulfilment', 'fulfilled', 'canceled')),
  promised_from {int}, -- the expectation: what the buyer was told
  promised_until {int},
  version {int} not null,
  created_at {int} not null,
  changed_at {int} not null
) {keyed};
create index fulfilments_open on fulfilments (shop_id, state, order_id);
create table shipments (
  id {bytes} not null primary key,
  order_id {bytes} not null references orders (id),
  shop_id {bytes} not null references shops (id),
  number {int} not null,
  carrier {text} not null,
  tracking {text} not null,
  lines {text} not null, -- JSON: line and quantity
  handed_over_at {int} not null,
  unique (order_id, number)
) {keyed};

-- notify --------------------------------------------------------------------------------------------------------------------------
create table mails (
  id {bytes} not null primary key,
  shop_id {bytes} not null references shops (id),
  kind {text} not null,
  subject_id {bytes} not null, -- what it is about; one mail of a kind a subject
  recipient {text} not null,
  subject {text} not null,
  says {text} not null, -- JSON: what it tells, frozen; the words are put around it when it leaves
  state {text} not null check (state in ('due', 'leased', 'sent', 'refused')),
  lease {int} not null default 0, -- grows each time somebody takes it: who lost it may not write its end
  tries {int} not null default 0,
  due_at {int} not null, -- of a leased one: when the lease ends
  detail {text} not null default '', -- what the last mail server said
  created_at {int} not null,
  sent_at {int},
  unique (kind, subject_id)
) {strict};
create index mails_due on mails (due_at) where state in ('due', 'leased');
create index mails_newest on mails (created_at);
-- Letters an address may still get on a day, whoever asks for them.
create table mail_budgets (
  day {int} not null,
  recipient_hash {bytes} not null,
  letters {int} not null,
  primary key (day, recipient_hash)
) {keyed};
