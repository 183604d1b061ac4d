//! Steps that are done whole or not at all, in a savepoint of the transaction they are part of.

use log::error;

use crate::actors::dispatch::work::Work;
use crate::actors::lane::Fault;
use crate::models::error::StoreError;
use crate::models::store::{self, DbConn};
use crate::protocol::refusal::Refusal;

/// Does a step whole or not at all: what is refused half way leaves nothing behind.
///
/// # Errors
/// When the database failed; a refusal is the inner result.
pub fn whole<T>(
    conn: &mut DbConn,
    step: impl FnOnce(&mut DbConn) -> Result<T, Fault>,
) -> Result<Result<T, Refusal>, StoreError> {
    let mut refused = None;
    let tried = store::transaction(conn, |conn| {
        step(conn).map_err(|fault| match fault {
            Fault::Store(fault) => fault,
            Fault::Refused(refusal) => {
                refused = Some(refusal);
                StoreError::Missing
            }
        })
    });
    match (tried, refused) {
        (Ok(done), _) => Ok(Ok(done)),
        (Err(StoreError::Missing), Some(refusal)) => Ok(Err(refusal)),
        (Err(fault), _) => Err(fault),
    }
}

/// The same for a part of a command, with a ledger of its own that is joined when it is done.
///
/// # Errors
/// As [`whole`].
pub fn attempt(
    work: &mut Work<'_>,
    step: impl FnOnce(&mut Work<'_>) -> Result<(), Fault>,
) -> Result<Result<(), Refusal>, StoreError> {
    let (who, settings, exchange, now) = (work.who, work.settings, work.exchange, work.now);
    let tried = whole(work.conn, |conn| {
        let mut inner = Work::new(conn, who, settings, exchange, now);
        step(&mut inner)?;
        let Work { ledger, unheard, .. } = inner;
        Ok((ledger, unheard))
    })?;
    Ok(tried.map(|(more, missed)| {
        work.ledger.join(more);
        work.unheard.extend(missed);
    }))
}

/// [`attempt`] for one of many deadlines: a row that cannot be served holds up no other.
///
/// # Errors
/// When the connection is lost, for then nothing more can be done on it.
pub fn one_of_many(
    work: &mut Work<'_>,
    about: &'static str,
    step: impl FnOnce(&mut Work<'_>) -> Result<(), Fault>,
) -> Result<(), StoreError> {
    match attempt(work, step) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(refusal)) => {
            error!("a deadline was not served deadline={about} cause={refusal}");
            Ok(())
        }
        Err(fault @ (StoreError::Broken(_) | StoreError::Conflict(_) | StoreError::Missing)) => {
            error!("a deadline was not served deadline={about} cause={fault}");
            Ok(())
        }
        Err(fault) => Err(fault),
    }
}
