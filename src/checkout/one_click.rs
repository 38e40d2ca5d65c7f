//! Paying without typing: a card the buyer had kept, with the contact and the address it was kept with.
//!
//! A stored method pays for exactly those: who borrows a device, or gets hold of its cookie, can have parcels sent to its owner and to nobody else.
//! Another address wants the card again.

use super::model::{Address, Checkout, Contact, Payment};
use crate::app::App;
use crate::db::Tx;
use crate::kernel::{Error, Result, Reuse, ShopId, StoredMethodId};
use crate::offers::PaymentMethod;
use crate::payments::stored::{self, Details, Owner, StoredMethod, Want};

/// A kept card and what it pays for.
#[derive(Clone, Debug)]
pub struct Stored {
    pub method: StoredMethod,
    pub contact: Contact,
    /// None: it was kept at a purchase of which nothing travels.
    pub address: Option<Address>,
}

impl Stored {
    fn read(method: StoredMethod) -> Result<Self> {
        let broken = |error| Error::internal("a stored method's details cannot be read").because(error);
        let address = match method.details.address.as_str() {
            "" => None,
            text => Some(serde_json::from_str(text).map_err(broken)?),
        };
        Ok(Self {
            contact: serde_json::from_str(&method.details.contact).map_err(broken)?,
            address,
            method,
        })
    }

    /// Whether a checkout goes where the card pays for; what is not said yet is filled in by the card.
    pub fn fits(&self, contact: &Contact, address: Option<&Address>) -> bool {
        mutant!("T6-elsewhere")
            || (!contact.is_known() || *contact == self.contact)
                && (address.is_none() || address == self.address.as_ref())
    }
}

/// A kept card of a shop, for whoever holds the secret it belongs to.
pub fn find(tx: &mut Tx<'_>, shop: ShopId, owner: Owner, id: StoredMethodId) -> Result<Option<Stored>> {
    stored::find(tx, shop, owner, id)?.map(Stored::read).transpose()
}

/// Everything a buyer may pay with at a shop, last used first.
pub fn list(tx: &mut Tx<'_>, shop: ShopId, owner: Owner) -> Result<Vec<Stored>> {
    stored::list(tx, shop, owner)?.into_iter().map(Stored::read).collect()
}

/// How a buyer pays, as the server sees it: what the request said, and by whose browser.
#[derive(Clone, Debug)]
pub struct Paying {
    pub payment: Payment,
    /// None: the browser holds no secret, or the request is not from our own page.
    pub owner: Option<Owner>,
}

impl Paying {
    /// As a request without a browser of ours has it.
    pub fn plain(payment: Payment) -> Self {
        Self { payment, owner: None }
    }

    /// The stored method a request names. Errors: `stored_method_gone`, if whoever asks has none of that name (any more); `invalid_field`, if it says
    /// two things at once.
    pub(super) fn stored(&self, tx: &mut Tx<'_>, shop: ShopId) -> Result<Option<Stored>> {
        let Payment {
            method,
            token,
            stored,
            keep,
            ..
        } = &self.payment;
        let Some(id) = *stored else {
            return Ok(None);
        };
        if *method != PaymentMethod::Card || token.is_some() || *keep {
            let detail = "A stored method is a card by itself: no token, and nothing to keep.";
            return Err(Error::field("/payment/stored", detail));
        }
        let found = match self.owner {
            Some(owner) => find(tx, shop, owner, id)?,
            None => None,
        };
        found.map(Some).ok_or_else(gone)
    }

    /// Which processor a stored method belongs to, before any transaction.
    pub(super) async fn vault(&self, app: &App, shop: ShopId) -> Result<Option<String>> {
        if self.payment.stored.is_none() {
            return Ok(None);
        }
        let asked = self.clone();
        let found = app.db.look(move |tx| asked.stored(tx, shop)).await?;
        Ok(found.map(|found| found.method.processor))
    }

    /// Writes down what the buyer agreed to, and says with which token the attempt is made and whether it is used again.
    pub(super) fn begin(
        &self,
        tx: &mut Tx<'_>,
        checkout: &Checkout,
        stored: Option<Stored>,
    ) -> Result<(String, Reuse)> {
        let Payment {
            method, token, keep, ..
        } = &self.payment;
        if let Some(Stored { method, .. }) = stored {
            if !stored::used(tx, method.id)? {
                return Err(gone()); // Forgotten this moment.
            }
            let reuse = method.reuse();
            return Ok((method.token, reuse));
        }
        let reuse = match self
            .owner
            .filter(|_| *keep && *method == PaymentMethod::Card && token.is_some())
        {
            Some(owner) => stored::want(
                tx,
                &Want {
                    shop: checkout.shop,
                    checkout: checkout.id,
                    owner,
                    details: details(checkout),
                },
            )?,
            None if checkout.version > 1 => {
                stored::unwant(tx, checkout.id)?; // A try before this one may have agreed.
                Reuse::Once
            }
            None => Reuse::Once,
        };
        Ok((token.clone().unwrap_or_default(), reuse))
    }
}

fn details(checkout: &Checkout) -> Details {
    let text = |value: serde_json::Result<String>| value.expect("what was read as JSON serialises");
    Details {
        contact: text(serde_json::to_string(&checkout.contact)),
        address: checkout
            .address
            .as_ref()
            .filter(|_| checkout.offer.quote.needs_address())
            .map_or_else(String::new, |address| text(serde_json::to_string(address))),
    }
}

fn gone() -> Error {
    Error::conflict(
        "stored_method_gone",
        "This card is not kept here any more. Nothing was charged; pay another way.",
    )
}

/// The card was kept for another address, or another mailbox.
pub(super) fn elsewhere() -> Error {
    Error::conflict(
        "stored_method_elsewhere",
        "A kept card pays for parcels to the address it was kept with. Type the card in for another one; nothing was charged.",
    )
}
