//! Writing a letter down, in the transaction of what it tells.

use super::model::{LETTERS_A_DAY, NewMail, one_line};
use super::store;
use crate::db::Tx;
use crate::kernel::Result;
use sha2::{Digest, Sha256};

/// What became of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// It will be sent.
    Queued,
    /// It was written before; nothing changed.
    Again,
    /// There is no address to send it to.
    NoAddress,
    /// The address had enough letters today. It is kept as refused, for the shop to see.
    OverBudget,
}

/// Writes a letter. Order of answers: no address, again, over budget, queued.
pub fn queue(tx: &mut Tx<'_>, mail: &NewMail) -> Result<Queue> {
    let to = mail.to.trim();
    if to.is_empty() {
        return Ok(Queue::NoAddress);
    }
    let mail = NewMail {
        to: to.to_owned(),
        subject: one_line(&mail.subject),
        ..mail.clone()
    };
    let recipient_hash: [u8; 32] = Sha256::digest(to.to_lowercase().as_bytes()).into();
    let today = tx.now().unix_seconds().div_euclid(86_400);
    let may = store::take_budget(tx, today, recipient_hash, LETTERS_A_DAY)?;
    let refused = (!may).then_some("This address had enough letters for today.");
    let id = tx.id();
    if store::insert(tx, id, &mail, refused)? {
        return Ok(if may { Queue::Queued } else { Queue::OverBudget });
    }
    if may {
        store::return_budget(tx, today, recipient_hash)?;
    }
    Ok(Queue::Again)
}
