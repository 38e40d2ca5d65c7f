//! Accounts, postings and transfers, and the bytes a transfer is sealed as.

use crate::kernel::{AccountId, Currency, Error, Id, Money, OrderId, PartyId, Result, ShopId, Time, TransferId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// What an account is for. The name is stored and exported, so it never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccountKind {
    /// Money a processor holds for the shop.
    ProcessorClearing,
    /// What processors kept, where the shop bears it.
    ProcessorFees,
    /// Tax collected for the state.
    TaxPayable,
    /// What a party earned and was not paid yet.
    PartyPayable,
    /// What the carrier of a parcel is owed.
    DeliveryPayable,
    /// What the shop keeps.
    ShopRevenue,
    /// What the platform keeps.
    PlatformRevenue,
    /// What a bank took in a dispute although it had gone back to the buyer before: nobody's share, and a person's task.
    DisputeLosses,
    /// What gift cards may still be spent on: owed in goods to whoever holds their codes.
    GiftCardLiability,
    /// Money that gift cards were sold for, outside of our processors.
    GiftCardsSold,
    /// What gift cards cost the shop that it gave away.
    GiftCardsGiven,
    /// What processors say they sent to the shop's bank account.
    PaidOut,
    /// Between the currency something was sold in and the one it was settled in: in each, what went into the other.
    CurrencyExchange,
    /// What processors' files say otherwise than our books, where a person agreed.
    SettlementDifferences,
}

impl AccountKind {
    pub const ALL: [Self; 14] = [
        Self::ProcessorClearing,
        Self::ProcessorFees,
        Self::TaxPayable,
        Self::PartyPayable,
        Self::DeliveryPayable,
        Self::ShopRevenue,
        Self::PlatformRevenue,
        Self::DisputeLosses,
        Self::GiftCardLiability,
        Self::GiftCardsSold,
        Self::GiftCardsGiven,
        Self::PaidOut,
        Self::CurrencyExchange,
        Self::SettlementDifferences,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::ProcessorClearing => "processor_clearing",
            Self::ProcessorFees => "processor_fees",
            Self::TaxPayable => "tax_payable",
            Self::PartyPayable => "party_payable",
            Self::DeliveryPayable => "delivery_payable",
            Self::ShopRevenue => "shop_revenue",
            Self::PlatformRevenue => "platform_revenue",
            Self::DisputeLosses => "dispute_losses",
            Self::GiftCardLiability => "gift_card_liability",
            Self::GiftCardsSold => "gift_cards_sold",
            Self::GiftCardsGiven => "gift_cards_given",
            Self::PaidOut => "paid_out",
            Self::CurrencyExchange => "currency_exchange",
            Self::SettlementDifferences => "settlement_differences",
        }
    }

    /// The heading every plain-text accounting program expects first: what it is a kind of.
    pub(super) fn heading(self) -> &'static str {
        match self {
            Self::ProcessorClearing | Self::GiftCardsSold | Self::PaidOut => "Assets",
            Self::ProcessorFees | Self::DisputeLosses | Self::GiftCardsGiven | Self::SettlementDifferences => {
                "Expenses"
            }
            Self::CurrencyExchange => "Equity",
            Self::TaxPayable | Self::PartyPayable | Self::DeliveryPayable | Self::GiftCardLiability => "Liabilities",
            Self::ShopRevenue | Self::PlatformRevenue => "Income",
        }
    }
}

impl std::str::FromStr for AccountKind {
    type Err = Error;
    fn from_str(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| Error::internal(format!("the ledger has an account of an unknown kind: {name}")))
    }
}

/// The natural key of an account inside a shop and a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AccountKey {
    pub kind: AccountKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub party: Option<PartyId>,
}

impl AccountKey {
    pub const fn of(kind: AccountKind) -> Self {
        Self { kind, party: None }
    }
    pub const fn party(kind: AccountKind, party: PartyId) -> Self {
        Self {
            kind,
            party: Some(party),
        }
    }
    /// The account's id follows from its key: two writers that meet it first make the same row, and nobody has to remember it.
    pub(super) fn id(self, shop: ShopId, currency: Currency) -> AccountId {
        let party = self.party.map(|party| party.to_string()).unwrap_or_default();
        AccountId::from_uuid(Uuid::new_v5(
            &shop.uuid(),
            format!("{}/{party}/{currency}", self.kind.name()).as_bytes(),
        ))
    }
}

/// One movement to write down. Its currency is that of all its legs, so a mixed one cannot be said.
#[derive(Clone, Debug)]
pub struct Posting {
    pub shop: ShopId,
    /// With `source_id` the reason of the transfer: posted once, however often it is tried.
    pub source_kind: &'static str,
    pub source_id: Uuid,
    pub order: Option<OrderId>,
    pub currency: Currency,
    pub legs: Vec<Leg>,
}

/// From `credit` to `debit`, in the bookkeeper's sense: the credited account is owed more afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    pub debit: AccountKey,
    pub credit: AccountKey,
    pub minor: i64,
    pub purpose: &'static str,
}

/// What became of a posting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Post {
    Posted(TransferId),
    /// The same source had been posted before; nothing was added.
    Again(TransferId),
}

/// An account as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub id: AccountId,
    pub key: AccountKey,
    pub currency: Currency,
}

/// What an account stands at: credits minus debits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    pub account: AccountId,
    pub key: AccountKey,
    pub money: Money,
}

/// A transfer with its legs, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    pub id: TransferId,
    pub shop: ShopId,
    pub source_kind: String,
    pub source_id: Uuid,
    pub order: Option<OrderId>,
    pub currency: Currency,
    pub at: Time,
    /// Place in the sealed sequence of the shop; none until the job came by.
    pub sequence: Option<i64>,
    pub hash: Option<[u8; 32]>,
    pub legs: Vec<LegLine>,
}

/// A leg with both accounts named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegLine {
    pub debit: Account,
    pub credit: Account,
    pub minor: i64,
    pub purpose: String,
}

/// The hash before the first transfer of a shop.
pub(super) const ORIGIN: [u8; 32] = [0; 32];

impl Transfer {
    /// The link of the chain: SHA-256 over the link before and every byte that must not change. Texts carry their length, so that no two
    /// transfers share their bytes.
    pub(super) fn link(&self, before: &[u8; 32], sequence: i64) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(b"hawker transfer 1");
        hash.update(before);
        hash.update(sequence.to_be_bytes());
        hash.update(self.id.uuid());
        hash.update(self.shop.uuid());
        text(&mut hash, &self.source_kind);
        hash.update(self.source_id);
        hash.update(self.order.map_or([0; 16], |order| order.uuid().into_bytes()));
        text(&mut hash, self.currency.code());
        hash.update(self.at.0.to_be_bytes());
        hash.update((self.legs.len() as u64).to_be_bytes());
        for leg in &self.legs {
            for account in [&leg.debit, &leg.credit] {
                hash.update(account.id.uuid());
                text(&mut hash, account.key.kind.name());
                hash.update(account.key.party.map_or([0; 16], |party| party.uuid().into_bytes()));
            }
            hash.update(leg.minor.to_be_bytes());
            text(&mut hash, &leg.purpose);
        }
        hash.finalize().into()
    }
}

fn text(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_be_bytes());
    hash.update(text);
}
