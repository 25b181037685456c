// The tasks: their ids, names, parents, and the lines that spawned them.

/** The tasks of a file, by number. The last one stands for all that the file does not list. */
class Tasks {
  constructor(file) {
    const { tasks } = file;
    this.sites = file.sites;
    this.strings = file.strings;
    this.low = words(tasks.id_lo);
    this.high = words(tasks.id_hi);
    this.parentLow = words(tasks.parent_lo);
    this.parentHigh = words(tasks.parent_hi);
    this.site = [...words(tasks.site), NONE];
    this.nameOf = [...words(tasks.name), NONE];
    this.count = this.site.length;
    this.makeIndex();
  }

  /** From the 64 bits of an id to a number: open addressing, at most half full. */
  makeIndex() {
    let size = 16;
    while (size < 2 * this.count) size *= 2;
    this.slots = new Int32Array(size).fill(-1);
    for (let task = 0; task < this.low.length; task++) {
      this.slots[this.slot(this.low[task], this.high[task])] = task;
    }
  }

  slot(low, high) {
    const mask = this.slots.length - 1;
    let at = (Math.imul(low ^ Math.imul(high, 0x85ebca6b), 0x9e3779b1) >>> 7) & mask;
    for (;;) {
      const task = this.slots[at];
      if (task < 0 || (this.low[task] === low && this.high[task] === high)) return at;
      at = (at + 1) & mask;
    }
  }

  find(low, high) {
    const task = this.slots[this.slot(low, high)];
    return task < 0 ? this.count - 1 : task;
  }

  isListed(task) {
    return task < this.count - 1;
  }

  /** Null without a parent: it was spawned outside of tasks. */
  parent(task) {
    const low = this.parentLow[task] || 0;
    const high = this.parentHigh[task] || 0;
    if (low === 0 && high === 0) return null;
    return { task: this.find(low, high), serial: serialOf(low, high) };
  }

  /** What `TaskId` prints. */
  serial(task) {
    return this.isListed(task) ? serialOf(this.low[task], this.high[task]) : "unknown";
  }

  string(number) {
    return number < this.strings.length ? plain(this.strings[number]) : "";
  }

  name(task) {
    return this.nameOf[task] === NONE ? "" : this.string(this.nameOf[task]);
  }

  /** The last number stands for lines that are not known. */
  siteOf(task) {
    return Math.min(this.site[task], this.sites.length);
  }

  siteText(site) {
    return site < this.sites.length ? plain(this.sites[site]) : "unknown line";
  }

  /** Of a call of `block_on`, which has an id as tasks have. */
  callText(call) {
    return `block_on at ${this.siteText(this.siteOf(call))}`;
  }

  /** The name, or the file and the line without the folders. */
  label(task) {
    return this.name(task) || shortSite(this.siteText(this.siteOf(task)));
  }

  title(task) {
    return `${this.label(task)} #${this.serial(task)}`;
  }

  /** Sites in the order of the time that their tasks took: the first have colours of their own. */
  chooseColors(polls, taskOf, lengthOf) {
    this.siteTime = new Float64Array(this.sites.length + 1);
    this.sitePolls = new Uint32Array(this.sites.length + 1);
    for (let poll = 0; poll < polls; poll++) {
      const site = this.siteOf(taskOf[poll]);
      this.siteTime[site] += lengthOf(poll);
      this.sitePolls[site]++;
    }
    this.sitesByTime = Array.from(this.siteTime.keys())
      .filter(site => this.sitePolls[site] > 0)
      .sort((a, b) => this.siteTime[b] - this.siteTime[a]);
    this.siteColor = new Uint8Array(this.siteTime.length);
    this.sitesByTime.forEach((site, rank) => {
      this.siteColor[site] = rank % PALETTE.light.length;
    });
    this.color = Uint8Array.from(this.site, (_, task) => this.siteColor[this.siteOf(task)]);
  }
}

/**
 * An id is a serial number of 48 bits and, in its lower 16, that of a line. In a simulation the
 * uppermost bit is set, and people see the lower 28 alone.
 */
function serialOf(low, high) {
  const serial = high * 2 ** 16 + (low >>> 16);
  return serial < 2 ** 47 ? serial : serial % 2 ** 28;
}
