//! A certificate authority that lives as long as the test program.

use std::sync::OnceLock;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};

pub struct Authority {
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

#[derive(Clone)]
pub struct Certificate {
    pub pem: String,
    pub key_pem: String,
}

impl Authority {
    pub fn new(name: &str) -> Authority {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Authority { pem, issuer: Issuer::new(params, key) }
    }

    /// A server's certificate that is valid for these names.
    pub fn sign(&self, names: &[&str]) -> Certificate {
        self.sign_params(server_params(names))
    }

    /// One that was valid until the year 2020.
    pub fn sign_expired(&self, names: &[&str]) -> Certificate {
        let mut params = server_params(names);
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
        self.sign_params(params)
    }

    fn sign_params(&self, params: CertificateParams) -> Certificate {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Certificate { pem: certificate.pem(), key_pem: key.serialize_pem() }
    }
}

fn server_params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
    let mut params = CertificateParams::new(names).expect("names");
    params.distinguished_name.push(DnType::CommonName, "broker");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

/// The authority of this run.
pub fn authority() -> &'static Authority {
    static AUTHORITY: OnceLock<Authority> = OnceLock::new();
    AUTHORITY.get_or_init(|| Authority::new("Authority of this test run"))
}

/// A certificate of this run's authority for `localhost` and `127.0.0.1`.
pub fn server() -> &'static Certificate {
    static SERVER: OnceLock<Certificate> = OnceLock::new();
    SERVER.get_or_init(|| authority().sign(&["localhost", "127.0.0.1"]))
}
