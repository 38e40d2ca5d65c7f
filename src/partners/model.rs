//! Parties and terms, and when terms add up.

use crate::kernel::{ContractId, Currency, Error, Money, MoneyOut, PartyId, Result, Time, text};
use serde::{Deserialize, Serialize};

crate::words! {
    pub enum PartyKind {
        Creator = "creator",
        Brand = "brand",
        Fulfilment = "fulfilment",
        Courier = "courier",
        Affiliate = "affiliate",
        Platform = "platform",
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    pub id: PartyId,
    pub kind: PartyKind,
    pub name: String,
    pub email: String,
    pub created_at: Time,
}

#[derive(Clone, Debug)]
pub struct NewParty {
    pub kind: PartyKind,
    pub name: String,
    pub email: String,
}

impl NewParty {
    /// Errors: `invalid_field`.
    pub fn checked(&self) -> Result<Self> {
        let email = text::optional_line("/email", &self.email, 254)?;
        let shaped = email
            .split_once('@')
            .is_some_and(|(name, host)| !name.is_empty() && host.contains('.') && !host.contains('@'));
        if !email.is_empty() && (!shaped || email.contains(' ')) {
            return Err(Error::field("/email", "This is not an e-mail address."));
        }
        Ok(Self {
            kind: self.kind,
            name: text::line("/name", &self.name, 100)?,
            email,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    pub id: ContractId,
    pub name: String,
    /// The version sales use from now on.
    pub version: i64,
    pub terms: Terms,
    pub created_at: Time,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractVersion {
    pub version: i64,
    pub terms: Terms,
    pub created_at: Time,
}

/// Who earns what of a line's net amount, read from top to bottom.
///
/// The fulfilment fee and the fixed amounts go first, as far as there is money. The platform's and the parties' portions are parts of what is
/// left then, and the remainder's party gets the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    #[serde(default)]
    pub shares: Vec<Share>,
    /// Who gets the rest.
    pub remainder: PartyId,
    /// Who bears what the processor charges.
    pub processor_fee: Bearer,
    /// The platform's portion, in basis points: 500 is 5 %.
    #[serde(default)]
    pub platform_fee_bp: u32,
    /// What the fulfilment partner gets for each unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fulfilment: Option<FulfilmentFee>,
    /// Who gets the net price of the delivery; absent: the remainder's party.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<PartyId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Share {
    pub party: PartyId,
    pub part: Part,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// In basis points: 2000 is 20 %.
    Portion(u32),
    /// An amount for each unit sold.
    Fixed(MoneyOut),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FulfilmentFee {
    pub party: PartyId,
    pub per_unit: MoneyOut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Bearer {
    /// All who have a share, in proportion to it.
    Everyone,
    Platform,
    /// Whoever gets the rest.
    Remainder,
    Party(PartyId),
}

/// Why terms cannot be agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Portions and the platform's fee come to more than the whole.
    MoreThanTheWhole {
        basis_points: u64,
    },
    /// A portion of nothing.
    EmptyPortion {
        share: usize,
    },
    /// A fixed amount below zero, or in another currency than the shop's.
    FixedAmount,
    /// Two rows of the same party and kind: one of them is a mistake.
    SaidTwice {
        share: usize,
    },
    TooManyShares,
    /// A party the shop does not have.
    UnknownParty(PartyId),
}

/// The whole, in basis points.
pub const WHOLE: u64 = 10_000;

const SHARES_MAX: usize = 20;
const FIXED_MAX: i64 = 100_000_000;

impl Terms {
    /// Everything for one party.
    pub fn all_to(party: PartyId) -> Self {
        Self {
            shares: Vec::new(),
            remainder: party,
            processor_fee: Bearer::Remainder,
            platform_fee_bp: 0,
            fulfilment: None,
            delivery: None,
        }
    }

    /// Whether the terms add up, whoever the parties are.
    pub fn fit(&self, currency: Currency) -> Result<(), Unfit> {
        if self.shares.len() > SHARES_MAX {
            return Err(Unfit::TooManyShares);
        }
        let mut sum = u64::from(self.platform_fee_bp);
        for (index, share) in self.shares.iter().enumerate() {
            match share.part {
                Part::Portion(0) => return Err(Unfit::EmptyPortion { share: index }),
                Part::Portion(portion) => sum += u64::from(portion),
                Part::Fixed(amount) => fixed_fits(amount, currency)?,
            }
            let same = |other: &Share| {
                other.party == share.party && std::mem::discriminant(&other.part) == std::mem::discriminant(&share.part)
            };
            if self.shares[..index].iter().any(same) {
                return Err(Unfit::SaidTwice { share: index });
            }
        }
        if let Some(fee) = self.fulfilment {
            fixed_fits(fee.per_unit, currency)?;
        }
        if sum > WHOLE {
            return Err(Unfit::MoreThanTheWhole { basis_points: sum });
        }
        Ok(())
    }

    /// Everyone the terms name, once each.
    pub fn parties(&self) -> Vec<PartyId> {
        let bearer = match self.processor_fee {
            Bearer::Party(party) => Some(party),
            Bearer::Everyone | Bearer::Platform | Bearer::Remainder => None,
        };
        let mut named: Vec<PartyId> = self.shares.iter().map(|share| share.party).collect();
        named.extend(
            [
                Some(self.remainder),
                self.fulfilment.map(|fee| fee.party),
                self.delivery,
                bearer,
            ]
            .into_iter()
            .flatten(),
        );
        named.sort();
        named.dedup();
        named
    }
}

fn fixed_fits(amount: MoneyOut, currency: Currency) -> Result<(), Unfit> {
    let Money { minor, currency: of } = amount.into();
    if of == currency && (1..=FIXED_MAX).contains(&minor) {
        Ok(())
    } else {
        Err(Unfit::FixedAmount)
    }
}

impl Unfit {
    /// What a person is told.
    pub fn detail(&self) -> String {
        match self {
            Self::MoreThanTheWhole { basis_points } => {
                let (whole, part) = (basis_points / 100, basis_points % 100);
                format!("The portions and the platform's fee come to {whole}.{part:02} %: lower them to 100 % or less.")
            }
            Self::EmptyPortion { share } => format!("Part {} is 0 %: give it a portion or take it out.", share + 1),
            Self::FixedAmount => "A fixed amount is more than zero and in the shop's currency.".into(),
            Self::SaidTwice { share } => format!(
                "Part {} repeats a party that already has one of this kind: add the two up.",
                share + 1
            ),
            Self::TooManyShares => "A contract has at most 20 parts.".into(),
            Self::UnknownParty(_) => "The terms name a party that this shop does not have: add it first.".into(),
        }
    }
}
