// Beside and above the lanes: names, the ruler, who waits, the whole recording.

const isNarrow = () => size.gutter < 100;

function paintGutter() {
  for (const track of model.tracks) {
    const y = sliceTop(track);
    if (y > size.height || y + track.height < TRACKS_FROM - 4) continue;
    const middle = y + track.sliceHeight / 2;
    if (track.isWorker) nameWorker(track, middle);
    else nameOthers(track, middle);
  }
}

/** Where there are several executors, a track has "executor: worker", and else "worker". */
function nameParts(track) {
  const at = track.name.lastIndexOf(": ");
  return at < 0 ? ["", track.name] : [track.name.slice(0, at), track.name.slice(at + 2)];
}

/** With how busy it is in the time that is in view: below it, if there is room. */
function nameWorker(track, middle) {
  const [executor, worker] = nameParts(track);
  const hasTwoLines = track.sliceHeight >= 30;
  const name = isNarrow() ? `w ${track.index}` : fitted(worker, 100, 13, 600);
  write(name, 12, hasTwoLines ? middle - 7 : middle, color.text, 13, 600);
  const time = Math.min(model.duration, view.to - view.from);
  const busy = percent(track.busy.within(view.from, view.to) / time);
  if (hasTwoLines) {
    const second = isNarrow() ? busy : [executor, `${busy} busy`].filter(text => text).join(", ");
    write(fitted(second, size.gutter - 20, 11), 12, middle + 9, color.muted, 11);
  } else if (!isNarrow()) {
    write(busy, size.gutter - 10, middle, color.muted, 11, 400, "right");
  }
}

function nameOthers(track, middle) {
  const [executor, others] = nameParts(track);
  write(isNarrow() ? "others" : fitted(others, 130), 12, middle, color.muted, 12);
  if (executor && !isNarrow()) write(fitted(executor, 130, 11), 12, middle + 14, color.muted, 11);
}

/** Who waits: tasks that could run and do not, and those that wait for something else. */
function paintWaiting() {
  const { top, height } = WAITING;
  const mostRunnable = Math.max(1, model.runnable.during(view.from, view.to));
  const mostSuspended = Math.max(1, model.suspended.during(view.from, view.to));
  pen.fillStyle = color.page;
  pen.fillRect(0, RULER.top, size.width, TRACKS_FROM - 4 - RULER.top);
  inside(size.gutter, top, size.width, top + height + 1, () => {
    pen.fillStyle = color.grid;
    eachTick(time => pen.fillRect(Math.round(xOf(time)), top, 1, height));
    pen.strokeStyle = color.runnable;
    pen.fillStyle = color["runnable-fill"];
    staircase(model.runnable, mostRunnable, true);
    pen.strokeStyle = color.suspended;
    staircase(model.suspended, mostSuspended, false);
  });
  pen.fillStyle = color.edge;
  pen.fillRect(0, TRACKS_FROM - 7, size.width, 1);
  nameWaiting(isNarrow() ? "run." : "runnable", mostRunnable, top + 14);
  nameWaiting(isNarrow() ? "susp." : "suspended", mostSuspended, top + 34);
  pen.fillStyle = color["runnable-fill"];
  pen.fillRect(12, top + 9, 9, 10);
  pen.fillStyle = color.runnable;
  pen.fillRect(12, top + 8, 9, 1.5);
  pen.fillStyle = color.suspended;
  pen.fillRect(12, top + 33, 9, 1.5);
}

/** The largest number of each column of pixels. */
function staircase(steps, most, isFilled) {
  const bottom = WAITING.top + WAITING.height;
  const left = Math.max(size.gutter, Math.floor(xOf(0)));
  const right = Math.min(size.width, Math.ceil(xOf(model.duration)));
  pen.beginPath();
  if (isFilled) pen.moveTo(left, bottom);
  for (let x = left; x < right; x++) {
    const y = bottom - ((WAITING.height - 4) * steps.during(timeAt(x), timeAt(x + 1))) / most;
    pen.lineTo(x, y);
    pen.lineTo(x + 1, y);
  }
  if (isFilled) {
    pen.lineTo(right, bottom);
    pen.fill();
  }
  pen.stroke();
}

function nameWaiting(name, most, y) {
  write(name, 26, y, color.text, 12);
  if (isNarrow()) return;
  write(`≤ ${grouped(most)}`, size.gutter - 8, y, color.muted, 11, 400, "right");
}

function paintRuler() {
  const middle = RULER.top + RULER.height / 2;
  inside(size.gutter, RULER.top, size.width, RULER.top + RULER.height, () => {
    eachTick((time, step) => {
      pen.fillStyle = color.edge;
      pen.fillRect(Math.round(xOf(time)), RULER.top + 4, 1, RULER.height);
      write(moment(time, step), xOf(time) + 5, middle, color.muted, 11);
    });
  });
  write(span(view.to - view.from), 12, middle, color.text, 11, 600);
}

/**
 * The whole recording: how many workers run tasks, and the window that the rest of the page shows.
 */
function paintOverview() {
  const { top, height } = OVERVIEW;
  const left = size.gutter;
  const width = size.width - left - 10;
  pen.fillStyle = color.page;
  pen.fillRect(0, 0, size.width, RULER.top);
  if (!overview || overview.width !== width || overview.ink !== color.slices)
    overview = drawOverview(width, height);
  pen.drawImage(overview.image, left, top, width, height);
  const from = left + Math.max(0, view.from / model.duration) * width;
  const to = left + Math.min(1, view.to / model.duration) * width;
  pen.fillStyle = color.page;
  pen.globalAlpha = 0.6;
  pen.fillRect(left, top, from - left, height);
  pen.fillRect(to, top, left + width - to, height);
  pen.globalAlpha = 1;
  pen.strokeStyle = color.muted;
  pen.strokeRect(from + 0.5, top + 0.5, Math.max(2, to - from - 1), height - 1);
  const middle = top + height / 2;
  write(isNarrow() ? "all" : "whole run", 12, isNarrow() ? middle : middle - 7, color.text, 12);
  if (!isNarrow()) write("workers busy", 12, middle + 9, color.muted, 11);
}

let overview = null;

function drawOverview(width, height) {
  const dots = devicePixelRatio || 1;
  const image = new OffscreenCanvas(Math.max(1, width * dots), height * dots);
  const brush = image.getContext("2d");
  const workers = model.tracks.filter(track => track.isWorker);
  const column = model.duration / width;
  brush.scale(dots, dots);
  brush.fillStyle = color.lane;
  brush.fillRect(0, 0, width, height);
  brush.fillStyle = color.slices[0];
  brush.beginPath();
  brush.moveTo(0, height);
  for (let x = 0; x < width; x++) {
    const from = x * column;
    const busy = workers.reduce((sum, track) => sum + track.busy.within(from, from + column), 0);
    const y = height * (1 - busy / column / Math.max(1, workers.length));
    brush.lineTo(x, y);
    brush.lineTo(x + 1, y);
  }
  brush.lineTo(width, height);
  brush.fill();
  return { image, width, ink: color.slices };
}
