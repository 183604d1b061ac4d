//! Replay of calls: a step is told with the call as it stands now.

use std::collections::HashMap;

use crate::ids::CallId;
use crate::models::call;
use crate::models::error::StoreError;
use crate::models::journal::Entry;
use crate::models::store::DbConn;
use crate::protocol::event::EventBody;
use crate::protocol::event::call::{CallEvent, CallStep};
use crate::protocol::views::call::CallView;

/// The calls that entries speak of.
#[derive(Debug, Default)]
pub struct CallRows(HashMap<CallId, CallView>);

impl CallRows {
    /// Reads what `entries` speak of, and nothing when they do not.
    ///
    /// # Errors
    /// Those of the database.
    pub fn load(conn: &mut DbConn, entries: &[Entry]) -> Result<Self, StoreError> {
        let about = entries.iter().filter(|entry| entry.kind.starts_with("call."));
        let ids: Vec<CallId> = about.filter_map(|entry| entry.entity).map(CallId).collect();
        if ids.is_empty() {
            return Ok(Self::default());
        }
        call::views_of(conn, &ids).map(Self)
    }

    /// The event that an entry was, when it is of this part.
    pub fn body(&self, entry: &Entry) -> Option<EventBody> {
        let call = self.0.get(&CallId(entry.entity?))?.clone();
        let by = match entry.kind.as_str() {
            "call.missed" => None,
            "call.ended" => call.ended_by,
            _ => entry.actor,
        };
        CallEvent::of_kind(&entry.kind, CallStep { call, by }).map(EventBody::Call)
    }
}
