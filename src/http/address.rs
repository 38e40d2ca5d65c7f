//! Who is on the other end: the peer's address, or what a trusted proxy says it is. Nobody else is believed.

use crate::app::App;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The client's address, for limits only: it is never stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl FromRequestParts<App> for ClientAddress {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        // Without a socket (a test that calls the router directly) everybody is one caller, so limits still count.
        let peer = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip());
        Ok(Self(client(peer, &parts.headers, &app.settings.trusted_proxies)))
    }
}

/// Walks the forwarding chain from our side outwards and stops at the first address that is no proxy of ours.
pub(super) fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    let mut nearest = peer.to_canonical();
    if !trusted.contains(&nearest) {
        return nearest;
    }
    let chain = forwarded(headers);
    for claimed in chain.iter().rev() {
        let Some(address) = claimed else { return nearest }; // Nonsense in the chain: believe what stands on our side of it.
        nearest = *address;
        if !trusted.contains(&nearest) {
            return nearest;
        }
    }
    nearest
}

/// The addresses of `Forwarded` (RFC 7239) or, without it, of `X-Forwarded-For`, outermost first.
fn forwarded(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let list = |name: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .collect::<Vec<_>>()
    };
    let standard = list("forwarded");
    if standard.is_empty() {
        return list("x-forwarded-for").into_iter().map(address).collect();
    }
    let of_element = |element: &str| {
        let pair = element
            .split(';')
            .filter_map(|pair| pair.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
        address(pair.1.trim().trim_matches('"'))
    };
    standard.into_iter().map(of_element).collect()
}

/// An address with or without a port, in brackets or not.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let plain = text
        .parse()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    plain
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
        .map(|address: IpAddr| address.to_canonical())
}
