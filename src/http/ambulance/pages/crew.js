// The paramedic's page: the call one is on, its steps, where one is, and a call for help.
"use strict";

const STEPS = [
  ["EN_ROUTE", "En route", "DISPATCHED"],
  ["ON_SCENE", "On scene", "EN_ROUTE"],
  ["TRANSPORTING", "Transporting", "ON_SCENE"],
  ["AT_HOSPITAL", "At hospital", "TRANSPORTING"],
  ["CLOSED", "Back in service", "AT_HOSPITAL"],
];
let call = null;
let watching = null;
let sentAt = 0;

function draw() {
  const place = byId("call");
  if (!call) {
    place.replaceChildren(make("p", "No call. You are told here when one comes.", { class: "empty" }));
    byId("steps").replaceChildren();
    return;
  }
  const title = make("h3", call.call_id);
  title.append(make("span", call.status_display, { class: "badge", id: "status" }));
  title.append(make("span", call.priority_display, { class: "badge" }));
  const card = make("article", null, { class: `card ${call.priority}` });
  card.append(title,
    make("p", `${call.emergency_type_display}: ${call.description}`),
    make("p", `${call.location_address}`),
    make("p", `Caller: ${call.caller_name}, ${call.caller_phone}`),
    make("p", call.hospital_destination ? `To ${call.hospital_destination}` : "No hospital yet",
      { class: "faint" }));
  place.replaceChildren(card);
  byId("steps").replaceChildren(...STEPS.map(([to, words, from]) => {
    const button = make("button", words, { type: "button", "data-to": to });
    button.disabled = call.status !== from;
    button.addEventListener("click", async () => {
      button.disabled = true;
      try {
        call = await ask("PATCH", `/api/emergencies/${call.id}/status/`, { status: to });
        if (to === "CLOSED") call = null;
      } catch (fault) {
        note(fault.message, true);
      }
      draw();
      if (to === "CLOSED") earlier();
    });
    return button;
  }));
}

async function look() {
  call = await ask("GET", "/api/emergencies/my-active/");
  draw();
}

async function earlier() {
  const page = await ask("GET", "/profiles/api/my-assignments/?limit=10");
  byId("earlier").replaceChildren(...page.results.map((one) =>
    make("li", `${one.call_id} · ${one.emergency_type_display} · ${one.status_display} · ${clockOf(one.received_at)}`)));
  if (!page.results.length) byId("earlier").append(make("li", "None yet.", { class: "empty" }));
}

function hear(frame) {
  if (frame.type === "error") return note(frame.message, true);
  if (frame.type !== "emergency_update") return undefined;
  const told = frame.data;
  if (frame.event === "UNIT_DISPATCHED") note(`You are sent to ${told.call_id}.`, true);
  // What was taken away, or closed by the desk, is no longer one's call.
  return look().catch((fault) => note(fault.message, true));
}

async function showAvailable(set) {
  const button = byId("available");
  let mine = button.dataset.on === "true";
  if (set) {
    const told = await ask("PATCH", "/core/api/paramedics/toggle-availability/",
      { is_available_for_dispatch: !mine });
    mine = told.is_available_for_dispatch;
  } else {
    const me = Number(byId("page").dataset.user);
    const all = await ask("GET", "/core/api/paramedics/");
    mine = all.some((one) => one.id === me && one.is_available_for_dispatch);
  }
  button.dataset.on = String(mine);
  button.textContent = mine ? "Available: go off" : "Off: become available";
}

async function ownAmbulance() {
  const me = Number(byId("page").dataset.user);
  const all = await ask("GET", "/dispatch/api/ambulances/");
  return all.find((one) => call && one.id === call.assigned_ambulance)
    || all.find((one) => one.assigned_paramedic === me);
}

async function sendPlace(position) {
  if (Date.now() - sentAt < 15000) return;
  sentAt = Date.now();
  const unit = await ownAmbulance();
  if (!unit) throw new Error("No ambulance is yours yet.");
  const round = (degrees) => Number(degrees.toFixed(6));
  await ask("POST", `/dispatch/api/ambulances/${unit.id}/location/`, {
    current_latitude: round(position.coords.latitude),
    current_longitude: round(position.coords.longitude),
  });
  byId("position").textContent = `Position of ${unit.unit_number} sent at ${new Date().toLocaleTimeString()}.`;
}

byId("available").addEventListener("click", (event) =>
  doing(event.currentTarget, () => showAvailable(true)));
byId("locate").addEventListener("click", () => {
  if (!navigator.geolocation) return note("This device does not tell its position.", true);
  if (watching !== null) return undefined;
  watching = navigator.geolocation.watchPosition(
    (position) => sendPlace(position).catch((fault) => note(fault.message, true)),
    (fault) => note(fault.message, true), { enableHighAccuracy: true });
  return undefined;
});
byId("mayday").addEventListener("click", (event) => {
  if (!confirm("Call for help for yourself? Every dispatcher is told at once.")) return;
  doing(event.currentTarget, async () => {
    const told = await ask("POST", "/api/v1/maydays", {});
    note(told.nobody_heard
      ? "Mayday sent, but no dispatcher can answer here. USE THE RADIO."
      : "Mayday sent. It is repeated until a dispatcher answers.", true);
  });
});

listen("/ws/paramedic/", hear, (isUp, event) => {
  showState(isUp, event);
  if (isUp) look().catch((fault) => note(fault.message, true));
});
showAvailable(false).catch((fault) => note(fault.message, true));
earlier().catch((fault) => note(fault.message, true));
setInterval(() => { if (!call) look().catch(() => {}); }, 10000);
