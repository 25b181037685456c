// Keys, pointer, wheel.

const KEYS = [
  ["W S  or  + −", "zoom in, out"],
  ["A D  or  ← →", "move"],
  ["↑ ↓", "scroll the tracks"],
  ["0", "show all"],
  ["/", "search by name, file or id"],
  ["n N", "next, previous match"],
  [", .", "previous, next poll of the task"],
  ["[ ]", "previous, next poll on the worker"],
  ["Enter", "select in the middle"],
  ["f", "zoom to the selection"],
  ["x", "next theft"],
  ["h", "next hand-off"],
  ["i", "summary"],
  ["t", "light or dark"],
  ["Esc", "close, clear"],
  ["?", "this page"],
];

const ACTIONS = {
  w: () => zoom(0.6, undefined, glide),
  "+": () => zoom(0.6, undefined, glide),
  "=": () => zoom(0.6, undefined, glide),
  s: () => zoom(1 / 0.6, undefined, glide),
  "-": () => zoom(1 / 0.6, undefined, glide),
  _: () => zoom(1 / 0.6, undefined, glide),
  a: () => pan(-0.25, glide),
  d: () => pan(0.25, glide),
  ArrowLeft: () => pan(-0.25, glide),
  ArrowRight: () => pan(0.25, glide),
  ArrowUp: () => scrollBy(-60),
  ArrowDown: () => scrollBy(60),
  0: fit,
  Home: fit,
  "/": () => byId("query").select(),
  n: () => goToMatch(1),
  N: () => goToMatch(-1),
  ",": () => step(-1, "task"),
  ".": () => step(1, "task"),
  "[": () => step(-1, "worker"),
  "]": () => step(1, "worker"),
  Enter: selectMiddle,
  f: () => selected && zoomTo(selected),
  x: () => goTo("theft", model.thefts, model.theftTimes, 4e5),
  h: () => goTo("handoff", model.handoffs, model.handoffTimes, 2e6),
  i: () => (panel.dataset.tab === "summary" ? closePanel() : showSummary()),
  t: toggleTheme,
  "?": showHelp,
  Escape: dismiss,
};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
  if (event.target === byId("query")) return onSearchKey(event);
  // A button that has the focus is pressed by Enter.
  if (event.key === "Enter" && event.target !== canvas && event.target !== document.body) return;
  const key = event.key.length === 1 && event.key !== "N" ? event.key.toLowerCase() : event.key;
  const act = Object.hasOwn(ACTIONS, key) ? ACTIONS[key] : null;
  if (!act) return;
  event.preventDefault();
  act();
}

function onSearchKey(event) {
  if (event.key === "Enter") {
    clearTimeout(pause);
    search();
    goToMatch(event.shiftKey ? -1 : 1);
    canvas.focus();
  } else if (event.key === "Escape") {
    byId("query").value = "";
    search();
    canvas.focus();
  }
}

let pause = 0;
const pointers = new Map();
let moved = 0;

function onWheel(event) {
  event.preventDefault();
  hideTip();
  const unit = event.deltaMode === 1 ? 16 : 1;
  const dx = event.deltaX * unit;
  const dy = event.deltaY * unit;
  if (event.shiftKey || Math.abs(dx) > Math.abs(dy))
    return pan((event.shiftKey ? dx || dy : dx) / (size.width - size.gutter));
  if (event.offsetX < size.gutter) return scrollBy(dy);
  zoom(Math.exp(Math.max(-100, Math.min(100, dy)) * 0.0035), timeAt(event.offsetX));
}

function onDown(event) {
  if (event.button !== 0) return;
  canvas.setPointerCapture(event.pointerId);
  cancelAnimationFrame(flight);
  pointers.set(event.pointerId, {
    x: event.offsetX,
    y: event.offsetY,
    inOverview: event.offsetY < RULER.top && event.offsetX > size.gutter,
  });
  moved = 0;
  hideTip();
}

/** One pointer moves the view, two stretch it. */
function onMove(event) {
  const last = pointers.get(event.pointerId);
  if (!last) return showTip(event.offsetX, event.offsetY);
  const dx = event.offsetX - last.x;
  const dy = event.offsetY - last.y;
  moved += Math.abs(dx) + Math.abs(dy);
  const others = Array.from(pointers).filter(([id]) => id !== event.pointerId);
  if (last.inOverview) {
    centerAt(event.offsetX);
  } else if (others.length === 1) {
    const other = others[0][1].x;
    const now = Math.max(12, Math.abs(event.offsetX - other));
    zoom(Math.max(12, Math.abs(last.x - other)) / now, timeAt(other));
  } else if (moved > 4) {
    look(view.from - dx / view.scale, view.to - dx / view.scale);
    if (size.content > size.height) scrollBy(-dy);
  }
  Object.assign(last, { x: event.offsetX, y: event.offsetY });
}

function centerAt(x) {
  const time = ((x - size.gutter) / (size.width - size.gutter - 10)) * model.duration;
  const half = (view.to - view.from) / 2;
  look(time - half, time + half);
}

function onUp(event) {
  const last = pointers.get(event.pointerId);
  pointers.delete(event.pointerId);
  if (!last || event.type === "pointercancel") return;
  if (last.inOverview) return moved <= 4 ? centerAt(event.offsetX) : undefined;
  if (moved <= 4) select(itemAt(event.offsetX, event.offsetY));
}

function showTip(x, y) {
  const tip = byId("tip");
  const cursor = byId("cursor");
  const item = itemAt(x, y);
  cursor.hidden = x < size.gutter;
  cursor.style.transform = `translateX(${x}px)`;
  const text = item ? describe(item) : waitingAt(x, y);
  canvas.style.cursor = item ? "pointer" : "";
  tip.hidden = !text;
  if (!text) return;
  tip.textContent = text;
  const box = tip.getBoundingClientRect();
  const left = x + 14 + box.width > size.width ? Math.max(4, x - box.width - 10) : x + 14;
  const top = y + 18 + box.height > size.height ? y - box.height - 10 : y + 18;
  tip.style.transform = `translate(${left}px, ${top}px)`;
}

/** How many tasks wait there, if it is in the lane that says so. */
function waitingAt(x, y) {
  if (x < size.gutter || y < WAITING.top || y >= TRACKS_FROM - 6) return "";
  const from = timeAt(x);
  const to = timeAt(x + 1);
  const runnable = grouped(model.runnable.during(from, to));
  const suspended = grouped(model.suspended.during(from, to));
  const at = moment(Math.max(0, from), 1 / view.scale);
  return `${runnable} runnable\n${suspended} suspended\nat ${at}`;
}

function hideTip() {
  byId("tip").hidden = byId("cursor").hidden = true;
}
