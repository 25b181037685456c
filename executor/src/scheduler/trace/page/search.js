// Search for tasks by name, spawn site or id.

/**
 * The polls of tasks that match, as one sum for each track: whether some of a stretch match is one
 * subtraction.
 */
const found = {
  count: 0,
  polls: new Uint32Array(0),
  sums: new Map(),
  has(track, from, beyond) {
    const sums = this.sums.get(track);
    return sums[beyond] > sums[from];
  },
};

function matches(text) {
  const lower = text.toLowerCase();
  const id = /^#?\d+$/.test(text) ? text.replace("#", "") : null;
  const contains = one => plain(one).toLowerCase().includes(lower);
  const sites = model.tasks.sites.map(contains);
  const strings = model.tasks.strings.map(contains);
  const task = new Uint8Array(model.tasks.count);
  for (let i = 0; i < model.tasks.count; i++) {
    const byName = model.tasks.nameOf[i] !== NONE && strings[model.tasks.nameOf[i]];
    if (
      byName ||
      sites[model.tasks.site[i]] ||
      (id !== null && String(model.tasks.serial(i)) === id)
    )
      task[i] = 1;
  }
  return task;
}

function search() {
  const text = byId("query").value.trim();
  found.count = 0;
  found.sums.clear();
  if (text) {
    const task = matches(text);
    const polls = new Uint32Array(model.pollCount);
    for (let poll = 0; poll < model.pollCount; poll++)
      if (task[model.pollTask[poll]]) polls[found.count++] = poll;
    found.polls = polls.subarray(0, found.count);
    for (const track of model.tracks) {
      const sums = new Uint32Array(track.busy.count + 1);
      for (let i = 0; i < track.busy.count; i++)
        sums[i + 1] = sums[i] + task[model.pollTask[track.busy.value[i]]];
      found.sums.set(track, sums);
    }
  }
  byId("found").textContent = !text ? "" : found.count === 0 ? "none" : many(found.count, "poll");
  draw();
}

/** From the selected poll, or the begin of the view. */
function goToMatch(direction) {
  if (found.count === 0) return;
  const here =
    selected?.kind === "poll"
      ? selected.poll
      : lowerBound(model.pollStart, view.from) - (direction > 0 ? 1 : 0);
  let at = lowerBound(found.polls, direction > 0 ? here + 1 : here);
  if (direction < 0) at--;
  const poll = found.polls[(at + found.count) % found.count];
  select(pollItem(poll), true);
  byId("found").textContent =
    `${grouped(((at + found.count) % found.count) + 1)} of ${grouped(found.count)}`;
}

/** The next theft or hand-off after the selected one, or after the middle of the view. */
function goTo(kind, list, times, close) {
  if (list.length === 0) return;
  const middle = lowerBound(times, (view.from + view.to) / 2);
  const at = selected?.kind === kind ? list.indexOf(selected.one) + 1 : middle;
  const one = list[at % list.length];
  const half = Math.min(view.to - view.from, close) / 2;
  glide(one.time - half, one.time + half);
  select({ kind, one });
}
