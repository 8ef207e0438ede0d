//! S3's protocol as far as the archive needs it: objects in memory, listings, `If-None-Match`, bulk deletion, and answers
//! that are lost after the deed. Signatures are not computed again: who is who is told by the access key alone.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

const BUCKET: &str = "/bucket";

#[derive(Debug, Default)]
struct Inside {
    objects: BTreeMap<String, Vec<u8>>,
    requests: usize,
    lost: usize,
}

/// A server that lives as long as the test process.
pub(crate) struct FakeS3 {
    address: SocketAddr,
    inside: Arc<Mutex<Inside>>,
}

impl FakeS3 {
    /// Every so many requests, the answer is lost.
    pub(crate) fn start(lose_every: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self { address: listener.local_addr().unwrap(), inside: Arc::default() };
        let inside = Arc::clone(&server.inside);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let inside = Arc::clone(&inside);
                std::thread::spawn(move || serve(&stream.unwrap(), &inside, lose_every));
            }
        });
        server
    }

    pub(crate) fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("AWS_ENDPOINT", format!("http://{}", self.address)),
            ("AWS_ACCESS_KEY_ID", "key".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
            ("AWS_REGION", "eu-west-3".to_owned()),
        ]
    }

    pub(crate) fn requests(&self) -> usize {
        self.inside.lock().unwrap().requests
    }

    pub(crate) fn lost(&self) -> usize {
        self.inside.lock().unwrap().lost
    }
}

struct Request {
    method: String,
    path: String,
    query: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

fn serve(stream: &TcpStream, inside: &Mutex<Inside>, lose_every: usize) {
    let Some(request) = read(stream) else { return };
    let mut inside = inside.lock().unwrap();
    inside.requests += 1;
    let (status, body) = answer(&request, &mut inside.objects);
    if inside.requests.is_multiple_of(lose_every) {
        inside.lost += 1;
        return;
    }
    drop(inside);
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nETag: \"{length}\"\r\n\
         Last-Modified: Sat, 19 Oct 2024 12:00:00 GMT\r\nConnection: close\r\n\r\n"
    );
    let mut stream = stream;
    // The client may have gone.
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).ok();
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut lines = std::iter::from_fn(|| {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        Some(line.trim_end().to_owned()).filter(|line| !line.is_empty())
    });
    let first = lines.next()?;
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned())))
        .collect();
    let mut body = vec![0; headers.get("content-length").map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    let mut words = first.split(' ');
    let method = words.next()?.to_owned();
    let (path, query) = words.next().map(|target| target.split_once('?').unwrap_or((target, "")))?;
    Some(Request { method, path: decoded(path), query: decoded(query), headers, body })
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let hex = |byte: Option<u8>| char::from(byte.unwrap()).to_digit(16).unwrap();
        bytes.push(match byte {
            b'%' => u8::try_from(hex(rest.next()) * 16 + hex(rest.next())).unwrap(),
            other => other,
        });
    }
    String::from_utf8(bytes).unwrap()
}

fn answer(request: &Request, objects: &mut BTreeMap<String, Vec<u8>>) -> (&'static str, Vec<u8>) {
    let authorization = request.headers.get("authorization").map_or("", String::as_str);
    if !authorization.starts_with("AWS4-HMAC-SHA256 Credential=key/") {
        return ("403 Forbidden", b"<Error><Code>AccessDenied</Code></Error>".to_vec());
    }
    let key = request.path.strip_prefix(BUCKET).unwrap().trim_start_matches('/').to_owned();
    let body = String::from_utf8_lossy(&request.body);
    match request.method.as_str() {
        "PUT" if request.headers.contains_key("if-none-match") && objects.contains_key(&key) => {
            ("412 Precondition Failed", Vec::new())
        }
        "PUT" => {
            objects.insert(key, request.body.clone());
            ("200 OK", Vec::new())
        }
        "POST" => {
            for key in body.split("<Key>").skip(1).filter_map(|rest| rest.split_once("</Key>")) {
                objects.remove(key.0);
            }
            ("200 OK", b"<DeleteResult></DeleteResult>".to_vec())
        }
        "GET" if key.is_empty() => ("200 OK", listing(&request.query, objects).into_bytes()),
        "GET" => match objects.get(&key) {
            Some(object) => ("200 OK", object.clone()),
            None => ("404 Not Found", Vec::new()),
        },
        other => panic!("{other} is not known here"),
    }
}

fn listing(query: &str, objects: &BTreeMap<String, Vec<u8>>) -> String {
    let prefix = query.split('&').find_map(|pair| pair.strip_prefix("prefix=")).unwrap_or_default();
    let found = objects.iter().filter(|(key, _)| key.starts_with(prefix)).map(|(key, object)| {
        format!(
            "<Contents><Key>{key}</Key><LastModified>2024-10-19T12:00:00.000Z</LastModified>\
             <ETag>\"1\"</ETag><Size>{}</Size></Contents>",
            object.len()
        )
    });
    format!(
        "<ListBucketResult><IsTruncated>false</IsTruncated>{}</ListBucketResult>",
        found.collect::<String>()
    )
}
