//! What the people of `demo` have said to each other.

/// A message: who says it, and what.
pub type Said = (&'static str, &'static str);

/// In the room `general`.
pub const GENERAL: &[Said] = &[
    ("admin", "Welcome! This is the room for everything that has no room of its own."),
    ("alice", "Good morning, everyone."),
    ("bob", "Morning! Coffee is ready on the second floor."),
    ("carol", "You are a hero, Bob."),
    ("alice", "Who is on the early shift this week?"),
    ("test_dispatcher", "I am, until Thursday. Carol takes over on Friday."),
    ("carol", "Right, Friday is mine."),
    ("admin", "The maintenance window is tonight at 23:00. It takes about five minutes."),
    ("bob", "Do we have to do anything?"),
    ("admin", "No. Your client comes back by itself and misses nothing."),
    ("test_paramedic", "Vehicle 12 is back from the workshop, brakes done."),
    ("test_dispatcher", "Noted, thank you. 12 is on the board again."),
    ("alice", "Can someone look over the new rota before I send it out?"),
    ("carol", "Send it to me, I have half an hour after lunch."),
    ("alice", "It is in our group now."),
    ("bob", "There is cake in the kitchen. That is all, that is the message."),
    ("test_paramedic", "Save us a piece, we are back at four!"),
    ("bob", "I promise nothing."),
];

/// In the room `random`.
pub const RANDOM: &[Said] = &[
    ("bob", "Does anyone know a good bicycle repair shop nearby?"),
    ("carol", "The one behind the station. Ask for a quote first, though."),
    ("bob", "Thanks! The chain jumps whenever it rains."),
    ("alice", "Then it jumps every day."),
    ("carol", "¿Quién viene al concierto el sábado? 🎺"),
    ("alice", "Me! And my sister, if there are tickets left."),
    ("carol", "There are four."),
    ("admin", "I would like the other two."),
];

/// In the group of alice, bob and carol.
pub const ROTA: &[Said] = &[
    ("alice", "Here is the plan: Bob Monday to Wednesday, Carol Thursday and Friday."),
    ("carol", "Thursday I am at the dentist until ten."),
    ("bob", "I can start for you on Thursday, if you close on Tuesday."),
    ("carol", "Deal."),
    ("alice", "Changed. Anything else?"),
    ("bob", "Fine with me."),
    ("carol", "👍"),
    ("alice", "Then it goes out at noon."),
];

/// Between alice and bob.
pub const DIRECT: &[Said] = &[
    ("alice", "Is there cake left?"),
    ("bob", "One piece. I hid it behind the oat milk."),
    ("alice", "You are the best."),
    ("bob", "I know. How did Carol like the rota?"),
    ("alice", "She swapped one day with you, otherwise as it was."),
    ("bob", "Good. See you at eight."),
];

/// In the group "Room A" of alice and bob.
pub const ROOM_A: &[Said] = &[
    ("alice", "This is our room for the exam on Friday."),
    ("bob", "Shall we go through the old papers?"),
    ("alice", "Yes. I take the first three, you take the rest."),
];

/// In the forum of alice and bob.
pub const MATHEMATICS: &[Said] = &[
    ("bob", "I do not see why the square root of two is no fraction."),
    ("alice", "Suppose it were one, in lowest terms, and square both sides."),
    ("bob", "Then the numerator is even, and so is the denominator."),
    ("alice", "And that is the contradiction."),
];

/// Between alice and carol.
pub const SWAP: &[Said] =
    &[("carol", "Could you take my Friday?"), ("alice", "If you take my Monday, gladly.")];
