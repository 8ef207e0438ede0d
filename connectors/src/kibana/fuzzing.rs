//! Ways in for `fuzz/`, which throws bytes at whatever reads answers. No part of what the crate promises.

use reqwest::StatusCode;
use serde_json::Value;

use super::{Answer, KibanaError, ObjectName};

const URL: &str = "http://127.0.0.1:5601";

fn answer(status: u16, body: &str) -> Answer {
    Answer { status: StatusCode::from_u16(status).unwrap_or_default(), body: body.to_owned() }
}

/// What the answer to an import of so many objects says.
pub fn imported(status: u16, body: &str, count: usize) -> Result<(), KibanaError> {
    answer(status, body).imported(URL, count)
}

/// What the answer to an export says: the objects, or, if some are missing, how many are still wanted.
pub fn exported(
    status: u16,
    body: &str,
    wanted: &[ObjectName],
) -> Result<Result<Vec<Value>, usize>, KibanaError> {
    let mut wanted = wanted.iter().collect();
    let objects = answer(status, body).exported(URL, &mut wanted)?;
    Ok(objects.ok_or(wanted.len()))
}
