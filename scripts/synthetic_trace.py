"""Makes traces without an executor, for `scripts/browser`: a small simulation of workers that poll,
wake, steal, fall asleep and hand off, with names that a hostile program would choose.

    python3 scripts/synthetic_trace.py OUT.html [EVENTS]
"""

import base64
import heapq
import json
import random
import re
import struct
import sys
from array import array
from collections import deque
from pathlib import Path

SOURCES = Path(__file__).resolve().parent.parent / "executor/src/scheduler/trace"

# As in `event.rs` there.
SPAWN, POLL, POLL_END, WOKEN, STOLEN, PARK, UNPARK, SEARCH, TAKEN, GIVEN, BACK, BLOCK, UNBLOCK = (
    range(1, 14)
)
FIRED, START, END, REGION, REGION_END, EVENT, GAP, CALL, CALL_END = range(14, 23)
PENDING, READY, PANICKED, CANCELLED = range(4)
NEXT_SLOT, LOCAL, GLOBAL = range(3)
NONE = 0xFFFFFFFF
TIME = (1 << 48) - 1

# In the agenda, in place of a machine.
OUTSIDE = -1

HOSTILE = [
    "</script><script>document.title='owned'</script>",
    "<img src=x onerror=document.title='owned'>",
    "\u202eright to left\u202c, מימין לשמאל, من اليمين",
    "bell\u0007 escape\u001b[31m null\u0000 line\nline\u2028line",
    "__proto__",
    "constructor",
    "__TRACE__",
    "&lt;b&gt; &amp;",
    "'\"`${1}",
    "",
    "a name that goes on " * 40,
    "\U0001f980" * 30,
    "e" + "\u0301" * 200,
]


def template():
    """The page, as `page.rs` joins it."""
    parts = re.findall(
        r'include_str!\("(.*?)"\)', (SOURCES / "page.rs").read_text(encoding="utf-8")
    )
    return "".join((SOURCES / part).read_text(encoding="utf-8") for part in parts)


class Trace:
    """What the recorder hands over."""

    def __init__(self, program, names, sites):
        self.program, self.strings, self.sites = program, list(names), list(sites)
        self.tracks, self.tasks = [], {}

    def track(self, name, kind="worker", index=0):
        self.tracks.append(
            {"name": name, "kind": kind, "index": index, "lost": 0, "events": array("Q")}
        )
        return len(self.tracks) - 1

    def event(self, track, time, kind, payload=0, arg=0):
        self.tracks[track]["events"].extend((int(time) | kind << 48 | arg << 56, payload))

    def task(self, serial, site, name=NONE, parent=0):
        """Makes a task, and returns its id: the serial number, and the number of the line."""
        task = serial << 16 | site + 1
        self.tasks[task] = (site, name, parent)
        return task

    def coarse(self, step):
        """Has a clock that stands still for so long, as that of a simulation does between timers."""
        for track in self.tracks:
            ring = track["events"]
            rows = sorted(zip(ring[::2], ring[1::2]), key=lambda row: row[0] & TIME)
            rows = ((first - (first & TIME) % step, second) for first, second in rows)
            track["events"] = array("Q", (word for row in rows for word in row))
        return self

    def cut(self, end):
        """Forgets what happens later."""
        for track in self.tracks:
            ring = track["events"]
            kept = [
                word
                for i in range(0, len(ring), 2)
                if ring[i] & TIME < end
                for word in ring[i : i + 2]
            ]
            track["events"] = array("Q", kept)

    def keep(self, track, events):
        """Has a ring of so many events: the older ones are overwritten, and a gap says so."""
        ring = self.tracks[track]["events"]
        lost = len(ring) // 2 - events
        if lost <= 0:
            return
        del ring[: 2 * lost]
        time = ring[0] & TIME
        self.tracks[track]["lost"] = lost
        self.tracks[track]["events"] = array("Q", (time | GAP << 48, lost)) + ring

    def end(self):
        return max(
            (ring[-2] & TIME for track in self.tracks if (ring := track["events"])), default=0
        )

    def count(self):
        return sum(len(track["events"]) // 2 for track in self.tracks)

    def document(self, why="exit"):
        def b64(numbers):
            return base64.b64encode(struct.pack(f"<{len(numbers)}I", *numbers)).decode()

        def events(ring):
            if sys.byteorder == "big":
                ring = array("Q", ring)
                ring.byteswap()
            return base64.b64encode(ring.tobytes()).decode()

        ids, rows = list(self.tasks), list(self.tasks.values())
        low = 0xFFFFFFFF
        return {
            "version": 1,
            "program": self.program,
            "started": "2026-11-30T11:30:00Z",
            "duration_ns": self.end() + 1000,
            "why": why,
            "tracks": [{**track, "events": events(track["events"])} for track in self.tracks],
            "sites": self.sites,
            "strings": self.strings,
            "tasks": {
                "id_lo": b64([task & low for task in ids]),
                "id_hi": b64([task >> 32 for task in ids]),
                "site": b64([row[0] for row in rows]),
                "name": b64([row[1] for row in rows]),
                "parent_lo": b64([row[2] & low for row in rows]),
                "parent_hi": b64([row[2] >> 32 for row in rows]),
            },
        }

    def html(self, why="exit"):
        text = json.dumps(self.document(why)).replace("<", "\\u003c")
        return template().replace("__TRACE__", text, 1)


# What a kind of task does: name, site, the mean of its polls in µs, how many others a poll wakes,
# and how many of its polls in a hundred sleep, block the thread, compute long, panic.
ROLES = [
    ("accept", "src/server.rs:41:9", 6, 2, 30, 0, 0, 0),
    ("connection", "src/server.rs:58:13", 18, 1, 10, 0, 0, 0),
    ("parse", "src/http/parse.rs:112:17", 34, 1, 0, 0, 0, 0.05),
    ("cache", "src/cache/mod.rs:77:5", 9, 1, 2, 0, 0, 0),
    ("render", "src/render.rs:203:21", 85, 1, 0, 0, 1.2, 0),
    ("write log", "src/log.rs:19:9", 12, 0, 5, 4, 0, 0),
    (None, "src/main.rs:88:30", 4, 1, 0, 0, 0, 0),
    ("refresh", "src/cache/refresh.rs:31:13", 140, 3, 60, 0, 0, 0),
]


class Simulation:
    """N permits, a machine more for each that is blocked, queues roughly as in the executor."""

    def __init__(
        self,
        program,
        seed,
        workers=4,
        tasks=60,
        roles=ROLES,
        names=(),
        strange=0,
        busy=0.3,
        pause=100_000,
    ):
        self.tasks, self.strange = 1.2 * tasks, strange
        self.random, self.workers, self.busy, self.pause = random.Random(seed), workers, busy, pause
        words = ["decode", "cache miss", "flush", *names]
        self.roles = roles
        self.trace = Trace(
            program, [role[0] or "" for role in roles] + words, [role[1] for role in roles]
        )
        self.words = range(len(roles), len(roles) + len(words))
        self.machines, self.serial, self.now, self.order, self.alive = [], 0, 0, 0, 0
        self.global_queue, self.timers, self.agenda = deque(), [], []
        self.suspended, self.ready, self.role = [], {}, {}
        for _ in range(workers):
            self.add_machine(0)
        self.others = self.trace.track("other threads", "elsewhere")
        self.serial += 1
        self.call = self.trace.task(self.serial, len(roles) - 1)
        self.trace.event(self.others, 1500, CALL, self.call)
        self.at(50_000, OUTSIDE)
        for i in range(tasks):
            self.spawn(self.others, 2000 + 400 * i, i % len(roles), 0)

    def add_machine(self, time):
        index = len(self.machines)
        machine = {
            "queue": deque(),
            "asleep": False,
            # Until when its permit is with another.
            "away": 0,
            "track": self.trace.track(f"worker {index}", index=index),
        }
        self.machines.append(machine)
        self.trace.event(machine["track"], time, START)
        self.at(time, index)
        return machine

    def at(self, time, machine):
        self.order += 1
        heapq.heappush(self.agenda, (time, self.order, machine))

    def spawn(self, track, time, role, parent, machine=None):
        self.serial += 1
        self.alive += 1
        name = role if self.roles[role][0] is not None else NONE
        if self.random.random() < self.strange:
            name = self.random.choice(self.words)
        task = self.trace.task(self.serial, role, name, parent)
        self.role[task] = role
        self.trace.event(track, time, SPAWN, task)
        self.push(time, task, machine)
        return task

    def push(self, time, task, machine):
        self.ready[task] = time
        if machine is None:
            self.global_queue.append(task)
        else:
            machine["queue"].append(task)
        sleepers = [i for i, other in enumerate(self.machines) if other["asleep"]]
        has_more = machine is None or len(machine["queue"]) > 1
        if sleepers and self.active(time) < self.workers and has_more:
            self.wake_machine(sleepers[0], time + self.random.randint(2500, 9000))

    def active(self, time):
        """How many machines hold a permit."""
        return sum(not machine["asleep"] and machine["away"] <= time for machine in self.machines)

    def wake_machine(self, index, time):
        machine = self.machines[index]
        machine["asleep"] = False
        self.trace.event(machine["track"], time, UNPARK)
        self.at(time, index)

    def wake(self, track, time, machine, task=None):
        if task is None:
            if not self.suspended:
                return
            i = self.random.randrange(len(self.suspended))
            if self.ready[self.suspended[i]] > time:
                # Its poll, which was made whole, is not over yet.
                return
            self.suspended[i], self.suspended[-1] = self.suspended[-1], self.suspended[i]
            task = self.suspended.pop()
        queue = GLOBAL if machine is None else LOCAL if machine["queue"] else NEXT_SLOT
        self.trace.event(track, time, WOKEN, task, queue)
        self.push(time, task, machine)

    def run(self, events):
        while self.agenda and self.trace.count() < events:
            # It takes as long to count as to go on a little.
            for _ in range(64):
                if self.agenda:
                    time, _, index = heapq.heappop(self.agenda)
                    if index == OUTSIDE:
                        self.outside(time)
                    else:
                        self.turn(time, self.machines[index], index)
        # Polls are made whole: what is ahead of the others has not happened yet.
        end = min((time for time, _, _ in self.agenda), default=self.now)
        self.trace.cut(end)
        self.trace.event(self.others, end + 500, CALL_END, self.call, 1)
        self.trace.tracks.sort(key=lambda track: track["kind"] != "worker")
        return self.trace

    def outside(self, time):
        """A burst of what comes from a thread that is no worker."""
        for i in range(self.random.choice((1, 1, 2, 12))):
            self.wake(self.others, time + 700 * i, None)
        self.at(time + self.random.expovariate(1) * self.pause, OUTSIDE)

    def turn(self, time, machine, index):
        self.now = max(self.now, time)
        track, event = machine["track"], self.trace.event
        time = self.fire(time, machine)
        if self.active(time) > self.workers:
            return self.park(time, machine, index)
        task = None
        if self.global_queue and (self.random.random() < 0.1 or not machine["queue"]):
            task = self.global_queue.popleft()
        elif machine["queue"]:
            task = machine["queue"].popleft()
        if task is None:
            event(track, time, SEARCH)
            time += self.random.randint(1500, 7000)
            victims = [
                (len(m["queue"]), i) for i, m in enumerate(self.machines) if len(m["queue"]) > 1
            ]
            if not victims:
                return self.park(time, machine, index)
            count, victim = max(victims)
            stolen = [self.machines[victim]["queue"].popleft() for _ in range((count + 1) // 2)]
            event(track, time, STOLEN, victim, min(255, len(stolen)))
            task, *rest = stolen
            machine["queue"].extend(rest)
            time += 150
        # Whoever polled before may be ahead in time: polls are made whole, one after the other.
        if self.ready[task] > time:
            event(track, time, SEARCH)
        self.poll(max(time, self.ready[task] + 90), task, machine, index)

    def park(self, time, machine, index):
        self.trace.event(machine["track"], time, PARK)
        machine["asleep"] = True
        self.global_queue.extend(machine["queue"])
        machine["queue"].clear()
        if all(m["asleep"] for m in self.machines) and self.timers:
            self.wake_machine(index, max(time + 1000, self.timers[0][0]))

    def fire(self, time, machine):
        due = []
        while self.timers and self.timers[0][0] <= time:
            due.append(heapq.heappop(self.timers)[1])
        if due:
            self.trace.event(machine["track"], time, FIRED, len(due))
            for task in due:
                time += 120
                self.wake(machine["track"], time, machine, task)
        return time

    def poll(self, begin, task, machine, index):
        _, _, mean, wakes, sleeps, blocks, computes, panics = self.roles[self.role[task]]
        chance, track, event = self.random.random, machine["track"], self.trace.event
        length = self.random.lognormvariate(0, 0.6) * mean * 1000
        end = begin + length + 300
        event(track, begin, POLL, task)
        if chance() < 0.10:
            event(track, begin + 0.1 * length, REGION, self.words[0])
            event(track, begin + 0.6 * length, REGION_END, self.words[0])
        if chance() < 0.01:
            event(track, begin + 0.62 * length, EVENT, self.random.choice(self.words[1:]))
        for i in range(wakes):
            if chance() < self.busy:
                self.wake(track, begin + length * (0.65 + 0.1 * i), machine)
        if chance() < 0.04 and self.alive < self.tasks:
            self.spawn(
                track, begin + length * 0.97, self.random.randrange(len(self.roles)), task, machine
            )
        if 100 * chance() < blocks:
            return self.hand_off(begin + length, task, machine, index, GIVEN)
        if 100 * chance() < computes:
            return self.hand_off(begin + length, task, machine, index, TAKEN)
        self.end_poll(end, task, machine, index, PANICKED if 100 * chance() < panics else None)

    def hand_off(self, time, task, machine, index, kind):
        """The poll does not end: another machine takes what is queued, and goes on."""
        track, event, chance = machine["track"], self.trace.event, self.random
        time = time if kind == GIVEN else time + chance.randint(900_000, 1_400_000)
        event(track, time, kind)
        if kind == GIVEN:
            event(track, time + 50, BLOCK)
        self.global_queue.extend(machine["queue"])
        machine["queue"].clear()
        sleepers = [i for i, other in enumerate(self.machines) if other["asleep"]]
        if sleepers:
            self.wake_machine(sleepers[0], time + chance.randint(4000, 16_000))
        elif len(self.machines) < self.workers + 3:
            self.add_machine(time + chance.randint(30_000, 60_000))
        back = time + chance.randint(300_000, 2_500_000)
        if kind == GIVEN:
            event(track, back - 50, UNBLOCK)
        event(track, back, BACK)
        machine["away"] = back
        self.end_poll(back + 4000, task, machine, index, None)

    def end_poll(self, end, task, machine, index, outcome):
        track, event, role = machine["track"], self.trace.event, self.roles[self.role[task]]
        chance = self.random.random()
        if outcome is None:
            outcome = READY if chance < 0.02 and self.serial > 40 else PENDING
        if outcome == PENDING and self.random.random() < 0.08:
            # Whoever yields is made runnable after its poll, by itself.
            event(track, end, POLL_END, task, PENDING)
            self.wake(track, end, None, task)
        else:
            event(track, end, POLL_END, task, outcome)
            self.ready[task] = end
            if outcome == PENDING:
                if 100 * self.random.random() < role[4] or len(self.suspended) > 400:
                    heapq.heappush(
                        self.timers, (end + self.random.randint(300_000, 5_000_000), task)
                    )
                else:
                    self.suspended.append(task)
            else:
                self.alive -= 1
        self.at(end, index)


def typical(seed=7, events=6000, program="web-server"):
    return Simulation(program, seed).run(events)


def simulated():
    return typical().coarse(2_000_000)


def large(events=1_000_000):
    return Simulation("a million events", 11, workers=8, tasks=240).run(events)


def hostile():
    """Names that would be markup or scripts, rings that were too small, ids of nobody."""
    trace = Simulation(
        "</title></script><script>alert(1)</script>", 5, names=HOSTILE, strange=0.7
    ).run(4000)
    trace.sites[0] = "src/</script>.rs:1:1"
    trace.sites[2] = "C:\\code\\<b>\\parse.rs:112:17"
    # An id beyond what a double can hold, of a task that is not listed, and a poll inside its poll.
    unlisted = 0xFFFF_FFFF_FFFF_0003
    end = trace.end()
    trace.event(0, end + 1000, POLL, unlisted)
    nested = next(iter(trace.tasks))
    trace.event(0, end + 20_000, POLL, nested)
    trace.event(0, end + 60_000, POLL_END, nested, PENDING)
    trace.event(0, end + 90_000, POLL_END, unlisted, READY)
    trace.keep(1, 300)
    trace.keep(2, 301)
    return trace


if __name__ == "__main__":
    made = large(int(sys.argv[2])) if len(sys.argv) > 2 else typical()
    Path(sys.argv[1]).write_text(made.html(), encoding="utf-8")
    print(f"{made.count()} events")
