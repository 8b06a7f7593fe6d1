//! A request over MQTT 5 says where the answer goes, and which one it is. examples/RequestReply.java does the same in Java.

use std::error::Error;
use std::thread;
use std::time::Duration;

use sinetstream::config::Value;
use sinetstream::{MessageReader, MessageWriter};

const PATIENCE: Duration = Duration::from_secs(10);

/// Answers one request.
fn serve(requests: MessageReader<String>) -> sinetstream::Result<()> {
    let Some(request) = requests.read()? else { return Ok(()) };
    let Some((properties, topic)) = request.properties().and_then(|p| Some((p, p.response_topic.as_ref()?))) else {
        return Ok(());
    };
    let correlation = Value::Bytes(properties.correlation_data.clone().unwrap_or_default());
    let answers = MessageWriter::<str>::builder().service("requests").topic(topic);
    let answers = answers.parameter("message_properties", [("correlation_data", correlation)]).open()?;
    answers.write(&request.value().to_uppercase())?;
    answers.close()
}

fn main() -> Result<(), Box<dyn Error>> {
    let requests = MessageReader::<String>::builder().service("requests").receive_timeout(PATIENCE).open()?;
    let server = thread::spawn(move || serve(requests));
    let answers = MessageReader::<String>::builder().service("requests").topic("examples/answers/rust");
    let answers = answers.receive_timeout(PATIENCE).open()?;
    let properties = [
        ("response_topic", Value::from("examples/answers/rust")),
        ("correlation_data", Value::Bytes(b"request 1".to_vec())),
    ];
    let writer =
        MessageWriter::<str>::builder().service("requests").parameter("message_properties", properties).open()?;
    writer.write("how are you")?;
    if let Some(answer) = answers.read()? {
        let of = answer.properties().and_then(|properties| properties.correlation_data.as_deref());
        println!("answer to {}: {}", String::from_utf8_lossy(of.unwrap_or_default()), answer.value());
    }
    server.join().map_err(|_| "the server has failed")??;
    writer.close()?;
    Ok(answers.close()?)
}
