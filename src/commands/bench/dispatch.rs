//! Dispatch: what a board costs that is opened, three hundred units that tell where they are, and
//! how soon a change of status is on every board.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::MissedTickBehavior;

use crate::commands::bench::BenchArgs;
use crate::commands::bench::client::{Client, Lost, Speaker, said};
use crate::commands::bench::fleet::{self, Bound, DESKS, HOSPITALS, INCIDENTS, UNITS};
use crate::commands::bench::ground::{Ground, Server};
use crate::commands::bench::meter::Stretch;
use crate::commands::bench::report::{Figure, Report, figure};
use crate::ids::UnitId;

const BOARD: &str = "dispatch:board";
const POSITIONS: &str = "dispatch:positions";
/// Snapshots taken for the figure of one.
const SNAPSHOTS: u32 = 40;
/// Runs before what is measured.
const WARM_UP: Duration = Duration::from_millis(1_500);
/// Dispatchers whose positions are timed; the others only read theirs.
const TIMED: usize = 5;
/// Changes of status a second.
const CHANGES_PER_S: u64 = 50;
/// What a unit goes through.
const STAGES: [&str; 4] = ["EN_ROUTE", "ON_SCENE", "TRANSPORTING", "AT_HOSPITAL"];
/// How long the last of what was sent may take to arrive.
const PATIENCE: Duration = Duration::from_secs(5);

/// Ends its task when it is dropped.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What all tasks of a measurement share.
#[derive(Default)]
struct Tally {
    /// When what has this name was sent.
    sent: RefCell<HashMap<(i64, i64), Instant>>,
    /// How long each took to arrive, in milliseconds.
    took: RefCell<Vec<f64>>,
    frames: Cell<u64>,
    is_measuring: Cell<bool>,
    fault: RefCell<Option<String>>,
}

impl Tally {
    fn send(&self, name: (i64, i64)) {
        self.sent.borrow_mut().insert(name, Instant::now());
    }

    fn arrive(&self, name: (i64, i64)) {
        if let Some(sent) = self.sent.borrow().get(&name)
            && self.is_measuring.get()
        {
            self.took.borrow_mut().push(sent.elapsed().as_secs_f64() * 1_000.0);
        }
    }

    fn fail(&self, lost: Lost) {
        self.fault.borrow_mut().get_or_insert(lost.into());
    }

    fn check(&self) -> Result<(), String> {
        self.fault.borrow().clone().map_or(Ok(()), Err)
    }
}

/// The value below which `share` of all values lie; 0 of none.
fn percentile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index into a vector, by a share from 0 to 1"
    )]
    let index = (values.len() as f64 * share).ceil() as usize;
    values.get(index.saturating_sub(1)).copied().unwrap_or(0.0)
}

/// The crews and the dispatchers, connected.
struct Field {
    crews: Vec<Speaker>,
    _reading: Vec<Task>,
    bound: Vec<Bound>,
    /// The next change of status, counted over all units.
    next_change: usize,
    /// Numbers the positions.
    ticks: Cell<i64>,
}

/// Reads and forgets, so that nothing waits for this client.
async fn drain(mut client: Client) {
    while client.read(|_| ()).await.is_ok() {}
}

/// Connects every crew.
///
/// # Errors
/// A sentence when one of them is refused.
async fn take_the_field(
    server: &Server,
    ground: &Ground,
    bound: Vec<Bound>,
) -> Result<Field, String> {
    let (mut crews, mut reading) = (Vec::with_capacity(UNITS), Vec::with_capacity(UNITS));
    for number in 0..UNITS {
        let client = Client::open(server.at, ground.token(number), None).await?;
        crews.push(client.speaker());
        reading.push(Task(spawn_local(drain(client))));
    }
    Ok(Field { crews, _reading: reading, bound, next_change: 0, ticks: Cell::new(0) })
}

async fn desk(server: &Server, ground: &Ground, number: usize) -> Result<Client, Lost> {
    Client::open(server.at, ground.token(UNITS + number), None).await
}

/// Measures on one ground, and prints.
///
/// # Errors
/// A sentence when the server cannot be started or a socket is lost.
pub async fn measure(args: &BenchArgs, program: &Path, folder: &Path) -> Result<(), String> {
    let about = format!(
        "{INCIDENTS} open incidents, {UNITS} units, {HOSPITALS} hospitals, {DESKS} dispatchers, \
         {} s, median of {}",
        args.seconds, args.rounds
    );
    let mut report = Report::new("dispatch", about);
    let (ground, bound) = fleet::prepare(folder)?;
    let time = Duration::from_secs(args.seconds);
    let measuring = async {
        let server = ground.serve(program, &args.with).await?;
        let mut field = take_the_field(&server, &ground, bound).await?;
        for _ in 0..args.rounds {
            let figures = round(&server, &ground, &mut field, time).await?;
            report.add(figures, args.json).map_err(|fault| fault.to_string())?;
        }
        report.print(args.json).map_err(|fault| fault.to_string())
    };
    let outcome = measuring.await;
    ground.clear();
    outcome
}

/// One round: a snapshot, positions, changes.
///
/// # Errors
/// A sentence when a socket is lost.
async fn round(
    server: &Server,
    ground: &Ground,
    field: &mut Field,
    time: Duration,
) -> Result<Vec<Figure>, String> {
    let mut figures = snapshots(server, ground).await?;
    figures.extend(positions(server, ground, field, time).await?);
    figures.extend(changes(server, ground, field, time).await?);
    Ok(figures)
}

/// Subscribes to the board and reads until it is live; the bytes of the longest frame.
async fn open_board(client: &mut Client) -> Result<usize, Lost> {
    let wish = format!(r#"{{"type":"subscribe","topic":"{BOARD}"}}"#);
    client.speaker().write(&said(&wish)).await?;
    let (mut longest, mut is_live) = (0, false);
    while !is_live {
        let each = |text: &[u8]| {
            longest = longest.max(text.len());
            is_live |= text.starts_with(b"{\"type\":\"live\"");
        };
        client.read(each).await?;
    }
    Ok(longest)
}

async fn snapshots(server: &Server, ground: &Ground) -> Result<Vec<Figure>, String> {
    let mut client = desk(server, ground, 0).await?;
    let mut bytes = open_board(&mut client).await?;
    let (stretch, began) = (Stretch::begin(server.pid())?, Instant::now());
    for _ in 0..SNAPSHOTS {
        bytes = open_board(&mut client).await?;
    }
    let (spent, each) = (stretch.end()?, 1_000.0 / f64::from(SNAPSHOTS));
    let took = began.elapsed().as_secs_f64() * each;
    let compressed = Client::largest_compressed(server.at, ground.token(UNITS), BOARD).await?;
    #[expect(clippy::cast_precision_loss, reason = "a frame is far below 2^53 bytes")]
    let (bytes, compressed) = (bytes as f64, compressed as f64);
    Ok(vec![
        figure("snapshot_cpu_ms", "CPU of one board snapshot, ms", spent.server_cpu_s * each),
        figure("snapshot_ms", "one board snapshot until live, ms", took),
        figure("snapshot_bytes", "bytes of one board snapshot", bytes),
        figure("snapshot_bytes_compressed", "… to a client that offers compression", compressed),
    ])
}

#[derive(Deserialize)]
struct Told {
    data: Fixes,
}

#[derive(Deserialize)]
struct Fixes {
    positions: Vec<FixOf>,
}

#[derive(Deserialize)]
struct FixOf {
    unit: UnitId,
    speed_kmh: Option<i64>,
    latitude: f64,
}

/// What names a position: its unit, and its latitude in millionths.
fn name_of(fix: &FixOf) -> (i64, i64) {
    #[expect(clippy::cast_possible_truncation, reason = "a latitude in millionths")]
    let micro = (fix.latitude * 1e6).round() as i64;
    debug_assert!(fix.speed_kmh.is_some());
    (fix.unit.0, micro)
}

async fn watch_positions(mut client: Client, tally: Rc<Tally>, is_timed: bool) {
    let each = |text: &[u8]| {
        if !text.starts_with(b"{\"type\":\"positions\"") {
            return;
        }
        tally.frames.set(tally.frames.get() + u64::from(tally.is_measuring.get()));
        if is_timed && let Ok(told) = serde_json::from_slice::<Told>(text) {
            told.data.positions.iter().for_each(|fix| tally.arrive(name_of(fix)));
        }
    };
    loop {
        if let Err(lost) = client.read(each).await {
            return tally.fail(lost);
        }
    }
}

/// Every unit tells where it is once a second, one after the other within that second.
async fn report(crews: Vec<(Speaker, UnitId)>, first: i64, tally: Rc<Tally>) {
    let gap = Duration::from_secs(1) / u32::try_from(crews.len().max(1)).unwrap_or(u32::MAX);
    let mut tick = tokio::time::interval(gap);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for second in first.. {
        for (speaker, unit) in &crews {
            tick.tick().await;
            let micro = 8_400_000 + second;
            let latitude =
                crate::protocol::dispatch::Degrees(i32::try_from(micro).unwrap_or(i32::MAX));
            let latitude = latitude.as_f64();
            let frame = format!(
                "{{\"type\":\"position.report\",\"data\":{{\"latitude\":{latitude},\
                 \"longitude\":-13.2,\"accuracy_m\":8,\"heading_deg\":90,\"speed_kmh\":50}}}}"
            );
            tally.send((unit.0, micro));
            if let Err(lost) = speaker.write(&said(&frame)).await {
                return tally.fail(lost);
            }
        }
    }
}

async fn positions(
    server: &Server,
    ground: &Ground,
    field: &Field,
    time: Duration,
) -> Result<Vec<Figure>, String> {
    let tally = Rc::new(Tally::default());
    let mut tasks = Vec::new();
    for number in 0..DESKS {
        let mut client = desk(server, ground, number).await?;
        client.subscribe(POSITIONS).await?;
        let watching = watch_positions(client, Rc::clone(&tally), number < TIMED);
        tasks.push(Task(spawn_local(watching)));
    }
    let units = field.bound.iter().map(|bound| bound.unit);
    let crews = field.crews.iter().cloned().zip(units).collect();
    let first = field.ticks.get();
    tasks.push(Task(spawn_local(report(crews, first, Rc::clone(&tally)))));
    tokio::time::sleep(WARM_UP).await;
    tally.is_measuring.set(true);
    let stretch = Stretch::begin(server.pid())?;
    tokio::time::sleep(time).await;
    let spent = stretch.end()?;
    tally.is_measuring.set(false);
    tally.check()?;
    let seconds = i64::try_from((WARM_UP + time).as_secs()).unwrap_or(i64::MAX);
    field.ticks.set(first + seconds + 2);
    let took = tally.took.take();
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let (timed, frames) = (took.len() as f64 / TIMED as f64, tally.frames.get() as f64);
    #[expect(clippy::cast_precision_loss, reason = "a small constant")]
    let each_per_s = frames / DESKS as f64 / spent.seconds;
    Ok(vec![
        figure(
            "positions_cpu",
            "300 units at 1 Hz to 50 dispatchers, cores used",
            spent.server_cpu_s / spent.seconds,
        ),
        figure("position_p50_ms", "a position until a board has it, p50 ms", {
            percentile(took.clone(), 0.5)
        }),
        figure("position_p99_ms", "… p99 ms", percentile(took, 0.99)),
        figure("positions_per_s", "positions a second to each dispatcher", timed / spent.seconds),
        figure("position_frames_per_s", "frames a second to each dispatcher", each_per_s),
    ])
}

/// The digits behind `key` in a frame.
fn number_behind(text: &[u8], key: &[u8]) -> Option<i64> {
    let at = text.windows(key.len()).position(|part| part == key)? + key.len();
    let digits = text[at..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(None, |sum, byte| Some(sum.unwrap_or(0) * 10 + i64::from(byte - b'0')))
}

/// The incident and the stage of a change, when a frame tells one.
fn change_in(text: &[u8]) -> Option<(i64, i64)> {
    if !text.starts_with(b"{\"type\":\"incident.changed\"") {
        return None;
    }
    let incident = number_behind(text, b"\"incident\":{\"id\":\"")?;
    let key = b"\"status\":\"";
    let at = text.windows(key.len()).position(|part| part == key)? + key.len();
    let stage = STAGES.iter().position(|stage| text[at..].starts_with(stage.as_bytes()))?;
    Some((incident, i64::try_from(stage).ok()?))
}

async fn watch_board(mut client: Client, tally: Rc<Tally>) {
    let mut last = None;
    loop {
        let each = |text: &[u8]| {
            // A change may be told with more than one frame: the first counts.
            let change = change_in(text).filter(|change| last != Some(*change));
            if let Some(change) = change {
                last = Some(change);
                tally.arrive(change);
            }
        };
        if let Err(lost) = client.read(each).await {
            return tally.fail(lost);
        }
    }
}

async fn changes(
    server: &Server,
    ground: &Ground,
    field: &mut Field,
    time: Duration,
) -> Result<Vec<Figure>, String> {
    let tally = Rc::new(Tally::default());
    let mut tasks = Vec::new();
    for number in 0..DESKS {
        let mut client = desk(server, ground, number).await?;
        client.subscribe(BOARD).await?;
        tasks.push(Task(spawn_local(watch_board(client, Rc::clone(&tally)))));
    }
    tally.is_measuring.set(true);
    let stretch = Stretch::begin(server.pid())?;
    let mut tick = tokio::time::interval(Duration::from_millis(1_000 / CHANGES_PER_S));
    let wanted = usize::try_from(time.as_secs() * CHANGES_PER_S).unwrap_or(usize::MAX);
    let last = (field.next_change + wanted).min(UNITS * STAGES.len());
    let count = last - field.next_change;
    for change in field.next_change..last {
        tick.tick().await;
        let (stage, number) = (change / UNITS, change % UNITS);
        let (incident, status) = (field.bound[number].incident.0, STAGES[stage]);
        let frame = format!(
            r#"{{"type":"incident.status","data":{{"incident":"{incident}","status":"{status}"}}}}"#
        );
        tally.send((incident, i64::try_from(stage).unwrap_or(0)));
        field.crews[number].write(&said(&frame)).await?;
    }
    field.next_change = last;
    let spent = stretch.end()?;
    let all = count * DESKS;
    let deadline = Instant::now() + PATIENCE;
    while tally.took.borrow().len() < all && Instant::now() < deadline {
        tally.check()?;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tally.check()?;
    let took = tally.took.take();
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let (missing, sent) = (all.saturating_sub(took.len()) as f64, count as f64);
    Ok(vec![
        figure("change_p50_ms", "a change of status on every board, p50 ms", {
            percentile(took.clone(), 0.5)
        }),
        figure("change_p99_ms", "… p99 ms", percentile(took, 0.99)),
        figure("changes_per_s", "changes a second", sent / spent.seconds),
        figure("changes_missing", "changes that a board did not get", missing),
        figure("changes_cpu", "cores used", spent.server_cpu_s / spent.seconds),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_value_that_was_there() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert!((percentile(values.clone(), 0.99) - 99.0).abs() < f64::EPSILON);
        assert!((percentile(values, 0.5) - 50.0).abs() < f64::EPSILON);
        assert!(percentile(Vec::new(), 0.99).abs() < f64::EPSILON);
        assert!((percentile(vec![7.0], 0.99) - 7.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_change_is_known_by_its_incident_and_where_it_stands() {
        let frame = concat!(
            r#"{"type":"incident.changed","topic":"dispatch:board","seq":3,"data":{"incident":"#,
            r#"{"id":"42","call_id":"CALL-1","status":"ON_SCENE","units":[]}}}"#
        );
        assert_eq!(change_in(frame.as_bytes()), Some((42, 1)));
        let other = br#"{"type":"unit.changed","data":{"unit":{"id":"4","status":"ON_SCENE"}}}"#;
        assert_eq!(change_in(other), None);
        assert_eq!(number_behind(b"x", b"\"id\":\""), None);
    }
}
