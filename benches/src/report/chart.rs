//! The chart of the ratios, as SVG.

use super::{columns, rows};
use crate::{contestant::Contestant, measurements::Measurements, workload::Group};
use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};
use std::{fs, path::Path};

const WIDTH: u32 = 960;
const ROW: i32 = 24;
const TOP: i32 = 84;
const BOTTOM: i32 = 44;
const LEFT: i32 = 170;
const RIGHT: i32 = 30;
const DOT: i32 = 5;

const BACKGROUND: RGBColor = RGBColor(255, 255, 255);
const INK: RGBColor = RGBColor(30, 30, 30);
const LINES: RGBColor = RGBColor(215, 215, 215);
const STRIPE: RGBColor = RGBColor(246, 246, 246);

/// Where a peer is as fast as this project.
const EVEN: f64 = 1.0;

fn colour(contestant: Contestant) -> RGBColor {
    // The colours of Okabe and Ito, which nearly everybody can tell apart.
    match contestant {
        Contestant::Tokio => RGBColor(213, 94, 0),
        Contestant::AsyncExecutor => RGBColor(86, 180, 233),
        Contestant::StaticExecutor => RGBColor(0, 114, 178),
        Contestant::Futures => RGBColor(230, 159, 0),
        Contestant::Go => RGBColor(0, 158, 115),
        Contestant::WaitgroupCrate => RGBColor(204, 121, 167),
        Contestant::Awaitgroup => RGBColor(120, 94, 60),
        _ => INK,
    }
}

/// A row of the chart: each peer's figure over this project's.
struct Line {
    name: String,
    dots: Vec<(Contestant, f64)>,
}

/// Writes the chart: a line for each row, a dot for each peer, as far to the right as this
/// project is ahead of it.
///
/// # Errors
///
/// If there is nothing to show, or the file cannot be written.
pub fn write(measurements: &Measurements, path: &Path) -> Result<(), String> {
    let text = svg(measurements)?;
    fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// The chart as text.
///
/// # Errors
///
/// If there is nothing to show.
pub fn svg(measurements: &Measurements) -> Result<String, String> {
    let mut peers = Vec::new();
    let mut lines = Vec::new();
    // Of channels none is this project's.
    for group in [Group::Runtimes, Group::Sockets, Group::WaitGroups] {
        let columns = columns(measurements, group);
        for row in rows(measurements, group) {
            let ratio = |peer: Contestant| {
                let ratio = row.ratio(peer, Contestant::OURS)?;
                (!peer.is_ours() && ratio > 0.0).then_some((peer, ratio))
            };
            let dots: Vec<_> = columns.iter().copied().filter_map(ratio).collect();
            if !dots.is_empty() {
                let name = row.name.clone();
                lines.push(Line { name, dots });
            }
        }
        for column in columns.into_iter().filter(|column| !column.is_ours()) {
            if !peers.contains(&column) {
                peers.push(column);
            }
        }
    }
    if lines.is_empty() {
        return Err("a chart needs this executor and a peer in the same row".to_owned());
    }
    let height = TOP + ROW * lines.len() as i32 + BOTTOM;
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (WIDTH, height as u32)).into_drawing_area();
        draw(&area, measurements, &lines, &peers)
            .and_then(|()| area.present().map_err(|error| error.to_string()))
            .map_err(|error| format!("the chart cannot be drawn: {error}"))?;
    }
    Ok(text)
}

/// The mark at a power of two.
fn mark(power: i32) -> String {
    let size = f64::from(power.abs()).exp2();
    if power < 0 {
        format!("1/{size}×")
    } else {
        format!("{size}×")
    }
}

fn draw(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    measurements: &Measurements,
    lines: &[Line],
    peers: &[Contestant],
) -> Result<(), String> {
    let ratios = || lines.iter().flat_map(|line| &line.dots).map(|dot| dot.1);
    let least = ratios().fold(EVEN / 2.0, f64::min).log2().floor() as i32;
    let most = ratios().fold(EVEN * 4.0, f64::max).log2().ceil() as i32;
    let x_of = |ratio: f64| {
        let part = (ratio.log2() - f64::from(least)) / f64::from(most - least);
        LEFT + (part * f64::from(WIDTH as i32 - LEFT - RIGHT)) as i32
    };
    let bottom = TOP + ROW * lines.len() as i32;
    let text = |words: &str, size: i32, at: (i32, i32), colour: RGBColor, h: HPos| {
        let style = ("sans-serif", size).into_font().color(&colour);
        area.draw(&Text::new(
            words.to_owned(),
            at,
            style.pos(Pos::new(h, VPos::Center)),
        ))
        .map_err(|error| error.to_string())
    };
    let line = |points: [(i32, i32); 2], style: ShapeStyle| {
        area.draw(&PathElement::new(points, style))
            .map_err(|error| error.to_string())
    };

    area.fill(&BACKGROUND).map_err(|error| error.to_string())?;
    let title = format!(
        "Figures of the peers over this executor's, {} workers, {} allocator: right of 1× this \
         executor is ahead",
        measurements.workers, measurements.allocator
    );
    text(&title, 16, (20, 22), INK, HPos::Left)?;
    let mut x = 24;
    for peer in peers {
        area.draw(&Circle::new((x, 50), DOT, colour(*peer).filled()))
            .map_err(|error| error.to_string())?;
        text(peer.name(), 14, (x + 12, 51), INK, HPos::Left)?;
        // The width of a letter in a sans-serif of this size, more or less.
        x += 12 + 8 * peer.name().len() as i32 + 18;
    }
    for (i, _) in lines.iter().enumerate().filter(|(i, _)| i % 2 == 1) {
        let y = TOP + ROW * i as i32;
        area.draw(&Rectangle::new(
            [(0, y), (WIDTH as i32, y + ROW)],
            STRIPE.filled(),
        ))
        .map_err(|error| error.to_string())?;
    }
    // At most ten marks, however far it goes.
    let step = ((most - least) / 10 + 1) as usize;
    for power in (least..=most).filter(|power| power.rem_euclid(step as i32) == 0) {
        let ratio = f64::from(power).exp2();
        let x = x_of(ratio);
        let style = if power == 0 {
            INK.stroke_width(2)
        } else {
            LINES.stroke_width(1)
        };
        line([(x, TOP), (x, bottom)], style)?;
        text(&mark(power), 13, (x, bottom + 18), INK, HPos::Center)?;
    }
    for (i, row) in lines.iter().enumerate() {
        let y = TOP + ROW * i as i32 + ROW / 2;
        text(&row.name, 14, (LEFT - 14, y), INK, HPos::Right)?;
        for (peer, ratio) in &row.dots {
            area.draw(&Circle::new((x_of(*ratio), y), DOT, colour(*peer).filled()))
                .map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::svg;
    use crate::noise::tests::record;

    #[test]
    fn a_chart_has_a_line_for_each_row_and_names_the_peers() {
        let chart = svg(&record(&[
            ("yields", &[10.0; 3], &[20.0; 3]),
            ("skynet", &[10.0; 3], &[1e6; 3]),
        ]))
        .unwrap();
        assert!(chart.starts_with("<svg") && chart.trim_end().ends_with("</svg>"));
        for word in ["yields", "skynet", "tokio", "1×"] {
            assert!(chart.contains(word), "{word}");
        }
        // One for the legend, one for each row.
        assert_eq!(chart.matches("<circle").count(), 3);
    }

    #[test]
    fn without_a_peer_there_is_no_chart() {
        let mut record = record(&[("yields", &[10.0; 3], &[20.0; 3])]);
        record.rows[0].values.remove("tokio");
        assert!(svg(&record).unwrap_err().contains("peer"));
    }
}
