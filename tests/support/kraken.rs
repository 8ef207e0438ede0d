use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Kraken's ticker, each answer a euro dearer than the one before.
pub(crate) struct Kraken {
    pub(crate) address: SocketAddr,
    pub(crate) answers: Arc<AtomicU32>,
}

impl Kraken {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, answers) = (listener.local_addr().unwrap(), Arc::new(AtomicU32::new(0)));
        let count = Arc::clone(&answers);
        std::thread::spawn(move || {
            listener.incoming().map_while(Result::ok).for_each(|stream| {
                // A client that goes away in the middle is the client's affair.
                answer(&stream, 60_000 + count.fetch_add(1, Ordering::Relaxed)).ok();
            });
        });
        Self { address, answers }
    }

    /// A configuration in which this is the only source.
    pub(crate) fn configuration(&self) -> String {
        format!(
            "[producers.bpi]\ninterval_ms = 50\n\
             sources = [{{ provider = \"kraken\", url = \"http://{}/0/public/Ticker\" }}]\n",
            self.address
        )
    }
}

fn answer(mut stream: &TcpStream, eur: u32) -> std::io::Result<()> {
    let head = BufReader::new(stream).lines().map_while(Result::ok);
    head.take_while(|line| !line.is_empty()).for_each(drop);
    let body = format!(r#"{{"error":[],"result":{{"XXBTZEUR":{{"c":["{eur}.50000","0.002"]}}}}}}"#);
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}
