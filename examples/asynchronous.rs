//! Sends a thousand messages, a hundred of them unconfirmed at a time. examples/Asynchronous.java does the same in Java.

use std::collections::VecDeque;
use std::time::Duration;

use sinetstream::{AsyncMessageReader, AsyncMessageWriter};

#[tokio::main]
async fn main() -> sinetstream::Result<()> {
    let reader = AsyncMessageReader::<String>::builder().service("asynchronous");
    let reader = reader.receive_timeout(Duration::from_secs(10)).open_async().await?;
    let writer = AsyncMessageWriter::<str>::builder().service("asynchronous").open_async().await?;
    let reading = tokio::spawn(async move {
        let mut count = 0;
        while count < 1000 && reader.read().await?.is_some() {
            count += 1;
        }
        println!("read {count} messages");
        reader.close().await
    });
    let mut window = VecDeque::new();
    for number in 0..1000 {
        window.push_back(writer.send(&format!("message {number}")).await?);
        if window.len() == 100
            && let Some(oldest) = window.pop_front()
        {
            oldest.await?;
        }
    }
    for sent in window {
        sent.await?;
    }
    println!("1000 messages are confirmed");
    writer.close().await?;
    reading.await.expect("the reading task")
}
