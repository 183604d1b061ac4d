// What the pages of dispatch share: asking the server, listening, and writing text into the page.
"use strict";

const byId = (id) => document.getElementById(id);

/// An element with text and attributes; what comes from outside is only ever text.
function make(tag, text, attributes = {}) {
  const made = document.createElement(tag);
  if (text !== undefined && text !== null) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function cookie(name) {
  const found = document.cookie.split("; ").find((pair) => pair.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}

/// Why something was refused, in the words of the server.
function wordsOf(told, status) {
  if (told && typeof told === "object") {
    const words = Object.entries(told).map(([name, value]) => {
      const said = Array.isArray(value) ? value.join(" ") : String(value);
      return ["error", "detail", "non_field_errors"].includes(name) ? said : `${name}: ${said}`;
    });
    if (words.length) return words.join("; ");
  }
  return `The server answered ${status}.`;
}

async function ask(method, path, body) {
  const headers = { "X-CSRFToken": cookie("csrftoken") };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const options = { method, headers, credentials: "same-origin" };
  if (body !== undefined) options.body = JSON.stringify(body);
  const answer = await fetch(path, options);
  if (answer.status === 204) return null;
  const told = await answer.json().catch(() => null);
  if (!answer.ok) throw new Error(wordsOf(told, answer.status));
  return told;
}

/// Shows a line above the page for a while.
function note(words, isAlarm) {
  const line = byId("note");
  line.textContent = words;
  line.className = isAlarm ? "note alarm" : "note";
  line.hidden = false;
  clearTimeout(note.timer);
  note.timer = setTimeout(() => { line.hidden = true; }, 12000);
}

/// Does something a button asks for; the button rests meanwhile.
async function doing(button, work) {
  button.disabled = true;
  try {
    await work();
  } catch (fault) {
    note(fault.message, true);
  } finally {
    button.disabled = false;
  }
}

/// Listens to a socket and comes back when it is lost, unless the server says not to.
function listen(path, hear, onState) {
  let wait = 1000;
  const link = { socket: null };
  const open = () => {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}${path}`);
    link.socket = socket;
    socket.onopen = () => { wait = 1000; onState(true); };
    socket.onmessage = (event) => hear(JSON.parse(event.data));
    socket.onclose = (event) => {
      onState(false, event);
      if (event.code === 4001) return;
      setTimeout(open, wait * (0.7 + 0.6 * Math.random()));
      wait = Math.min(wait * 2, 30000);
    };
  };
  open();
  return link;
}

function showState(isUp, event) {
  const state = byId("state");
  state.className = isUp ? "state up" : "state down";
  state.textContent = isUp ? "WS: CONNECTED" : "WS: CLOSED";
  if (!isUp && event && event.code === 4001) {
    note(`Signed out: ${event.reason}. Sign in again.`, true);
  }
}

const clockOf = (stamp) => stamp ? new Date(stamp).toLocaleTimeString() : "";
