//! A person as older clients know them: names, address and role beside the id, in one value.

use std::collections::HashMap;

use chrono::NaiveDateTime;

use crate::ids::UserId;

/// The titles that clients of a school take for roles.
const SCHOOL: &[&str] = &["student", "teacher", "tutor", "parent"];

/// What older clients show of a person. What one hides from others is not in here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Face {
    pub id: UserId,
    pub username: String,
    /// What to show; never empty.
    pub display_name: String,
    pub first_name: String,
    pub last_name: String,
    pub email: String,
    pub phone: Option<String>,
    /// The role's name on the wire.
    pub role: String,
    /// For display only (student, teacher …); decides nothing.
    pub title: String,
    pub is_active: bool,
    pub is_staff: bool,
    pub is_superuser: bool,
    pub is_available: bool,
    pub date_joined: Option<NaiveDateTime>,
    pub last_login: Option<NaiveDateTime>,
    pub about: About,
}

/// What a person has said about themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// Where their picture is: a path on this server, or the whole address for who reads by REST.
    pub avatar: Option<String>,
    /// A line about how they are.
    pub status: String,
    pub bio: String,
    pub country: String,
    pub city: String,
    pub website: String,
    /// `YYYY-MM-DD`.
    pub born: Option<String>,
    pub is_online: bool,
    pub last_seen_at: Option<NaiveDateTime>,
    pub privacy: Privacy,
}

/// What a person shows to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Privacy {
    pub shows_phone: bool,
    pub shows_last_seen: bool,
    pub shows_photo: bool,
    pub allows_calls: bool,
    pub allows_group_invites: bool,
}

impl Default for Privacy {
    fn default() -> Self {
        Self {
            shows_phone: true,
            shows_last_seen: true,
            shows_photo: true,
            allows_calls: true,
            allows_group_invites: true,
        }
    }
}

/// People by id.
pub type Faces = HashMap<UserId, Face>;

impl Face {
    /// Someone of whom nothing but the name is known.
    pub fn named(id: UserId, username: &str, display_name: &str) -> Self {
        Self {
            id,
            username: username.to_owned(),
            display_name: display_name.to_owned(),
            first_name: String::new(),
            last_name: String::new(),
            email: String::new(),
            phone: None,
            role: "member".to_owned(),
            title: String::new(),
            is_active: true,
            is_staff: false,
            is_superuser: false,
            is_available: true,
            date_joined: None,
            last_login: None,
            about: About::default(),
        }
    }

    /// First and last name; what is shown where neither is known.
    pub fn full_name(&self) -> String {
        let name = format!("{} {}", self.first_name, self.last_name);
        let name = name.trim();
        if name.is_empty() { self.display_name.clone() } else { name.to_owned() }
    }

    /// The first name; what is shown where neither name is known.
    pub fn shown_first_name(&self) -> &str {
        let unknown = self.first_name.is_empty() && self.last_name.is_empty();
        if unknown { &self.display_name } else { &self.first_name }
    }

    /// The role that older clients go by. Those of a school go by titles, and take whoever has
    /// none for a student.
    pub fn shown_role(&self) -> String {
        if self.role != "member" {
            return self.role.clone();
        }
        let title = self.title.to_lowercase();
        if SCHOOL.contains(&title.as_str()) { title } else { "student".to_owned() }
    }

    /// The role for people to read.
    pub fn role_display(&self) -> String {
        let shown = match self.role.as_str() {
            _ if !self.title.is_empty() => &self.title,
            "admin" => "administrator",
            _ => return capital(&self.shown_role()),
        };
        capital(shown)
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    first + letters.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_of_a_school_is_a_role_and_any_other_is_for_display() {
        let face = |role: &str, title: &str| {
            let named = Face::named(UserId(1), "ada", "Ada");
            let face = Face { role: role.to_owned(), title: title.to_owned(), ..named };
            (face.shown_role(), face.role_display())
        };
        let words = |role: &str, shown: &str| (role.to_owned(), shown.to_owned());
        assert_eq!(face("member", "Teacher"), words("teacher", "Teacher"));
        assert_eq!(face("member", ""), words("student", "Student"));
        assert_eq!(face("member", "Head of school"), words("student", "Head of school"));
        assert_eq!(face("dispatcher", "teacher"), words("dispatcher", "Teacher"));
        assert_eq!(face("admin", ""), words("admin", "Administrator"));
    }

    #[test]
    fn someone_without_names_is_called_what_they_are_shown_as() {
        let mut face = Face::named(UserId(1), "ada", "Ada L.");
        assert_eq!((face.full_name().as_str(), face.shown_first_name()), ("Ada L.", "Ada L."));
        face.last_name = "Lovelace".to_owned();
        assert_eq!((face.full_name().as_str(), face.shown_first_name()), ("Lovelace", ""));
    }
}
