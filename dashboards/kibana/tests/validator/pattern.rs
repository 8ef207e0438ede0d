use serde_json::Value;

use super::fields::Fields;
use super::{Objects, list, named, text};

/// An index pattern: it means indices that have templates, and says nothing of them that is not so.
pub(crate) fn check(objects: &mut Objects, object: &Value, prefix: &str) {
    let name = named(object);
    let attributes = &object["attributes"];
    let Some(fields) = Fields::of_pattern(text(&attributes["title"]), prefix) else {
        return objects.fault(format!("{name}: {} matches no template", attributes["title"]));
    };
    if let Some(time) = attributes.get("timeFieldName") {
        objects.expect(fields.is_date(text(time)), || format!("{name}: the time field {time} is no date"));
    }
    let listed = objects.inner(object, "/fields");
    let expected = |name: &str| match fields.kind(name) {
        Some("date") => "date",
        Some("long" | "double") => "number",
        Some(_) => "string",
        None => "",
    };
    for field in list(&listed) {
        let (field_name, kind) = (text(&field["name"]), text(&field["type"]));
        let is_usable = field["aggregatable"] == true;
        objects.expect(!is_usable || title_has_more(attributes) || expected(field_name) == kind, || {
            format!("{name}: the field {field_name} is no aggregatable {kind}")
        });
    }
    let formats = objects.inner(object, "/fieldFormatMap");
    for (field, format) in formats.as_object().into_iter().flatten() {
        let fits = match text(&format["id"]) {
            "number" => fields.is_number(field),
            "relative_date" => fields.is_date(field),
            _ => false,
        };
        objects.expect(fits, || format!("{name}: the format {format} does not fit the field {field}"));
    }
}

/// A pattern of several indices lists the fields of each.
fn title_has_more(attributes: &Value) -> bool {
    text(&attributes["title"]).ends_with('*')
}
