//! The clients for browsers, in the binary: what `npm run build` in `clients/` has made, with the compressed forms that it made
//! of each file, and the demo page. Where the clients were not built a page says so, and cargo needs no Node.
//!
//! - [`assets`]: where each file is served · `page`: pages, and which sources they may use
//! - `file`: a file with its compressed forms, and its answer: encoding, ETag, caching · `encoding`: what the client accepts
//!
//! Nothing is read from a disk, and nothing is compressed at a request.

pub mod assets;
mod encoding;
mod file;
mod page;

pub use assets::Assets;
pub use file::File;
