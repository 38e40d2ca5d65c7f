//! The demo's mail server: nothing leaves the machine, everything can be read at `/mailbox`.

use super::store;
use crate::app::App;
use crate::kernel::{Clock, Mail, MailError, MailId, Mailer, Result, Time};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Letters shown at once; older ones are in the database, and nobody scrolls that far in a demo.
const SHOWN: usize = 100;

/// A mail that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub id: MailId,
    pub to: String,
    pub subject: String,
    pub text: String,
    pub at: Time,
}

/// Takes every mail. Those that are in no table (sign-in links, which are nowhere stored in the clear) live in memory and end with it.
pub struct Mailbox {
    clock: Arc<dyn Clock>,
    arrived: Mutex<VecDeque<(Time, Mail)>>,
}

impl Mailbox {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            arrived: Mutex::default(),
        }
    }
}

impl Mailer for Mailbox {
    fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        arrived.retain(|(_, other)| other.id != mail.id); // Sent again after a crash: one letter.
        arrived.push_front((self.clock.wall(), mail.clone()));
        arrived.truncate(SHOWN);
        Ok(())
    }

    fn arrived(&self) -> Vec<(Time, Mail)> {
        self.arrived
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .cloned()
            .collect()
    }
}

/// Everything in the demo's mailbox, newest first: what this process took, and the letters of earlier runs.
pub async fn mailbox(app: &App) -> Result<Vec<Kept>> {
    let most = i64::try_from(SHOWN).unwrap_or(i64::MAX);
    let stored = app.db.read(move |tx| store::newest_sent(tx, most)).await?;
    let arrived = app.mailer.arrived().into_iter();
    let mut mails: Vec<Kept> = arrived
        .map(|(at, mail)| Kept {
            id: mail.id,
            to: mail.to,
            subject: mail.subject,
            text: mail.text,
            at,
        })
        .collect();
    for row in stored {
        if mails.iter().all(|mail| mail.id != row.id) {
            mails.push(row);
        }
    }
    mails.sort_by_key(|mail| std::cmp::Reverse((mail.at, mail.id)));
    mails.truncate(SHOWN);
    Ok(mails)
}
