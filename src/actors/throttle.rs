//! Throttles: how often one person, address or account may do a thing.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::actors::login_throttle::{Counted, LoginThrottle};
use crate::auth::identity::NOBODY;
use crate::ids::{ConversationId, UserId};
use crate::metrics;
use crate::protocol::refusal::Refusal;

/// Pictures that may come by themselves for each call for help.
const PICTURES_A_FORM: u32 = 5;

/// A rate with a burst; 0 for either means no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub per_second: u32,
    pub burst: u32,
}

impl Rate {
    fn quota(self) -> Option<Quota> {
        let per_second = NonZeroU32::new(self.per_second)?;
        Some(Quota::per_second(per_second).allow_burst(NonZeroU32::new(self.burst)?))
    }

    /// A limiter for one connection.
    pub fn single(self) -> Option<Box<DefaultDirectRateLimiter>> {
        self.quota().map(|quota| Box::new(RateLimiter::direct(quota)))
    }
}

/// Asks one connection's limiter.
///
/// # Errors
/// `rate_limited` with the wait.
pub fn ask(limiter: &DefaultDirectRateLimiter) -> Result<(), Refusal> {
    limiter.check().map_err(|wait| {
        metrics::rate_limited("rate");
        Refusal::rate_limited(millis(wait.wait_time_from(DefaultClock::default().now())))
    })
}

/// So many within a window, all of them at once if need be; none when `count` is 0.
fn within(count: u32, window: Duration) -> Option<Quota> {
    let count = NonZeroU32::new(count)?;
    Some(Quota::with_period(window / count.get())?.allow_burst(count))
}

fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1)
}

struct Keyed<K: Hash + Eq + Clone>(Option<DefaultKeyedRateLimiter<K>>);

impl<K: Hash + Eq + Clone> Keyed<K> {
    fn new(quota: Option<Quota>) -> Self {
        Self(quota.map(RateLimiter::keyed))
    }

    fn ask(&self, key: &K) -> Result<(), Refusal> {
        let Some(limiter) = &self.0 else { return Ok(()) };
        limiter.check_key(key).map_err(|wait| {
            metrics::rate_limited("rate");
            Refusal::rate_limited(millis(wait.wait_time_from(DefaultClock::default().now())))
        })
    }

    fn tidy(&self) {
        if let Some(limiter) = &self.0 {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

/// Open sockets of each address and person.
#[derive(Debug, Default)]
struct Open {
    by_address: HashMap<IpAddr, u32>,
    by_user: HashMap<UserId, u32>,
    total: u32,
}

/// Refused attempts of an address: how many in a row, and when the last was.
#[derive(Debug, Clone, Copy)]
struct Refused {
    count: u32,
    last: Instant,
}

/// The limits of a node; 0 means none.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub messages: Rate,
    pub connects: Rate,
    /// Messages of one member in one conversation …
    pub flood_messages: u32,
    /// … within this window.
    pub flood_window: Duration,
    /// Calls for help by the public form from one address …
    pub public_forms: u32,
    /// … within this window.
    pub public_form_window: Duration,
    /// Login attempts of one account or address …
    pub login_attempts: u32,
    /// … within this window.
    pub login_window: Duration,
    pub sockets: u32,
    pub sockets_per_address: u32,
    pub sockets_per_user: u32,
    /// The longest a refused socket waits for its close.
    pub refusal_delay_max: Duration,
}

/// All throttles of this node.
pub struct Throttles {
    limits: Limits,
    messages: Keyed<UserId>,
    guests: Keyed<IpAddr>,
    floods: Keyed<(UserId, ConversationId)>,
    connects: Keyed<IpAddr>,
    public_forms: Keyed<IpAddr>,
    public_pictures: Keyed<IpAddr>,
    logins: LoginThrottle,
    open: Mutex<Open>,
    refused: Mutex<HashMap<IpAddr, Refused>>,
}

/// A socket's place among the open ones; given back when dropped.
pub struct Place {
    house: std::sync::Arc<crate::actors::house::House>,
    address: IpAddr,
    user: Option<UserId>,
}

impl Place {
    /// A place that was counted by [`Throttles::enter`].
    pub fn new(
        house: std::sync::Arc<crate::actors::house::House>,
        address: IpAddr,
        user: Option<UserId>,
    ) -> Self {
        if let Some(user) = user {
            house.online.arrive(user);
        }
        Self { house, address, user }
    }

    /// From where the socket was opened.
    pub fn address(&self) -> IpAddr {
        self.address
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.house.throttles.exit(self.address, self.user);
        if let Some(user) = self.user {
            self.house.online.depart(user);
        }
    }
}

impl Throttles {
    /// Throttles with these limits.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            messages: Keyed::new(limits.messages.quota()),
            guests: Keyed::new(limits.messages.quota()),
            floods: Keyed::new(within(limits.flood_messages, limits.flood_window)),
            connects: Keyed::new(limits.connects.quota()),
            public_forms: Keyed::new(within(limits.public_forms, limits.public_form_window)),
            public_pictures: Keyed::new(within(
                limits.public_forms.saturating_mul(PICTURES_A_FORM),
                limits.public_form_window,
            )),
            logins: LoginThrottle::new(limits.login_attempts, limits.login_window),
            open: Mutex::default(),
            refused: Mutex::default(),
        }
    }

    /// One more command of a person.
    ///
    /// # Errors
    /// `rate_limited` with the wait.
    pub fn message(&self, user: UserId) -> Result<(), Refusal> {
        // Whoever is not signed in is counted by address.
        if user == NOBODY { Ok(()) } else { self.messages.ask(&user) }
    }

    /// One more message from an address by someone not signed in.
    ///
    /// # Errors
    /// `rate_limited` with the wait.
    pub fn guest_message(&self, address: IpAddr) -> Result<(), Refusal> {
        self.guests.ask(&address)
    }

    /// One more message of a member in a conversation.
    ///
    /// # Errors
    /// `rate_limited` with the wait.
    pub fn flood(&self, user: UserId, conversation: ConversationId) -> Result<(), Refusal> {
        if user == NOBODY {
            return Ok(());
        }
        self.floods.ask(&(user, conversation)).map_err(|refusal| {
            let message = "too many messages in this conversation; slow down";
            Refusal { message: message.into(), ..refusal }
        })
    }

    /// One more connection attempt of an address.
    ///
    /// # Errors
    /// `rate_limited` with the wait.
    pub fn connect(&self, address: IpAddr) -> Result<(), Refusal> {
        self.connects.ask(&address)
    }

    /// One more call for help by the public form.
    ///
    /// # Errors
    /// `rate_limited` with the wait.
    pub fn public_form(&self, address: IpAddr) -> Result<(), Refusal> {
        self.public_forms.ask(&address)
    }

    /// One more picture for the public form that comes by itself.
    ///
    /// # Errors
    /// `rate_limited` with the wait.
    pub fn public_picture(&self, address: IpAddr) -> Result<(), Refusal> {
        self.public_pictures.ask(&address)
    }

    /// One more login attempt for an account from an address: both are counted.
    ///
    /// # Errors
    /// `rate_limited` with the wait.
    pub fn login(&self, account: &str, address: IpAddr) -> Result<Counted, Refusal> {
        self.logins.count(account, address, Instant::now())
    }

    /// The password of a login attempt was right: it does not count.
    pub fn forgive(&self, counted: &Counted) {
        self.logins.forgive(counted);
    }

    /// Whether a node that is full must turn everyone away.
    pub fn is_full(&self) -> bool {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        self.limits.sockets > 0 && open.total >= self.limits.sockets
    }

    /// Counts a socket in.
    ///
    /// # Errors
    /// `rate_limited` when the address or the person has too many open.
    pub fn enter(&self, address: IpAddr, user: Option<UserId>) -> Result<(), Refusal> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let over = |count: u32, limit: u32| limit > 0 && count >= limit;
        let here = open.by_address.get(&address).copied().unwrap_or(0);
        let theirs = user.and_then(|user| open.by_user.get(&user)).copied().unwrap_or(0);
        let (limit, whose) = if over(here, self.limits.sockets_per_address) {
            (self.limits.sockets_per_address, "address")
        } else if over(theirs, self.limits.sockets_per_user) {
            (self.limits.sockets_per_user, "user")
        } else {
            open.total += 1;
            *open.by_address.entry(address).or_default() += 1;
            if let Some(user) = user {
                *open.by_user.entry(user).or_default() += 1;
            }
            return Ok(());
        };
        let message = format!("too many connections: at most {limit} for one {whose}");
        Err(Refusal { message: message.into(), ..Refusal::rate_limited(5_000) })
    }

    fn exit(&self, address: IpAddr, user: Option<UserId>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.total = open.total.saturating_sub(1);
        drain(&mut open.by_address, &address);
        if let Some(user) = user {
            drain(&mut open.by_user, &user);
        }
    }

    /// How long the close of a refused socket waits: longer for an address that keeps trying.
    pub fn refusal_delay(&self, address: IpAddr) -> Duration {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.len() > 100_000 {
            refused.clear();
        }
        let now = Instant::now();
        let entry = refused.entry(address).or_insert(Refused { count: 0, last: now });
        if now.duration_since(entry.last) > Duration::from_secs(30) {
            entry.count = 0;
        }
        entry.last = now;
        entry.count = entry.count.saturating_add(1);
        // The first few are answered at once: people do mistype.
        let steps = entry.count.saturating_sub(5);
        self.limits.refusal_delay_max.min(Duration::from_millis(50).saturating_mul(steps))
    }

    /// Forgets who has been quiet. Call it now and then.
    pub fn tidy(&self) {
        self.messages.tidy();
        self.guests.tidy();
        self.floods.tidy();
        self.connects.tidy();
        self.public_forms.tidy();
        self.public_pictures.tidy();
        self.logins.tidy(Instant::now());
    }
}

fn drain<K: Hash + Eq + Clone>(counts: &mut HashMap<K, u32>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(key);
        }
    }
}
