// Drawing on the canvas.
function readColours() {
  const style = getComputedStyle(document.documentElement);
  const names = ["paper", "ink", "faint", "line", "band", "bad", "bad-paper", "star", "star-paper", "arrow", "select", "match", "good"];
  colours = Object.fromEntries(names.map((n) => [n, style.getPropertyValue("--" + n).trim()]));
  for (const name of ["task", "crowd"]) colours[name] = style.getPropertyValue("--" + name).trim().split(/\s+/);
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
  // At once: a canvas whose size is set has nothing on it, and is seen before the next frame is asked for.
  draw();
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
  const whose = e.what === "spawned" && e.by != null ? e.by : e.actor;
  const name = whose == null ? "" : actors[whose].name;
  if (e.what === "time moved") return "+" + nanos(e.at - e.from);
  const short = { polled: e.end, note: e.note, blocked: e.call }[e.what];
  if (short) return view.byTask ? short : name + ": " + short;
  const isSaid = view.byTask && name && e.text.startsWith(name);
  return isSaid ? e.text.slice(name.length).replace(/^[: ]+/, "") : e.text;
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
    if (e.before != null || e.what === "chose") mark(x, y);
    if (scale > 34) {
      pen.fillStyle = e.what === "blocked" ? colours.paper : e.end === "panicked" ? colours.bad : colours.ink;
      const shift = e.before != null ? 17 : 5;
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
    pen.fillStyle = e.actor == null ? colours.faint : colours.crowd[e.actor % colours.crowd.length];
    pen.fillRect(x, y + 9, Math.max(view.scale, 1), ROW - 14);
  }
  const ticks = (list, colour, above, high) => {
    pen.fillStyle = colour;
    let before = "";
    for (const i of list) {
      if (i < from || i >= to) continue;
      const [x, y] = [Math.floor(xOf(i)), yOf(rowOf(i))];
      const key = x + ":" + y;
      if (key === before) continue;
      before = key;
      pen.fillRect(x, y + above, Math.max(view.scale, 1.5), high);
    }
  };
  // A strip above the tasks' colours: there may be as many as there are events.
  ticks(deviations, colours.star, 4, 4);
  ticks(view.matches, colours.match, 9, ROW - 14);
  ticks(leakEvents, colours.bad, 2, ROW - 4);
}

function arrow(i, strong) {
  const source = sources[i];
  if (source < 0) return;
  const e = events[i];
  // That a task wakes itself, as one that gives way does, is no news.
  if (!strong && (e.woken === "spawn" || e.by === e.actor)) return;
  const x1 = xOf(source) + Math.max(view.scale / 2, 1), y1 = yOf(rowOf(source)) + ROW / 2;
  const x2 = xOf(i) + 1, y2 = yOf(rowOf(i)) + ROW / 2;
  if (x2 < GUTTER || x1 > width) return;
  pen.strokeStyle = pen.fillStyle = strong ? colours.select : colours.arrow;
  pen.globalAlpha = strong ? 1 : 0.6;
  pen.lineWidth = strong ? 2 : 1;
  pen.beginPath();
  pen.moveTo(x1, y1);
  const bend = Math.min(Math.max((x2 - x1) / 2, y1 === y2 ? 0 : 10), 60);
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
