//! `sinetstream check`: explains a configuration, and tries whether it works.
//!
//! `understand` looks at the file, `outbox` at the directory of the outbox on disk, `network` tries the connection, `advice`
//! names the likely cause of a failure, `report` shows everything as text or JSON.

mod advice;
mod network;
mod outbox;
mod outcome;
mod report;
mod understand;

use super::args::Check;
use super::failure::{Exit, Failure, Result};
use super::stop::Stop;
use super::{log, overrides};
use outbox::Trouble;
use report::Report;
use understand::{Service, understand};

pub(super) fn run(options: &Check) -> Result<Exit> {
    // The report itself has the warnings of the configuration.
    if options.common.verbose > 1 {
        log::show(options.common.verbose);
    }
    let mut report = Report::new(options.json, options.common.verbose > 0);
    let checked = check(options, &mut report);
    let exit = match &checked {
        Ok(exit) => *exit,
        Err(failure) => failure.exit,
    };
    if let Err(failure) = checked {
        match options.json {
            true => report.failed(&failure.message),
            false => return Err(failure),
        }
    }
    report.end(exit)?;
    Ok(exit)
}

fn check(options: &Check, report: &mut Report) -> Result<Exit> {
    let common = &options.common;
    let overrides = overrides::parse(&common.parameters)?;
    let found = understand::find(common, &overrides)?;
    if let Some(found) = &found {
        report.file(found)?;
    }
    let services: Vec<Service> = match &found {
        None => vec![understand(common, None, common.service.clone(), &overrides)],
        Some(found) => {
            // If the user names a service, only that one is checked.
            let asked_for = |name: &String| common.service.as_ref().is_none_or(|wanted| wanted == name);
            let asked_for = found.services.iter().filter(|(name, _)| asked_for(name));
            asked_for.map(|(name, value)| understand(common, Some(value), Some(name.clone()), &overrides)).collect()
        }
    };
    if let (Some(wanted), Some(found), []) = (&common.service, &found, &services[..]) {
        return Err(Failure { message: found.has_no_service(wanted), exit: Exit::Configuration });
    }

    let stop = Stop::listen()?;
    let only_one = services.len() == 1;
    let mut exit = Exit::Done;
    for service in &services {
        report.service(service)?;
        let usable = outbox(service, report)?;
        let ended = match &service.settings {
            Ok(_) if options.offline => Exit::Done,
            Ok(_) => network::check(service, options, &stop, report)?,
            // Other services of the file may belong to other programs.
            Err(problem) if problem.foreign && common.service.is_none() && !only_one => Exit::Done,
            Err(problem) => problem.exit,
        };
        if let Some(asked) = stop.asked() {
            return Ok(asked);
        }
        for ended in [usable, ended] {
            if exit == Exit::Done {
                exit = ended;
            }
        }
    }
    Ok(exit)
}

/// Looks at the service's outbox on disk, if it has one.
fn outbox(service: &Service, report: &mut Report) -> Result<Exit> {
    let Ok(Some(of)) = service.settings.as_ref().map(|settings| &settings.outbox) else { return Ok(Exit::Done) };
    let finding = outbox::look_at(of);
    report.outbox(&finding)?;
    Ok(match finding.trouble {
        Some(Trouble::Error(..)) => Exit::Configuration,
        _ => Exit::Done,
    })
}
