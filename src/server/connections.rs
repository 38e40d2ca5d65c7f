//! The accept loop: a bound on connections, a limit on slow headers, and a graceful end.

use crate::app::App;
use crate::operating::Meters;
use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::ServiceExt;

/// Connections at once; further ones wait in the kernel's queue. Half of them may be pages that follow stock for as long as they are looked at.
const CONNECTIONS: usize = 20_000;
/// For the head of a request to arrive, and for an idle connection to say something.
const HEAD: Duration = Duration::from_secs(30);
/// For open requests to end after the server was told to stop.
const LAST_ANSWERS: Duration = Duration::from_secs(20);
/// Bytes a connection may have in its read buffer: heads beyond it are refused.
const BUFFER: usize = 64 << 10;

/// Serves connections until `stop` resolves and the open ones have had their answers.
pub async fn accept(app: &App, listener: TcpListener, router: Router, stop: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let meters = app.kept::<Meters>();
    tokio::pin!(stop);
    loop {
        let place = tokio::select! {
            place = places.clone().acquire_owned() => place.expect("the semaphore is never closed"),
            () = &mut stop => break,
        };
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: those in use come back.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = &mut stop => break,
        };
        let connection = serve_one(stream, peer, router.clone());
        let watched = graceful.watch(connection);
        let meters = meters.clone();
        tokio::spawn(async move {
            meters.connections.fetch_add(1, Ordering::Relaxed);
            if let Err(error) = watched.await {
                tracing::debug!(%error, "a connection ended early");
            }
            meters.connections.fetch_sub(1, Ordering::Relaxed);
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(LAST_ANSWERS, graceful.shutdown()).await.is_err() {
        tracing::warn!("some connections did not end in time");
    }
}

fn serve_one(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> {
    // Answers are small and whole: waiting to fill packets only adds time.
    drop(stream.set_nodelay(true));
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request)
    });
    hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), service)
}
