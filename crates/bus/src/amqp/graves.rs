//! Where a lane's dead letters go out: a link of its own, opened for the first of them. On the lane's link the broker would
//! stop reading acknowledgements too, when it is short of memory or of disk space.

use chat_events::names::DEAD_LETTER;
use lapin::message::Delivery;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::AMQPValue;
use lapin::{BasicProperties, Confirmation};

use super::address::AmqpAddress;
use super::connection::{Link, failed, in_time};
use crate::BusError;

/// Publishes dead letters.
pub(super) struct Graves {
    address: AmqpAddress,
    link: Option<Link>,
}

impl Graves {
    /// Does not connect yet.
    pub(super) fn new(address: &AmqpAddress) -> Self {
        Self { address: address.clone(), link: None }
    }

    /// Whether the broker takes no dead letters at present.
    pub(super) fn is_closed(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.is_open() && link.blocked().is_some())
    }

    /// Publishes one; whether the broker confirmed it. If not it may come again, once the broker takes them again.
    pub(super) async fn take(&mut self, delivery: &Delivery, why: &str) -> Result<bool, BusError> {
        if self.is_closed() {
            return Ok(false);
        }
        let link = match self.link.take().filter(Link::is_open) {
            Some(link) => link,
            None => self.open().await?,
        };
        let buried = in_time(link.unless_blocked(publish(&link, delivery, why))).await;
        if buried.is_err() && link.blocked().is_none() {
            return buried.map(|()| true);
        }
        self.link = Some(link);
        Ok(buried.is_ok())
    }

    async fn open(&self) -> Result<Link, BusError> {
        let link = Link::open(&self.address, "switchboard dead letters").await?;
        in_time(async { link.channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(failed) }).await?;
        Ok(link)
    }
}

async fn publish(link: &Link, delivery: &Delivery, why: &str) -> Result<(), BusError> {
    let mut headers = delivery.properties.headers().clone().unwrap_or_default();
    headers.insert("reason".into(), AMQPValue::LongString(why.into()));
    let properties: BasicProperties = delivery.properties.clone().with_headers(headers).with_delivery_mode(2);
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    let confirm = link
        .channel
        .basic_publish(DEAD_LETTER.into(), delivery.routing_key.clone(), options, &delivery.data, properties)
        .await
        .map_err(failed)?;
    match confirm.await.map_err(failed)? {
        Confirmation::Ack(None) => Ok(()),
        _ => Err(BusError("RabbitMQ: a dead letter was not confirmed".into())),
    }
}
