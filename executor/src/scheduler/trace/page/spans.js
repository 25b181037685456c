// Columns that are drawn in any scale: what a picture of a million spans costs is its pixels.

/** The first of `from..to` for which `values[i] >= value`, or `to`. */
function lowerBound(values, value, from = 0, to = values.length) {
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (values[middle] < value) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** Spans of time in order, none in another: the polls of a worker, or when it was asleep. */
class Spans {
  constructor(start, end, value) {
    this.start = Float64Array.from(start);
    this.end = Float64Array.from(end);
    this.value = value;
    this.count = this.start.length;
    // How long all those before it were: what a column of pixels is filled with is one subtraction.
    this.sum = new Float64Array(this.count + 1);
    for (let i = 0; i < this.count; i++)
      this.sum[i + 1] = this.sum[i] + this.end[i] - this.start[i];
  }

  get total() {
    return this.sum[this.count];
  }

  /** How much of a stretch of time is in spans. */
  within(from, to) {
    const first = lowerBound(this.end, from);
    const beyond = lowerBound(this.start, to);
    if (first >= beyond) return 0;
    return (
      this.sum[beyond] -
      this.sum[first] -
      Math.max(0, from - this.start[first]) -
      Math.max(0, this.end[beyond - 1] - to)
    );
  }

  /** The one at a time, or -1. */
  at(time) {
    const i = lowerBound(this.end, time);
    return i < this.count && this.start[i] <= time ? i : -1;
  }

  /**
   * Walks what a view shows. A span of a pixel and more is `one(i)`; those narrower that begin in
   * one column of pixels are `many(i, beyond, time, filled)`. The columns are fixed in time, lest
   * they shimmer when the view moves. So a view costs what its pixels cost, however many spans
   * there are.
   */
  walk(view, one, many) {
    const { start, end } = this;
    const pixel = 1 / view.scale;
    const beyond = lowerBound(start, view.to);
    let i = lowerBound(end, view.from);
    while (i < beyond) {
      if (end[i] - start[i] >= pixel) {
        one(i++);
        continue;
      }
      const column = Math.floor(start[i] / pixel);
      let j = lowerBound(start, (column + 1) * pixel, i + 1, beyond);
      // Only the last that begins in a column can reach beyond it.
      if (j > i + 1 && end[j - 1] - start[j - 1] >= pixel) j--;
      many(i, j, column * pixel, Math.min(1, (this.sum[j] - this.sum[i]) / pixel));
      i = j;
    }
  }
}

class SpansBuilder {
  constructor() {
    this.start = [];
    this.end = [];
    this.value = [];
  }

  push(start, end, value = 0) {
    if (end < start) return;
    this.start.push(start);
    this.end.push(end);
    this.value.push(value);
  }

  done() {
    return new Spans(this.start, this.end, this.value);
  }
}

/** A number that changes in steps, and the largest of each 16, of each 256 and so on. */
class Steps {
  constructor(time, value) {
    this.time = time;
    this.levels = [value];
    for (let below = value; below.length > 16;) {
      const level = new Uint32Array(Math.ceil(below.length / 16));
      for (let i = 0; i < below.length; i++) level[i >> 4] = Math.max(level[i >> 4], below[i]);
      this.levels.push((below = level));
    }
  }

  /** The largest of the values from..to. */
  largest(from, to, level = 0) {
    const values = this.levels[level];
    let most = 0;
    if (level + 1 < this.levels.length && to - from > 32) {
      const first = (from + 15) >> 4;
      const last = to >> 4;
      most = this.largest(first, last, level + 1);
      for (let i = last << 4; i < to; i++) most = Math.max(most, values[i]);
      to = first << 4;
    }
    for (let i = from; i < to; i++) most = Math.max(most, values[i]);
    return most;
  }

  /** The largest value that it had from one time to another. */
  during(from, to) {
    return this.largest(Math.max(0, lowerBound(this.time, from) - 1), lowerBound(this.time, to));
  }
}
