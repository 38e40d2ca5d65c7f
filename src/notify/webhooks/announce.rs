//! Writing an event down, in the transaction that acts on its fact: what it says is true then, and it is sent if and only if that happened.

use super::model::{Endpoint, EndpointState, EventType, KEPT, object};
use super::store::{self, NewEvent};
use crate::checkout::{self, OrderOut};
use crate::db::Tx;
use crate::fulfilment::{self, ShipmentOut};
use crate::kernel::{
    AdjustmentId, DisputeId, Error, Fact, Id, MoneyOut, OrderId, RefundId, Result, ShipmentId, ShopId, Time,
    WebhookDeliveryId, WebhookEndpointId, WebhookEventId,
};
use crate::payments::disputes;
use serde::Serialize;
use uuid::Uuid;

/// What became of a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    /// Nobody listens, so nothing was written.
    Nobody,
    /// So many endpoints hear of it.
    Told { event: WebhookEventId, endpoints: usize },
}

/// What is sent: the body of a webhook, as Standard Webhooks 1.0 proposes it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = WebhookPayload)]
pub struct PayloadOut {
    #[serde(rename = "type")]
    #[schema(rename = "type")]
    pub kind: EventType,
    /// When it was acted on.
    pub timestamp: Time,
    pub data: DataOut,
}

/// What happened to which object, and the object as it was then.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = WebhookData)]
pub struct DataOut {
    /// `order`, `dispute`, or `webhook_endpoint` of a test.
    pub object: &'static str,
    /// Of the object.
    pub id: String,
    /// Which event about this object it is: 1, 2, 3 … without a gap. Events may arrive in another order: one with a lower version than you have seen
    /// tells of the past.
    pub version: i64,
    /// The order, as `GET /v1/orders/{order}` answered then; absent if none was born.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderOut>,
    /// The dispute, as `GET /v1/disputes/{dispute}` answered then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dispute: Option<disputes::DisputeOut>,
    /// The parcel that left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shipment: Option<ShipmentOut>,
    /// The refund, as a change of the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adjustment: Option<AdjustmentId>,
    /// The money that did not arrive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund: Option<RefundId>,
    /// What went back, or was turned back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<MoneyOut>,
    /// Its buyer was erased since, and with them all the rest: ask for the object if you need it. Absent: they were not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub erased: bool,
}

impl DataOut {
    fn of(object: &'static str, id: String, version: i64) -> Self {
        Self {
            object,
            id,
            version,
            order: None,
            dispute: None,
            shipment: None,
            adjustment: None,
            refund: None,
            amount: None,
            erased: false,
        }
    }
}

/// Tells whoever listens of a fact. In a shop without endpoints this is one look a batch. Order of answers: nobody, told.
pub fn announce(tx: &mut Tx<'_>, fact: &Fact) -> Result<Announced> {
    let Some(kind) = EventType::of(fact) else {
        return Ok(Announced::Nobody);
    };
    let (shop, about) = object(fact);
    let now = tx.now();
    let listening: Vec<Endpoint> = (store::listening(tx, shop)?.into_iter())
        .filter(|endpoint| endpoint.hears(kind) && endpoint.disabled_at.is_none_or(|at| at.plus(KEPT) > now))
        .collect();
    if listening.is_empty() {
        return Ok(Announced::Nobody);
    }
    // Numbered before it is looked at: whoever gets a higher version sees at least what this one saw.
    let version = store::next_version(tx, shop, about)?;
    let data = data(tx, fact, version)?;
    let event = write(tx, shop, about, kind, data)?;
    for endpoint in &listening {
        if endpoint.state == EndpointState::Disabled {
            store::insert_missed(tx, shop, endpoint.id, event, "The endpoint was disabled.")?;
        } else {
            store::insert_delivery(tx, shop, endpoint.id, event)?;
        }
    }
    Ok(Announced::Told {
        event,
        endpoints: listening.len(),
    })
}

/// What was told of an object, and may be told again, says only that it happened: its buyer is erased.
pub fn erase(tx: &mut Tx<'_>, shop: ShopId, object: Uuid) -> Result<()> {
    for (id, payload) in store::events_of(tx, shop, object)? {
        let broken = |error| Error::internal("an event cannot be read").because(error);
        let mut said: serde_json::Value = serde_json::from_str(&payload).map_err(broken)?;
        let data = &said["data"];
        said["data"] = serde_json::json!({
            "object": data["object"], "id": data["id"], "version": data["version"], "erased": true,
        });
        store::erase_event(tx, id, &said.to_string())?;
    }
    Ok(())
}

/// Sends a test to an endpoint, whatever it listens to. None: there is no such endpoint, or it is disabled.
pub fn send_test(tx: &mut Tx<'_>, shop: ShopId, id: WebhookEndpointId) -> Result<Option<WebhookDeliveryId>> {
    let Some(endpoint) = store::find(tx, shop, id)?.filter(|found| found.state != EndpointState::Disabled) else {
        return Ok(None);
    };
    let version = store::next_version(tx, shop, id.uuid())?;
    let data = DataOut::of("webhook_endpoint", id.to_string(), version);
    let event = write(tx, shop, id.uuid(), EventType::Test, data)?;
    store::insert_delivery(tx, shop, endpoint.id, event).map(Some)
}

fn write(tx: &mut Tx<'_>, shop: ShopId, object: Uuid, kind: EventType, data: DataOut) -> Result<WebhookEventId> {
    let id = tx.id();
    let version = data.version;
    let payload = PayloadOut {
        kind,
        timestamp: tx.now(),
        data,
    };
    let payload = serde_json::to_string(&payload)
        .map_err(|error| Error::internal("an event does not serialise").because(error))?;
    let event = NewEvent {
        id,
        shop,
        kind,
        object,
        version,
        payload: &payload,
    };
    store::insert_event(tx, &event)?;
    Ok(id)
}

/// What an event says, from what is true now.
fn data(tx: &mut Tx<'_>, fact: &Fact, version: i64) -> Result<DataOut> {
    match *fact {
        Fact::OrderConfirmed { shop, order, .. }
        | Fact::OrderCanceled { shop, order }
        | Fact::WithdrawalStated { shop, order, .. }
        | Fact::ExchangeAsked { shop, order, .. }
        | Fact::ExchangeReturned { shop, order, .. }
        | Fact::ExchangePayable { shop, order, .. }
        | Fact::PaymentCaptured { shop, order }
        | Fact::PaymentLost { shop, order, .. }
        | Fact::PaymentRenewed { shop, order }
        | Fact::PaymentOverdue { shop, order } => about_order(tx, shop, order, version),
        Fact::ShipmentHandedOver { shop, order, shipment } => Ok(DataOut {
            shipment: parcel(tx, shop, order, shipment)?,
            ..about_order(tx, shop, order, version)?
        }),
        Fact::OrderRefunded {
            shop,
            order,
            adjustment,
        }
        | Fact::UnitsCanceled {
            shop,
            order,
            adjustment,
        } => {
            let view = checkout::view(tx, shop, order)?;
            let refund = view.as_ref().and_then(|view| {
                let found = view.adjustments.iter().find(|change| change.id == adjustment)?;
                Some(view.money(found.amount_minor).into())
            });
            Ok(DataOut {
                adjustment: Some(adjustment),
                amount: refund,
                order: view.as_ref().map(OrderOut::new),
                ..DataOut::of("order", order.to_string(), version)
            })
        }
        Fact::RefundFailed {
            shop,
            order,
            refund,
            amount_minor,
        } => {
            let view = checkout::view(tx, shop, order)?;
            Ok(DataOut {
                refund: Some(refund),
                amount: view.as_ref().map(|view| view.money(amount_minor).into()),
                order: view.as_ref().map(OrderOut::new),
                ..DataOut::of("order", order.to_string(), version)
            })
        }
        Fact::DisputeOpened { shop, dispute, .. } | Fact::DisputeClosed { shop, dispute, .. } => {
            about_dispute(tx, shop, dispute, version)
        }
    }
}

fn about_order(tx: &mut Tx<'_>, shop: ShopId, order: OrderId, version: i64) -> Result<DataOut> {
    let view = checkout::view(tx, shop, order)?;
    Ok(DataOut {
        order: view.as_ref().map(OrderOut::new),
        ..DataOut::of("order", order.to_string(), version)
    })
}

fn about_dispute(tx: &mut Tx<'_>, shop: ShopId, id: DisputeId, version: i64) -> Result<DataOut> {
    let found = disputes::find(tx, shop, id)?;
    Ok(DataOut {
        dispute: found.map(disputes::DisputeOut::bare),
        ..DataOut::of("dispute", id.to_string(), version)
    })
}

fn parcel(tx: &mut Tx<'_>, shop: ShopId, order: OrderId, shipment: ShipmentId) -> Result<Option<ShipmentOut>> {
    let all = fulfilment::shipments(tx, shop, order)?;
    Ok(all.iter().find(|parcel| parcel.id == shipment).map(ShipmentOut::new))
}
