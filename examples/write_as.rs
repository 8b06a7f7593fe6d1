//! Writes texts as a different user than the configuration file's: the builder's parameters replace those of the file.
//! examples/WriteAs.java does the same in Java.
//!
//! ```text
//! cargo run --example write_as -- SERVICE USER PASSWORD TEXT...
//! ```

use sinetstream::MessageWriter;

fn main() -> sinetstream::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [service, user, password, first, more @ ..] = &args[..] else {
        eprintln!("usage: write_as SERVICE USER PASSWORD TEXT...");
        std::process::exit(2);
    };
    let login = [("username", user.as_str()), ("password", password.as_str())];
    let writer = MessageWriter::<str>::builder().service(service).parameter("username_pw", login).open()?;
    for text in std::iter::once(first).chain(more) {
        writer.write(text)?;
        println!("wrote {text}");
    }
    writer.close()
}
