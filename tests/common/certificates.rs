//! A certificate authority that lives as long as the test program.

use std::sync::OnceLock;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
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
        let params = authority_params(name);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Authority { pem, issuer: Issuer::new(params, key) }
    }

    /// Returns the authority's private key, for objects that only openssl can make.
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// Signs a server's certificate that is valid for these names.
    pub fn sign(&self, names: &[&str]) -> Certificate {
        self.sign_params(server_params(names))
    }

    /// Signs a server's certificate that was valid until the year 2020.
    pub fn sign_expired(&self, names: &[&str]) -> Certificate {
        let mut params = server_params(names);
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
        self.sign_params(params)
    }

    /// Signs a server's certificate that is valid from the year 2100 on.
    pub fn sign_early(&self, names: &[&str]) -> Certificate {
        let mut params = server_params(names);
        params.not_before = date_time_ymd(2100, 3, 1);
        params.not_after = date_time_ymd(2101, 1, 1);
        self.sign_params(params)
    }

    /// Signs a client's certificate.
    pub fn sign_client(&self, name: &str) -> Certificate {
        self.sign_params(client_params(name))
    }

    /// Signs a client's certificate that was valid until the year 2020.
    pub fn sign_expired_client(&self, name: &str) -> Certificate {
        let mut params = client_params(name);
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
        self.sign_params(params)
    }

    /// Signs a client's certificate for an existing key in PKCS #8.
    pub fn sign_client_key(&self, name: &str, key_pem: &str) -> Certificate {
        self.sign_with(client_params(name), &KeyPair::from_pem(key_pem).expect("a key"))
    }

    /// Signs a client's certificate for an existing key; it was valid until the year 2020.
    pub fn sign_expired_client_key(&self, name: &str, key_pem: &str) -> Certificate {
        let mut params = client_params(name);
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
        self.sign_with(params, &KeyPair::from_pem(key_pem).expect("a key"))
    }

    /// Makes an authority below this one.
    pub fn sign_authority(&self, name: &str) -> Authority {
        let params = authority_params(name);
        let key = KeyPair::generate().expect("a key");
        let pem = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        Authority { pem, issuer: Issuer::new(params, key) }
    }

    /// Makes a self-signed certificate of an authority that is also a server's, valid until the year 2020.
    pub fn self_signed_expired(names: &[&str]) -> Certificate {
        let mut params = self_signed_params(names);
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
        self_signed(params)
    }

    fn sign_params(&self, params: CertificateParams) -> Certificate {
        self.sign_with(params, &KeyPair::generate().expect("a key"))
    }

    fn sign_with(&self, params: CertificateParams, key: &KeyPair) -> Certificate {
        let certificate = params.signed_by(key, &self.issuer).expect("a certificate");
        Certificate { pem: certificate.pem(), key_pem: key.serialize_pem() }
    }
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn client_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn server_params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
    let mut params = CertificateParams::new(names).expect("names");
    params.distinguished_name.push(DnType::CommonName, "broker");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

/// Returns the authority of this run.
pub fn authority() -> &'static Authority {
    static AUTHORITY: OnceLock<Authority> = OnceLock::new();
    AUTHORITY.get_or_init(|| Authority::new("Authority of this test run"))
}

/// Returns a certificate of this run's authority for `localhost` and `127.0.0.1`.
pub fn server() -> &'static Certificate {
    static SERVER: OnceLock<Certificate> = OnceLock::new();
    SERVER.get_or_init(|| authority().sign(&["localhost", "127.0.0.1"]))
}

fn self_signed_params(names: &[&str]) -> CertificateParams {
    let mut params = authority_params("broker");
    params.subject_alt_names = server_params(names).subject_alt_names;
    params
}

fn self_signed(params: CertificateParams) -> Certificate {
    let key = KeyPair::generate().expect("a key");
    let pem = params.self_signed(&key).expect("a certificate").pem();
    Certificate { pem, key_pem: key.serialize_pem() }
}
