//! The job that sends letters: takes one under a lease, hands it to the mail server, writes down what came of it.

use super::compose;
use super::model::{LEASE, Letter, next_try, short};
use super::store;
use crate::app::App;
use crate::db::Tx;
use crate::kernel::{Error, Mail, MailError, Result};

/// What a round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    pub sent: u64,
    pub put_off: u64,
    pub refused: u64,
    /// Letters whose lease was lost while they were being sent: their new holder writes their end.
    pub overtaken: u64,
}

/// Letters of one round, so that a round ends.
const ROUND: u32 = 200;
/// After so many failures in a row the mail server is left alone until the next round: each costs a time-out.
const FAILURES_MAX: u32 = 3;

/// Sends what is due. Runs in every process: a letter is leased.
///
/// A crash between the mail server's yes and ours sends the letter again, with the same message id, once the lease is over.
pub async fn deliver(app: &App) -> Result<Delivered> {
    let mut done = Delivered::default();
    let mut failures = 0;
    for _ in 0..ROUND {
        if failures == FAILURES_MAX {
            break;
        }
        let Some(letter) = app.db.background(take).await? else {
            break;
        };
        let sent = send(app, &letter).await;
        failures = if matches!(sent, Err(MailError::Unreachable(_))) {
            failures + 1
        } else {
            0
        };
        let end = End::of(sent);
        let (id, outcome) = (letter.id, end.clone());
        if app.db.background(move |tx| write_down(tx, &letter, &outcome)).await? {
            end.count(&mut done);
        } else {
            tracing::warn!(mail = %id, "a letter was taken over while it was being sent");
            done.overtaken += 1;
        }
    }
    Ok(done)
}

pub(super) fn take(tx: &mut Tx<'_>) -> Result<Option<Letter>> {
    store::take(tx, tx.now().plus(LEASE))
}

async fn send(app: &App, letter: &Letter) -> Result<(), MailError> {
    let (mailer, from, letter) = (app.mailer.clone(), app.settings.mail_from.clone(), letter.clone());
    let sent = app.db.apart(move || {
        let broken = |error: Error| MailError::Refused(error.to_string());
        mailer.send(&Mail {
            id: letter.id,
            from,
            text: compose::text(letter.kind, &letter.says).map_err(broken)?,
            html: compose::html(letter.kind, &letter.says).map_err(broken)?,
            to: letter.to,
            subject: letter.subject,
        })
    });
    sent.await
        .unwrap_or_else(|error| Err(MailError::Unreachable(error.to_string())))
}

/// How a try ended.
#[derive(Clone, Debug)]
pub(super) enum End {
    Sent,
    /// The address or the letter was refused for good.
    Refused(String),
    /// Later, if it was not tried long enough.
    Failed(String),
}

impl End {
    fn of(sent: Result<(), MailError>) -> Self {
        match sent {
            Ok(()) => Self::Sent,
            Err(MailError::Refused(why)) => Self::Refused(short(&why)),
            Err(MailError::Unreachable(why)) => Self::Failed(short(&why)),
        }
    }

    fn count(&self, done: &mut Delivered) {
        match self {
            Self::Sent => done.sent += 1,
            Self::Refused(_) => done.refused += 1,
            Self::Failed(_) => done.put_off += 1,
        }
    }
}

/// Writes the end of a try, if the letter is still ours.
pub(super) fn write_down(tx: &mut Tx<'_>, letter: &Letter, end: &End) -> Result<bool> {
    match end {
        End::Sent => store::sent(tx, letter.id, letter.lease),
        End::Refused(why) => store::refuse(tx, letter.id, letter.lease, why),
        End::Failed(why) => match next_try(tx.now(), letter.tries) {
            Some(due_at) => store::put_off(tx, letter.id, letter.lease, due_at, why),
            None => store::refuse(tx, letter.id, letter.lease, why),
        },
    }
}

/// Forgets the budgets of past days.
pub async fn prune(app: &App) -> Result<u64> {
    app.db
        .background(|tx| store::forget_budgets(tx, tx.now().unix_seconds().div_euclid(86_400) - 1, 200))
        .await
}
