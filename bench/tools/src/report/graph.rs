//! Draws a graph of each group of rows as SVG: bars by client. Text and bars have colours that can be read on light and on dark
//! pages, since a picture does not know the page's colour.

use std::fmt::Write;

use super::figures::{Figure, MANY, RATE};
use super::results::{JAVA, RUST, Results, base};
use super::table::number;

pub struct Graph {
    /// The name of its file.
    pub name: String,
    pub title: String,
    pub svg: String,
}

/// The bars that are compared with each other: those of one row.
struct Panel {
    title: String,
    bars: Vec<Bar>,
}

struct Bar {
    client: String,
    value: f64,
    text: String,
}

/// Returns a graph for each group of rows: BROKER/KIND, and many clients. Bare bytes are left out, because no other bar could
/// be seen beside theirs.
pub fn all(results: &Results) -> Vec<Graph> {
    let mut groups: Vec<(String, Vec<Panel>)> = Vec::new();
    for row in &results.rows {
        let group = group(row);
        let figures = if group == MANY_CLIENTS { &MANY[..] } else { &[RATE] };
        for figure in figures {
            let title = if group == MANY_CLIENTS { format!("{row}: {}", figure.title) } else { row.clone() };
            let bars = bars(results, row, figure);
            if bars.is_empty() {
                continue;
            }
            if groups.iter().all(|(each, _)| *each != group) {
                groups.push((group.clone(), Vec::new()));
            }
            if let Some((_, panels)) = groups.iter_mut().find(|(each, _)| *each == group) {
                panels.push(Panel { title, bars });
            }
        }
    }
    groups.into_iter().map(|(group, panels)| graph(&group, &panels)).collect()
}

const MANY_CLIENTS: &str = "clients";

fn group(row: &str) -> String {
    let mut parts = row.split('/');
    match (parts.next(), parts.next()) {
        (Some(MANY_CLIENTS), _) => MANY_CLIENTS.to_owned(),
        (Some(broker), Some(kind)) => format!("{broker}/{kind}"),
        _ => row.to_owned(),
    }
}

fn bars(results: &Results, row: &str, figure: &Figure) -> Vec<Bar> {
    let bar = |client: String| {
        let value = figure.median(results, row, &client)?;
        Some(Bar { client, value, text: number(value, figure.decimals) })
    };
    results.clients().into_iter().filter(|client| client != "raw").filter_map(bar).collect()
}

const WIDTH: f64 = 760.0;
const NAMES: f64 = 190.0;
const LONGEST: f64 = 460.0;
const LINE: f64 = 20.0;
const BAR: f64 = 13.0;
const GAP: f64 = 12.0;
/// The colour has a contrast of at least 4 : 1 both to white and to a dark page.
const TEXT: &str = "#737d89";

fn color(client: &str) -> &'static str {
    match base(client).unwrap_or(client) {
        JAVA if client == JAVA => "#2f81f7",
        RUST if client == RUST => "#d2691e",
        // This is another commit of ours.
        JAVA | RUST => "#a371c7",
        _ => "#8c959f",
    }
}

fn graph(group: &str, panels: &[Panel]) -> Graph {
    let title = if group == MANY_CLIENTS {
        "Many clients in one process: shorter is better".to_owned()
    } else {
        format!("{group}: messages per second, longer is better")
    };
    let lines: usize = panels.iter().map(|panel| 1 + panel.bars.len()).sum();
    let height = LINE * (lines as f64 + 2.0) + GAP * panels.len() as f64;
    let mut body = String::new();
    let mut y = LINE;
    text(&mut body, 0.0, y, "start", "bold", &title);
    y += LINE * 0.5;
    for panel in panels {
        y += GAP + LINE;
        text(&mut body, 0.0, y, "start", "bold", &panel.title);
        let most = panel.bars.iter().map(|bar| bar.value).fold(0.0, f64::max);
        for bar in &panel.bars {
            y += LINE;
            let length = if most > 0.0 { (bar.value / most * LONGEST).max(1.0) } else { 1.0 };
            let (top, fill) = (y - BAR + 2.0, color(&bar.client));
            text(&mut body, NAMES - 8.0, y, "end", "normal", &bar.client);
            // Writing to a string cannot fail.
            let _ = writeln!(
                body,
                r#"<rect x="{NAMES}" y="{top:.1}" width="{length:.1}" height="{BAR}" rx="2" fill="{fill}"/>"#
            );
            text(&mut body, NAMES + length + 6.0, y, "start", "normal", &bar.text);
        }
    }
    let label = escaped(&title);
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" width=\"{WIDTH}\" height=\"{height:.0}\" \
         role=\"img\" aria-label=\"{label}\" font-family=\"sans-serif\" font-size=\"13\">\n<title>{label}</title>\n{body}</svg>\n"
    );
    Graph { name: format!("{}.svg", group.replace('/', "-")), title, svg }
}

fn text(to: &mut String, x: f64, y: f64, anchor: &str, weight: &str, words: &str) {
    let words = escaped(words);
    // Writing to a string cannot fail.
    let _ = writeln!(
        to,
        r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" font-weight="{weight}" fill="{TEXT}">{words}</text>"#
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESULTS: &str = r#"{"row":"sink/write/q0/100/w100","client":"raw","per_second":90000}
{"row":"sink/write/q0/100/w100","client":"sinetstream","per_second":2000}
{"row":"sink/write/q0/100/w100","client":"paho","per_second":1000}
{"row":"sink/write/q1/100/w100","client":"paho","per_second":1000}
{"row":"sink/read/q0/100","client":"paho","failed":true}
{"row":"clients/10/mosq/q1/100","client":"rumqttc","open_s":1.5,"threads":3}"#;

    #[test]
    fn each_group_has_a_graph() {
        let graphs = all(&Results::parse(RESULTS).unwrap());
        let names: Vec<&str> = graphs.iter().map(|graph| graph.name.as_str()).collect();
        assert_eq!(names, ["sink-write.svg", "clients.svg"]);
        let write = &graphs[0].svg;
        assert_eq!(write.matches("<rect").count(), 3);
        assert!(!write.contains("raw"));
        assert!(write.contains(r#"width="460.0""#) && write.contains(r#"width="230.0""#), "{write}");
        assert_eq!(graphs[1].svg.matches("<rect").count(), 2);
    }

    #[test]
    fn everything_is_inside_the_picture() {
        for graph in all(&Results::parse(RESULTS).unwrap()) {
            let height: f64 = between(&graph.svg, "height=\"", "\"").parse().unwrap();
            let lowest = graph.svg.split(" y=\"").skip(1).map(|rest| between(rest, "", "\"").parse::<f64>().unwrap());
            let lowest = lowest.fold(0.0, f64::max);
            assert!(lowest < height, "{lowest} of {height}");
        }
    }

    #[test]
    fn names_do_no_harm() {
        let svg = all(&Results::parse(r#"{"row":"a/<b>&","client":"paho","per_second":1}"#).unwrap()).remove(0).svg;
        assert!(svg.contains("a/&lt;b&gt;&amp;") && !svg.contains("<b>"));
    }

    fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
        text.split_once(before).unwrap().1.split_once(after).unwrap().0
    }
}
