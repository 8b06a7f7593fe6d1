//! Makes Markdown tables, and graphs, from the result lines of a run.

mod behind;
mod compared;
mod figures;
mod graph;
mod many;
mod results;
mod table;

use std::fs;
use std::io::Write;

use bench_tools::Outcome;

use figures::TABLES;
use results::Results;

/// Prints the tables. If a folder is given, the graphs are written there, and the tables end with them.
pub fn run(file: &str, graphs: Option<&str>) -> Outcome {
    let text = fs::read_to_string(file).map_err(|e| format!("{file}: {e}"))?;
    let results = Results::parse(&text).map_err(|e| format!("{file}: {e}"))?;
    let mut report = markdown(&results);
    if let Some(folder) = graphs {
        report += &put_graphs(&results, folder).map_err(|e| format!("{folder}: {e}"))?;
    }
    Ok(std::io::stdout().write_all(report.as_bytes())?)
}

/// Returns the problems first, then the tables.
fn markdown(results: &Results) -> String {
    let mut report = behind::markdown(results) + &compared::markdown(results);
    report.extend(TABLES.iter().map(|figure| table::markdown(figure, results)));
    report += &many::markdown(results);
    let problems = results.problems();
    if !problems.is_empty() {
        report += &format!("### Problems\n\n- {}\n\n", problems.join("\n- "));
    }
    report
}

/// Writes the graphs; returns the Markdown that shows them.
fn put_graphs(results: &Results, folder: &str) -> std::io::Result<String> {
    fs::create_dir_all(folder)?;
    let mut shown = String::new();
    for graph in graph::all(results) {
        fs::write(format!("{folder}/{}", graph.name), graph.svg)?;
        shown += &format!("![{}]({folder}/{})\n\n", graph.title, graph.name);
    }
    Ok(if shown.is_empty() { shown } else { format!("### Graphs\n\n{shown}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_says_what_is_behind() {
        let text = r#"{"row":"mosq/read/q1/100","client":"sinetstream","per_second":1,"errors":0,"lost":0}
{"row":"mosq/read/q1/100","client":"hivemq","per_second":2,"errors":0,"lost":0}
{"row":"clients/10/mosq/q1/100","client":"hivemq","failed":true,"why":"too few files"}"#;
        let report = markdown(&Results::parse(text).unwrap());
        let heads: Vec<&str> = report.lines().filter(|line| line.starts_with("###")).collect();
        assert_eq!(heads, ["### Behind a peer", "### Messages per second", "### Problems"]);
        assert!(report.ends_with("- clients/10/mosq/q1/100 hivemq: no result: too few files\n\n"));
    }
}
