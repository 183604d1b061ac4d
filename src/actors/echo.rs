//! The echo: says back what it hears. Served only with `ECHO=1`, to measure and to test conformance
//! on the very transport that sessions use.

use std::rc::Rc;

use actix::{Actor, ActorContext, AsyncContext, Context, StreamHandler};
use bytes::BytesMut;

use crate::protocol::close::Close;
use crate::socket::decoder::{Limits, Message};
use crate::socket::deflate::{self, Window};
use crate::socket::frames::{Frames, Incoming};
use crate::socket::outbox::Outbox;
use crate::socket::wire::{self, opcode};

/// The message limit of `/ws/echo/`, in bytes; what conformance suites need.
pub const ECHO_BYTES: usize = 16 * 1024 * 1024;
const FRAGMENTS: usize = 1_000_000;

/// One echoing WebSocket.
pub struct Echo {
    outbox: Rc<Outbox>,
    /// With what all is compressed that is said back, if it is.
    window: Option<Window>,
    closing: bool,
}

impl Echo {
    /// Opens an echo with a message limit in bytes.
    pub fn open(
        outbox: Rc<Outbox>,
        first_bytes: BytesMut,
        message_bytes: usize,
        window: Option<Window>,
    ) {
        let limits = Limits { message_bytes, fragments: FRAGMENTS, deflate: window.is_some() };
        Echo::create(|ctx| {
            ctx.add_stream(Frames::new(Rc::clone(&outbox), first_bytes, limits));
            Echo { outbox, window, closing: false }
        });
    }
}

impl Echo {
    fn say(&self, opcode: u8, payload: &[u8]) {
        self.outbox.push(match self.window {
            Some(window) => deflate::squeeze_any(opcode, payload, window),
            None => wire::frame(opcode, payload, None),
        });
    }
}

impl Actor for Echo {
    type Context = Context<Self>;
}

impl Drop for Echo {
    fn drop(&mut self) {
        if self.outbox.is_open() {
            self.outbox.abort();
        }
    }
}

impl StreamHandler<Incoming> for Echo {
    fn handle(&mut self, incoming: Incoming, ctx: &mut Context<Self>) {
        match incoming {
            Incoming::Message(Message::Close { code, .. }) => {
                if !self.closing {
                    self.outbox
                        .close(code.map_or_else(wire::close_empty, |code| wire::close(code, "")));
                }
                self.outbox.peer_closed();
                ctx.stop();
            }
            _ if self.closing => {}
            Incoming::Message(Message::Text(text)) => self.say(opcode::TEXT, text.as_bytes()),
            Incoming::Message(Message::Binary(bytes)) => self.say(opcode::BINARY, &bytes),
            Incoming::Message(Message::Ping(payload)) => self.outbox.push(wire::pong(&payload)),
            Incoming::Message(Message::Pong(_)) => {}
            Incoming::Violation(violation) => {
                self.closing = true;
                let close = Close::from(&violation);
                self.outbox.close(wire::close(close.code(), &violation.to_string()));
            }
        }
    }

    fn finished(&mut self, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}
