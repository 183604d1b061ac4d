// Opens a socket and shows what comes; tries again five times unless it was closed on purpose.
"use strict";

const byId = (id) => document.getElementById(id);
let socket = null;
let tries = 0;

function log(words) {
  byId("log").append(`${new Date().toLocaleTimeString()} ${words}\n`);
  byId("log").scrollTop = byId("log").scrollHeight;
}

function show(isUp) {
  byId("state").className = isUp ? "state up" : "state down";
  byId("state").textContent = isUp ? "WS: CONNECTED" : "WS: CLOSED";
  byId("send").disabled = !isUp;
  byId("disconnect").disabled = !isUp;
}

function connect() {
  if (socket) socket.close(1000);
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const opened = new WebSocket(`${scheme}//${location.host}${byId("kind").value}`);
  socket = opened;
  log(`Connecting to ${opened.url}`);
  opened.onopen = () => { show(true); log("Connected"); };
  opened.onmessage = (event) => { tries = 0; log(`Received ${event.data}`); };
  opened.onerror = () => log("Error");
  opened.onclose = (event) => {
    if (socket !== opened) return;
    show(false);
    log(`Closed: ${event.code} ${event.reason}`);
    socket = null;
    if (event.code !== 1000 && event.code !== 4001 && tries < 5) {
      tries += 1;
      setTimeout(connect, 2000);
    }
  };
}

byId("connect").addEventListener("click", () => { tries = 0; connect(); });
byId("disconnect").addEventListener("click", () => socket && socket.close(1000));
byId("send").addEventListener("click", () => {
  socket.send(byId("frame").value);
  log(`Sent ${byId("frame").value}`);
});
