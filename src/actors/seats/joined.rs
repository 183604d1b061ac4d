//! The events of one turn as each listener of a topic takes them: joined into one buffer a manner.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::actors::forms::{each, forms};
use crate::ids::UserId;
use crate::layer::contract::{Delivery, Manner};

/// A turn's events, joined when the first listener of each manner asks.
pub struct Turn<'a> {
    batch: &'a [Arc<Delivery>],
    plain: Option<Bytes>,
    others: Vec<Other>,
}

/// What listeners of one manner take.
struct Other {
    manner: Manner,
    /// For all who are not named.
    frames: Bytes,
    /// Those who hear something else than the rest.
    named: Vec<UserId>,
}

impl<'a> Turn<'a> {
    /// The events of `batch`, in order.
    pub fn new(batch: &'a [Arc<Delivery>]) -> Self {
        Self { batch, plain: None, others: Vec::new() }
    }

    /// What one listener takes; empty when there is nothing for them.
    pub fn frames(&mut self, manner: Manner, user: Option<UserId>) -> Bytes {
        let batch = self.batch;
        if manner == Manner::default() {
            return self.plain.get_or_insert_with(|| collect(batch, manner, None)).clone();
        }
        let index = match self.others.iter().position(|other| other.manner == manner) {
            Some(index) => index,
            None => {
                self.others.push(Other::new(batch, manner));
                self.others.len() - 1
            }
        };
        let other = &self.others[index];
        match user {
            Some(one) if other.named.contains(&one) => collect(batch, manner, user),
            _ => other.frames.clone(),
        }
    }
}

impl Other {
    fn new(batch: &[Arc<Delivery>], manner: Manner) -> Self {
        let named = match manner.is_plain() {
            true => Vec::new(),
            false => {
                let forms = batch.iter().flat_map(|event| forms(event, manner));
                forms.filter_map(|form| form.to.named()).collect()
            }
        };
        // Nobody is never named, so what nobody hears is what all hear who are not.
        Self { manner, frames: collect(batch, manner, None), named }
    }
}

fn collect(batch: &[Arc<Delivery>], manner: Manner, user: Option<UserId>) -> Bytes {
    let mut frames = Vec::new();
    for event in batch {
        each(event, manner, user, |frame| frames.push(frame));
    }
    join(&frames)
}

/// One buffer of all frames; the frame itself when there is only one.
fn join(frames: &[Bytes]) -> Bytes {
    if let [only] = frames {
        return only.clone();
    }
    let mut joined = BytesMut::with_capacity(frames.iter().map(Bytes::len).sum());
    for frame in frames {
        joined.extend_from_slice(frame);
    }
    joined.freeze()
}
