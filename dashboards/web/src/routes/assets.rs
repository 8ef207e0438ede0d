//! The page's own files, built into the program.

use axum::{
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

/// A file and how it is addressed. The version in its address makes it safe to keep for ever.
#[derive(Debug)]
pub(crate) struct Asset {
    name: &'static str,
    kind: &'static str,
    content: &'static str,
}

pub(crate) static STYLE: Asset = Asset {
    name: "page.css",
    kind: "text/css; charset=utf-8",
    content: include_str!("../../assets/page.css"),
};
pub(crate) static SCRIPT: Asset = Asset {
    name: "page.js",
    kind: "text/javascript; charset=utf-8",
    content: include_str!("../../assets/page.js"),
};
pub(crate) static ICON: Asset =
    Asset { name: "icon.svg", kind: "image/svg+xml", content: include_str!("../../assets/icon.svg") };

impl Asset {
    /// The address under which a page refers to it.
    pub(crate) fn path(&self) -> String {
        format!("/assets/{}?v={:08x}", self.name, checksum(self.content.as_bytes()))
    }
}

/// FNV-1a: enough to tell versions of a file apart.
const fn checksum(bytes: &[u8]) -> u32 {
    let mut sum: u32 = 0x811c_9dc5;
    let mut at = 0;
    while at < bytes.len() {
        sum = (sum ^ bytes[at] as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    sum
}

pub(crate) async fn asset(Path(name): Path<String>) -> Response {
    match [&STYLE, &SCRIPT, &ICON].into_iter().find(|asset| asset.name == name) {
        Some(asset) => {
            let headers = [
                (header::CONTENT_TYPE, asset.kind),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
            ];
            (headers, asset.content).into_response()
        }
        None => (StatusCode::NOT_FOUND, "there is no such file\n").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_refer_to_nothing_elsewhere() {
        for asset in [&STYLE, &SCRIPT, &ICON] {
            let content = asset.content.replace("http://www.w3.org/2000/svg", "");
            for foreign in ["http:", "https:", "url(//", "@import", "eval(", "innerHTML = `"] {
                assert!(!content.contains(foreign), "{} contains {foreign}", asset.name);
            }
        }
    }
}
