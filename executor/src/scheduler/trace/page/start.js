// Opens the file.

function describeFile() {
  const reasons = {
    exit: "at exit",
    dump: "with a dump",
    panic: "at a panic",
    stall: "because a poll did not end",
    snapshot: "on request",
  };
  const workers = model.tracks.filter(track => track.isWorker).length;
  const lost = model.tracks.reduce((sum, track) => sum + track.lost, 0);
  byId("program").textContent = byId("program").title = plain(model.program);
  document.title = `${plain(model.program)}: executor trace`;
  byId("facts").textContent = [
    span(model.duration),
    many(workers, "worker"),
    many(model.tasks.count - 1, "task"),
    many(model.pollCount, "poll"),
    many(model.events, "event"),
    lost > 0 ? `${grouped(lost)} older ones overwritten` : "",
    model.why ? `written ${reasons[model.why] || plain(model.why)}` : "",
    model.started ? date(plain(model.started)) : "",
  ]
    .filter(text => text)
    .join(" · ");
  byId("facts").title = byId("facts").textContent;
}

/** Of "2026-01-31T12:34:56Z" what people say. */
function date(text) {
  return text.replace("T", " ").replace(/(:\d\d)(\.\d+)?Z$/, " UTC");
}

function listen() {
  byId("query").addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(search, 120);
  });
  byId("next").addEventListener("click", () => goToMatch(1));
  byId("previous").addEventListener("click", () => goToMatch(-1));
  byId("in").addEventListener("click", ACTIONS.w);
  byId("out").addEventListener("click", ACTIONS.s);
  byId("fit").addEventListener("click", fit);
  byId("theme").addEventListener("click", toggleTheme);
  byId("summary").addEventListener("click", ACTIONS.i);
  byId("ask").addEventListener("click", showHelp);
  addEventListener("keydown", onKey);
  canvas.addEventListener("wheel", onWheel, { passive: false });
  canvas.addEventListener("pointerdown", onDown);
  canvas.addEventListener("pointermove", onMove);
  canvas.addEventListener("pointerup", onUp);
  canvas.addEventListener("pointercancel", onUp);
  canvas.addEventListener("pointerleave", hideTip);
  canvas.addEventListener("dblclick", event => {
    const item = itemAt(event.offsetX, event.offsetY);
    if (item) zoomTo(item);
  });
  nightly.addEventListener("change", () => setTheme(nightly.matches));
  new ResizeObserver(arrange).observe(byId("stage"));
}

function start() {
  setTheme(nightly.matches);
  const holder = byId("trace-data");
  const text = holder.textContent;
  // The text is as large as the file; nobody needs it again.
  holder.remove();
  model = new Model(JSON.parse(text));
  if (model.events === 0)
    throw new Error("Nothing was recorded: no task was spawned, woken or polled.");
  describeFile();
  makeLegend();
  view = { from: -model.duration * 0.01, to: model.duration * 1.01, scale: 1 };
  listen();
  arrange();
  if (innerWidth > 1100) showSummary();
  // What tests ask.
  window.executorTrace = {
    polls: model.pollCount,
    wakes: model.wakeCount,
    thefts: model.thefts.length,
    handoffs: model.handoffs.length,
    explained: model.pollWake.subarray(0, model.pollCount).filter(wake => wake >= 0).length,
    get regions() {
      return model.tracks.flatMap(track => track.regions.map(region => region.text));
    },
    get drawn() {
      return drawn;
    },
    get view() {
      return view;
    },
    get selected() {
      return selected;
    },
    get found() {
      return found.count;
    },
    place,
  };
  requestAnimationFrame(() =>
    requestAnimationFrame(() => {
      document.documentElement.dataset.opened = Math.round(performance.now());
    }),
  );
}

try {
  start();
} catch (error) {
  byId("trouble").textContent = `This trace cannot be shown. ${error.message}`;
  byId("trouble").hidden = false;
  document.documentElement.dataset.opened = "failed";
}
