//! Finds the lines of the names and values of a YAML text, for error messages, and values that YAML took for an anchor.
//! `serde_yaml` reports neither; `saphyr_parser` reports events with their positions. Only lines come from here: the meaning of
//! the text is what `serde_yaml` says, which has accepted it before.

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::stand_ins::StandIns;

/// `serde_yaml` accepts no text with more levels than this.
const MAX_DEPTH: usize = 200;

/// The nodes of a document; the first one is its root.
pub(super) struct Places {
    nodes: Vec<Node>,
    swallowed: Vec<Swallowed>,
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
        let mut places = Places { nodes: Vec::new(), swallowed: Vec::new() };
        let mut anchored = HashMap::new();
        let mut aliases = HashSet::new();
        let mut open: Vec<Open> = Vec::new();
        let mut events = Parser::new_from_str(&text);
        while let Some(Ok((event, span))) = events.next_event() {
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
                break;
            }
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
        let mut node = self.nodes.first()?;
        let mut found = None;
        for part in path {
            if let Content::Alias(of) = node.content {
                node = &self.nodes[of];
            }
            let next = match &node.content {
                Content::Map(entries) => {
                    entries.iter().find(|(name, ..)| name == part).map(|(_, line, to)| (*line, *to))
                }
                Content::List(items) => {
                    part.parse().ok().and_then(|index: usize| items.get(index)).map(|to| (self.nodes[*to].line, *to))
                }
                Content::Alias(_) | Content::Scalar => None,
            };
            let Some((line, to)) = next else { break };
            found = Some(line);
            node = &self.nodes[to];
        }
        found
    }

    /// Returns the line (from 1) of a value that YAML took for an anchor, and its name; an item of a list has the list's name.
    pub fn swallowed_value(&self) -> Option<(usize, &str)> {
        self.swallowed.first().map(|swallowed| (swallowed.line, swallowed.name.as_str()))
    }
}

impl Open {
    /// Returns the name to which the next value belongs.
    fn name_of_value(&self) -> &str {
        self.name.as_ref().map_or(&self.inside, |(name, _)| name)
    }
}
