//! The intake: bodies of any size into objects, a piece at a time, counted, hashed and looked at.
//!
//! The work goes on in a task of its own, fed by the request: a client that goes away ends the feed
//! and not the work, which then cleans up or keeps what is of use.

pub mod fed;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::rt;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use log::{error, warn};
use tokio::sync::mpsc::{self, Sender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::actors::house::House;
use crate::actors::lane::Fault;
use crate::clock;
use crate::config::Config;
use crate::http::file_names::{file_name, new_key};
use crate::http::intake::fed::{Content, Fed, Feed};
use crate::ids::{AttachmentId, UserId};
use crate::models::attachment::{self, Arrived, AttachmentRow, NewAttachment};
use crate::models::store::DbConn;
use crate::objects::sniff;
use crate::objects::store::{ObjectError, Objects};
use crate::objects::thumbnail::{self, Picture, Small};
use crate::protocol::refusal::{Code, Refusal};

/// Pieces of a body that may wait for the disk.
const FEED: usize = 4;
/// What one who is turned away should wait, in milliseconds.
const BUSY_RETRY_MS: u64 = 2_000;

/// How uploads are taken. Cheap to clone; all clones share their limits.
#[derive(Debug, Clone)]
pub struct Intake {
    places: Arc<Semaphore>,
    /// Of them at most half are the public's.
    public_places: Arc<Semaphore>,
    painters: Arc<Semaphore>,
    pub max_bytes: u64,
    pub waiting_bytes: i64,
    types: Arc<[String]>,
    stall: Duration,
    pub max_pixels: u64,
    /// Largest picture of a person or a conversation.
    pub avatar_bytes: u64,
}

/// A file somebody wants to upload.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// `None` for the public.
    pub uploader: Option<UserId>,
    pub name: String,
    /// In bytes, when it is known beforehand.
    pub size: Option<u64>,
    /// In hexadecimal; what arrives must have it.
    pub sha256: Option<String>,
    /// Largest size taken.
    pub max_bytes: u64,
    /// Types taken beside what the settings allow; empty is all of them.
    pub types: &'static [&'static str],
    /// Of which pictures a small copy is made.
    pub small: Small,
}

/// What a client is told when the store fails; the cause is for the log.
pub fn broken(fault: ObjectError) -> Refusal {
    match fault {
        ObjectError::Missing => Refusal::not_found(),
        ObjectError::Full => {
            error!("the disk of the attachments is full");
            Refusal::unavailable(60_000)
        }
        ObjectError::Broken(cause) => {
            error!("the object store failed cause={cause}");
            Refusal::internal()
        }
    }
}

fn too_large(limit: u64) -> Refusal {
    let rule = format!("at most {limit} bytes");
    Refusal { code: Code::TooLarge, ..Refusal::field("body", rule) }
}

impl Intake {
    /// An intake as configured.
    pub fn new(config: &Config) -> Self {
        Self {
            places: Arc::new(Semaphore::new(config.uploads_at_once)),
            public_places: Arc::new(Semaphore::new(config.uploads_at_once.div_ceil(2))),
            painters: Arc::new(Semaphore::new(config.picture_threads)),
            max_bytes: config.attachment_max_size as u64,
            waiting_bytes: i64::try_from(config.uploads_waiting_size).unwrap_or(i64::MAX),
            types: config.attachment_types.clone().into(),
            stall: config.upload_stall,
            max_pixels: config.picture_max_pixels as u64,
            avatar_bytes: config.avatar_max_size as u64,
        }
    }

    /// A place among those who upload now.
    ///
    /// # Errors
    /// `unavailable` when all are taken.
    pub fn enter(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        place.map_err(|_| Refusal::unavailable(BUSY_RETRY_MS))
    }

    /// The public's place beside it, for who is not signed in.
    fn enter_as(&self, uploader: Option<UserId>) -> Result<Option<OwnedSemaphorePermit>, Refusal> {
        if uploader.is_some() {
            return Ok(None);
        }
        let place = Arc::clone(&self.public_places).try_acquire_owned();
        place.map(Some).map_err(|_| Refusal::unavailable(BUSY_RETRY_MS))
    }

    /// Whether this may be uploaded, by the settings and the wish.
    ///
    /// # Errors
    /// `bad_request` naming the type that was found.
    pub fn check_type(&self, content_type: &str, wished: &[&str]) -> Result<(), Refusal> {
        let is_wished = wished.is_empty() || wished.contains(&content_type);
        if is_wished && sniff::is_allowed(&self.types, content_type) {
            return Ok(());
        }
        let known = if wished.is_empty() { self.types.join(", ") } else { wished.join(", ") };
        Err(Refusal::field("body", format!("one of {known}; these bytes are {content_type}")))
    }

    /// Takes a whole file from one body, as a public form or a client's single request brings it.
    ///
    /// # Errors
    /// `too_large`, `bad_request` for a type, a checksum or a body cut short, `unavailable` when
    /// too many upload. Nothing is left of a file that was refused.
    pub async fn take<E: std::fmt::Display>(
        &self,
        house: &Arc<House>,
        wish: Wish,
        body: impl Stream<Item = Result<Bytes, E>>,
    ) -> Result<AttachmentRow, Refusal> {
        let place = (self.enter()?, self.enter_as(wish.uploader)?);
        let limit = wish.max_bytes;
        if wish.size.is_some_and(|size| size > limit) {
            return Err(too_large(limit));
        }
        let row = self.announce(house, &wish).await?;
        let (intake, house) = (self.clone(), Arc::clone(house));
        let work = move |fed: Fed| async move {
            let _place = place;
            let (id, key, small) = (row.id, row.object_key.clone(), row.thumbnail_key());
            let taken = intake.take_whole(&house, row, wish, fed).await;
            if taken.is_err() {
                for key in [key, small] {
                    drop(house.objects.remove(&key).await);
                }
                discard(&house, id).await;
            }
            taken
        };
        let (pumped, taken) = self.feed(body, limit, work).await;
        // What was wrong with the body says more than that it ended early.
        pumped.and(taken)
    }

    /// Notes a file that is about to come.
    ///
    /// # Errors
    /// `too_large` when too much of this person's waits to be sent.
    pub async fn announce(&self, house: &House, wish: &Wish) -> Result<AttachmentRow, Refusal> {
        let new = NewAttachment {
            object_key: new_key(),
            uploader: wish.uploader,
            name: file_name(&wish.name),
            size: i64::try_from(wish.size.unwrap_or(0)).unwrap_or(i64::MAX),
            sha256: wish.sha256.clone(),
            at: clock::now_naive(),
        };
        let most = self.waiting_bytes;
        let announced = house.lane.write(move |conn| -> Result<_, Fault> {
            check_room(conn, &new, most)?;
            let id = attachment::begin(conn, &new)?;
            attachment::by_id(conn, id)?.ok_or_else(|| Refusal::internal().into())
        });
        announced.await
    }

    async fn take_whole(
        &self,
        house: &Arc<House>,
        row: AttachmentRow,
        wish: Wish,
        fed: Fed,
    ) -> Result<AttachmentRow, Refusal> {
        let check = |head: &[u8]| self.check_type(sniff::content_type(head), wish.types);
        let brought = fed.swallow(&house.objects, &row.object_key, check).await?;
        let content = brought.content.clone();
        let wanted = wish.sha256.as_ref().is_none_or(|wanted| *wanted == content.sha256);
        let refusal = if !brought.is_whole || content.size == 0 {
            Some(Refusal::field("body", "a whole file of at least one byte"))
        } else if !wanted {
            Some(Refusal::field("sha256", "the checksum of what arrived"))
        } else {
            check(&content.head).err()
        };
        if let Some(refusal) = refusal {
            brought.drop_it().await;
            return Err(refusal);
        }
        brought.keep().await?;
        self.conclude(house, &row, content, wish.small).await
    }

    /// A body's bytes into the feed, until it ends, is too large or brings nothing for too long.
    ///
    /// # Errors
    /// `too_large`, or `bad_request` for a body cut short.
    async fn pump<E: std::fmt::Display>(
        &self,
        body: impl Stream<Item = Result<Bytes, E>>,
        feed: Sender<Feed>,
        limit: u64,
    ) -> Result<(), Refusal> {
        let mut body = pin!(body);
        let mut left = limit;
        let cut = || Refusal::field("body", "a whole file; it was cut short");
        loop {
            let next = tokio::time::timeout(self.stall, body.next()).await.map_err(|_| cut())?;
            let Some(piece) = next else { break };
            let piece = piece.map_err(|_| cut())?;
            left = left.checked_sub(piece.len() as u64).ok_or_else(|| too_large(limit))?;
            if feed.send(Feed::Bytes(piece)).await.is_err() {
                // The work has ended and will say why.
                return Ok(());
            }
        }
        let _ = feed.send(Feed::End).await;
        Ok(())
    }

    /// One body into one object for whoever takes at the other end; for parts of an upload.
    ///
    /// # Errors
    /// Those of the body; `brought` has ended by then.
    pub async fn feed<E, T, F>(
        &self,
        body: impl Stream<Item = Result<Bytes, E>>,
        limit: u64,
        work: impl FnOnce(Fed) -> F + 'static,
    ) -> (Result<(), Refusal>, Result<T, Refusal>)
    where
        E: std::fmt::Display,
        T: 'static,
        F: Future<Output = Result<T, Refusal>> + 'static,
    {
        let (feed, fed) = mpsc::channel(FEED);
        let working = rt::spawn(async move { work(Fed::new(fed)).await });
        let pumped = self.pump(body, feed, limit).await;
        (pumped, working.await.unwrap_or_else(|_| Err(Refusal::internal())))
    }

    /// The object is there: looks at it, makes its small picture and says that it is ready.
    ///
    /// # Errors
    /// When the object cannot be read or the database failed.
    pub async fn conclude(
        &self,
        house: &Arc<House>,
        row: &AttachmentRow,
        content: Content,
        small: Small,
    ) -> Result<AttachmentRow, Refusal> {
        let Content { size, sha256, head } = content;
        let content_type = sniff::content_type(&head).to_owned();
        let picture = match sniff::is_picture(&content_type) {
            true => self.look(&house.objects, &row.object_key, small).await?,
            false => None,
        };
        let side = |side: u32| i32::try_from(side).ok();
        let mut arrived = Arrived {
            content_type,
            size: i64::try_from(size).unwrap_or(i64::MAX),
            sha256,
            width: picture.as_ref().and_then(|picture| side(picture.width)),
            height: picture.as_ref().and_then(|picture| side(picture.height)),
            thumbnail_type: None,
        };
        if let Some(small) = picture.and_then(|picture| picture.thumbnail) {
            let mut writing = house.objects.begin(&row.thumbnail_key()).await.map_err(broken)?;
            writing.write(small.bytes.into()).await.map_err(broken)?;
            writing.finish().await.map_err(broken)?;
            arrived.thumbnail_type = Some(small.content_type.to_owned());
        }
        let id = row.id;
        let ready = house.lane.write(move |conn| -> Result<_, Fault> {
            attachment::finish(conn, id, &arrived, clock::now_naive())?;
            let row = attachment::by_id(conn, id)?.filter(AttachmentRow::is_ready);
            row.ok_or_else(|| Refusal::not_found().into())
        });
        ready.await
    }

    /// Decoding takes processor and memory: a few at a time, off the workers.
    async fn look(
        &self,
        objects: &Objects,
        key: &str,
        small: Small,
    ) -> Result<Option<Picture>, Refusal> {
        let painter = Arc::clone(&self.painters).acquire_owned().await;
        let painter = painter.map_err(|_| Refusal::unavailable(BUSY_RETRY_MS))?;
        let file = objects.file(key).await.map_err(broken)?;
        let max_pixels = self.max_pixels;
        let looking = tokio::task::spawn_blocking(move || {
            let _painter = painter;
            thumbnail::look(file, max_pixels, small)
        });
        // A decoder that panics has found a picture that is none.
        Ok(looking.await.unwrap_or_else(|fault| {
            error!("a picture could not be looked at cause={fault}");
            None
        }))
    }
}

fn check_room(conn: &mut DbConn, new: &NewAttachment, most: i64) -> Result<(), Fault> {
    let Some(uploader) = new.uploader else { return Ok(()) };
    let waiting = attachment::waiting_bytes(conn, uploader)?;
    if waiting.saturating_add(new.size.max(1)) <= most {
        return Ok(());
    }
    let rule = format!("at most {most} bytes uploaded and not sent; {waiting} are");
    Err(Refusal { code: Code::TooLarge, ..Refusal::field("size", rule) }.into())
}

/// Removes what there is of a file that nothing keeps, now rather than in the next sweep.
pub async fn discard(house: &House, id: AttachmentId) {
    let doomed = house.lane.write(move |conn| -> Result<_, Fault> {
        Ok(attachment::doom(conn, id, clock::now_naive())?)
    });
    let swept = match doomed.await {
        Ok(true) => crate::actors::attachments::sweep(house).await,
        Ok(false) => Ok(()),
        Err(refusal) => Err(refusal),
    };
    if let Err(refusal) = swept {
        warn!("a file was not removed and will be tried again cause={refusal}");
    }
}
