//! A real server in this process, on a port of its own, stopped when it is dropped.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use chrono::NaiveDateTime;
use switchboard::actors::house::House;
use switchboard::actors::lane::Fault;
use switchboard::auth::identity::Role;
use switchboard::auth::secret;
use switchboard::boot::{self, ServeOptions, Stop};
use switchboard::clock;
use switchboard::models::login::{self, NewLogin};
use switchboard::models::store::{DbConn, Store};
use tokio::sync::{oneshot, watch};

use super::engines::Database;
use super::people::{Person, config};
use super::socket::{PATIENCE, until};

/// A running server and its database.
pub struct Server {
    pub address: SocketAddr,
    /// All addresses, as BIND names them.
    pub addresses: Vec<SocketAddr>,
    pub house: Arc<House>,
    stop: watch::Sender<Stop>,
    thread: Option<JoinHandle<Result<(), String>>>,
    database: Option<Database>,
}

impl Server {
    /// On a fresh SQLite database, with the stories' usual settings.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with some settings of the story's own.
    pub async fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::start_on(Database::sqlite(), settings).await
    }

    /// On this database.
    pub async fn start_on(database: Database, settings: &[(&str, &str)]) -> Self {
        let config = config(&database.url, settings);
        let (sender, started) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("server".to_owned())
            .spawn(move || {
                actix::System::new().block_on(async move {
                    let running = boot::start(config, ServeOptions { migrate: true }).await?;
                    let addresses = running.addresses.clone();
                    let house = Arc::clone(&running.house);
                    drop(sender.send((addresses, house, running.stopper())));
                    running.finish().await
                })
            })
            .unwrap();
        let Ok((addresses, house, stop)) = started.await else {
            panic!("the server did not start: {:?}", thread.join());
        };
        let address = addresses[0];
        Self { address, addresses, house, stop, thread: Some(thread), database: Some(database) }
    }

    /// One more process on the database of another, which must outlive it.
    pub async fn start_beside(url: &str, settings: &[(&str, &str)]) -> Self {
        Self::start_on(Database::borrowed(url), settings).await
    }

    /// Someone with the role of a member.
    pub async fn person(&self, name: &str) -> Person {
        self.person_as(name, Role::Member).await
    }

    /// Someone with this role.
    pub async fn person_as(&self, name: &str, role: Role) -> Person {
        let name = name.to_owned();
        let enrolled = self.writes(move |conn| Ok(Person::enroll(conn, &name, role)?)).await;
        enrolled.at(self.address)
    }

    /// The same person, signed in once more in a browser until this moment.
    pub async fn signs_in_until(&self, person: &Person, ends: NaiveDateTime) -> Person {
        let (user, cookie) = (person.id, secret::cookie_key());
        let hash = secret::hash_at_rest(&cookie);
        let login = self.writes(move |conn| {
            let new = NewLogin {
                user,
                cookie_hash: Some(&hash),
                client_ip: "127.0.0.1",
                user_agent: "stories",
                created_at: clock::now_naive(),
                expires_at: ends,
                ends_at: ends,
            };
            Ok(login::insert(conn, new)?)
        });
        Person { login: login.await, cookie, ..person.clone() }
    }

    /// Does something to the database through the server's writer.
    pub async fn writes<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut DbConn) -> Result<T, Fault> + Send + 'static,
    ) -> T {
        self.house.lane.write(work).await.unwrap()
    }

    /// Reads something from the database.
    pub async fn reads<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut DbConn) -> Result<T, Fault> + Send + 'static,
    ) -> T {
        self.house.lane.read(work).await.unwrap()
    }

    /// Begins to stop, as a signal would.
    pub fn begins_to_stop(&self, how: Stop) {
        self.stop.send(how).unwrap();
    }

    /// Stops, waits for the end, and hands its database on.
    pub async fn stops(mut self) -> Database {
        let house = Arc::downgrade(&self.house);
        // A story may have asked already.
        let _ = self.stop.send(Stop::Restart);
        let thread = self.thread.take().unwrap();
        let ending = tokio::task::spawn_blocking(move || thread.join());
        let ended = tokio::time::timeout(PATIENCE * 2, ending).await;
        ended.expect("the server ends in time").unwrap().unwrap().unwrap();
        let database = self.database.take().unwrap();
        drop(self);
        // Its threads let go of the database as they end.
        until("nothing of the server is left", async || house.strong_count() == 0).await;
        let is_free = async || Store::open(database.options()).is_ok();
        until("the database is let go of", is_free).await;
        database
    }
}

/// Tells a story on a fresh server of each engine.
pub async fn on_each_engine(settings: &[(&str, &str)], story: impl AsyncFn(Server)) {
    story(Server::start_with(settings).await).await;
    if let Some(database) = Database::postgres() {
        story(Server::start_on(database, settings).await).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends by itself; no story waits for it.
        let _ = self.stop.send(Stop::Restart);
    }
}
