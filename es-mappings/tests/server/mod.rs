use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;

/// A real Elasticsearch, spoken to by the least HTTP there is.
pub(crate) struct Server {
    address: String,
}

impl Server {
    /// The first server of `TROMBE_ELASTICSEARCH`, or `None` with a loud word.
    pub(crate) fn of_environment(test: &str) -> Option<Self> {
        let Ok(urls) = std::env::var("TROMBE_ELASTICSEARCH") else {
            eprintln!("skipped: {test}: no Elasticsearch (set TROMBE_ELASTICSEARCH)");
            return None;
        };
        let url = urls.split(',').next().unwrap().trim_end_matches('/');
        Some(Self { address: url.strip_prefix("http://").unwrap().to_owned() })
    }

    /// The answer's status and body.
    pub(crate) fn send(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }
}
