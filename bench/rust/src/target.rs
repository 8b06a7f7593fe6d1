//! Where to connect to: the parameters that writers and readers share.

use bench_tools::Outcome;
use bench_tools::options::Options;
use bench_tools::row::Row;
use sinetstream::Consistency;
use sinetstream::config::{Map, Value};

pub fn parameters(options: &Options) -> Outcome<Map> {
    let mut parameters: Vec<(&str, Value)> = vec![("brokers", options.get("broker")?.into())];
    if let Some(authority) = options.find("ca") {
        parameters.push(("tls", [("ca_certs", authority)].into()));
    }
    if let Some(user) = options.find("user") {
        parameters.push(("username_pw", [("username", user), ("password", options.get("password")?)].into()));
    }
    Ok(parameters.into_iter().collect())
}

pub fn consistency(row: &Row) -> Consistency {
    match row.qos {
        0 => Consistency::AtMostOnce,
        1 => Consistency::AtLeastOnce,
        _ => Consistency::ExactlyOnce,
    }
}
