// Polls and wake-ups, as columns: a number is a row of them; and how they change tasks.

const STATE = { UNKNOWN: 0, RUNNABLE: 1, RUNNING: 2, SUSPENDED: 3, ENDED: 4 };
const PENDING = 0;

// What happens to a task: something makes it runnable, a poll begins, it ends.
const TURN = { CAUSE: 0, POLL: 1, END: 2 };

// What comes next, by its state: the first of these, unless events have been lost or noted late.
const WANTED = {
  [STATE.UNKNOWN]: [TURN.CAUSE, TURN.POLL, TURN.END],
  [STATE.RUNNABLE]: [TURN.POLL, TURN.CAUSE, TURN.END],
  [STATE.RUNNING]: [TURN.END, TURN.CAUSE, TURN.POLL],
  [STATE.SUSPENDED]: [TURN.CAUSE, TURN.POLL, TURN.END],
  [STATE.ENDED]: [TURN.CAUSE, TURN.POLL, TURN.END],
};

/** What has been found out about polls, wake-ups and tasks, and how many tasks wait when. */
class Columns {
  constructor(tracks, tasks) {
    const { polls, wakes, events } = Columns.rows(tracks);
    this.tracks = tracks;
    this.tasks = tasks;
    this.events = events;
    this.pollCount = 0;
    this.pollStart = new Float64Array(polls);
    this.pollEnd = new Float64Array(polls);
    this.pollTask = new Uint32Array(polls);
    this.pollTrack = new Uint16Array(polls);
    this.pollOutcome = new Uint8Array(polls);
    this.pollNumber = new Uint32Array(polls);
    this.pollWake = new Int32Array(polls).fill(-1);
    this.pollBefore = new Int32Array(polls).fill(-1);
    this.pollAfter = new Int32Array(polls).fill(-1);
    this.pollTheft = new Int32Array(polls).fill(-1);
    this.wakeCount = 0;
    this.wakeTime = new Float64Array(wakes);
    this.wakeTask = new Uint32Array(wakes);
    this.wakeTrack = new Uint16Array(wakes);
    this.wakeBy = new Int32Array(wakes).fill(-1);
    this.wakeTarget = new Int32Array(wakes).fill(-1);
    this.wakeQueue = new Uint8Array(wakes);
    this.wakeIsFired = new Uint8Array(wakes);
    this.state = new Uint8Array(tasks.count);
    this.polls = new Uint32Array(tasks.count);
    this.firstPoll = new Int32Array(tasks.count).fill(-1);
    this.lastPoll = new Int32Array(tasks.count).fill(-1);
    // The wake-up that the next poll is for.
    this.pendingWake = new Int32Array(tasks.count).fill(-1);
    this.spawned = new Float64Array(tasks.count).fill(NaN);
    this.steps = 0;
    this.stepTime = new Float64Array(events);
    this.runnableAfter = new Uint32Array(events);
    this.suspendedAfter = new Int32Array(events);
    this.runnableNow = this.suspendedNow = this.suspendedBefore = 0;
    // Later than this, no event of any track is lost.
    this.knownFrom = Math.max(...tracks.map(track => track.knownFrom));
    // What tasks have done at the time that it is.
    this.turns = [];
    this.now = 0;
  }

  /** How many there can be: an end whose begin was overwritten is a poll too. */
  static rows(tracks) {
    const rows = { polls: 0, wakes: 0, events: 0 };
    for (const track of tracks) {
      let open = 0;
      rows.events += track.count;
      for (let i = 0; i < track.count; i++) {
        const kind = track.kind(i);
        if (kind === KIND.WOKEN || kind === KIND.SPAWN) rows.wakes++;
        else if (kind === KIND.POLL) open++;
        if (kind === KIND.POLL || (kind === KIND.POLL_END && (open === 0 || !track.isWorker)))
          rows.polls++;
        if (kind === KIND.POLL_END && open > 0) open--;
      }
    }
    return rows;
  }

  addPoll(track, time, task) {
    const poll = this.pollCount++;
    const before = this.lastPoll[task];
    this.pollStart[poll] = time;
    this.pollTask[poll] = task;
    this.pollTrack[poll] = track.place;
    this.pollNumber[poll] = ++this.polls[task];
    this.pollBefore[poll] = before;
    if (before >= 0) this.pollAfter[before] = poll;
    else this.firstPoll[task] = poll;
    this.lastPoll[task] = poll;
    return poll;
  }

  addWake({ task, track, by, queue, isFired }) {
    const wake = this.wakeCount++;
    this.wakeTime[wake] = this.now;
    this.wakeTask[wake] = task;
    this.wakeTrack[wake] = track;
    this.wakeBy[wake] = by;
    this.wakeQueue[wake] = queue;
    this.wakeIsFired[wake] = isFired;
    return wake;
  }

  joinWake(wake, poll) {
    this.pollWake[poll] = wake;
    this.wakeTarget[wake] = poll;
  }

  /** To be told of the time of each event, before what it says. */
  goOnTo(time) {
    if (time === this.now) return;
    this.takeTurns();
    this.now = time;
  }

  /** Each task by itself: the tracks do not say in which order they had events of one time. */
  takeTurns() {
    const { turns } = this;
    if (turns.length === 0) return;
    this.turns = [];
    if (turns.length === 1) return this.takeTurn(turns[0]);
    const byTask = new Map();
    for (const turn of turns) {
      const own = byTask.get(turn.task);
      if (own) own.push(turn);
      else byTask.set(turn.task, [turn]);
    }
    for (const own of byTask.values()) this.takeTurnsOfTask(own);
  }

  /** As in a simulation all may be of one time, each poll comes after what has led to it. */
  takeTurnsOfTask(turns) {
    const { task } = turns[0];
    const queues = [[], [], []];
    for (const turn of turns) queues[turn.what].push(turn);
    // The spawn comes first, and after the end of the last poll there is none.
    queues[TURN.CAUSE].sort((a, b) => (b.queue === BY_SPAWN) - (a.queue === BY_SPAWN));
    queues[TURN.END].sort((a, b) => this.isLast(a.poll) - this.isLast(b.poll));
    // It ran before, though that may have been overwritten.
    if (queues[TURN.END].length > queues[TURN.POLL].length) this.state[task] = STATE.RUNNING;
    const taken = [0, 0, 0];
    for (let left = turns.length; left > 0; left--) {
      const isThere = what => taken[what] < queues[what].length;
      const what = WANTED[this.state[task]].find(isThere);
      this.takeTurn(queues[what][taken[what]++]);
    }
  }

  isLast(poll) {
    return this.pollOutcome[poll] !== PENDING;
  }

  takeTurn(turn) {
    if (turn.what === TURN.CAUSE) this.becomesRunnable(turn.task, turn);
    else if (turn.what === TURN.POLL) this.runs(turn.task, turn.poll);
    else this.stops(turn.task, turn.poll);
  }

  becomesRunnable(task, cause) {
    const state = this.state[task];
    const isSpawn = cause.queue === BY_SPAWN;
    // The poll that it has led to may have been overwritten: the next that is left may be of another
    // cause, and much later.
    if (this.now <= this.knownFrom) return void this.addWake(cause);
    if (state === STATE.UNKNOWN || (state === STATE.SUSPENDED && !isSpawn)) {
      if (state === STATE.UNKNOWN && !isSpawn) this.suspendedBefore++;
      this.pendingWake[task] = this.addWake(cause);
      this.state[task] = STATE.RUNNABLE;
      this.change(this.now, 1, isSpawn ? 0 : -1);
    } else if (isSpawn ? this.polls[task] === 1 : state === STATE.RUNNING) {
      // A task is made runnable between two polls. Another worker was quicker to poll it than this
      // one to note why.
      const wake = this.addWake(cause);
      const poll = this.lastPoll[task];
      if (this.pollWake[poll] < 0) this.joinWake(wake, poll);
    }
  }

  runs(task, poll) {
    if (this.state[task] === STATE.RUNNABLE) this.change(this.now, -1, 0);
    // Its wake-up has been overwritten.
    if (this.state[task] === STATE.SUSPENDED) this.change(this.now, 0, -1);
    this.state[task] = STATE.RUNNING;
    if (this.pendingWake[task] >= 0) this.joinWake(this.pendingWake[task], poll);
    this.pendingWake[task] = -1;
  }

  stops(task, poll) {
    this.state[task] = this.isLast(poll) ? STATE.ENDED : STATE.SUSPENDED;
    if (this.state[task] === STATE.SUSPENDED) this.change(this.now, 0, 1);
  }

  /** So many more are runnable and suspended from now on. */
  change(time, runnable, suspended) {
    this.runnableNow = Math.max(0, this.runnableNow + runnable);
    this.suspendedNow += suspended;
    const isSameTime = this.steps > 0 && this.stepTime[this.steps - 1] === time;
    const at = isSameTime ? this.steps - 1 : this.steps++;
    this.stepTime[at] = time;
    this.runnableAfter[at] = this.runnableNow;
    this.suspendedAfter[at] = this.suspendedNow;
  }

  /** Of a column of `change`, with as many as there were before their first event. */
  stepsOf(column, before) {
    const values = new Uint32Array(this.steps);
    for (let i = 0; i < values.length; i++) values[i] = Math.max(0, column[i] + before);
    return new Steps(this.stepTime.subarray(0, this.steps), values);
  }

  length(poll) {
    return this.pollEnd[poll] - this.pollStart[poll];
  }

  /** From woken to polled; NaN if nobody is known to have woken it. */
  wait(poll) {
    const wake = this.pollWake[poll];
    return wake < 0 ? NaN : Math.max(0, this.pollStart[poll] - this.wakeTime[wake]);
  }

  wokenBy(wake) {
    const track = this.tracks[this.wakeTrack[wake]];
    if (this.wakeBy[wake] >= 0) return this.tasks.title(this.pollTask[this.wakeBy[wake]]);
    if (this.wakeIsFired[wake]) return `a timer or a socket, on ${track.name}`;
    return track.isWorker ? `${track.name}, between two polls` : "a thread that is no worker";
  }
}

/** What makes a task runnable, as it stands on a track. */
function causeOn(track, queue) {
  const by = track.running >= 0 ? track.running : track.ended;
  return { track: track.place, by, queue, isFired: track.hasFired ? 1 : 0 };
}
