//! This library as it is with another commit of it, `CLIENT@COMMIT`.

use super::figures::{Figure, MANY, Range, TABLES};
use super::results::{Results, base};
use super::table::{line, number};

/// Empty when there is no other commit.
pub fn markdown(results: &Results) -> String {
    let mut lines = String::new();
    let (mut worse, mut better) = (0, 0);
    for row in &results.rows {
        for client in results.clients() {
            let Some(now) = base(&client) else { continue };
            for figure in TABLES.iter().chain(&MANY) {
                let Some(change) = Change::of(results, row, figure, &client, now) else { continue };
                worse += usize::from(change.verdict() == WORSE);
                better += usize::from(change.verdict() == BETTER);
                lines.push_str(&change.line(row, now, figure));
            }
        }
    }
    if lines.is_empty() {
        return String::new();
    }
    let commits: Vec<String> = results.clients().iter().filter_map(|c| Some(c.split_once('@')?.1.to_owned())).collect();
    let commit = commits.first().map_or("another commit", String::as_str);
    format!(
        "### Compared with {commit}\n\nBy more than the noise, {worse} figures are worse now, and {better} are better.\n\n\
         | row | client | figure | {commit} | rounds | now | rounds | ratio | |\n|---|---|---|--:|--:|--:|--:|--:|---|\n{lines}\n"
    )
}

const WORSE: &str = "**worse**";
const BETTER: &str = "better";

/// One figure, then and now.
struct Change {
    then: (f64, Range),
    now: (f64, Range),
    /// Above 1 it is better now.
    ratio: f64,
}

impl Change {
    fn of(results: &Results, row: &str, figure: &Figure, then: &str, now: &str) -> Option<Change> {
        let of = |client| Some((figure.median(results, row, client)?, figure.range(results, row, client)?));
        let (then, now) = (of(then)?, of(now)?);
        Some(Change { then, now, ratio: figure.better.ratio(now.0, then.0) })
    }

    /// Empty when the rounds of both overlap.
    fn verdict(&self) -> &'static str {
        match self.now.1.is_apart_from(&self.then.1) {
            true if self.ratio < 1.0 => WORSE,
            true => BETTER,
            false => "",
        }
    }

    fn line(&self, row: &str, client: &str, figure: &Figure) -> String {
        let number = |value| number(value, figure.decimals);
        let range = |range: &Range| format!("{} to {}", number(range.least), number(range.most));
        line(&[
            row.to_owned(),
            client.to_owned(),
            figure.title.to_owned(),
            number(self.then.0),
            range(&self.then.1),
            number(self.now.0),
            range(&self.now.1),
            format!("{:.2}", self.ratio),
            self.verdict().to_owned(),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_apart_is_told() {
        let line = |client: &str, rate: u32, cpu: u32| {
            format!(r#"{{"row":"r","client":"{client}","per_second":{rate},"cpu_us":{cpu},"peak_kib":1024}}"#)
        };
        let lines = [
            line("sinetstream@abc", 100, 5),
            line("sinetstream", 50, 3),
            line("sinetstream@abc", 110, 6),
            line("sinetstream", 98, 4),
            line("hivemq", 1, 1),
        ];
        let report = markdown(&Results::parse(&lines.join("\n")).unwrap());
        let told: Vec<&str> = report.lines().collect();
        assert_eq!(told[0], "### Compared with abc");
        assert_eq!(told[2], "By more than the noise, 1 figures are worse now, and 1 are better.");
        assert_eq!(
            told[6..9],
            [
                "| r | sinetstream | Messages per second | 105 | 100 to 110 | 74 | 50 to 98 | 0.70 | **worse** |",
                "| r | sinetstream | CPU microseconds per message | 5.50 | 5.00 to 6.00 | 3.50 | 3.00 to 4.00 | 1.57 | better |",
                "| r | sinetstream | Peak memory in MiB | 1 | 1 to 1 | 1 | 1 to 1 | 1.00 |  |",
            ]
        );
    }

    #[test]
    fn without_another_commit_there_is_nothing_to_tell() {
        let results = r#"{"row":"r","client":"sinetstream","per_second":1}"#;
        assert_eq!(markdown(&Results::parse(results).unwrap()), "");
    }
}
