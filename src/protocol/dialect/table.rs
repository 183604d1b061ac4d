//! DIALECTS: every dialect there is, one row each.

use crate::protocol::dialect::ambulance::{Crew, Desk};
use crate::protocol::dialect::bulletin::{Board, Notifications};
use crate::protocol::dialect::classroom::Classroom;
use crate::protocol::dialect::contract::Dialect;
use crate::protocol::dialect::dashboard::{Figures, MemberTalk, Notices};
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
    /// One's notifications, of the school.
    SchoolNotices = Notifications, "school notifications";
    /// One's dashboard, of the school.
    SchoolBoard = Board, "school dashboard";
    /// Figures that anyone may look at.
    Figures = Figures, "figures";
    /// One's notifications beside the figures.
    Notices = Notices, "notices";
    /// A talk between two members.
    MemberTalk = MemberTalk, "member talk";
    /// Conversations with receipts and calls.
    Messenger = Messenger, "messenger";
    /// The board of those who dispatch ambulances.
    Dispatchers = Desk, "ambulance dispatchers";
    /// The page of a paramedic.
    Paramedic = Crew, "ambulance paramedic";
}
