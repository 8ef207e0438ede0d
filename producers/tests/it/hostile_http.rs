//! HTTP answers that mean harm. What merely fails is in `bpi`.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::bpi::check;
use crate::server::Answer;

fn redirect(location: &str) -> Answer {
    Answer::Status(302, Some(("Location", location.to_owned())))
}

#[tokio::test]
async fn compressed_answers_are_limited_by_what_they_unpack_to() {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..8_192 {
        packed.write_all(&[b' '; 8_192]).unwrap();
    }
    let packed = packed.finish().unwrap();
    assert!(packed.len() < 100_000, "within the limit as long as it is packed");
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", packed.len());
    let bomb = [head.as_bytes(), &packed].concat();
    check(Answer::Bytes(bomb), "longer than 100000 bytes", 0).await;

    let garbage = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\xff\xff\xff\xff";
    check(Answer::Bytes(garbage.to_vec()), "broke off", 0).await;
}

#[tokio::test]
async fn headers_are_limited_in_time_and_size() {
    check(Answer::SlowHeader, "no answer within 400 ms", 0).await;
    let giant = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(4 << 20));
    check(Answer::Bytes(giant.into_bytes()), "no connection", 0).await;
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: x\r\n".repeat(10_000));
    check(Answer::Bytes(many.into_bytes()), "no connection", 0).await;
}

#[tokio::test]
async fn redirections_lead_to_no_file_and_not_for_ever() {
    check(redirect("file:///etc/hostname"), "status 302", 0).await;
    check(redirect("data:,60000"), "URL scheme is not allowed", 0).await;
    check(redirect("gopher://127.0.0.1/"), "URL scheme is not allowed", 0).await;
    check(redirect("/kraken"), "too many redirects", 0).await;
    // Nowhere to go: the answer is what it says it is.
    check(Answer::Status(302, None), "status 302", 0).await;
}

#[tokio::test]
async fn a_wait_that_makes_no_sense_is_none() {
    for value in ["-5", "soon", "", "1e9", "99999999999999999999", "Mon, 99 Foo 2020 00:00:00 GMT"] {
        let header = Some(("Retry-After", value.to_owned()));
        check(Answer::Status(429, header), "status 429", 0).await;
    }
}
