//! What an import checks, and what Kibana leaves unsaid: it draws a broken visualization as an empty one.

mod dashboard;
mod fields;
mod pattern;
mod visualization;

use std::collections::BTreeMap;

use serde_json::Value;

/// The newest version of each type that Kibana 7.10 knows, and the attributes it takes.
const TYPES: [(&str, &str, &[&str]); 3] = [
    ("index-pattern", "7.6.0", &["title", "timeFieldName", "fields", "fieldFormatMap"]),
    (
        "visualization",
        "7.10.0",
        &["title", "description", "version", "visState", "uiStateJSON", "kibanaSavedObjectMeta"],
    ),
    (
        "dashboard",
        "7.9.3",
        &[
            "title",
            "description",
            "hits",
            "version",
            "timeRestore",
            "timeFrom",
            "timeTo",
            "refreshInterval",
            "panelsJSON",
            "optionsJSON",
            "kibanaSavedObjectMeta",
        ],
    ),
];

/// All objects of a file by type and id, and what is wrong with them.
pub(crate) struct Objects {
    by_id: BTreeMap<(String, String), Value>,
    faults: Vec<String>,
}

/// Everything that is wrong with an NDJSON file of saved objects whose indices' names begin with `prefix`.
pub(crate) fn faults(ndjson: &str, prefix: &str) -> Vec<String> {
    let mut objects = Objects { by_id: BTreeMap::new(), faults: Vec::new() };
    for (number, line) in ndjson.lines().enumerate() {
        match serde_json::from_str::<Value>(line) {
            Ok(object) if object.is_object() => objects.take(object),
            _ => objects.fault(format!("line {} is no JSON object", number + 1)),
        }
    }
    let all: Vec<Value> = objects.by_id.values().cloned().collect();
    for object in &all {
        objects.check_references(object);
        match text(&object["type"]) {
            "index-pattern" => pattern::check(&mut objects, object, prefix),
            "visualization" => visualization::check(&mut objects, object, prefix),
            "dashboard" => dashboard::check(&mut objects, object),
            _ => {}
        }
    }
    objects.faults
}

impl Objects {
    fn fault(&mut self, fault: String) {
        self.faults.push(fault);
    }

    fn expect(&mut self, is_so: bool, fault: impl FnOnce() -> String) {
        if !is_so {
            self.faults.push(fault());
        }
    }

    fn take(&mut self, object: Value) {
        let (kind, id) = (text(&object["type"]).to_owned(), text(&object["id"]).to_owned());
        let name = format!("{kind} {id}");
        let keys: Vec<&String> = object.as_object().into_iter().flat_map(|object| object.keys()).collect();
        self.expect(keys == ["attributes", "id", "migrationVersion", "references", "type"], || {
            format!("{name} has the keys {keys:?}")
        });
        match TYPES.iter().find(|(known, ..)| *known == kind) {
            None => self.fault(format!("{name} is of an unknown type")),
            Some((_, newest, attributes)) => {
                let versions = serde_json::json!({ kind.as_str(): newest });
                self.expect(object["migrationVersion"] == versions, || {
                    format!("{name} has the versions {}", object["migrationVersion"])
                });
                for attribute in object["attributes"].as_object().into_iter().flat_map(|all| all.keys()) {
                    self.expect(attributes.contains(&attribute.as_str()), || {
                        format!("{name} has the unknown attribute {attribute}")
                    });
                }
                self.expect(!text(&object["attributes"]["title"]).is_empty(), || {
                    format!("{name} has no title")
                });
            }
        }
        let before = self.by_id.insert((kind, id), object);
        self.expect(before.is_none(), || format!("{name} is there twice"));
    }

    fn get(&self, kind: &str, id: &str) -> Option<&Value> {
        self.by_id.get(&(kind.to_owned(), id.to_owned()))
    }

    fn check_references(&mut self, object: &Value) {
        let mut names = Vec::new();
        for reference in list(&object["references"]) {
            let (kind, id) = (text(&reference["type"]), text(&reference["id"]));
            self.expect(self.get(kind, id).is_some(), || {
                format!("{} refers to no {kind} {id}", named(object))
            });
            self.expect(!names.contains(&text(&reference["name"])), || {
                format!("{} has the reference {} twice", named(object), reference["name"])
            });
            names.push(text(&reference["name"]));
        }
    }

    /// The JSON that stands in a string attribute.
    fn inner(&mut self, object: &Value, path: &str) -> Value {
        let attribute = object["attributes"].pointer(path).unwrap_or(&Value::Null);
        serde_json::from_str(text(attribute)).unwrap_or_else(|error| {
            self.fault(format!("{}: {path} is no JSON: {error}", named(object)));
            Value::Null
        })
    }
}

fn named(object: &Value) -> String {
    format!("{} {}", text(&object["type"]), text(&object["id"]))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The object that a reference of this name points to.
fn referred<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    list(&object["references"])
        .iter()
        .find(|reference| text(&reference["name"]) == name)
        .map(|reference| text(&reference["id"]))
}
