//! Where each file is served.

use std::collections::HashMap;
use std::sync::LazyLock;

use actix_web::{HttpRequest, HttpResponse};

use crate::file::{File, Kind, Served};
use crate::page;

/// What was in `clients/dist` when this was compiled.
const BUILT: &[File] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

static EMBEDDED: LazyLock<Assets> = LazyLock::new(|| Assets::new(BUILT));

/// The files of the clients. Each answer is for GET and for HEAD; what is not there is for the caller to answer.
#[derive(Debug)]
pub struct Assets {
    built: HashMap<&'static str, Served>,
    demo: HashMap<&'static str, Served>,
    not_built: Served,
    home_policy: String,
    console_policy: String,
}

impl Assets {
    /// The clients that were built.
    #[must_use]
    pub fn embedded() -> &'static Self {
        &EMBEDDED
    }

    /// Of these files.
    #[must_use]
    pub fn new(files: &[File]) -> Self {
        let ready = |files: &[File]| files.iter().map(|file| (file.path, Served::new(file))).collect();
        Self {
            built: ready(files),
            demo: ready(&page::DEMO),
            not_built: Served::new(&page::NOT_BUILT),
            home_policy: page::home_policy(),
            console_policy: page::console_policy(),
        }
    }

    /// Whether the clients were built.
    #[must_use]
    pub fn are_built(&self) -> bool {
        self.built.contains_key("index.html")
    }

    /// `/`: a page for a newcomer, or the one that says that the clients are not built.
    #[must_use]
    pub fn home(&self, request: &HttpRequest) -> HttpResponse {
        self.built.get("index.html").unwrap_or(&self.not_built).answer(request, Kind::Page(&self.home_policy))
    }

    /// `/console/`, the operators' console.
    #[must_use]
    pub fn console(&self, request: &HttpRequest) -> Option<HttpResponse> {
        Some(self.built.get("console/index.html")?.answer(request, Kind::Page(&self.console_policy)))
    }

    /// `/widget.js`, which the pages of sites load.
    #[must_use]
    pub fn loader(&self, request: &HttpRequest) -> Option<HttpResponse> {
        Some(self.built.get("widget.js")?.answer(request, Kind::Shared))
    }

    /// `/widget/frame`, the widget as a page, which pages of these sources may have in a frame: what `frame-ancestors` of
    /// a Content-Security-Policy takes, such as `https://shop.example https://www.shop.example`.
    #[must_use]
    pub fn frame_page(&self, request: &HttpRequest, frame_ancestors: &str) -> Option<HttpResponse> {
        let policy = page::frame_policy(frame_ancestors);
        Some(self.built.get("widget/frame.html")?.answer(request, Kind::Page(&policy)))
    }

    /// `/assets/…`: the path is the whole one, without the slash before it. Other files are not found here.
    #[must_use]
    pub fn asset(&self, request: &HttpRequest, path: &str) -> Option<HttpResponse> {
        let asset = self.built.get(path).filter(|_| path.starts_with("assets/"))?;
        Some(asset.answer(request, Kind::Immutable))
    }

    /// `/demo/…`: the name is what follows, nothing for the page.
    #[must_use]
    pub fn demo(&self, request: &HttpRequest, name: &str) -> Option<HttpResponse> {
        let (name, kind) = match name {
            "" | "index.html" => ("index.html", Kind::Page(page::DEMO_POLICY)),
            name => (name, Kind::Own),
        };
        Some(self.demo.get(name)?.answer(request, kind))
    }
}
