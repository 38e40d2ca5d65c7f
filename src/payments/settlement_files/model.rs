//! A file, a line, and what a line can be about: types and pure rules.

use crate::kernel::{CheckoutId, Currency, Money, SettlementFileId, SettlementLineId, ShopId, StaffId, Time};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

crate::words! {
    /// Whose way of writing a file it is. The sandbox writes Stripe's.
    pub enum Format {
        /// Stripe's itemized payout reconciliation report.
        Stripe = "stripe",
        /// Adyen's settlement details report.
        Adyen = "adyen",
    }
}

crate::words! {
    /// How far a file is.
    pub enum FileState {
        /// Its lines are being kept. What a crash leaves in this state is thrown away, and the file can be sent again.
        Receiving = "receiving",
        /// Its lines are looked at, part after part.
        Matching = "matching",
        /// All lines are; now what no file has named is looked for.
        Looking = "looking",
        Done = "done",
    }
}

crate::words! {
    /// What a line is about.
    pub enum LineKind {
        Charge = "charge",
        Refund = "refund",
        /// Money of a refund that came back, because it did not arrive.
        RefundFailed = "refund_failed",
        Dispute = "dispute",
        /// Money of a dispute that came back.
        DisputeWon = "dispute_won",
        /// A fee of the account, of no sale.
        Fee = "fee",
        /// Sent to the shop's bank, or come back from there.
        Payout = "payout",
        /// Carried from one payout to the next: nothing moves.
        Carried = "carried",
        Other = "other",
    }
}

crate::words! {
    /// What became of a line.
    pub enum LineState {
        /// It agrees with one of ours.
        Matched = "matched",
        /// Of no sale, and booked as it stands.
        Booked = "booked",
        /// Nothing follows from it.
        Noted = "noted",
        /// A person has to say something.
        Open = "open",
        /// A person agreed: what is different is in the ledger.
        Accepted = "accepted",
        /// A person left it, with a reason. Nothing was booked.
        Left = "left",
        /// What was missing came after all.
        Resolved = "resolved",
    }
}

crate::words! {
    /// Why a line is an exception.
    pub enum Trouble {
        None = "",
        /// They have it, and we do not.
        Extra = "extra",
        /// We have it, and no file of theirs names it although later ones came.
        Missing = "missing",
        /// The amounts differ.
        Amount = "amount",
        /// It is in another currency than ours.
        Currency = "currency",
        /// They kept far more or less than we expected.
        Fee = "fee",
        /// What it names was named before.
        Duplicate = "duplicate",
    }
}

impl LineKind {
    pub fn is_dispute(self) -> bool {
        matches!(self, Self::Dispute | Self::DisputeWon)
    }
}

/// A line of a file in our words, before anything was made of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Its line number in the file, from 1; the header is the first.
    pub number: u32,
    /// What makes it this line: the same in every file that brings it.
    pub name: String,
    pub kind: LineKind,
    /// The processor's own word for its kind.
    pub word: String,
    /// The processor's name of the payment; empty where there is none.
    pub payment: String,
    /// And of what was done with it, as far as we could know it.
    pub operation: String,
    /// Whether our name for the operation has to be this one: then no other of the payment's is taken in its place.
    pub names_operation: bool,
    pub sold: Amount,
    /// What it changes of what the processor owes.
    pub net: Amount,
    /// What was kept of it, in the currency of `net`.
    pub fee_minor: i64,
    pub at: Option<Time>,
}

/// Money that may be below zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    pub minor: i64,
    pub currency: Currency,
}

impl From<Amount> for Money {
    fn from(amount: Amount) -> Self {
        Self::new(amount.minor, amount.currency)
    }
}

impl Line {
    /// Of what it says; not of where it stands, or of how a report writes its times.
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let (sold, net) = (self.sold, self.net);
        let says = [
            self.kind.word(),
            &self.word,
            &self.payment,
            &self.operation,
            &sold.minor.to_string(),
            sold.currency.code(),
            &net.minor.to_string(),
            net.currency.code(),
            &self.fee_minor.to_string(),
        ];
        for text in says {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        hash.finalize().into()
    }

    /// What was kept of it, in the currency of the sale. None: it has no rate.
    pub fn fee_as_sold(&self) -> Option<i64> {
        self.as_sold(self.fee_minor)
    }

    /// An amount of the currency it is settled in, in that of the sale: by the rate that the line itself says, rounded to the unit. None: it has no rate.
    pub fn as_sold(&self, minor: i64) -> Option<i64> {
        if self.sold.currency == self.net.currency {
            return Some(minor);
        }
        let gross = i128::from(self.net.minor) + i128::from(self.fee_minor);
        if gross == 0 || (gross < 0) != (self.sold.minor < 0) {
            return None;
        }
        let (gross, sold) = (gross.abs(), i128::from(self.sold.minor).abs());
        let wide = i128::from(minor) * sold;
        i64::try_from((2 * wide + gross).div_euclid(2 * gross)).ok()
    }
}

/// A report as its translator reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub format: Format,
    /// The processor's names of the payouts in it, in the order of the file.
    pub batches: Vec<String>,
    pub lines: Vec<Line>,
}

/// A file that was sent to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettlementFile {
    pub id: SettlementFileId,
    pub shop: ShopId,
    pub processor: String,
    pub format: Format,
    pub name: String,
    pub batches: String,
    pub state: FileState,
    pub lines: u32,
    /// Lines that were looked at.
    pub worked: u32,
    /// Of which another file, or another line of this one, had said the same.
    pub again: u32,
    pub matched: u32,
    pub booked: u32,
    pub excepted: u32,
    /// Sales of ours that no file has named.
    pub missing: u32,
    pub from: Option<Time>,
    pub till: Option<Time>,
    /// The last capture that was looked at, while it looks for what is missing.
    pub looked: Option<Uuid>,
    pub staff: Option<StaffId>,
    pub created_at: Time,
    pub done_at: Option<Time>,
}

/// A line that was written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettlementLine {
    pub id: SettlementLineId,
    pub shop: ShopId,
    pub file: SettlementFileId,
    pub processor: String,
    /// What makes it this line: the processor's own name for it, or what it says.
    pub name: String,
    /// Its number in the file that brought it first; 0: it is missing in all of them.
    pub number: u32,
    pub kind: LineKind,
    pub word: String,
    pub payment: String,
    pub operation: String,
    pub sold: Money,
    pub net: Money,
    pub fee_minor: i64,
    pub at: Option<Time>,
    pub state: LineState,
    pub trouble: Trouble,
    /// The capture, refund or dispute of ours it is about.
    pub ours: Option<Uuid>,
    pub checkout: Option<CheckoutId>,
    pub ours_minor: i64,
    pub ours_fee_minor: i64,
    pub ours_currency: Option<Currency>,
    pub reason: String,
    pub staff: Option<StaffId>,
    pub decided_at: Option<Time>,
    pub created_at: Time,
}

impl SettlementLine {
    /// What ours is in; where it is about none of ours, what was sold is in.
    pub fn ours_currency(&self) -> Currency {
        self.ours_currency.unwrap_or(self.sold.currency)
    }
}

/// One of ours that a line may be about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ours {
    pub id: Uuid,
    pub checkout: CheckoutId,
    /// The processor's name of it, if it told us; of a capture at Stripe, our own key.
    pub name: String,
    pub minor: i64,
    pub currency: Currency,
    /// What we expected to be kept of it, and booked.
    pub fee_minor: i64,
    /// Of a dispute, the same in the currency that the line is settled in: the processor had told it, and it was booked in that currency.
    pub told_minor: i64,
    /// A line is about it already.
    pub is_taken: bool,
}

/// Which of ours a line is about, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pick {
    One(Ours, Trouble),
    /// All that it could be about were named before.
    Taken,
    Nothing,
}

/// A fee may be off by so much of the amount, or by so many minor units, before a person is asked: a fiftieth, or fifty.
const OFF_PART: i64 = 50;
const OFF_MINOR: i64 = 50;

/// Finds what a line is about: what it names; else, of the payment's, the first of its amount that no line was about.
pub fn pick(line: &Line, all: &[Ours]) -> Pick {
    let named: Vec<&Ours> = all
        .iter()
        .filter(|ours| !line.operation.is_empty() && ours.name == line.operation)
        .collect();
    let among: Vec<&Ours> = match named.is_empty() {
        true if line.names_operation => all.iter().filter(|ours| ours.name.is_empty()).collect(),
        true => all.iter().collect(),
        false => named,
    };
    let minor = line.sold.minor.abs();
    let agrees = |ours: &&&Ours| ours.minor == minor && ours.currency == line.sold.currency;
    let free = |ours: &&&Ours| !ours.is_taken;
    if let Some(ours) = among.iter().filter(free).find(agrees) {
        return Pick::One((*ours).clone(), fee_trouble(line, ours));
    }
    if among.iter().any(|ours| agrees(&ours)) {
        return Pick::Taken;
    }
    match among.iter().find(free) {
        Some(ours) if ours.currency == line.sold.currency => Pick::One((*ours).clone(), Trouble::Amount),
        Some(ours) => Pick::One((*ours).clone(), Trouble::Currency),
        None if among.is_empty() => Pick::Nothing,
        None => Pick::Taken,
    }
}

fn fee_trouble(line: &Line, ours: &Ours) -> Trouble {
    let Some(fee) = line.fee_as_sold() else {
        return Trouble::Currency;
    };
    let off = (fee - ours.fee_minor).abs();
    // Not every processor tells what a dispute costs before its file does: then nothing was expected, rather than something else.
    let untold = line.kind.is_dispute() && ours.told_minor == 0;
    let is_small = untold || off <= OFF_MINOR || off.saturating_mul(OFF_PART) <= ours.minor;
    if (fee < 0 && off > 0) || !is_small {
        Trouble::Fee
    } else {
        Trouble::None
    }
}
