//! The documents as JSON.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{json, value::RawValue};
use tokio::time::timeout;
use trombe_connectors::Range;

use crate::{
    Status,
    documents::{MINER, VALUE, VOLUME},
    hub::Hub,
    query::{Period, QueryError, span},
    read::{ReadError, far_future},
    routes::{Query, RequestError},
};

const TIME: &str = "a time such as 2024-10-19T14:00:00Z";

/// A range by its ends, or by its length up to the newest document.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct RangeParams {
    range: Option<String>,
    pub(crate) from: Option<String>,
    pub(crate) until: Option<String>,
    pub(crate) limit: Option<String>,
}

pub(crate) async fn value(State(hub): State<Arc<Hub>>, Query(params): Query<RangeParams>) -> Answer {
    documents(&hub, VALUE, &params).await
}

pub(crate) async fn volume(State(hub): State<Arc<Hub>>, Query(params): Query<RangeParams>) -> Answer {
    documents(&hub, VOLUME, &params).await
}

/// Of a day or a month.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct MinerParams {
    period: Option<String>,
}

pub(crate) async fn miners(State(hub): State<Arc<Hub>>, Query(params): Query<MinerParams>) -> Answer {
    let Some(text) = params.period else {
        return documents(&hub, MINER, &RangeParams::default()).await;
    };
    let allowed = "a day such as 2024-10-19 or a month such as 2024-10";
    let period = Period::parse(&text).ok_or(QueryError { name: "period", value: text, allowed })?;
    let ranking = hub.reader().ranking(Some(period)).await?;
    let miners = ranking.map(|ranking| ranking.miners).unwrap_or_default();
    Ok(Json(json!({ "period": period.to_string(), "miners": miners })).into_response())
}

/// Everything that a page in another process shows of this one.
pub(crate) async fn status(State(hub): State<Arc<Hub>>) -> Response {
    Json(hub.fresh_status()).into_response()
}

pub(crate) async fn topology(State(hub): State<Arc<Hub>>) -> Response {
    let Status { topology, why, .. } = hub.fresh_status();
    topology.map_or_else(
        || {
            let why = why.unwrap_or_else(|| "the topology has not started yet".to_owned());
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "error": why }))).into_response()
        },
        |topology| Json(topology).into_response(),
    )
}

/// Of every partition that the topology reads.
pub(crate) async fn lag(State(hub): State<Arc<Hub>>) -> Response {
    Json(&hub.fresh_status().lag).into_response()
}

type Answer = Result<Response, RequestError>;

/// A range's documents as they are stored, oldest first.
async fn documents(hub: &Hub, index: &str, params: &RangeParams) -> Answer {
    let reader = hub.reader();
    let range = range(hub, index, params).await?;
    let read = reader.index.range(&range);
    let limit = Duration::from_millis(reader.read_ms_max);
    let documents = timeout(limit, read)
        .await
        .map_err(|_| ReadError::Slow(reader.read_ms_max))?
        .map_err(ReadError::Index)?;
    let sources: Vec<&RawValue> =
        documents.iter().filter_map(|document| serde_json::from_str(&document.source).ok()).collect();
    let body = json!({
        "index": index,
        "from": range.from,
        "until": range.until,
        "is_cut": documents.len() >= range.documents_max,
    });
    // The sources are passed on byte for byte, so that no digit of an exact amount is touched.
    let mut body = body.to_string();
    body.truncate(body.len() - 1);
    let sources: Vec<&str> = sources.into_iter().map(RawValue::get).collect();
    let body = format!("{body},\"documents\":[{}]}}", sources.join(","));
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

async fn range(hub: &Hub, index: &str, params: &RangeParams) -> Result<Range, RequestError> {
    let documents_max = limit(params.limit.as_deref(), hub.options().documents_max)?;
    let (from, until) = match (time("from", params.from.as_deref())?, time("until", params.until.as_deref())?)
    {
        (None, None) if params.range.is_some() => {
            let span = span(params.range.as_deref())?;
            let until = hub.reader().newest_at(index).await? + TimeDelta::seconds(1);
            (span.length().map_or(DateTime::UNIX_EPOCH, |length| until - length), until)
        }
        (from, until) => (from.unwrap_or(DateTime::UNIX_EPOCH), until.unwrap_or_else(far_future)),
    };
    if from >= until {
        let allowed = "a time after from";
        return Err(QueryError { name: "until", value: until.to_rfc3339(), allowed }.into());
    }
    Ok(Range { index: index.to_owned(), from, until, documents_max })
}

pub(crate) fn time(name: &'static str, text: Option<&str>) -> Result<Option<DateTime<Utc>>, QueryError> {
    let Some(text) = text else { return Ok(None) };
    match text.parse::<DateTime<Utc>>() {
        Ok(time) if (DateTime::UNIX_EPOCH..far_future()).contains(&time) => Ok(Some(time)),
        _ => Err(QueryError { name, value: text.to_owned(), allowed: TIME }),
    }
}

pub(crate) fn limit(text: Option<&str>, documents_max: usize) -> Result<usize, QueryError> {
    let Some(text) = text else {
        return Ok(documents_max);
    };
    let allowed = "a number from 1 to documents_max";
    match text.parse() {
        Ok(limit) if (1..=documents_max).contains(&limit) => Ok(limit),
        _ => Err(QueryError { name: "limit", value: text.to_owned(), allowed }),
    }
}
