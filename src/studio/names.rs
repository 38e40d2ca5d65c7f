//! Whose account it is, in words: every page about money says it the same way.

use super::chart::LegKind;
use crate::db::Tx;
use crate::identity::Shop;
use crate::kernel::{PartyId, Result};
use crate::ledger::{AccountKey, AccountKind};
use crate::partners::{self, Party, PartyKind};

/// The names that accounts of a shop can have.
pub struct Names {
    shop: String,
    parties: Vec<Party>,
}

/// Who holds an account.
pub struct Holder {
    pub name: String,
    pub role: &'static str,
    pub kind: LegKind,
}

/// Parties whose names a page may need.
const PARTIES: i64 = 500;

impl Names {
    pub fn read(tx: &mut Tx<'_>, shop: &Shop) -> Result<Self> {
        Ok(Self {
            shop: shop.name.clone(),
            parties: partners::parties(tx, shop.id, None, PARTIES)?.data,
        })
    }

    pub fn holder(&self, key: AccountKey) -> Holder {
        let holder = |name: &str, role, kind| Holder {
            name: name.into(),
            role,
            kind,
        };
        let party = self.party(key.party);
        let name = party.map_or("Someone", |party| &party.name);
        match key.kind {
            AccountKind::ProcessorClearing => holder("Processor", "holds the money", LegKind::Processor),
            AccountKind::ProcessorFees => holder("Processor", "fees, borne by the shop", LegKind::Processor),
            AccountKind::PaidOut => holder("Bank account", "paid out by processors", LegKind::Creator),
            AccountKind::CurrencyExchange => holder("Exchange", "between two currencies", LegKind::Processor),
            AccountKind::SettlementDifferences => {
                holder("Differences", "in settlement files, agreed to", LegKind::Processor)
            }
            AccountKind::DisputeLosses => holder("Bank", "took twice, in disputes", LegKind::Processor),
            AccountKind::TaxPayable => holder("Tax office", "tax collected", LegKind::Tax),
            AccountKind::ShopRevenue => holder(&self.shop, "the shop keeps", LegKind::Creator),
            AccountKind::PlatformRevenue => holder("Platform", "fees", LegKind::Platform),
            AccountKind::GiftCardLiability => holder("Gift cards", "not spent yet", LegKind::Partner),
            AccountKind::GiftCardsSold => holder(
                "Gift cards sold",
                "paid for outside of the shop's processors",
                LegKind::Processor,
            ),
            AccountKind::GiftCardsGiven => holder("Gift cards given", "borne by the shop", LegKind::Creator),
            AccountKind::DeliveryPayable if party.is_none() => holder("Delivery", "parcels", LegKind::Partner),
            AccountKind::DeliveryPayable => holder(name, "parcels", LegKind::Partner),
            AccountKind::PartyPayable => holder(name, "earned", colour(party)),
        }
    }

    fn party(&self, id: Option<PartyId>) -> Option<&Party> {
        self.parties.iter().find(|party| Some(party.id) == id)
    }
}

fn colour(party: Option<&Party>) -> LegKind {
    match party.map(|party| party.kind) {
        Some(PartyKind::Fulfilment | PartyKind::Courier) => LegKind::Partner,
        Some(PartyKind::Platform) => LegKind::Platform,
        _ => LegKind::Creator,
    }
}

/// "57.2 %" of a whole.
pub fn share(part: i64, whole: i64) -> String {
    let tenths = part.saturating_mul(1000) / whole.max(1);
    format!("{}.{} %", tenths / 10, tenths % 10)
}
