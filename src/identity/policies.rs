//! What a shop says of itself and promises its buyers, kept for ever: a sale names the texts it was made under by their content.

use super::model::{Seller, Shop};
use super::store;
use crate::db::{Bind, Cell, Column, Tx, Value};
use crate::kernel::Result;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// The texts a buyer agrees to, as they stood on one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Policies {
    pub shop: String,
    pub seller: Seller,
    pub return_days: u32,
    pub return_policy: String,
    pub shipping_policy: String,
}

/// Names such texts by their SHA-256: other texts have another name, and the same texts the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
pub struct PoliciesHash(String);

impl Policies {
    pub(super) fn of(shop: &Shop) -> Self {
        Self {
            shop: shop.name.clone(),
            seller: shop.seller.clone(),
            return_days: shop.return_days,
            return_policy: shop.return_policy.clone(),
            shipping_policy: shop.shipping_policy.clone(),
        }
    }

    pub(super) fn hash(&self) -> PoliciesHash {
        let text = serde_json::to_vec(self).expect("own types serialise");
        let mut hash = String::with_capacity(64);
        for byte in Sha256::digest(text) {
            write!(hash, "{byte:02x}").expect("text is writable");
        }
        PoliciesHash(hash)
    }
}

/// Keeps the texts of a shop as they stand. A shop that was opened or edited since texts are kept has them already, and this is one look.
pub fn keep_policies(tx: &mut Tx<'_>, shop: &Shop) -> Result<PoliciesHash> {
    if let Some(known) = &shop.policies {
        return Ok(known.clone());
    }
    let texts = Policies::of(shop);
    let hash = texts.hash();
    store::keep_policies(tx, shop.id, &hash, &texts)?;
    store::point_at_policies(tx, shop, &hash)?;
    Ok(hash)
}

impl Bind for PoliciesHash {
    fn value(&self) -> Value<'_> {
        self.0.value()
    }
}
impl Column for PoliciesHash {
    fn read(cell: Cell<'_>) -> Result<Self> {
        String::read(cell).map(Self)
    }
}
