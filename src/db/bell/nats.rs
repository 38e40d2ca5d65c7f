//! The bell by NATS: one subject an installation, plain messages, nothing kept.

use super::{Bell, nats_servers};
use crate::kernel::{Error, Result};
use async_nats::connection::State;
use async_nats::{ConnectOptions, Event};
use futures_util::StreamExt;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// No sign of life for two of these is a lost connection.
const PING: Duration = Duration::from_secs(10);

/// Carries until the connection is lost; whoever called connects again.
pub(super) async fn carry(bell: &Bell, servers: &str, subject: &str) -> Result<()> {
    let failed = |what: &'static str| Error::internal(what);
    let ended = CancellationToken::new();
    let lost = ended.clone();
    let client = ConnectOptions::new()
        .name("hawker")
        .no_echo()
        .ping_interval(PING)
        .connection_timeout(Duration::from_secs(5))
        .max_reconnects(1)
        .event_callback(move |event| {
            let lost = lost.clone();
            async move {
                if matches!(event, Event::Disconnected | Event::Closed) {
                    lost.cancel();
                }
            }
        })
        .connect(nats_servers(servers)?)
        .await
        .map_err(|error| failed("NATS cannot be reached").because(error))?;
    let mut heard = client
        .subscribe(subject.to_owned())
        .await
        .map_err(|error| failed("NATS lets nobody listen").because(error))?;
    client
        .flush()
        .await
        .map_err(|error| failed("NATS did not answer").because(error))?;
    bell.carried();
    // Kept across turns: others who ring all the time must not put off what we have to say.
    let mut words = std::pin::pin!(bell.words());
    loop {
        tokio::select! {
            said = words.as_mut() => {
                words.set(bell.words());
                if client.connection_state() != State::Connected {
                    return Err(failed("NATS was lost"));
                }
                client
                    .publish(subject.to_owned(), said.into())
                    .await
                    .map_err(|error| failed("NATS was lost").because(error))?;
            }
            message = heard.next() => match message {
                Some(message) => bell.hear(&String::from_utf8_lossy(&message.payload)),
                None => return Err(failed("NATS was lost")),
            },
            () = ended.cancelled() => return Err(failed("NATS was lost")),
        }
    }
}
