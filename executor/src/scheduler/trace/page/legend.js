// Light and dark, the legend, the help.

function setTheme(dark) {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  readColors();
  overview = summary = null;
  if (!model) return;
  makeLegend();
  if (panel.dataset.tab === "summary") showSummary();
  else if (selected && !panel.hidden) showDetails(selected);
  draw();
}

function toggleTheme() {
  setTheme(document.documentElement.dataset.theme !== "dark");
}

const LEGEND = [
  [
    "G: poll of a task, by spawn site",
    pen => fillBox(pen, color.slices[0], 0, 9, color.slices[1], 10, 20),
  ],
  ["P: permit", pen => fillBox(pen, color.permit, 0, 20, null, 0, 0, 5, 3)],
  ["M: thread", pen => fillBox(pen, color.lane, 0, 20)],
  [
    "asleep",
    pen => {
      fillBox(pen, color.lane, 0, 20);
      fillBox(pen, color.asleep, 0, 20, null, 0, 0, 2, 10);
    },
  ],
  ["searching", pen => fillBox(pen, color.search, 0, 20)],
  [
    "no permit",
    pen => {
      fillBox(pen, color.slices[0], 0, 20);
      fillBox(pen, color.stripes, 0, 20);
    },
  ],
  [
    "blocking",
    pen => {
      fillBox(pen, color.slices[0], 0, 20);
      fillBox(pen, color.blocked, 0, 20, null, 0, 0, 9, 5);
    },
  ],
  ["fired", pen => fillShape(pen, color.fired, [10, 3, 15, 12, 5, 12])],
  ["event", pen => fillShape(pen, color.mark, [10, 2, 15, 7, 10, 12, 5, 7])],
];
const LAYERS = [
  ["wakes", "wake-ups", pen => sketchArrow(pen, color.arrow, 1, [])],
  ["thefts", "thefts", pen => sketchArrow(pen, color.theft, 1.5, [4, 3])],
  ["handoffs", "hand-offs", pen => sketchArrow(pen, color.handoff, 2.5, [])],
];

function fillBox(pen, ink, from, to, second, from2, to2, top = 1, height = 12) {
  pen.fillStyle = ink;
  pen.fillRect(from, top, to - from, height);
  if (!second) return;
  pen.fillStyle = second;
  pen.fillRect(from2, top, to2 - from2, height);
}

function fillShape(pen, ink, points) {
  pen.fillStyle = ink;
  pen.beginPath();
  for (let i = 0; i < points.length; i += 2) pen.lineTo(points[i], points[i + 1]);
  pen.fill();
}

function sketchArrow(pen, ink, width, dashes) {
  pen.strokeStyle = pen.fillStyle = ink;
  pen.lineWidth = width;
  pen.setLineDash(dashes);
  pen.beginPath();
  pen.moveTo(1, 7);
  pen.lineTo(14, 7);
  pen.stroke();
  fillShape(pen, ink, [20, 7, 12, 3, 12, 11]);
}

function sketch(paintIt) {
  const dots = devicePixelRatio || 1;
  const small = document.createElement("canvas");
  small.width = 20 * dots;
  small.height = 14 * dots;
  small.setAttribute("aria-hidden", "true");
  const brush = small.getContext("2d");
  brush.scale(dots, dots);
  paintIt(brush);
  return small;
}

function makeLegend() {
  const layers = LAYERS.map(([name, text, paintIt]) => {
    const button = element("button", null, sketch(paintIt), text);
    button.setAttribute("aria-pressed", String(shown[name]));
    button.title = `Show or hide ${text}`;
    button.addEventListener("click", () => {
      shown[name] = !shown[name];
      button.setAttribute("aria-pressed", String(shown[name]));
      draw();
    });
    const note = element("span", "");
    note.id = `${name}-note`;
    note.title = "Too many for arrows: zoom in";
    return element("li", null, button, note);
  });
  byId("legend").replaceChildren(
    ...LEGEND.map(([text, paintIt]) => element("li", null, sketch(paintIt), text)),
    ...layers,
  );
}

function showHelp() {
  const help = byId("help");
  const title = element("h2", "Keys and pointer");
  const list = element("dl", null);
  title.id = "help-title";
  for (const [keys, what] of KEYS) {
    const term = element("dt", null);
    for (const key of keys.split(/(\s+)/))
      term.append(/^(\s+|or)$/.test(key) ? key : element("kbd", key));
    list.append(term, element("dd", what));
  }
  const close = element("button", "Close");
  close.addEventListener("click", () => help.close());
  help.replaceChildren(
    title,
    element(
      "p",
      "The wheel zooms at the pointer, with Shift it moves, and over the names of the tracks it " +
        "scrolls them. Dragging moves, in the strip at the top too; two fingers zoom. A click " +
        "selects, a double click zooms to it.",
    ),
    list,
    element(
      "p",
      "A lane is a machine (M), a thread. The line above it is the permit (P) to run tasks: there " +
        "are as many as the executor has workers. A slice is a poll of a task (G). A thin arrow goes " +
        "from who woke a task to the poll that it got for it, a dashed one from the worker whose " +
        "tasks were stolen to the thief, a thick one from a machine that is blocked or stuck to the " +
        "one that goes on in its stead.",
    ),
    close,
  );
  help.showModal();
}

/** How many arrows there would be, if they are too many. */
function sayHidden() {
  for (const [name, count] of Object.entries(hidden)) {
    const text = count > 0 ? `(${grouped(count)})` : "";
    const note = byId(`${name}-note`);
    if (note.textContent !== text) note.textContent = text;
  }
}
