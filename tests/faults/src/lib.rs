//! Breaks a running Switchboard in every way that it must survive, under load, and compares what every client saw with
//! what PostgreSQL has. It shares no code with the services.
//!
//! - [`cluster`]: the system as real processes, and a proxy on each way between two parts
//! - [`proxy`]: what can be done to connections
//! - [`part`]: the parts that can be hit
//! - [`load`]: who takes part
//! - [`crowd`]: chats that make lists long · [`clients`]: how they listen and write
//! - [`browsers`]: real tabs with the widget among them
//! - [`faults`]: what is done, drawn from a seed; pure
//! - [`injector`]: does it
//! - [`frame`], [`record`], [`recorder`]: what was seen; [`grants`]: the sites of operators
//! - [`truth`]: what PostgreSQL has
//! - [`checker`]: compares the two; pure · [`feed`]: a reader of the change feed, and the same for it
//! - [`footprint`]: what the services use of the machine meanwhile
//! - [`run`]: one run from start to verdict
//! - [`report`]: what came of it

pub mod browsers;
pub mod checker;
pub mod clients;
pub mod cluster;
pub mod crowd;
pub mod faults;
pub mod feed;
pub mod footprint;
pub mod frame;
pub mod grants;
pub mod injector;
pub mod load;
pub mod part;
pub mod proxy;
pub mod record;
pub mod recorder;
pub mod report;
pub mod run;
pub mod truth;
