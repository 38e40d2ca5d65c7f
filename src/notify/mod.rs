//! Letters to buyers: receipts and what happens to an order afterwards. And events to the shop's own programs: [`webhooks`].
//!
//! Tables: mails, mail_budgets.
//! Facts published: none.
//! Always true: a letter is written in the transaction of what it tells, so it is sent if and only if that happened; one letter of a kind for
//! one thing; a letter is leased while it is being sent, and only the holder of the newest lease may write its end; an address gets so many
//! letters a day and no more, whoever asks for them.
//! It deliberately sends at least once, with the same message id: a mail server that said yes and was not heard is asked again.

mod compose;
mod deliver;
mod drop_letters;
mod erase;
mod mailbox;
mod model;
mod preorder_letters;
mod queue;
mod return_letters;
mod smtp;
mod store;
pub mod webhooks;

#[cfg(test)]
mod tests;

pub use compose::{
    Links, exchange_asked, exchange_payable, occasions, order_canceled, order_confirmed, order_refunded, payment_lost,
    refund_failed, rest_canceled, shipment_handed_over, units_canceled, withdrawal_stated,
};
pub use deliver::{Delivered, deliver, prune};
pub use drop_letters::write_drop_letters;
pub use erase::{confirm_erasure, erase_confirmation, erase_letter, letters_about, recipients};
pub use mailbox::{Kept, Mailbox, mailbox};
pub use model::{Letter, MailKind, NewMail, Told};
pub use preorder_letters::write_preorder_letters;
pub use queue::{Queue, queue};
pub use return_letters::remind_of_returns;
pub use smtp::Smtp;
pub use store::{Waiting, letters, waiting};
