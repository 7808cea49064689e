//! Processes that the kernel kills when whoever started them ends, in whatever way.

use std::io;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{OnceLock, mpsc};
use std::thread;

/// util-linux's `setpriv` asks the kernel to kill the process when the thread that started it ends: to be started by
/// [`spawn`].
#[must_use]
pub fn dying_with_us(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.arg("--pdeathsig").arg("KILL").arg("--").arg(program);
    command
}

type Spawned = io::Result<Child>;

/// Starts all processes from one thread that lives as long as this process: the kernel would kill them as soon as the
/// thread that started them ends.
pub fn spawn(command: Command) -> Spawned {
    static SPAWNER: OnceLock<mpsc::Sender<(Command, mpsc::Sender<Spawned>)>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (requests, received) = mpsc::channel::<(Command, mpsc::Sender<Spawned>)>();
        thread::spawn(move || {
            for (mut command, answer) in received {
                // Whoever asked is gone: dropping the child's pipes ends it.
                let _nobody = answer.send(command.spawn());
            }
        });
        requests
    });
    let has_ended = || io::Error::other("the thread that starts processes has ended");
    let (answer, spawned) = mpsc::channel();
    spawner.send((command, answer)).map_err(|_| has_ended())?;
    spawned.recv().map_err(|_| has_ended())?
}
