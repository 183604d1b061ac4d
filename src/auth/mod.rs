//! Who, and may they: identities, credentials, passwords and the policy table.
//!
//! Pure values; the only work done here is cryptography.
//! **Never:** SQL, sockets, HTTP types.

pub mod identity;
pub mod imported_hash;
pub mod password;
pub mod policy;
pub mod secret;
pub mod token;
