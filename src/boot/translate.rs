//! What each part is told of the configuration, in its own words.

use std::time::Duration;

use crate::actors::dispatch::work::DispatchSettings;
use crate::actors::house::Settings;
use crate::actors::throttle::{Limits, Rate};
use crate::auth::token::TokenSettings;
use crate::config::Config;
use crate::http::server::Transport;
use crate::protocol::close::Close;
use crate::socket::outbox::OutboxSettings;
use crate::socket::wheel::WheelSettings;
use crate::socket::wire;

/// How long a close waits for the peer's own.
const PEER_WAIT: Duration = Duration::from_secs(2);

/// For the actors.
pub fn settings(config: &Config) -> Settings {
    Settings {
        ws_message_bytes: config.ws_max_size,
        message_bytes: config.message_max_size,
        edit_window: config.edit_window,
        reactions_per_message: wide(config.reactions_per_message),
        pins_per_conversation: wide(config.pins_per_conversation),
        invites_per_conversation: wide(config.invites_per_conversation),
        receipts_members: wide(config.receipts_members),
        heartbeat: config.heartbeat,
        auth_warning: config.auth_warning,
        frames: Rate { per_second: config.frames_per_second, burst: config.frames_burst },
        topics_per_connection: config.topics_per_connection,
        presence_grace: config.presence_grace,
        typing_ttl: config.typing_ttl,
        call_ring: config.call_ring,
        latest_every: config.latest_every,
        positions_every: config.positions_every,
        journal_keep: config.journal_keep,
        journal_keep_events: wide(config.journal_keep_events),
        client_id_keep: config.client_id_keep,
        twin_window: config.twin_window,
        attempts_keep: config.attempts_keep,
        attempts_keep_rows: wide(config.attempts_keep_rows),
        attachments_per_message: config.attachments_per_message,
        uploads_keep: config.uploads_keep,
        dispatch: dispatch(config),
        notifications_keep: config.notifications_keep,
        notifications_keep_rows: wide(config.notifications_keep_rows),
        notify_members_max: wide(config.notify_members_max),
    }
}

/// For dispatch.
pub fn dispatch(config: &Config) -> DispatchSettings {
    DispatchSettings {
        answer_within: [
            config.answer_low,
            config.answer_medium,
            config.answer_high,
            config.answer_critical,
        ],
        order_repeat: config.order_repeat,
        mayday_repeat: config.mayday_repeat,
        par_every: config.par_every,
        par_repeat: config.par_repeat,
        lock_after: config.incident_lock,
        device_ahead: config.device_ahead,
        device_behind: config.device_behind,
        images_per_incident: wide(config.incident_images),
        sweep: config.dispatch_sweep,
    }
}

/// A count as 32 bits hold it.
pub fn narrow(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn wide(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// For the throttles.
pub fn limits(config: &Config) -> Limits {
    Limits {
        messages: Rate {
            per_second: config.messages_per_second_per_user,
            burst: config.messages_burst,
        },
        connects: Rate {
            per_second: config.connects_per_second_per_address,
            burst: config.connects_per_second_per_address.saturating_mul(2),
        },
        flood_messages: config.flood_messages,
        flood_window: config.flood_window,
        public_forms: config.public_forms,
        public_form_window: config.public_form_window,
        login_attempts: config.login_attempts,
        login_window: config.login_window,
        sockets: narrow(config.max_connections),
        sockets_per_address: config.max_connections_per_address,
        sockets_per_user: config.max_connections_per_user,
        refusal_delay_max: config.refusal_delay_max,
    }
}

/// For the sockets.
pub fn transport(config: &Config) -> Transport {
    let too_slow = Close::TooSlow.row();
    Transport {
        outbox: OutboxSettings {
            waiting_bytes: config.outbox_bytes,
            stall: config.outbox_stall,
            linger: config.outbox_linger,
            overflow_close: wire::close(too_slow.code, too_slow.reason),
            peer_wait: PEER_WAIT,
        },
        wheel: WheelSettings { interval: config.heartbeat, pong_timeout: config.pong_timeout },
    }
}

/// For tokens.
pub fn token_settings(config: &Config) -> TokenSettings {
    TokenSettings {
        keys: config.token_keys(),
        access_ttl: config.access_ttl,
        refresh_ttl: config.refresh_ttl,
        audience: config.jwt_audience.clone(),
        issuer: config.jwt_issuer.clone(),
    }
}
