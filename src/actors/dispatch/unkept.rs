//! A mayday that the database has not taken: told to the boards all the same. Not keeping it is
//! our fault, and nobody's who calls for help.

use std::time::Duration;

use chrono::NaiveDateTime;

use crate::actors::authorize::require;
use crate::actors::dispatch::alarms::place_of;
use crate::actors::dispatch::notifier::Unheard;
use crate::actors::exchange::Exchange;
use crate::actors::lane::Aftermath;
use crate::actors::mail::person;
use crate::actors::notifier::Notifier;
use crate::auth::identity::Identity;
use crate::auth::policy::{Action, Relation};
use crate::ids::MaydayId;
use crate::protocol::command::fleet::MaydayRaise;
use crate::protocol::event::dispatch::DispatchEvent;
use crate::protocol::event::older::OlderEvent;
use crate::protocol::event::{Event, EventBody};
use crate::protocol::topic::{Topic, TopicKind};
use crate::protocol::views::dispatch::MaydayView;

/// How long a mayday may wait for the writer before the boards are told without it.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// What goes out about a mayday that is not kept.
#[derive(Debug)]
pub struct Unkept {
    /// For our own boards, ahead of all that waits for them.
    alarm: Event,
    /// For older boards, in their turn.
    older: Event,
}

impl Unkept {
    /// Puts it among what is to be said.
    pub fn tell(self, aftermath: &mut Aftermath) {
        aftermath.alarms.push(self.alarm);
        aftermath.publish(vec![self.older]);
    }
}

/// The mayday as the boards are told of it, if this person may raise one; handed to the notifier
/// when no board hears. Its id is 0: it stands on no board afterwards, is not repeated, and cannot
/// be answered here. Whoever is of a crew by an order alone is not known while the database does
/// not answer.
pub fn told(
    who: &Identity,
    wish: &MaydayRaise,
    exchange: &Exchange,
    notifier: &dyn Notifier,
    now: NaiveDateTime,
) -> Option<Unkept> {
    require(who, TopicKind::Board, Action::RaiseMayday, Relation::Stranger).ok()?;
    let is_heard = exchange.hearing() > 0;
    let mayday = view(who, wish, is_heard, now);
    if !is_heard {
        let unit = mayday.unit.map(|unit| unit.0);
        Unheard { alarm: "mayday", id: 0, unit, incident: None }.hand_over(notifier);
    }
    let event = |body| Event { topic: Topic::Board, seq: None, at: now, body };
    let older = EventBody::Older(OlderEvent::Alarm { mayday: Box::new(mayday.clone()) });
    let alarm = EventBody::Dispatch(Box::new(DispatchEvent::MaydayAlarm { mayday }));
    Some(Unkept { alarm: event(alarm), older: event(older) })
}

fn view(who: &Identity, wish: &MaydayRaise, is_heard: bool, now: NaiveDateTime) -> MaydayView {
    let place = place_of(wish);
    MaydayView {
        id: MaydayId(0),
        unit: wish.unit,
        unit_number: None,
        incident: None,
        raised_by: Some(person(who)),
        note: wish.note.chars().take(1_000).collect(),
        latitude: place.map(|(latitude, _)| latitude),
        longitude: place.map(|(_, longitude)| longitude),
        raised_at: now,
        acknowledged_at: None,
        acknowledged_by: None,
        ended_at: None,
        end_reason: String::new(),
        repeats: 0,
        nobody_heard: !is_heard,
    }
}
