// The data of the run, and what is seen of it. Three files make one script: model.js, draw.js, act.js.
const data = JSON.parse(document.getElementById("data").textContent);
const { actors, events, leaks } = data;
const $ = (id) => document.getElementById(id);
const canvas = $("canvas");
const pen = canvas.getContext("2d");
const GUTTER = 150, AXIS = 40, ROW = 30, MOST = 220;

// ---- what the drawing needs to know of each event

const LOOP = "loop";
const workerIndexes = actors.map((a, i) => (a.kind === "worker" || a.kind === "thread" ? i : -1)).filter((i) => i >= 0);
const leakOf = new Map(), told = new Set();
const deviations = [], leakEvents = [], sources = new Int32Array(events.length).fill(-1);
const threadRow = new Int32Array(events.length), actorRow = new Int32Array(events.length);
const timeMoves = [];
const threadRows = [LOOP, ...workerIndexes.map((i) => actors[i].name)];
const actorRows = ["clock"];
const rowOfActor = new Map();
const lastOf = new Map();
let lastMove = -1;
for (let i = 0; i < events.length; i++) {
  const e = events[i];
  threadRow[i] = e.worker == null ? 0 : 1 + workerIndexes.indexOf(e.worker);
  if (e.what === "time moved") {
    lastMove = i;
    timeMoves.push(i);
    actorRow[i] = 0;
  } else {
    const whose = e.what === "spawned" && e.by != null ? e.by : e.actor;
    if (whose == null) actorRow[i] = 0;
    else {
      if (!rowOfActor.has(whose)) {
        rowOfActor.set(whose, actorRows.length);
        actorRows.push(actors[whose].name);
      }
      actorRow[i] = rowOfActor.get(whose);
    }
  }
  if (e.before != null) deviations.push(i);
  if (e.what === "blocked") {
    leakEvents.push(i);
    // The same words for a call are not to be relied on: one event for each, in order.
    const who = e.actor == null ? null : actors[e.actor].name;
    const leak = leaks.find((l) => l.step === e.step && (who === null || l.task === who) && !told.has(l));
    if (leak) {
      told.add(leak);
      leakOf.set(i, leak);
    }
  }
  if (e.what === "polled") {
    if (e.woken === "clock") sources[i] = lastMove;
    else if (e.woken === "actor" && lastOf.has(e.by)) sources[i] = lastOf.get(e.by);
    else if (e.woken === "spawn" && lastOf.has("spawn" + e.actor)) sources[i] = lastOf.get("spawn" + e.actor);
  }
  if (e.what === "spawned") lastOf.set("spawn" + e.actor, i);
  else if (e.actor != null) lastOf.set(e.actor, i);
}
// Without a clock that moved there is nothing in its row.
if (!actorRow.includes(0)) {
  actorRows.shift();
  actorRow.forEach((row, i) => { actorRow[i] = row - 1; });
}
const texts = events.map((e) => (e.text + " " + (e.actor == null ? "" : actors[e.actor].spawned_at)).toLowerCase());

// ---- what is seen of it

const view = { scale: 1, left: 0, top: 0, byTask: actors.length <= 40, selected: -1, matches: [], isMatch: new Set() };
let colours = {}, width = 0, height = 0, wanted = false;

const rows = () => (view.byTask ? actorRows : threadRows);
const rowOf = (i) => (view.byTask ? actorRow[i] : threadRow[i]);
const xOf = (i) => GUTTER + (i - view.left) * view.scale;
const yOf = (row) => AXIS + row * ROW - view.top;
const fitScale = () => Math.max((width - GUTTER - 12) / Math.max(events.length, 1), 1e-4);
