//! THE WIRE: RFC 6455 over a raw upgraded stream, plain or TLS, one thread per socket.
//!
//! Bytes come in through `frames` (read, decode) and leave through `outbox` (join, bound, close).
//! A session holds both; the fan-out of its worker writes into the same outbox.
//! **Never:** JSON, topics, users.

pub mod census;
pub mod decoder;
pub mod deflate;
pub mod frames;
pub mod inbound;
pub mod io;
pub mod loopback;
pub mod near_end;
pub mod outbox;
pub mod parcel;
pub mod pump;
pub mod queue;
pub mod turn;
pub mod violation;
pub mod waiting;
pub mod wheel;
pub mod wire;
