//! Rules for topic names and topic filters (MQTT 3.1.1, section 4.7).

use super::text;

/// The prefix of a shared subscription (MQTT 5, section 4.8.2; many brokers support it for 3.1.1 as well).
const SHARED: &str = "$share/";

/// Checks the topic of a publish, or of the answer to one. `whose` begins what is said of a wrong one, as "the topic of a writer".
pub(crate) fn check_name(topic: &str, whose: &str) -> Result<(), String> {
    check_string(topic)?;
    if topic.contains(['+', '#']) {
        return Err(format!("{whose} can't have the wildcards '+' and '#'"));
    }
    match topic.starts_with(SHARED) {
        true => Err(format!("{whose} can't be a shared subscription; leave out '$share/' and the group")),
        false => Ok(()),
    }
}

/// Checks the topic filter of a subscription.
pub(crate) fn check_filter(filter: &str) -> Result<(), String> {
    check_string(filter)?;
    let mut filter = filter;
    if let Some(shared) = filter.strip_prefix(SHARED) {
        filter = match shared.split_once('/') {
            Some((group, filter)) if !group.is_empty() && !group.contains(['+', '#']) && !filter.is_empty() => filter,
            _ => return Err("expected $share/group/topic, the group without wildcards".into()),
        };
    }
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        match level {
            "#" if levels.peek().is_some() => return Err("the wildcard '#' must be the last level".into()),
            "#" | "+" => {}
            level if level.contains(['+', '#']) => {
                return Err("the wildcards '+' and '#' must be a whole level".into());
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_string(topic: &str) -> Result<(), String> {
    if topic.is_empty() {
        return Err("a topic can't be empty".into());
    }
    text::check(topic).map_err(|why| format!("a topic {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["a", "/", "a/b", " ", "a b", "ä/日本", "$SYS/x"] {
            assert_eq!(check_name(good, "it"), Ok(()), "{good:?}");
        }
        for bad in ["", "a/+", "#", "a\0b", "$share/g/t", &"x".repeat(65_536)] {
            assert!(check_name(bad, "it").is_err(), "{bad:?}");
        }
        let told = |topic: &str| check_name(topic, "it").expect_err("a wrong topic");
        assert_eq!(told("a\0b"), "a topic contains a control character, which brokers refuse");
        assert_eq!(told(&"x".repeat(65_536)), "a topic is longer than 65535 bytes, which MQTT can't carry");
    }

    #[test]
    fn filters() {
        for good in ["#", "+", "a/#", "+/a", "a/+/b", "/", "$share/g/t", "$share/g/#", "$share/g//", "$share"] {
            assert_eq!(check_filter(good), Ok(()), "{good:?}");
        }
        for bad in
            ["", "a#", "#/a", "a/#/b", "a+", "+a/b", "$share/g", "$share/g/", "$share//t", "$share/+/t", "$share/g/a#"]
        {
            assert!(check_filter(bad).is_err(), "{bad:?}");
        }
    }
}
