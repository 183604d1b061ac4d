//! Who is on the other end of the wire, as far as it can be trusted.

use std::net::{IpAddr, Ipv4Addr};

use actix_web::HttpRequest;
use actix_web::dev::RequestHead;
use actix_web::http::header::USER_AGENT;

use crate::config::Config;

/// Stands with a connection that is encrypted; most are not, and carry nothing.
#[derive(Debug, Clone, Copy)]
pub struct Encrypted;

/// The client's address: the peer's, or, behind a trusted proxy, the rightmost address of
/// `X-Forwarded-For` that is no trusted proxy itself.
pub fn client_address(request: &HttpRequest, config: &Config) -> IpAddr {
    address_of(request.head(), config)
}

/// As [`client_address`], of a request that no App has seen.
pub fn address_of(head: &RequestHead, config: &Config) -> IpAddr {
    let peer = head
        .peer_addr
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip().to_canonical());
    if !config.is_trusted_proxy(peer) {
        return peer;
    }
    let forwarded = head.headers().get_all("x-forwarded-for");
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
    let here = request.conn_data::<Encrypted>().is_some();
    let peer = request.peer_addr().map(|address| address.ip().to_canonical());
    here || (peer.is_some_and(|peer| config.is_trusted_proxy(peer))
        && request
            .headers()
            .get("x-forwarded-proto")
            .is_some_and(|proto| proto.as_bytes().eq_ignore_ascii_case(b"https")))
}

/// The client's name for itself, cut to 256 characters.
pub fn user_agent(request: &HttpRequest) -> String {
    agent_of(request.head())
}

/// As [`user_agent`], of a request that no App has seen.
pub fn agent_of(head: &RequestHead) -> String {
    let agent = head.headers().get(USER_AGENT).and_then(|value| value.to_str().ok());
    let agent = agent.unwrap_or_default();
    let end = agent.char_indices().nth(256).map_or(agent.len(), |(end, _)| end);
    agent[..end].to_owned()
}
