//! Events in other manners than the plain native one, made once for all who listen in it.

use bytes::Bytes;

use crate::ids::UserId;
use crate::layer::contract::{Delivery, Form, Manner};
use crate::protocol::dialect::contract::Frame;
use crate::socket::wire;

/// An event's frames in this manner, which is not the plain one.
pub fn forms(event: &Delivery, manner: Manner) -> &[Form] {
    event.forms(manner, |event| {
        let frames = manner.dialect.map(|dialect| dialect.codec().event(event));
        let form = |frame: Frame| Form { frame: wire::text(&frame.text), to: frame.to };
        frames.unwrap_or_default().into_iter().map(form).collect()
    })
}

/// The frames of one event for one listener, to be written one by one.
pub fn each(event: &Delivery, manner: Manner, user: Option<UserId>, mut write: impl FnMut(Bytes)) {
    if manner.is_plain() {
        // What is for dialects alone has no native frame.
        if !event.frame.is_empty() {
            write(event.frame.clone());
        }
        return;
    }
    for form in forms(event, manner).iter().filter(|form| form.to.admits(user)) {
        write(form.frame.clone());
    }
}
