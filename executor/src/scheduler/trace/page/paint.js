// The lanes: machines, permits, polls.

let frame = 0;

/** Once for each frame of the screen, however often it is asked for. */
function draw() {
  if (model && !frame) frame = requestAnimationFrame(paint);
}

function readColors() {
  const style = getComputedStyle(document.documentElement);
  const names = [
    "page",
    "raised",
    "lane",
    "edge",
    "grid",
    "text",
    "muted",
    "accent",
    "asleep",
    "search",
    "hatch",
    "blocked",
    "gap",
    "permit",
    "arrow",
    "theft",
    "handoff",
    "mark",
    "fired",
    "runnable",
    "runnable-fill",
    "suspended",
    "panic",
    "region",
  ];
  for (const name of names) color[name] = style.getPropertyValue(`--${name}`).trim();
  color.slices = PALETTE[document.documentElement.dataset.theme === "dark" ? "dark" : "light"];
  color.stripes = stripes(color.hatch, 7);
  color.gapStripes = stripes(color.gap, 6);
}

function paint() {
  frame = 0;
  hits = [];
  labels = [];
  claims = [];
  drawn = 0;
  pen.fillStyle = color.page;
  pen.fillRect(0, 0, size.width, size.height);
  pen.textBaseline = "middle";
  inside(size.gutter, TRACKS_FROM - 4, size.width, size.height, () => {
    grid();
    model.tracks.forEach(paintTrack);
    paintArrows();
    // Letters come last, so that no line crosses them.
    labels.forEach(paintLabel => paintLabel());
    paintSelection();
  });
  inside(0, TRACKS_FROM - 4, size.gutter, size.height, paintGutter);
  paintWaiting();
  paintRuler();
  paintOverview();
  sayHidden();
  document.documentElement.dataset.drawn = drawn;
}

/** A step of 1, 2 or 5 that leaves labels their room. */
function gridStep() {
  const least = 118 / view.scale;
  const power = 10 ** Math.floor(Math.log10(least));
  return Math.max(
    1,
    [1, 2, 5, 10].map(digit => digit * power).find(step => step >= least),
  );
}

function eachTick(visit) {
  const step = gridStep();
  for (
    let i = Math.ceil(Math.max(0, view.from) / step);
    i * step <= Math.min(view.to, model.duration);
    i++
  )
    visit(i * step, step);
}

function grid() {
  pen.fillStyle = color.grid;
  eachTick(time => pen.fillRect(Math.round(xOf(time)), TRACKS_FROM - 4, 1, size.height));
}

function paintTrack(track) {
  const y = yOf(track);
  if (y > size.height || y + track.height < TRACKS_FROM - 4)
    return void (drawn += countInView(track));
  if (track.isWorker) paintMachine(track);
  paintPolls(track);
  if (track.isWorker) paintStates(track);
  track.regionRows.forEach((row, i) => paintRegions(row, y + track.regionTop + i * REGION_ROW));
  paintInstants(track);
  if (track.gapUntil > view.from) {
    fillSpan(0, track.gapUntil, sliceTop(track), track.sliceHeight, color.gapStripes);
    labelSpan(
      0,
      track.gapUntil,
      sliceMiddle(track),
      `${many(track.lost, "event")} overwritten`,
      color.muted,
    );
  }
}

const colorOf = task => color.slices[model.tasks.color[task]];
const countInView = track =>
  Math.max(0, lowerBound(track.busy.start, view.to) - lowerBound(track.busy.end, view.from));

function fillSpan(from, to, y, height, style) {
  const left = Math.max(xOf(from), size.gutter - 2);
  const right = Math.min(xOf(to), size.width + 2);
  if (right <= left) return;
  pen.fillStyle = style;
  pen.fillRect(left, y, right - left, height);
}

function labelSpan(from, to, y, text, ink) {
  const left = Math.max(xOf(from), size.gutter) + 7;
  const right = Math.min(xOf(to), size.width) - 7;
  const label = right - left > LABEL_FROM ? fitted(text, right - left, 11) : "";
  if (label) labels.push(() => write(label, left, y, ink, 11));
}

/**
 * The lane is the machine, from its thread's start to its end. It is pale where the thread sleeps.
 */
function paintMachine(track) {
  const y = sliceTop(track);
  const height = track.sliceHeight;
  paintSpans(track.spans.alive, y, height, color.lane);
  paintSpans(track.spans.asleep, y + 1, height - 2, color.asleep, "asleep");
  paintSpans(track.spans.searching, y, height, color.search, "searching");
  paintSpans(track.spans.permit, yOf(track), 3, color.permit);
}

/** A column of pixels, from edge to edge of what the screen has: no seams between neighbours. */
function fillColumn(time, y, height) {
  const snap = x => Math.round(x * size.dots) / size.dots;
  const left = snap(xOf(time));
  pen.fillRect(left, y, Math.max(1 / size.dots, snap(xOf(time + 1 / view.scale)) - left), height);
}

// Of a column that is filled less, the eye sees nothing.
const LEAST_SEEN = 0.05;

/** What is narrower than a pixel is as dense as it fills its column. */
function paintSpans(spans, y, height, style, label) {
  spans.walk(
    view,
    i => {
      fillSpan(spans.start[i], spans.end[i], y, height, style);
      if (label) labelSpan(spans.start[i], spans.end[i], y + height / 2, label, color.muted);
    },
    (i, beyond, time, filled) => {
      if (filled < LEAST_SEEN) return;
      pen.globalAlpha = filled;
      pen.fillStyle = style;
      fillColumn(time, y, height);
      pen.globalAlpha = 1;
    },
  );
}

function paintPolls(track) {
  const { busy } = track;
  const y = sliceTop(track);
  const height = track.sliceHeight;
  const isFaint = (from, beyond) => found.count > 0 && !found.has(track, from, beyond);
  busy.walk(
    view,
    i => {
      drawn++;
      paintPoll(busy.value[i], y, height, isFaint(i, i + 1));
    },
    (i, beyond, time, filled) => {
      drawn += beyond - i;
      pen.globalAlpha = isFaint(i, beyond) ? 0.12 : Math.max(0.3, filled);
      pen.fillStyle = color.slices[usualColor(track, i, beyond)];
      fillColumn(time, y, height);
      pen.globalAlpha = 1;
    },
  );
}

/** The colour of the longest of some of them: all, if they are few. */
function usualColor(track, from, beyond) {
  const { busy } = track;
  const step = Math.max(1, Math.floor((beyond - from) / 8));
  let longest = from;
  for (let i = from; i < beyond; i += step) {
    if (busy.end[i] - busy.start[i] > busy.end[longest] - busy.start[longest]) longest = i;
  }
  return model.tasks.color[model.pollTask[track.busy.value[longest]]];
}

function paintPoll(poll, y, height, isFaint) {
  const left = Math.max(xOf(model.pollStart[poll]), size.gutter - 3);
  const right = Math.min(xOf(model.pollEnd[poll]), size.width + 3);
  // A hair between neighbours, where there is room for one.
  const width = right - left > 4 ? right - left - 1 : right - left;
  pen.globalAlpha = isFaint ? 0.2 : 1;
  pen.fillStyle = colorOf(model.pollTask[poll]);
  pen.fillRect(left, y, width, height);
  if (model.pollOutcome[poll] === PANICKED) {
    pen.fillStyle = color.panic;
    pen.fillRect(left, y + height - 4, width, 4);
  }
  pen.globalAlpha = 1;
  if (width <= LABEL_FROM) return;
  const ink = isFaint ? color.muted : ON_SLICE;
  labels.push(() => labelPoll(poll, Math.max(left, size.gutter), right, y, height, ink));
}

function labelPoll(poll, left, right, y, height, ink) {
  const room = right - left - 12;
  const task = model.pollTask[poll];
  const label = fitted(model.tasks.label(task), room, 12, 550);
  if (!label) return;
  const hasTwoLines = height >= 34;
  const middle = y + height / 2;
  const more = `#${model.tasks.serial(task)} · ${span(model.length(poll))}`;
  const second = hasTwoLines ? fitted(more, room, 11) : "";
  write(label, left + 6, hasTwoLines ? middle - 7 : middle + 0.5, ink, 12, 550);
  const width = pen.measureText(label).width;
  if (second) write(second, left + 6, middle + 9, ink, 11);
  const reach = Math.max(width, pen.measureText(second).width);
  claim({ left, right: left + 6 + reach, top: middle - 15, bottom: middle + 15 });
}

/** Over the polls: that one runs without a permit, or is in a blocking call. */
function paintStates(track) {
  const y = sliceTop(track);
  const height = track.sliceHeight;
  const { without, blocked } = track.spans;
  paintSpans(without, y, height, color.stripes);
  paintSpans(blocked, y + height - 7, 7, color.blocked);
  without.walk(
    view,
    i => {
      const left = Math.max(size.gutter, xOf(without.start[i]));
      const right = Math.min(size.width, xOf(without.end[i]));
      pen.strokeStyle = color.permit;
      pen.setLineDash([2, 3]);
      line(left, yOf(track) + 1.5, right, yOf(track) + 1.5);
      pen.setLineDash([]);
    },
    () => {},
  );
}

/** Regions and, in the colour of their site, polls inside another poll. */
function paintRegions(row, y) {
  const height = REGION_ROW - 2;
  const ink = one => (one.poll < 0 ? color.region : colorOf(model.pollTask[one.poll]));
  row.walk(
    view,
    i => {
      const one = row.value[i];
      fillSpan(one.start, one.end, y, height, ink(one));
      labelSpan(
        one.start,
        one.end,
        y + height / 2 + 0.5,
        one.text,
        one.poll < 0 ? color.text : ON_SLICE,
      );
      const left = Math.max(size.gutter, xOf(one.start));
      const item = one.poll < 0 ? { kind: "region", one } : pollItem(one.poll);
      hits.push({ left, right: xOf(one.end), top: y, bottom: y + height, item });
      if (one.poll >= 0) drawn++;
    },
    (i, beyond, time, filled) => {
      pen.globalAlpha = Math.max(0.3, filled);
      pen.fillStyle = ink(row.value[i]);
      fillColumn(time, y, height);
      pen.globalAlpha = 1;
      for (; i < beyond; i++) if (row.value[i].poll >= 0) drawn++;
    },
  );
}

/** Sources that fired, below the lane, and what user code has noted, on it. */
function paintInstants(track) {
  const bottom = sliceTop(track) + track.sliceHeight;
  eachInstant(track.firings, (i, x, isCrowded) => {
    pen.fillStyle = color.fired;
    if (isCrowded) pen.fillRect(x - 0.5, bottom, 1, 3);
    else triangle(x, bottom + 2, 3.5);
  });
  eachInstant(track.noteTimes, (i, x, isCrowded) => paintNote(track, i, x, isCrowded));
}

/** The first of each pixel. */
function eachInstant(times, visit) {
  const from = lowerBound(times, view.from);
  const to = lowerBound(times, view.to);
  const isCrowded = (to - from) * 16 > size.width - size.gutter;
  for (let i = from; i < to;) {
    visit(i, xOf(times[i]), isCrowded);
    i = Math.max(i + 1, isCrowded ? lowerBound(times, times[i] + 1 / view.scale, i, to) : 0);
  }
}

function paintNote(track, i, x, isCrowded) {
  const one = track.notes[i];
  const y = sliceTop(track);
  pen.fillStyle = color.mark;
  if (isCrowded) return pen.fillRect(x - 0.5, y, 1, 3);
  diamond(x, y + 1, 4);
  hit(x, y, 6, { kind: "event", one });
  const next = i + 1 < track.notes.length ? xOf(track.noteTimes[i + 1]) : size.width;
  const text = track.isWorker ? "" : fitted(one.text, next - x - 14, 11);
  if (text) labels.push(() => write(text, x + 8, y + 6, color.text, 11));
}
