//! What hangs on messages: reactions, and files out of the project's media folder.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use chrono::NaiveDateTime;
use sha2::{Digest, Sha256};
use tokio::runtime::Runtime;

use crate::auth::secret;
use crate::clock;
use crate::commands::failure::Failure;
use crate::commands::import_django::Import;
use crate::commands::import_django::mapping::{self, ExtraTable};
use crate::commands::import_django::people::People;
use crate::commands::import_django::reading::{moment, text, words};
use crate::config::Config;
use crate::http::file_names::{file_name, new_key};
use crate::ids::{AttachmentId, MessageId, UserId};
use crate::models::attachment::{self, Arrived, AttachmentRow, NewAttachment};
use crate::models::error::StoreError;
use crate::models::foreign::Row;
use crate::models::imported::{self, Source};
use crate::models::message::{self, MessageRow};
use crate::models::reaction;
use crate::models::store::{DbConn, transaction};
use crate::objects::sniff;
use crate::objects::store::{ObjectError, Objects};
use crate::objects::thumbnail::{self, Small};
use crate::protocol::emoji;

/// Bytes of a file read at a time.
const PIECE_BYTES: usize = 256 << 10;

/// The messages that rows of a batch hang on, by their ids there.
fn messages_of(
    conn: &mut DbConn,
    origin: &str,
    table: &ExtraTable,
    batch: &[Row],
) -> Result<HashMap<String, MessageRow>, StoreError> {
    let ids: Vec<String> = batch.iter().filter_map(|row| text(row, "message")).collect();
    let known = imported::among(conn, Source { origin, table: &table.messages }, &ids)?;
    let mut found = HashMap::with_capacity(known.len());
    for (id, local) in known {
        let here = message::by_id(conn, MessageId(local))?;
        found.extend(here.filter(|row| row.deleted_at.is_none()).map(|row| (id, row)));
    }
    Ok(found)
}

/// Brings over who put which emoji under which message.
///
/// # Errors
/// When a database fails, or the mapping file names what is not there.
pub(super) fn reactions(
    import: &mut Import<'_>,
    conn: &mut DbConn,
    people: &People,
    table: &ExtraTable,
) -> Result<(), Failure> {
    let query = mapping::query(import.tables, &table.table, mapping::REACTION, &table.columns)?;
    let (report, origin) = (&mut import.report, &import.mapping.name);
    import.from.read(&query, |batch| {
        transaction(conn, |conn| {
            let messages = messages_of(conn, origin, table, &batch)?;
            for row in &batch {
                let of = text(row, "message").unwrap_or_default();
                let who = text(row, "user").unwrap_or_default();
                let said = text(row, "emoji").unwrap_or_default();
                let id = format!("{of}/{who}");
                let (Some(message), Some(user)) = (messages.get(&of), people.get(&who)) else {
                    let why = "its message or its user was not brought over";
                    report.trouble(&table.table, &id, why);
                    continue;
                };
                let Some(emoji) = emoji::read(&said) else {
                    report.trouble(&table.table, &id, &format!("{said:?} is no emoji"));
                    continue;
                };
                let at = moment(row, "created_at").ok().flatten().unwrap_or(message.created_at);
                match reaction::add(conn, message.id, user, &emoji, at)? {
                    true => report.counted("reactions"),
                    false => report.known("reactions"),
                }
            }
            Ok(())
        })
    })?;
    Ok(())
}

/// The project's media folder, and where its files go.
pub(super) struct Shelf {
    media: PathBuf,
    objects: Objects,
    runtime: Runtime,
    max_pixels: u64,
    pub(super) is_dry_run: bool,
}

impl Shelf {
    /// Opens both.
    ///
    /// # Errors
    /// A sentence naming the folder.
    pub(super) fn open(media: &Path, config: &Config, is_dry_run: bool) -> Result<Self, Failure> {
        let media = media
            .canonicalize()
            .map_err(|fault| Failure(format!("--media: {}: {fault}", media.display())))?;
        let objects = Objects::new(config.attachments_folder()).map_err(Failure)?;
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.map_err(|fault| Failure(fault.to_string()))?;
        let max_pixels = config.picture_max_pixels as u64;
        Ok(Self { media, objects, runtime, max_pixels, is_dry_run })
    }

    /// The file that a row names, which must lie within the media folder.
    pub(super) fn find(&self, named: &str) -> Result<PathBuf, String> {
        let named = Path::new(named);
        if !named.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err("its path leaves the media folder".to_owned());
        }
        let found = self.media.join(named).canonicalize();
        let found = found.map_err(|_| format!("there is no file {}", named.display()))?;
        match found.starts_with(&self.media) && found.is_file() {
            true => Ok(found),
            false => Err("its path leads to no file of the media folder".to_owned()),
        }
    }

    /// Copies a file to where `row` says, and looks at it.
    fn keep(&self, path: &Path, row: &AttachmentRow, small: Small) -> Result<Arrived, ObjectError> {
        self.runtime.block_on(async {
            let mut file = File::open(path)?;
            let mut writing = self.objects.begin(&row.object_key).await?;
            let (mut hash, mut size, mut head) = (Sha256::new(), 0_i64, Vec::new());
            let mut piece = vec![0; PIECE_BYTES];
            loop {
                let read = file.read(&mut piece)?;
                if read == 0 {
                    break;
                }
                hash.update(&piece[..read]);
                size += i64::try_from(read).unwrap_or(0);
                let missing = sniff::HEAD_BYTES - head.len();
                head.extend_from_slice(&piece[..read.min(missing)]);
                writing.write(Bytes::copy_from_slice(&piece[..read])).await?;
            }
            writing.finish().await?;
            let content_type = sniff::content_type(&head).to_owned();
            let picture = match sniff::is_picture(&content_type) {
                true => thumbnail::look(File::open(path)?, self.max_pixels, small),
                false => None,
            };
            let side = |side: u32| i32::try_from(side).ok();
            let mut arrived = Arrived {
                content_type,
                size,
                sha256: secret::hex(&hash.finalize()),
                width: picture.as_ref().and_then(|picture| side(picture.width)),
                height: picture.as_ref().and_then(|picture| side(picture.height)),
                thumbnail_type: None,
            };
            if let Some(small) = picture.and_then(|picture| picture.thumbnail) {
                let mut writing = self.objects.begin(&row.thumbnail_key()).await?;
                writing.write(small.bytes.into()).await?;
                writing.finish().await?;
                arrived.thumbnail_type = Some(small.content_type.to_owned());
            }
            Ok(arrived)
        })
    }

    /// Copies one file that nothing keeps yet: the row first, then the object, then what it is.
    /// Answers which it is, and whether there is a small picture of it.
    pub(super) fn copy(
        &self,
        conn: &mut DbConn,
        (path, name): (&Path, &str),
        uploader: Option<UserId>,
        small: Small,
        at: NaiveDateTime,
    ) -> Result<Result<(AttachmentId, bool), String>, StoreError> {
        let new = NewAttachment {
            object_key: new_key(),
            uploader,
            name: file_name(name),
            size: 0,
            sha256: None,
            at,
        };
        let row = transaction(conn, |conn| {
            let id = attachment::begin(conn, &new)?;
            attachment::by_id(conn, id)?.ok_or(StoreError::Missing)
        })?;
        let arrived = match self.keep(path, &row, small) {
            Ok(arrived) => arrived,
            Err(fault) => return Ok(Err(format!("its file cannot be copied: {fault}"))),
        };
        transaction(conn, |conn| attachment::finish(conn, row.id, &arrived, at))?;
        Ok(Ok((row.id, arrived.thumbnail_type.is_some())))
    }

    /// Brings one file to its message.
    fn bring(
        &self,
        conn: &mut DbConn,
        named: (&Path, &str),
        message: &MessageRow,
        at: NaiveDateTime,
    ) -> Result<Result<i64, String>, StoreError> {
        let copied = self.copy(conn, named, message.sender_id, Small::OfLarge, at)?;
        let (file, _) = match copied {
            Ok(copied) => copied,
            Err(why) => return Ok(Err(why)),
        };
        transaction(conn, |conn| attachment::attach(conn, message.id, &[file], at))?;
        Ok(Ok(file.0))
    }
}

/// Brings over the files of messages, copied out of the media folder.
///
/// # Errors
/// When a database fails, or the mapping file names what is not there.
pub(super) fn files(
    import: &mut Import<'_>,
    conn: &mut DbConn,
    table: &ExtraTable,
) -> Result<(), Failure> {
    let query = mapping::query(import.tables, &table.table, mapping::FILE, &table.columns)?;
    let Some(shelf) = import.shelf else {
        let count = import.from.count(&table.table)?;
        let name = &table.table;
        let why = "stay behind; name the folder of the files with --media";
        import.report.remark(&format!("{name}: {count} rows {why}"));
        return Ok(());
    };
    let (report, origin) = (&mut import.report, &import.mapping.name);
    // The same table may hold messages, whose ids are noted under its own name.
    let noted_as = format!("{}:files", table.table);
    let source = Source { origin, table: &noted_as };
    import.from.read(&query, |batch| {
        let messages = messages_of(conn, origin, table, &batch)?;
        let ids: Vec<String> = batch.iter().filter_map(|row| text(row, "id")).collect();
        let known = imported::among(conn, source, &ids)?;
        for row in &batch {
            let (Some(id), Some(named)) = (text(row, "id"), words(row, "file")) else { continue };
            if known.contains_key(&id) {
                report.known("files");
                continue;
            }
            let message = text(row, "message").and_then(|of| messages.get(&of));
            let Some(message) = message else {
                report.trouble(&table.table, &id, "its message was not brought over");
                continue;
            };
            let path = match shelf.find(&named) {
                Ok(path) => path,
                Err(why) => {
                    report.trouble(&table.table, &id, &why);
                    continue;
                }
            };
            if shelf.is_dry_run {
                report.counted("files");
                continue;
            }
            let name = words(row, "name").unwrap_or(named);
            match shelf.bring(conn, (&path, &name), message, message.created_at)? {
                Ok(made) => {
                    imported::note(conn, source, &id, made, clock::now_naive())?;
                    report.counted("files");
                }
                Err(why) => report.trouble(&table.table, &id, &why),
            }
        }
        Ok(())
    })?;
    Ok(())
}
