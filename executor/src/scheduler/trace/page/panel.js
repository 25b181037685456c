// The panel: all that is known of what is selected.

const panel = byId("panel");

function element(name, text, ...children) {
  const made = document.createElement(name);
  if (text !== null) made.textContent = text;
  made.append(...children);
  return made;
}

function link(text, act) {
  const made = element("button", text);
  made.className = "link";
  made.addEventListener("click", act);
  return made;
}

const linkTo = (text, item) => link(text, () => select(item, true));
const linkToPoll = (text, poll) => linkTo(text, pollItem(poll));

function openPanel(tab, ...content) {
  const wasHidden = panel.hidden;
  panel.dataset.tab = tab;
  panel.hidden = false;
  byId("summary").setAttribute("aria-expanded", String(tab === "summary"));
  const close = element("button", "×");
  close.setAttribute("aria-label", "Close the panel");
  close.title = "Close (Esc)";
  close.addEventListener("click", dismiss);
  const tabs = element("div", null);
  for (const [name, title, open] of [
    ["details", "Selection", () => (selected ? showDetails(selected) : selectMiddle())],
    ["summary", "Summary", showSummary],
  ]) {
    const button = element("button", title);
    button.setAttribute("aria-pressed", String(name === tab));
    button.addEventListener("click", open);
    tabs.append(button);
  }
  tabs.append(close);
  panel.replaceChildren(tabs, ...content);
  panel.scrollTop = 0;
  if (wasHidden) arrange();
}

function closePanel() {
  panel.hidden = true;
  panel.dataset.tab = "";
  byId("summary").setAttribute("aria-expanded", "false");
  arrange();
}

/** What Escape does: the selection, then the panel. */
function dismiss() {
  if (selected && panel.dataset.tab === "details") select(null);
  else if (!panel.hidden) closePanel();
  else select(null);
}

function facts(rows) {
  const list = element("dl", null);
  for (const [term, value] of rows) {
    if (value === null) continue;
    list.append(
      element("dt", term),
      typeof value === "string" ? element("dd", value) : element("dd", null, value),
    );
  }
  return list;
}

function showDetails(item) {
  const heading = element("h2", describe(item).split("\n")[0]);
  const zoomIn = link("Zoom to it (f)", () => zoomTo(item));
  openPanel(
    "details",
    heading,
    ...(item.kind === "poll" ? pollDetails(item.poll) : otherDetails(item)),
    element("p", null, zoomIn),
  );
}

function swatch(task) {
  const box = element("span", "");
  box.className = "swatch";
  box.style.background = colorOf(task);
  return box;
}

function pollDetails(poll) {
  const { tasks } = model;
  const task = model.pollTask[poll];
  const seen = !Number.isNaN(model.spawned[task]);
  const rows = [
    ["Task", `${tasks.name(task) || "no name"}, id ${tasks.serial(task)}`],
    ["Spawned at", element("span", null, swatch(task), tasks.siteText(tasks.siteOf(task)))],
    ["Parent", parentOf(task)],
    ["Spawned", seen ? `at ${moment(model.spawned[task], 100)}` : "before this recording"],
    ["Poll", `${grouped(model.pollNumber[poll])} of ${grouped(model.polls[task])} recorded`],
    ["On", model.tracks[model.pollTrack[poll]].name],
    ["Took", span(model.length(poll))],
    ["From", moment(model.pollStart[poll], 100)],
    ["Result", OUTCOME[model.pollOutcome[poll]] || "unknown"],
    ...wakeDetails(poll),
    ["Before ( , )", neighbour(model.pollBefore[poll], poll)],
    ["Next ( . )", neighbour(model.pollAfter[poll], poll)],
  ];
  return [facts(rows), ...wokeDetails(poll)];
}

function parentOf(task) {
  const parent = model.tasks.parent(task);
  if (parent === null) return "none";
  const poll = model.tasks.isListed(parent.task) ? model.firstPoll[parent.task] : -1;
  return poll < 0 ? `task ${parent.serial}` : linkToPoll(model.tasks.title(parent.task), poll);
}

function neighbour(other, poll) {
  if (other < 0) return "none";
  const [first, second] = other < poll ? [other, poll] : [poll, other];
  const apart = span(model.pollStart[second] - model.pollEnd[first]);
  return linkToPoll(
    `poll ${model.pollNumber[other]}, ${apart} ${other < poll ? "earlier" : "later"}`,
    other,
  );
}

/** Who woke it, how long it waited then, and who stole it meanwhile. */
function wakeDetails(poll) {
  const wake = model.pollWake[poll];
  const rows = [];
  if (wake < 0) {
    rows.push(["Woken by", "not recorded"]);
  } else {
    const by = model.wakeBy[wake];
    const verb = model.wakeQueue[wake] === BY_SPAWN ? "Spawned by" : "Woken by";
    const isItself = by >= 0 && model.pollTask[by] === model.pollTask[poll];
    const who = isItself ? "itself, in its poll before" : model.wokenBy(wake);
    rows.push([verb, by < 0 ? who : linkToPoll(who, by)]);
    rows.push(["Waited", `${span(model.wait(poll))} ${QUEUE[model.wakeQueue[wake]] || ""}`]);
  }
  if (model.pollTheft[poll] >= 0) {
    const item = { kind: "theft", one: model.thefts[model.pollTheft[poll]] };
    rows.push(["Stolen", linkTo(describe(item), item)]);
  }
  return rows;
}

function wokeDetails(poll) {
  const woke = wakesBy(poll);
  if (woke.length === 0) return [];
  const list = element("table", null);
  for (const wake of woke.slice(0, LISTED)) {
    const target = model.wakeTarget[wake];
    const title = model.tasks.title(model.wakeTask[wake]);
    const cell = element("td", null, target < 0 ? title : linkToPoll(title, target));
    const unpolled = model.wakeTime[wake] > model.knownFrom ? "not polled" : "unknown";
    const waited = numberCell(target < 0 ? unpolled : span(model.wait(target)));
    list.append(element("tr", null, cell, waited));
  }
  const count = woke.length === MOST_WOKEN ? `${MOST_WOKEN} and more` : woke.length;
  return [element("h3", `Woke or spawned ${count}, which then waited`), list];
}

function otherDetails(item) {
  const [time] = extent(item);
  const rows = [
    ["On", trackOf(item).name],
    ["At", moment(time, 100)],
  ];
  const { one } = item;
  const polled = poll => linkToPoll(model.tasks.title(model.pollTask[poll]), poll);
  if (item.kind === "region") rows.push(["Took", span(one.end - one.start)]);
  if (item.kind === "event" && one.poll >= 0) rows.push(["In", polled(one.poll)]);
  if (item.kind === "theft") {
    rows.push(["From", one.victim?.name || "not recorded"]);
    if (one.poll >= 0) rows.push(["Polled next", polled(one.poll)]);
  }
  if (item.kind === "handoff") {
    const isBack = one.back < model.duration;
    if (one.poll >= 0) rows.push(["In", polled(one.poll)]);
    rows.push(["To", one.to ? standIn(one) : "nobody: no machine woke up for it"]);
    rows.push(["Back after", isBack ? span(one.back - one.time) : "not in this recording"]);
  }
  return [facts(rows)];
}

function standIn(handoff) {
  const after = span(handoff.to.time - handoff.time);
  return `${handoff.to.track.name}, the next machine to start or wake up, ${after} later`;
}

function numberCell(text) {
  const cell = element("td", text);
  cell.className = "number";
  return cell;
}
