//! Uploads of 100 MB and their downloads: what they cost the server in memory and processor.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::commands::bench::Load;
use crate::commands::bench::ground::{Ground, Server};
use crate::commands::bench::meter::{Stretch, resident_bytes};
use crate::commands::bench::report::{Figure, figure};

/// The size of the file.
const FILE_BYTES: usize = 100 << 20;
/// The file that warms the server up: what it allocates once is no growth.
const WARM_BYTES: usize = 4 << 20;
/// Bytes written and read at a time.
const PIECE_BYTES: usize = 256 << 10;

#[expect(clippy::cast_precision_loss, reason = "sizes far below 2^53")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// One client: uploads a file, then reads it back.
struct Client<'a> {
    at: SocketAddr,
    pid: u32,
    token: &'a str,
    most: u64,
}

impl Client<'_> {
    fn look(&mut self) -> Result<(), String> {
        self.most = self.most.max(resident_bytes(self.pid)?);
        Ok(())
    }

    async fn begin(&self, request: &str) -> std::io::Result<TcpStream> {
        let mut stream = TcpStream::connect(self.at).await?;
        let (host, token) = (self.at, self.token);
        let head = format!(
            "{request}\r\nHost: {host}\r\nConnection: close\r\n\
             Authorization: Bearer {token}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await?;
        Ok(stream)
    }

    /// The path of the file.
    async fn upload(&mut self, size: usize) -> Result<String, String> {
        let said = |fault: std::io::Error| format!("the upload failed: {fault}");
        let head = format!("POST /api/v1/attachments HTTP/1.1\r\nContent-Length: {size}");
        let mut stream = self.begin(&head).await.map_err(said)?;
        let piece = vec![0x5a; PIECE_BYTES];
        for _ in 0..size / PIECE_BYTES {
            stream.write_all(&piece).await.map_err(said)?;
            self.look()?;
        }
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.map_err(said)?;
        let url = answer.split("\"url\":\"").nth(1).and_then(|rest| rest.split('"').next());
        url.map(str::to_owned).ok_or_else(|| {
            format!("the upload was refused: {}", answer.lines().next().unwrap_or_default())
        })
    }

    async fn download(&mut self, path: &str) -> Result<(), String> {
        let said = |fault: std::io::Error| format!("the download failed: {fault}");
        let mut stream = self.begin(&format!("GET {path} HTTP/1.1")).await.map_err(said)?;
        let (mut piece, mut all) = (vec![0; PIECE_BYTES], 0);
        loop {
            match stream.read(&mut piece).await.map_err(said)? {
                0 if all > FILE_BYTES => return Ok(()),
                0 => return Err(format!("the download ended after {all} bytes")),
                read => all += read,
            }
            self.look()?;
        }
    }
}

/// Uploads a file and reads it back, and watches the server's memory meanwhile.
///
/// # Errors
/// A sentence when the server refuses, or `/proc` cannot be read.
pub async fn upload(server: &Server, ground: &Ground, _: &Load) -> Result<Vec<Figure>, String> {
    let token = ground.token(0);
    let mut client = Client { at: server.at, pid: server.pid(), token, most: 0 };
    client.upload(WARM_BYTES).await?;
    let before = resident_bytes(client.pid)?;
    client.most = before;
    let stretch = Stretch::begin(client.pid)?;
    let path = client.upload(FILE_BYTES).await?;
    let (up, growth_up) = (stretch.end()?, client.most.saturating_sub(before));
    let stretch = Stretch::begin(client.pid)?;
    client.download(&path).await?;
    let (down, growth) = (stretch.end()?, client.most.saturating_sub(before));
    let size = mib(FILE_BYTES as u64);
    Ok(vec![
        figure("upload_growth_mib", "memory grown at most while 100 MiB came", mib(growth_up)),
        figure("growth_mib", "the same, the download included", mib(growth)),
        figure("upload_mib_per_s", "MiB uploaded per second", size / up.seconds),
        figure("upload_cpu_s", "CPU-seconds of the upload", up.server_cpu_s),
        figure("download_mib_per_s", "MiB downloaded per second", size / down.seconds),
        figure("download_cpu_s", "CPU-seconds of the download", down.server_cpu_s),
    ])
}
