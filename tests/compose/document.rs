use std::path::PathBuf;

use serde_json::{Map, Value};
use yaml_rust2::{Yaml, YamlLoader};

pub(super) fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The compose file, aliases followed and `<<` merged.
pub(super) fn compose() -> Value {
    let text = std::fs::read_to_string(file("docker-compose.yml")).unwrap();
    let documents = YamlLoader::load_from_str(&text).unwrap();
    assert_eq!(documents.len(), 1);
    json(&documents[0])
}

pub(super) fn services() -> Map<String, Value> {
    compose()["services"].as_object().unwrap().clone()
}

fn json(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Hash(pairs) => {
            let mut object = Map::new();
            let (merged, own): (Vec<_>, Vec<_>) =
                pairs.iter().partition(|(key, _)| key.as_str() == Some("<<"));
            for (_, value) in merged {
                object.extend(json(value).as_object().expect("`<<` takes a mapping").clone());
            }
            let own =
                own.into_iter().map(|(key, value)| (key.as_str().expect("a name").to_owned(), json(value)));
            object.extend(own);
            Value::Object(object)
        }
        Yaml::Array(items) => items.iter().map(json).collect(),
        Yaml::String(text) => text.clone().into(),
        Yaml::Integer(number) => (*number).into(),
        Yaml::Boolean(flag) => (*flag).into(),
        Yaml::Null => Value::Null,
        other => panic!("not expected in a compose file: {other:?}"),
    }
}

/// The words of a list.
pub(super) fn words(list: &Value) -> Vec<String> {
    let items = list.as_array().into_iter().flatten();
    items.map(|word| word.as_str().unwrap_or_else(|| panic!("no text: {word}")).to_owned()).collect()
}
