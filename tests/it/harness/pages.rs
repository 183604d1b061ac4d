//! Pages of another host: served from a port of their own, as front ends of older systems are.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What the pages are.
const PAGES: &[(&str, &str)] = &[
    ("lobby", include_str!("../../fixtures/pages/lobby.html")),
    ("messenger", include_str!("../../fixtures/pages/messenger.html")),
    ("classroom", include_str!("../../fixtures/pages/classroom.html")),
];

/// A running host of pages.
pub struct Pages {
    pub address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Pages {
    /// Begins to serve.
    pub async fn serve() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream));
            }
        });
        Self { address, serving }
    }

    /// The path of a page that talks to this server.
    pub fn path(&self, name: &str, server: SocketAddr) -> String {
        format!("/{name}?server={server}")
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(mut stream: TcpStream) {
    let mut head = Vec::new();
    let mut part = [0_u8; 4_096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut part).await {
            Ok(read) if read > 0 => head.extend_from_slice(&part[..read]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head);
    let name = head.split(['/', '?', ' ']).nth(2).unwrap_or_default();
    let page = PAGES.iter().find(|(known, _)| *known == name);
    let (status, body) = page.map_or(("404 Not Found", ""), |(_, body)| ("200 OK", *body));
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    // A browser that went away wants no answer.
    drop(stream.write_all(answer.as_bytes()).await);
}
