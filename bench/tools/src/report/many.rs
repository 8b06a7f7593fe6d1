//! Writes the table of the rows with many clients: a line for each client, a column for each figure.

use super::figures::MANY;
use super::results::Results;
use super::table::{cell, line};

/// Returns an empty text if there is no such row.
pub fn markdown(results: &Results) -> String {
    let mut lines = String::new();
    for row in &results.rows {
        for client in results.clients() {
            let values = MANY.each_ref().map(|figure| figure.median(results, row, &client));
            if values.iter().all(Option::is_none) {
                continue;
            }
            let mut cells = vec![row.clone(), client];
            cells.extend(values.iter().zip(&MANY).map(|(value, figure)| cell(*value, figure.decimals)));
            lines.push_str(&line(&cells));
        }
    }
    if lines.is_empty() {
        return String::new();
    }
    let mut head = vec!["row".to_owned(), "client".to_owned()];
    head.extend(MANY.iter().map(|figure| figure.title.to_owned()));
    let rule = format!("|---|---|{}\n", "--:|".repeat(MANY.len()));
    format!("### Many clients in one process\n\n{}{rule}{lines}\n", line(&head))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_has_a_line() {
        let results = r#"{"row":"clients/10/mosq/q1/100","client":"rumqttc","open_s":1.5,"threads":3,"back_s":null}
{"row":"sink/read/q0/100","client":"rumqttc","per_second":3}"#;
        let table = markdown(&Results::parse(results).unwrap());
        let lines: Vec<&str> = table.lines().skip(4).filter(|line| !line.is_empty()).collect();
        assert_eq!(lines, ["| clients/10/mosq/q1/100 | rumqttc | 1.50 | 3 | – | – | – | – | – |"]);
        assert_eq!(markdown(&Results::parse("").unwrap()), "");
    }
}
