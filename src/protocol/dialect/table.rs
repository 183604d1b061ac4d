//! DIALECTS: every dialect there is, one row each.

use crate::protocol::dialect::contract::Dialect;
use crate::protocol::dialect::lobby::Lobby;

macro_rules! dialects {
    ($($(#[$doc:meta])+ $name:ident = $codec:expr, $text:literal;)+) => {
        /// A dialect, by name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum DialectKind {
            $($(#[$doc])+ $name,)+
        }

        impl DialectKind {
            /// Every dialect.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its codec.
            pub fn codec(self) -> &'static dyn Dialect {
                match self {
                    $(Self::$name => &$codec,)+
                }
            }

            /// Its name, for people and counters.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

dialects! {
    /// One anonymous room; three keys and nothing else.
    Lobby = Lobby, "lobby";
}
