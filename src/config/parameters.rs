//! Every parameter that SINETStream's documentation or libraries know, and how this version treats it.

/// The treatment of a known parameter.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Support {
    /// It works.
    Built,
    /// It is refused, because leaving it out would change what the user asked for. The text names the feature to which it
    /// belongs.
    NotBuilt(&'static str),
    /// It has no effect here; a warning says why.
    NoEffect(&'static str),
}

use Support::{Built, NoEffect, NotBuilt};

/// The parameters of a service, under the names that the rest of the crate uses. A parameter inside a map that is a service
/// parameter itself, and has no meaning as a whole, is `map.name`.
pub(crate) const PARAMETERS: &[(&str, Support)] = &[
    ("type", Built),
    ("brokers", Built),
    ("topic", Built),
    ("topics", NoEffect("use 'topic', which takes a list")),
    ("client_id", Built),
    ("consistency", Built),
    ("qos", Built),
    ("retain", Built),
    ("value_type", Built),
    ("value_serializer", Built),
    ("value_deserializer", Built),
    ("max_image_pixels", Built),
    ("receive_timeout_ms", Built),
    ("write_timeout_ms", Built),
    ("close_timeout_ms", Built),
    ("message_format", Built),
    ("user_data_only", Built),
    ("data_compression", Built),
    ("compression", Built),
    ("data_encryption", Built),
    ("crypto", Built),
    ("tls", Built),
    ("tls_insecure", Built),
    ("require_tls", Built),
    ("username_pw", Built),
    ("clean_session", Built),
    ("protocol", Built),
    ("transport", Built),
    ("max_inflight_messages", Built),
    ("no_config", Built),
    ("connect.keepalive", Built),
    ("connect.connection_timeout", Built),
    ("connect.automatic_reconnect", Built),
    ("connect.retry_first", Built),
    ("connect.retry_login", Built),
    ("connect.max_reconnect_delay", NoEffect("use 'reconnect_delay' with 'max_delay'")),
    ("connect.executor_service_timeout", NoEffect("there is no such thread pool")),
    ("connect.use_subscription_identifiers", NoEffect("a message is found by its topic")),
    ("connect.send_reason_messages", NoEffect("a client has no reasons to give")),
    ("reconnect_delay", Built),
    ("outbox", Built),
    ("max_queued_messages", Built),
    ("max_queued_bytes", Built),
    ("max_received_messages", Built),
    ("max_received_bytes", Built),
    ("acknowledge", Built),
    ("processed_tries", Built),
    ("message_retry", NoEffect("MQTT sends a message again only after a reconnect")),
    ("thread_pool_num", NoEffect("no thread pool is needed")),
    ("will", Built),
    ("ws_options", Built),
    ("proxy", Built),
    ("clean_start", Built),
    ("session_expiry_interval", Built),
    ("receive_maximum", Built),
    ("maximum_packet_size", Built),
    ("topic_alias_maximum", Built),
    ("request_response_info", Built),
    ("request_problem_info", Built),
    ("user_property", Built),
    ("auth_method", Built),
    ("auth_data", Built),
    ("message_properties", Built),
    ("config_name", Built),
    ("auth_file", Built),
    ("config_ca_certs", Built),
    ("private_key_file", Built),
    ("http_transport", NotBuilt("a transport of your own for the configuration server")),
];

/// The parameters that this library reads when a program brings the messaging system along. All others are for that system.
pub(crate) const COMMON: &[&str] = &[
    "type",
    "topic",
    "topics",
    "client_id",
    "consistency",
    "value_type",
    "value_serializer",
    "value_deserializer",
    "max_image_pixels",
    "receive_timeout_ms",
    "write_timeout_ms",
    "close_timeout_ms",
    "message_format",
    "user_data_only",
    "data_compression",
    "compression",
    "data_encryption",
    "crypto",
    "no_config",
    "config_name",
    "auth_file",
    "config_ca_certs",
    "private_key_file",
    "http_transport",
];

/// The names inside `tls`.
pub(crate) const TLS: &[(&str, Support)] = &[
    ("ca_certs", Built),
    ("check_hostname", Built),
    ("allow_common_name", Built),
    ("pin_sha256", Built),
    ("crl_file", Built),
    ("ca_certs_data", Built),
    ("certfile", Built),
    ("certfile_data", Built),
    ("keyfile", Built),
    ("keyfile_data", Built),
    ("keyfilePassword", Built),
    ("keyfile_password", Built),
    ("pkcs11", Built),
    ("trustStore", Built),
    ("trustStoreType", Built),
    ("trustStorePassword", Built),
    ("trustStore_data", Built),
    ("keyStore", Built),
    ("keyStoreType", Built),
    ("keyStorePassword", Built),
    ("keyStoreAlias", Built),
    ("keyStore_data", Built),
    ("ciphers", Built),
    ("tls_version", Built),
    ("cert_reqs", Built),
    ("alpn", Built),
];

/// The names inside `pkcs11` of `tls`.
pub(crate) const PKCS11: &[(&str, Support)] = &[
    ("module", Built),
    ("token", Built),
    ("serial", Built),
    ("label", Built),
    ("id", Built),
    ("pin", Built),
    ("pin_file", Built),
];

/// The names inside `username_pw`.
pub(crate) const USERNAME_PW: &[(&str, Support)] = &[("username", Built), ("password", Built)];

/// The names inside `tls_insecure`.
pub(crate) const TLS_INSECURE: &[(&str, Support)] = &[("value", Built)];

/// The names inside `ws_options`.
pub(crate) const WS_OPTIONS: &[(&str, Support)] = &[("path", Built), ("headers", Built)];

/// The names inside `proxy`.
pub(crate) const PROXY: &[(&str, Support)] = &[
    ("proxy_type", Built),
    ("proxy_addr", Built),
    ("proxy_port", Built),
    ("proxy_username", Built),
    ("proxy_password", Built),
    ("proxy_rdns", NoEffect("the proxy looks up the names of brokers")),
];

/// The names inside `reconnect_delay`.
pub(crate) const RECONNECT_DELAY: &[(&str, Support)] = &[("min_delay", Built), ("max_delay", Built)];

/// The names inside `outbox`.
pub(crate) const OUTBOX: &[(&str, Support)] = &[
    ("directory", Built),
    ("accept", Built),
    ("sync", Built),
    ("max_bytes", Built),
    ("overflow", Built),
    ("max_age", Built),
];

/// The names inside `max_queued_messages`.
pub(crate) const MAX_QUEUED_MESSAGES: &[(&str, Support)] = &[("queue_size", Built)];

/// The names inside `max_inflight_messages`.
pub(crate) const MAX_INFLIGHT_MESSAGES: &[(&str, Support)] = &[("inflight", Built)];

/// The names inside `will`.
pub(crate) const WILL: &[(&str, Support)] = &[
    ("topic", Built),
    ("payload", Built),
    ("qos", Built),
    ("consistency", Built),
    ("retain", Built),
    ("delay_interval", Built),
    ("value_type", Built),
    ("value_serializer", Built),
    ("message_format", Built),
    ("message_properties", Built),
    ("user_data_only", Built),
    ("data_compression", Built),
    ("compression", Built),
    ("data_encryption", Built),
    ("crypto", Built),
];

/// The names inside `compression`.
pub(crate) const COMPRESSION: &[(&str, Support)] = &[
    ("algorithm", Built),
    ("level", Built),
    ("max_decompressed_bytes", Built),
    ("gzip", NoEffect("use 'level'")),
    ("zstd", NoEffect("use 'level'")),
    ("lz4", NoEffect("this library's lz4 has no options")),
];

/// The names inside `crypto`.
pub(crate) const CRYPTO: &[(&str, Support)] = &[
    ("algorithm", Built),
    ("key_length", Built),
    ("mode", Built),
    ("segment_bits", Built),
    ("padding", Built),
    ("bind_topic", Built),
    ("key_derivation", Built),
    ("password", Built),
    ("key", Built),
    ("_keys", Built),
    ("data_encryption", NoEffect("it belongs beside 'crypto', not into it")),
];

/// The names inside `key_derivation` of `crypto`.
pub(crate) const KEY_DERIVATION: &[(&str, Support)] =
    &[("algorithm", Built), ("salt_bytes", Built), ("iteration", Built), ("prf", Built), ("budget_ms", Built)];

/// The names inside `message_properties`.
pub(crate) const MESSAGE_PROPERTIES: &[(&str, Support)] = &[
    ("payload_format_indicator", Built),
    ("message_expiry_interval", Built),
    ("content_type", Built),
    ("response_topic", Built),
    ("correlation_data", Built),
    ("user_property", Built),
];

/// Returns the crate's name of a parameter as it was written: the suffix `_set` of paho's methods is dropped, and the two
/// places of the connection's parameters become one.
pub(crate) fn canonical(written: &str) -> &str {
    match written {
        "tls_set" => "tls",
        "tls_insecure_set" => "tls_insecure",
        "username_pw_set" => "username_pw",
        "will_set" => "will",
        "ws_set_options" | "ws_options_set" => "ws_options",
        "reconnect_delay_set" => "reconnect_delay",
        "max_inflight_messages_set" => "max_inflight_messages",
        "max_queued_messages_set" => "max_queued_messages",
        "message_retry_set" => "message_retry",
        "proxy_set" => "proxy",
        "keepalive" => "connect.keepalive",
        "connection_timeout" => "connect.connection_timeout",
        other => other,
    }
}

/// Returns the treatment of `name`; `None` if the name is unknown.
pub(crate) fn support(table: &[(&str, Support)], name: &str) -> Option<Support> {
    table.iter().find(|(known, _)| *known == name).map(|(_, support)| *support)
}

/// Returns a name up to its first ':'. The rest may be a secret: for YAML all of `password:x` in `{password:x}` is the name,
/// because no blank follows the ':'.
pub(crate) fn before_colon(name: &str) -> &str {
    name.split(':').next().unwrap_or_default().trim_end()
}

/// The problem of a name for which [`lacks_blank`] is true.
pub(crate) const BLANK_IS_MISSING: &str = "a blank is missing after ':'";

/// Returns whether the name continues with a ':' after a known name, or after one that groups known names.
pub(crate) fn lacks_blank(table: &[(&str, Support)], name: &str) -> bool {
    let before = before_colon(name);
    let is_group = |known: &str| known.strip_prefix(before).is_some_and(|rest| rest.starts_with('.'));
    let is_known = || {
        support(table, canonical(before)).is_some()
            || before == "type_spec"
            || table.iter().any(|(known, _)| is_group(known))
    };
    before != name && is_known()
}

/// Returns the known name that is most similar to `name`, if any is similar enough.
pub(crate) fn nearest<'a>(table: &[(&'a str, Support)], name: &str) -> Option<&'a str> {
    let written = canonical(name).to_lowercase();
    let length = written.chars().count();
    let most = |known: &str| 1 + known.len() / 4;
    table
        .iter()
        // The difference in length is a lower bound of the distance, and computing the distance takes the product of the
        // lengths.
        .filter(|(known, _)| length.abs_diff(known.len()) <= most(known))
        .map(|(known, _)| (strsim::damerau_levenshtein(known, &written), *known))
        .filter(|(distance, known)| *distance <= most(known))
        .min()
        .map(|(_, known)| known)
}

/// True for names whose values are texts that people write without quotes.
pub(crate) fn is_text(name: &str) -> bool {
    const TEXTS: &[&str] = &[
        "type",
        "brokers",
        "topic",
        "client_id",
        "consistency",
        "value_type",
        "value_serializer",
        "value_deserializer",
        "protocol",
        "transport",
        "path",
        "ca_certs",
        "certfile",
        "trustStore",
        "trustStoreType",
        "tls_version",
        "ciphers",
        "cert_reqs",
        "module",
        "serial",
        "label",
        "id",
        "pin_file",
        "algorithm",
        "mode",
        "padding",
        "auth_method",
        "content_type",
        "response_topic",
        "proxy_addr",
    ];
    TEXTS.contains(&canonical(name)) || name.ends_with("username")
}

/// True for names whose values are hidden from people.
pub(crate) fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    matches!(name.as_str(), "headers" | "payload" | "user_property" | "pin")
        || name.ends_with("_data")
        || ["pass", "pwd", "secret", "token", "key"].iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_spellings_lead_to_known_names() {
        for written in [
            "tls_set",
            "tls_insecure_set",
            "username_pw_set",
            "will_set",
            "ws_set_options",
            "ws_options_set",
            "reconnect_delay_set",
            "max_inflight_messages_set",
            "max_queued_messages_set",
            "message_retry_set",
            "proxy_set",
            "keepalive",
            "connection_timeout",
        ] {
            assert_ne!(canonical(written), written);
            assert!(support(PARAMETERS, canonical(written)).is_some(), "{written}");
        }
        for (name, _) in PARAMETERS {
            assert_eq!(canonical(name), *name);
        }
    }

    #[test]
    fn no_name_is_listed_twice() {
        for table in [PARAMETERS, TLS, PKCS11, USERNAME_PW, TLS_INSECURE, MAX_INFLIGHT_MESSAGES] {
            for (index, (name, _)) in table.iter().enumerate() {
                assert!(table[..index].iter().all(|(other, _)| other != name), "{name}");
            }
        }
    }

    #[test]
    fn the_nearest_name_is_near() {
        for (written, expected) in [
            ("topik", Some("topic")),
            ("Username_PW", Some("username_pw")),
            ("usernamepw", Some("username_pw")),
            ("data_encrypton", Some("data_encryption")),
            ("x", None),
            ("something_else", None),
        ] {
            assert_eq!(nearest(PARAMETERS, written), expected, "{written}");
        }
    }

    #[test]
    fn secrets_are_known_by_their_names() {
        for name in
            ["password", "keyfilePassword", "trustStorePassword", "key", "secret-key", "api_token", "auth_data", "pin"]
        {
            assert!(is_secret(name), "{name}");
        }
        for name in ["username", "topic", "ca_certs", "brokers", "pin_file", "pin_sha256"] {
            assert!(!is_secret(name), "{name}");
        }
    }
}

#[cfg(test)]
mod documentation {
    use crate::config::{Value, known};

    const TABLE: &str = include_str!("../../docs/configuration.md");
    const PAGES: [&str; 4] = [
        TABLE,
        include_str!("../../docs/encryption.md"),
        include_str!("../../docs/mqtt.md"),
        include_str!("../../docs/tls.md"),
    ];

    /// Returns the names in the table's first column.
    fn documented() -> Vec<&'static str> {
        let rows = TABLE.lines().filter(|line| line.starts_with("| `"));
        let columns = rows.filter_map(|line| line.split(" | ").next());
        columns.flat_map(|column| column.split('`').skip(1).step_by(2)).collect()
    }

    #[test]
    fn every_parameter_is_documented() {
        let documented = documented();
        let mut missing = Vec::new();
        let known = known();
        for (name, note) in known.iter() {
            let last = name.rsplit('.').next().unwrap_or(name);
            let inside = name.contains('.') && PAGES.iter().any(|page| page.contains(&format!("`{last}`")));
            let somewhere = *note != Value::from("") && TABLE.contains(&format!("`{name}`"));
            if !documented.contains(&name) && !inside && !somewhere {
                missing.push(name);
            }
        }
        assert!(missing.is_empty(), "not in docs/configuration.md: {missing:?}");
    }

    #[test]
    fn every_documented_parameter_is_known() {
        let known = known();
        let wrong: Vec<_> = documented().into_iter().filter(|name| known.get(name).is_none()).collect();
        assert!(documented().len() > 60, "{:?}", documented());
        assert!(wrong.is_empty(), "only in docs/configuration.md: {wrong:?}");
    }
}
