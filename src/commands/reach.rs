//! Which server a client command talks to, and as whom.

use std::net::IpAddr;

use tokio_tungstenite::tungstenite::http::Uri;

use crate::auth::secret::Secret;
use crate::commands::client::{Credential, Door};
use crate::commands::credential::Issuer;
use crate::commands::failure::Failure;
use crate::commands::line::Settings;
use crate::commands::terminal::one_line;

/// Which server, and as whom.
#[derive(Debug, Clone, clap::Args)]
pub struct Reach {
    /// The server
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8000")]
    pub url: String,
    /// An access token or API token; made here when absent and the server is on this machine
    #[arg(long, value_name = "TOKEN")]
    pub token: Option<String>,
    /// As whom to sign in when no token is given [default: the first admin]
    #[arg(long, value_name = "NAME", conflicts_with = "token")]
    pub user: Option<String>,
}

impl Reach {
    /// Finds the address and the credential.
    ///
    /// # Errors
    /// A URL that cannot be used, no token for a server elsewhere, or nobody to sign in as.
    pub fn door(&self, settings: &Settings, agent: &str) -> Result<Door, Failure> {
        let address = socket_address(&self.url)?;
        let credential = match &self.token {
            Some(token) => Credential::Given(Secret::new(token.trim())),
            None if is_loopback(&address) => {
                let config = settings.load()?;
                let issuer = Issuer::sign_in(&config, self.user.as_deref(), agent)?;
                Credential::Made(Box::new(issuer))
            }
            None => {
                return Err(Failure::new(
                    "a server on another machine needs --token; `switchboard token NAME` prints \
                     one there",
                ));
            }
        };
        Ok(Door::new(address, credential))
    }
}

/// The address of the native protocol at `url`.
fn socket_address(url: &str) -> Result<Uri, Failure> {
    let bad = || Failure(format!("--url: {:?} is not like http://127.0.0.1:8000", one_line(url)));
    let (scheme, rest) = url.split_once("://").ok_or_else(bad)?;
    let scheme = match scheme {
        "http" | "ws" => "ws",
        "https" | "wss" => "wss",
        _ => return Err(bad()),
    };
    let rest = rest.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let rest = rest.strip_suffix("/ws/v1").unwrap_or(rest);
    let address: Uri = format!("{scheme}://{rest}/ws/v1/").parse().map_err(|_| bad())?;
    address.host().filter(|host| !host.is_empty()).ok_or_else(bad)?;
    Ok(address)
}

fn is_loopback(address: &Uri) -> bool {
    let host = address.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_the_socket_is_made_of_the_servers() {
        for (url, address) in [
            ("http://127.0.0.1:8000", "ws://127.0.0.1:8000/ws/v1/"),
            ("https://chat.example.org/", "wss://chat.example.org/ws/v1/"),
            ("https://example.org/chat", "wss://example.org/chat/ws/v1/"),
            ("ws://[::1]:8000/ws/v1/", "ws://[::1]:8000/ws/v1/"),
        ] {
            assert_eq!(socket_address(url).unwrap().to_string(), address);
        }
        for bad in ["", "127.0.0.1:8000", "ftp://a", "http://", "http://a b"] {
            assert!(socket_address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_token_is_made_here_for_this_machine_only() {
        let is_here = |url: &str| is_loopback(&socket_address(url).unwrap());
        assert!(is_here("http://127.0.0.1:8000") && is_here("http://localhost"));
        assert!(is_here("http://[::1]:1") && is_here("http://127.9.9.9"));
        assert!(!is_here("http://localhost.example.org") && !is_here("http://10.0.0.1"));
    }
}
