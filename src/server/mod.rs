//! The server: one listener, layers around the routes, and an orderly end.
//!
//! Tables: none. Always true: every request has a time limit, every body a size limit, every connection a place in a bounded set; a panic is a
//! 500 and fails nobody else; when told to stop, what was begun is finished before the databases close.
//! TLS is a proxy's business: this speaks plain HTTP/1.1 behind it.

mod connections;
mod layers;
mod process;

pub use connections::accept;
pub use process::{raise_descriptors, use_small_pages};

use crate::app::App;
use crate::http::Stopping;
use crate::jobs;
use crate::kernel::{Error, Result};
use axum::Router;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, lookup_host};

/// How long open requests, jobs and stories in acts may take to end.
const DRAIN: Duration = Duration::from_secs(30);

/// The whole program as one service: routes and layers.
pub fn router(app: &App) -> Router {
    layers::around(crate::routes::router(), app).with_state(app.clone())
}

/// Connections the kernel keeps for us until we take them: whoever comes beyond them in one instant tries again after a second.
const BACKLOG: u32 = 4_096;

/// Opens the listener. Errors: the address is taken or not ours.
pub async fn bind(address: &str) -> Result<TcpListener> {
    listen(address).await.map_err(|error| {
        Error::internal(format!(
            "cannot listen on {address}: {error}. Is another server running there?"
        ))
    })
}

async fn listen(address: &str) -> std::io::Result<TcpListener> {
    let mut last = std::io::Error::new(std::io::ErrorKind::InvalidInput, "this names no address");
    for address in lookup_host(address).await? {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        // A server that was just stopped leaves connections behind that are nobody's.
        socket.set_reuseaddr(true)?;
        match socket.bind(address).and_then(|()| socket.listen(BACKLOG)) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Serves until `stop` resolves; then takes no more connections, finishes what was begun, and closes the databases.
pub async fn serve(app: App, listener: TcpListener, stop: impl Future<Output = ()>) -> Result<()> {
    jobs::start(&app);
    for (sandbox, notices) in crate::open::sandbox_notices(&app) {
        let (hearing, end) = (app.clone(), app.kept::<Stopping>().0.clone());
        app.tasks.spawn(async move {
            tokio::select! {
                () = crate::checkout::listen(hearing, sandbox, notices) => {}
                () = end.cancelled() => {}
            }
        });
    }
    let stopping = app.kept::<Stopping>().0.clone();
    accept(&app, listener, router(&app), async move {
        stop.await;
        tracing::info!("stopping: finishing what was begun");
        stopping.cancel();
    })
    .await;
    app.tasks.close();
    if tokio::time::timeout(DRAIN, app.tasks.wait()).await.is_err() {
        tracing::warn!("some stories did not end in time; jobs finish them after the next start");
    }
    let closed = tokio::task::spawn_blocking(move || {
        app.db.shut_down();
        app.events.shut_down();
    });
    closed
        .await
        .map_err(|error| Error::internal("the databases could not be closed").because(error))
}
