//! Rules for topic names and topic filters (MQTT 3.1.1, section 4.7).

/// Checks the topic of a publish.
pub(crate) fn check_name(topic: &str) -> Result<(), String> {
    check_string(topic)?;
    match topic.find(['+', '#']) {
        Some(_) => Err("the topic of a writer can't have the wildcards '+' and '#'".into()),
        None => Ok(()),
    }
}

/// Checks the topic filter of a subscription.
pub(crate) fn check_filter(filter: &str) -> Result<(), String> {
    check_string(filter)?;
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
    if topic.len() > 65_535 {
        return Err("a topic can't be longer than 65535 bytes".into());
    }
    if topic.contains(char::is_control) {
        // NUL is forbidden by MQTT; the others make brokers close the connection.
        return Err("a topic can't contain control characters".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["a", "/", "a/b", " ", "a b", "ä/日本", "$SYS/x"] {
            assert_eq!(check_name(good), Ok(()), "{good:?}");
        }
        for bad in ["", "a/+", "#", "a\0b", &"x".repeat(65_536)] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn filters() {
        for good in ["#", "+", "a/#", "+/a", "a/+/b", "/", "$share/g/t"] {
            assert_eq!(check_filter(good), Ok(()), "{good:?}");
        }
        for bad in ["", "a#", "#/a", "a/#/b", "a+", "+a/b"] {
            assert!(check_filter(bad).is_err(), "{bad:?}");
        }
    }
}
