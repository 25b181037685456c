//! What is shown of a comparison.

mod channels;
pub mod chart;
pub mod markdown;

use crate::{
    contestant::Contestant,
    measurements::{Measurements, Row},
    workload::Group,
};
use clap::ValueEnum;

/// The contestants that a group's rows have figures of, in the order of the columns.
fn columns(measurements: &Measurements, group: Group) -> Vec<Contestant> {
    Contestant::value_variants()
        .iter()
        .copied()
        .filter(|contestant| contestant.is_in(group))
        .filter(|contestant| rows(measurements, group).any(|row| !row.of(*contestant).is_empty()))
        .collect()
}

fn rows(measurements: &Measurements, group: Group) -> impl Iterator<Item = &Row> {
    let rows = measurements.rows.iter();
    rows.filter(move |row| row.group() == Some(group))
}
