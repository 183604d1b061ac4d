// The fleet: every ambulance, and for dispatchers its status, its paramedic and the list itself.
"use strict";

const isDesk = ["dispatcher", "admin"].includes(byId("page").dataset.role);
const AT_REST = ["AVAILABLE", "MAINTENANCE", "OUT_OF_SERVICE"];
let paramedics = [];

function select(label, options, value, onChange) {
  const made = make("select", null, { "aria-label": label });
  for (const [word, text] of options) {
    const option = make("option", text, { value: word });
    option.selected = String(word) === String(value ?? "");
    made.append(option);
  }
  made.addEventListener("change", () => doing(made, async () => {
    await onChange(made.value);
    await look();
  }));
  return made;
}

function row(one) {
  const made = make("tr");
  const path = `/dispatch/api/ambulances/${one.id}/`;
  const status = make("td");
  const crew = make("td");
  const last = make("td");
  if (isDesk && AT_REST.includes(one.status)) {
    status.append(select(`Status of ${one.unit_number}`,
      AT_REST.map((word) => [word, word.replaceAll("_", " ").toLowerCase()]), one.status,
      (word) => ask("PATCH", path, { status: word })));
  } else {
    status.textContent = one.status_display;
  }
  if (isDesk) {
    crew.append(select(`Paramedic of ${one.unit_number}`,
      [["", "–"], ...paramedics.map((each) => [each.id, each.username])], one.assigned_paramedic,
      (id) => ask("PATCH", path, { assigned_paramedic: id ? Number(id) : null })));
    const remove = make("button", "Remove", { type: "button", class: "plain" });
    remove.addEventListener("click", () => {
      if (!confirm(`Take ${one.unit_number} off the list?`)) return;
      doing(remove, async () => {
        await ask("DELETE", path);
        await look();
      });
    });
    last.append(remove);
  } else {
    crew.textContent = one.assigned_paramedic_name || "–";
  }
  made.append(make("td", one.unit_number), make("td", one.unit_type_display), status, crew,
    make("td", one.current_emergency_id || "–"), make("td", clockOf(one.last_location_update) || "–"), last);
  return made;
}

async function look() {
  if (isDesk) paramedics = await ask("GET", "/core/api/paramedics/");
  const all = await ask("GET", "/dispatch/api/ambulances/");
  if (!byId("fleet").contains(document.activeElement)) byId("fleet").replaceChildren(...all.map(row));
}

byId("add").hidden = !isDesk;
byId("add").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.currentTarget;
  doing(form.querySelector("button"), async () => {
    await ask("POST", "/dispatch/api/ambulances/", Object.fromEntries(new FormData(form)));
    form.reset();
    await look();
  });
});
look().catch((fault) => note(fault.message, true));
setInterval(() => look().catch(() => {}), 15000);
