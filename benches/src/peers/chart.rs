//! Measurements as a drawing: a panel for each workload and number of processes, with a line for each who was measured.

use std::ops::Range;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use super::Result;
use super::job::Who;
use super::measure::{Cell, Measurement};

const COLUMNS: usize = 3;
const PANEL: (u32, u32) = (360, 260);
const LEGEND: u32 = 50;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws into an SVG file.
pub(crate) fn draw(file: &Path, measurements: &[Measurement]) -> Result<()> {
    let mut panels: Vec<Vec<&Measurement>> = Vec::new();
    for measurement in measurements {
        let of = |cell: Cell| (cell.processes, cell.workload);
        match panels.iter_mut().find(|panel| of(panel[0].cell) == of(measurement.cell)) {
            Some(panel) => panel.push(measurement),
            None => panels.push(vec![measurement]),
        }
    }
    panels.sort_by_key(|panel| panel[0].cell.processes);
    let rows = panels.len().div_ceil(COLUMNS);
    let size = (PANEL.0 * COLUMNS as u32, PANEL.1 * rows as u32 + LEGEND);
    let all = SVGBackend::new(file, size).into_drawing_area();
    all.fill(&WHITE)?;
    let (above, below) = all.split_vertically(LEGEND);
    let mut present: Vec<Who> = Vec::new();
    for measurement in measurements {
        if !present.contains(&measurement.who) {
            present.push(measurement.who);
        }
    }
    legend(&above, &present)?;
    for (panel, area) in panels.iter().zip(below.split_evenly((rows, COLUMNS))) {
        draw_panel(&area, panel, &present)?;
    }
    Ok(all.present()?)
}

fn legend(area: &Area<'_>, present: &[Who]) -> Result<()> {
    area.draw(&Text::new("transactions per second, by transactions in flight", (20, 8), ("sans-serif", 15)))?;
    for (x, who) in (20..).step_by(180).zip(present) {
        area.draw(&PathElement::new([(x, 37), (x + 24, 37)], style(*who)))?;
        area.draw(&Text::new(who.title(), (x + 30, 30), ("sans-serif", 14)))?;
    }
    Ok(())
}

fn draw_panel(area: &Area<'_>, panel: &[&Measurement], present: &[Who]) -> Result<()> {
    let mut in_flight: Vec<f64> = panel.iter().map(|measured| f64::from(measured.cell.in_flight)).collect();
    in_flight.dedup();
    let rates = bounds(panel.iter().map(|measured| measured.per_second));
    let cell = panel[0].cell;
    let processes =
        if cell.processes == 1 { "1 process".to_owned() } else { format!("{} processes", cell.processes) };
    let mut chart = ChartBuilder::on(area)
        .caption(format!("{}, {processes}", cell.workload.title()), ("sans-serif", 15))
        .margin(10)
        .x_label_area_size(24)
        .y_label_area_size(58)
        .build_cartesian_2d(
            bounds(in_flight.iter().copied()).log_scale().with_key_points(in_flight),
            rates.clone().log_scale().with_key_points(round(&rates)),
        )?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_label_formatter(&|in_flight| format!("{in_flight:.0}"))
        .y_label_formatter(&|rate| format!("{rate:.0}"))
        .draw()?;
    for who in present {
        let points = panel.iter().filter(|measured| measured.who == *who);
        let points: Vec<_> = points
            .map(|measured| (f64::from(measured.cell.in_flight), measured.per_second.max(1.0)))
            .collect();
        chart.draw_series(LineSeries::new(points.iter().copied(), style(*who)).point_size(3))?;
    }
    Ok(())
}

/// From the least to the most, with some room. What is 0 counts as 1: the scale is logarithmic.
fn bounds(values: impl Iterator<Item = f64>) -> Range<f64> {
    let (least, most) = values
        .map(|value| value.max(1.0))
        .fold((f64::MAX, 1.0_f64), |(least, most), value| (least.min(value), most.max(value)));
    least * 0.7..most * 1.5
}

/// The powers of ten within the bounds, with their doubles and halves if there are few.
fn round(bounds: &Range<f64>) -> Vec<f64> {
    let steps: &[f64] = if bounds.end / bounds.start > 300.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let powers = (0..12).map(|power| 10_f64.powi(power));
    let round = powers.flat_map(|power| steps.iter().map(move |step| power * step));
    round.filter(|value| bounds.contains(value)).collect()
}

fn style(who: Who) -> ShapeStyle {
    let color = match who {
        Who::Cached => RGBColor(0, 114, 178),
        Who::Uncached => RGBColor(86, 180, 233),
        Who::ByHand => RGBColor(230, 159, 0),
        Who::Stm => RGBColor(110, 110, 110),
        Who::Sketch => RGBColor(200, 200, 200),
    };
    ShapeStyle { color: color.to_rgba(), filled: true, stroke_width: 2 }
}

#[cfg(test)]
mod tests {
    use super::{draw, round};
    use crate::peers::job::{Who, Workload};
    use crate::peers::measure::{Cell, Measurement};

    #[test]
    fn everyone_is_drawn_who_was_measured() {
        let measured = |workload, who, per_second| Measurement {
            per_second,
            ..Measurement::of(who, Cell { workload, processes: 1, in_flight: 8 })
        };
        let file = tempfile::NamedTempFile::new().unwrap();
        let measurements =
            [measured(Workload::OwnKey, Who::Stm, 0.0), measured(Workload::Counter, Who::ByHand, 123.0)];
        draw(file.path(), &measurements).unwrap();
        let drawn = std::fs::read_to_string(file.path()).unwrap();
        for text in ["own key, 1 process", "one counter, 1 process", "Go STM", "loop by hand"] {
            assert!(drawn.contains(text), "{text}: {drawn}");
        }
        assert!(!drawn.contains("txetcd"), "{drawn}");
    }

    #[test]
    fn scales_have_round_numbers() {
        assert_eq!(round(&(15.0..250.0)), [20.0, 50.0, 100.0, 200.0]);
        assert_eq!(round(&(15.0..25_000.0)), [100.0, 1_000.0, 10_000.0]);
    }
}
