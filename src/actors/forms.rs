//! Events in other manners than the plain native one, made once for all who listen in it.

use bytes::Bytes;

use crate::actors::veil;
use crate::ids::UserId;
use crate::layer::contract::{Delivery, Form, Manner};
use crate::protocol::dialect::contract::{Audience, Frame};
use crate::protocol::frame;
use crate::socket::wire;

/// An event's frames in this manner, which is not the plain one.
pub fn forms(event: &Delivery, manner: Manner) -> &[Form] {
    let native = &event.frame;
    event.forms(manner, |event| {
        let form = |frame: Frame| Form { frame: wire::text(&frame.text).into(), to: frame.to };
        let mut forms: Vec<Form> = match manner.dialect {
            Some(dialect) => dialect.codec().event(event).into_iter().map(form).collect(),
            None if native.is_empty() => Vec::new(),
            None => vec![Form { frame: native.clone(), to: Audience::All }],
        };
        let Some(reader) = veil::reader(event).filter(|_| manner.is_veiled) else { return forms };
        // Their own other sockets hear it; the rest hear that something has passed.
        forms.retain(|form| form.to.admits(Some(reader)));
        forms.iter_mut().for_each(|form| form.to = Audience::Only(reader));
        if manner.dialect.is_none() && !native.is_empty() {
            let passed = wire::text(&frame::event(&veil::passed(event)));
            forms.push(Form { frame: passed.into(), to: Audience::AllBut(reader) });
        }
        forms
    })
}

/// The frames of one event for one listener, to be written one by one.
pub fn each(event: &Delivery, manner: Manner, user: Option<UserId>, mut write: impl FnMut(Bytes)) {
    if manner.is_plain() {
        // What is for dialects alone has no native frame.
        if !event.frame.is_empty() {
            write(event.frame.shaped(manner.window).clone());
        }
        return;
    }
    for form in forms(event, manner).iter().filter(|form| form.to.admits(user)) {
        write(form.frame.shaped(manner.window).clone());
    }
}
