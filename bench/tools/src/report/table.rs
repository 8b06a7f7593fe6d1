//! One table: a line for each row, a column for each client, and how this library compares.

use super::results::{JAVA, JAVA_PEERS, RUST, RUST_PEERS, Results};

pub enum Better {
    More,
    Less,
}

pub struct Table {
    pub title: &'static str,
    pub field: &'static str,
    /// How many of the field's units make one of the table's.
    pub unit: f64,
    pub decimals: usize,
    /// For the columns that compare.
    pub better: Option<Better>,
}

const NOTHING: &str = "–";

impl Table {
    /// Empty when no row has the field.
    pub fn markdown(&self, results: &Results) -> String {
        let clients = results.clients();
        let comparisons = self.comparisons(&clients);
        let mut head = vec!["row".to_owned()];
        head.extend(clients.iter().map(|client| (*client).to_owned()));
        head.extend(comparisons.iter().map(|comparison| comparison.title.to_owned()));
        let mut lines = String::new();
        for row in &results.rows {
            let value = |client: &str| results.median(row, client, self.field).map(|value| value / self.unit);
            if clients.iter().all(|client| value(client).is_none()) {
                continue;
            }
            let mut cells = vec![row.clone()];
            cells.extend(clients.iter().map(|client| cell(value(client), self.decimals)));
            cells.extend(comparisons.iter().map(|comparison| cell(comparison.ratio(value), 2)));
            lines.push_str(&line(&cells));
        }
        if lines.is_empty() {
            return String::new();
        }
        let rule = format!("|---|{}\n", "--:|".repeat(head.len() - 1));
        format!("### {}\n\n{}{rule}{lines}\n", self.title, line(&head))
    }

    /// Those for which there are measurements.
    fn comparisons(&self, clients: &[&str]) -> Vec<Comparison<'_>> {
        let measured = |client: &&str| clients.contains(client);
        let all: [(_, _, &[&str]); 4] = [
            ("Java : best peer", JAVA, JAVA_PEERS),
            ("Rust : best peer", RUST, RUST_PEERS),
            ("Java : raw", JAVA, &["raw"]),
            ("Rust : raw", RUST, &["raw"]),
        ];
        let Some(better) = &self.better else { return Vec::new() };
        all.into_iter()
            .filter(|(_, ours, theirs)| measured(ours) && theirs.iter().any(measured))
            .map(|(title, ours, theirs)| Comparison { title, ours, theirs, better })
            .collect()
    }
}

/// A client of ours with the best of others.
struct Comparison<'a> {
    title: &'a str,
    ours: &'a str,
    theirs: &'a [&'a str],
    better: &'a Better,
}

impl Comparison<'_> {
    fn ratio(&self, value: impl Fn(&str) -> Option<f64>) -> Option<f64> {
        let best = self.theirs.iter().filter_map(|client| value(client)).reduce(|a, b| self.better.of(a, b))?;
        Some(self.better.ratio(value(self.ours)?, best))
    }
}

impl Better {
    fn of(&self, a: f64, b: f64) -> f64 {
        match self {
            Better::More => a.max(b),
            Better::Less => a.min(b),
        }
    }

    /// Above 1: ours is the better one.
    fn ratio(&self, ours: f64, theirs: f64) -> f64 {
        match self {
            Better::More => ours / theirs,
            Better::Less => theirs / ours,
        }
    }
}

fn line(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

fn cell(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |value| number(value, decimals))
}

/// With a comma before each three digits.
fn number(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let whole = text.find('.').unwrap_or(text.len());
    let mut grouped = String::new();
    for (index, digit) in text.char_indices() {
        if index > 0 && index < whole && (whole - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(number(1_234_567.0, 0), "1,234,567");
        assert_eq!(number(123.456, 1), "123.5");
        assert_eq!(number(1234.5, 2), "1,234.50");
    }

    #[test]
    fn more_than_one_is_ahead() {
        assert_eq!(Better::More.ratio(3.0, 2.0), 1.5);
        assert_eq!(Better::Less.ratio(2.0, 3.0), 1.5);
    }

    #[test]
    fn the_best_peer_counts() {
        let line = |client: &str, rate: u32| format!(r#"{{"row":"r","client":"{client}","per_second":{rate}}}"#);
        let results = [line("sinetstream", 3000), line("hivemq", 1500), line("paho", 1000)].join("\n");
        let table = Table { title: "Rate", field: "per_second", unit: 1.0, decimals: 0, better: Some(Better::More) };
        let expected = "### Rate\n\n| row | sinetstream | hivemq | paho | Java : best peer |\n|---|--:|--:|--:|--:|\n\
                        | r | 3,000 | 1,500 | 1,000 | 2.00 |\n\n";
        assert_eq!(table.markdown(&Results::parse(&results).unwrap()), expected);
    }
}
