//! A cycle as a picture: its transactions on a circle, and an arrow for what orders each before the next.

use std::f64::consts::TAU;
use std::fmt::Write as _;

use crate::history::Transaction;

use super::anomaly::{Cycle, Kind};
use super::relations::Relation;
use super::text::operations;

const BOX: (f64, f64) = (150.0, 34.0);

/// An SVG document.
pub(super) fn draw(history: &[Transaction], kind: Kind, cycle: &Cycle) -> String {
    let count = cycle.0.len() as f64;
    let radius = (count * 40.0).max(130.0);
    let (middle_x, middle_y) = (radius + BOX.0, radius + 70.0);
    let legend = 2.0f64.mul_add(radius, 150.0);
    let (width, height) = (middle_x * 2.0, (count * 2.0).mul_add(18.0, legend) + 20.0);
    let place = |at: usize| {
        let angle = TAU * at as f64 / count - TAU / 4.0;
        (radius.mul_add(angle.cos(), middle_x), radius.mul_add(angle.sin(), middle_y))
    };
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0} {height:.0}" font-family="sans-serif" font-size="13">
<defs><marker id="end" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>
<rect width="100%" height="100%" fill="white"/>
<text x="12" y="24" font-size="18">{kind}</text>
"##
    );
    for (at, step) in cycle.0.iter().enumerate() {
        let (from, to) = (place(at), place((at + 1) % cycle.0.len()));
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = dx.hypot(dy).max(1.0);
        // Beside the straight line, so that two arrows between the same boxes do not cover each other.
        let (aside_x, aside_y) = (-dy / length * 40.0, dx / length * 40.0);
        let bend = ((from.0 + to.0) / 2.0 - aside_x, (from.1 + to.1) / 2.0 - aside_y);
        let end = edge(to, bend);
        let start = edge(from, bend);
        let colour = match step.relation {
            Relation::WriteWrite => "#b00020",
            Relation::WriteRead => "#00639b",
            Relation::ReadWrite => "#8e24aa",
            Relation::RealTime => "#757575",
        };
        let _ = writeln!(
            svg,
            r#"<path d="M{:.1} {:.1}Q{:.1} {:.1} {:.1} {:.1}" fill="none" stroke="{colour}" stroke-width="1.6" marker-end="url(#end)"/><text x="{:.1}" y="{:.1}" fill="{colour}" text-anchor="middle">{}</text>"#,
            start.0, start.1, bend.0, bend.1, end.0, end.1, bend.0, bend.1, step.relation
        );
    }
    for (at, step) in cycle.0.iter().enumerate() {
        let (x, y) = place(at);
        let transaction = &history[step.from as usize];
        let _ = writeln!(
            svg,
            r##"<rect x="{:.1}" y="{:.1}" width="{}" height="{}" rx="6" fill="#f4f4f4" stroke="black"/><text x="{x:.1}" y="{:.1}" text-anchor="middle">transaction {}</text>"##,
            x - BOX.0 / 2.0,
            y - BOX.1 / 2.0,
            BOX.0,
            BOX.1,
            y + 5.0,
            transaction.index
        );
        let line = (at as f64 * 2.0).mul_add(18.0, legend);
        let _ = writeln!(
            svg,
            r#"<text x="12" y="{line:.0}">{}  {}</text><text x="30" y="{:.0}" fill="dimgray">{}: {}</text>"#,
            transaction.index,
            operations(transaction),
            line + 18.0,
            step.relation,
            step.because
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// Where the line from the middle of a box towards a point leaves the box.
fn edge((x, y): (f64, f64), towards: (f64, f64)) -> (f64, f64) {
    let (dx, dy) = (towards.0 - x, towards.1 - y);
    let scale = (BOX.0 / 2.0 / dx.abs().max(0.001)).min(BOX.1 / 2.0 / dy.abs().max(0.001));
    (dx.mul_add(scale, x), dy.mul_add(scale, y))
}
