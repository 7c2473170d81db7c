//! What is printed: tables, and the figures in them.

/// A table with headings; the first column is text, the others are figures.
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(headings: &[&str]) -> Self {
        Self { rows: vec![headings.iter().map(|&heading| heading.to_owned()).collect()] }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    pub fn print(&self, title: &str) {
        println!("\n{title}\n");
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
                0 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
            println!("  {}", cells.collect::<Vec<_>>().join("  ").trim_end());
        }
    }
}

/// The one in the middle, or what is between the two that are.
pub fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match (sorted.get(middle), sorted.len() % 2) {
        (Some(figure), 1) => *figure,
        (Some(figure), _) => (figure + sorted[middle - 1]) / 2.0,
        (None, _) => f64::NAN,
    }
}

/// Thousands apart.
pub fn count(figure: f64) -> String {
    let digits = format!("{figure:.0}");
    let grouped = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group));
    grouped.collect::<Vec<_>>().join(",")
}

pub fn ms(figure: f64) -> String {
    format!("{figure:.2} ms")
}

/// A ratio beside its aim.
pub fn at_least(ratio: f64, aim: f64) -> String {
    judged(ratio, ">=", aim, ratio >= aim)
}

/// A figure beside its bound.
pub fn at_most(figure: f64, aim: f64) -> String {
    judged(figure, "<=", aim, figure <= aim)
}

fn judged(figure: f64, relation: &str, aim: f64, is_met: bool) -> String {
    format!("{figure:.2} ({relation} {aim}: {})", if is_met { "met" } else { "MISSED" })
}
