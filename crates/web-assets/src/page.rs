//! Pages, and the sources that each of them may use (<https://www.w3.org/TR/CSP3/>).

use std::borrow::Cow;

use crate::file::File;

/// Served where the clients were not built.
pub(crate) const NOT_BUILT: File =
    File { path: "index.html", plain: include_bytes!("not_built.html"), brotli: None, gzip: None };

/// The demo page, with its paths under `/demo/`.
pub(crate) const DEMO: [File; 3] = [
    File { path: "index.html", plain: include_bytes!("../../../clients/demo/index.html"), brotli: None, gzip: None },
    File { path: "demo.css", plain: include_bytes!("../../../clients/demo/demo.css"), brotli: None, gzip: None },
    File { path: "demo.js", plain: include_bytes!("../../../clients/demo/demo.js"), brotli: None, gzip: None },
];

/// The first page has the widget's frame and the console in frames. Nobody else has it in one.
pub(crate) fn home_policy() -> String {
    policy("'none'", "frame-src 'self'; ")
}

/// The widget's page, which pages of these sources may have in a frame.
pub(crate) fn frame_policy(ancestors: &str) -> String {
    policy(&sources(ancestors), "")
}

/// The operators' console: the first page alone has it in a frame.
pub(crate) fn console_policy() -> String {
    policy("'self'", "")
}

/// Nothing is inline, so no source needs a hash or a nonce.
fn policy(ancestors: &str, more: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:; \
         img-src 'self' blob: data:; media-src 'self' blob:; worker-src 'self'; {more}frame-ancestors {ancestors}; \
         base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
}

/// Sources as they may stand in a directive. A text that would end the directive, or the header, allows none.
fn sources(ancestors: &str) -> Cow<'_, str> {
    let is_safe = ancestors.bytes().all(|byte| (b' '..=b'~').contains(&byte) && !b";,".contains(&byte));
    match ancestors.trim() {
        "" => "'none'".into(),
        ancestors if is_safe => ancestors.into(),
        _ => "'none'".into(),
    }
}

/// The demo page: itself, its inline icon, and the channel. The first page has it in a frame.
pub(crate) const DEMO_POLICY: &str = "default-src 'self'; img-src 'self' data:; connect-src 'self' ws: wss:; \
    frame-ancestors 'self'; base-uri 'none'; form-action 'none'";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_that_would_end_their_directive_are_none() {
        let shop = "'self' https://shop.example";
        assert!(frame_policy(shop).contains("frame-ancestors 'self' https://shop.example; base-uri"));
        for broken in ["", " ", "*; script-src *", "https://a.example, default-src *", "https://a.example\r\nX: y", "é"]
        {
            assert!(frame_policy(broken).contains("frame-ancestors 'none'; base-uri"), "{broken:?}");
        }
    }
}
