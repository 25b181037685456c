// A lane of the picture: how a thread was, and what else than polls happened in it.

// Regions and calls of `block_on` that are open at once: those beyond are not shown.
const MAX_ROWS = 8;

/** A track, and what it comes to while its events are passed over in the order of time. */
class Lane extends Track {
  constructor(from, place) {
    super(from, place);
    this.isFirstGap = this.count > 0 && this.kind(0) === KIND.GAP;
    this.gapUntil = this.isFirstGap ? this.time[0] : 0;
    this.knownFrom = this.firstOwn();
    // Since when it is so; NaN: it is not.
    this.since = this.before();
    this.spans = {};
    for (const what of Object.keys(this.since)) this.spans[what] = new SpansBuilder();
    // Polls that have begun and not ended. One inside another is rare: `block_on` in a task.
    this.open = [];
    this.polls = [];
    // The poll that ended last, until something else happens: what is woken then is woken by it.
    this.ended = -1;
    this.hasFired = false;
    this.theft = -1;
    this.handoff = null;
    this.firings = [];
    this.notes = [];
    this.regions = [];
    this.openRegions = [];
    this.openCalls = [];
  }

  /**
   * The time of the first event that is left of its own ring, if others of it were overwritten. The
   * monitor writes to another ring that it has taken the permit. If none is left, all of them were
   * before the recording.
   */
  firstOwn() {
    if (this.lost === 0) return -Infinity;
    for (let i = 0; i < this.count; i++) {
      if (![KIND.GAP, KIND.TAKEN, KIND.GIVEN].includes(this.kind(i))) return this.time[i];
    }
    return -Infinity;
  }

  /** How it is before its first event, as the events to come tell. */
  before() {
    const { START, END, POLL, PARK, UNPARK, SEARCH, TAKEN, GIVEN, BACK, BLOCK, UNBLOCK } = KIND;
    const from = this.gapUntil;
    const startsLater = this.first(START, END, POLL, PARK, UNPARK, SEARCH) === START;
    const isThere = this.isWorker && !startsLater;
    const next = this.first(PARK, UNPARK, TAKEN, GIVEN, BACK, START, POLL);
    const holds = [PARK, TAKEN, GIVEN, POLL].includes(next);
    return {
      alive: isThere ? from : NaN,
      asleep: isThere && this.first(PARK, UNPARK) === UNPARK ? from : NaN,
      searching: NaN,
      permit: isThere && holds ? from : NaN,
      without: isThere && next === BACK ? from : NaN,
      blocked: this.first(BLOCK, UNBLOCK) === UNBLOCK ? from : NaN,
    };
  }

  /** Which of these kinds comes first; 0 if none does. */
  first(...kinds) {
    for (let i = 0; i < this.count; i++) {
      const kind = this.kind(i);
      if (kinds.includes(kind)) return kind;
    }
    return 0;
  }

  begins(what, time) {
    if (Number.isNaN(this.since[what])) this.since[what] = time;
  }

  ends(what, time) {
    if (Number.isNaN(this.since[what])) return;
    this.spans[what].push(this.since[what], time);
    this.since[what] = NaN;
  }

  endsAll(time) {
    for (const what of Object.keys(this.since)) this.ends(what, time);
  }

  /** The innermost poll, or -1. */
  get running() {
    return this.open.length > 0 ? this.open.at(-1) : -1;
  }

  regionBegins(time, string, thread) {
    this.openRegions.push({ start: time, string, thread });
  }

  /** The innermost of that name and thread: where threads share a track, others may be open. */
  regionEnds(time, string, thread, text) {
    const isIt = region => region.string === string && region.thread === thread;
    const at = this.openRegions.findLastIndex(isIt);
    if (at < 0) return;
    const [{ start }] = this.openRegions.splice(at, 1);
    this.addRegion(start, time, text);
  }

  callBegins(time, call, text) {
    this.openCalls.push({ start: time, call, text });
  }

  callEnds(time, call, text) {
    const at = this.openCalls.findLastIndex(open => open.call === call);
    const start = at < 0 ? this.gapUntil : this.openCalls.splice(at, 1)[0].start;
    this.addRegion(start, time, text);
  }

  addRegion(start, end, text, poll = -1) {
    this.regions.push({ track: this, start, end, text, poll });
  }

  /** What is still open lasts until the end of the recording. */
  finish(end, textOf) {
    this.endsAll(end);
    for (const { start, string } of this.openRegions) this.addRegion(start, end, textOf(string));
    for (const { start, text } of this.openCalls) this.addRegion(start, end, text);
    for (const what of Object.keys(this.spans)) this.spans[what] = this.spans[what].done();
    this.noteTimes = Float64Array.from(this.notes, note => note.time);
    this.placeRegions();
  }

  /** Each in the first row that is free: what is inside another comes below it. */
  placeRegions() {
    this.regions.sort((a, b) => a.start - b.start || b.end - a.end);
    const rows = [];
    for (const region of this.regions) {
      const isFree = row => row.end.at(-1) <= region.start;
      let row = rows.find(isFree);
      if (!row) {
        if (rows.length === MAX_ROWS) continue;
        row = new SpansBuilder();
        rows.push(row);
      }
      row.push(region.start, region.end, region);
    }
    this.regionRows = rows.map(row => row.done());
  }
}
