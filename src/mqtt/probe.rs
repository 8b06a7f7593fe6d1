//! A connection that is opened only to see whether, and how, it comes about.

use std::time::Duration;

use super::connect::{self, Refused};
use super::plan::{Environment, Plan};
use super::steps::{Step, Steps};
use crate::config::{Broker, Role, Settings};
use crate::error::{Error, Result};
use crate::material::KeyMaterial;

/// The result of a probe.
pub(crate) struct Probed {
    /// The steps that succeeded, each with its time.
    pub done: Vec<(Step, Duration)>,
    /// The time that the next step took until it failed, and why; `None` means that the broker has accepted the connection.
    pub failed: Option<(Duration, Error)>,
}

/// A probe that is ready to connect.
pub(crate) struct Probe {
    plan: Plan,
}

impl Probe {
    /// Reads the certificates and keys.
    pub async fn prepare(settings: &Settings) -> Result<Probe> {
        let plan = Plan::new(settings, Role::Writer, None, &KeyMaterial::default(), Environment::system()?)?;
        if let Some(text) = plan.identify().await? {
            tracing::warn!("{text}");
        }
        Ok(Probe { plan })
    }

    /// Describes the key in a token with which the client signs.
    pub fn signs_with(&self) -> Option<String> {
        self.plan.tls.as_ref()?.key().map(|key| key.to_string())
    }

    pub async fn connect(self, broker: Broker) -> Probed {
        let Probe { plan } = self;
        let mut steps = Steps::begin();
        let opened = connect::open(&plan, &plan.connect, &broker, &mut steps).await;
        let failed = match opened {
            Ok(opened) => {
                opened.warnings.iter().for_each(|text| tracing::warn!("{text}"));
                connect::say_goodbye(&opened.link);
                None
            }
            Err(Refused::ForNow(error) | Refused::ForGood(error)) => Some((steps.under_way(), error)),
        };
        Probed { done: steps.all().to_vec(), failed }
    }
}
