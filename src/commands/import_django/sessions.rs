//! SimpleJWT's outstanding refresh tokens, those on its blacklist revoked.

use std::collections::HashSet;

use crate::auth::secret;
use crate::clock;
use crate::commands::failure::Failure;
use crate::commands::import_django::Import;
use crate::commands::import_django::people::People;
use crate::commands::import_django::reading::{moment, text};
use crate::ids::LoginId;
use crate::models::error::StoreError;
use crate::models::foreign::Query;
use crate::models::imported::{self, Source};
use crate::models::login::{self, NewLogin};
use crate::models::store::{DbConn, transaction};

const OUTSTANDING: &str = "token_blacklist_outstandingtoken";
const BLACKLISTED: &str = "token_blacklist_blacklistedtoken";

fn query(table: &str, columns: &[(&'static str, &str)]) -> Query {
    let columns = columns.iter().map(|&(name, column)| (name, column.to_owned())).collect();
    Query { table: table.to_owned(), columns, order: vec!["id".to_owned()] }
}

/// Makes a sign-in of each token that has not expired; a blacklisted one is revoked, also when it
/// was brought over before it was blacklisted.
///
/// # Errors
/// When a database fails.
pub fn bring(import: &mut Import<'_>, conn: &mut DbConn, people: &People) -> Result<(), Failure> {
    if !import.tables.contains_key(OUTSTANDING) || !import.tables.contains_key(BLACKLISTED) {
        return Ok(());
    }
    let mut blacklist = HashSet::new();
    import.from.read(&query(BLACKLISTED, &[("token", "token_id")]), |batch| {
        blacklist.extend(batch.iter().filter_map(|row| text(row, "token")));
        Ok(())
    })?;
    let source = Source { origin: &import.mapping.name, table: OUTSTANDING };
    let known = imported::known(conn, source)?;
    let now = clock::now_naive();
    let columns = [
        ("id", "id"),
        ("token", "token"),
        ("user", "user_id"),
        ("created_at", "created_at"),
        ("expires_at", "expires_at"),
    ];
    let (report, mut expired) = (&mut import.report, 0_u64);
    import.from.read(&query(OUTSTANDING, &columns), |batch| {
        transaction(conn, |conn| {
            for row in &batch {
                let Some(id) = text(row, "id") else { continue };
                let is_revoked = blacklist.contains(&id);
                if let Some(&login) = known.get(&id) {
                    report.known("sign-ins");
                    if is_revoked {
                        login::revoke(conn, LoginId(login), now)?;
                    }
                    continue;
                }
                let read = moment(row, "expires_at").ok().flatten();
                let Some(expires_at) = read.filter(|at| *at > now) else {
                    expired += 1;
                    continue;
                };
                let user = text(row, "user").and_then(|user| people.get(&user));
                let (Some(user), Some(token)) = (user, text(row, "token")) else {
                    report.trouble(OUTSTANDING, &id, "its user was not brought over");
                    continue;
                };
                let created_at = moment(row, "created_at").ok().flatten().unwrap_or(now);
                let hash = secret::hash_at_rest(&token);
                let made = sign_in(conn, user, &hash, created_at, expires_at)?;
                if is_revoked {
                    login::revoke(conn, made, now)?;
                }
                imported::note(conn, source, &id, made.0, now)?;
                report.counted("sign-ins");
            }
            Ok(())
        })
    })?;
    if expired > 0 {
        report.remark(&format!("{OUTSTANDING}: {expired} expired tokens stay behind"));
    }
    Ok(())
}

fn sign_in(
    conn: &mut DbConn,
    user: crate::ids::UserId,
    token_hash: &str,
    created_at: chrono::NaiveDateTime,
    expires_at: chrono::NaiveDateTime,
) -> Result<LoginId, StoreError> {
    let new = NewLogin {
        user,
        cookie_hash: None,
        client_ip: "",
        user_agent: "brought over from Django",
        created_at,
        expires_at,
        ends_at: expires_at,
    };
    let made = login::insert(conn, new)?;
    login::add_refresh(conn, made, token_hash, created_at, expires_at)?;
    Ok(made)
}
