//! What a comparison found, as it is kept in JSON.

use crate::{
    contestant::Contestant,
    stats,
    workload::{Better, Figure, Group, WORKLOADS, Workload},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fs, path::Path};

/// The form of the JSON.
const FORMAT: u32 = 1;

/// A whole comparison.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measurements {
    /// The form of this record.
    pub format: u32,
    /// When it was made, in UTC.
    pub date: String,
    /// The command, without the names of files.
    pub command: String,
    /// What it was made on.
    pub machine: Machine,
    /// How many workers each runtime had.
    pub workers: usize,
    /// How many rounds were run.
    pub rounds: usize,
    /// Whether the sizes were the small ones.
    pub quick: bool,
    /// What the Rust runtimes allocated with.
    pub allocator: String,
    /// The versions of what was measured.
    pub versions: BTreeMap<String, String>,
    /// The figures.
    pub rows: Vec<Row>,
    /// What could not be measured.
    pub failures: Vec<Failure>,
}

/// What a comparison was made on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// The name of the processor.
    pub processor: String,
    /// How many threads it runs at once.
    pub cores: usize,
    /// The operating system.
    pub system: String,
}

/// A figure, of all contestants.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// How large the workload was.
    pub size: usize,
    /// For each contestant one value of each round; `None` where a round failed.
    pub values: BTreeMap<String, Vec<Option<f64>>>,
}

/// Something that could not be measured.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Failure {
    /// Whose.
    pub contestant: String,
    /// Which workload.
    pub workload: String,
    /// In which round, the first being 1.
    pub round: usize,
    /// Why.
    pub why: String,
}

impl Measurements {
    /// The form of records made by this version.
    pub const FORMAT: u32 = FORMAT;

    /// Reads a record.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or is not such a record.
    pub fn read(path: &Path) -> Result<Measurements, String> {
        let text = fs::read_to_string(path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let not_ours = |why: String| {
            format!(
                "{} is not a record that `compare --json` has written: {why}",
                path.display()
            )
        };
        let record: Measurements =
            serde_json::from_str(&text).map_err(|error| not_ours(error.to_string()))?;
        if record.format != FORMAT {
            return Err(not_ours(format!("its format is {}", record.format)));
        }
        for row in &record.rows {
            if row.known().is_none() {
                return Err(not_ours(format!("there is no row '{}'", row.name)));
            }
            let mut values = row.values.values().flatten().flatten();
            if !values.all(|value| value.is_finite() && *value >= 0.0) {
                return Err(not_ours(format!("row '{}' has a negative value", row.name)));
            }
        }
        Ok(record)
    }

    /// Writes the record.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), String> {
        let text = serde_json::to_string_pretty(self).expect("a record can be written");
        fs::write(path, text + "\n")
            .map_err(|error| format!("cannot write {}: {error}", path.display()))
    }
}

impl Row {
    /// The workload and the figure that this row shows.
    pub fn known(&self) -> Option<(&'static Workload, &'static Figure)> {
        WORKLOADS.iter().find_map(|workload| {
            let mut figures = workload.figures.iter();
            let figure = figures.find(|figure| figure.row == self.name)?;
            Some((workload, figure))
        })
    }

    /// Its group.
    pub fn group(&self) -> Option<Group> {
        self.known().map(|(workload, _)| workload.group)
    }

    /// The rounds of a contestant that did not fail.
    pub fn of(&self, contestant: Contestant) -> Vec<f64> {
        self.rounds_of(contestant).flatten().collect()
    }

    /// The rounds of a contestant.
    pub fn rounds_of(&self, contestant: Contestant) -> impl Iterator<Item = Option<f64>> {
        let values = self.values.get(contestant.name());
        values.into_iter().flatten().copied()
    }

    /// The median of a contestant, if it was measured.
    pub fn median(&self, contestant: Contestant) -> Option<f64> {
        let values = self.of(contestant);
        (!values.is_empty()).then(|| stats::median(&values))
    }

    /// How many times as much a contestant needs as another, by their medians: below 1 the first is
    /// ahead, also where higher is better.
    pub fn ratio(&self, contestant: Contestant, other: Contestant) -> Option<f64> {
        let (x, y) = (self.median(contestant)?, self.median(other)?);
        let (above, below) = match self.known()?.1.better {
            Better::Lower => (x, y),
            Better::Higher => (y, x),
        };
        (below > 0.0).then(|| above / below)
    }
}
