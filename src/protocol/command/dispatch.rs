//! What dispatchers and crews may say: incidents and orders, and the list of all such commands.

use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::ids::{AttachmentId, HospitalId, IncidentId, OrderId, UnitId, UserId};
use crate::protocol::command::fleet::{
    HospitalBeds, HospitalDivert, HospitalSave, MaydayAcknowledge, MaydayEnd, MaydayRaise,
    ParCheck, ParSet, ShiftEnd, ShiftRest, ShiftStart, UnitSave, UnitSetStatus,
};
use crate::protocol::command::{Command, CommandRow, read_data, row};
use crate::protocol::dispatch::{
    Degrees, DeviceTime, IncidentStatus, IncidentType, Milestone, Priority,
};
use crate::protocol::refusal::Refusal;
use crate::protocol::views::dispatch::PatientView;

/// Open an incident from a call.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct IncidentCreate {
    pub incident_type: IncidentType,
    /// `MEDIUM` when absent.
    pub priority: Option<Priority>,
    #[serde(default)]
    pub determinant: String,
    #[serde(default)]
    pub caller_name: String,
    #[serde(default)]
    pub caller_phone: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub address: String,
    pub latitude: Option<Degrees>,
    pub longitude: Option<Degrees>,
    pub patient: Option<PatientView>,
    /// When the call came in; now when absent.
    pub received_at: Option<DeviceTime>,
    pub client_id: Option<String>,
}

/// Change what is known of an incident; what is absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct IncidentChange {
    pub incident: IncidentId,
    /// Refused when the incident has moved on from it.
    pub version: Option<i64>,
    pub incident_type: Option<IncidentType>,
    pub priority: Option<Priority>,
    pub determinant: Option<String>,
    pub caller_name: Option<String>,
    pub caller_phone: Option<String>,
    pub description: Option<String>,
    pub address: Option<String>,
    pub latitude: Option<Degrees>,
    pub longitude: Option<Degrees>,
    pub patient: Option<PatientView>,
    pub hospital: Option<HospitalId>,
    /// Free text; empty takes the destination back.
    pub hospital_destination: Option<String>,
    pub client_id: Option<String>,
}

/// Order a unit to an incident.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct IncidentAssign {
    pub incident: IncidentId,
    pub unit: UnitId,
    /// Whom the order names, beside those on shift.
    pub paramedic: Option<UserId>,
    pub hospital: Option<HospitalId>,
    #[serde(default)]
    pub note: String,
    /// Why it is ordered although the crew is off shift or the unit unavailable; logged.
    pub override_reason: Option<String>,
    pub version: Option<i64>,
    pub client_id: Option<String>,
}

/// Let a unit go; the incident stays open.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct IncidentRelease {
    pub incident: IncidentId,
    pub unit: UnitId,
    pub reason: String,
    pub version: Option<i64>,
    pub client_id: Option<String>,
}

/// Move a unit from one incident to another, in one step.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct IncidentReassign {
    pub incident: IncidentId,
    pub unit: UnitId,
    /// The incident it goes to.
    pub to: IncidentId,
    pub reason: String,
    pub override_reason: Option<String>,
    pub version: Option<i64>,
    pub client_id: Option<String>,
}

/// Say that a unit has come further; `CLOSED` puts it back in service.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct IncidentStep {
    pub incident: IncidentId,
    /// One's own, or the only one, when absent.
    pub unit: Option<UnitId>,
    pub status: IncidentStatus,
    pub hospital: Option<HospitalId>,
    pub hospital_destination: Option<String>,
    pub patient_condition: Option<String>,
    /// When it happened by the device's clock; now when absent.
    pub at: Option<DeviceTime>,
    pub version: Option<i64>,
    pub client_id: Option<String>,
}

/// Close an incident, or cancel it before anyone arrived. All its units are free.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct IncidentEnd {
    pub incident: IncidentId,
    #[serde(default)]
    pub reason: String,
    pub version: Option<i64>,
    pub client_id: Option<String>,
}

/// Correct a wrong status, backwards too, or reopen an incident with `RECEIVED`. Logged.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct IncidentCorrect {
    pub incident: IncidentId,
    /// Whose status it is; absent to reopen.
    pub unit: Option<UnitId>,
    pub status: IncidentStatus,
    pub reason: String,
    pub version: Option<i64>,
    pub client_id: Option<String>,
}

/// Say that an incident is a duplicate of another, or with `null` that it is none.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct IncidentLink {
    pub incident: IncidentId,
    pub duplicate_of: Option<IncidentId>,
    pub version: Option<i64>,
    pub client_id: Option<String>,
}

/// Note a moment of the response that is no change of status.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct IncidentMark {
    pub incident: IncidentId,
    pub unit: Option<UnitId>,
    pub milestone: Milestone,
    pub at: Option<DeviceTime>,
    pub client_id: Option<String>,
}

/// Add a remark to the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct IncidentNote {
    pub incident: IncidentId,
    pub text: String,
    pub client_id: Option<String>,
}

/// Give an incident a picture that one has uploaded.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct IncidentImage {
    pub incident: IncidentId,
    /// A file one has uploaded whole and not sent.
    pub attachment: AttachmentId,
    pub client_id: Option<String>,
}

/// Say that an order arrived, was seen, or is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct OrderAnswer {
    pub order: OrderId,
    pub client_id: Option<String>,
}

/// Decline an order, and say why.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct OrderDecline {
    pub order: OrderId,
    pub reason: String,
    pub client_id: Option<String>,
}

/// One change that a device kept while it had no connection.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct KeptChange {
    /// The device's own id of the change; a repeat is ignored.
    pub client_id: String,
    pub incident: IncidentId,
    /// The status that the unit came to …
    pub status: Option<IncidentStatus>,
    /// … or the moment to note.
    pub milestone: Option<Milestone>,
    /// When, by the device's clock.
    pub at: DeviceTime,
}

/// What a device kept while it had no connection, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct StatusBatch {
    pub changes: Vec<KeptChange>,
}

macro_rules! dispatch_commands {
    ($($variant:ident($data:ident) = $name:literal;)+) => {
        /// Everything that dispatchers and crews may say.
        #[derive(Debug, Clone)]
        pub enum DispatchCommand {
            $($variant($data),)+
        }

        impl DispatchCommand {
            /// The `type` on the wire.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)+
                }
            }

            /// The client's own id of this command, by which a repeat is known.
            pub fn client_id(&self) -> Option<&str> {
                match self {
                    $(Self::$variant(data) => data.client_id(),)+
                }
            }
        }

        /// The boards.
        pub const DISPATCH: &[CommandRow] = &[
            $(row($name, false, |raw| read::<$data>(raw, DispatchCommand::$variant)),)+
        ];
    };
}

fn read<T: serde::de::DeserializeOwned>(
    raw: Option<&RawValue>,
    wrap: fn(T) -> DispatchCommand,
) -> Result<Command, Refusal> {
    read_data(raw).map(|data| Command::Dispatch(Box::new(wrap(data))))
}

dispatch_commands! {
    IncidentCreate(IncidentCreate) = "incident.create";
    IncidentChange(IncidentChange) = "incident.change";
    IncidentAssign(IncidentAssign) = "incident.assign";
    IncidentRelease(IncidentRelease) = "incident.release";
    IncidentReassign(IncidentReassign) = "incident.reassign";
    IncidentStep(IncidentStep) = "incident.status";
    IncidentClose(IncidentEnd) = "incident.close";
    IncidentCancel(IncidentEnd) = "incident.cancel";
    IncidentCorrect(IncidentCorrect) = "incident.correct";
    IncidentLink(IncidentLink) = "incident.link";
    IncidentMark(IncidentMark) = "incident.mark";
    IncidentNote(IncidentNote) = "incident.note";
    IncidentImage(IncidentImage) = "incident.image";
    OrderReceived(OrderAnswer) = "order.received";
    OrderSeen(OrderAnswer) = "order.seen";
    OrderAccept(OrderAnswer) = "order.accept";
    OrderDecline(OrderDecline) = "order.decline";
    StatusBatch(StatusBatch) = "status.batch";
    UnitSave(UnitSave) = "unit.save";
    UnitSetStatus(UnitSetStatus) = "unit.status";
    ShiftStart(ShiftStart) = "shift.start";
    ShiftEnd(ShiftEnd) = "shift.end";
    ShiftRest(ShiftRest) = "shift.rest";
    HospitalSave(HospitalSave) = "hospital.save";
    HospitalBeds(HospitalBeds) = "hospital.beds";
    HospitalDivert(HospitalDivert) = "hospital.divert";
    MaydayRaise(MaydayRaise) = "mayday.raise";
    MaydayAcknowledge(MaydayAcknowledge) = "mayday.acknowledge";
    MaydayEnd(MaydayEnd) = "mayday.end";
    ParCheck(ParCheck) = "par.check";
    ParSet(ParSet) = "par.set";
}

/// A command of which a repeat is known by the client's own id.
trait Repeatable {
    fn client_id(&self) -> Option<&str>;
}

macro_rules! repeatable {
    ($($data:ident),+ $(,)?) => {
        $(impl Repeatable for $data {
            fn client_id(&self) -> Option<&str> {
                self.client_id.as_deref()
            }
        })+
    };
}

#[rustfmt::skip]
repeatable!(
    IncidentCreate, IncidentChange, IncidentAssign, IncidentRelease, IncidentReassign,
    IncidentStep, IncidentEnd, IncidentCorrect, IncidentLink, IncidentMark, IncidentNote,
    IncidentImage, OrderAnswer, OrderDecline, UnitSave, UnitSetStatus, ShiftStart, ShiftEnd,
    ShiftRest, HospitalSave, HospitalBeds, HospitalDivert, MaydayRaise, MaydayAcknowledge,
    MaydayEnd, ParCheck, ParSet,
);

/// Each of its changes has an id of its own.
impl Repeatable for StatusBatch {
    fn client_id(&self) -> Option<&str> {
        None
    }
}
