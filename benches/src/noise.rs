//! The noise rule: which figures may be quoted, and when a change is one. README.md says it in
//! words; the two must agree.

use crate::{
    contestant::Contestant,
    measurements::{Measurements, Row},
    stats,
    workload::Better,
};
use clap::ValueEnum;
use std::fmt;

/// How many rounds a figure needs before it is quoted.
pub const QUOTABLE_ROUNDS: usize = 15;

/// The probability with which a comparison of equals may report any regression.
const ALPHA: f64 = 0.01;

/// A change smaller than this is not reported, however sure it is: the layout of a binary alone
/// moves figures that much.
const SMALLEST_CHANGE: f64 = 0.03;

/// With too few rounds for the test, only a change at least this large is reported, and only if
/// every round of one record is beyond every round of the other.
const GROSS_CHANGE: f64 = 0.5;

/// Whose figures are compared with the base's of this executor: its own, and its own with sockets
/// that nobody uses.
const JUDGED: [Contestant; 2] = [Contestant::OURS, Contestant::ExecutorNet];

/// The probability that chance alone makes one contestant look behind another in a row, if it is
/// above what counts as proof.
pub fn tie(row: &Row, contestant: Contestant, other: Contestant) -> Option<f64> {
    let (ours, theirs) = (row.of(contestant), row.of(other));
    let by_chance = match row.known()?.1.better {
        Better::Lower => stats::larger_by_chance(&ours, &theirs),
        Better::Higher => stats::larger_by_chance(&theirs, &ours),
    };
    (by_chance > ALPHA).then_some(by_chance)
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Slower, and not by chance.
    Regression,
    /// Faster, and not by chance.
    Improvement,
    /// Nothing that noise does not explain.
    Noise,
    /// Too few rounds to tell.
    TooFewRounds,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Verdict::Regression => "REGRESSION",
            Verdict::Improvement => "improvement",
            Verdict::Noise => "no change shown",
            Verdict::TooFewRounds => "too few rounds to tell",
        })
    }
}

/// A row of two records.
#[derive(Clone, Debug)]
pub struct Change {
    /// The row.
    pub row: String,
    /// The median score now over the base's: above 1 it is slower.
    pub factor: f64,
    /// The probability that chance alone makes it that much worse.
    pub worse_by_chance: f64,
    /// The probability that chance alone makes it that much better.
    pub better_by_chance: f64,
    /// The smallest probability that so many rounds can show.
    pub smallest: f64,
    /// Whether the scores are relative to peers, or plain figures for want of one.
    pub relative: bool,
    /// What became of it.
    pub verdict: Verdict,
}

/// What became of each row that both records have.
///
/// # Errors
///
/// If the records cannot be compared.
pub fn check(now: &Measurements, base: &Measurements) -> Result<Vec<Change>, String> {
    comparable(now, base)?;
    let peers: Vec<Contestant> = Contestant::value_variants()
        .iter()
        .copied()
        .filter(|peer| !peer.is_ours())
        .filter(|peer| {
            let version = |record: &Measurements| record.versions.get(peer.package()).cloned();
            version(now) == version(base)
        })
        .collect();
    let mut changes: Vec<Change> = now
        .rows
        .iter()
        .filter_map(|row| {
            let before = base.rows.iter().find(|before| before.name == row.name)?;
            Some(JUDGED.map(|ours| Change::between(row, before, &peers, ours)))
        })
        .flatten()
        .flatten()
        .collect();
    if changes.is_empty() {
        return Err("the two records have no row of this executor in common".to_owned());
    }
    let collect = |of: fn(&Change) -> f64| changes.iter().map(of).collect::<Vec<_>>();
    let worse = stats::holm(&collect(|change| change.worse_by_chance), ALPHA);
    let better = stats::holm(&collect(|change| change.better_by_chance), ALPHA);
    let rows = changes.len();
    for ((change, worse), better) in changes.iter_mut().zip(worse).zip(better) {
        change.verdict = change.judge(worse, better, rows);
    }
    Ok(changes)
}

/// Whether two records measure the same.
fn comparable(now: &Measurements, base: &Measurements) -> Result<(), String> {
    let differ = |what: &str, now: &dyn fmt::Display, base: &dyn fmt::Display| {
        Err(format!(
            "the base is not comparable: its {what} is {base}, here it is {now}"
        ))
    };
    if now.workers != base.workers {
        return differ("number of workers", &now.workers, &base.workers);
    }
    if now.allocator != base.allocator {
        return differ("allocator", &now.allocator, &base.allocator);
    }
    for row in &now.rows {
        let before = base.rows.iter().find(|before| before.name == row.name);
        if let Some(before) = before
            && before.size != row.size
        {
            return differ(&format!("size of '{}'", row.name), &row.size, &before.size);
        }
    }
    Ok(())
}

impl Change {
    /// `None` if this executor is not in the base, or what is judged not in the record.
    fn between(now: &Row, base: &Row, peers: &[Contestant], ours: Contestant) -> Option<Change> {
        let measured = |row: &Row, peer: Contestant| !row.of(peer).is_empty();
        let peers: Vec<Contestant> = peers
            .iter()
            .copied()
            .filter(|peer| measured(now, *peer) && measured(base, *peer))
            .collect();
        let row = match ours {
            Contestant::OURS => now.name.clone(),
            _ => format!("{}, {ours}", now.name),
        };
        let (now, base) = (
            scores(now, &peers, ours),
            scores(base, &peers, Contestant::OURS),
        );
        if now.is_empty() || base.is_empty() {
            return None;
        }
        Some(Change {
            row,
            factor: stats::median(&now) / stats::median(&base),
            worse_by_chance: stats::larger_by_chance(&now, &base),
            better_by_chance: stats::larger_by_chance(&base, &now),
            smallest: stats::smallest_probability(now.len(), base.len()),
            relative: !peers.is_empty(),
            verdict: Verdict::Noise,
        })
    }

    /// `worse` and `better`: whether the test, corrected for the number of rows, says so.
    fn judge(&self, worse: bool, better: bool, rows: usize) -> Verdict {
        let slower_by = |change: f64| self.factor >= 1.0 + change;
        let faster_by = |change: f64| self.factor <= 1.0 / (1.0 + change);
        if worse && slower_by(SMALLEST_CHANGE) {
            return Verdict::Regression;
        }
        if better && faster_by(SMALLEST_CHANGE) {
            return Verdict::Improvement;
        }
        if self.smallest <= ALPHA / rows as f64 {
            return Verdict::Noise;
        }
        // So few rounds that the test cannot show anything: only what is gross is shown.
        let is_smallest = |probability: f64| probability <= self.smallest * (1.0 + 1e-9);
        if is_smallest(self.worse_by_chance) && slower_by(GROSS_CHANGE) {
            Verdict::Regression
        } else if is_smallest(self.better_by_chance) && faster_by(GROSS_CHANGE) {
            Verdict::Improvement
        } else {
            Verdict::TooFewRounds
        }
    }
}

/// What is compared, for each round in which nobody failed: this executor's figure over the
/// geometric mean of the peers' in that round, so that what slows the whole machine cancels out.
/// Higher is worse.
fn scores(row: &Row, peers: &[Contestant], ours: Contestant) -> Vec<f64> {
    // An idle process may use no CPU time at all.
    const LEAST: f64 = 1e-9;
    let better = row.known().map(|(_, figure)| figure.better);
    let peers: Vec<Vec<Option<f64>>> = peers
        .iter()
        .map(|peer| row.rounds_of(*peer).collect())
        .collect();
    row.rounds_of(ours)
        .enumerate()
        .filter_map(|(round, ours)| {
            let ours = ours?.max(LEAST);
            let peers = peers
                .iter()
                .map(|peer| Some(peer.get(round).copied().flatten()?.max(LEAST)))
                .collect::<Option<Vec<f64>>>()?;
            let score = match peers[..] {
                [] => ours,
                _ => ours / stats::geometric_mean(&peers),
            };
            Some(match better {
                Some(Better::Higher) => 1.0 / score,
                _ => score,
            })
        })
        .collect()
}

/// The changes as a table in Markdown.
pub fn table(changes: &[Change]) -> String {
    let mut text = String::from(
        "| row | now over base | worse by chance | verdict |\n| --- | ---: | ---: | --- |\n",
    );
    for change in changes {
        let absolute = if change.relative {
            ""
        } else {
            " (without peers)"
        };
        text.push_str(&format!(
            "| {} | {:.3}{absolute} | {:.1e} | {} |\n",
            change.row, change.factor, change.worse_by_chance, change.verdict
        ));
    }
    text
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Verdict, check};
    use crate::measurements::{Machine, Measurements, Row};
    use std::collections::BTreeMap;

    /// A record of this executor's and tokio's rounds.
    pub(crate) fn record(rows: &[(&str, &[f64], &[f64])]) -> Measurements {
        let some = |values: &[f64]| values.iter().copied().map(Some).collect::<Vec<_>>();
        let mut rows: Vec<Row> = rows
            .iter()
            .map(|(name, ours, tokio)| Row {
                name: (*name).to_owned(),
                unit: String::new(),
                size: 1,
                values: BTreeMap::from([
                    ("executor".to_owned(), some(ours)),
                    ("tokio".to_owned(), some(tokio)),
                ]),
            })
            .collect();
        for row in &mut rows {
            row.unit = row.known().unwrap().1.unit.to_owned();
        }
        Measurements {
            format: Measurements::FORMAT,
            date: "2026-01-01T00:00:00Z".to_owned(),
            command: "cargo run".to_owned(),
            machine: Machine {
                processor: "a processor".to_owned(),
                cores: 2,
                system: "a system".to_owned(),
            },
            workers: 2,
            rounds: 15,
            quick: false,
            allocator: "system".to_owned(),
            versions: BTreeMap::from([("tokio".to_owned(), "1.0.0".to_owned())]),
            rows,
            failures: Vec::new(),
        }
    }

    /// Numbers around `middle` that look like noise of a few percent.
    fn around(middle: f64, seed: u64, rounds: usize) -> Vec<f64> {
        let mut state = seed;
        let mut noise = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / (1 << 24) as f64
        };
        (0..rounds)
            .map(|_| middle * (0.96 + 0.02 * (noise() + noise() + noise() + noise())))
            .collect()
    }

    fn verdict(now: &[f64], base: &[f64], tokio_now: &[f64], tokio_base: &[f64]) -> Verdict {
        let now = record(&[("yields", now, tokio_now)]);
        let base = record(&[("yields", base, tokio_base)]);
        check(&now, &base).unwrap()[0].verdict
    }

    #[test]
    fn a_record_is_no_regression_against_itself() {
        let rounds = around(20.0, 1, 15);
        assert_eq!(verdict(&rounds, &rounds, &rounds, &rounds), Verdict::Noise);
    }

    #[test]
    fn noise_is_told_from_regressions_and_improvements() {
        let at = |middle, seed| around(middle, seed, 15);
        let against =
            |middle: f64| verdict(&at(middle, 1), &at(20.0, 2), &at(30.0, 3), &at(30.0, 4));
        assert_eq!(against(20.0), Verdict::Noise);
        assert_eq!(against(20.2), Verdict::Noise);
        assert_eq!(against(23.0), Verdict::Regression);
        assert_eq!(against(17.0), Verdict::Improvement);
    }

    #[test]
    fn a_machine_that_is_slower_as_a_whole_is_no_regression() {
        let at = |middle, seed| around(middle, seed, 15);
        assert_eq!(
            verdict(&at(40.0, 1), &at(20.0, 2), &at(60.0, 3), &at(30.0, 4)),
            Verdict::Noise
        );
    }

    #[test]
    fn a_small_change_is_none_however_sure() {
        let (now, base) = ([10.2; 15], [10.0; 15]);
        assert_eq!(
            verdict(&now, &base, &[30.0; 15], &[30.0; 15]),
            Verdict::Noise
        );
    }

    #[test]
    fn with_few_rounds_only_what_is_gross_is_shown() {
        let at = |middle, seed| around(middle, seed, 3);
        let against =
            |middle: f64| verdict(&at(middle, 1), &at(20.0, 2), &at(30.0, 3), &at(30.0, 4));
        assert_eq!(against(20.0), Verdict::TooFewRounds);
        assert_eq!(against(24.0), Verdict::TooFewRounds);
        assert_eq!(against(60.0), Verdict::Regression);
    }

    #[test]
    fn of_many_rows_only_those_that_changed_are_reported() {
        let rows = [
            "spawn-join",
            "detached",
            "outside",
            "yields",
            "pairs",
            "fan-in",
        ];
        let make = |seed: u64, slow: f64| {
            let rounds: Vec<_> = (0..)
                .zip(rows)
                .map(|(i, name)| {
                    let middle = if name == "outside" { slow } else { 20.0 };
                    (
                        name,
                        around(middle, seed + i, 15),
                        around(30.0, seed + 50 + i, 15),
                    )
                })
                .collect();
            let rounds: Vec<_> = rounds
                .iter()
                .map(|(n, x, y)| (*n, &x[..], &y[..]))
                .collect();
            record(&rounds)
        };
        for change in check(&make(7, 26.0), &make(99, 20.0)).unwrap() {
            let expected = match &change.row[..] {
                "outside" => Verdict::Regression,
                _ => Verdict::Noise,
            };
            assert_eq!(change.verdict, expected, "{change:?}");
        }
    }

    #[test]
    fn a_peer_of_another_version_is_left_out() {
        let now = record(&[("yields", &[20.0; 15], &[10.0; 15])]);
        let mut base = record(&[("yields", &[20.0; 15], &[30.0; 15])]);
        base.versions.insert("tokio".to_owned(), "0.9.0".to_owned());
        let change = &check(&now, &base).unwrap()[0];
        assert_eq!((change.verdict, change.relative), (Verdict::Noise, false));
    }

    #[test]
    fn with_sockets_that_nobody_uses_it_is_judged_by_itself_without_any() {
        let base = record(&[("yields", &around(20.0, 1, 15), &around(30.0, 2, 15))]);
        let mut now = base.clone();
        let with_sockets = around(23.0, 3, 15).into_iter().map(Some).collect();
        let values = &mut now.rows[0].values;
        values.insert("executor-net".to_owned(), with_sockets);
        let changes = check(&now, &base).unwrap();
        let judged = changes
            .iter()
            .map(|change| (&change.row[..], change.verdict));
        assert_eq!(
            judged.collect::<Vec<_>>(),
            [
                ("yields", Verdict::Noise),
                ("yields, executor-net", Verdict::Regression)
            ]
        );
    }

    #[test]
    fn records_that_measure_something_else_are_refused() {
        let now = record(&[("yields", &[1.0; 15], &[1.0; 15])]);
        let refused = |change: fn(&mut Measurements)| {
            let mut base = now.clone();
            change(&mut base);
            check(&now, &base).unwrap_err()
        };
        assert!(refused(|base| base.workers = 4).contains("number of workers is 4"));
        assert!(refused(|base| base.allocator = "mimalloc".to_owned()).contains("allocator"));
        assert!(refused(|base| base.rows[0].size = 7).contains("size of 'yields' is 7"));
        assert!(refused(|base| base.rows.clear()).contains("no row"));
    }
}
