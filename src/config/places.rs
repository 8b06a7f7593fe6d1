//! Finds the lines of the names and values of a YAML text, for error messages, and values that YAML took for an anchor.
//! `serde_yaml` reports neither; `saphyr_parser` reports events with their positions. Only lines come from here: the meaning of
//! the text is what `serde_yaml` says, which has accepted it before.

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::stand_ins::StandIns;
use super::value::Value;

/// `serde_yaml` accepts no text with more levels than this.
const MAX_DEPTH: usize = 200;

/// The nodes of a document; the first one is its root.
pub(super) struct Places {
    nodes: Vec<Node>,
    swallowed: Vec<Swallowed>,
    /// The line on which this parser stopped before the end: YAML 1.2 forbids some texts that `serde_yaml` accepts, such as a
    /// quoted value whose next line is not indented.
    stopped: Option<usize>,
    /// The maps and lists that had not ended there.
    cut: HashSet<usize>,
}

struct Node {
    line: usize,
    content: Content,
}

enum Content {
    /// The names, each with its line and the node of its value.
    Map(Vec<(String, usize, usize)>),
    List(Vec<usize>),
    /// The node for which an alias stands.
    Alias(usize),
    Scalar,
}

/// An anchor with no value behind it that no alias names: `password: &secret`.
struct Swallowed {
    anchor: usize,
    line: usize,
    name: String,
}

/// A map or a list that has not ended yet.
struct Open {
    node: usize,
    /// In a map, the name that was read last, and its line, until its value comes. A name that is a list or a map is kept as an
    /// empty string.
    name: Option<(String, usize)>,
    /// The name whose value this is.
    inside: String,
}

impl Places {
    /// Reads the text once. If this parser stops early, later places are unknown.
    pub fn read(text: &str) -> Places {
        let (text, words) = StandIns::put(text);
        let mut places = Places { nodes: Vec::new(), swallowed: Vec::new(), stopped: None, cut: HashSet::new() };
        let mut anchored = HashMap::new();
        let mut aliases = HashSet::new();
        let mut open: Vec<Open> = Vec::new();
        let mut events = Parser::new_from_str(&text);
        while let Some(event) = events.next_event() {
            let (event, span) = match event {
                Ok(event) => event,
                Err(error) => {
                    places.stopped = Some(error.marker().line());
                    break;
                }
            };
            let line = span.start.line();
            let (anchor, scalar, content) = match event {
                Event::Scalar(text, style, anchor, tag) => {
                    let is_empty = text.is_empty() && style == ScalarStyle::Plain && tag.is_none();
                    if anchor > 0 && is_empty {
                        let name = open.last().map_or("", Open::name_of_value).to_owned();
                        places.swallowed.push(Swallowed { anchor, line, name });
                    }
                    (anchor, text, Content::Scalar)
                }
                Event::Alias(anchor) => {
                    aliases.insert(anchor);
                    (0, "".into(), anchored.get(&anchor).map_or(Content::Scalar, |node| Content::Alias(*node)))
                }
                Event::SequenceStart(anchor, _) => (anchor, "".into(), Content::List(Vec::new())),
                Event::MappingStart(anchor, _) => (anchor, "".into(), Content::Map(Vec::new())),
                Event::SequenceEnd | Event::MappingEnd => {
                    open.pop();
                    continue;
                }
                Event::DocumentEnd => break,
                _ => continue,
            };
            let node = places.nodes.len();
            let inside = open.last().map_or("", Open::name_of_value).to_owned();
            let begins = matches!(content, Content::List(_) | Content::Map(_));
            places.nodes.push(Node { line, content });
            if anchor > 0 {
                anchored.insert(anchor, node);
            }
            if let Some(parent) = open.last_mut() {
                // Only names are kept: a value may be a secret, of which no copy is made here.
                places.put_into(parent, node, line, || words.restore(&scalar));
            }
            if begins {
                open.push(Open { node, name: None, inside });
            }
            if open.len() > MAX_DEPTH {
                places.stopped = Some(line);
                break;
            }
        }
        if places.stopped.is_some() {
            places.cut = open.iter().map(|open| open.node).collect();
        }
        places.swallowed.retain(|swallowed| !aliases.contains(&swallowed.anchor));
        places
    }

    fn put_into(&mut self, parent: &mut Open, node: usize, line: usize, name: impl FnOnce() -> String) {
        match &mut self.nodes[parent.node].content {
            Content::List(items) => items.push(node),
            Content::Map(entries) => match parent.name.take() {
                Some((name, line)) => entries.push((name, line, node)),
                None => parent.name = Some((name(), line)),
            },
            Content::Alias(_) | Content::Scalar => {}
        }
    }

    /// Returns the line (from 1) of the deepest element of `path` that the text has. The parts of the path are names, or
    /// indexes of lists.
    pub fn line_of(&self, path: &[String]) -> Option<usize> {
        let mut node = 0;
        let mut found = None;
        for part in path {
            if let Content::Alias(of) = self.nodes.get(node)?.content {
                node = of;
            }
            let next = match &self.nodes.get(node)?.content {
                Content::Map(entries) => {
                    entries.iter().find(|(name, ..)| name == part).map(|(_, line, to)| (*line, *to))
                }
                Content::List(items) => {
                    part.parse().ok().and_then(|index: usize| items.get(index)).map(|to| (self.nodes[*to].line, *to))
                }
                Content::Alias(_) | Content::Scalar => None,
            };
            let Some((line, to)) = next else {
                // The part that was not read may have it.
                return found.filter(|_| !self.cut.contains(&node));
            };
            found = Some(line);
            node = to;
        }
        found
    }

    /// Returns the line (from 1) of a value that YAML took for an anchor, and its name; an item of a list has the list's name.
    /// `root` is what `serde_yaml` made of the text.
    pub fn swallowed_value(&self, text: &str, root: &Value) -> Option<(usize, String)> {
        let Some(stopped) = self.stopped else {
            return self.swallowed.first().map(|swallowed| (swallowed.line, swallowed.name.clone()));
        };
        // Aliases may stand in the part that was not read, so there the words of each line decide, and what became of them.
        anchors_at_ends_of_lines(text)
            .filter(|(line, ..)| *line >= stopped || self.swallowed.iter().any(|swallowed| swallowed.line == *line))
            .filter(|(_, _, anchor)| !text.contains(&format!("*{anchor}")))
            .find(|(_, name, _)| has_nothing(root, name))
            .map(|(line, name, _)| (line, name.to_owned()))
    }
}

/// Lines that end with `name: &anchor`, or a comment after that: their number from 1, the name and the anchor.
fn anchors_at_ends_of_lines(text: &str) -> impl Iterator<Item = (usize, &str, &str)> {
    text.lines().enumerate().filter_map(|(index, line)| {
        let (name, value) = line.split_once(": ")?;
        let anchor = value.trim_start().strip_prefix('&')?;
        let (anchor, rest) = anchor.split_once(char::is_whitespace).unwrap_or((anchor, ""));
        let is_end = rest.trim().is_empty() || rest.trim_start().starts_with('#');
        is_end.then(|| (index + 1, name.trim_start_matches([' ', '\t', '-']).trim_matches(['\'', '"', ' ']), anchor))
    })
}

/// Returns whether somewhere a value of this name is nothing, or the rest of an anchor with a colon in it.
fn has_nothing(value: &Value, name: &str) -> bool {
    match value {
        Value::Map(map) => map.iter().any(|(own, value)| {
            let is_nothing = match value {
                Value::Null => true,
                Value::Str(text) => text.starts_with(':'),
                _ => false,
            };
            own == name && is_nothing || has_nothing(value, name)
        }),
        Value::List(items) => items.iter().any(|item| has_nothing(item, name)),
        _ => false,
    }
}

impl Open {
    /// Returns the name to which the next value belongs.
    fn name_of_value(&self) -> &str {
        self.name.as_ref().map_or(&self.inside, |(name, _)| name)
    }
}
