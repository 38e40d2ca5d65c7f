//! The bell by PostgreSQL: LISTEN and NOTIFY on a connection of its own.

use super::Bell;
use crate::db::pg;
use crate::kernel::Result;
use futures_util::future::poll_fn;
use tokio_postgres::AsyncMessage;

/// Carries until the connection is lost.
pub(super) async fn carry(bell: &Bell, url: &str) -> Result<()> {
    let (client, mut connection) = pg::dial(&pg::settings(url)?).await?;
    let (said, mut says) = tokio::sync::mpsc::unbounded_channel();
    // The client's answers come through the connection too, so it is driven beside everything else.
    let driven = async {
        loop {
            match poll_fn(|context| connection.poll_message(context)).await {
                Some(Ok(AsyncMessage::Notification(one))) => {
                    drop(said.send((one.process_id(), one.payload().to_owned())))
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(pg::failed(error)),
                None => return Ok(()),
            }
        }
    };
    let talked = async {
        client.batch_execute("listen hawker").await.map_err(pg::failed)?;
        let own = client
            .query_one("select pg_backend_pid()", &[])
            .await
            .map_err(pg::failed)?;
        let own: i32 = own.try_get(0).map_err(pg::failed)?;
        bell.carried();
        // Kept across turns: others who ring all the time must not put off what we have to say.
        let mut words = std::pin::pin!(bell.words());
        loop {
            tokio::select! {
                said = words.as_mut() => {
                    words.set(bell.words());
                    client.execute("select pg_notify('hawker', $1)", &[&said]).await.map_err(pg::failed)?;
                }
                Some((from, names)) = says.recv() => {
                    if from != own {
                        bell.hear(&names);
                    }
                }
            }
        }
    };
    tokio::select! {
        ended = driven => ended,
        ended = talked => ended,
    }
}
