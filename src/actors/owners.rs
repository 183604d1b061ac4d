//! The owners: which actor answers for which kind of topic, and the watch that rebuilds a dead one.
//!
//! actix restarts no actor after a panic, so a small watch asks after each owner, builds a new one
//! and swaps its address. Sockets stay open through it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use actix::{Actor, Addr, ArbiterHandle, Context};
use log::error;

use crate::actors::dispatch_board::DispatchBoard;
use crate::actors::house::House;
use crate::actors::mail::{Census, Collapse, Join, Leave, Perform, Probe, tell};
use crate::actors::notification_hub::NotificationHub;
use crate::actors::room_supervisor::RoomSupervisor;
use crate::actors::switchboard::Owner as OwnerActor;
use crate::metrics;
use crate::protocol::command::Command;
use crate::protocol::topic::{Owner, TopicKind};

/// This many deaths …
const DEATHS: usize = 5;
/// … within this time, and the process gives up.
const DEATHS_WITHIN: Duration = Duration::from_secs(10);

#[derive(Debug)]
struct Post<A: Actor> {
    address: RwLock<Option<Addr<A>>>,
    misses: AtomicU64,
}

impl<A: Actor> Default for Post<A> {
    fn default() -> Self {
        Self { address: RwLock::new(None), misses: AtomicU64::new(0) }
    }
}

impl<A: Actor<Context = Context<A>>> Post<A> {
    fn get(&self) -> Option<Addr<A>> {
        let address = self.address.read().unwrap_or_else(PoisonError::into_inner);
        address.clone().filter(Addr::connected)
    }

    fn set(&self, address: Addr<A>) {
        *self.address.write().unwrap_or_else(PoisonError::into_inner) = Some(address);
    }
}

/// The addresses of all owners; see the module's text.
#[derive(Debug, Default)]
pub struct Owners {
    rooms: Post<RoomSupervisor>,
    hub: Post<NotificationHub>,
    board: Post<DispatchBoard>,
}

macro_rules! to_owner {
    ($self:ident, $kind:expr, $message:expr) => {
        match $kind.row().owner {
            Owner::RoomSupervisor => $self.rooms.get().map(|owner| tell(&owner, $message)),
            Owner::NotificationHub => $self.hub.get().map(|owner| tell(&owner, $message)),
            Owner::DispatchBoard => $self.board.get().map(|owner| tell(&owner, $message)),
        }
    };
}

impl Owners {
    /// Starts all owners on one arbiter.
    pub fn start(&self, house: &Arc<House>, arbiter: &ArbiterHandle) {
        self.rooms.set(build(arbiter, house, RoomSupervisor::new));
        self.hub.set(build(arbiter, house, NotificationHub::new));
        self.board.set(build(arbiter, house, DispatchBoard::new));
    }

    /// Asks the owner of the topic to seat a listener. Whoever asks a dead owner is answered
    /// `unavailable`.
    pub fn join(&self, join: Join) {
        // Dropped unsent, the join answers `unavailable` by itself.
        let _ = to_owner!(self, join.topic.kind(), join);
    }

    /// Tells the owner of the topic that a listener left.
    pub fn leave(&self, leave: Leave) {
        // A dead owner has forgotten who is here already.
        let _ = to_owner!(self, leave.topic.kind(), leave);
    }

    /// Asks the owner of the topic, or of conversations when there is none, to do a command. A dead
    /// owner's asker is answered `unavailable`.
    pub fn perform(&self, perform: Perform) {
        let kind = match (&perform.command, &perform.topic) {
            // The boards are one owner's, whatever topic a client names beside its command.
            (Command::Dispatch(_), _) => TopicKind::Board,
            (_, Some(topic)) => topic.kind(),
            (_, None) => TopicKind::Chat,
        };
        // Dropped unsent, the reply answers `unavailable` by itself.
        let _ = to_owner!(self, kind, perform);
    }

    /// Hands a count of listeners to the owner of a kind.
    pub fn census(&self, kind: TopicKind, census: Census) {
        let _ = to_owner!(self, kind, census);
    }

    /// Which owners are not answering now.
    pub fn absent(&self) -> Vec<Owner> {
        let mut absent = Vec::new();
        if self.rooms.get().is_none() {
            absent.push(Owner::RoomSupervisor);
        }
        if self.hub.get().is_none() {
            absent.push(Owner::NotificationHub);
        }
        if self.board.get().is_none() {
            absent.push(Owner::DispatchBoard);
        }
        absent
    }

    /// Makes an owner panic, for fault tests.
    pub fn collapse(&self, owner: Owner) {
        let told = match owner {
            Owner::RoomSupervisor => self.rooms.get().map(|owner| tell(&owner, Collapse)),
            Owner::NotificationHub => self.hub.get().map(|owner| tell(&owner, Collapse)),
            Owner::DispatchBoard => self.board.get().map(|owner| tell(&owner, Collapse)),
        };
        debug_assert!(told.is_some(), "a dead owner cannot collapse");
    }
}

fn build<A>(
    arbiter: &ArbiterHandle,
    house: &Arc<House>,
    make: impl FnOnce(Arc<House>) -> A + Send + 'static,
) -> Addr<A>
where
    A: OwnerActor + Send,
{
    let house = Arc::clone(house);
    A::start_in_arbiter(arbiter, move |_| make(house))
}

/// Watches the owners until the process gives up on them.
pub struct Watch {
    house: Arc<House>,
    arbiter: ArbiterHandle,
    deaths: VecDeque<Instant>,
}

impl Watch {
    /// A watch that rebuilds on `arbiter`.
    pub fn new(house: Arc<House>, arbiter: ArbiterHandle) -> Self {
        Self { house, arbiter, deaths: VecDeque::new() }
    }

    /// Looks after all owners once. Call it every `every`.
    ///
    /// # Errors
    /// A sentence when owners died so often that the process should end.
    pub fn look(&mut self) -> Result<(), String> {
        let owners = &self.house.owners;
        let (house, arbiter) = (&self.house, &self.arbiter);
        let (rooms, hub, board) =
            (Owner::RoomSupervisor, Owner::NotificationHub, Owner::DispatchBoard);
        let dead = [
            (rooms, revive(&owners.rooms, rooms, (house, arbiter), RoomSupervisor::new)),
            (hub, revive(&owners.hub, hub, (house, arbiter), NotificationHub::new)),
            (board, revive(&owners.board, board, (house, arbiter), DispatchBoard::new)),
        ];
        let now = Instant::now();
        for (owner, _) in dead.iter().filter(|(_, died)| *died) {
            error!("an owner died and was rebuilt owner={owner}");
            metrics::owner_restarted(owner_label(*owner));
            self.deaths.push_back(now);
        }
        if dead.iter().any(|(_, died)| *died) {
            self.house.exchange.take_census();
        }
        while self.deaths.front().is_some_and(|at| now.duration_since(*at) > DEATHS_WITHIN) {
            self.deaths.pop_front();
        }
        if self.deaths.len() >= DEATHS {
            return Err(format!("{DEATHS} owners died within {} s", DEATHS_WITHIN.as_secs()));
        }
        Ok(())
    }
}

fn owner_label(owner: Owner) -> &'static str {
    match owner {
        Owner::RoomSupervisor => "RoomSupervisor",
        Owner::NotificationHub => "NotificationHub",
        Owner::DispatchBoard => "DispatchBoard",
    }
}

/// Rebuilds an owner that is gone, or that left three probes in a row unanswered.
fn revive<A>(
    post: &Post<A>,
    owner: Owner,
    (house, arbiter): (&Arc<House>, &ArbiterHandle),
    make: impl FnOnce(Arc<House>) -> A + Send + 'static,
) -> bool
where
    A: OwnerActor + Send + actix::Handler<Probe>,
{
    if let Some(address) = post.get() {
        // A mailbox that takes the probe is being emptied; `Full` three times over is not.
        match address.try_send(Probe) {
            Ok(()) => post.misses.store(0, Ordering::Relaxed),
            Err(_) => drop(post.misses.fetch_add(1, Ordering::Relaxed)),
        }
        if post.misses.load(Ordering::Relaxed) < 3 {
            return false;
        }
        post.misses.store(0, Ordering::Relaxed);
    }
    house.presence.lock().forget(owner);
    post.set(build(arbiter, house, make));
    true
}
