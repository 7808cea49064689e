//! A file with its compressed forms, and its answer.

use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    CROSS_ORIGIN_RESOURCE_POLICY, ETAG, Encoding, EntityTag, Header, IfNoneMatch, VARY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::encoding::Accepted;

/// A file as it was built.
#[derive(Debug, Clone, Copy)]
pub struct File {
    /// Where it is in the folder of what was built, such as `assets/panel-4f2a.js`.
    pub path: &'static str,
    /// The content.
    pub plain: &'static [u8],
    /// The content as Brotli (RFC 7932).
    pub brotli: Option<&'static [u8]>,
    /// The content as gzip (RFC 1952).
    pub gzip: Option<&'static [u8]>,
}

/// A file ready to be served.
#[derive(Debug)]
pub(crate) struct Served {
    content_type: &'static str,
    plain: Form,
    /// The best first: the form that is served where a client wants several alike.
    compressed: Vec<(Encoding, Form)>,
}

/// A form of a file. Each has an ETag of its own (RFC 9110, section 8.8.3.3).
#[derive(Debug)]
struct Form {
    bytes: Bytes,
    etag: EntityTag,
}

/// For whom a file is, and for how long it may be kept.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind<'a> {
    /// Its name has a hash of its content, and pages of all sites load it.
    Immutable,
    /// Pages of all sites load it, by a name that stays: it is asked for anew each time, which costs few bytes.
    Shared,
    /// Of a page of this server, asked for anew too.
    Own,
    /// A page, with its Content-Security-Policy.
    Page(&'a str),
}

impl Form {
    fn new(bytes: &'static [u8]) -> Self {
        // 128 bits: no two files of a server have the same.
        let hash = Sha256::digest(bytes);
        let tag = URL_SAFE_NO_PAD.encode(hash.get(..16).unwrap_or_default());
        Self { bytes: Bytes::from_static(bytes), etag: EntityTag::new_strong(tag) }
    }

    fn is_known(&self, request: &HttpRequest) -> bool {
        match IfNoneMatch::parse(request) {
            Ok(IfNoneMatch::Any) => true,
            Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|tag| tag.weak_eq(&self.etag)),
            Err(_) => false,
        }
    }
}

impl Served {
    pub(crate) fn new(file: &File) -> Self {
        let compressed = [(Encoding::brotli(), file.brotli), (Encoding::gzip(), file.gzip)];
        let compressed = compressed.into_iter().filter_map(|(encoding, bytes)| Some((encoding, Form::new(bytes?))));
        Self { content_type: content_type(file.path), plain: Form::new(file.plain), compressed: compressed.collect() }
    }

    /// The file in the form that the client wants, or that the client has it already.
    pub(crate) fn answer(&self, request: &HttpRequest, kind: Kind<'_>) -> HttpResponse {
        let (encoding, form) = self.choose(&Accepted::by(request));
        let is_known = form.is_known(request);
        let mut answer = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        // A 304 has these too (RFC 9110, section 15.4.5).
        answer.insert_header((ETAG, form.etag.to_string()));
        answer.insert_header((VARY, "Accept-Encoding"));
        answer.insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"));
        kind.tell(&mut answer);
        if is_known {
            return answer.finish();
        }
        answer.insert_header((CONTENT_TYPE, self.content_type));
        if let Some(encoding) = encoding {
            answer.insert_header((CONTENT_ENCODING, encoding.to_string()));
        }
        answer.body(form.bytes.clone())
    }

    /// The form that the client wants most.
    fn choose(&self, accepted: &Accepted) -> (Option<&Encoding>, &Form) {
        let mut best = (None, &self.plain);
        let mut quality = accepted.quality_of_plain();
        for (encoding, form) in self.compressed.iter().rev() {
            if let Some(wanted) = accepted.quality(encoding).filter(|wanted| *wanted >= quality) {
                (best, quality) = ((Some(encoding), form), wanted);
            }
        }
        best
    }
}

impl Kind<'_> {
    fn tell(self, answer: &mut HttpResponseBuilder) {
        let kept = match self {
            Self::Immutable => "public, max-age=31536000, immutable",
            Self::Shared | Self::Own | Self::Page(_) => "no-cache",
        };
        answer.insert_header((CACHE_CONTROL, kept));
        match self {
            Self::Immutable | Self::Shared => {
                answer.insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*"));
                // For pages that let nothing in that does not say so (Cross-Origin-Embedder-Policy).
                answer.insert_header((CROSS_ORIGIN_RESOURCE_POLICY, "cross-origin"));
            }
            Self::Page(policy) => {
                answer.insert_header((CONTENT_SECURITY_POLICY, policy));
            }
            Self::Own => {}
        }
    }
}

/// By the end of the name (<https://www.iana.org/assignments/media-types>).
pub(crate) fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, end)| end) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "gif" => "image/gif",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "mp3" => "audio/mpeg",
        "ogg" | "opus" => "audio/ogg",
        "wav" => "audio/wav",
        "webm" => "audio/webm",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}
