//! How what a server has differs from what it should have.

use serde_json::Value;

/// Whether what is there and was not asked for is a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extras {
    Reported,
    Ignored,
}

/// The differences, a sentence each. Elasticsearch gives numbers and booleans of settings as text, so text that reads
/// the same is the same.
pub(crate) fn differences(path: &str, is: &Value, should_be: &Value, extras: Extras) -> Vec<String> {
    let (Value::Object(is), Value::Object(wanted)) = (is, should_be) else {
        let (is, wanted) = (shown(is), shown(should_be));
        return if is == wanted { Vec::new() } else { vec![format!("{path} is {is} instead of {wanted}")] };
    };
    let mut found = Vec::new();
    for (key, should_be) in wanted {
        let path = format!("{path}.{key}");
        match is.get(key) {
            Some(is) => found.extend(differences(&path, is, should_be, extras)),
            None => found.push(format!("{path} is absent")),
        }
    }
    if extras == Extras::Reported {
        let unknown = is.keys().filter(|key| !wanted.contains_key(*key));
        found.extend(unknown.map(|key| format!("{path}.{key} is there and should not be")));
    }
    found
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_difference_is_named_by_its_path() {
        let wanted = json!({ "a": { "n": 3, "b": false, "list": ["x"] }, "gone": 1 });
        let same = json!({ "a": { "n": "3", "b": "false", "list": ["x"] }, "gone": "1" });
        assert_eq!(differences("t", &same, &wanted, Extras::Reported), Vec::<String>::new());
        let other = json!({ "a": { "n": "4", "b": {}, "list": [], "more": 1 } });
        let known =
            ["t.a.b is {} instead of false", "t.a.list is [] instead of [x]", "t.a.n is 4 instead of 3"];
        let found = differences("t", &other, &wanted, Extras::Ignored);
        assert_eq!(found, [&known[..], &["t.gone is absent"]].concat());
        let found = differences("t", &other, &wanted, Extras::Reported);
        assert_eq!(
            found,
            [&known[..], &["t.a.more is there and should not be", "t.gone is absent"]].concat()
        );
    }
}
