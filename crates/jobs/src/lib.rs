//! Deferred work: jobs in PostgreSQL.
//!
//! A job is enqueued in the transaction of the change that asks for it: with the change it is there, without it not. It
//! is done in a transaction of its own, in which the effect and the end of the job commit together. So a process that
//! dies amid a job has done nothing, and the job is done again; effects of a handler outside of PostgreSQL may then
//! come twice.
//!
//! - [`job`]: a job, as it is enqueued and as a handler gets it · [`handler`]: the work of a kind, and how often it is
//!   tried
//! - [`worker`]: claims due jobs, and has them done · `settle`: how a job ends · [`waker`]: wakes the workers after a
//!   commit
//! - [`admin`]: listing, retrying and dropping jobs by hand · [`metrics`]

pub mod admin;
pub mod handler;
pub mod job;
pub mod metrics;
mod settle;
pub mod waker;
pub mod worker;

pub use handler::{Connections, Handler, JobError, Next, Policy};
pub use job::{Due, Existing, Job, NewJob, Priority, enqueue};
pub use metrics::JobMetrics;
pub use waker::JobWaker;
pub use worker::Workers;
