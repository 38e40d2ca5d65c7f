//! Mail over SMTP.

use super::model::one_line;
use crate::kernel::{Error, Mail, MailError, Mailer, Result};
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart};
use lettre::{SmtpTransport, Transport};
use std::time::Duration;

/// How long a mail server is waited for, in each step. Far below a letter's lease.
const PATIENCE: Duration = Duration::from_secs(15);

/// A mail server.
pub struct Smtp(SmtpTransport);

impl Smtp {
    /// From an address: `smtps://name:password@host` (TLS from the first byte), `smtp://name:password@host:587?tls=required` (STARTTLS), or
    /// `smtp://127.0.0.1:25` for a server on this machine.
    pub fn from_url(url: &str) -> Result<Self> {
        // The address holds a password: it is not repeated in the error.
        let bad = |error: lettre::transport::smtp::Error| {
            Error::invalid("invalid_mail_server", "The mail server's address cannot be read.").because(error)
        };
        Ok(Self(
            SmtpTransport::from_url(url)
                .map_err(bad)?
                .timeout(Some(PATIENCE))
                .build(),
        ))
    }
}

impl Mailer for Smtp {
    fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let message = message(mail)?;
        match self.0.send(&message) {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(MailError::Refused(error.to_string())),
            Err(error) => Err(MailError::Unreachable(error.to_string())),
        }
    }
}

/// A mail as the standards write it. The message id follows from the mail's, so a letter that is sent twice is one letter to whoever sorts
/// them. What cannot be written will never be: refused.
pub(super) fn message(mail: &Mail) -> Result<Message, MailError> {
    let refused = |what: &str| MailError::Refused(format!("The {what} is not one that mail can carry."));
    let from: Mailbox = mail.from.parse().map_err(|_| refused("sender"))?;
    let to: Mailbox = mail.to.parse().map_err(|_| refused("address"))?;
    let id = format!("<{}@{}>", mail.id, from.email.domain());
    let auto = HeaderValue::new(
        HeaderName::new_from_ascii_str("Auto-Submitted"),
        "auto-generated".to_owned(),
    );
    Message::builder()
        .from(from)
        .to(to)
        .subject(one_line(&mail.subject))
        .message_id(Some(id))
        .raw_header(auto)
        .multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))
        .map_err(|_| refused("letter"))
}
