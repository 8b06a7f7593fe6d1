//! Reports the result of a check: as text while it runs, or as one JSON object at its end.

use serde_json::{Value as Json, json};

use super::advice::Advice;
use super::outbox::{self, Trouble};
use super::outcome::Outcome;
use super::understand::{Found, Service, facts};
use crate::cli::failure::{Exit, Result};
use crate::cli::output;
use crate::cli::terminal::harmless;
use crate::config::{Map, Value};

/// The text or the JSON object of a check.
pub(super) struct Report {
    /// The object that is printed at the end; `None` means that everything is printed at once as text.
    json: Option<Json>,
    verbose: bool,
    doubtful: bool,
}

impl Report {
    pub fn new(json: bool, verbose: bool) -> Report {
        let json = json.then(|| json!({ "file": null, "services": [], "error": null }));
        Report { json, verbose, doubtful: false }
    }

    pub fn file(&mut self, found: &Found) -> Result<()> {
        match &mut self.json {
            Some(json) => {
                json["file"] = json!(found.path.to_string_lossy());
                Ok(())
            }
            None => print(&format!(
                "configuration {} ({})\nservices      {}\n",
                found.path.display(),
                found.why,
                found.names().join(", ")
            )),
        }
    }

    pub fn service(&mut self, service: &Service) -> Result<()> {
        if let Some(json) = &mut self.json {
            if let Some(services) = json["services"].as_array_mut() {
                services.push(service_json(service));
            }
            return Ok(());
        }
        let mut text = match &service.name {
            Some(name) => format!("\nservice {name}\n"),
            None => "\nservice without a name\n".into(),
        };
        match &service.settings {
            Err(problem) => {
                for line in problem.message.lines() {
                    text.push_str(&format!("  error: {line}\n"));
                }
            }
            Ok(settings) => {
                for (name, value) in facts(service, settings) {
                    text.push_str(&format!("  {name:<15} {value}\n"));
                }
                if self.verbose {
                    text.push_str("  parameters\n");
                    tree(&mut text, &settings.visible, 2);
                }
            }
        }
        for warning in &service.warnings {
            text.push_str(&format!("  warning: {warning}\n"));
        }
        print(&text)
    }

    /// Reports the outbox of the last service.
    pub fn outbox(&mut self, finding: &outbox::Finding) -> Result<()> {
        self.doubtful |= matches!(finding.trouble, Some(Trouble::Doubt(_)));
        if let Some(json) = &mut self.json {
            let mut object = finding.json.clone();
            let (result, error, advice) = match &finding.trouble {
                None => ("ok", None, None),
                Some(Trouble::Doubt(advice)) => ("doubtful", None, Some(advice)),
                Some(Trouble::Error(error, advice)) => ("failed", Some(error), Some(advice)),
            };
            object["result"] = json!(result);
            object["error"] = json!(error);
            object["cause"] = json!(advice.map(|advice| &advice.cause));
            object["remedy"] = json!(advice.map(|advice| &advice.remedy));
            if let Some(service) = json["services"].as_array_mut().and_then(|services| services.last_mut()) {
                service["outbox"] = object;
            }
            return Ok(());
        }
        let mut text = format!("  {:<15} {}\n", "outbox", finding.facts);
        if let Some(Trouble::Error(error, _)) = &finding.trouble {
            text.push_str(&format!("    error: {error}\n"));
        }
        if let Some(Trouble::Error(_, Advice { cause, remedy }) | Trouble::Doubt(Advice { cause, remedy })) =
            &finding.trouble
        {
            text.push_str(&format!("    likely cause: {cause}\n    remedy:       {remedy}\n"));
        }
        print(&text)
    }

    /// Reports a note that the user should see beforehand.
    pub fn note(&mut self, text: &str) -> Result<()> {
        match self.json {
            Some(_) => Ok(()),
            None => print(&format!("  note: {text}\n")),
        }
    }

    /// Begins the report of one broker.
    pub fn broker(&mut self, address: &str) -> Result<()> {
        match &mut self.json {
            Some(_) => {
                if let Some(brokers) = self.last(&["services", "brokers"]) {
                    brokers.push(json!({ "broker": address, "steps": [] }));
                }
                Ok(())
            }
            None => print(&format!("\n  {address}\n")),
        }
    }

    pub fn step(&mut self, step: &str, outcome: &Outcome) -> Result<()> {
        self.doubtful |= matches!(outcome, Outcome::Doubtful(_));
        if self.json.is_some() {
            let mut object = step_json(outcome);
            object["step"] = json!(step);
            if let Some(steps) = self.last(&["services", "brokers", "steps"]) {
                steps.push(object);
            }
            return Ok(());
        }
        let mut text = match outcome {
            Outcome::Ok(time) => format!("    {step:<12} ok        {:>9.1} ms\n", ms(time)),
            Outcome::Failed(time, ..) => format!("    {step:<12} FAILED    {:>9.1} ms\n", ms(time)),
            Outcome::Doubtful(..) => format!("    {step:<12} doubtful\n"),
            Outcome::Skipped(why) => format!("    {step:<12} skipped: {why}\n"),
        };
        if let Outcome::Failed(_, error, _) = outcome {
            error.lines().for_each(|line| text.push_str(&format!("      {line}\n")));
        }
        if let Outcome::Failed(_, _, Advice { cause, remedy }) | Outcome::Doubtful(Advice { cause, remedy }) = outcome {
            text.push_str(&format!("      likely cause: {cause}\n      remedy:       {remedy}\n"));
        }
        print(&text)
    }

    /// Reports that the check could not be done.
    pub fn failed(&mut self, message: &str) {
        if let Some(json) = &mut self.json {
            json["error"] = json!(message);
        }
    }

    pub fn end(&mut self, exit: Exit) -> Result<()> {
        match &mut self.json {
            Some(json) => {
                json["ok"] = json!(exit == Exit::Done);
                print(&format!("{json}\n"))
            }
            None => print(match (exit, self.doubtful) {
                (Exit::Done, false) => "\nno problem found\n",
                (Exit::Done, true) => "\nnothing failed, but something is doubtful\n",
                (Exit::Interrupted | Exit::Terminated, _) => "\ninterrupted\n",
                _ => "\nthere are problems\n",
            }),
        }
    }

    /// Returns the innermost list behind these names, in the last object of each list before.
    fn last(&mut self, names: &[&str]) -> Option<&mut Vec<Json>> {
        let (first, rest) = names.split_first()?;
        let mut list = self.json.as_mut()?[*first].as_array_mut()?;
        for name in rest {
            list = list.last_mut()?[*name].as_array_mut()?;
        }
        Some(list)
    }
}

fn ms(time: &std::time::Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Prints a text. If its reader has gone, the check still goes on for its exit code.
fn print(text: &str) -> Result<()> {
    output::print(&harmless(text))
}

fn service_json(service: &Service) -> Json {
    let (settings, parameters, error) = match &service.settings {
        Ok(settings) => {
            let facts = facts(service, settings).into_iter().map(|(name, value)| (name.to_owned(), json!(value)));
            (Json::Object(facts.collect()), map_json(&settings.visible), Json::Null)
        }
        Err(problem) => (Json::Null, Json::Null, json!(problem.message)),
    };
    json!({
        "service": service.name,
        "settings": settings,
        "parameters": parameters,
        "error": error,
        "warnings": service.warnings,
        "outbox": null,
        "brokers": [],
    })
}

fn step_json(outcome: &Outcome) -> Json {
    match outcome {
        Outcome::Ok(time) => json!({ "result": "ok", "ms": ms(time) }),
        Outcome::Failed(time, error, Advice { cause, remedy }) => {
            json!({ "result": "failed", "ms": ms(time), "error": error, "cause": cause, "remedy": remedy })
        }
        Outcome::Doubtful(Advice { cause, remedy }) => {
            json!({ "result": "doubtful", "cause": cause, "remedy": remedy })
        }
        Outcome::Skipped(why) => json!({ "result": "skipped", "why": why }),
    }
}

/// Whether the value under this name is a payload. The library hides secrets, but payloads are private, too.
fn is_payload(name: &str) -> bool {
    name == "payload"
}

const HIDDEN: &str = "********";

fn map_json(map: &Map) -> Json {
    let hidden = || json!(HIDDEN);
    let entries = map.iter().map(|(name, value)| (name, if is_payload(name) { hidden() } else { value_json(value) }));
    Json::Object(entries.map(|(name, value)| (name.to_owned(), value)).collect())
}

fn value_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(flag) => json!(flag),
        Value::Int(number) => json!(number),
        Value::Float(number) => json!(number),
        Value::Str(text) => json!(text),
        Value::Bytes(bytes) => json!(format!("{} bytes", bytes.len())),
        Value::List(items) => Json::Array(items.iter().map(value_json).collect()),
        Value::Map(map) => map_json(map),
        Value::Encrypted(_) => json!(HIDDEN),
    }
}

/// Writes maps as indented lines, and everything else as JSON, which is also YAML.
fn tree(text: &mut String, map: &Map, depth: usize) {
    for (name, value) in map.iter() {
        let indent = "  ".repeat(depth);
        match value {
            Value::Map(inner) if !inner.is_empty() => {
                text.push_str(&format!("{indent}{name}:\n"));
                tree(text, inner, depth + 1);
            }
            _ if is_payload(name) => text.push_str(&format!("{indent}{name}: {HIDDEN}\n")),
            Value::Str(value) if is_simple(value) => text.push_str(&format!("{indent}{name}: {value}\n")),
            other => text.push_str(&format!("{indent}{name}: {}\n", value_json(other))),
        }
    }
}

/// Whether a text needs no quotes.
fn is_simple(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "_-./:*".contains(c))
}
