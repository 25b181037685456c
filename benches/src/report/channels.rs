//! The crates with channels, a row for each: how fast they are, and whether they are safe.

use super::{columns, rows};
use crate::{
    contestant::Contestant,
    measurements::{Measurements, Row},
    workload::Group,
};
use std::fmt::Write;

/// With what crates are compared where Go has no such channel.
const COMMON: Contestant = Contestant::AsyncChannel;

/// What is to know about each crate; empty if no channel was measured.
pub(super) fn table(measurements: &Measurements) -> String {
    let group = Group::Channels;
    let columns = columns(measurements, group);
    let rows: Vec<&Row> = rows(measurements, group).collect();
    if rows.is_empty() {
        return String::new();
    }
    let mut text = String::from("| channels of |");
    for row in &rows {
        let name = row.name.trim_start_matches("channel-");
        let _ = write!(text, " {name} |");
    }
    text.push_str(" a receive that is cancelled |\n| --- |");
    text.push_str(&" ---: |".repeat(rows.len()));
    text.push_str(" --- |\n");
    for who in columns {
        let _ = write!(text, "| {} |", who.title(group));
        for row in &rows {
            let ratio = row.ratio(who, yardstick(row));
            let _ = match ratio {
                Some(ratio) => write!(text, " {ratio:.2} |"),
                None => write!(text, " – |"),
            };
        }
        let _ = writeln!(text, " {} |", when_cancelled(who));
    }
    let _ = writeln!(
        text,
        "\nMedians over Go's; where Go has no such channel, over {}'s. Below 1 is faster. What a \
         cancelled receive does is not measured but tested.",
        COMMON.title(group)
    );
    text
}

/// Whose median is 1.
fn yardstick(row: &Row) -> Contestant {
    match row.median(Contestant::Go) {
        Some(_) => Contestant::Go,
        None => COMMON,
    }
}

fn when_cancelled(who: Contestant) -> &'static str {
    match who {
        // Of a `select` one case happens, and nothing of the others.
        Contestant::Go => "is none: `select`",
        _ if who.keeps_messages() => "loses nothing",
        _ => "**may lose a message**",
    }
}

#[cfg(test)]
mod tests {
    use super::table;
    use crate::noise::tests::record;
    use std::collections::BTreeMap;

    #[test]
    fn each_crate_is_compared_with_go_or_else_with_the_common_one() {
        let mut record = record(&[
            ("channel-pair", &[], &[]),
            ("channel-pair-unbounded", &[], &[]),
        ]);
        let values = |figures: &[(&str, f64)]| {
            let all = figures.iter().map(|(who, figure)| {
                let rounds = vec![Some(*figure); 15];
                ((*who).to_owned(), rounds)
            });
            all.collect::<BTreeMap<_, _>>()
        };
        record.rows[0].values = values(&[("kanal", 10.0), ("async-channel", 60.0), ("go", 40.0)]);
        record.rows[1].values = values(&[("kanal", 15.0), ("async-channel", 60.0)]);
        let text = table(&record);
        for line in [
            "| async-channel | 1.50 | 1.00 | loses nothing |\n",
            "| kanal | 0.25 | 0.25 | **may lose a message** |\n",
            "| Go | 1.00 | – | is none: `select` |\n",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }

    #[test]
    fn a_record_without_channels_says_nothing_of_them() {
        assert_eq!(table(&record(&[("yields", &[1.0; 15], &[1.0; 15])])), "");
    }
}
