//! The result lines of a run, by row and client.

use std::collections::HashMap;

use bench_tools::Outcome;
use serde_json::Value;

/// The clients in the order of the columns; the first is the limit.
pub const CLIENTS: [&str; 8] = ["raw", JAVA, "hivemq", "paho", RUST, "rumqttc", "libmosquitto", "paho.mqtt.c"];
pub const JAVA: &str = "sinetstream";
pub const RUST: &str = "sinetstream-rust";
/// The peers with which Java's API and the Rust API are compared.
pub const JAVA_PEERS: &[&str] = &["hivemq", "paho"];
pub const RUST_PEERS: &[&str] = &["rumqttc", "libmosquitto", "paho.mqtt.c"];

pub struct Results {
    /// The rows in the order in which they were measured.
    pub rows: Vec<String>,
    lines: HashMap<(String, String), Vec<Value>>,
}

impl Results {
    /// Parses lines of JSON, each of which is a measurement or, with `failed`, a run without a result.
    pub fn parse(text: &str) -> Outcome<Results> {
        let mut results = Results { rows: Vec::new(), lines: HashMap::new() };
        for (number, line) in text.lines().enumerate() {
            let value: Value = serde_json::from_str(line).map_err(|e| format!("line {}: {e}", number + 1))?;
            let name = |field: &str| value[field].as_str().unwrap_or_default().to_owned();
            let (row, client) = (name("row"), name("client"));
            if !results.rows.contains(&row) {
                results.rows.push(row.clone());
            }
            results.lines.entry((row, client)).or_default().push(value);
        }
        Ok(results)
    }

    /// Returns the measured clients in the order of the columns. Each of ours is followed by its other commits,
    /// `CLIENT@COMMIT`.
    pub fn clients(&self) -> Vec<String> {
        let mut names: Vec<&String> = self.lines.keys().map(|(_, client)| client).collect();
        names.sort_unstable();
        names.dedup();
        let is_of = |name: &str, client| name == client || base(name) == Some(client);
        CLIENTS
            .iter()
            .flat_map(|client| names.iter().filter(|name| is_of(name, client)))
            .map(|n| (*n).clone())
            .collect()
    }

    /// Returns the median of a field over the rounds.
    pub fn median(&self, row: &str, client: &str, field: &str) -> Option<f64> {
        let values = self.values(row, client, field);
        let last = values.len().checked_sub(1)?;
        Some((values[last / 2] + values[values.len() / 2]) / 2.0)
    }

    /// Returns the values of a field in all rounds, sorted.
    pub fn values(&self, row: &str, client: &str, field: &str) -> Vec<f64> {
        let mut values: Vec<f64> = self.of(row, client).iter().filter_map(|line| line[field].as_f64()).collect();
        values.sort_unstable_by(f64::total_cmp);
        values
    }

    /// Returns the runs that failed, and the messages that did.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for row in &self.rows {
            for client in self.clients() {
                problems
                    .extend(self.of(row, &client).iter().filter_map(problem).map(|p| format!("{row} {client}: {p}")));
            }
        }
        problems
    }

    fn of(&self, row: &str, client: &str) -> &[Value] {
        self.lines.get(&(row.to_owned(), client.to_owned())).map_or(&[], Vec::as_slice)
    }
}

/// Returns the client of which `CLIENT@COMMIT` is another commit.
pub fn base(client: &str) -> Option<&str> {
    client.split_once('@').map(|(base, _)| base)
}

fn problem(line: &Value) -> Option<String> {
    if line["failed"] == true {
        let why = line["why"].as_str().filter(|why| !why.is_empty()).map(|why| format!(": {why}"));
        return Some(format!("no result{}", why.unwrap_or_default()));
    }
    let count = |field: &str| line[field].as_u64().unwrap_or(0);
    let (errors, lost) = (count("errors"), count("lost"));
    if errors + lost == 0 {
        return None;
    }
    // The rows with many clients report no number of messages.
    let of = line["messages"].as_u64().map(|messages| format!(", of {}", messages + errors + lost)).unwrap_or_default();
    let first = line["first_error"].as_str().map(|first| format!(" ({first})")).unwrap_or_default();
    Some(format!("{errors} errors, {lost} lost{of}{first}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_problems() {
        let line = |rate: u32| format!(r#"{{"row":"r","client":"paho","per_second":{rate},"lost":0,"errors":0}}"#);
        let failed = r#"{"row":"r","client":"hivemq","failed":true,"why":"why"}"#;
        let results = Results::parse(&format!("{}\n{}\n{}\n{failed}\n", line(1), line(9), line(2))).unwrap();
        assert_eq!(results.median("r", "paho", "per_second"), Some(2.0));
        assert_eq!(results.median("r", "hivemq", "per_second"), None);
        assert_eq!(results.clients(), ["hivemq", "paho"]);
        assert_eq!(results.problems(), ["r hivemq: no result: why"]);
        let even = Results::parse(&format!("{}\n{}", line(1), line(2))).unwrap();
        assert_eq!(even.median("r", "paho", "per_second"), Some(1.5));
        assert_eq!(even.values("r", "paho", "per_second"), [1.0, 2.0]);
    }

    #[test]
    fn another_commit_stands_beside() {
        let line = |client: &str| format!(r#"{{"row":"r","client":"{client}"}}"#);
        let names = ["hivemq", "sinetstream-rust@abc", "sinetstream@abc", "sinetstream-rust", "sinetstream"];
        let results = Results::parse(&names.map(line).join("\n")).unwrap();
        let expected = ["sinetstream", "sinetstream@abc", "hivemq", "sinetstream-rust", "sinetstream-rust@abc"];
        assert_eq!(results.clients(), expected);
        assert_eq!(base("sinetstream@abc"), Some("sinetstream"));
    }
}
