//! Compares the current version of this library with another commit of it, `CLIENT@COMMIT`.

use super::figures::{Figure, MANY, Range, TABLES};
use super::results::{Results, base};
use super::table::{line, number};

/// Returns an empty text if there is no other commit.
pub fn markdown(results: &Results) -> String {
    let mut lines = String::new();
    let (mut worse, mut better, mut told) = (0, 0, false);
    for row in &results.rows {
        for client in results.clients() {
            let Some(now) = base(&client) else { continue };
            for figure in TABLES.iter().chain(&MANY) {
                let Some(change) = Change::of(results, row, figure, &client, now) else { continue };
                told |= change.has_enough_rounds();
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
    let summary = match told {
        true => format!("By more than the noise, {worse} figures are worse now, and {better} are better."),
        false => format!("Fewer than {ENOUGH} rounds do not tell what is worse or better."),
    };
    format!(
        "### Compared with {commit}\n\n{summary}\n\n\
         | row | client | figure | {commit} | rounds | now | rounds | ratio | |\n|---|---|---|--:|--:|--:|--:|--:|---|\n{lines}\n"
    )
}

/// Fewer rounds prove nothing: two equal figures would too often differ by chance.
const ENOUGH: usize = 4;
const WORSE: &str = "**worse**";
const BETTER: &str = "better";

/// One figure, at the other commit and now.
struct Change {
    then: (f64, Range),
    now: (f64, Range),
    /// A ratio above 1 means that the figure is better now.
    ratio: f64,
}

impl Change {
    fn of(results: &Results, row: &str, figure: &Figure, then: &str, now: &str) -> Option<Change> {
        let of = |client| Some((figure.median(results, row, client)?, figure.range(results, row, client)?));
        let (then, now) = (of(then)?, of(now)?);
        Some(Change { then, now, ratio: figure.better.ratio(now.0, then.0) })
    }

    fn has_enough_rounds(&self) -> bool {
        self.now.1.rounds.min(self.then.1.rounds) >= ENOUGH
    }

    /// Returns an empty text if the rounds of both overlap, or are too few.
    fn verdict(&self) -> &'static str {
        match !self.has_enough_rounds() || self.now.1.overlaps(&self.then.1) {
            true => "",
            false if self.ratio < 1.0 => WORSE,
            false => BETTER,
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

    /// Returns the report on the rates and the CPU times of the rounds, then and now.
    fn report(then: &[(u32, u32)], now: &[(u32, u32)]) -> Vec<String> {
        let line = |client: &str, (rate, cpu): &(u32, u32)| {
            format!(r#"{{"row":"r","client":"{client}","per_second":{rate},"cpu_us":{cpu},"peak_kib":1024}}"#)
        };
        let then = then.iter().map(|round| line("sinetstream@abc", round));
        let lines: Vec<String> = then.chain(now.iter().map(|round| line("sinetstream", round))).collect();
        markdown(&Results::parse(&lines.join("\n")).unwrap()).lines().map(str::to_owned).collect()
    }

    #[test]
    fn what_is_apart_is_told() {
        let told = report(&[(100, 5), (110, 5), (120, 6), (130, 6)], &[(50, 3), (99, 4), (60, 3), (60, 4)]);
        assert_eq!(told[0], "### Compared with abc");
        assert_eq!(told[2], "By more than the noise, 1 figures are worse now, and 1 are better.");
        assert_eq!(
            told[6..9],
            [
                "| r | sinetstream | Messages per second | 115 | 100 to 130 | 60 | 50 to 99 | 0.52 | **worse** |",
                "| r | sinetstream | CPU microseconds per message | 5.50 | 5.00 to 6.00 | 3.50 | 3.00 to 4.00 | 1.57 | better |",
                "| r | sinetstream | Peak memory in MiB | 1 | 1 to 1 | 1 | 1 to 1 | 1.00 |  |",
            ]
        );
    }

    #[test]
    fn what_overlaps_is_not_told() {
        let told = report(&[(100, 5), (110, 5), (120, 6), (130, 6)], &[(50, 5), (100, 5), (60, 5), (60, 5)]);
        assert_eq!(told[2], "By more than the noise, 0 figures are worse now, and 0 are better.");
    }

    #[test]
    fn few_rounds_tell_nothing() {
        let told = report(&[(100, 5), (110, 5), (120, 6)], &[(50, 3), (60, 3), (60, 4)]);
        assert_eq!(told[2], "Fewer than 4 rounds do not tell what is worse or better.");
        assert!(told.iter().all(|line| !line.contains("worse**")));
    }

    #[test]
    fn without_another_commit_there_is_nothing_to_tell() {
        let results = r#"{"row":"r","client":"sinetstream","per_second":1}"#;
        assert_eq!(markdown(&Results::parse(results).unwrap()), "");
    }
}
