//! Sends a request over MQTT 5, with a response topic for the answer and correlation data to recognize it.
//! examples/RequestReply.java does the same in Java.

use std::error::Error;
use std::thread;
use std::time::Duration;

use sinetstream::{MessageReader, MessageWriter, WriteOptions};

const PATIENCE: Duration = Duration::from_secs(10);
const ANSWERS: &str = "examples/answers/rust";

/// Answers one request. The same writer can answer any number of requests, whatever their response topics are.
fn serve(requests: MessageReader<String>, answers: MessageWriter<str>) -> sinetstream::Result<()> {
    let Some(request) = requests.read()? else { return Ok(()) };
    let Some(properties) = request.properties() else { return Ok(()) };
    let Some(topic) = &properties.response_topic else { return Ok(()) };
    let mut options = WriteOptions::new().topic(topic);
    if let Some(data) = &properties.correlation_data {
        options = options.correlation_data(data.as_slice());
    }
    answers.write_with(&request.value().to_uppercase(), &options)?;
    answers.close()
}

fn main() -> Result<(), Box<dyn Error>> {
    let writer = || MessageWriter::<str>::builder().service("requests").open();
    let requests = MessageReader::<String>::builder().service("requests").receive_timeout(PATIENCE).open()?;
    let answering = writer()?;
    let server = thread::spawn(move || serve(requests, answering));
    let answers = MessageReader::<String>::builder().service("requests").topic(ANSWERS);
    let answers = answers.receive_timeout(PATIENCE).open()?;
    let asking = writer()?;
    let options = WriteOptions::new().response_topic(ANSWERS).correlation_data("request 1");
    asking.write_with("how are you", &options)?;
    if let Some(answer) = answers.read()? {
        let of = answer.properties().and_then(|properties| properties.correlation_data.as_deref());
        println!("answer to {}: {}", String::from_utf8_lossy(of.unwrap_or_default()), answer.value());
    }
    server.join().map_err(|_| "the server has failed")??;
    asking.close()?;
    Ok(answers.close()?)
}
