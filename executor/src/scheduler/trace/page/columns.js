// Polls and wake-ups, as columns: a number is a row of them.

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

  addWake(track, time, task, queue) {
    const wake = this.wakeCount++;
    this.wakeTime[wake] = time;
    this.wakeTask[wake] = task;
    this.wakeTrack[wake] = track.place;
    this.wakeBy[wake] = track.running >= 0 ? track.running : track.ended;
    this.wakeQueue[wake] = queue;
    this.wakeIsFired[wake] = track.hasFired ? 1 : 0;
    return wake;
  }

  joinWake(wake, poll) {
    this.pollWake[poll] = wake;
    this.wakeTarget[wake] = poll;
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
