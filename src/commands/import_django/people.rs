//! People: the user table and what its groups say.

use std::collections::{BTreeMap, HashMap};

use crate::auth::identity::Role;
use crate::clock;
use crate::commands::createuser::check_name;
use crate::commands::failure::Failure;
use crate::commands::import_django::Import;
use crate::commands::import_django::mapping::{self, Mapping};
use crate::commands::import_django::reading::{flag, moment, text, words};
use crate::commands::import_django::report::Report;
use crate::ids::{MAX_ID, UserId};
use crate::models::error::StoreError;
use crate::models::foreign::{Foreign, Query, Row, Tables};
use crate::models::imported::{self, OldAccount, Source};
use crate::models::store::{DbConn, transaction};
use crate::models::user::{self, NewUser};

/// How Django's password hashes begin, those that can be verified here. A `!` stands for none.
const HASHES: [&str; 7] =
    ["pbkdf2_sha256$", "pbkdf2_sha1$", "argon2$", "bcrypt$", "bcrypt_sha256$", "scrypt$", "!"];

/// Who is whom.
pub struct People {
    pub table: String,
    pub groups_table: Option<String>,
    ids: HashMap<String, UserId>,
}

impl People {
    /// Who the user with this id there is here.
    pub fn get(&self, id: &str) -> Option<UserId> {
        self.ids.get(id).copied()
    }

    /// Brings everyone over.
    ///
    /// # Errors
    /// When a database fails, or there is no user table.
    pub fn bring(import: &mut Import<'_>, conn: &mut DbConn) -> Result<Self, Failure> {
        let table = user_table(import.tables, import.mapping)?;
        let query =
            mapping::query(import.tables, &table, mapping::USER, &import.mapping.users.columns)?;
        let mut groups = Groups::read(import, &table)?;
        let source = Source { origin: &import.mapping.name, table: &table };
        let known = imported::known(conn, source)?;
        let mut ids: HashMap<String, UserId> =
            known.into_iter().map(|(id, local)| (id, UserId(local))).collect();
        let mut roles = Roles { mapping: import.mapping, unknown: BTreeMap::new() };
        let report = &mut import.report;
        import.from.read(&query, |batch| {
            transaction(conn, |conn| {
                for row in &batch {
                    let Some(id) = text(row, "id") else { continue };
                    if ids.contains_key(&id) {
                        report.known("users");
                        continue;
                    }
                    let mut teller = Teller { report: &mut *report, table: &table, id: &id };
                    let role = roles.of(row, groups.of.get(&id));
                    match bring_one(conn, row, role, &mut teller)? {
                        Some((local, name)) => {
                            imported::note(conn, source, &id, local.0, clock::now_naive())?;
                            report.made("users", || format!("user {name}"));
                            ids.insert(id, local);
                        }
                        None => continue,
                    }
                }
                Ok(())
            })
        })?;
        roles.tell(report, &mut groups.unknown);
        let groups_table = groups.table;
        Ok(Self { table, groups_table, ids })
    }
}

/// The table that people are in: the one that is named, `auth_user`, or the only one that looks
/// like a user table.
fn user_table(tables: &Tables, mapping: &Mapping) -> Result<String, Failure> {
    if let Some(table) = &mapping.users.table {
        return Ok(table.clone());
    }
    let is_one = |table: &&String| {
        let columns = &tables[*table];
        ["id", "username", "password"].iter().all(|name| columns.contains(*name))
    };
    let found: Vec<&String> = tables.keys().filter(is_one).collect();
    match found.as_slice() {
        [only] => Ok((*only).clone()),
        [] => Err(Failure::new(
            "no table has columns id, username and password; name the user table in a mapping file",
        )),
        several => {
            let names: Vec<&str> = several.iter().map(|name| name.as_str()).collect();
            Err(Failure(format!(
                "{} may each be the user table; name one in a mapping file",
                names.join(", ")
            )))
        }
    }
}

/// Tells of one row.
struct Teller<'a> {
    report: &'a mut Report,
    table: &'a str,
    id: &'a str,
}

impl Teller<'_> {
    fn trouble(&mut self, why: &str) {
        self.report.trouble(self.table, self.id, why);
    }

    /// A moment, or none when what stands there is no moment, which is told.
    fn moment(&mut self, row: &Row, name: &str) -> Option<chrono::NaiveDateTime> {
        moment(row, name).unwrap_or_else(|why| {
            self.trouble(&why);
            None
        })
    }
}

fn bring_one(
    conn: &mut DbConn,
    row: &Row,
    (role, title): (Role, Option<String>),
    teller: &mut Teller<'_>,
) -> Result<Option<(UserId, String)>, StoreError> {
    let username = words(row, "username").unwrap_or_default();
    if let Err(Failure(rule)) = check_name(&username) {
        teller.trouble(&format!("not brought over, {username:?}: {rule}"));
        return Ok(None);
    }
    let password = text(row, "password").unwrap_or_default();
    if !HASHES.iter().any(|kind| password.starts_with(kind)) {
        let why = "the password's hash is of a kind that cannot be verified; reset it";
        teller.trouble(&format!("{username}: {why}"));
    }
    let new = NewUser {
        email: words(row, "email").unwrap_or_default(),
        phone: words(row, "phone"),
        first_name: words(row, "first_name").unwrap_or_default(),
        last_name: words(row, "last_name").unwrap_or_default(),
        display_name: words(row, "display_name").unwrap_or_default(),
        role,
        title: words(row, "title").or(title).unwrap_or_default(),
        is_staff: flag(row, "is_staff").unwrap_or(false),
        is_superuser: flag(row, "is_superuser").unwrap_or(false),
        ..NewUser::member(&username, &password)
    };
    let Some(made) = insert(conn, new, teller)? else { return Ok(None) };
    let wanted = text(row, "id").and_then(|id| id.parse().ok());
    let old = OldAccount {
        is_active: flag(row, "is_active").unwrap_or(true),
        is_available: flag(row, "is_available").unwrap_or(true),
        last_login: teller.moment(row, "last_login"),
        date_joined: teller.moment(row, "date_joined"),
        id: wanted.filter(|id| (1..=MAX_ID).contains(id)),
    };
    let local = imported::settle_account(conn, made, &old)?;
    if old.id.is_some_and(|id| id != local.0) {
        teller.trouble(&format!("{username} has the id {local} here, for that one was taken"));
    }
    Ok(Some((local, format!("{username} ({role})"))))
}

/// Makes the account; without its address or number when another account has that.
fn insert(
    conn: &mut DbConn,
    mut new: NewUser,
    teller: &mut Teller<'_>,
) -> Result<Option<UserId>, StoreError> {
    loop {
        let clash = match user::insert(conn, new.clone()) {
            Ok(made) => return Ok(Some(made.id)),
            Err(StoreError::Conflict(Some(clash))) => clash,
            Err(fault) => return Err(fault),
        };
        let name = new.username.clone();
        match clash.as_str() {
            "users.email" if !new.email.is_empty() => {
                let why = format!("{name} comes without {}, another account has it", new.email);
                teller.trouble(&why);
                new.email.clear();
            }
            "users.phone" if new.phone.is_some() => {
                teller.trouble(&format!("{name} comes without a number, another account has it"));
                new.phone = None;
            }
            _ => {
                teller.trouble(&format!("not brought over, an account {name} is here already"));
                return Ok(None);
            }
        }
    }
}

/// What groups people are in.
struct Groups {
    table: Option<String>,
    of: HashMap<String, Vec<String>>,
    unknown: BTreeMap<String, u64>,
}

impl Groups {
    fn read(import: &mut Import<'_>, users: &str) -> Result<Self, Failure> {
        let table = format!("{users}_groups");
        let mut groups = Self { table: None, of: HashMap::new(), unknown: BTreeMap::new() };
        let Some(columns) = import.tables.get(&table) else { return Ok(groups) };
        let Some(user) = columns.iter().find(|name| *name != "group_id" && name.ends_with("_id"))
        else {
            return Ok(groups);
        };
        let names = pairs(import.from, "auth_group", "id", "name")?;
        let names: HashMap<String, String> = names.into_iter().collect();
        for (user, group) in pairs(import.from, &table, user, "group_id")? {
            let Some(name) = names.get(&group) else { continue };
            if import.mapping.role(name).is_none() {
                *groups.unknown.entry(name.clone()).or_default() += 1;
            }
            groups.of.entry(user).or_default().push(name.clone());
        }
        groups.table = Some(table);
        Ok(groups)
    }
}

fn pairs(
    from: &mut Foreign,
    table: &str,
    one: &str,
    other: &str,
) -> Result<Vec<(String, String)>, StoreError> {
    let columns = vec![("one", one.to_owned()), ("other", other.to_owned())];
    let query = Query { table: table.to_owned(), columns, order: Vec::new() };
    let mut found = Vec::new();
    from.read(&query, |batch| {
        found.extend(batch.iter().filter_map(|row| Some((text(row, "one")?, text(row, "other")?))));
        Ok(())
    })?;
    Ok(found)
}

/// Finds roles, and keeps count of names that mean none.
struct Roles<'a> {
    mapping: &'a Mapping,
    unknown: BTreeMap<String, u64>,
}

impl Roles<'_> {
    /// The strongest role that anything gives, and a value of the role column that gives none: it
    /// becomes a title.
    fn of(&mut self, row: &Row, groups: Option<&Vec<String>>) -> (Role, Option<String>) {
        let mut found = vec![];
        let mut title = None;
        if flag(row, "is_superuser") == Some(true) {
            found.push(Role::Admin);
        }
        if let Some(name) = words(row, "role") {
            match self.mapping.role(&name) {
                Some(role) => found.push(role),
                None => {
                    *self.unknown.entry(name.clone()).or_default() += 1;
                    title = Some(name);
                }
            }
        }
        found.extend(groups.into_iter().flatten().filter_map(|name| self.mapping.role(name)));
        (found.into_iter().min().unwrap_or(Role::Member), title)
    }

    fn tell(&self, report: &mut Report, groups: &mut BTreeMap<String, u64>) {
        for (name, count) in &self.unknown {
            report.remark(&format!(
                "role {name:?} of {count} users is none of ours: it is their title now, and they \
                 are members; [roles] in the mapping file can say otherwise"
            ));
        }
        for (name, count) in groups {
            report.remark(&format!("group {name:?} of {count} users gives no role here"));
        }
    }
}
