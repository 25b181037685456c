//! The rounds: every contestant runs every workload, in rotating order.

use crate::{
    contestant::Contestant,
    golang::Go,
    measurements::{Failure, Row},
    process::Process,
    programs::Programs,
    served,
    workload::{Group, RunsIn, Workload},
};
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    collections::{BTreeMap, HashMap, HashSet, hash_map::Entry},
    process::Command,
    time::Duration,
};

/// After so many rounds the processes are started anew: what a process happens to get for its life,
/// such as the addresses of its threads' stacks and heaps, is not to look like the runtime's doing.
const ROUNDS_OF_A_PROCESS: usize = 5;

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The workloads, in the order of the report.
    pub workloads: Vec<&'static Workload>,
    /// Who runs them.
    pub contestants: Vec<Contestant>,
    /// How often.
    pub rounds: usize,
    /// With how many workers each.
    pub workers: usize,
    /// Whether the small sizes are run.
    pub quick: bool,
    /// How long one answer may take.
    pub limit: Duration,
    /// The programs of the Rust runtimes.
    pub programs: Programs,
    /// Go, if it takes part.
    pub go: Option<Go>,
}

/// Which process: whose, and whether it has sockets.
type Key = (&'static str, bool);

/// The rounds as they are run.
#[derive(Debug)]
pub struct Session {
    plan: Plan,
    residents: HashMap<Key, Process>,
    /// What loads the servers, once it has been needed.
    loader: Option<Process>,
    given_up: HashSet<(&'static str, &'static str)>,
    rows: Vec<Row>,
    failures: Vec<Failure>,
    progress: ProgressBar,
}

impl Plan {
    fn size(&self, workload: &Workload) -> usize {
        if self.quick {
            workload.quick
        } else {
            workload.size
        }
    }

    fn repeats(&self, workload: &Workload) -> usize {
        if self.quick { 1 } else { workload.repeats }
    }

    fn start(
        &self,
        contestant: Contestant,
        group: Group,
        workers: usize,
    ) -> Result<Process, String> {
        let mut command = match (self.programs.path(contestant, group), &self.go) {
            (Some(program), _) => {
                let mut command = Command::new(program);
                command
                    .args([contestant.name(), "--workers"])
                    .arg(workers.to_string())
                    .env("EXECUTOR_WORKERS", workers.to_string())
                    .env_remove("EXECUTOR_SCHEDTRACE");
                command
            }
            (None, Some(go)) => {
                let mut command = Command::new(&go.program);
                command.env("GOMAXPROCS", workers.to_string());
                command
            }
            (None, None) => return Err("there is no Go".to_owned()),
        };
        Process::start(&mut command).map_err(|error| format!("it did not start: {error}"))
    }
}

fn process_of(contestant: Contestant, group: Group) -> Key {
    (contestant.name(), group == Group::Sockets)
}

impl Session {
    /// Runs the whole plan: a row for each figure, and what went wrong.
    pub fn run(plan: Plan) -> (Vec<Row>, Vec<Failure>) {
        let rows = plan
            .workloads
            .iter()
            .flat_map(|workload| {
                workload.figures.iter().map(|figure| Row {
                    name: figure.row.to_owned(),
                    unit: figure.unit.to_owned(),
                    size: plan.size(workload),
                    values: BTreeMap::new(),
                })
            })
            .collect();
        let runs = plan.workloads.iter().map(|workload| {
            let runs = |contestant: &&Contestant| contestant.runs(workload);
            plan.contestants.iter().filter(runs).count()
        });
        let progress = ProgressBar::new((runs.sum::<usize>() * plan.rounds) as u64);
        progress.set_style(
            ProgressStyle::with_template("{elapsed_precise} {bar:30} {pos}/{len} {eta} {msg}")
                .expect("the template is well-formed"),
        );
        let mut session = Session {
            residents: HashMap::new(),
            loader: None,
            given_up: HashSet::new(),
            failures: Vec::new(),
            plan,
            rows,
            progress,
        };
        for round in 0..session.plan.rounds {
            session.round(round);
        }
        session.progress.finish_and_clear();
        (session.rows, session.failures)
    }

    fn round(&mut self, round: usize) {
        if round.is_multiple_of(ROUNDS_OF_A_PROCESS) {
            self.residents.clear();
        }
        let mut order = self.plan.contestants.clone();
        let first = round % order.len();
        order.rotate_left(first);
        for workload in self.plan.workloads.clone() {
            for &contestant in order.iter().filter(|contestant| contestant.runs(workload)) {
                self.measure(round, workload, contestant);
            }
        }
    }

    fn measure(&mut self, round: usize, workload: &'static Workload, contestant: Contestant) {
        self.progress
            .set_message(format!("{} on {contestant}", workload.name));
        let key = (contestant.name(), workload.name);
        let values = if self.given_up.contains(&key) {
            vec![None; workload.figures.len()]
        } else {
            match self.figures(workload, contestant) {
                Ok(figures) => figures.into_iter().map(Some).collect(),
                Err(why) => {
                    // The process may be dead, or still be at it.
                    self.residents
                        .remove(&process_of(contestant, workload.group));
                    self.loader = None;
                    self.given_up.insert(key);
                    let failure = Failure {
                        contestant: contestant.name().to_owned(),
                        workload: workload.name.to_owned(),
                        round: round + 1,
                        why,
                    };
                    self.progress.suspend(|| {
                        eprintln!(
                            "warning: {} on {contestant} is given up: {}",
                            workload.name, failure.why
                        );
                    });
                    self.failures.push(failure);
                    vec![None; workload.figures.len()]
                }
            }
        };
        for (figure, value) in workload.figures.iter().zip(values) {
            let mut rows = self.rows.iter_mut();
            let row = rows.find(|row| row.name == figure.row);
            let row = row.expect("there is a row for each figure");
            let rounds = row.values.entry(contestant.name().to_owned());
            rounds.or_default().push(value);
        }
        self.progress.inc(1);
    }

    /// One measurement.
    fn figures(&mut self, workload: &Workload, contestant: Contestant) -> Result<Vec<f64>, String> {
        match workload.runs_in {
            RunsIn::Fresh => self.fresh(workload, contestant, self.plan.workers),
            RunsIn::OneThenTwoWorkers => {
                let with = |workers| self.fresh(workload, contestant, workers);
                Ok(vec![with(1)?[0] / with(2)?[0]])
            }
            RunsIn::Resident => {
                self.start_residents(workload.group, contestant)?;
                let resident = self
                    .residents
                    .get_mut(&process_of(contestant, workload.group));
                ask(
                    &self.plan,
                    workload,
                    resident.expect("it was started above"),
                )
            }
            RunsIn::Served(load) => self.served(workload, load, contestant),
        }
    }

    fn fresh(
        &self,
        workload: &Workload,
        contestant: Contestant,
        workers: usize,
    ) -> Result<Vec<f64>, String> {
        let mut process = self.plan.start(contestant, workload.group, workers)?;
        ask(&self.plan, workload, &mut process)
    }

    /// A measurement of a server.
    fn served(
        &mut self,
        workload: &Workload,
        load: served::Load,
        contestant: Contestant,
    ) -> Result<Vec<f64>, String> {
        let (size, limit) = (self.plan.size(workload), self.plan.limit);
        if self.loader.is_none() {
            let loader = Process::start(&mut Command::new(self.plan.programs.load()));
            self.loader = Some(loader.map_err(|error| format!("`load` did not start: {error}"))?);
        }
        let mut fresh = None;
        let server = if load.is_of_memory() {
            fresh.insert(
                self.plan
                    .start(contestant, workload.group, self.plan.workers)?,
            )
        } else {
            self.start_residents(workload.group, contestant)?;
            let resident = self
                .residents
                .get_mut(&process_of(contestant, workload.group));
            resident.expect("it was started above")
        };
        let loader = self.loader.as_mut().expect("it was started above");
        served::measure(load, size, server, loader, limit)
    }

    /// Starts those of a group that do not live, all before the first is asked: they live side by
    /// side. Fails if that one does not start.
    fn start_residents(&mut self, group: Group, asked: Contestant) -> Result<(), String> {
        let plan = &self.plan;
        let takes_part = |who: &&Contestant| {
            let mut workloads = plan.workloads.iter();
            workloads.any(|workload| workload.group == group && who.runs(workload))
        };
        for &resident in plan.contestants.iter().filter(takes_part) {
            if let Entry::Vacant(place) = self.residents.entry(process_of(resident, group)) {
                match plan.start(resident, group, plan.workers) {
                    Ok(process) => {
                        place.insert(process);
                    }
                    Err(why) if resident == asked => return Err(why),
                    // It will be told when its turn comes.
                    Err(_) => {}
                }
            }
        }
        Ok(())
    }
}

/// Has a process run a workload.
fn ask(plan: &Plan, workload: &Workload, process: &mut Process) -> Result<Vec<f64>, String> {
    process.run(
        workload.name,
        plan.size(workload),
        plan.repeats(workload),
        workload.figures.len(),
        plan.limit,
    )
}
