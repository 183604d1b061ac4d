//! DIALECTS: every dialect there is, one row each.

use crate::protocol::dialect::classroom::Classroom;
use crate::protocol::dialect::contract::Dialect;
use crate::protocol::dialect::lobby::Lobby;
use crate::protocol::dialect::messenger::Messenger;

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
    /// Rooms of a school, whose people are told who comes and goes.
    Classroom = Classroom { tells_arrivals: true }, "classroom";
    /// The one room of a school that everyone is in.
    ClassroomGeneral = Classroom { tells_arrivals: false }, "classroom general";
    /// Conversations with receipts and calls.
    Messenger = Messenger, "messenger";
}
