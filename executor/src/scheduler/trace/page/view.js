// Which stretch of time is in view, and where on the canvas things are.

// Dark letters on any of these have a contrast of more than 6 : 1.
const PALETTE = {
  light: [
    "#86b3ee",
    "#f0b46c",
    "#84cc9a",
    "#bba8ea",
    "#e79ca8",
    "#7ccdd3",
    "#d8c665",
    "#e3a8d6",
    "#abc67e",
    "#bbb6ae",
  ],
  dark: [
    "#6f9fe0",
    "#dda25c",
    "#6dba87",
    "#a590dc",
    "#d8838f",
    "#63b8be",
    "#c3b152",
    "#cd8cbd",
    "#93b265",
    "#a19c93",
  ],
};
const ON_SLICE = "#10141c";
const SHORTEST_VIEW = 100;
// More wake-ups than this are a web, not a picture: then those of the selected poll are drawn only.
// Thefts and hand-offs are straight lines: as many as have room, and with words where these have
// room.
const MAX_WAKES = 300;
const PIXELS_PER_ARROW = 14;
const PIXELS_PER_BADGE = 150;
const LABEL_FROM = 34;

const byId = id => document.getElementById(id);
const canvas = byId("chart");
const pen = canvas.getContext("2d", { alpha: false });
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const nightly = matchMedia("(prefers-color-scheme: dark)");

let model = null;
const color = {};
const size = { width: 0, height: 0, gutter: 0, dots: 1, scroll: 0, content: 0 };
let view = { from: 0, to: 1, scale: 1 };
const shown = { wakes: true, thefts: true, handoffs: true };
let selected = null;
let hits = [];
let labels = [];
let claims = [];
let drawn = 0;
let hidden = { wakes: 0, thefts: 0, handoffs: 0 };

const xOf = time => size.gutter + (time - view.from) * view.scale;
const timeAt = x => view.from + (x - size.gutter) / view.scale;

function look(from, to) {
  const room = model.duration * 0.01;
  const length = Math.min(Math.max(to - from, SHORTEST_VIEW), model.duration + 2 * room);
  from = Math.min(Math.max((from + to - length) / 2, -room), model.duration + room - length);
  view = { from, to: from + length, scale: Math.max(1, size.width - size.gutter) / length };
  draw();
}

let flight = 0;

/** Goes there in a tenth of a second, so that the eye can follow. */
function glide(from, to) {
  cancelAnimationFrame(flight);
  if (calm.matches) return look(from, to);
  const start = performance.now();
  const old = view;
  const step = now => {
    const part = Math.min(1, Math.max(0, (now - start) / 110));
    const eased = part * (2 - part);
    look(old.from + (from - old.from) * eased, old.to + (to - old.to) * eased);
    if (part < 1) flight = requestAnimationFrame(step);
  };
  flight = requestAnimationFrame(step);
}

function zoom(factor, around = (view.from + view.to) / 2, go = look) {
  go(around - (around - view.from) * factor, around + (view.to - around) * factor);
}

const pan = (part, go = look) =>
  go(view.from + part * (view.to - view.from), view.to + part * (view.to - view.from));
const fit = () => glide(-model.duration * 0.01, model.duration * 1.01);

function scrollBy(pixels) {
  size.scroll = Math.max(0, Math.min(size.scroll + pixels, size.content - size.height));
  draw();
}

const OVERVIEW = { top: 6, height: 34 };
const RULER = { top: 44, height: 20 };
const WAITING = { top: 68, height: 50 };
const TRACKS_FROM = 128;
const REGION_ROW = 15;
const SLICE = { least: 20, most: 72 };
const OTHERS_SLICE = 12;
const PERMIT_ROOM = 6;
// What a track takes beside its slices and regions.
const LANE_ROOM = 17;
const OTHERS_ROOM = 29;

function arrange() {
  const box = canvas.parentElement.getBoundingClientRect();
  const dots = devicePixelRatio || 1;
  size.dots = dots;
  size.width = Math.max(120, Math.floor(box.width));
  size.height = Math.max(120, Math.floor(box.height));
  size.gutter = size.width < 600 ? 64 : 156;
  canvas.width = Math.round(size.width * dots);
  canvas.height = Math.round(size.height * dots);
  pen.setTransform(dots, 0, 0, dots, 0, 0);
  placeTracks();
  scrollBy(0);
  look(view.from, view.to);
}

/** Slices as tall as there is room for. A permit is above them, regions are below. */
function placeTracks() {
  const workers = model.tracks.filter(track => track.isWorker).length;
  const rows = track => (track.regionRows.length ? track.regionRows.length * REGION_ROW + 3 : 0);
  const others = track => rows(track) + (track.isWorker ? LANE_ROOM : OTHERS_ROOM);
  const fixed = model.tracks.reduce((sum, track) => sum + others(track), TRACKS_FROM + 6);
  const room = Math.floor((size.height - fixed) / Math.max(1, workers));
  const slice = Math.max(SLICE.least, Math.min(SLICE.most, room));
  let y = TRACKS_FROM;
  for (const track of model.tracks) {
    track.y = y;
    track.sliceTop = track.isWorker ? PERMIT_ROOM : 0;
    track.sliceHeight = track.isWorker ? slice : OTHERS_SLICE;
    track.regionTop = track.sliceTop + track.sliceHeight + 3;
    track.height = track.regionTop + rows(track);
    y += track.height + (track.isWorker ? 8 : 14);
  }
  size.content = y;
}

const yOf = track => track.y - size.scroll;
const sliceTop = track => yOf(track) + track.sliceTop;
const sliceMiddle = track => sliceTop(track) + track.sliceHeight / 2;

function trackAt(y) {
  if (y < TRACKS_FROM) return null;
  return (
    model.tracks.find(track => y >= yOf(track) - 2 && y < yOf(track) + track.height + 3) || null
  );
}
