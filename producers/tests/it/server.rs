//! A provider on a loopback port, scripted: its HTTP interface and its websocket.

mod http;
mod websocket;

pub(crate) use http::{Answer, HttpServer};
pub(crate) use websocket::{Step, WebSocketServer};
