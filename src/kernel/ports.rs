//! What the program needs from the world. Each port has a real implementation and one the tests or the simulator drive.

use super::{Id, Time};
use std::time::Duration;
use uuid::Uuid;

/// Wall and monotonic time. Only the lanes read it; domain code asks its `Tx`.
pub trait Clock: Send + Sync {
    fn wall(&self) -> Time;
    /// Time since an arbitrary start; never goes back.
    fn monotonic(&self) -> Duration;
}

/// Where ids, tokens and seeds come from.
pub trait Random: Send + Sync {
    /// Fills `bytes` from a cryptographic source (or from the simulator's seed).
    fn fill(&self, bytes: &mut [u8]);
}

impl dyn Random + '_ {
    /// A new time-ordered id.
    pub fn id<T: Id>(&self, at: Time) -> T {
        let mut bytes = [0u8; 10];
        self.fill(&mut bytes);
        let millis = u64::try_from(at.0 / 1000).unwrap_or(0);
        T::from_uuid(uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid())
    }
    /// 256 random bits as URL-safe text: a session, a client secret, an API key.
    pub fn token(&self) -> String {
        use base64::Engine;
        let mut bytes = [0u8; 32];
        self.fill(&mut bytes);
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
    }
    /// A random UUID, for batches and lease owners.
    pub fn uuid(&self) -> Uuid {
        let mut bytes = [0u8; 16];
        self.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
}

/// A message that is ready to leave.
#[derive(Clone, Debug)]
pub struct Mail {
    pub id: super::MailId,
    pub from: String,
    pub to: String,
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// Why a message did not leave.
#[derive(Debug)]
pub enum MailError {
    /// The address or the message was refused for good.
    Refused(String),
    /// Try again later.
    Unreachable(String),
}

/// Sends mail. Blocking: it runs on a delivery thread, never inside a command.
pub trait Mailer: Send + Sync {
    fn send(&self, mail: &Mail) -> Result<(), MailError>;
    /// What a mailer that is its own mailbox holds, newest first; real ones hold nothing.
    fn arrived(&self) -> Vec<(Time, Mail)> {
        Vec::new()
    }
}
