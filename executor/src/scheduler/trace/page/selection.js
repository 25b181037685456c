// What is under the pointer, and what is selected.

// An item is a poll, by its number, or `one` of what the model lists: a theft, a hand-off, a
// region, an event.
const pollItem = poll => ({ kind: "poll", poll });

function itemAt(x, y) {
  if (x < size.gutter || y < TRACKS_FROM - 4) return null;
  const isHit = hit => x >= hit.left && x <= hit.right && y >= hit.top && y <= hit.bottom;
  const isMark = hit => hit.item.one && hit.item.kind !== "region";
  const mark = hits.findLast(hit => isHit(hit) && isMark(hit));
  if (mark) return mark.item;
  const track = trackAt(y);
  if (track && y <= sliceTop(track) + track.sliceHeight + 2) {
    const i = pollNear(track, x);
    if (i >= 0) return pollItem(track.busy.value[i]);
  }
  return hits.findLast(isHit)?.item || null;
}

/** The longest of those within two pixels. */
function pollNear(track, x) {
  const { start, end } = track.busy;
  const beyond = Math.min(lowerBound(start, timeAt(x + 2)), lowerBound(end, timeAt(x - 2)) + 4000);
  let best = -1;
  for (let i = lowerBound(end, timeAt(x - 2)); i < beyond; i++) {
    if (best < 0 || end[i] - start[i] > end[best] - start[best]) best = i;
  }
  return best;
}

/** What it is in a line, and then what else there is to say in few words. */
function describe(item) {
  const { one } = item;
  switch (item.kind) {
    case "poll":
      return describePoll(item.poll);
    case "theft":
      return describeTheft(one);
    case "handoff":
      return `${one.track.name}: ${one.isTaken ? TAKEN_AWAY : GIVEN_AWAY}`;
    case "event":
      return `${one.text}\nat ${moment(one.time, 100)}`;
    case "region":
      return `${one.text}\n${span(one.end - one.start)}`;
  }
}

const TAKEN_AWAY = "permit taken, since the poll does not end";
const GIVEN_AWAY = "permit given away for a blocking call";

function describeTheft({ track, victim, count }) {
  return `${track.name} stole ${many(count, "task")} from ${victim?.name || "another worker"}`;
}

function describePoll(poll) {
  const { tasks } = model;
  const task = model.pollTask[poll];
  const wait = model.wait(poll);
  const lines = [tasks.title(task), `poll ${model.pollNumber[poll]}, ${span(model.length(poll))}`];
  if (!Number.isNaN(wait)) lines.push(`waited ${span(wait)}`);
  return [...lines, tasks.siteText(tasks.siteOf(task))].join("\n");
}

function select(item, follow = false) {
  selected = item;
  if (item) {
    if (follow) bringIntoView(item);
    showDetails(item);
    byId("spoken").textContent = describe(item);
  } else if (panel.dataset.tab === "details") {
    closePanel();
  }
  draw();
}

function extent(item) {
  if (item.kind === "poll") return [model.pollStart[item.poll], model.pollEnd[item.poll]];
  if (item.kind === "region") return [item.one.start, item.one.end];
  return [item.one.time, item.one.time];
}

function trackOf(item) {
  return item.kind === "poll" ? model.tracks[model.pollTrack[item.poll]] : item.one.track;
}

/** Moves the view as little as need be, and closer if the item would be a hair. */
function bringIntoView(item) {
  const [from, to] = extent(item);
  const track = trackOf(item);
  if (yOf(track) < TRACKS_FROM || yOf(track) + track.height > size.height)
    scrollBy(yOf(track) - TRACKS_FROM - 40);
  const length = view.to - view.from;
  const needed = Math.max(3 * (to - from), 2000);
  if ((to - from) * view.scale < 3)
    return glide((from + to) / 2 - 8 * needed, (from + to) / 2 + 8 * needed);
  if (from >= view.from && to <= view.to) return;
  const half = Math.max(length, needed) / 2;
  glide((from + to) / 2 - half, (from + to) / 2 + half);
}

function zoomTo(item) {
  const [from, to] = extent(item);
  const room = Math.max(0.6 * (to - from), item.kind === "poll" ? 500 : 20000);
  glide(from - room, to + room);
}

/** By keys: the next or the previous poll of the same task, or on the same worker. */
function step(direction, along) {
  if (selected?.kind !== "poll") return selectMiddle();
  const poll = selected.poll;
  let next = direction > 0 ? model.pollAfter[poll] : model.pollBefore[poll];
  if (along === "worker") {
    const track = model.tracks[model.pollTrack[poll]];
    next = track.busy.value[lowerBound(track.busy.value, poll) + direction] ?? -1;
  }
  if (next >= 0) select(pollItem(next), true);
}

function selectMiddle() {
  const middle = (view.from + view.to) / 2;
  const near = model.tracks
    .filter(track => track.busy.count > 0)
    .map(track => {
      const i = Math.min(track.busy.count - 1, lowerBound(track.busy.end, middle));
      return { poll: track.busy.value[i], far: Math.max(0, track.busy.start[i] - middle) };
    })
    .sort((a, b) => a.far - b.far)[0];
  if (near) select(pollItem(near.poll), true);
}
