//! Parses YAML text to a [`Value`]. No other file names `serde_yaml`.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess};

use zeroize::Zeroizing;

use super::budget::{self, Budget};
use super::parameters::before_colon;
use super::places::Places;
use super::stand_ins::StandIns;
use super::syntax;
use super::value::{Map, Value};

/// An error in the text, with its line (from 1) if that is known.
pub(crate) struct SyntaxError {
    pub line: Option<usize>,
    pub message: String,
}

/// Parses one YAML document.
pub(crate) fn parse(text: &str) -> Result<Value, SyntaxError> {
    let root = parse_document(text)?;
    // Most texts have no anchor, and need not be read once more.
    match text.contains('&').then(|| Places::read(text).swallowed_value(text, &root)).flatten() {
        Some((line, name)) => {
            let name = if name.is_empty() { String::new() } else { format!("'{}': ", before_colon(&name)) };
            Err(SyntaxError { line: Some(line), message: format!("{name}a value that begins with '&' needs quotes") })
        }
        None => Ok(root),
    }
}

fn parse_document(original: &str) -> Result<Value, SyntaxError> {
    let (text, words) = StandIns::put(original);
    let (text, added) = with_core_tags(&text);
    let seed = NodeSeed { words: &words, budget: &Budget::new() };
    seed.deserialize(serde_yaml::Deserializer::from_str(&text)).map_err(|e| {
        let in_original = |line: usize| line.saturating_sub(added).clamp(1, original.lines().count().max(1));
        // The library ends its messages with a position of its own, which counts the lines that were added.
        let whole = words.restore(&e.to_string());
        let message = whole.split(" at line ").next().unwrap_or_default();
        let at = e.location().map(|at| in_original(at.line()));
        let text_of = |line: usize| line.checked_sub(1).and_then(|index| original.lines().nth(index));
        let (line, message) = match (message, at) {
            (syntax::MORE_DOCUMENTS, _) => (second_document(original), message),
            // The name that lacks its blank has become the beginning of a text that goes on in this line.
            (syntax::NO_MAP_HERE, Some(at)) if syntax::lacks_blank(text_of(at - 1), text_of(at)) => {
                (Some(at - 1), syntax::NO_COLON)
            }
            // The library stops where it looks for the ':', which may be lines behind the name that lacks it.
            _ => (syntax::line_of_name(&whole).map(in_original).or(at), message),
        };
        SyntaxError { line, message: syntax::explain(message, line.and_then(text_of)) }
    })
}

/// Makes `!!` a local prefix, because the library drops the tags of YAML's own schema (`!!binary`) but passes on local ones.
/// Returns the text and how many lines were put before it.
fn with_core_tags(text: &str) -> (Zeroizing<String>, usize) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let has_marker = text
        .lines()
        .take_while(|line| line.is_empty() || line.starts_with(['#', '%', ' ', '\t']) || is_marker(line))
        .any(is_marker);
    match has_marker {
        true => (["%TAG !! !core:\n", text].concat().into(), 1),
        false => (["%TAG !! !core:\n---\n", text].concat().into(), 2),
    }
}

fn is_marker(line: &str) -> bool {
    line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
}

/// The line (from 1) that begins a second document.
fn second_document(text: &str) -> Option<usize> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut has_begun = false;
    for (index, line) in text.lines().enumerate() {
        match is_marker(line) {
            true if has_begun => return Some(index + 1),
            is_marker => {
                has_begun |= is_marker
                    || !(line.starts_with('%') || line.trim_start().is_empty() || line.trim_start().starts_with('#'))
            }
        }
    }
    None
}

/// Reads a value of a document with these words and this budget.
#[derive(Clone, Copy)]
struct NodeSeed<'a> {
    words: &'a StandIns<'a>,
    budget: &'a Budget,
}

impl<'de> DeserializeSeed<'de> for NodeSeed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.budget.take_one().map_err(de::Error::custom)?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> de::Visitor<'de> for NodeSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(i64::try_from(value).map_or(Value::Float(value as f64), Value::Int))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok(Value::Float(value as f64))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Value, E> {
        Ok(Value::Float(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        self.restored(value).map(Value::Str)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        let mut merged = Vec::new();
        while let Some(name) = access.next_key_seed(NameSeed { map: &map, of: self })? {
            let value = access.next_value_seed(self)?;
            match name.as_str() {
                "<<" => merged.push(value),
                _ => {
                    budget::check_names(map.len()).map_err(de::Error::custom)?;
                    map.insert(name, value);
                }
            }
        }
        for value in merged {
            merge(&mut map, value).map_err(de::Error::custom)?;
        }
        Ok(Value::Map(map))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<Value, A::Error> {
        let (tag, content) = access.variant::<String>()?;
        match tag.as_str() {
            "sinetstream/encrypted" => Ok(Value::Encrypted(self.text(content)?)),
            "core:binary" => {
                let text = Zeroizing::new(self.text(content)?);
                decode_base64(&text)
                    .map(Value::Bytes)
                    .ok_or_else(|| de::Error::custom("the text after !!binary is not Base64"))
            }
            "core:str" => Ok(Value::Str(self.text(content)?)),
            "core:null" | "core:bool" | "core:int" | "core:float" | "core:seq" | "core:map" => {
                content.newtype_variant_seed(self)
            }
            // The tag is not quoted: it may be a password that lacks its quotes.
            _ => Err(de::Error::custom("unknown tag; a value that begins with '!' needs quotes")),
        }
    }
}

impl NodeSeed<'_> {
    /// Returns the text behind a tag, as it was written.
    fn text<'de, A: VariantAccess<'de>>(self, content: A) -> Result<String, A::Error> {
        self.budget.take_one().map_err(de::Error::custom)?;
        self.restored(&content.newtype_variant::<String>()?)
    }

    /// Restores the words of the text, and counts it against the budget.
    fn restored<E: de::Error>(self, text: &str) -> Result<String, E> {
        self.budget.take_text(self.words.length(text)).map_err(E::custom)?;
        Ok(self.words.restore(text))
    }
}

/// Reads the name of an entry as a string (`1:` is a name too); a name that the map has already is an error.
struct NameSeed<'a> {
    map: &'a Map,
    of: NodeSeed<'a>,
}

impl<'de> DeserializeSeed<'de> for NameSeed<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> de::Visitor<'de> for NameSeed<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<String, E> {
        self.of.budget.take_one().map_err(E::custom)?;
        let name = self.of.restored(name)?;
        match self.map.get(&name) {
            Some(_) => Err(E::custom(format!("'{}' is given twice", before_colon(&name)))),
            None => Ok(name),
        }
    }

    fn visit_i64<E: de::Error>(self, name: i64) -> Result<String, E> {
        self.visit_str(&name.to_string())
    }

    fn visit_u64<E: de::Error>(self, name: u64) -> Result<String, E> {
        self.visit_str(&name.to_string())
    }

    fn visit_f64<E: de::Error>(self, name: f64) -> Result<String, E> {
        self.visit_str(&name.to_string())
    }

    fn visit_bool<E: de::Error>(self, name: bool) -> Result<String, E> {
        self.visit_str(&name.to_string())
    }
}

/// Applies `<<: *other` (YAML 1.1 merge key): adds the names that the map does not have itself; in a list, an earlier map wins.
fn merge(map: &mut Map, value: Value) -> Result<(), String> {
    match value {
        Value::Map(other) => {
            for (name, value) in other.iter() {
                if map.get(name).is_none() {
                    budget::check_names(map.len())?;
                    map.insert(name, value.clone());
                }
            }
            Ok(())
        }
        Value::List(others) => others.into_iter().try_for_each(|other| match other {
            Value::Map(_) => merge(map, other),
            _ => Err("'<<' expects maps".into()),
        }),
        _ => Err("'<<' expects a map or a list of maps".into()),
    }
}

fn decode_base64(text: &str) -> Option<Vec<u8>> {
    use base64ct::{Base64, Encoding};
    let compact: Zeroizing<String> = text.split_ascii_whitespace().collect::<Vec<&str>>().concat().into();
    Base64::decode_vec(&compact).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(text: &str, path: &[&str]) -> Option<usize> {
        let path: Vec<String> = path.iter().map(|part| part.to_string()).collect();
        Places::read(text).line_of(&path)
    }

    /// Parses the text without stand-ins; an error gives its line.
    fn as_it_is(text: &str) -> Result<Value, Option<usize>> {
        let (text, _) = with_core_tags(text);
        let parsed = NodeSeed { words: &StandIns::none(), budget: &Budget::new() }
            .deserialize(serde_yaml::Deserializer::from_str(&text));
        parsed.map_err(|e| e.location().map(|at| at.line()))
    }

    fn with_stand_ins(text: &str) -> Result<Value, Option<usize>> {
        let (text, words) = StandIns::put(text);
        let (text, _) = with_core_tags(&text);
        let parsed =
            NodeSeed { words: &words, budget: &Budget::new() }.deserialize(serde_yaml::Deserializer::from_str(&text));
        parsed.map_err(|e| e.location().map(|at| at.line()))
    }

    #[test]
    fn stand_ins_change_nothing() {
        for text in [
            include_str!("../../tests/data/guide.yml"),
            include_str!("../../tests/data/services_v1.yml"),
            include_str!("../../tests/data/services_v2.yml"),
            include_str!("../../tests/data/services_v3.yml"),
            "a: [true, True, false, null, ~, yes, 1, 1.5, 1e5, 1.5E-3, 0x1F, 0o17, 0b1, .inf, -.INF, 1_000, 12ab, e5, -1, +7]",
            "a: ['true', \"null\", '12', \"1e5\", '0x1F', ' 1', \"1\\x41b\\u0041c\\U00000041d\\n\\e\", 'it''s', \"a\\\n  b\"]",
            "a: !!binary aGVsbG8=\nb: !sinetstream/encrypted |\n  AAEB\n  AQ==\nc: !!str 12\nd: !!int 3\ne: !unknown x",
            "a: &anchor {b: word}\nc: *anchor\nd:\n  <<: *anchor\n  e: word",
            "%YAML 1.2\n---\na: |2-\n    two\n   words\nb: >+\n  folded\n  text\n\nc: plain\n  goes on",
            "a: 1\na: 2",
            "\u{feff}näme: wört # comment\n'quoted name': C:\\new\\x1\n? complex\n: value",
        ] {
            assert!(with_stand_ins(text) == as_it_is(text), "{text}");
        }
    }

    /// When there are no stand-in characters left, the remaining words stay as they are.
    #[test]
    fn stand_ins_run_out_without_harm() {
        // Each value has two words: with one word each, no document has enough values to use up the characters.
        let text: String = (0..70_000).map(|number| format!("- w{number} x{number}\n")).collect();
        let Ok(Value::List(items)) = with_stand_ins(&text) else { panic!("a list") };
        assert!(items.iter().enumerate().all(|(number, item)| *item == Value::Str(format!("w{number} x{number}"))));
    }

    #[test]
    fn the_library_sees_no_word_of_a_password() {
        for password in
            ["correct-horse", "a1b2c3d4e5", "3e8f-1234-pass", "ünïcode", "x\\nword", "'12345678'", "\"1e5\""]
        {
            let text =
                format!("# {password}\na: {password}\nb: !!str {password}\nc: [{password}]\nd: |\n  {password}\n");
            let (seen, words) = StandIns::put(&text);
            assert_eq!(words.restore(&seen), text);
            for word in password.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 4) {
                assert!(!seen.contains(word), "{}", *seen);
            }
        }
    }

    #[test]
    fn the_line_of_the_deepest_part_that_is_there() {
        let text = "a:\n  b: 1\n  list:\n    - x\n    - y: 2\n      z: 3\nc: {d: 4,\n e: 5}\n";
        for (path, expected) in [
            (&["a"][..], Some(1)),
            (&["a", "b"], Some(2)),
            (&["a", "missing"], Some(1)),
            (&["a", "list"], Some(3)),
            (&["a", "list", "0"], Some(4)),
            (&["a", "list", "1", "z"], Some(6)),
            (&["c", "d"], Some(7)),
            (&["c", "e"], Some(8)),
            (&["missing", "b"], None),
            (&[], None),
        ] {
            assert_eq!(line(text, path), expected, "{path:?}");
        }
        let stopped = "s:\n  k: \"two\nlines\"\n  qos: 9\nt: {}\n";
        assert_eq!(line(stopped, &["s"]), Some(1));
        assert_eq!(line(stopped, &["s", "qos"]), None, "rather than a wrong one");
        let aliased = "a: &a\n  b: 1\nc: *a\n? [x, y]\n: 1\nd:\n- &e {f: 2}\n- *e\n";
        for (path, expected) in
            [(&["c"][..], 3), (&["c", "b"], 2), (&["c", "x"], 3), (&["d", "1", "f"], 7), (&["d", "1"], 8)]
        {
            assert_eq!(line(aliased, path), Some(expected), "{path:?}");
        }
    }

    #[test]
    fn values_have_their_types() {
        let text = "[~, true, 7, -1, 1.5, text, '7', !!binary AP8=, !!str 7, !sinetstream/encrypted QQ==, [], {a: b}]";
        let Ok(Value::List(items)) = parse(text).map_err(|e| e.message) else { panic!("not a list") };
        let expected = [
            Value::Null,
            Value::Bool(true),
            Value::Int(7),
            Value::Int(-1),
            Value::Float(1.5),
            Value::from("text"),
            Value::from("7"),
            Value::Bytes(vec![0, 0xFF]),
            Value::from("7"),
            Value::Encrypted("QQ==".into()),
            Value::List(vec![]),
            Value::from([("a", "b")]),
        ];
        assert!(items == expected, "{items:?}");
    }

    #[test]
    fn an_anchor_is_no_value() {
        for (text, line, name) in [
            ("a: &secret", 1, "a"),
            ("x: 1\na: &secret   # a comment\nb: 2", 2, "a"),
            ("{user: u, a: &secret}", 1, "a"),
            ("a: [1, &secret, 2]", 1, "a"),
            ("a:\n  - b: 1\n    c: &s-3_c\n", 3, "c"),
            ("&secret", 1, ""),
            ("a: &secret:x", 1, "a"),
            ("topic: &n\nx: &name 1\ny: *name\n", 1, "topic"),
            // The other parser stops at the second line.
            ("k: \"two\nlines\"\nq: 1\n'a': &secret  # a comment\n", 4, "a"),
            ("k: \"two\nlines\"\nl:\n- a: &se:cret\n", 4, "a"),
            ("a: &secret\nk: \"two\nlines\"\n", 1, "a"),
        ] {
            let Err(error) = parse(text) else { panic!("{text}") };
            assert_eq!(error.line, Some(line), "{text}");
            assert!(error.message.contains("begins with '&' needs quotes") && !error.message.contains("secret"));
            assert!(error.message.contains(&format!("'{name}'")) || name.is_empty(), "{}", error.message);
        }
        for text in [
            "a:\n  tls: &t\n    ca: x\nb:\n  tls:\n  username_pw: ~\n",
            "a: &t\n- 1\nb:",
            "a: &t |\n  text &secret\nb:",
            "a: &n\nb: *n",
            "a: &t 5\nb: ~",
            "a: 'x &secret:y'\nb: \"x &secret:y\"\nc: 1 # &secret:y\nd: |\n  &secret:y\n  x &secret@y\n",
            "n: &none\nk: \"two\nlines\"\na: *none\n",
            "k: \"two\nlines\"\nn: &none\na: *none\nb:\n  c: &t\n    d: 1\n",
            "k: \"two\na: &secret\"\n",
            "a: '&secret'\nb: \"&secret\"\nc: x &secret\nd: x&y\ne: # &secret\n",
        ] {
            assert!(parse(text).is_ok(), "{text}");
        }
    }

    proptest! {
        /// The text may be made of anything.
        #[test]
        fn stand_ins_never_change_anything(text in "([ab]|true|[0-9]{1,3}|e|0x|word|:|: |\n|\n  |- |'|\"|\\\\|\\\\x41|\\||>|[!&*%]|!!|!!str |!!binary |\\[|\\]|\\{|\\}|,|#| |\\.|<<|---|\u{e4}){0,24}") {
            prop_assert!(with_stand_ins(&text).ok() == as_it_is(&text).ok());
        }

        #[test]
        fn any_text_is_a_value_or_an_error_on_a_line_of_it(text in "[ -~\\n\\t\u{e9}]{0,80}") {
            if let Err(error) = parse(&text) {
                prop_assert!(error.line.is_none_or(|line| line <= text.lines().count().max(1)), "{:?}", error.line);
            }
            let _ = line(&text, &["a", "b"]);
        }
    }
}
