//! The least that a server can do: `bench/floor`.

use std::collections::VecDeque;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};

use test_support::Process;

use super::on_its_core;
use crate::gateway::crowd::seat::Guest;
use crate::gateway::message::payload;
use crate::programs::{binary, started};
use crate::wire;

pub(crate) struct Floor {
    pub(crate) process: Process,
    address: SocketAddr,
    control: TcpStream,
}

impl Floor {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let (process, address) = started(on_its_core("floor", &binary("floor")?)).await;
        let mut control = TcpStream::connect(address)?;
        control.set_nodelay(true)?;
        control.write_all(b"GET /control HTTP/1.1\r\n\r\n")?;
        Ok(Self { process, address, control })
    }

    pub(crate) fn guest(&self) -> Guest {
        Guest { address: self.address, target: "/".to_owned(), dialogue: VecDeque::new() }
    }

    pub(crate) fn publish(&mut self, number: u32) -> anyhow::Result<()> {
        let frame = wire::server_frame(&payload(number).to_string());
        let mut command = u32::try_from(frame.len())?.to_be_bytes().to_vec();
        command.extend_from_slice(&frame);
        Ok(self.control.write_all(&command)?)
    }
}
