//! The vendors' libraries, each loaded and initialized once, for the life of the process. They are never finalized, because
//! other code in the process (Java's SunPKCS11, for instance) may have initialized them, too, and would lose its sessions.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::slot::{Slot, TokenInfo};

use super::login::Token;
use super::words;
use super::worker::{Limit, Worker};
use super::{Problem, Wanted};
use crate::files;
use crate::lock::lock;

pub(super) struct Module {
    path: PathBuf,
    /// The loaded library; `None` before that.
    context: Mutex<Option<Pkcs11>>,
    /// Every token that was asked for.
    tokens: Mutex<Vec<Arc<Token>>>,
    /// The thread that loads the library and looks for tokens.
    worker: Arc<Worker<()>>,
}

static MODULES: Mutex<Vec<Arc<Module>>> = Mutex::new(Vec::new());

/// Returns the one token that is meant. This runs the library's code from now on.
pub(super) async fn token(wanted: &Wanted, limit: Limit) -> Result<Arc<Token>, Problem> {
    let named = wanted.clone();
    let module = tokio::task::spawn_blocking(move || Module::named(&named)).await;
    let module = module.map_err(|e| Problem::Module(format!("the PKCS #11 module can't be looked up: {e}")))??;
    let (itself, wanted) = (module.clone(), wanted.clone());
    module.worker.ask(limit, move |()| itself.token(&wanted)).await?
}

/// Initializes the library, unless other code in this process has done so.
fn initialize(context: &Pkcs11) -> cryptoki::error::Result<()> {
    match context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
        other => other,
    }
}

/// Returns the tokens that are present, readable and initialized.
pub(super) fn present(context: &Pkcs11) -> cryptoki::error::Result<Vec<(Slot, TokenInfo)>> {
    let slots = match context.get_slots_with_token() {
        // Other code has finalized the library.
        Err(Error::Pkcs11(RvError::CryptokiNotInitialized, _)) => {
            initialize(context)?;
            context.get_slots_with_token()?
        }
        other => other?,
    };
    let infos = slots.into_iter().filter_map(|slot| Some((slot, context.get_token_info(slot).ok()?)));
    Ok(infos.filter(|(_, info)| info.token_initialized()).collect())
}

impl Module {
    /// Returns the module of this path, without loading it.
    fn named(wanted: &Wanted) -> Result<Arc<Module>, Problem> {
        if cfg!(all(target_env = "musl", target_feature = "crt-static")) {
            return Err(Problem::Module(
                "this program is linked statically (musl), so it can't load a PKCS #11 module; \
                 'cargo install' makes one that can"
                    .into(),
            ));
        }
        let path = files::regular(&wanted.module).and_then(|_| wanted.module.canonicalize());
        let path = path.map_err(|e| Problem::Module(format!("the PKCS #11 module can't be read: {e}")))?;
        let mut modules = lock(&MODULES);
        if let Some(module) = modules.iter().find(|module| module.path == path) {
            return Ok(module.clone());
        }
        let worker = Arc::new(Worker::new("the PKCS #11 module".into()));
        let module = Arc::new(Module { path, context: Mutex::default(), tokens: Mutex::default(), worker });
        modules.push(module.clone());
        Ok(module)
    }

    fn load(&self) -> Result<Pkcs11, Problem> {
        let mut loaded = lock(&self.context);
        if let Some(context) = &*loaded {
            return Ok(context.clone());
        }
        self.worker.at("loading it");
        let context = Pkcs11::new(&self.path).map_err(|e| {
            Problem::Module(match e {
                Error::LibraryLoading(e) => {
                    // The operating system's message begins with the path, which the error names already.
                    let why = e.to_string().replace(&format!("{}: ", self.path.display()), "");
                    format!("the PKCS #11 module can't be loaded: {why}")
                }
                Error::MissingSymbol(name) => format!("this is not a PKCS #11 module: it has no {name}"),
                e => format!("the PKCS #11 module can't be used: {}", words::of(&e)),
            })
        })?;
        self.worker.at("C_Initialize");
        initialize(&context)
            .map_err(|e| Problem::Module(format!("the PKCS #11 module can't be used: {}", words::of(&e))))?;
        Ok(loaded.insert(context).clone())
    }

    fn token(&self, wanted: &Wanted) -> Result<Arc<Token>, Problem> {
        let context = self.load()?;
        self.worker.at("C_GetTokenInfo");
        let present = present(&context).map_err(|e| Problem::Device(words::of(&e)))?;
        let is_wanted = |info: &TokenInfo| {
            wanted.token.as_ref().is_none_or(|label| info.label() == label)
                && wanted.serial.as_ref().is_none_or(|serial| info.serial_number() == serial)
        };
        let shown = |infos: &[&TokenInfo]| {
            let one = |info: &&TokenInfo| {
                format!("{} (serial {})", words::quoted(info.label()), words::quoted(info.serial_number()))
            };
            words::list(infos.iter().map(one).collect())
        };
        let all: Vec<&TokenInfo> = present.iter().map(|(_, info)| info).collect();
        let found: Vec<&TokenInfo> = all.iter().copied().filter(|info| is_wanted(info)).collect();
        let info = match found[..] {
            [info] => info,
            [] if all.is_empty() => return Err(Problem::Device("there is no token; is the card or device in?".into())),
            [] => {
                return Err(Problem::Token(format!("there is no such token; there are these: {}", shown(&all))));
            }
            _ => {
                let message = "several tokens fit; 'token' and 'serial' say which is meant";
                return Err(Problem::Token(format!("{message}: {}", shown(&found))));
            }
        };
        let mut tokens = lock(&self.tokens);
        if let Some(token) = tokens.iter().find(|token| token.is(info)) {
            return Ok(token.clone());
        }
        let token = Arc::new(Token::new(context, info));
        tokens.push(token.clone());
        Ok(token)
    }
}
