//! Facts: what an earlier stage tells later ones. Recorded in the same transaction as the change, acted on by `flow.rs`.

use super::{AdjustmentId, CheckoutId, DisputeId, ExchangeId, OrderId, RefundId, ReturnId, ShipmentId, ShopId};
use serde::{Deserialize, Serialize};

/// Something that happened. The payload is built in the transaction; the version orders facts of one object only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// A checkout became an order.
    OrderConfirmed {
        shop: ShopId,
        order: OrderId,
        checkout: CheckoutId,
    },
    /// A parcel was handed over; its money is to be captured.
    ShipmentHandedOver {
        shop: ShopId,
        order: OrderId,
        shipment: ShipmentId,
    },
    /// Money was captured for a shipment (or at once, for digital goods).
    PaymentCaptured { shop: ShopId, order: OrderId },
    /// The money of an order is promised no longer, and not all of it was taken: the buyer is asked to pay again.
    PaymentLost {
        shop: ShopId,
        order: OrderId,
        /// So many were made by then: which loss of the order's it is.
        tries: u32,
    },
    /// A payment was promised anew, and money of parcels that left before was refused: it can be taken now.
    PaymentRenewed { shop: ShopId, order: OrderId },
    /// The buyer was asked to pay again, and the time for it is over.
    PaymentOverdue { shop: ShopId, order: OrderId },
    /// An order was canceled before capture.
    OrderCanceled { shop: ShopId, order: OrderId },
    /// Units of an order were canceled before they left, and others were not.
    UnitsCanceled {
        shop: ShopId,
        order: OrderId,
        adjustment: AdjustmentId,
    },
    /// A buyer withdrew from the contract, or from a part of it.
    WithdrawalStated {
        shop: ShopId,
        order: OrderId,
        statement: ReturnId,
    },
    /// What was to come back for an exchange is here, or its return was closed.
    ExchangeReturned {
        shop: ShopId,
        order: OrderId,
        exchange: ExchangeId,
    },
    /// A buyer exchanges something, and has to send it.
    ExchangeAsked {
        shop: ShopId,
        order: OrderId,
        exchange: ExchangeId,
    },
    /// What comes back is here, and what leaves for it is dearer: the buyer has to pay the difference.
    ExchangePayable {
        shop: ShopId,
        order: OrderId,
        exchange: ExchangeId,
    },
    /// Money that was to go back to the buyer was refused by the processor, or turned back by their bank.
    RefundFailed {
        shop: ShopId,
        order: OrderId,
        refund: RefundId,
        /// In the order's currency.
        amount_minor: i64,
    },
    /// Money goes back to the buyer.
    OrderRefunded {
        shop: ShopId,
        order: OrderId,
        adjustment: AdjustmentId,
    },
    /// A buyer disputes a payment at their bank, or came back to it: an inquiry, or money that was taken back.
    DisputeOpened {
        shop: ShopId,
        order: OrderId,
        dispute: DisputeId,
    },
    /// A dispute was won or lost.
    DisputeClosed {
        shop: ShopId,
        order: OrderId,
        dispute: DisputeId,
        won: bool,
    },
}

/// The name of a fact, for metrics and logs.
pub type FactKind = &'static str;

impl Fact {
    pub fn kind(&self) -> FactKind {
        match self {
            Self::OrderConfirmed { .. } => "order_confirmed",
            Self::ShipmentHandedOver { .. } => "shipment_handed_over",
            Self::PaymentCaptured { .. } => "payment_captured",
            Self::PaymentLost { .. } => "payment_lost",
            Self::PaymentRenewed { .. } => "payment_renewed",
            Self::PaymentOverdue { .. } => "payment_overdue",
            Self::OrderCanceled { .. } => "order_canceled",
            Self::UnitsCanceled { .. } => "units_canceled",
            Self::WithdrawalStated { .. } => "withdrawal_stated",
            Self::ExchangeReturned { .. } => "exchange_returned",
            Self::ExchangeAsked { .. } => "exchange_asked",
            Self::ExchangePayable { .. } => "exchange_payable",
            Self::RefundFailed { .. } => "refund_failed",
            Self::OrderRefunded { .. } => "order_refunded",
            Self::DisputeOpened { .. } => "dispute_opened",
            Self::DisputeClosed { .. } => "dispute_closed",
        }
    }
}
