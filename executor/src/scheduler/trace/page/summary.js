// The summary: use of each worker, longest polls, longest waits, who woke whom.

const LISTED = 10;

/** The numbers `0..count` with the largest values, where these are not NaN. */
function largest(count, valueOf, keep = LISTED) {
  const best = [];
  for (let i = 0; i < count; i++) {
    const value = valueOf(i);
    if (!(value > 0) || (best.length === keep && value <= best[keep - 1].value)) continue;
    let at = best.length;
    while (at > 0 && best[at - 1].value < value) at--;
    best.splice(at, 0, { i, value });
    if (best.length > keep) best.pop();
  }
  return best;
}

/** NaN if it was none, for the future was dropped instead. */
function lengthOfPoll(poll) {
  return model.pollOutcome[poll] === CANCELLED ? NaN : model.length(poll);
}

let summary = null;

function showSummary() {
  summary ||= [
    ...section("Workers", ["", "polls", "searching", "busy"], workerRows()),
    ...section(
      "Longest polls",
      ["", "took"],
      largest(model.pollCount, lengthOfPoll).map(pollRow),
    ),
    ...section(
      "Longest waits, from woken to polled",
      ["", "waited"],
      largest(model.pollCount, poll => model.wait(poll)).map(pollRow),
    ),
    ...section("Where tasks were spawned", ["", "polls", "took"], siteRows()),
    ...section("Who woke whom", ["", "times"], wakerRows()),
  ];
  openPanel("summary", ...summary);
}

function section(title, heads, rows) {
  const table = element("table", null);
  const head = element("tr", null);
  heads.forEach((text, i) => {
    const cell = element("th", text);
    cell.scope = "col";
    if (i > 0) cell.className = "number";
    head.append(cell);
  });
  table.append(head, ...rows);
  return rows.length === 0 ? [] : [element("h3", title), table];
}

function workerRows() {
  return model.tracks
    .filter(track => track.isWorker)
    .map(track => {
      const bar = element("div", null);
      bar.className = "use";
      bar.append(barPart(track.busy, color.permit), barPart(track.spans.searching, color.search));
      return element(
        "tr",
        null,
        element("td", null, element("span", track.name), bar),
        numberCell(grouped(track.busy.count)),
        numberCell(percent(track.spans.searching.total / model.duration)),
        numberCell(percent(track.busy.total / model.duration)),
      );
    });
}

function barPart(spans, ink) {
  const part = element("div", "");
  part.style.width = `${(100 * spans.total) / model.duration}%`;
  part.style.background = ink;
  return part;
}

function pollRow({ i: poll, value }) {
  const task = model.pollTask[poll];
  const site = model.tasks.siteText(model.tasks.siteOf(task));
  const where = element("div", `${shortSite(site)}, ${model.tracks[model.pollTrack[poll]].name}`);
  return element(
    "tr",
    null,
    element("td", null, swatch(task), linkToPoll(model.tasks.title(task), poll), where),
    numberCell(span(value)),
  );
}

function siteRows() {
  return model.tasks.sitesByTime.slice(0, LISTED).map(site => {
    const text = model.tasks.siteText(site);
    const box = element("span", "");
    box.className = "swatch";
    box.style.background = color.slices[model.tasks.siteColor[site]];
    const show = link(text, () => {
      byId("query").value = text;
      search();
    });
    return element(
      "tr",
      null,
      element("td", null, box, show),
      numberCell(grouped(model.tasks.sitePolls[site])),
      numberCell(span(model.tasks.siteTime[site])),
    );
  });
}

/** By name or site. A task that wakes itself is counted too. */
function wakerRows() {
  const times = new Map();
  const labels = new Map();
  const number = task =>
    task < 0
      ? 0
      : 1 +
        (model.tasks.nameOf[task] !== NONE
          ? model.tasks.nameOf[task]
          : model.tasks.strings.length + model.tasks.siteOf(task));
  for (let wake = 0; wake < model.wakeCount; wake++) {
    if (model.wakeQueue[wake] === BY_SPAWN) continue;
    const by = model.wakeBy[wake];
    const waker = by < 0 ? -1 : model.pollTask[by];
    const woken = model.wakeTask[wake];
    const key = number(waker) * 2 ** 26 + number(woken);
    const seen = times.get(key);
    if (seen === undefined) labels.set(key, wake);
    times.set(key, (seen || 0) + 1);
  }
  const keys = Array.from(times.keys());
  return largest(keys.length, i => times.get(keys[i])).map(({ i, value }) => {
    const wake = labels.get(keys[i]);
    const by = model.wakeBy[wake];
    const from = by >= 0 ? model.tasks.label(model.pollTask[by]) : "timers, sockets, other threads";
    return element(
      "tr",
      null,
      element("td", `${from} → ${model.tasks.label(model.wakeTask[wake])}`),
      numberCell(grouped(value)),
    );
  });
}
