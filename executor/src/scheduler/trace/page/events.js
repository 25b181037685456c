// The events, as the file has them.
//
// Time is in nanoseconds since the recording began, tasks, polls and wake-ups are numbers that
// index columns: a million events are some fifty typed arrays, and no objects.

const KIND = {
  SPAWN: 1,
  POLL: 2,
  POLL_END: 3,
  WOKEN: 4,
  STOLEN: 5,
  PARK: 6,
  UNPARK: 7,
  SEARCH: 8,
  TAKEN: 9,
  GIVEN: 10,
  BACK: 11,
  BLOCK: 12,
  UNBLOCK: 13,
  FIRED: 14,
  START: 15,
  END: 16,
  REGION: 17,
  REGION_END: 18,
  EVENT: 19,
  GAP: 20,
  CALL: 21,
  CALL_END: 22,
};
const NONE = 0xffffffff;
const VERSION = 1;

function bytes(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const text = atob(base64);
  const out = new Uint8Array(text.length);
  for (let i = 0; i < out.length; i++) out[i] = text.charCodeAt(i);
  return out;
}

/** Numbers of 32 bits, little-endian, as all processors are that have a browser. */
function words(base64) {
  const raw = bytes(base64);
  return new Uint32Array(raw.buffer, raw.byteOffset, raw.byteLength >> 2);
}

/** The events of one thread, or of all threads that are no workers. */
class Track {
  constructor(from, place) {
    this.name = String(from.name);
    this.place = place;
    this.isWorker = from.kind === "worker";
    this.index = from.index;
    this.lost = from.lost || 0;
    this.words = words(from.events);
    this.count = this.words.length >> 2;
    this.time = new Float64Array(this.count);
    let ordered = true;
    for (let i = 0, w = 0; i < this.count; i++, w += 4) {
      this.time[i] = this.words[w] + (this.words[w + 1] & 0xffff) * 2 ** 32;
      if (i > 0 && this.time[i] < this.time[i - 1]) ordered = false;
    }
    if (!ordered) this.sort();
  }

  kind(i) {
    return (this.words[4 * i + 1] >>> 16) & 0xff;
  }
  arg(i) {
    return this.words[4 * i + 1] >>> 24;
  }
  low(i) {
    return this.words[4 * i + 2];
  }
  high(i) {
    return this.words[4 * i + 3];
  }

  /** What several threads wrote into one ring may be out of order by a little. */
  sort() {
    const order = Uint32Array.from(this.time, (_, i) => i).sort(
      (a, b) => this.time[a] - this.time[b] || a - b,
    );
    const sorted = new Uint32Array(this.words.length);
    for (let i = 0; i < sorted.length; i++) sorted[i] = this.words[4 * order[i >> 2] + (i & 3)];
    this.words = sorted;
    this.time.sort();
  }
}

/**
 * Calls `visit(track, i)` for each event of all tracks, in the order of time: a merge by a binary
 * heap of tracks.
 */
function inOrder(tracks, visit) {
  const heap = tracks.filter(track => track.count > 0);
  const at = new Uint32Array(tracks.length);
  const next = track => track.time[at[track.place]];
  const sink = hole => {
    const track = heap[hole];
    const time = next(track);
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && next(heap[child + 1]) < next(heap[child])) child++;
      if (next(heap[child]) >= time) break;
      heap[hole] = heap[child];
      hole = child;
    }
    heap[hole] = track;
  };
  for (let i = (heap.length >> 1) - 1; i >= 0; i--) sink(i);
  while (heap.length > 0) {
    const track = heap[0];
    visit(track, at[track.place]++);
    if (at[track.place] === track.count) {
      const last = heap.pop();
      if (heap.length === 0) break;
      heap[0] = last;
    }
    sink(0);
  }
}
