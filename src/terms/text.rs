//! Rules for strings and binary data in packets (MQTT 5, sections 1.5.4 and 1.5.6).

/// The greatest length, because two bytes hold the length of a string or of binary data.
pub(crate) const MAX_LENGTH: usize = 65_535;

/// Checks a string. Brokers accept control characters here, unlike in user names and topics.
pub(crate) fn check(text: &str) -> Result<(), String> {
    check_data(text.as_bytes())?;
    if text.contains('\0') {
        return Err("contains NUL, which MQTT can't carry".into());
    }
    Ok(())
}

/// Checks binary data.
pub(crate) fn check_data(data: &[u8]) -> Result<(), String> {
    if data.len() > MAX_LENGTH {
        return Err(format!("longer than {MAX_LENGTH} bytes, which MQTT can't carry"));
    }
    Ok(())
}
