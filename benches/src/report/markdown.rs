//! The tables in Markdown, and RESULTS.md.

use super::{channels, columns, rows};
use crate::{
    contestant::Contestant,
    measurements::{Measurements, Row},
    noise::{self, QUOTABLE_ROUNDS},
    stats,
    workload::Group,
};
use std::fmt::Write;

/// The tables alone, with how to read them.
pub fn tables(measurements: &Measurements) -> String {
    let mut text = String::new();
    for group in Group::ALL {
        if rows(measurements, group).next().is_some() {
            table(&mut text, measurements, group);
            text.push('\n');
        }
    }
    let of_crates = channels::table(measurements);
    if !of_crates.is_empty() {
        text.push_str(&of_crates);
        text.push('\n');
    }
    if let Some(sentence) = owned_and_default(measurements) {
        text.push_str(&sentence);
    }
    text.push_str("Median of the rounds (minimum; distance of the quartiles over the median).");
    if measurements.rows.iter().any(is_compared) {
        text.push_str(
            " The ratio is this project's median (owned executor) over the best peer's: below 1 \
             this project is ahead, also where higher is better.",
        );
    }
    text.push('\n');
    if measurements.rounds < QUOTABLE_ROUNDS || measurements.quick {
        let _ = writeln!(
            text,
            "\n**Not to be quoted**: that takes {QUOTABLE_ROUNDS} rounds of the full sizes."
        );
    }
    if !measurements.failures.is_empty() {
        text.push_str("\nNot measured:\n\n");
        for failure in &measurements.failures {
            let _ = writeln!(
                text,
                "- {} of {}, round {}: {}",
                failure.workload, failure.contestant, failure.round, failure.why
            );
        }
    }
    text
}

/// Whether a row has this project in it. Of channels none is this project's.
fn is_compared(row: &Row) -> bool {
    row.group() != Some(Group::Channels)
}

/// How the default executor does beside an owned one, if both were measured.
fn owned_and_default(measurements: &Measurements) -> Option<String> {
    let ratios: Vec<(&str, f64)> = measurements
        .rows
        .iter()
        .filter_map(|row| {
            let ratio = row.ratio(Contestant::OURS, Contestant::ExecutorDefault)?;
            Some((&row.name[..], ratio))
        })
        .collect();
    let most = ratios.iter().max_by(|x, y| x.1.total_cmp(&y.1))?;
    let least = ratios.iter().min_by(|x, y| x.1.total_cmp(&y.1))?;
    Some(format!(
        "The owned executor's median over the default one's: from {:.2} (`{}`) to {:.2} (`{}`).\n\n",
        least.1, least.0, most.1, most.0
    ))
}

fn table(text: &mut String, measurements: &Measurements, group: Group) {
    let columns = columns(measurements, group);
    text.push_str("| row | unit |");
    for column in &columns {
        let _ = write!(text, " {} |", column.title(group));
    }
    let compares = rows(measurements, group).any(is_compared);
    let (titles, rules) = match compares {
        true => (" ratio | best peer |", " ---: | --- |"),
        false => ("", ""),
    };
    let rule = " ---: |".repeat(columns.len());
    let _ = writeln!(text, "{titles}\n| --- | --- |{rule}{rules}");
    for row in rows(measurements, group) {
        let _ = write!(text, "| {} | {} |", row.name, row.unit);
        for column in &columns {
            let _ = write!(text, " {} |", cell(row, *column));
        }
        let _ = match best_peer(row, &columns) {
            Some((peer, ratio)) => writeln!(text, " **{ratio:.2}** | {peer} |"),
            None if compares => writeln!(text, " | |"),
            None => writeln!(text),
        };
    }
}

fn cell(row: &Row, column: Contestant) -> String {
    let values = row.of(column);
    if values.is_empty() {
        return "–".to_owned();
    }
    let (median, min) = (stats::median(&values), stats::min(&values));
    let spread = stats::spread(&values) * 100.0;
    format!("{} ({}; {spread:.0} %)", number(median), number(min))
}

/// The peer with the best median, and our ratio to it.
pub(super) fn best_peer(row: &Row, columns: &[Contestant]) -> Option<(Contestant, f64)> {
    columns
        .iter()
        .copied()
        .filter(|column| !column.is_ours())
        .filter_map(|peer| Some((peer, row.ratio(Contestant::OURS, peer)?)))
        .max_by(|x, y| x.1.total_cmp(&y.1))
}

/// A number with three digits that mean something.
fn number(x: f64) -> String {
    match x.abs() {
        size if size < 10.0 => format!("{x:.2}"),
        size if size < 100.0 => format!("{x:.1}"),
        _ => format!("{x:.0}"),
    }
}

/// The rows in which a peer is ahead, and why: the one part of RESULTS.md that people write. What
/// the file said of a row before is kept as long as the row is behind. Where the rounds show no
/// difference, that is said instead.
fn behind(measurements: &Measurements, before: &str) -> String {
    let reason = |name: &str| {
        let start = format!("- `{name}`, ");
        let line = before.lines().find(|line| line.starts_with(&start))?;
        Some(line.split_once(": ")?.1)
    };
    let mut text = String::from("\n## Where this executor is not the fastest\n\n");
    for group in Group::ALL {
        let columns = columns(measurements, group);
        for row in rows(measurements, group) {
            if let Some((peer, ratio)) = best_peer(row, &columns)
                && ratio > 1.0
            {
                let why = match noise::tie(row, Contestant::OURS, peer) {
                    Some(chance) => {
                        format!("level; the rounds show no difference (p = {chance:.2}).")
                    }
                    None => reason(&row.name).unwrap_or("not explained yet.").to_owned(),
                };
                let _ = writeln!(text, "- `{}`, {ratio:.2} times {peer}: {why}", row.name);
            }
        }
    }
    text
}

/// The whole of RESULTS.md; `before` is what it said until now.
pub fn results(measurements: &Measurements, before: &str) -> String {
    let Measurements {
        date,
        command,
        machine,
        workers,
        rounds,
        allocator,
        versions,
        ..
    } = measurements;
    let mut text = format!(
        "# Results\n\n\
         Written by `{command} --results FILE`; [README.md](README.md) says what the rows are and \
         what may be quoted.\n\n\
         | | |\n| --- | --- |\n\
         | date | {date} |\n\
         | processor | {}, {} hardware threads |\n\
         | system | {} |\n\
         | workers | {workers} |\n\
         | rounds | {rounds}, interleaved |\n\
         | allocator of the Rust runtimes | {allocator} |\n",
        machine.processor, machine.cores, machine.system
    );
    for (name, version) in versions {
        let _ = writeln!(text, "| {name} | {version} |");
    }
    text.push('\n');
    text.push_str(&tables(measurements));
    if measurements.rows.iter().any(is_compared) {
        text.push_str(&behind(measurements, before));
    }
    text.push_str("\n## Rows\n\n| row | what |\n| --- | --- |\n");
    for row in &measurements.rows {
        if let Some((_, figure)) = row.known() {
            let _ = writeln!(text, "| {} | {} |", row.name, figure.about);
        }
    }
    text.push_str(
        "\nSleeping rows (`ticker-*`, `*sleep*`, `timeout`): smol's executors and futures' pool with \
         async-io's `Timer`, all others with their own timers. `outside` and `wake-parked-*` in Go: from a goroutine \
         locked to its thread, for Go knows no outside threads. `rss-pending` and `rss-sleeping` are \
         measured in a fresh process each round, `speed-up` in two. `net-*`: beside a process that loads \
         the server, on the same cores.\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::{number, results, tables};
    use crate::noise::tests::record;

    #[test]
    fn numbers_have_three_digits() {
        assert_eq!(
            [0.123, 9.994, 12.34, 99.94, 1234.5].map(number),
            ["0.12", "9.99", "12.3", "99.9", "1234"]
        );
    }

    #[test]
    fn a_row_shows_median_minimum_spread_and_the_ratio_to_the_best_peer() {
        let record = record(&[("yields", &[10.0; 15], &[20.0; 15])]);
        let text = tables(&record);
        assert!(
            text.contains(
                "| yields | ns | 10.0 (10.0; 0 %) | 20.0 (20.0; 0 %) | **0.50** | tokio |"
            ),
            "{text}"
        );
        assert!(!text.contains("Not to be quoted"), "{text}");
    }

    #[test]
    fn a_ratio_below_one_is_good_also_where_higher_is_better() {
        let record = record(&[("speed-up", &[2.0; 15], &[1.0; 15])]);
        assert!(tables(&record).contains("**0.50**"));
    }

    #[test]
    fn few_rounds_are_not_to_be_quoted() {
        let mut record = record(&[("yields", &[10.0; 3], &[20.0; 3])]);
        record.rounds = 3;
        assert!(tables(&record).contains("Not to be quoted"));
    }

    #[test]
    fn reasons_are_kept_for_rows_that_are_still_behind() {
        let rows: [(&str, &[f64], &[f64]); 3] = [
            ("yields", &[30.0; 15], &[20.0; 15]),
            ("pairs", &[10.0; 15], &[20.0; 15]),
            ("skynet", &[30.0; 15], &[20.0; 15]),
        ];
        let before =
            "- `yields`, 9.00 times go: a lock: the big one.\n- `pairs`, 2.00 times go: x.\n";
        let text = results(&record(&rows), before);
        assert!(text.contains("- `yields`, 1.50 times tokio: a lock: the big one.\n"));
        assert!(text.contains("- `skynet`, 1.50 times tokio: not explained yet.\n"));
        assert!(!text.contains("- `pairs`"));
    }

    #[test]
    fn a_row_in_which_the_rounds_show_no_difference_is_level() {
        let (ours, theirs) = ([10.0, 12.0, 14.0, 16.0], [9.0, 11.0, 13.0, 17.0]);
        let text = results(&record(&[("yields", &ours, &theirs)]), "");
        assert!(
            text.contains("times tokio: level; the rounds show no"),
            "{text}"
        );
        let text = results(&record(&[("speed-up", &theirs, &ours)]), "");
        assert!(
            text.contains("times tokio: level; the rounds show no"),
            "{text}"
        );
    }

    #[test]
    fn results_name_the_machine_the_command_and_the_versions() {
        let text = results(&record(&[("yields", &[10.0; 15], &[20.0; 15])]), "");
        for part in ["a processor", "cargo run", "tokio | 1.0.0", "2026-01-01"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }
}
