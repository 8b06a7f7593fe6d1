//! Parameters that a Java program hands over by themselves, not as a part of a service: a plugin has them from its own
//! configuration. They have the same meaning and the same checks as in a service.

use std::path::PathBuf;

use super::extractor::Extractor;
use super::layers::{Origin, Parameters};
use super::{BroughtAlong, ClientCertificate, CompressionSettings, Map, Request, Role, Trust, Value};
use crate::error::{Error, Result};

/// The PEM files that a map `tls` names.
pub(crate) struct PemFiles {
    pub trust: Trust,
    pub own: Option<ClientCertificate>,
    pub warnings: Vec<String>,
}

/// Reads a map `compression`.
pub(crate) fn compression(map: Map) -> Result<CompressionSettings> {
    let given = [("data_compression", Value::Bool(true)), ("compression", Value::Map(map))];
    let mut take = extractor(given.into_iter().collect(), PathBuf::new());
    let settings = take.message(&[], &BroughtAlong::default()).compression;
    match (take.parameters.take_error(), settings) {
        (Some(error), _) => Err(error),
        (None, Some(settings)) => Ok(settings),
        (None, None) => Err(Error::Internal("no compression was read".into())),
    }
}

/// Reads the parameters of a map `tls` that concern PEM files. Relative names are resolved against `user_dir`.
pub(crate) fn pem_files(map: Map, user_dir: PathBuf) -> Result<PemFiles> {
    let given: Map = [("tls", Value::Map(map))].into_iter().collect();
    let request = Request {
        role: Role::Writer,
        user_dir: user_dir.clone(),
        user_home: None,
        config_file: None,
        config_text: None,
        service: None,
        no_config: true,
        parameters: Map::new(),
        fields: Map::new(),
        brought: BroughtAlong::default(),
    };
    let mut take = extractor(given, user_dir);
    let tls = take.tls(&request);
    if let Some(error) = take.parameters.take_error() {
        return Err(error);
    }
    let (trust, own) = tls.map_or((Trust::Default, None), |tls| (tls.trust, tls.client_certificate));
    Ok(PemFiles { trust, own, warnings: take.parameters.warnings })
}

fn extractor(given: Map, user_dir: PathBuf) -> Extractor {
    let mut parameters = Parameters::default();
    parameters.add_layer(Origin::Alone, &given);
    Extractor { parameters, role: Role::Writer, user_dir }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Algorithm;

    fn map<const N: usize>(entries: [(&str, Value); N]) -> Map {
        entries.into_iter().collect()
    }

    #[test]
    fn a_compression_is_read_as_in_a_service() {
        let settings = compression(Map::new()).unwrap();
        assert_eq!((settings.algorithm, settings.level), (Algorithm::Gzip, None));
        let settings = compression(map([("algorithm", Value::from("zstd")), ("level", Value::Int(7))])).unwrap();
        assert_eq!((settings.algorithm, settings.level), (Algorithm::Zstd, Some(7)));
        for (wrong, words) in [
            (map([("algorithm", Value::from("rar"))]), "parameter 'compression.algorithm': expected gzip, zstd or lz4"),
            (
                map([("level", Value::Int(10))]),
                "parameter 'compression.level': expected an integer from -1 to 9, found 10",
            ),
        ] {
            assert_eq!(compression(wrong).unwrap_err().to_string(), words);
        }
    }

    #[test]
    fn what_is_wrong_with_names_of_pem_files_is_told() {
        let lonely = map([("keyfile", Value::from("key.pem"))]);
        let error = pem_files(lonely, PathBuf::from("/nowhere")).err().expect("an error").to_string();
        assert!(error.starts_with("parameter 'tls.keyfile': is given without 'certfile'"), "{error}");
        let nothing = pem_files(Map::new(), PathBuf::new()).unwrap();
        assert!(matches!(nothing.trust, Trust::Default) && nothing.own.is_none());
    }
}
