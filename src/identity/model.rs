//! Shops, people, roles and scopes, and the rules about them that need no database.

use super::policies::PoliciesHash;
use crate::kernel::{Currency, Error, KeyId, PartyId, Result, ShopId, StaffId, Time};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A shop: the tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shop {
    pub id: ShopId,
    /// Its part of every address; never changes.
    pub slug: String,
    pub name: String,
    pub currency: Currency,
    /// ISO 3166, where it sells from.
    pub country: String,
    /// BCP 47.
    pub language: String,
    /// `#rrggbb`, or empty for ours.
    pub accent: String,
    pub tagline: String,
    /// Sandbox money only.
    pub test_mode: bool,
    pub seller: Seller,
    pub return_days: u32,
    pub return_policy: String,
    pub shipping_policy: String,
    pub prices_include_tax: bool,
    /// The kept texts that a sale of today is made under.
    pub policies: Option<PoliciesHash>,
    /// An IANA name, such as `Europe/Berlin`: the clock its people plan by.
    pub time_zone: String,
    /// The time in which it sells.
    pub window: Window,
    pub version: i64,
    pub created_at: Time,
}

/// The time in which a shop sells. Without times it always does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// None: it is open.
    pub opens_at: Option<Time>,
    /// None: it stays.
    pub closes_at: Option<Time>,
    /// What it sells is archived when it closes.
    pub archives: bool,
}

/// Where a shop stands in its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trading {
    Before(Time),
    Open,
    /// Since then.
    Closed(Time),
}

impl Window {
    pub fn trading(&self, now: Time) -> Trading {
        match (self.opens_at, self.closes_at) {
            (_, Some(closes)) if closes <= now => Trading::Closed(closes),
            (Some(opens), _) if opens > now => Trading::Before(opens),
            _ => Trading::Open,
        }
    }

    /// When somebody has to look at it again.
    pub(super) fn look(&self, now: Time) -> Option<Time> {
        match self.trading(now) {
            Trading::Before(opens) => Some(opens),
            Trading::Open => self.closes_at,
            Trading::Closed(_) => None,
        }
    }
}

/// The seller of record, as the imprint shows it and as orders freeze it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Seller {
    pub name: String,
    pub address: String,
    pub email: String,
    pub phone: String,
    pub vat_id: String,
    /// Whatever else the law of the place asks for.
    pub imprint: String,
}

/// What someone may do in the studio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything, including money, keys and people.
    Owner,
    /// Clips, products, stock, orders, and money back to buyers.
    Creator,
    /// Orders to pack and ship; no money back.
    Helper,
    /// The orders of one party, to accept and ship.
    Partner,
    /// Figures and money, to read.
    Analyst,
}

impl Role {
    pub const ALL: [Self; 5] = [Self::Owner, Self::Creator, Self::Helper, Self::Partner, Self::Analyst];

    pub fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Creator => "creator",
            Self::Helper => "helper",
            Self::Partner => "partner",
            Self::Analyst => "analyst",
        }
    }
    pub fn is_owner(self) -> bool {
        self == Self::Owner
    }
    /// Changes clips, products, prices, contracts.
    pub fn may_create(self) -> bool {
        matches!(self, Self::Owner | Self::Creator)
    }
    /// Packs and ships; a partner the orders of their own party only.
    pub fn may_help(self) -> bool {
        matches!(self, Self::Owner | Self::Creator | Self::Helper | Self::Partner)
    }
    /// Packs and ships for the whole shop, and counts what lies there.
    pub fn may_pack(self) -> bool {
        matches!(self, Self::Owner | Self::Creator | Self::Helper)
    }
    /// Sees what viewers did and what came of it; packing a parcel needs none of it.
    pub fn may_measure(self) -> bool {
        matches!(self, Self::Owner | Self::Creator | Self::Analyst)
    }
    /// Sees lists and money of the whole shop: everybody but a partner, who sees only their own work.
    pub fn may_look(self) -> bool {
        self != Self::Partner
    }
}

impl std::str::FromStr for Role {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|role| role.name() == text).ok_or_else(|| {
            Error::invalid(
                "unknown_role",
                "A role is one of owner, creator, helper, partner, analyst.",
            )
        })
    }
}

/// Someone who works in the studio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub id: StaffId,
    pub shop: ShopId,
    pub email: String,
    pub name: String,
    pub role: Role,
    /// Whose work a partner sees.
    pub party: Option<PartyId>,
    pub created_at: Time,
    pub disabled_at: Option<Time>,
}

/// A key as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    pub id: KeyId,
    pub publishable: bool,
    /// The first and last characters; a publishable key whole.
    pub shown: String,
    pub scopes: Vec<String>,
    pub name: String,
    pub created_at: Time,
    pub revoked_at: Option<Time>,
}

/// Someone who is signed in, as every request looks it up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub shop: ShopId,
    pub shop_slug: String,
    pub staff: StaffId,
    pub name: String,
    pub role: Role,
    pub party: Option<PartyId>,
}

/// What a secret key may be allowed. Writing includes reading.
pub const SCOPES: [&str; 12] = [
    "catalog:read",
    "catalog:write",
    "clips:read",
    "clips:write",
    "orders:read",
    "orders:write",
    "money:read",
    "money:write",
    "audience:read",
    "audience:write",
    "settings:read",
    "settings:write",
];

/// Which scope a request needs; none means that no key may make it.
pub(super) fn scope_needed(path: &str, safe: bool) -> Option<(&'static str, bool)> {
    let area = match path.strip_prefix("/v1/")?.split('/').next()? {
        "products" | "variants" | "tax-rates" | "delivery" | "locations" | "drops" | "discounts" | "preorders"
        | "shortages" => "catalog",
        "clips" | "media" => "clips",
        "orders" | "checkouts" | "buyer" | "stored-methods" | "gift-card-balances" | "price-matches" => "orders",
        "balances"
        | "gift-cards"
        | "transfers"
        | "parties"
        | "contracts"
        | "payments"
        | "disputes"
        | "settlement-files"
        | "settlement-exceptions" => "money",
        "funnel" | "retention" => "audience",
        "shop" | "staff" | "keys" | "erasures" | "routing" | "webhook-endpoints" | "webhook-deliveries" => "settings",
        _ => return None,
    };
    Some((area, !safe))
}

/// Whether a key with these scopes may.
pub(super) fn covers(scopes: &[String], area: &str, write: bool) -> bool {
    scopes
        .iter()
        .filter_map(|scope| scope.split_once(':'))
        .any(|(granted, right)| granted == area && (right == "write" || (right == "read" && !write)))
}

/// The part of an address that a name becomes: lower case letters, digits and hyphens.
pub fn slug_of(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        match c {
            'a'..='z' | '0'..='9' => slug.push(c),
            'ä' => slug.push_str("ae"),
            'ö' => slug.push_str("oe"),
            'ü' => slug.push_str("ue"),
            'ß' => slug.push_str("ss"),
            _ if !slug.ends_with('-') && !slug.is_empty() => slug.push('-'),
            _ => {}
        }
    }
    slug.truncate(60);
    slug.trim_matches('-').to_owned()
}

/// A mail address as far as it can be checked without writing to it, in lower case.
pub(super) fn mail_address(text: &str) -> Result<String> {
    let text = text.trim();
    let plausible = text.len() <= 254
        && !text.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';' | '"'))
        && text.split_once('@').is_some_and(|(name, domain)| {
            !name.is_empty()
                && !domain.contains('@')
                && !domain.starts_with('.')
                && !domain.ends_with('.')
                && !domain.is_empty()
        });
    if plausible {
        return Ok(text.to_lowercase());
    }
    Err(Error::field(
        "/email",
        "A mail address has a name, an @ and a domain, like lina@example.org.",
    ))
}

/// Collects what is wrong with an input, so that everything is said at once.
#[derive(Default)]
pub(super) struct Wrong(Vec<(&'static str, Cow<'static, str>)>);

impl Wrong {
    pub fn unless(&mut self, holds: bool, pointer: &'static str, detail: impl Into<Cow<'static, str>>) {
        if !holds {
            self.0.push((pointer, detail.into()));
        }
    }
    /// A line of text between `least` and `most` characters, without control characters.
    pub fn line(&mut self, pointer: &'static str, text: &str, least: usize, most: usize) {
        let count = text.trim().chars().count();
        self.unless(
            count >= least && count <= most && !text.chars().any(char::is_control),
            pointer,
            format!("Between {least} and {most} characters on one line."),
        );
    }
    /// A longer text; line breaks are fine.
    pub fn text(&mut self, pointer: &'static str, text: &str, most: usize) {
        let fits =
            text.chars().count() <= most && !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
        self.unless(fits, pointer, format!("At most {most} characters of plain text."));
    }
    pub fn country(&mut self, pointer: &'static str, code: &str) {
        self.unless(
            code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase()),
            pointer,
            "An ISO 3166 country code such as DE.",
        );
    }
    pub fn language(&mut self, pointer: &'static str, code: &str) {
        let parts = || code.split('-');
        let fits =
            parts().all(|part| (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        self.unless(
            fits && code.len() <= 20,
            pointer,
            "A BCP 47 language tag such as en or pt-BR.",
        );
    }
    pub fn answer(self) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let error = Error::invalid("invalid_field", "Some fields need another value.");
        Err(self
            .0
            .into_iter()
            .fold(error, |error, (pointer, detail)| error.with_field(pointer, detail)))
    }
}
