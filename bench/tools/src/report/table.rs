//! Writes one table: a line for each row, a column for each client, and the ratios of this library.

use super::figures::Figure;
use super::results::{JAVA, JAVA_PEERS, RUST, RUST_PEERS, Results};

const NOTHING: &str = "–";

/// Returns an empty text if no row has the figure.
pub fn markdown(figure: &Figure, results: &Results) -> String {
    let clients = results.clients();
    let comparisons = comparisons(figure, &clients);
    let mut head = vec!["row".to_owned()];
    head.extend(clients.iter().cloned());
    head.extend(comparisons.iter().map(|comparison| comparison.title.to_owned()));
    let mut lines = String::new();
    for row in &results.rows {
        let value = |client: &str| figure.median(results, row, client);
        if clients.iter().all(|client| value(client).is_none()) {
            continue;
        }
        let mut cells = vec![row.clone()];
        cells.extend(clients.iter().map(|client| cell(value(client), figure.decimals)));
        cells.extend(comparisons.iter().map(|comparison| cell(comparison.ratio(figure, value), 2)));
        lines.push_str(&line(&cells));
    }
    if lines.is_empty() {
        return String::new();
    }
    let rule = format!("|---|{}\n", "--:|".repeat(head.len() - 1));
    format!("### {}\n\n{}{rule}{lines}\n", figure.title, line(&head))
}

/// Returns the comparisons for which there are measurements.
fn comparisons(figure: &Figure, clients: &[String]) -> Vec<Comparison> {
    let measured = |client: &&str| clients.iter().any(|each| each == client);
    let all: [(_, _, &[&str]); 4] = [
        ("Java : best peer", JAVA, JAVA_PEERS),
        ("Rust : best peer", RUST, RUST_PEERS),
        ("Java : raw", JAVA, &["raw"]),
        ("Rust : raw", RUST, &["raw"]),
    ];
    all.into_iter()
        .filter(|(_, ours, theirs)| figure.has_ratios && measured(ours) && theirs.iter().any(measured))
        .map(|(title, ours, theirs)| Comparison { title, ours, theirs })
        .collect()
}

/// A client of ours, with the best of the others.
struct Comparison {
    title: &'static str,
    ours: &'static str,
    theirs: &'static [&'static str],
}

impl Comparison {
    fn ratio(&self, figure: &Figure, value: impl Fn(&str) -> Option<f64>) -> Option<f64> {
        let best = self.theirs.iter().filter_map(|client| value(client)).reduce(|a, b| figure.better.of(a, b))?;
        Some(figure.better.ratio(value(self.ours)?, best))
    }
}

pub fn line(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

pub fn cell(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |value| number(value, decimals))
}

/// Formats a number with a comma before each three digits.
pub fn number(value: f64, decimals: usize) -> String {
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
    use super::super::figures::RATE;
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(number(1_234_567.0, 0), "1,234,567");
        assert_eq!(number(123.456, 1), "123.5");
        assert_eq!(number(1234.5, 2), "1,234.50");
    }

    #[test]
    fn the_best_peer_counts() {
        let line = |client: &str, rate: u32| format!(r#"{{"row":"r","client":"{client}","per_second":{rate}}}"#);
        let results = [line("sinetstream", 3000), line("hivemq", 1500), line("paho", 1000)].join("\n");
        let expected = "### Messages per second\n\n| row | sinetstream | hivemq | paho | Java : best peer |\n\
                        |---|--:|--:|--:|--:|\n| r | 3,000 | 1,500 | 1,000 | 2.00 |\n\n";
        assert_eq!(markdown(&RATE, &Results::parse(&results).unwrap()), expected);
    }
}
