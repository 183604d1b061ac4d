//! The lobby: the one room that older clients enter without an account, opened for the first who
//! comes.

use crate::actors::house::House;
use crate::clock;
use crate::models::conversation::{self, LOBBY, NewConversation};
use crate::protocol::refusal::Refusal;
use crate::protocol::views::ConversationKind;

/// Opens the room unless it is there.
///
/// # Errors
/// `unavailable` or `internal` when the database failed.
pub async fn ensure(house: &House) -> Result<(), Refusal> {
    let opening = || async {
        house
            .lane
            .write(|conn| {
                if conversation::by_name(conn, LOBBY)?.is_none() {
                    conversation::insert(
                        conn,
                        NewConversation {
                            kind: ConversationKind::Room,
                            name: Some(LOBBY.to_owned()),
                            direct: None,
                            title: "Lobby".to_owned(),
                            description: "Open to whoever comes, signed in or not".to_owned(),
                            owner: None,
                            is_public: true,
                            at: clock::now_naive(),
                        },
                    )?;
                }
                Ok(())
            })
            .await
    };
    house.lobby.get_or_try_init(opening).await.copied()
}
