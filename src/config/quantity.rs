//! Numbers with a unit, as people write them: `50 ms`, `7 days`, `1 GiB`.

use std::time::Duration;

use super::value::Value;

const TIMES: &[(&[&str], f64)] = &[
    (&["", "s", "second", "seconds"], 1.0),
    (&["ms", "millisecond", "milliseconds"], 0.001),
    (&["min", "minute", "minutes"], 60.0),
    (&["h", "hour", "hours"], 3600.0),
    (&["d", "day", "days"], 86_400.0),
];

const SIZES: &[(&[&str], f64)] = &[
    (&["", "B", "byte", "bytes"], 1.0),
    (&["kB"], 1e3),
    (&["MB"], 1e6),
    (&["GB"], 1e9),
    (&["TB"], 1e12),
    (&["KiB"], 1024.0),
    (&["MiB"], 1_048_576.0),
    (&["GiB"], 1_073_741_824.0),
    (&["TiB"], 1_099_511_627_776.0),
];

/// Reads a time; a number without a unit means seconds.
pub(super) fn time(value: &Value) -> Option<Duration> {
    Duration::try_from_secs_f64(number(value, TIMES)?).ok()
}

/// Reads a number of bytes, with or without a unit.
pub(super) fn bytes(value: &Value) -> Option<i64> {
    match value {
        Value::Int(bytes) => Some(*bytes),
        _ => {
            let bytes = number(value, SIZES)?;
            // Above this, a floating-point number does not represent every whole number.
            (bytes.fract() == 0.0 && bytes.abs() < 9e15).then_some(bytes as i64)
        }
    }
}

fn number(value: &Value, units: &[(&[&str], f64)]) -> Option<f64> {
    match value {
        Value::Int(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        Value::Str(text) => {
            let text = text.trim();
            let end = text.find(|c: char| c.is_alphabetic()).unwrap_or(text.len());
            let (number, unit) = text.split_at(end);
            let (_, factor) = units.iter().find(|(names, _)| names.contains(&unit))?;
            Some(number.trim_end().parse::<f64>().ok()? * factor)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units_or_are_seconds() {
        for (written, milliseconds) in
            [("50 ms", 50), ("50ms", 50), (" 1.5 s ", 1500), ("2", 2000), ("2 min", 120_000), ("7 days", 604_800_000)]
        {
            assert_eq!(time(&written.into()), Some(Duration::from_millis(milliseconds)), "{written}");
        }
        assert_eq!(time(&Value::Int(3)), Some(Duration::from_secs(3)));
        assert_eq!(time(&Value::Float(0.5)), Some(Duration::from_millis(500)));
        for wrong in ["", "ms", "1 MiB", "-1 s", "inf", "nan", "1 e3", "1 2 s", "1 s s"] {
            assert_eq!(time(&wrong.into()), None, "{wrong}");
        }
    }

    #[test]
    fn sizes_have_units_or_are_bytes() {
        for (written, size) in [
            ("1 GiB", 1 << 30),
            ("1GiB", 1 << 30),
            ("65536", 65_536),
            ("1.5 KiB", 1536),
            ("2 MB", 2_000_000),
            ("7 bytes", 7),
        ] {
            assert_eq!(bytes(&written.into()), Some(size), "{written}");
        }
        assert_eq!(bytes(&Value::Int(i64::MAX)), Some(i64::MAX));
        assert_eq!(bytes(&Value::Float(2.0)), Some(2));
        for wrong in ["", "1 s", "0.5", "1 gib", "GiB", "inf"] {
            assert_eq!(bytes(&wrong.into()), None, "{wrong}");
        }
        assert_eq!(bytes(&Value::Float(1e300)), None);
    }
}
