// What the events mean: one pass over them in the order of time.

const PANICKED = 2;
const CANCELLED = 3;
const UNENDED = 4;
const OUTCOME = ["pending", "ready", "panicked", "cancelled", "had not ended at that time"];
const BY_SPAWN = 3;
const QUEUE = ["in the next slot", "in the local queue", "in the global queue", "after its spawn"];

// A hand-off is drawn to the machine that starts or wakes up next, if that is soon: which one was
// woken is not recorded. A wake-up takes microseconds, and a thread's start some ten.
const STAND_IN_WITHIN = 2e6;

class Model extends Columns {
  constructor(file) {
    if (file.version !== VERSION) {
      throw new Error(`It is of version ${file.version}, and this page reads ${VERSION}.`);
    }
    const lanes = file.tracks.map((track, place) => new Lane(track, place));
    super(lanes, new Tasks(file));
    this.program = file.program || "trace";
    this.started = file.started;
    this.why = file.why;
    const ends = lanes.map(track => track.time[track.count - 1] || 0);
    this.duration = Math.max(1, file.duration_ns, ...ends);
    this.thefts = [];
    this.handoffs = [];
    // When machines started or woke up.
    this.starts = [];
    inOrder(lanes, (track, i) => this.take(track, i));
    this.takeTurns();
    lanes.forEach(track => this.finish(track));
    this.findStandIns();
    this.theftTimes = Float64Array.from(this.thefts, theft => theft.time);
    this.handoffTimes = Float64Array.from(this.handoffs, handoff => handoff.time);
    this.runnable = this.stepsOf(this.runnableAfter, 0);
    this.suspended = this.stepsOf(this.suspendedAfter, this.suspendedBefore);
    this.tasks.chooseColors(this.pollCount, this.pollTask, poll => this.length(poll));
  }

  take(track, i) {
    const kind = track.kind(i);
    if (kind !== KIND.WOKEN && !CHANGES_OF_PERMIT.has(kind)) track.ended = -1;
    this.goOnTo(track.time[i]);
    this[HANDLER[kind]]?.(track, track.time[i], i);
  }

  taskOf(track, i) {
    return this.tasks.find(track.low(i), track.high(i));
  }

  onSpawn(track, time, i) {
    const task = this.taskOf(track, i);
    this.spawned[task] = time;
    this.turns.push({ task, what: TURN.CAUSE, ...causeOn(track, BY_SPAWN) });
  }

  onWoken(track, _, i) {
    const task = this.taskOf(track, i);
    this.turns.push({ task, what: TURN.CAUSE, ...causeOn(track, track.arg(i)) });
  }

  onPoll(track, time, i) {
    const task = this.taskOf(track, i);
    track.hasFired = false;
    track.ends("searching", time);
    const poll = this.addPoll(track, time, task);
    track.open.push(poll);
    this.turns.push({ task, what: TURN.POLL, poll });
    this.pollTheft[poll] = track.theft;
    if (track.theft >= 0) this.thefts[track.theft].poll = poll;
    track.theft = -1;
  }

  onPollEnd(track, time, i) {
    const task = this.taskOf(track, i);
    const at = track.open.findLastIndex(poll => this.pollTask[poll] === task);
    // Without a begin it had begun before the first event that is left.
    const begin = track.polls.length === 0 ? track.gapUntil : time;
    const poll = at < 0 ? this.addPoll(track, begin, task) : track.open.splice(at, 1)[0];
    this.endPoll(track, poll, time, track.arg(i));
    track.ended = poll;
    this.turns.push({ task, what: TURN.END, poll });
  }

  /** One in another is drawn below it, as a region is. */
  endPoll(track, poll, time, outcome) {
    this.pollEnd[poll] = time;
    this.pollOutcome[poll] = outcome;
    if (track.open.length === 0) return void track.polls.push(poll);
    track.addRegion(this.pollStart[poll], time, this.tasks.title(this.pollTask[poll]), poll);
  }

  onStolen(track, time, i) {
    const victim = this.tracks.find(other => other.isWorker && other.index === track.low(i));
    track.theft = this.thefts.push({ time, track, victim, count: track.arg(i), poll: -1 }) - 1;
  }

  onPark(track, time) {
    track.ends("searching", time);
    track.ends("permit", time);
    track.begins("asleep", time);
  }

  onUnpark(track, time) {
    track.ends("asleep", time);
    track.begins("permit", time);
    this.starts.push({ time, track });
  }

  onSearch(track, time) {
    track.begins("searching", time);
  }

  onTaken(track, time) {
    this.handOff(track, time, true);
  }

  onGiven(track, time) {
    this.handOff(track, time, false);
  }

  handOff(track, time, isTaken) {
    track.ends("permit", time);
    track.begins("without", time);
    const handoff = { time, track, isTaken, poll: track.running, back: this.duration, to: null };
    track.handoff = handoff;
    this.handoffs.push(handoff);
  }

  onBack(track, time) {
    track.ends("without", time);
    track.begins("permit", time);
    if (track.handoff) track.handoff.back = time;
    track.handoff = null;
  }

  onBlock(track, time) {
    track.begins("blocked", time);
  }

  onUnblock(track, time) {
    track.ends("blocked", time);
  }

  onFired(track, time) {
    track.hasFired = true;
    track.firings.push(time);
  }

  onStart(track, time) {
    track.begins("alive", time);
    track.begins("permit", time);
    this.starts.push({ time, track });
  }

  onEnd(track, time) {
    track.endsAll(time);
  }

  onRegion(track, time, i) {
    track.regionBegins(time, track.low(i), track.arg(i));
  }

  onRegionEnd(track, time, i) {
    track.regionEnds(time, track.low(i), track.arg(i), this.tasks.string(track.low(i)));
  }

  onEvent(track, time, i) {
    track.notes.push({ time, track, text: this.tasks.string(track.low(i)), poll: track.running });
  }

  onCall(track, time, i) {
    const call = this.taskOf(track, i);
    track.callBegins(time, call, this.tasks.callText(call));
  }

  onCallEnd(track, time, i) {
    const call = this.taskOf(track, i);
    track.callEnds(time, call, this.tasks.callText(call));
  }

  finish(track) {
    while (track.open.length > 0) this.endPoll(track, track.open.pop(), this.duration, UNENDED);
    track.finish(this.duration, string => this.tasks.string(string));
    const polls = Uint32Array.from(track.polls);
    const start = Float64Array.from(polls, poll => this.pollStart[poll]);
    const end = Float64Array.from(polls, poll => this.pollEnd[poll]);
    track.busy = new Spans(start, end, polls);
  }

  findStandIns() {
    const times = this.starts.map(start => start.time);
    const taken = new Set();
    for (const handoff of this.handoffs) {
      const until = Math.min(handoff.back, handoff.time + STAND_IN_WITHIN);
      let at = lowerBound(times, handoff.time);
      const isTooEarly = () => taken.has(at) || this.starts[at].track === handoff.track;
      while (at < times.length && isTooEarly()) at++;
      if (at === times.length || times[at] > until) continue;
      taken.add(at);
      handoff.to = this.starts[at];
    }
  }
}

// After a poll, these come at its end, and belong to it.
const CHANGES_OF_PERMIT = new Set([KIND.TAKEN, KIND.GIVEN, KIND.BACK]);

// A gap is told by its lane. A kind that is not known, of a later recorder, is passed over.
const HANDLER = {
  [KIND.SPAWN]: "onSpawn",
  [KIND.POLL]: "onPoll",
  [KIND.POLL_END]: "onPollEnd",
  [KIND.WOKEN]: "onWoken",
  [KIND.STOLEN]: "onStolen",
  [KIND.PARK]: "onPark",
  [KIND.UNPARK]: "onUnpark",
  [KIND.SEARCH]: "onSearch",
  [KIND.TAKEN]: "onTaken",
  [KIND.GIVEN]: "onGiven",
  [KIND.BACK]: "onBack",
  [KIND.BLOCK]: "onBlock",
  [KIND.UNBLOCK]: "onUnblock",
  [KIND.FIRED]: "onFired",
  [KIND.START]: "onStart",
  [KIND.END]: "onEnd",
  [KIND.REGION]: "onRegion",
  [KIND.REGION_END]: "onRegionEnd",
  [KIND.EVENT]: "onEvent",
  [KIND.CALL]: "onCall",
  [KIND.CALL_END]: "onCallEnd",
};
