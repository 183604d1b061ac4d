//! Who is on the other end of the wire, as far as it can be trusted.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use actix_web::HttpRequest;

use crate::config::Config;

/// Facts about a connection, noted when it was accepted.
#[derive(Debug, Clone, Copy)]
pub struct Wire {
    pub peer: Option<SocketAddr>,
    /// Where it was accepted.
    pub local: Option<SocketAddr>,
    /// Whether TLS ends here.
    pub is_tls: bool,
}

/// The client's address: the peer's, or, behind a trusted proxy, the rightmost address of
/// `X-Forwarded-For` that is no trusted proxy itself.
pub fn client_address(request: &HttpRequest, config: &Config) -> IpAddr {
    let peer = request
        .peer_addr()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip().to_canonical());
    if !config.is_trusted_proxy(peer) {
        return peer;
    }
    let forwarded = request.headers().get_all("x-forwarded-for");
    let hops: Vec<&str> = forwarded
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .collect();
    for hop in hops.into_iter().rev() {
        let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
        if !config.is_trusted_proxy(address) {
            return address;
        }
    }
    peer
}

/// Whether the client's own connection is encrypted: here, or at a trusted proxy that says so.
pub fn is_secure(request: &HttpRequest, config: &Config) -> bool {
    let here = request.conn_data::<Wire>().is_some_and(|wire| wire.is_tls);
    let peer = request.peer_addr().map(|address| address.ip().to_canonical());
    here || (peer.is_some_and(|peer| config.is_trusted_proxy(peer))
        && request
            .headers()
            .get("x-forwarded-proto")
            .is_some_and(|proto| proto.as_bytes().eq_ignore_ascii_case(b"https")))
}

/// The client's name for itself, cut to 256 bytes.
pub fn user_agent(request: &HttpRequest) -> String {
    let agent = request.headers().get("user-agent").and_then(|value| value.to_str().ok());
    let agent = agent.unwrap_or_default();
    agent.chars().take(256).collect()
}
