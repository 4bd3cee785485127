"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { actors, events, leaks } = data;
  const $ = (id) => document.getElementById(id);
  const canvas = $("canvas");
  const pen = canvas.getContext("2d");
  const GUTTER = 150, AXIS = 40, ROW = 30, MOST = 220;

  // ---- what the drawing needs to know of each event

  const LOOP = "loop";
  const workerIndexes = actors.map((a, i) => (a.kind === "worker" || a.kind === "thread" ? i : -1)).filter((i) => i >= 0);
  const leakOf = new Map();
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
      const leak = leaks.find((l) => l.call === e.call && l.step === e.step) || leaks.find((l) => l.call === e.call);
      if (leak) leakOf.set(i, leak);
    }
    if (e.what === "polled") {
      if (e.woken === "clock") sources[i] = lastMove;
      else if (e.woken === "actor" && lastOf.has(e.by)) sources[i] = lastOf.get(e.by);
      else if (e.woken === "spawn" && lastOf.has("spawn" + e.actor)) sources[i] = lastOf.get("spawn" + e.actor);
    }
    if (e.what === "spawned") lastOf.set("spawn" + e.actor, i);
    else if (e.actor != null) lastOf.set(e.actor, i);
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

  function readColours() {
    const style = getComputedStyle(document.documentElement);
    const names = ["paper", "ink", "faint", "line", "band", "bad", "bad-paper", "star", "star-paper", "arrow", "select", "match", "good"];
    colours = Object.fromEntries(names.map((n) => [n, style.getPropertyValue("--" + n).trim()]));
    colours.task = style.getPropertyValue("--task").trim().split(/\s+/);
  }

  function clamp() {
    view.scale = Math.min(Math.max(view.scale, Math.min(fitScale(), MOST)), MOST);
    const shown = (width - GUTTER) / view.scale;
    view.left = Math.min(Math.max(view.left, 0), Math.max(events.length - shown + 12 / view.scale, 0));
    view.top = Math.min(Math.max(view.top, 0), Math.max(rows().length * ROW + AXIS - height + 8, 0));
  }

  function redraw() {
    if (wanted) return;
    wanted = true;
    requestAnimationFrame(() => { wanted = false; draw(); });
  }

  function resize() {
    const box = canvas.parentElement.getBoundingClientRect();
    const wasFit = width === 0 || Math.abs(view.scale - fitScale()) < 1e-9;
    [width, height] = [box.width, box.height];
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (wasFit) view.scale = Math.min(Math.max(fitScale(), 0), 120);
    clamp();
    redraw();
  }

  function nanos(n) {
    for (const [unit, size] of [["s", 1e9], ["ms", 1e6], ["us", 1e3]]) {
      if (n >= size) return +(n / size).toFixed(3) + " " + unit;
    }
    return n + " ns";
  }

  function fitted(text, room) {
    if (room < 14) return "";
    if (pen.measureText(text).width <= room) return text;
    let low = 0, high = text.length;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (pen.measureText(text.slice(0, middle) + "…").width <= room) low = middle;
      else high = middle - 1;
    }
    return low > 3 ? text.slice(0, low) + "…" : "";
  }

  /// What stands in the box of an event: the row says whose it is where each task has its own.
  function label(e) {
    const name = e.actor == null ? "" : actors[e.actor].name;
    if (e.what === "time moved") return "+" + nanos(e.at - e.from);
    if (e.what === "polled") return view.byTask ? e.end : name + ": " + e.end;
    return e.text;
  }

  function draw() {
    const { scale } = view;
    pen.clearRect(0, 0, width, height);
    pen.fillStyle = colours.paper;
    pen.fillRect(0, 0, width, height);
    pen.font = "12px system-ui, 'DejaVu Sans', sans-serif";
    pen.textBaseline = "middle";
    const from = Math.max(Math.floor(view.left) - 1, 0);
    const to = Math.min(Math.ceil(view.left + (width - GUTTER) / scale) + 1, events.length);
    drawRows();
    pen.save();
    pen.beginPath();
    pen.rect(GUTTER, 0, width - GUTTER, height);
    pen.clip();
    drawTime(from, to);
    pen.beginPath();
    pen.rect(GUTTER, AXIS, width - GUTTER, height - AXIS);
    pen.clip();
    if (scale >= 4) drawBoxes(from, to);
    else drawCrowd(from, to);
    if (scale >= 8) for (let i = from; i < to; i++) arrow(i, false);
    if (view.selected >= 0) {
      arrow(view.selected, true);
      for (let i = view.selected + 1; i < Math.min(view.selected + 2000, events.length); i++) {
        if (sources[i] === view.selected) arrow(i, true);
      }
      const [x, y] = [xOf(view.selected), yOf(rowOf(view.selected))];
      pen.strokeStyle = colours.select;
      pen.lineWidth = 2;
      pen.strokeRect(x - 1, y + 2, Math.max(scale, 3) + 1, ROW - 4);
    }
    pen.restore();
    publish();
  }

  function drawRows() {
    const names = rows();
    const first = Math.max(Math.floor(view.top / ROW), 0);
    const last = Math.min(Math.ceil((view.top + height - AXIS) / ROW), names.length);
    for (let row = first; row < last; row++) {
      const y = yOf(row);
      if (row % 2 === 0) {
        pen.fillStyle = colours.band;
        pen.fillRect(0, Math.max(y, AXIS), width, ROW - Math.max(AXIS - y, 0));
      }
      if (y + ROW / 2 < AXIS) continue;
      pen.fillStyle = colours.ink;
      pen.fillText(fitted(names[row], GUTTER - 20), 12, y + ROW / 2);
    }
    pen.fillStyle = colours.paper;
    pen.fillRect(0, 0, width, AXIS);
    pen.fillStyle = colours.faint;
    pen.fillText("virtual time", 12, 12);
    pen.fillText("step", 12, 29);
    pen.fillStyle = colours.line;
    pen.fillRect(0, AXIS - 1, width, 1);
    pen.fillRect(GUTTER - 1, 0, 1, height);
  }

  /// Where time moves, a line through all rows, and a label where there is room for one; below it the steps.
  function drawTime(from, to) {
    let room = -1e9;
    let low = 0, high = timeMoves.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (timeMoves[middle] < from) low = middle + 1;
      else high = middle;
    }
    if (events.length > 0) {
      const at = nanos(events[from].at);
      pen.fillStyle = colours.faint;
      pen.fillText(at, GUTTER + 4, 12);
      room = GUTTER + 14 + pen.measureText(at).width;
    }
    let lastX = -1e9;
    for (let k = low; k < timeMoves.length && timeMoves[k] < to; k++) {
      const x = xOf(timeMoves[k]);
      if (x - lastX >= 3) {
        pen.fillStyle = colours.line;
        pen.fillRect(x, 18, 1, height);
        lastX = x;
      }
      if (x > room) {
        const at = nanos(events[timeMoves[k]].at);
        pen.fillStyle = colours.faint;
        pen.fillText(at, x + 2, 12);
        room = x + 14 + pen.measureText(at).width;
      }
    }
    room = -1e9;
    let lastStep = -1;
    const stride = Math.max(Math.floor(50 / view.scale), 1);
    pen.fillStyle = colours.faint;
    for (let i = Math.ceil(from / stride) * stride; i < to; i += stride) {
      const x = xOf(i);
      if (x < room || x < GUTTER || events[i].step === lastStep) continue;
      lastStep = events[i].step;
      pen.fillText(events[i].step, x + 2, 29);
      room = x + 12 + pen.measureText(events[i].step).width;
    }
  }

  function fill(e, i) {
    if (e.what === "blocked") return colours.bad;
    if (e.end === "panicked") return colours["bad-paper"];
    if (e.actor == null) return colours.line;
    return colours.task[e.actor % colours.task.length];
  }

  function drawBoxes(from, to) {
    const { scale } = view;
    for (let i = from; i < to; i++) {
      const e = events[i], row = rowOf(i), x = xOf(i), y = yOf(row);
      if (y + ROW < AXIS || y > height) continue;
      const isThin = e.what !== "polled" && e.what !== "blocked" && e.what !== "note";
      const inset = isThin ? 9 : 5;
      pen.fillStyle = view.isMatch.has(i) ? colours.match : fill(e, i);
      pen.fillRect(x + 0.5, y + inset, Math.max(scale - 1, 2), ROW - 2 * inset);
      if (e.what === "blocked" || e.end === "panicked") {
        pen.strokeStyle = colours.bad;
        pen.lineWidth = 1.5;
        pen.strokeRect(x + 1, y + inset, Math.max(scale - 2, 2), ROW - 2 * inset);
      }
      if (e.before != null) mark(x, y);
      if (scale > 34) {
        pen.fillStyle = e.what === "blocked" ? colours.paper : e.end === "panicked" ? colours.bad : colours.ink;
        const shift = e.before != null ? 14 : 5;
        pen.fillText(fitted(label(e), scale - shift - 4), x + shift, y + ROW / 2);
      }
    }
  }

  function mark(x, y) {
    pen.fillStyle = colours.star;
    pen.fillRect(x + 0.5, y + 3, 2.5, ROW - 6);
    if (view.scale > 16) pen.fillText("★", x + 4, y + ROW / 2);
  }

  /// Too many for boxes: a tick for each column of pixels that has any, and what matters on top.
  function drawCrowd(from, to) {
    const last = new Map();
    for (let i = from; i < to; i++) {
      const row = rowOf(i), y = yOf(row);
      if (y + ROW < AXIS || y > height) continue;
      const x = Math.floor(xOf(i));
      if (last.get(row) === x) continue;
      last.set(row, x);
      const e = events[i];
      pen.fillStyle = e.actor == null ? colours.faint : colours.task[e.actor % colours.task.length];
      pen.fillRect(x, y + 7, Math.max(view.scale, 1), ROW - 14);
    }
    const ticks = (list, colour, inset) => {
      pen.fillStyle = colour;
      let before = "";
      for (const i of list) {
        if (i < from || i >= to) continue;
        const [x, y] = [Math.floor(xOf(i)), yOf(rowOf(i))];
        const key = x + ":" + y;
        if (key === before) continue;
        before = key;
        pen.fillRect(x, y + inset, Math.max(view.scale, 1.5), ROW - 2 * inset);
      }
    };
    ticks(deviations, colours.star, 5);
    ticks(view.matches, colours.match, 3);
    ticks(leakEvents, colours.bad, 2);
  }

  function arrow(i, strong) {
    const source = sources[i];
    if (source < 0) return;
    const e = events[i];
    if (!strong && e.woken === "spawn") return;
    const x1 = xOf(source) + Math.max(view.scale / 2, 1), y1 = yOf(rowOf(source)) + ROW / 2;
    const x2 = xOf(i) + 1, y2 = yOf(rowOf(i)) + ROW / 2;
    if (x2 < GUTTER || x1 > width) return;
    pen.strokeStyle = pen.fillStyle = strong ? colours.select : colours.arrow;
    pen.globalAlpha = strong ? 1 : 0.6;
    pen.lineWidth = strong ? 2 : 1;
    pen.beginPath();
    pen.moveTo(x1, y1);
    const bend = Math.min(Math.max((x2 - x1) / 2, 10), 60);
    const lift = y1 === y2 ? -ROW * 0.6 : 0;
    pen.bezierCurveTo(x1 + bend, y1 + lift, x2 - bend, y2 + lift, x2 - 3, y2);
    pen.stroke();
    pen.beginPath();
    pen.moveTo(x2, y2);
    pen.lineTo(x2 - 6, y2 - 3.5);
    pen.lineTo(x2 - 6, y2 + 3.5);
    pen.fill();
    pen.globalAlpha = 1;
  }

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
    $("matches").textContent = wanted ? view.matches.length + (view.matches.length === 1 ? " match" : " matches") : "";
    redraw();
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
    view.top = 0;
    clamp();
    if (view.selected >= 0) reveal(view.selected);
    redraw();
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
  addEventListener("hashchange", follow);
  resize();
  tellDetails();
  follow();
  draw();
  canvas.focus();
})();
