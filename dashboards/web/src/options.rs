//! Everything about the page that can be set.

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

/// Where the page listens, how it names its feed, and its limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PageOptions {
    /// The address that the caller binds. Loopback unless somebody decides otherwise: the page has no login.
    #[serde(deserialize_with = "address")]
    pub listen: SocketAddr,
    /// What the data is, shown wherever data is shown, e.g. `sample data`.
    #[serde(skip)]
    pub feed_label: String,
    /// Host names answered besides `localhost` and IP addresses. Any other name is refused, because a foreign site
    /// could point its own name at this machine and read the page through the visitor's browser.
    pub hosts_allowed: Vec<String>,
    /// Connections open at once; the next one waits.
    pub connections_max: usize,
    /// Event streams open at once; the next one is told to come back later.
    pub subscribers_max: usize,
    /// Bytes of a request's path and query.
    pub uri_bytes_max: usize,
    /// Time for a request's head to arrive, and for an idle connection to send the next one.
    pub header_ms_max: u64,
    /// Time in which a client must take some bytes of a pending answer.
    pub stall_ms_max: u64,
    /// Time for the index to answer one request.
    pub read_ms_max: u64,
    /// Time for open answers to finish at shutdown.
    pub shutdown_ms_max: u64,
    /// How often the index is asked whether anything changed: at most this often a reader gets new data.
    pub refresh_ms: u64,
    /// How often the topology's state is taken.
    pub status_ms: u64,
    /// Time for a topology in another process to tell its state.
    pub status_ms_max: u64,
    /// Bytes of that state.
    pub status_bytes_max: usize,
    /// How often an event stream on which nothing happens shows that it lives.
    pub heartbeat_ms: u64,
    /// Views (combinations of range, unit, day and month) whose rendering is kept.
    pub views_max: usize,
    /// Documents of one index read for one view or one API answer.
    pub documents_max: usize,
}

impl Default for PageOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            feed_label: "sample data".to_owned(),
            hosts_allowed: Vec::new(),
            connections_max: 256,
            subscribers_max: 64,
            uri_bytes_max: 2_048,
            header_ms_max: 20_000,
            stall_ms_max: 20_000,
            read_ms_max: 10_000,
            shutdown_ms_max: 1_000,
            refresh_ms: 300,
            status_ms: 1_000,
            status_ms_max: 3_000,
            status_bytes_max: 4 * 1_024 * 1_024,
            heartbeat_ms: 10_000,
            views_max: 64,
            documents_max: 20_000,
        }
    }
}

/// Names the value and what is allowed, neither of which the standard error does.
fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse()
        .map_err(|_| D::Error::custom(format!("{text:?} is no address and port such as 127.0.0.1:8080")))
}

/// A limit that nothing could work with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} is {value}, but must be from {min} to {max}; change it in the configuration")]
pub struct OptionError {
    key: &'static str,
    value: u64,
    min: u64,
    max: u64,
}

impl PageOptions {
    /// Says which limit is out of bounds, if one is.
    ///
    /// ```
    /// use btc_dashboard_web::PageOptions;
    ///
    /// let options = PageOptions { refresh_ms: 1, ..PageOptions::default() };
    /// let error = options.check().unwrap_err().to_string();
    /// assert_eq!(error, "refresh_ms is 1, but must be from 50 to 60000; change it in the configuration");
    /// ```
    pub fn check(&self) -> Result<(), OptionError> {
        let count = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
        let limits = [
            ("connections_max", count(self.connections_max), 1, 65_536),
            ("subscribers_max", count(self.subscribers_max), 1, 65_536),
            ("uri_bytes_max", count(self.uri_bytes_max), 256, 16_384),
            ("header_ms_max", self.header_ms_max, 100, 600_000),
            ("stall_ms_max", self.stall_ms_max, 100, 600_000),
            ("read_ms_max", self.read_ms_max, 100, 600_000),
            ("shutdown_ms_max", self.shutdown_ms_max, 0, 600_000),
            ("refresh_ms", self.refresh_ms, 50, 60_000),
            ("status_ms", self.status_ms, 50, 60_000),
            ("status_ms_max", self.status_ms_max, 50, 60_000),
            ("status_bytes_max", count(self.status_bytes_max), 65_536, 1_073_741_824),
            ("heartbeat_ms", self.heartbeat_ms, 100, 60_000),
            ("views_max", count(self.views_max), 1, 4_096),
            ("documents_max", count(self.documents_max), 100, 1_000_000),
        ];
        for (key, value, min, max) in limits {
            if !(min..=max).contains(&value) {
                return Err(OptionError { key, value, min, max });
            }
        }
        Ok(())
    }
}
