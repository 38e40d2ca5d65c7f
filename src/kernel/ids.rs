//! Typed ids: a prefix and a UUIDv7 in Crockford base32, as `TypeID` 0.3 writes them (`ord_01h…`). Sortable by birth.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// What each byte stands for; 255 for those of no letter.
const VALUES: [u8; 256] = {
    let mut values = [255; 256];
    let mut value: u8 = 0;
    while value < 32 {
        values[ALPHABET[value as usize] as usize] = value;
        value += 1;
    }
    values
};

/// 26 letters of base32 for 128 bits, most significant first.
fn encode(uuid: Uuid) -> [u8; 26] {
    let mut rest = uuid.as_u128();
    let mut letters = [0; 26];
    for letter in letters.iter_mut().rev() {
        *letter = ALPHABET[(rest & 31) as usize];
        rest >>= 5;
    }
    letters
}

fn decode(text: &str) -> Option<Uuid> {
    let bytes = text.as_bytes();
    if bytes.len() != 26 || bytes[0] > b'7' {
        return None;
    }
    let mut value = 0;
    for byte in bytes {
        let letter = VALUES[usize::from(*byte)];
        if letter == 255 {
            return None;
        }
        value = value << 5 | u128::from(letter);
    }
    Some(Uuid::from_u128(value))
}

fn write(f: &mut std::fmt::Formatter<'_>, prefix: &str, uuid: Uuid) -> std::fmt::Result {
    f.write_str(prefix)?;
    f.write_str(std::str::from_utf8(&encode(uuid)).map_err(|_| std::fmt::Error)?)
}

/// Reads an id from text as it lies there, without a copy of it.
struct Text<T>(std::marker::PhantomData<T>);

impl<T: std::str::FromStr<Err = super::Error>> serde::de::Visitor<'_> for Text<T> {
    type Value = T;
    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an id")
    }
    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(|error: super::Error| E::custom(error.detail))
    }
}

/// What all ids can do; lets the database bind and read them.
pub trait Id: Copy + Eq {
    const PREFIX: &'static str;
    fn from_uuid(uuid: Uuid) -> Self;
    fn uuid(self) -> Uuid;
}

macro_rules! ids {
    ($($name:ident $prefix:literal $doc:literal;)*) => {$(
        #[doc = $doc]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl Id for $name {
            const PREFIX: &'static str = $prefix;
            fn from_uuid(uuid: Uuid) -> Self { Self(uuid) }
            fn uuid(self) -> Uuid { self.0 }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write(f, concat!($prefix, "_"), self.0)
            }
        }
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { std::fmt::Display::fmt(self, f) }
        }
        impl std::str::FromStr for $name {
            type Err = super::Error;
            fn from_str(text: &str) -> super::Result<Self> {
                text.strip_prefix(concat!($prefix, "_")).and_then(decode).map(Self).ok_or_else(|| {
                    super::Error::invalid("invalid_id", concat!("Expected an id that starts with ", $prefix, "_ and has 26 characters after it."))
                })
            }
        }
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> { serializer.collect_str(self) }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Text(std::marker::PhantomData))
            }
        }
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .description(Some($doc))
                    .pattern(Some(concat!("^", $prefix, "_[0-7][0-9a-hjkmnp-tv-z]{25}$")))
                    .into()
            }
        }
        impl utoipa::ToSchema for $name {}
    )*};
}

ids! {
    ShopId "shop" "A shop: the tenant.";
    StaffId "stf" "Someone who works in the studio.";
    KeyId "key" "An API key.";
    ProductId "prd" "A product.";
    VariantId "var" "A sellable option of a product.";
    ClipId "clp" "A clip.";
    AnchorId "anc" "A timed anchor on a clip.";
    LocationId "loc" "A place that holds stock.";
    ReservationId "rsv" "A claim on stock.";
    PartyId "pty" "Anyone who is paid.";
    ContractId "ctr" "A split contract.";
    ZoneId "zon" "A delivery zone.";
    MethodId "dlv" "A delivery method.";
    CheckoutId "chk" "A buyer's attempt; chosen by the client.";
    OrderId "ord" "An order; derived from its checkout.";
    IntentId "int" "A wish to be paid.";
    AttemptId "att" "One try at one processor.";
    StoredMethodId "smt" "A card a buyer had kept.";
    CaptureId "cap" "Money taken.";
    RefundId "ref" "Money given back.";
    DisputeId "dsp" "A dispute of a payment.";
    AdjustmentId "adj" "A change after the sale.";
    ShipmentId "shp" "A parcel.";
    ReturnId "rtn" "Things that come back, after a buyer withdrew.";
    ErasureId "era" "A buyer's wish to be erased; chosen by the client.";
    ExchangeId "exc" "Something comes back, and something else leaves for it.";
    PriceMatchId "pmt" "A difference that is given back to all earlier buyers.";
    DropId "drp" "A drop: a limited sale in a window.";
    PriceRuleId "prr" "A price rule of a drop.";
    EarlyLinkId "erl" "A link that lets people into a drop earlier.";
    ContactId "dct" "Somebody who asked for a letter of a drop.";
    PreorderId "pre" "Units that are sold before they are there.";
    TurnId "trn" "A turn in a drop's waiting room.";
    WaitId "wai" "A place on a drop's waitlist.";
    DiscountId "dsc" "A discount.";
    GiftCardId "gft" "A gift card.";
    GiftCardMoveId "gcm" "Something that happened to a gift card.";
    SettlementFileId "sfl" "A file in which a processor says what it settled.";
    SettlementLineId "sln" "A line of a settlement file, or what none of them says.";
    TransferId "tfr" "A ledger movement.";
    AccountId "acc" "A ledger account.";
    VisitId "vis" "A viewer's visit.";
    FactId "fct" "Something that happened, in the outbox.";
    EventId "evt" "Something a player saw.";
    MailId "mal" "A message to send.";
    WebhookEndpointId "whe" "An address that hears of events.";
    WebhookEventId "msg" "An event as webhooks tell it; stays the same however often it is sent.";
    WebhookDeliveryId "whd" "An event on its way to an endpoint.";
}

impl CheckoutId {
    /// The order a checkout becomes: derived, so that money without an order can always be matched.
    pub fn order(self) -> OrderId {
        OrderId(self.0)
    }
    /// The one intent of a checkout.
    pub fn intent(self) -> IntentId {
        IntentId(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_what_they_write_and_refuse_the_rest() {
        let id = ShopId::from_uuid(Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0001));
        assert_eq!(id.to_string().parse::<ShopId>().unwrap(), id);
        assert_eq!(id.to_string().len(), "shop_".len() + 26);
        for bad in [
            "",
            "shop_",
            "ord_01h455vb4pex5vsknk084sn02q",
            "shop_81h455vb4pex5vsknk084sn02q",
            "shop_01H455VB4PEX5VSKNK084SN02Q",
        ] {
            assert!(bad.parse::<ShopId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_type_id_reference_vector_holds() {
        // The `valid.yml` vector of the TypeID specification.
        let uuid = Uuid::parse_str("0110c853-1d09-52d8-d73e-1194e95b5f19").unwrap();
        assert_eq!(&encode(uuid), b"0123456789abcdefghjkmnpqrs");
    }
}
