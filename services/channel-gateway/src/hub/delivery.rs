//! Frames and signals on their way from a room to its listeners.
//!
//! To a few they go at once. To many they go in portions, and between two portions other rooms have their turn: a chat
//! of thousands does not delay those of two. Later frames of the same chat wait in line, so its order holds.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use chat_events::ChatKind;
use tokio::sync::Notify;

use super::parcel::{Outgoing, Parcel};
use super::rooms::{Room, RoomState};
use super::staff::Staff;
use super::{Hub, lock};
use crate::connection::Connection;

/// Listeners that are served in one go: a tenth of a millisecond, or little more.
const PORTION: usize = 32;
/// Parcels of a task that are on their way to many. Beyond this no more are taken in until some have arrived.
const ON_THE_WAY_MAX: usize = 1024;

/// The rooms of a task of the hub that have something on its way to many.
#[derive(Default)]
pub(super) struct Deliveries {
    rooms: Mutex<VecDeque<Arc<Room>>>,
    parcels: AtomicUsize,
    /// Rung when there is one more.
    pub(super) bell: Notify,
}

impl Deliveries {
    /// Whether nothing more is to be taken in for now.
    pub(super) fn is_full(&self) -> bool {
        self.parcels.load(Ordering::Relaxed) >= ON_THE_WAY_MAX
    }
}

/// The operators who get a room's parcels, if it is a session's.
fn operators<'a>(state: &RoomState, staff: &'a Staff) -> [&'a [Arc<Connection>]; 2] {
    match state.kind {
        Some(ChatKind::Session) => staff.of(state.site),
        _ => [&[], &[]],
    }
}

/// At most so many of both lists, after some that were served.
fn portion_of<T>(lists: [&[T]; 2], served: usize, most: usize) -> &[T] {
    let (list, served) = match served.checked_sub(lists[0].len()) {
        Some(beyond) => (lists[1], beyond),
        None => (lists[0], served),
    };
    let rest = &list[served.min(list.len())..];
    &rest[..most.min(rest.len())]
}

impl Hub {
    fn deliveries(&self, room: &Room) -> &Deliveries {
        &self.deliveries[bus::Inlets::way_of(room.chat, self.deliveries.len())]
    }

    /// Sends a parcel to all listeners of a room, behind the parcels that are on their way. Under the room's lock, so
    /// that order holds.
    pub(super) fn send(&self, room: &Arc<Room>, state: &mut RoomState, parcel: Parcel) {
        let deliveries = self.deliveries(room);
        if let Some(outgoing) = &mut state.outgoing {
            deliveries.parcels.fetch_add(1, Ordering::Relaxed);
            outgoing.parcels.push_back(parcel);
            return;
        }
        let staff = self.staff();
        let operators = operators(state, &staff);
        if state.listeners.all().len() + operators[0].len() + operators[1].len() <= PORTION {
            parcel.give_to(state.listeners.all());
            operators.iter().for_each(|list| parcel.give_to(list));
            self.arrived(room, state, &parcel);
            return;
        }
        deliveries.parcels.fetch_add(1, Ordering::Relaxed);
        state.listeners.begin();
        state.outgoing = Some(Box::new(Outgoing { parcels: VecDeque::from([parcel]), staff, staff_served: 0 }));
        lock(&deliveries.rooms).push_back(room.clone());
        deliveries.bell.notify_one();
    }

    /// All who may see it have it.
    fn arrived(&self, room: &Room, state: &mut RoomState, parcel: &Parcel) {
        let Parcel::Frame { frame, removed, committed_at, .. } = parcel else { return };
        if let Some(committed_at) = committed_at {
            self.metrics.delivered(*committed_at);
        }
        if !removed.is_empty() {
            state.removed(room.chat, removed, frame.seq);
        }
    }

    /// Delivers the next portion of a task's rooms, each in turn. False when there is none.
    pub(super) fn deliver_portion(&self, deliveries: &Deliveries) -> bool {
        let Some(room) = lock(&deliveries.rooms).pop_front() else { return false };
        let mut state = lock(&room.state);
        if room.is_closed()
            && let Some(outgoing) = state.outgoing.take()
        {
            deliveries.parcels.fetch_sub(outgoing.parcels.len(), Ordering::Relaxed);
        }
        if self.goes_on(&room, &mut state, deliveries) {
            drop(state);
            lock(&deliveries.rooms).push_back(room);
        }
        true
    }

    /// One portion. Whether there is more to deliver.
    fn goes_on(&self, room: &Room, state: &mut RoomState, deliveries: &Deliveries) -> bool {
        let Some(mut outgoing) = state.outgoing.take() else { return false };
        let Some(parcel) = outgoing.parcels.front() else { return false };
        let listeners = state.listeners.portion(PORTION);
        if listeners.is_empty() {
            let operators = portion_of(operators(state, &outgoing.staff), outgoing.staff_served, PORTION);
            parcel.give_to(operators);
            let served = operators.len();
            outgoing.staff_served += served;
            if served == 0 {
                self.arrived(room, state, parcel);
                outgoing.parcels.pop_front();
                deliveries.parcels.fetch_sub(1, Ordering::Relaxed);
                if outgoing.parcels.is_empty() {
                    return false;
                }
                state.listeners.begin();
                (outgoing.staff, outgoing.staff_served) = (self.staff(), 0);
            }
        } else {
            parcel.give_to(listeners);
        }
        state.outgoing = Some(outgoing);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lists_are_gone_through_in_portions() {
        let lists: [&[i32]; 2] = [&[1, 2, 3], &[4, 5]];
        let (mut served, mut portions) = (0, Vec::new());
        loop {
            let portion = portion_of(lists, served, 2);
            if portion.is_empty() {
                break;
            }
            served += portion.len();
            portions.push(portion.to_vec());
        }
        assert_eq!(portions, [vec![1, 2], vec![3], vec![4, 5]]);
        assert!(portion_of::<i32>([&[], &[]], 0, 2).is_empty());
    }
}
