//! As much of Kibana as an import and an export need, on a thread of its own.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

/// Saved objects by id.
type Objects = Arc<Mutex<BTreeMap<String, Value>>>;

pub(super) struct FakeKibana {
    pub(super) url: String,
    objects: Objects,
}

impl FakeKibana {
    /// It serves until the tests end.
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let objects = Objects::default();
        let served = Arc::clone(&objects);
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                serve(stream, &served);
            }
        });
        Self { url, objects }
    }

    pub(super) fn count(&self) -> usize {
        self.objects.lock().unwrap().len()
    }

    pub(super) fn remove(&self, id: &str) {
        self.objects.lock().unwrap().remove(id).unwrap();
    }

    /// What somebody does who saves an object in the browser, later.
    pub(super) fn edit(&self, id: &str) {
        self.objects.lock().unwrap().get_mut(id).unwrap()["updated_at"] = json!("2026-11-22T00:00:00.000Z");
    }
}

fn serve(stream: TcpStream, objects: &Objects) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).unwrap(), 0, "the request ends early");
    }
    let head = head.to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let body = String::from_utf8(body).unwrap();
    let mut objects = objects.lock().unwrap();
    let (status, answer) = match head.split_whitespace().nth(1).unwrap() {
        _ if !head.contains("kbn-xsrf: ") => (400, "no kbn-xsrf".to_owned()),
        "/api/saved_objects/_import?overwrite=true" => import(&body, &mut objects),
        "/api/saved_objects/_export" => export(&body, &objects),
        path => (404, path.to_owned()),
    };
    let length = answer.len();
    let answer =
        format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{answer}");
    reader.get_mut().write_all(answer.as_bytes()).unwrap();
}

fn import(body: &str, objects: &mut BTreeMap<String, Value>) -> (u16, String) {
    let lines = body.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut count = 0;
    for mut object in lines {
        object["updated_at"] = json!("2026-11-21T16:00:00.000Z");
        // Later versions move what they know under new names.
        if object["type"] == "dashboard" {
            object["attributes"]["panelsJSON"] = json!("migrated");
        }
        objects.insert(object["id"].as_str().unwrap().to_owned(), object);
        count += 1;
    }
    (200, json!({ "success": true, "successCount": count }).to_string())
}

fn export(body: &str, objects: &BTreeMap<String, Value>) -> (u16, String) {
    let wanted: Value = serde_json::from_str(body).unwrap();
    let wanted = wanted["objects"].as_array().unwrap();
    let find = |name: &Value| objects.get(name["id"].as_str().unwrap());
    let missing: Vec<&Value> = wanted.iter().filter(|name| find(name).is_none()).collect();
    if missing.is_empty() {
        (
            200,
            wanted.iter().filter_map(find).flat_map(|object| [object.to_string(), "\n".to_owned()]).collect(),
        )
    } else {
        (400, json!({ "statusCode": 400, "attributes": { "objects": missing } }).to_string())
    }
}
