//! What must be done later, in PostgreSQL.
//!
//! A job is enqueued in the transaction of the change that asks for it: with the change it is there, without it not. It is
//! done in a transaction of its own, in which the effect and the end of the job commit together. So a process that dies amid
//! a job has done nothing, and the job is done again; what a handler does outside of PostgreSQL may be done again too.
//!
//! - [`job`]: what is enqueued, and what a handler gets · [`handler`]: what is done, and how often it is tried
//! - [`worker`]: claims what is due, and has it done · `settle`: how a job ends · [`waker`]: wakes the workers after a commit
//! - [`admin`]: what people see and do · [`metrics`]

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
