//! Objects in a folder, behind `object_store`: written in pieces, read in ranges, flushed to disk
//! before they count as there.

use std::fs::{DirBuilder, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{GetResultPayload, ObjectStoreExt, WriteMultipart};
use tokio::task::spawn_blocking;

/// Bytes gathered before they are handed to the disk.
const PIECE_BYTES: usize = 256 << 10;
/// Pieces on their way to the disk at once.
const PIECES_AT_ONCE: usize = 2;
/// Bytes read at a time.
const READ_BYTES: usize = 64 << 10;

/// An object that could not be written, read or removed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// There is no such object.
    #[error("no such object")]
    Missing,
    /// The disk has no room.
    #[error("the disk of the attachments is full")]
    Full,
    /// Anything else. The text is for the log, never for a client.
    #[error("{0}")]
    Broken(String),
}

impl From<std::io::Error> for ObjectError {
    fn from(fault: std::io::Error) -> Self {
        match fault.kind() {
            ErrorKind::NotFound => Self::Missing,
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Broken(fault.to_string()),
        }
    }
}

impl From<object_store::Error> for ObjectError {
    fn from(fault: object_store::Error) -> Self {
        if matches!(fault, object_store::Error::NotFound { .. }) {
            return Self::Missing;
        }
        let mut below: Option<&(dyn std::error::Error + 'static)> = Some(&fault);
        while let Some(cause) = below {
            if let Some(io) = cause.downcast_ref::<std::io::Error>()
                && matches!(io.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
            {
                return Self::Full;
            }
            below = cause.source();
        }
        Self::Broken(fault.to_string())
    }
}

/// A handle to all objects. Cheap to clone. The folder is made when the first object is.
#[derive(Debug, Clone)]
pub struct Objects {
    folder: PathBuf,
    opened: Arc<OnceLock<LocalFileSystem>>,
}

impl Objects {
    /// Objects in `folder`, which need not be there yet.
    ///
    /// # Errors
    /// A sentence when something else than a folder stands there.
    pub fn new(folder: PathBuf) -> Result<Self, String> {
        if folder.exists() && !folder.is_dir() {
            let shown = folder.display();
            return Err(format!("ATTACHMENTS_URL: {shown} is there already and is no folder"));
        }
        let objects = Self { folder, opened: Arc::default() };
        if objects.folder.is_dir() {
            objects.files().map_err(|fault| format!("ATTACHMENTS_URL: {fault}"))?;
        }
        Ok(objects)
    }

    /// Where they are.
    pub fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    fn files(&self) -> Result<&LocalFileSystem, ObjectError> {
        if let Some(files) = self.opened.get() {
            return Ok(files);
        }
        if !self.folder.is_dir() {
            return Err(ObjectError::Missing);
        }
        let files = LocalFileSystem::new_with_prefix(&self.folder)?.with_fsync(true);
        Ok(self.opened.get_or_init(|| files))
    }

    /// Begins a new object. It is there once [`Writing::finish`] says so, and not before.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub async fn begin(&self, key: &str) -> Result<Writing, ObjectError> {
        if self.opened.get().is_none() {
            DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        }
        let upload = self.files()?.put_multipart(&Path::from(key)).await?;
        Ok(Writing(WriteMultipart::new_with_chunk_size(upload, PIECE_BYTES)))
    }

    /// Gives an object another key.
    ///
    /// # Errors
    /// `Missing` when there is none.
    pub async fn rename(&self, from: &str, to: &str) -> Result<(), ObjectError> {
        Ok(self.files()?.rename(&Path::from(from), &Path::from(to)).await?)
    }

    /// The file of an object, for readers that must move about in it.
    ///
    /// # Errors
    /// `Missing` when there is none.
    pub async fn file(&self, key: &str) -> Result<File, ObjectError> {
        match self.files()?.get(&Path::from(key)).await?.payload {
            GetResultPayload::File(file, _) => Ok(file),
            GetResultPayload::Stream(_) => Err(ObjectError::Broken("not a file".to_owned())),
        }
    }

    /// A range of an object's bytes, read as they are asked for.
    ///
    /// # Errors
    /// `Missing` when there is none.
    pub async fn read(
        &self,
        key: &str,
        range: Range<u64>,
    ) -> Result<impl Stream<Item = Result<Bytes, ObjectError>> + Send + 'static, ObjectError> {
        let mut file = self.file(key).await?;
        let left = range.end.saturating_sub(range.start);
        let file = spawn_blocking(move || file.seek(SeekFrom::Start(range.start)).map(|_| file));
        let file = file.await.map_err(|fault| ObjectError::Broken(fault.to_string()))??;
        Ok(stream::try_unfold((file, left), |(file, left)| async move {
            if left == 0 {
                return Ok(None);
            }
            let reading = spawn_blocking(move || piece(file, left));
            let (file, bytes) =
                reading.await.map_err(|fault| ObjectError::Broken(fault.to_string()))??;
            if bytes.is_empty() {
                return Err(ObjectError::Broken("an object is shorter than its row".to_owned()));
            }
            let left = left - bytes.len() as u64;
            Ok(Some((bytes, (file, left))))
        }))
    }

    /// Removes an object; one that is not there is removed.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub async fn remove(&self, key: &str) -> Result<(), ObjectError> {
        let removed = match self.files() {
            Ok(files) => files.delete(&Path::from(key)).await.map_err(ObjectError::from),
            Err(fault) => Err(fault),
        };
        match removed {
            Err(ObjectError::Missing) => Ok(()),
            removed => removed,
        }
    }
}

fn piece(mut file: File, left: u64) -> std::io::Result<(File, Bytes)> {
    let size = usize::try_from(left).unwrap_or(READ_BYTES).min(READ_BYTES);
    let mut bytes = vec![0; size];
    let read = file.read(&mut bytes)?;
    bytes.truncate(read);
    Ok((file, bytes.into()))
}

/// An object that is being written. Dropped unfinished, it never was.
#[derive(Debug)]
pub struct Writing(WriteMultipart);

impl Writing {
    /// Takes bytes, and waits while too many are on their way to the disk.
    ///
    /// # Errors
    /// When an earlier piece could not be written.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), ObjectError> {
        self.0.wait_for_capacity(PIECES_AT_ONCE).await?;
        self.0.put(bytes);
        Ok(())
    }

    /// Flushes to disk; then it is there.
    ///
    /// # Errors
    /// When it could not be written whole; then it is not there.
    pub async fn finish(self) -> Result<(), ObjectError> {
        self.0.finish().await?;
        Ok(())
    }

    /// Gives it up.
    ///
    /// # Errors
    /// When what was written so far cannot be removed.
    pub async fn abort(self) -> Result<(), ObjectError> {
        Ok(self.0.abort().await?)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt;

    use super::*;

    async fn keep(objects: &Objects, key: &str, pieces: &[&[u8]]) {
        let mut writing = objects.begin(key).await.unwrap();
        for piece in pieces {
            writing.write(Bytes::copy_from_slice(piece)).await.unwrap();
        }
        writing.finish().await.unwrap();
    }

    async fn all(objects: &Objects, key: &str, range: Range<u64>) -> Result<Vec<u8>, ObjectError> {
        let read: Vec<Bytes> = objects.read(key, range).await?.try_collect().await?;
        Ok(read.concat())
    }

    fn files_in(folder: &std::path::Path) -> usize {
        let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
        let count = |path: PathBuf| if path.is_dir() { files_in(&path) } else { 1 };
        entries.flatten().map(|entry| count(entry.path())).sum()
    }

    #[tokio::test]
    async fn what_is_finished_is_read_whole_or_in_ranges_and_can_be_removed_twice() {
        let folder = tempfile::tempdir().unwrap();
        let objects = Objects::new(folder.path().join("objects")).unwrap();
        assert_eq!(all(&objects, "ab/c", 0..1).await, Err(ObjectError::Missing));
        objects.remove("ab/c").await.unwrap();
        keep(&objects, "ab/c", &[b"hello ", b"world"]).await;
        assert_eq!(all(&objects, "ab/c", 0..11).await.unwrap(), b"hello world");
        assert_eq!(all(&objects, "ab/c", 6..11).await.unwrap(), b"world");
        objects.rename("ab/c", "ab/d").await.unwrap();
        assert_eq!(all(&objects, "ab/c", 0..1).await, Err(ObjectError::Missing));
        objects.remove("ab/d").await.unwrap();
        objects.remove("ab/d").await.unwrap();
        assert_eq!(files_in(objects.folder()), 0);
    }

    #[tokio::test]
    async fn more_than_one_piece_is_written_and_what_is_given_up_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let objects = Objects::new(folder.path().join("objects")).unwrap();
        let piece = vec![7_u8; 100_000];
        let pieces: Vec<&[u8]> = (0..20).map(|_| piece.as_slice()).collect();
        keep(&objects, "big", &pieces).await;
        let read = all(&objects, "big", 0..2_000_000).await.unwrap();
        assert!(read.len() == 2_000_000 && read.iter().all(|byte| *byte == 7));
        let mut writing = objects.begin("given-up").await.unwrap();
        writing.write(Bytes::from(piece)).await.unwrap();
        writing.abort().await.unwrap();
        assert_eq!(files_in(objects.folder()), 1);
    }

    #[test]
    fn a_file_in_the_place_of_the_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("objects");
        std::fs::write(&file, "x").unwrap();
        assert!(Objects::new(file).unwrap_err().contains("no folder"));
    }
}
