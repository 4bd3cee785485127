// Details, keys and mouse.
// ---- details: always text, never markup

function element(name, text, parent) {
  const made = document.createElement(name);
  if (text != null) made.textContent = text;
  if (parent) parent.append(made);
  return made;
}

function tellDetails() {
  const panel = $("details");
  panel.replaceChildren();
  if (view.selected < 0) {
    element("p", "Click an event, or press an arrow key. Press ? for all keys.", panel).className = "hint";
    return;
  }
  const i = view.selected, e = events[i];
  element("h2", e.text, panel);
  const leak = leakOf.get(i);
  if (leak) {
    const frames = leak.frames.length ? "\n\nstack:\n  " + leak.frames.join("\n  ") : "";
    element("pre", leak.text + frames, panel);
  }
  const list = element("dl", null, panel);
  const row = (name, value, go) => {
    if (value == null || value === "") return;
    element("dt", name, list);
    const cell = element("dd", null, list);
    if (go == null) { cell.textContent = value; return; }
    const link = element("a", value, cell);
    link.tabIndex = 0;
    link.onclick = () => select(go, true);
    link.onkeydown = (event) => { if (event.key === "Enter") select(go, true); };
  };
  const actor = e.actor == null ? null : actors[e.actor];
  const name = (index) => (index == null ? null : actors[index].name);
  row("event", i + 1 + " of " + events.length + ", step " + e.step);
  row("virtual time", nanos(e.at));
  row("on", e.worker == null ? LOOP : name(e.worker));
  if (actor) {
    row(actor.kind, actor.name);
    row("spawned at", actor.spawned_at);
    row("spawned by", name(actor.parent));
  }
  if (e.before != null) row("deviation", "ran before " + name(e.before) + ", which had been ready for longer");
  if (e.what === "polled") {
    const by = { actor: name(e.by), clock: "the clock", outside: "a thread outside the world", spawn: "being spawned" };
    row("made ready by", by[e.woken], sources[i] >= 0 ? sources[i] : null);
    row("ended", e.end);
  }
  if (leak) row("the loop stood still", nanos(leak.stood));
}

function select(i, isSeen) {
  view.selected = Math.min(Math.max(i, -1), events.length - 1);
  if (view.selected >= 0 && isSeen) reveal(view.selected);
  tellDetails();
  tellMatches();
  redraw();
}

function reveal(i) {
  const shown = (width - GUTTER) / view.scale;
  if (i < view.left + shown * 0.05 || i > view.left + shown * 0.9) view.left = i - shown / 2;
  const y = rowOf(i) * ROW;
  if (y < view.top || y + ROW > view.top + height - AXIS) view.top = y - (height - AXIS) / 2;
  clamp();
}

function zoom(factor, x) {
  const at = view.left + (x - GUTTER) / view.scale;
  view.scale *= factor;
  clamp();
  view.left = at - (x - GUTTER) / view.scale;
  clamp();
  redraw();
}

function zoomHere(factor) {
  const x = view.selected >= 0 ? xOf(view.selected) : 0;
  zoom(factor, x > GUTTER && x < width ? x : (GUTTER + width) / 2);
}

function fit() {
  view.scale = fitScale();
  view.left = view.top = 0;
  clamp();
  redraw();
}

function search(text) {
  const wanted = text.trim().toLowerCase();
  view.matches = [];
  if (wanted) for (let i = 0; i < texts.length; i++) if (texts[i].includes(wanted)) view.matches.push(i);
  view.isMatch = new Set(view.matches);
  const isInVain = wanted !== "" && view.matches.length === 0;
  $("matches").className = isInVain ? "none" : "";
  $("search").setAttribute("aria-invalid", isInVain);
  tellMatches();
  redraw();
}

/// How many match, and which of them is open.
function tellMatches() {
  const all = view.matches.length, grouped = all.toLocaleString("en");
  const nth = view.isMatch.has(view.selected) ? view.matches.indexOf(view.selected) + 1 : 0;
  const some = nth > 0 ? nth.toLocaleString("en") + " of " + grouped : grouped + (all === 1 ? " match" : " matches");
  $("matches").textContent = all > 0 ? some : $("search").value.trim() ? "no match" : "";
}

function step(list, forward) {
  if (list.length === 0) return;
  const here = view.selected;
  const next = forward ? list.find((i) => i > here) : list.findLast((i) => i < (here < 0 ? Infinity : here));
  select(next ?? (forward ? list[0] : list[list.length - 1]), true);
}

function withinRow(direction) {
  const here = view.selected;
  if (here < 0) return select(0, true);
  for (let i = here + direction; i >= 0 && i < events.length; i += direction) {
    if (rowOf(i) === rowOf(here)) return select(i, true);
  }
}

function toggleRows() {
  view.byTask = !view.byTask;
  tellRows();
  view.top = 0;
  clamp();
  if (view.selected >= 0) reveal(view.selected);
  redraw();
}

/// The button says what it does next.
function tellRows() {
  $("rows").textContent = view.byTask ? "By thread" : "By task";
}

// ---- keys and mouse

const keys = {
  ArrowRight: () => select(view.selected + 1, true),
  ArrowLeft: () => select(Math.max(view.selected - 1, 0), true),
  ArrowDown: () => withinRow(1),
  ArrowUp: () => withinRow(-1),
  Home: () => select(0, true),
  End: () => select(events.length - 1, true),
  "+": () => zoomHere(1.6),
  "=": () => zoomHere(1.6),
  "-": () => zoomHere(1 / 1.6),
  0: fit,
  "/": () => { $("search").focus(); $("search").select(); },
  n: () => step(view.matches, true),
  N: () => step(view.matches, false),
  d: () => step(deviations, true),
  l: () => step(leakEvents, true),
  w: () => { if (view.selected >= 0 && sources[view.selected] >= 0) select(sources[view.selected], true); },
  t: toggleRows,
  "?": () => $("keys").showModal(),
  Escape: () => select(-1, false),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || $("keys").open) return;
  if (event.target === $("search")) {
    if (event.key === "Enter") step(view.matches, !event.shiftKey);
    if (event.key === "Escape") canvas.focus();
    return;
  }
  const action = keys[event.key];
  if (action) {
    event.preventDefault();
    action();
  }
});
$("search").addEventListener("input", () => search($("search").value));
for (const [id, key] of [["in", "+"], ["out", "-"], ["fit", 0], ["rows", "t"], ["deviation", "d"], ["leak", "l"], ["help", "?"]]) {
  $(id).addEventListener("click", keys[key]);
}
$("deviation").disabled = deviations.length === 0;
$("leak").disabled = leakEvents.length === 0;

canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  const x = event.clientX - canvas.getBoundingClientRect().left;
  if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
    view.left += (event.deltaX || event.deltaY) / view.scale;
    clamp();
    redraw();
  } else if (x < GUTTER) {
    view.top += event.deltaY;
    clamp();
    redraw();
  } else zoom(Math.exp(-event.deltaY / 300), x);
}, { passive: false });

let grip = null;
canvas.addEventListener("pointerdown", (event) => {
  canvas.focus();
  canvas.setPointerCapture(event.pointerId);
  grip = { x: event.clientX, y: event.clientY, left: view.left, top: view.top, moved: false };
});
canvas.addEventListener("pointermove", (event) => {
  if (!grip) return;
  const [dx, dy] = [event.clientX - grip.x, event.clientY - grip.y];
  grip.moved = grip.moved || Math.abs(dx) + Math.abs(dy) > 4;
  if (!grip.moved) return;
  view.left = grip.left - dx / view.scale;
  view.top = grip.top - dy;
  clamp();
  redraw();
});
canvas.addEventListener("pointerup", (event) => {
  const held = grip;
  grip = null;
  if (!held || held.moved) return;
  const box = canvas.getBoundingClientRect();
  select(hit(event.clientX - box.left, event.clientY - box.top), false);
});

/// The event at a point: in a crowd the nearest one of that row.
function hit(x, y) {
  if (x < GUTTER || y < AXIS) return -1;
  const row = Math.floor((y - AXIS + view.top) / ROW), at = Math.floor(view.left + (x - GUTTER) / view.scale);
  const reach = Math.max(Math.ceil(6 / view.scale), 0);
  for (let away = 0; away <= reach; away++) {
    for (const i of [at - away, at + away]) {
      if (i >= 0 && i < events.length && rowOf(i) === row) return i;
    }
  }
  return -1;
}

// ---- the state, where tests and scripts of others can read it

function publish() {
  Object.assign(document.body.dataset, {
    ready: "yes", events: events.length, scale: view.scale.toFixed(4), left: view.left.toFixed(2),
    selected: view.selected, matches: view.matches.length, rows: view.byTask ? "tasks" : "threads",
  });
}

// An address may end in #event=12: the page opens there.
function follow() {
  const found = /event=(\d+)/.exec(location.hash);
  if (found) {
    view.scale = Math.max(view.scale, 40);
    clamp();
    select(Number(found[1]) - 1, true);
  }
}

readColours();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColours(); redraw(); });
new ResizeObserver(resize).observe(canvas.parentElement);
// A window that goes to a screen of another density keeps its size.
addEventListener("resize", resize);
addEventListener("hashchange", follow);
resize();
tellRows();
tellDetails();
follow();
canvas.focus();
