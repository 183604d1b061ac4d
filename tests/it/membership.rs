//! How people find conversations, come into them, and stand in them.
