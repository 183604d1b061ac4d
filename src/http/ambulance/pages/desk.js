// The dispatcher's page: calls, ambulances and hospitals as they are now, and who is sent where.
"use strict";

const calls = new Map();
const ambulances = new Map();
const hospitals = new Map();
let paramedics = [];
/// What is chosen in a call's form outlives its being drawn anew.
const chosen = new Map();

const asked = new URLSearchParams(location.search).get("filter")
  || location.pathname.split("/").filter(Boolean)[1] || "pending";
const filter = ["pending", "active", "completed"].includes(asked) ? asked : "pending";
const PRIORITIES = ["LOW", "MEDIUM", "HIGH", "CRITICAL"];
const WITHIN = {
  pending: ["RECEIVED"],
  active: ["DISPATCHED", "EN_ROUTE", "ON_SCENE", "TRANSPORTING"],
  completed: ["AT_HOSPITAL", "CLOSED"],
};
const NEXT = {
  DISPATCHED: ["EN_ROUTE", "En route"],
  EN_ROUTE: ["ON_SCENE", "On scene"],
  ON_SCENE: ["TRANSPORTING", "Transporting"],
  TRANSPORTING: ["AT_HOSPITAL", "At hospital"],
  AT_HOSPITAL: ["CLOSED", "Close"],
};

function keep(map, list) {
  for (const one of list) map.set(one.id, one);
}

function pick(call, key, title, options) {
  const label = make("label", title);
  const select = make("select");
  for (const [value, text] of options) select.append(make("option", text, { value }));
  const kept = (chosen.get(call.id) || {})[key];
  if (kept !== undefined) select.value = kept;
  if (select.selectedIndex < 0) select.selectedIndex = 0;
  select.addEventListener("change", () => {
    chosen.set(call.id, { ...chosen.get(call.id), [key]: select.value });
  });
  label.append(select);
  return [label, select];
}

function sending(call) {
  const row = make("div", null, { class: "row" });
  const free = [...ambulances.values()].filter((one) => one.status === "AVAILABLE");
  const [unitLabel, unit] = pick(call, "unit", "Ambulance",
    free.map((one) => [one.id, `${one.unit_number} (${one.unit_type_display})`]));
  const [crewLabel, crew] = pick(call, "crew", "Paramedic", [["", "Auto-assign"],
    ...paramedics.map((one) => [one.id, `${one.first_name} ${one.last_name}`.trim() || one.username])]);
  const [goalLabel, goal] = pick(call, "goal", "Hospital", [["", "Later"],
    ...[...hospitals.values()].map((one) =>
      [one.id, `${one.name} (${one.available_beds} beds, ${one.emergency_capacity_display})`])]);
  const send = make("button", "Dispatch", { type: "button" });
  send.disabled = free.length === 0;
  send.addEventListener("click", () => doing(send, async () => {
    const number = (text) => text ? Number(text) : null;
    await ask("POST", "/dispatch/api/dispatch/", {
      emergency_call_id: call.id, ambulance_id: number(unit.value),
      paramedic_id: number(crew.value), hospital_id: number(goal.value),
    });
    chosen.delete(call.id);
    note(`${call.call_id} is dispatched.`);
  }));
  row.append(unitLabel, crewLabel, goalLabel, send);
  return row;
}

function steps(call) {
  const row = make("div", null, { class: "tools" });
  const next = NEXT[call.status];
  if (next) {
    const button = make("button", next[1], { type: "button", class: "plain" });
    button.addEventListener("click", () => doing(button, () =>
      ask("PATCH", `/api/emergencies/${call.id}/status/`, { status: next[0] })));
    row.append(button);
  }
  if (["RECEIVED", "DISPATCHED", "EN_ROUTE"].includes(call.status)) {
    const button = make("button", "Call off", { type: "button", class: "plain" });
    button.addEventListener("click", () => {
      if (!confirm(`Call off ${call.call_id}?`)) return;
      doing(button, () => ask("PATCH", `/api/emergencies/${call.id}/`, { status: "CLOSED" }));
    });
    row.append(button);
  }
  return row;
}

function card(call) {
  const made = make("article", null, { class: `card ${call.priority}`, "data-call": call.id });
  const title = make("h3", call.call_id);
  title.append(make("span", call.status_display, { class: "badge" }));
  const label = make("label", null, { class: "badge" });
  const priority = make("select", null, { "aria-label": "Priority" });
  for (const word of PRIORITIES) {
    const option = make("option", word[0] + word.slice(1).toLowerCase(), { value: word });
    option.selected = word === call.priority;
    priority.append(option);
  }
  priority.addEventListener("change", () => doing(priority, async () => {
    keep(calls, [await ask("PATCH", `/api/emergencies/${call.id}/`, { priority: priority.value })]);
    draw();
  }));
  label.append(priority);
  title.append(label);
  made.append(title);
  made.append(make("p", `${call.emergency_type_display}: ${call.description}`));
  made.append(make("p", `${call.location_address} · ${call.caller_name}, ${call.caller_phone}`));
  const who = [call.assigned_ambulance_unit, call.assigned_paramedic_name, call.hospital_destination];
  const said = who.filter(Boolean).join(" → ");
  made.append(make("p", `${clockOf(call.received_at)}${said ? ` · ${said}` : ""}`, { class: "faint" }));
  if (call.status === "RECEIVED") made.append(sending(call));
  if (filter !== "completed" || call.status !== "CLOSED") made.append(steps(call));
  return made;
}

/// Who waits: the gravest first, and of those alike whoever has waited longest.
function byNeed(a, b) {
  return PRIORITIES.indexOf(b.priority) - PRIORITIES.indexOf(a.priority)
    || a.received_at.localeCompare(b.received_at) || a.id - b.id;
}

function byAge(a, b) {
  return b.received_at.localeCompare(a.received_at) || b.id - a.id;
}

function drawCalls() {
  const of = (name) => [...calls.values()].filter((call) => WITHIN[name].includes(call.status));
  const shown = of(filter).sort(filter === "pending" ? byNeed : byAge);
  const list = byId("calls");
  const focus = list.contains(document.activeElement)
    && document.activeElement.tagName === "SELECT";
  // A list that someone is choosing from is not drawn away under them.
  if (focus) {
    drawCalls.late = true;
  } else {
    list.replaceChildren(...shown.map(card));
    if (!shown.length) list.append(make("p", "No calls here.", { class: "empty" }));
  }
  byId("count-pending").textContent = `(${of("pending").length})`;
  byId("count-active").textContent = `(${of("active").length})`;
}

function capacity(hospital, beds, load) {
  return ask("POST", `/dispatch/api/hospitals/${hospital.id}/capacity/`, {
    available_beds: beds, emergency_capacity: load,
  });
}

function hospitalRow(one) {
  const row = make("tr");
  const beds = make("input", null, {
    type: "number", min: 0, max: one.total_beds, "aria-label": `Free beds of ${one.name}`,
  });
  beds.value = one.available_beds;
  const load = make("select", null, { "aria-label": `Load of ${one.name}` });
  for (const word of ["LOW", "MODERATE", "HIGH", "FULL"]) {
    const option = make("option", word[0] + word.slice(1).toLowerCase(), { value: word });
    option.selected = word === one.emergency_capacity;
    load.append(option);
  }
  const say = (from) => doing(from, () => capacity(one, Number(beds.value), load.value));
  beds.addEventListener("change", () => say(beds));
  load.addEventListener("change", () => say(load));
  const cells = [make("td", one.name), make("td"), make("td")];
  cells[1].append(beds, make("span", ` / ${one.total_beds}`));
  cells[2].append(load);
  row.append(...cells);
  return row;
}

function draw() {
  drawCalls();
  const units = [...ambulances.values()].sort((a, b) =>
    a.unit_number.localeCompare(b.unit_number));
  byId("ambulances").replaceChildren(...units.map((one) => {
    const row = make("tr");
    const at = one.current_emergency_id ? ` · ${one.current_emergency_id}` : "";
    row.append(make("td", one.unit_number), make("td", one.status_display + at),
      make("td", one.assigned_paramedic_name || "–"));
    return row;
  }));
  const list = [...hospitals.values()].sort((a, b) => a.name.localeCompare(b.name));
  if (!byId("hospitals").contains(document.activeElement)) {
    byId("hospitals").replaceChildren(...list.map(hospitalRow));
  }
}

function alarm(words) {
  const box = byId("alarms");
  const known = [...box.children].find((line) => line.dataset.words === words);
  if (known) {
    known.lastChild.textContent = ` (${new Date().toLocaleTimeString()})`;
    return;
  }
  const line = make("p", words, { "data-words": words });
  line.append(make("span", ""));
  box.append(line);
  box.hidden = false;
}

function hear(frame) {
  switch (frame.type) {
    case "initial_data":
      ambulances.clear();
      hospitals.clear();
      for (const [id, call] of calls) {
        if (!WITHIN.completed.includes(call.status)) calls.delete(id);
      }
      keep(calls, frame.data.emergencies);
      keep(ambulances, frame.data.ambulances);
      keep(hospitals, frame.data.hospitals);
      break;
    case "emergency_update":
      keep(calls, [frame.data]);
      if (frame.event === "NEW_EMERGENCY") note(`New call ${frame.data.call_id}.`);
      break;
    case "ambulance_update":
      keep(ambulances, [frame.data]);
      break;
    case "hospital_update":
      keep(hospitals, [frame.data]);
      break;
    case "error":
      alarm(frame.message);
      break;
    default:
      return;
  }
  draw();
}

async function look() {
  paramedics = await ask("GET", "/core/api/paramedics/?available=1");
  if (filter === "completed") keep(calls, await ask("GET", "/api/emergencies/active/?status=completed"));
  draw();
}

document.addEventListener("focusout", () => setTimeout(() => {
  if (drawCalls.late) {
    drawCalls.late = false;
    draw();
  }
}, 0));
document.querySelector(`[data-filter=${filter}]`).setAttribute("aria-current", "page");
listen("/ws/dispatchers/", hear, showState);
look().catch((fault) => note(fault.message, true));
setInterval(() => look().catch(() => {}), 30000);
