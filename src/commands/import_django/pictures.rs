//! Pictures of people, copied out of the project's media folder.

use chrono::NaiveDateTime;

use crate::actors::pictures::own_path;
use crate::clock;
use crate::commands::failure::Failure;
use crate::commands::import_django::Import;
use crate::commands::import_django::extras::Shelf;
use crate::commands::import_django::mapping::{self, PictureTable};
use crate::commands::import_django::people::People;
use crate::commands::import_django::reading::{text, words};
use crate::ids::{AttachmentId, UserId};
use crate::models::attachment;
use crate::models::error::StoreError;
use crate::models::imported::{self, Source};
use crate::models::profile::{self, Profile};
use crate::models::store::{DbConn, transaction};
use crate::objects::thumbnail::Small;

/// Brings over what people look like. Whoever has a picture here keeps it.
///
/// # Errors
/// When a database fails, or the mapping file names what is not there.
pub(super) fn bring(
    import: &mut Import<'_>,
    conn: &mut DbConn,
    people: &People,
    table: &PictureTable,
) -> Result<(), Failure> {
    let query = mapping::query(import.tables, &table.table, mapping::PICTURE, &table.columns)?;
    let Some(shelf) = import.shelf else {
        let name = &table.table;
        let why = "stay behind; name the folder of the files with --media";
        import.report.remark(&format!("{name}: pictures of people {why}"));
        return Ok(());
    };
    let (report, origin) = (&mut import.report, &import.mapping.name);
    // The same table may hold the people, whose ids are noted under its own name.
    let noted_as = format!("{}:pictures", table.table);
    let source = Source { origin, table: &noted_as };
    import.from.read(&query, |batch| {
        let ids: Vec<String> = batch.iter().filter_map(|row| text(row, "user")).collect();
        let known = imported::among(conn, source, &ids)?;
        for row in &batch {
            let (Some(id), Some(named)) = (text(row, "user"), words(row, "file")) else { continue };
            if known.contains_key(&id) {
                report.known("pictures");
                continue;
            }
            let Some(user) = people.get(&id) else {
                report.trouble(&table.table, &id, "its user was not brought over");
                continue;
            };
            match bring_one(shelf, conn, user, &named)? {
                Ok(file) => {
                    if let Some(file) = file {
                        imported::note(conn, source, &id, file.0, clock::now_naive())?;
                    }
                    report.counted("pictures");
                }
                Err(why) => report.trouble(&table.table, &id, &why),
            }
        }
        Ok(())
    })?;
    Ok(())
}

/// Brings one picture: the file that was kept, none in a dry run; or why not.
fn bring_one(
    shelf: &Shelf,
    conn: &mut DbConn,
    user: UserId,
    named: &str,
) -> Result<Result<Option<AttachmentId>, String>, StoreError> {
    if profile::of(conn, user)?.avatar.is_some() {
        return Ok(Err("its user has a picture here already".to_owned()));
    }
    let path = match shelf.find(named) {
        Ok(path) => path,
        Err(why) => return Ok(Err(why)),
    };
    if shelf.is_dry_run {
        return Ok(Ok(None));
    }
    let at = clock::now_naive();
    let (file, has_small) = match shelf.copy(conn, (&path, named), Some(user), Small::OfAll, at)? {
        Ok(copied) => copied,
        Err(why) => return Ok(Err(why)),
    };
    if !has_small {
        attachment::doom(conn, file, at)?;
        return Ok(Err("its file is no picture that can be read".to_owned()));
    }
    transaction(conn, |conn| portray(conn, user, file, at))?;
    Ok(Ok(Some(file)))
}

fn portray(
    conn: &mut DbConn,
    user: UserId,
    file: AttachmentId,
    at: NaiveDateTime,
) -> Result<(), StoreError> {
    attachment::hold(conn, file, Some(user), &profile::picture_holder(user), at)?;
    let shown = Profile { avatar: Some(own_path(user, file)), ..profile::of(conn, user)? };
    profile::save(conn, &shown, at)
}
