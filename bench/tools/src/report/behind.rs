//! The figures in which a peer is better, which stand at the top of the report.

use super::figures::{Figure, MANY, TABLES};
use super::results::{JAVA, JAVA_PEERS, RUST, RUST_PEERS, Results};
use super::table::{line, number};

/// A ratio below this is reported: its two decimals show a difference.
const EQUAL: f64 = 0.995;

/// Returns an empty text if there is no peer.
pub fn markdown(results: &Results) -> String {
    let clients = results.clients();
    let pairs = [(JAVA, JAVA_PEERS), (RUST, RUST_PEERS)];
    let is_measured = |client: &str| clients.iter().any(|each| each == client);
    if !pairs.iter().any(|(ours, peers)| is_measured(ours) && peers.iter().any(|peer| is_measured(peer))) {
        return String::new();
    }
    let mut lines = String::new();
    for row in &results.rows {
        for (ours, peers) in pairs {
            for figure in TABLES.iter().chain(&MANY) {
                lines.extend(behind(results, row, ours, peers, figure));
            }
        }
    }
    if lines.is_empty() {
        return "No row is behind a peer.\n\n".to_owned();
    }
    format!(
        "### Behind a peer\n\n| row | client | figure | | best peer | | ratio |\n|---|---|---|--:|---|--:|--:|\n{lines}\n"
    )
}

fn behind(results: &Results, row: &str, ours: &str, peers: &[&'static str], figure: &Figure) -> Option<String> {
    let value = figure.median(results, row, ours)?;
    let (peer, best) = peers
        .iter()
        .filter_map(|peer| Some((*peer, figure.median(results, row, peer)?)))
        .reduce(|a, b| if figure.better.of(a.1, b.1) == a.1 { a } else { b })?;
    let ratio = figure.better.ratio(value, best);
    if ratio >= EQUAL {
        return None;
    }
    let (range, peers) = (figure.range(results, row, ours)?, figure.range(results, row, peer)?);
    let noise = if range.rounds > 1 && range.overlaps(&peers) { ", within the noise" } else { "" };
    let number = |value| number(value, figure.decimals);
    Some(line(&[
        row.to_owned(),
        ours.to_owned(),
        figure.title.to_owned(),
        number(value),
        peer.to_owned(),
        number(best),
        format!("{ratio:.2}{noise}"),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        markdown(&Results::parse(text).unwrap())
            .lines()
            .skip(4)
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn what_a_peer_does_better_is_told() {
        let results = r#"{"row":"r","client":"sinetstream","per_second":3000,"cpu_us":2}
{"row":"r","client":"hivemq","per_second":6000,"cpu_us":4}
{"row":"r","client":"paho","per_second":4000,"cpu_us":1}
{"row":"r","client":"rumqttc","per_second":9000,"cpu_us":1}"#;
        let expected = [
            "| r | sinetstream | Messages per second | 3,000 | hivemq | 6,000 | 0.50 |",
            "| r | sinetstream | CPU microseconds per message | 2.00 | paho | 1.00 | 0.50 |",
        ];
        assert_eq!(lines(results), expected);
    }

    #[test]
    fn the_noise_of_several_rounds_is_told() {
        let line = |client: &str, rate: u32| format!(r#"{{"row":"r","client":"{client}","per_second":{rate}}}"#);
        let rounds = |ours: [u32; 2], theirs: [u32; 2]| {
            let ours = ours.map(|rate| line("sinetstream-rust", rate));
            [ours, theirs.map(|rate| line("rumqttc", rate))].concat().join("\n")
        };
        let apart = lines(&rounds([10, 20], [30, 50]));
        assert_eq!(apart, ["| r | sinetstream-rust | Messages per second | 15 | rumqttc | 40 | 0.38 |"]);
        let overlapping = lines(&rounds([10, 30], [20, 60]));
        assert_eq!(
            overlapping,
            ["| r | sinetstream-rust | Messages per second | 20 | rumqttc | 40 | 0.50, within the noise |"]
        );
    }

    #[test]
    fn nothing_is_told_where_there_is_nothing() {
        let ahead = "{\"row\":\"r\",\"client\":\"sinetstream\",\"per_second\":2}\n\
                     {\"row\":\"r\",\"client\":\"paho\",\"per_second\":1}";
        assert_eq!(markdown(&Results::parse(ahead).unwrap()), "No row is behind a peer.\n\n");
        assert_eq!(markdown(&Results::parse(r#"{"row":"r","client":"raw","per_second":1}"#).unwrap()), "");
    }
}
