//! Who, and may they: identities, credentials, passwords and the policy table.
//!
//! Pure values; the only work done here is cryptography.
//! **Never:** SQL, sockets, HTTP types.

pub mod identity;
