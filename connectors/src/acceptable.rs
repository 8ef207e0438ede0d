//! What makes a document acceptable. The rules are Elasticsearch's, so that a document which the embedded index takes
//! is one that Elasticsearch takes.

use serde::de::IgnoredAny;

use crate::Document;

const ID_BYTES_MAX: usize = 512;
const INDEX_BYTES_MAX: usize = 255;
const INDEX_FORBIDDEN: &[char] = &['\\', '/', '*', '?', '"', '<', '>', '|', ' ', ',', '#', ':'];
/// `http.max_content_length`, beyond which Elasticsearch answers a request with 413.
const SOURCE_BYTES_MAX: usize = 100 << 20;
const VERSION_MAX: u64 = i64::MAX.cast_unsigned();

/// Says why the document can never be stored, if it cannot.
pub(crate) fn check(document: &Document) -> Result<(), String> {
    let Document { index, id, version, source, .. } = document;
    if !is_index_name(index) {
        return Err(format!(
            "`{index}` is no index name: it must be lower case without any of {INDEX_FORBIDDEN:?}"
        ));
    }
    if !is_id(id) {
        return Err(format!("the id has {} bytes: 1 to {ID_BYTES_MAX} are allowed", id.len()));
    }
    if *version > VERSION_MAX {
        return Err(format!("the version {version} is above {VERSION_MAX}"));
    }
    if source.len() > SOURCE_BYTES_MAX {
        return Err(format!("the source has {} bytes: at most {SOURCE_BYTES_MAX} are allowed", source.len()));
    }
    if !source.trim_start().starts_with('{') {
        return Err("the source is not a JSON object".into());
    }
    match serde_json::from_str::<IgnoredAny>(source) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("the source is not JSON: {error}")),
    }
}

pub(crate) fn is_id(id: &str) -> bool {
    (1..=ID_BYTES_MAX).contains(&id.len())
}

pub(crate) fn is_index_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= INDEX_BYTES_MAX
        && !name.starts_with(['_', '-', '+', '.'])
        && !name.contains(INDEX_FORBIDDEN)
        && !name.contains(char::is_uppercase)
}
