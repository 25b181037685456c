//! The command line of `compare`.

use crate::{
    contestant::Contestant,
    golang,
    measurements::{Failure, Measurements},
    noise::{self, QUOTABLE_ROUNDS, Verdict},
    programs::Programs,
    report::{chart, markdown},
    session::{Plan, Session},
    surroundings,
    workload::{self, Group, WORKLOADS, Workload},
};
use clap::{
    Parser, ValueEnum,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};
use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

/// How many rounds `--quick` runs.
const QUICK_ROUNDS: usize = 2;

/// What went wrong in a measurement, or a regression.
const FAILED: u8 = 1;

/// The request makes no sense.
const MISUSED: u8 = 2;

/// Measures this executor side by side with its peers.
///
/// Prints a table in Markdown. For each runtime a program is built, without the other peers; it
/// lives in a process of its own, with as many workers and the same allocator; rounds are
/// interleaved, in rotating order.
#[derive(Debug, Parser)]
#[command(name = "compare", version)]
struct Cli {
    /// The workloads to run, separated by commas; all if left out
    #[arg(long, value_name = "WORKLOADS", value_delimiter = ',', value_parser = workloads())]
    only: Vec<Only>,

    /// The columns to measure, separated by commas; if left out all that can be had, but for
    /// executor-net
    #[arg(long, value_name = "RUNTIMES", value_delimiter = ',')]
    runtimes: Vec<Contestant>,

    /// How many rounds to run [default: 15; 2 with --quick]
    #[arg(long, value_name = "N", value_parser = positive(100_000), allow_negative_numbers = true)]
    rounds: Option<usize>,

    /// How many workers each runtime has [default: the machine's cores]
    #[arg(long, value_name = "N", value_parser = positive(1024), allow_negative_numbers = true)]
    workers: Option<usize>,

    /// Run everything small, to see that it works
    #[arg(long)]
    quick: bool,

    /// How many seconds one measurement may take before it counts as hung
    #[arg(long, value_name = "SECONDS", default_value = "120", value_parser = positive(86_400), allow_negative_numbers = true)]
    limit: usize,

    /// Measure nothing: report on a record that `--json` has written
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["only", "runtimes", "rounds", "workers", "quick", "limit", "json"]
    )]
    from: Option<PathBuf>,

    /// Write every round's figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Draw the ratios into this SVG file
    #[arg(long, value_name = "FILE", visible_alias = "svg", value_parser = svg_file)]
    chart: Option<PathBuf>,

    /// Write RESULTS.md's text to this file
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,

    /// Tell regressions from noise, against a record that `--json` has written; exit status 1 if
    /// there are any
    #[arg(long, value_name = "BASE.json")]
    check: Option<PathBuf>,
}

/// What `--only` may name.
#[derive(Clone, Copy, Debug)]
enum Only {
    Workload(&'static Workload),
    Group(Group),
}

/// Groups of workloads that have a name of their own, which those in them begin with.
const GROUPS: [(&str, Group); 2] = [("net", Group::Sockets), ("channel", Group::Channels)];

impl Only {
    fn names(self, workload: &Workload) -> bool {
        match self {
            Only::Workload(only) => only.name == workload.name,
            Only::Group(group) => workload.group == group,
        }
    }
}

fn workloads() -> impl TypedValueParser<Value = Only> {
    let values = WORKLOADS
        .iter()
        .map(|workload| PossibleValue::new(workload.name).help(workload.figures[0].about))
        .chain(
            GROUPS
                .map(|(name, _)| PossibleValue::new(name).help("all whose names begin like this")),
        );
    PossibleValuesParser::new(values).map(|name| {
        let group = GROUPS.iter().find(|(group, _)| name == *group);
        match group {
            Some((_, group)) => Only::Group(*group),
            None => Only::Workload(workload::find(&name).expect("one of the possible values")),
        }
    })
}

fn positive(most: usize) -> impl Fn(&str) -> Result<usize, String> + Clone {
    move |text| match text.parse() {
        Ok(number) if (1..=most).contains(&number) => Ok(number),
        _ => Err(format!("it has to be a whole number from 1 to {most}")),
    }
}

fn svg_file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match path.extension() {
        Some(extension) if extension.eq_ignore_ascii_case("svg") => Ok(path),
        _ => Err("the chart is an SVG, so the file's name has to end in .svg".to_owned()),
    }
}

/// The program.
pub fn main() -> ExitCode {
    Cli::parse().run().unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::from(MISUSED)
    })
}

impl Cli {
    fn run(&self) -> Result<ExitCode, String> {
        // What can go wrong with files goes wrong before the measuring.
        let base = self.check.as_deref().map(Measurements::read).transpose()?;
        for file in [&self.json, &self.chart, &self.results]
            .into_iter()
            .flatten()
        {
            writable(file)?;
        }
        let measurements = match &self.from {
            Some(record) => Measurements::read(record)?,
            None => self.measure()?,
        };
        if let Some(file) = &self.json {
            measurements.write(file)?;
        }
        print!("{}", markdown::tables(&measurements));
        if let Some(file) = &self.results {
            let before = fs::read_to_string(file).unwrap_or_default();
            fs::write(file, markdown::results(&measurements, &before))
                .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
        }
        if let Some(file) = &self.chart {
            chart::write(&measurements, file)?;
        }
        let mut failed = report(&measurements.failures);
        if let Some(base) = base {
            failed |= check(&measurements, &base)?;
        }
        Ok(if failed {
            ExitCode::from(FAILED)
        } else {
            ExitCode::SUCCESS
        })
    }

    fn measure(&self) -> Result<Measurements, String> {
        if cfg!(debug_assertions) {
            eprintln!("warning: not built with --release, so the figures mean nothing");
        }
        let default_rounds = if self.quick {
            QUICK_ROUNDS
        } else {
            QUOTABLE_ROUNDS
        };
        let rounds = self.rounds.unwrap_or(default_rounds);
        let machine = surroundings::machine();
        let workers = self.workers.unwrap_or(machine.cores);
        let mut contestants = self.contestants();
        let mut versions = surroundings::versions();
        let mut go = None;
        if contestants.contains(&Contestant::Go) {
            go = golang::build()?;
            match &go {
                Some(go) => drop(versions.insert("go".to_owned(), go.version.clone())),
                None if self.runtimes.contains(&Contestant::Go) => {
                    return Err(golang::HOW_TO_GET.to_owned());
                }
                None => {
                    eprintln!("note: {}", golang::HOW_TO_GET);
                    contestants.retain(|contestant| *contestant != Contestant::Go);
                }
            }
        }
        let workloads = self.workloads(&contestants)?;
        contestants.retain(|contestant| workloads.iter().any(|workload| contestant.runs(workload)));
        // Better said now than after the rounds.
        let ours = contestants.contains(&Contestant::OURS);
        if self.check.is_some() && !ours {
            return Err("`--check` needs the column `executor`".to_owned());
        }
        if self.chart.is_some() && !(ours && contestants.iter().any(|who| !who.is_ours())) {
            return Err("`--chart` needs the column `executor` and one of a peer".to_owned());
        }
        let pairs = contestants.iter().flat_map(|&contestant| {
            let runs = workloads
                .iter()
                .filter(move |workload| contestant.runs(workload));
            runs.map(move |workload| (contestant, workload.group))
        });
        let programs = Programs::build(pairs)?;
        let (rows, failures) = Session::run(Plan {
            workloads,
            contestants,
            rounds,
            workers,
            quick: self.quick,
            limit: Duration::from_secs(self.limit as u64),
            programs,
            go,
        });
        Ok(Measurements {
            format: Measurements::FORMAT,
            date: surroundings::date(),
            command: command(env::args_os().skip(1)),
            machine,
            workers,
            rounds,
            quick: self.quick,
            allocator: surroundings::allocator().to_owned(),
            versions,
            rows,
            failures,
        })
    }

    fn contestants(&self) -> Vec<Contestant> {
        Contestant::value_variants()
            .iter()
            .copied()
            .filter(|contestant| match &self.runtimes[..] {
                [] => contestant.is_usual(),
                named => named.contains(contestant),
            })
            .collect()
    }

    fn workloads(&self, contestants: &[Contestant]) -> Result<Vec<&'static Workload>, String> {
        let wanted = |workload: &&Workload| {
            self.only.is_empty() || self.only.iter().any(|only| only.names(workload))
        };
        let anybody = |workload: &&Workload| contestants.iter().any(|who| who.runs(workload));
        let workloads: Vec<_> = WORKLOADS.iter().filter(wanted).filter(anybody).collect();
        if workloads.is_empty() {
            return Err("none of these runtimes has one of these workloads".to_owned());
        }
        Ok(workloads)
    }
}

/// The command that measures the same again: without the files, which have no say in it.
fn command(arguments: impl Iterator<Item = OsString>) -> String {
    let features = if cfg!(feature = "mimalloc") {
        " --features mimalloc"
    } else {
        ""
    };
    let mut command = format!("cargo run --release -p benches{features} --bin compare --");
    let mut arguments = arguments.map(|argument| argument.to_string_lossy().into_owned());
    while let Some(argument) = arguments.next() {
        let name = argument.split('=').next().unwrap_or_default();
        if ["--json", "--chart", "--svg", "--results", "--check"].contains(&name) {
            if !argument.contains('=') {
                arguments.next();
            }
        } else {
            command = format!("{command} {argument}");
        }
    }
    command.trim_end_matches(" --").to_owned()
}

/// Whether a file can be written where this one is to be; leaves things as they were.
fn writable(file: &Path) -> Result<(), String> {
    let existed = file.exists();
    let probe = fs::OpenOptions::new().create(true).append(true).open(file);
    probe
        .and_then(|_| {
            if existed {
                Ok(())
            } else {
                fs::remove_file(file)
            }
        })
        .map_err(|error| format!("cannot write {}: {error}", file.display()))
}

fn report(failures: &[Failure]) -> bool {
    for Failure {
        contestant,
        workload,
        round,
        why,
    } in failures
    {
        eprintln!("error: {workload} on {contestant} in round {round}: {why}");
    }
    !failures.is_empty()
}

fn check(now: &Measurements, base: &Measurements) -> Result<bool, String> {
    if now.machine.processor != base.machine.processor || now.machine.cores != base.machine.cores {
        eprintln!("warning: the base comes from another machine");
    }
    let changes = noise::check(now, base)?;
    print!("\n{}", noise::table(&changes));
    let count = |verdict| {
        changes
            .iter()
            .filter(|change| change.verdict == verdict)
            .count()
    };
    let unclear = count(Verdict::TooFewRounds);
    if unclear > 0 {
        eprintln!(
            "note: {unclear} rows need {QUOTABLE_ROUNDS} rounds in both records to be judged"
        );
    }
    let regressions = count(Verdict::Regression);
    if regressions > 0 {
        eprintln!(
            "error: {regressions} of {} rows have become slower",
            changes.len()
        );
    }
    Ok(regressions > 0)
}

#[cfg(test)]
mod tests {
    use super::{Cli, GROUPS, command, positive, svg_file};
    use crate::{
        contestant::Contestant,
        workload::{WORKLOADS, Workload},
    };
    use clap::{CommandFactory, Parser};

    fn refused(arguments: &[&str]) -> String {
        let arguments = [&["compare"], arguments].concat();
        Cli::try_parse_from(arguments).unwrap_err().to_string()
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn bad_input_is_refused_with_what_would_be_good() {
        assert!(refused(&["--only", "yeilds"]).contains("yields"));
        assert!(refused(&["--runtimes", "tokyo"]).contains("tokio"));
        assert!(refused(&["--rounds", "0"]).contains("whole number from 1"));
        assert!(refused(&["--workers", "-1"]).contains("whole number from 1"));
        assert!(refused(&["--chart", "ratios.png"]).contains(".svg"));
        assert!(refused(&["--from", "a.json", "--rounds", "3"]).contains("--rounds"));
    }

    #[test]
    fn lists_are_separated_by_commas() {
        let cli = Cli::try_parse_from(["compare", "--only", "yields,skynet"]).unwrap();
        let named = |workload: &&Workload| cli.only.iter().any(|only| only.names(workload));
        let named: Vec<_> = WORKLOADS.iter().filter(named).collect();
        let names: Vec<_> = named.iter().map(|workload| workload.name).collect();
        assert_eq!(names, ["skynet", "yields"]);
    }

    #[test]
    fn a_group_has_the_name_that_its_workloads_begin_with() {
        for (group, _) in GROUPS {
            let cli = Cli::try_parse_from(["compare", "--only", group]).unwrap();
            let begins = format!("{group}-");
            for workload in WORKLOADS {
                let named = cli.only[0].names(workload);
                assert_eq!(
                    named,
                    workload.name.starts_with(&begins),
                    "{}",
                    workload.name
                );
            }
        }
    }

    #[test]
    fn the_executor_with_its_sockets_takes_part_if_asked_for() {
        let columns = |arguments: &[&str]| {
            let cli = Cli::try_parse_from([&["compare"], arguments].concat()).unwrap();
            cli.contestants().contains(&Contestant::ExecutorNet)
        };
        assert!(!columns(&[]));
        assert!(columns(&["--runtimes=executor,executor-net"]));
    }

    #[test]
    fn numbers_and_files_are_checked() {
        assert_eq!(positive(9)("9"), Ok(9));
        assert!(positive(9)("10").is_err() && positive(9)("x").is_err());
        assert!(svg_file("a.SVG").is_ok() && svg_file("svg").is_err());
    }

    #[test]
    fn the_command_to_repeat_a_run_names_no_files() {
        let given = [
            "--only",
            "yields",
            "--json",
            "a.json",
            "--svg=b.svg",
            "--rounds",
            "15",
        ];
        let told = command(given.into_iter().map(Into::into));
        assert!(
            told.ends_with(" --bin compare -- --only yields --rounds 15"),
            "{told}"
        );
        assert!(command(std::iter::empty()).ends_with("--bin compare"));
    }
}
