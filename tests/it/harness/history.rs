//! A history checker: what was acknowledged against what a member sees afterwards.

use std::collections::{HashMap, HashSet};

/// A message that a client tried to send, in the order of its trying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub sender: usize,
    pub client_id: String,
    /// The position of the acknowledgement; none when none came.
    pub acked: Option<i64>,
}

/// An event that a member sees: its position and, for a message, its `client_id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub seq: i64,
    pub client_id: Option<String>,
}

/// Checks one member's view, which begins behind position `after`.
///
/// # Errors
/// The first thing wrong: a hole or disorder in positions, an acknowledged message that is
/// missing, at another position or there twice, one that nobody sent, or one sender's messages in
/// another order than they were sent.
pub fn check(sent: &[Sent], seen: &[Seen], after: i64) -> Result<(), String> {
    for (index, event) in seen.iter().enumerate() {
        let due = after + 1 + i64::try_from(index).unwrap_or(i64::MAX);
        if event.seq != due {
            return Err(format!("position {} where {due} was due", event.seq));
        }
    }
    let known: HashSet<&str> = sent.iter().map(|sent| sent.client_id.as_str()).collect();
    let mut places: HashMap<&str, i64> = HashMap::new();
    for event in seen {
        let Some(client_id) = event.client_id.as_deref() else { continue };
        if !known.contains(client_id) {
            return Err(format!("{client_id} at {} was never sent", event.seq));
        }
        if let Some(first) = places.insert(client_id, event.seq) {
            return Err(format!("{client_id} is there twice, at {first} and {}", event.seq));
        }
    }
    let mut reached: HashMap<usize, i64> = HashMap::new();
    for sent in sent {
        let place = places.get(sent.client_id.as_str()).copied();
        if let Some(acked) = sent.acked.filter(|acked| *acked > after) {
            match place {
                None => return Err(format!("{} acked at {acked} is missing", sent.client_id)),
                Some(place) if place != acked => {
                    return Err(format!("{} acked at {acked} is at {place}", sent.client_id));
                }
                Some(_) => {}
            }
        }
        let Some(place) = place else { continue };
        let before = reached.insert(sent.sender, place).unwrap_or(0);
        if place < before {
            return Err(format!("{} at {place} overtook what was sent before", sent.client_id));
        }
    }
    Ok(())
}

fn honest() -> (Vec<Sent>, Vec<Seen>) {
    let sent = (1..=6).map(|number| Sent {
        sender: usize::from(number % 2 == 0),
        client_id: format!("c{number}"),
        acked: (number != 4).then_some(i64::from(number) + 1),
    });
    let mut seen = vec![Seen { seq: 1, client_id: None }];
    seen.extend(
        (1..=6).map(|number| Seen {
            seq: i64::from(number) + 1,
            client_id: Some(format!("c{number}")),
        }),
    );
    (sent.collect(), seen)
}

#[test]
fn the_checker_accepts_an_honest_history_and_its_tail() {
    let (sent, seen) = honest();
    assert_eq!(check(&sent, &seen, 0), Ok(()));
    assert_eq!(check(&sent, &seen[3..], 3), Ok(()));
}

#[test]
fn the_checker_accepts_that_an_unacknowledged_message_is_not_there() {
    let (mut sent, mut seen) = honest();
    seen.remove(4);
    for event in &mut seen[4..] {
        event.seq -= 1;
    }
    for sent in sent.iter_mut().skip(4) {
        sent.acked = sent.acked.map(|seq| seq - 1);
    }
    assert_eq!(check(&sent, &seen, 0), Ok(()));
}

#[test]
fn the_checker_finds_every_kind_of_lie() {
    type Lie = fn(&mut Vec<Sent>, &mut Vec<Seen>);
    let lies: [(&str, Lie); 8] = [
        ("the last acked one is lost", |_, seen| drop(seen.pop())),
        ("one in the middle is lost", |_, seen| drop(seen.remove(2))),
        ("one is lost and the hole is closed", |_, seen| {
            seen.remove(2);
            for event in &mut seen[2..] {
                event.seq -= 1;
            }
        }),
        ("one is there twice", |_, seen| {
            seen.push(Seen { seq: 8, client_id: Some("c3".to_owned()) });
        }),
        ("two have changed places", |_, seen| {
            let (left, right) = (seen[1].client_id.clone(), seen[2].client_id.clone());
            (seen[1].client_id, seen[2].client_id) = (right, left);
        }),
        ("a stranger is there", |_, seen| {
            seen.push(Seen { seq: 8, client_id: Some("c9".to_owned()) });
        }),
        ("positions come out of order", |_, seen| seen.swap(1, 2)),
        ("one sender is out of order", |sent, seen| {
            sent.iter_mut().for_each(|sent| sent.acked = None);
            let (left, right) = (seen[1].client_id.clone(), seen[3].client_id.clone());
            (seen[1].client_id, seen[3].client_id) = (right, left);
        }),
    ];
    for (name, lie) in lies {
        let (mut sent, mut seen) = honest();
        lie(&mut sent, &mut seen);
        assert!(check(&sent, &seen, 0).is_err(), "not found: {name}");
    }
}
