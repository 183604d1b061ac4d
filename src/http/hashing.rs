//! The hashing pool: password work, a few at a time, never on a worker, never without a bound.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::auth::password::{self, Verdict};
use crate::protocol::refusal::Refusal;

/// How many may wait for a thread before others are turned away.
const QUEUE: usize = 64;
/// What one who is turned away should wait, in milliseconds.
const BUSY_RETRY_MS: u64 = 2_000;

/// The pool. Cheap to clone; all clones share its threads.
#[derive(Debug, Clone)]
pub struct Hashing {
    threads: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

impl Hashing {
    /// A pool that hashes `threads` passwords at once.
    pub fn new(threads: usize) -> Self {
        let threads = threads.max(1);
        Self {
            threads: Arc::new(Semaphore::new(threads)),
            places: Arc::new(Semaphore::new(threads + QUEUE)),
        }
    }

    /// Hashes a new password.
    ///
    /// # Errors
    /// `unavailable` when too many wait already.
    pub async fn hash(&self, password: String) -> Result<String, Refusal> {
        self.run(move || password::hash_new(&password)).await
    }

    /// Compares a password with a stored hash; with none it does the same work for nobody.
    ///
    /// # Errors
    /// `unavailable` when too many wait already.
    pub async fn verify(
        &self,
        password: String,
        stored: Option<String>,
    ) -> Result<Verdict, Refusal> {
        self.run(move || match stored {
            Some(stored) => password::verify(&password, &stored),
            None => {
                password::verify_nobody(&password);
                Verdict::NoMatch
            }
        })
        .await
    }

    async fn run<T, F>(&self, work: F) -> Result<T, Refusal>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let busy = || Refusal::unavailable(BUSY_RETRY_MS);
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| busy())?;
        let thread = Arc::clone(&self.threads).acquire_owned().await.map_err(|_| busy())?;
        // Both are given back when the work ends, even if the asker has gone by then.
        let working = tokio::task::spawn_blocking(move || {
            let _held = (place, thread);
            work()
        });
        working.await.map_err(|_| Refusal::internal())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::refusal::Code;

    #[actix_web::test]
    async fn a_password_is_hashed_and_verified_off_the_worker() {
        let pool = Hashing::new(1);
        let stored = pool.hash("correct horse".to_owned()).await.unwrap();
        let verify =
            |password: &str, stored: Option<String>| pool.verify(password.to_owned(), stored);
        assert_eq!(verify("correct horse", Some(stored.clone())).await, Ok(Verdict::Match));
        assert_eq!(verify("wrong", Some(stored)).await, Ok(Verdict::NoMatch));
        assert_eq!(verify("correct horse", None).await, Ok(Verdict::NoMatch));
    }

    #[actix_web::test]
    async fn beyond_its_queue_the_pool_turns_people_away() {
        let pool = Hashing::new(1);
        let all = u32::try_from(QUEUE + 1).unwrap();
        let held = Arc::clone(&pool.places).acquire_many_owned(all).await.unwrap();
        assert_eq!(pool.run(|| ()).await.unwrap_err().code, Code::Unavailable);
        drop(held);
        assert_eq!(pool.run(|| 1).await, Ok(1));
    }
}
