//! Writes texts to a service of the configuration file, or reads from it. examples/Demo.java does the same in Java.
//!
//! ```text
//! cargo run --example demo -- write SERVICE TEXT...
//! cargo run --example demo -- read SERVICE COUNT
//! ```

use std::error::Error;

use sinetstream::{MessageReader, MessageWriter};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words[..] {
        ["write", service, _, ..] => write(service, &words[2..])?,
        ["read", service, count] => read(service, count.parse()?)?,
        _ => {
            eprintln!("usage: demo write SERVICE TEXT... | demo read SERVICE COUNT");
            std::process::exit(2);
        }
    }
    Ok(())
}

fn write(service: &str, texts: &[&str]) -> sinetstream::Result<()> {
    let writer = MessageWriter::<str>::builder().service(service).open()?;
    for text in texts {
        writer.write(text)?;
        println!("wrote {text}");
    }
    writer.close()
}

fn read(service: &str, count: usize) -> sinetstream::Result<()> {
    let reader = MessageReader::<String>::builder().service(service).open()?;
    println!("ready"); // the reader is subscribed, so messages that are written from now on arrive
    for message in reader.iter().take(count) {
        let message = message?;
        println!("read {} from {}", message.value(), message.topic());
    }
    reader.close()
}
