// What goes from one lane to another: wake-ups, stolen tasks, permits; and what is selected.

function paintArrows() {
  hidden = { wakes: 0, thefts: 0, handoffs: 0 };
  if (shown.wakes) paintWakes();
  const { handoffs, handoffTimes, thefts, theftTimes } = model;
  if (shown.handoffs) paintFew("handoffs", handoffs, handoffTimes, STAND_IN_WITHIN, paintHandOff);
  if (shown.thefts) paintFew("thefts", thefts, theftTimes, 0, paintTheft);
}

/** Those in view, or that begin at most so long before it; none, if they were a thicket. */
function paintFew(name, list, times, before, paintOne) {
  const from = lowerBound(times, view.from - before);
  const to = lowerBound(times, view.to);
  const pixels = (size.width - size.gutter) / (to - from);
  if (pixels < PIXELS_PER_ARROW) {
    hidden[name] = to - from;
    return;
  }
  for (let i = from; i < to; i++) paintOne(list[i], pixels < PIXELS_PER_BADGE);
}

function paintWakes() {
  const times = model.wakeTime.subarray(0, model.wakeCount);
  const from = lowerBound(times, view.from);
  const to = lowerBound(times, view.to);
  if (to - from > MAX_WAKES) {
    hidden.wakes = to - from;
    return;
  }
  pen.strokeStyle = pen.fillStyle = color.arrow;
  pen.globalAlpha = Math.max(0.3, Math.min(0.8, 30 / (to - from)));
  for (let wake = from; wake < to; wake++) paintWake(wake);
  paintWokenBefore(from);
  pen.globalAlpha = 1;
}

/** Those that were woken before the view begins, and are polled in it. */
function paintWokenBefore(wakeInView) {
  for (const track of model.tracks) {
    const from = lowerBound(track.busy.start, view.from);
    const to = lowerBound(track.busy.start, view.to);
    if (to - from > 4 * MAX_WAKES) continue;
    for (let i = from; i < to; i++) {
      const wake = model.pollWake[track.busy.value[i]];
      if (wake >= 0 && wake < wakeInView) paintWake(wake);
    }
  }
}

/** From where it was woken to the begin of the poll that it got for it. */
function paintWake(wake, width = 1) {
  const poll = model.wakeTarget[wake];
  if (poll < 0) return;
  const from = model.tracks[model.wakeTrack[wake]];
  const to = model.tracks[model.pollTrack[poll]];
  const x1 = xOf(model.wakeTime[wake]);
  const x2 = xOf(model.pollStart[poll]);
  const bend = Math.max(14, Math.min(70, Math.abs(x2 - x1) / 2));
  pen.lineWidth = width;
  if (from !== to) bow(x1, x2, bend, from, to);
  else if (x2 - x1 >= 3) sag(x1, x2, bend, from);
  pen.lineWidth = 1;
}

/** From lane to lane: it leaves and arrives on the side where the other one is. */
function bow(x1, x2, bend, from, to) {
  const isDown = to.y > from.y;
  const y1 = sliceTop(from) + (isDown ? from.sliceHeight - 3 : 3);
  const y2 = sliceTop(to) + (isDown ? 0 : to.sliceHeight);
  const rise = isDown ? -bend / 3 : bend / 3;
  curve(x1, y1, x1 + bend, y1, x2 - bend, y2 + rise, x2, y2);
}

/** Below the lane, where it was woken and polled by the same worker. */
function sag(x1, x2, bend, track) {
  const bottom = sliceTop(track) + track.sliceHeight;
  curve(x1, bottom - 3, x1 + 4, bottom + 9, x2 - bend, bottom + 11, x2, bottom - 1);
}

function curve(x1, y1, cx1, cy1, cx2, cy2, x2, y2) {
  pen.beginPath();
  pen.moveTo(x1, y1);
  pen.bezierCurveTo(cx1, cy1, cx2, cy2, x2, y2);
  pen.stroke();
  pen.beginPath();
  pen.arc(x1, y1, 2, 0, 2 * Math.PI);
  pen.fill();
  arrowHead(x2, y2, x2 - cx2, y2 - cy2);
}

/** Straight from the victim to the thief: a theft takes no time. */
function paintTheft(theft, isCrowded) {
  const x = xOf(theft.time);
  const { track, victim } = theft;
  hit(x, sliceMiddle(track), 6, { kind: "theft", one: theft });
  if (!victim) return;
  const [from, to] = theftEnds(theft);
  pen.strokeStyle = pen.fillStyle = color.theft;
  pen.lineWidth = isCrowded ? 1 : 1.5;
  pen.setLineDash([4, 3]);
  line(x, from, x, to);
  pen.setLineDash([]);
  pen.lineWidth = 1;
  arrowHead(x, to, 0, to - from, isCrowded ? 7 : 9);
  hit(x, (from + to) / 2, 6, { kind: "theft", one: theft });
  if (isCrowded) return;
  pen.beginPath();
  pen.arc(x, from, 3, 0, 2 * Math.PI);
  pen.stroke();
  labels.push(() => badge(`stole ${theft.count}`, x, (from + to) / 2, color.theft));
}

/** From the middle of the victim's lane to the edge of the thief's. */
function theftEnds({ track, victim }) {
  return [sliceMiddle(victim), sliceTop(track) + (track.y > victim.y ? 0 : track.sliceHeight)];
}

/** The permit leaves one machine, and arrives at the one that wakes up for it. */
function paintHandOff(handoff, isCrowded) {
  const x1 = xOf(handoff.time);
  const y1 = yOf(handoff.track) + 1.5;
  pen.fillStyle = pen.strokeStyle = color.handoff;
  diamond(x1, y1, 5);
  hit(x1, y1, 7, { kind: "handoff", one: handoff });
  if (!handoff.to) return;
  const x2 = xOf(handoff.to.time);
  const y2 = yOf(handoff.to.track) + 1.5;
  const down = y2 > y1 ? 1 : -1;
  const isSteep = x2 - x1 < 30;
  const bend = (x2 - x1) / 2;
  pen.lineWidth = isCrowded ? 1.5 : 2.5;
  pen.beginPath();
  pen.moveTo(x1, y1);
  if (isSteep) pen.lineTo(x2, y2 - 8 * down);
  else pen.bezierCurveTo(x1 + bend, y1, x2 - bend, y2, x2 - 6, y2);
  pen.stroke();
  pen.lineWidth = 1;
  if (isSteep) arrowHead(x2, y2, x2 - x1, y2 - y1, 10);
  else arrowHead(x2, y2, 1, 0, 10);
  if (isCrowded) return;
  // Left of where a steep one arrives, for there the lane has been empty; of the others, half way.
  const at = isSteep ? [x2, y2] : [(x1 + x2) / 2, (y1 + y2) / 2];
  labels.push(() => badge("permit", ...at, color.handoff));
}

// Of the task that is selected, on either side of its poll.
const MOST_UNDERLINED = 500;

/** The other polls of the task that are in view. */
function samePolls(poll) {
  const along = (column, isBeyond) => {
    const list = [];
    for (let other = column[poll]; other >= 0 && !isBeyond(other); other = column[other]) {
      if (list.push(other) === MOST_UNDERLINED) break;
    }
    return list;
  };
  return [
    ...along(model.pollBefore, other => model.pollEnd[other] < view.from),
    ...along(model.pollAfter, other => model.pollStart[other] > view.to),
  ];
}

function underline(poll) {
  const { left, right, bottom } = boxOf(pollItem(poll));
  pen.fillRect(left, bottom - 3, Math.max(2, right - left), 3);
}

/** The middle of an item on the page, for tests. */
function place(item) {
  const box = boxOf(item);
  const origin = canvas.getBoundingClientRect();
  return [origin.left + (box.left + box.right) / 2, origin.top + (box.top + box.bottom) / 2];
}

/** The selected poll with all that is known of whom it woke, and who woke it. */
function paintSelection() {
  if (!selected) return;
  const box = boxOf(selected);
  if (!box) return;
  pen.strokeStyle = color.text;
  pen.lineWidth = 2;
  pen.strokeRect(
    box.left - 1,
    box.top - 1,
    Math.max(3, box.right - box.left) + 2,
    box.bottom - box.top + 2,
  );
  pen.lineWidth = 1;
  if (selected.kind !== "poll") return;
  pen.fillStyle = color.accent;
  samePolls(selected.poll).forEach(underline);
  const wake = model.pollWake[selected.poll];
  pen.strokeStyle = pen.fillStyle = color.accent;
  if (wake >= 0) paintWake(wake, 2);
  for (const caused of wakesBy(selected.poll)) paintWake(caused, 1.5);
}

function boxOf(item) {
  if (item.kind === "poll") {
    const track = model.tracks[model.pollTrack[item.poll]];
    return {
      left: Math.max(size.gutter - 4, xOf(model.pollStart[item.poll])),
      right: Math.min(size.width + 4, xOf(model.pollEnd[item.poll])),
      top: sliceTop(track),
      bottom: sliceTop(track) + track.sliceHeight,
    };
  }
  if (item.kind === "region") {
    return hits.find(hit => hit.item.kind === "region" && hit.item.one === item.one);
  }
  const { time, track } = item.one;
  const x = xOf(time);
  if (item.kind === "theft" && item.one.victim) {
    const [from, to] = theftEnds(item.one);
    return { left: x - 5, right: x + 5, top: Math.min(from, to), bottom: Math.max(from, to) };
  }
  const y = { theft: sliceMiddle, handoff: track => yOf(track) + 1.5, event: sliceTop }[item.kind];
  return around(x, y(track), 6);
}

const MOST_WOKEN = 100;

/** The wake-ups in a poll, which are those of its time on its track. */
function wakesBy(poll) {
  const times = model.wakeTime.subarray(0, model.wakeCount);
  const list = [];
  const from = lowerBound(times, model.pollStart[poll]);
  const beyond = lowerBound(times, model.pollEnd[poll] + 1);
  for (let wake = from; wake < beyond && list.length < MOST_WOKEN; wake++) {
    if (model.wakeBy[wake] === poll) list.push(wake);
  }
  return list;
}
