//! The events of the boards, as their fixtures have them.

use switchboard::ids::{
    EntryId, HospitalId, ImageId, IncidentId, MaydayId, OrderId, ShiftId, UnitId, UserId,
};
use switchboard::protocol::dispatch::{
    Degrees, IncidentStatus, IncidentType, Load, OrderState, Priority, UnitStatus, UnitType,
};
use switchboard::protocol::event::dispatch::DispatchEvent;
use switchboard::protocol::event::{Event, EventBody};
use switchboard::protocol::topic::Topic;
use switchboard::protocol::views::dispatch::{
    AssignedUnitView, ImageView, IncidentView, MaydayView, OrderCrewView, OrderView, ParView,
    PatientView, ShiftView, TimelineEntry, UnitView,
};
use switchboard::protocol::views::hospitals::{DiversionView, HospitalView};

use super::{alice, at, bob};

fn incident() -> IncidentView {
    IncidentView {
        id: IncidentId(7),
        call_id: "CALL-1A2B3C4D".into(),
        status: IncidentStatus::OnScene,
        incident_type: IncidentType::Cardiac,
        determinant: "09-E-1".into(),
        priority: Priority::Critical,
        caller_name: "Isatu".into(),
        caller_phone: "+23276000001".into(),
        description: "not breathing".into(),
        address: "12 Hill Road".into(),
        latitude: Some(Degrees(8_484_146)),
        longitude: Some(Degrees(-13_228_718)),
        patient: PatientView {
            name: "Musa".into(),
            age: Some(61),
            condition: "unconscious".into(),
        },
        hospital: Some(HospitalId(2)),
        hospital_destination: "Connaught Hospital".into(),
        dispatcher: Some(alice()),
        units: vec![AssignedUnitView {
            unit: UnitId(4),
            unit_number: "A-4".into(),
            order: OrderId(31),
            state: OrderState::Accepted,
            stage: UnitStatus::OnScene,
            paramedic: Some(bob()),
            crew: vec![bob()],
        }],
        images: vec![ImageView {
            id: ImageId(3),
            content_type: "image/png".into(),
            bytes: 20_480,
            url: "/api/v1/incidents/7/images/3".into(),
            thumbnail_url: "/api/v1/incidents/7/images/3/thumbnail".into(),
        }],
        duplicate_of: None,
        duplicates: vec![IncidentId(8)],
        topic: Some("chat:12".into()),
        par: Some(ParView {
            every_ms: 1_200_000,
            due_at: Some(at()),
            checked_at: None,
            overdue_since: None,
            notices: 0,
            nobody_heard: false,
        }),
        close_reason: String::new(),
        version: 6,
        redacted: false,
        received_at: at(),
        dispatched_at: Some(at()),
        en_route_at: Some(at()),
        on_scene_at: Some(at()),
        transporting_at: None,
        at_hospital_at: None,
        closed_at: None,
        locks_at: None,
        created_at: at(),
        updated_at: at(),
    }
}

fn unit() -> UnitView {
    UnitView {
        id: UnitId(4),
        unit_number: "A-4".into(),
        unit_type: UnitType::Advanced,
        capabilities: vec!["cardiac".into(), "neonatal".into()],
        equipment: "ventilator".into(),
        max_patients: 2,
        status: UnitStatus::OnScene,
        status_since: at(),
        paramedic: Some(bob()),
        crew: vec![ShiftView {
            id: ShiftId(5),
            unit: UnitId(4),
            user: bob(),
            duty: "medic".into(),
            since: at(),
            until: None,
            rest_until: None,
            ended_at: None,
        }],
        incident: Some(IncidentId(7)),
        call_id: Some("CALL-1A2B3C4D".into()),
        order: Some(OrderId(31)),
        latitude: Some(Degrees(8_484_146)),
        longitude: Some(Degrees(-13_228_718)),
        accuracy_m: Some(8),
        heading_deg: Some(270),
        speed_kmh: Some(0),
        fixed_at: Some(at()),
        position_at: Some(at()),
        home_name: "East station".into(),
        home_latitude: Some(Degrees(8_480_000)),
        home_longitude: Some(Degrees(-13_220_000)),
        version: 9,
        created_at: at(),
        updated_at: at(),
    }
}

fn hospital() -> HospitalView {
    HospitalView {
        id: HospitalId(2),
        name: "Connaught Hospital".into(),
        address: "Lightfoot Boston Street".into(),
        latitude: Some(Degrees(8_487_800)),
        longitude: Some(Degrees(-13_235_600)),
        phone: "+23276000009".into(),
        total_beds: 60,
        available_beds: 12,
        emergency_load: Load::High,
        specialties: "trauma, cardiac".into(),
        diversion: Some(DiversionView {
            reason: "no power".into(),
            since: Some(at()),
            ends_at: None,
            by: Some(UserId(2)),
        }),
        version: 4,
        created_at: at(),
        updated_at: at(),
    }
}

fn order(state: OrderState) -> OrderView {
    let answered = state == OrderState::Accepted;
    OrderView {
        id: OrderId(31),
        incident: IncidentId(7),
        call_id: "CALL-1A2B3C4D".into(),
        unit: UnitId(4),
        unit_number: "A-4".into(),
        state,
        stage: UnitStatus::Assigned,
        priority: Priority::Critical,
        note: "second floor".into(),
        ordered_by: Some(alice()),
        paramedic: Some(bob()),
        override_reason: None,
        sent_at: at(),
        delivered_at: Some(at()).filter(|_| answered),
        seen_at: Some(at()).filter(|_| answered),
        answered_at: Some(at()).filter(|_| answered),
        answered_by: Some(bob()).filter(|_| answered),
        decline_reason: None,
        ended_at: None,
        end_reason: None,
        repeats: 0,
        escalate_at: Some(at()).filter(|_| !answered),
        escalations: 0,
        nobody_heard: false,
        crew: vec![OrderCrewView {
            user: bob(),
            delivered_at: Some(at()).filter(|_| answered),
            seen_at: None,
        }],
    }
}

fn entry() -> TimelineEntry {
    TimelineEntry {
        id: EntryId(88),
        incident: Some(IncidentId(7)),
        unit: Some(UnitId(4)),
        order: Some(OrderId(31)),
        kind: "unit.status".into(),
        actor: Some(UserId(3)),
        actor_name: "bob".into(),
        from: Some("EN_ROUTE".into()),
        to: Some("ON_SCENE".into()),
        detail: String::new(),
        at: at(),
        device_at: Some(at()),
        utc_offset_min: 0,
        server_at: at(),
    }
}

fn mayday() -> MaydayView {
    MaydayView {
        id: MaydayId(3),
        unit: Some(UnitId(4)),
        unit_number: Some("A-4".into()),
        incident: Some(IncidentId(7)),
        raised_by: Some(bob()),
        note: "under attack".into(),
        latitude: Some(Degrees(8_484_146)),
        longitude: Some(Degrees(-13_228_718)),
        raised_at: at(),
        acknowledged_at: None,
        acknowledged_by: None,
        ended_at: None,
        end_reason: String::new(),
        repeats: 0,
        nobody_heard: false,
    }
}

/// Every one of them, on the board.
pub fn events() -> Vec<Event> {
    let opened = IncidentView {
        status: IncidentStatus::Received,
        units: Vec::new(),
        duplicates: Vec::new(),
        version: 1,
        ..incident()
    };
    let late = OrderView { escalations: 1, repeats: 3, ..order(OrderState::TimedOut) };
    let answered =
        MaydayView { acknowledged_at: Some(at()), acknowledged_by: Some(alice()), ..mayday() };
    let overdue = ParView {
        overdue_since: Some(at()),
        notices: 1,
        ..incident().par.expect("it has a timer")
    };
    let bodies = [
        DispatchEvent::IncidentOpened { incident: opened, entry: None },
        DispatchEvent::IncidentChanged { incident: incident(), entry: Some(entry()) },
        DispatchEvent::UnitChanged { unit: unit(), entry: None },
        DispatchEvent::UnitRemoved { unit: UnitId(4) },
        DispatchEvent::HospitalChanged { hospital: hospital() },
        DispatchEvent::HospitalRemoved { hospital: HospitalId(2) },
        DispatchEvent::OrderGiven { order: order(OrderState::Sent) },
        DispatchEvent::OrderChanged { order: order(OrderState::Accepted), entry: None },
        DispatchEvent::OrderRepeated { order: OrderView { repeats: 1, ..order(OrderState::Sent) } },
        DispatchEvent::OrderEscalated { order: late },
        DispatchEvent::MaydayRaised { mayday: mayday() },
        DispatchEvent::MaydayAlarm { mayday: mayday() },
        DispatchEvent::MaydayRepeated {
            mayday: MaydayView { repeats: 1, nobody_heard: true, ..mayday() },
        },
        DispatchEvent::MaydayChanged { mayday: answered },
        DispatchEvent::ParOverdue { incident: IncidentView { par: Some(overdue), ..incident() } },
    ];
    let event = |(seq, body)| Event {
        topic: Topic::Board,
        seq: Some(seq).filter(|_| !matches!(body, DispatchEvent::MaydayAlarm { .. })),
        at: at(),
        body: EventBody::Dispatch(Box::new(body)),
    };
    (400..).zip(bodies).map(event).collect()
}
