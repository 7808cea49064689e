//! A model of delivery, from the outbox to the socket, explored in every interleaving.
//!
//! The decisions are made by the code itself: `bus::order` in the relay, `Feed`, `Batch`, `ReplayProgress` and
//! `Progress` in the gateway. The model adds only their surroundings: the order of actions, and a world that loses,
//! repeats and reorders. A [`Mutation`] switches one rule off in that glue; each has a test that expects the harm,
//! since a model that finds nothing proves nothing.

mod changes;
mod explore;
mod gateway;
mod members;
mod relay;
mod script;

use changes::Changes;
use explore::{Model, explore};
use gateway::{Chat, Comes, Mutation};
use relay::{Fault, Relay};
use script::Script;

/// Explored whole, without a violation. The number of states goes to the test's output.
fn holds<M: Model>(name: &str, model: &M) {
    let found = explore(model);
    println!("{name}: {} states", found.states);
    if let Some(violation) = found.violation {
        panic!("{name}: {violation}");
    }
}

/// Some interleaving does the harm that is named.
fn is_harmed<M: Model>(model: &M, harm: &str) {
    let violation = explore(model).violation.unwrap_or_else(|| panic!("nothing went wrong; expected: {harm}"));
    assert!(violation.harm.contains(harm), "another harm: {violation}");
}

// --- the gateway ---------------------------------------------------------------------------------------------

#[test]
fn a_client_who_is_there_and_one_who_joins_get_everything_once_and_in_order() {
    holds("a client stays, one joins", &Chat::of(Script::session(), &[Comes::Stays, Comes::Joins]));
}

#[test]
fn the_first_of_a_chat_to_join_gets_everything_once_and_in_order() {
    holds("a client joins", &Chat::of(Script::session().up_to(4), &[Comes::Joins]));
}

#[test]
fn two_who_join_at_once_get_everything_once_and_in_order() {
    holds("two clients join", &Chat::of(Script::session().up_to(2), &[Comes::Joins, Comes::Joins]));
}

#[test]
fn who_asks_for_what_is_older_once_it_is_live_gets_all_of_it() {
    holds("a client asks for older", &Chat::of(Script::session().up_to(4), &[Comes::JoinsAndAsksForOlder]));
}

#[test]
fn who_hears_of_a_chat_before_the_page_that_lists_it_gets_all_of_it() {
    let comes = [Comes::JoinsAndIsListedLater];
    holds("a client is told of the chat later", &Chat::of(Script::session().up_to(4), &comes));
}

#[test]
fn if_a_frame_is_a_cursor_before_the_page_of_its_chat_messages_are_lost() {
    let chat = Chat::of(Script::session().up_to(4), &[Comes::JoinsAndIsListedLater]);
    is_harmed(&chat.mutated(Mutation::FramesAreCursorsBeforeTheirPage), "was lost");
}

#[test]
fn if_a_listed_chat_is_live_from_above_what_the_page_says_messages_are_lost() {
    let chat = Chat::of(Script::session().up_to(3), &[Comes::Joins]);
    is_harmed(&chat.mutated(Mutation::ListedIsLiveFromALaterTop), "was lost");
}

#[test]
fn staff_and_a_client_who_joins_get_what_they_may_see() {
    holds("staff listens, a client joins", &Chat::of(Script::session().up_to(4), &[Comes::StaffListens, Comes::Joins]));
}

#[test]
fn staff_of_the_site_gets_all_and_staff_of_another_gets_nothing() {
    let both = || [Comes::StaffOfTheSiteListens, Comes::StaffOfAnotherSiteListens];
    holds("staff of sites", &Chat::of(Script::session().up_to(4), &both()));
    let joined = [Comes::StaffOfAnotherSiteListens, Comes::Joins];
    holds("staff of another site, a client joins", &Chat::of(Script::session().up_to(3), &joined));
    let mutated = Chat::of(Script::session().up_to(2), &both()).mutated(Mutation::ScopesAreIgnored);
    is_harmed(&mutated, "not its own");
}

#[test]
fn staff_gets_what_was_lost_before_the_first_event_that_is_heard_of_a_session() {
    holds("staff listens", &Chat::of(Script::session(), &[Comes::StaffListens]));
    holds("staff listens to hints", &Chat::of(Script::session(), &[Comes::StaffListens]).with_hints());
}

#[test]
fn if_it_is_not_asked_where_the_news_begin_staff_loses_messages() {
    let chat = Chat::of(Script::session().up_to(3), &[Comes::StaffListens]);
    is_harmed(&chat.mutated(Mutation::NewsAreNotAskedFor), "was lost");
}

#[test]
fn a_removed_member_gets_nothing_above_its_removal() {
    let group = || Script::group().up_to(4);
    holds("a member is removed", &Chat::of(group(), &[Comes::IsRemoved, Comes::Joins]));
    holds("a member who joins is removed", &Chat::of(group(), &[Comes::JoinsAndIsRemoved, Comes::Stays]));
}

#[test]
fn hints_without_events_are_enough() {
    holds("hints only", &Chat::of(Script::session(), &[Comes::Stays, Comes::Joins]).with_hints());
}

#[test]
fn everybody_hears_that_a_session_was_closed_before_it_was_opened_again() {
    holds("a session is closed and opened", &Chat::of(Script::reopened(), &[Comes::Stays, Comes::Joins]));
    holds("the same for staff", &Chat::of(Script::reopened(), &[Comes::StaffListens]));
}

#[test]
fn without_activity_changes_of_state_are_lost() {
    let chat = Chat::of(Script::reopened().without_activity(), &[Comes::Stays, Comes::Joins]);
    is_harmed(&chat, "was lost");
}

#[test]
fn buffers_that_run_over_lose_nothing() {
    holds("buffers of one", &Chat::of(Script::session().up_to(4), &[Comes::Stays, Comes::Joins]).with_room(1));
}

fn mutated(mutation: Mutation, harm: &str) {
    is_harmed(&Chat::of(Script::session(), &[Comes::Stays, Comes::Joins]).mutated(mutation), harm);
}

#[test]
fn without_the_comparison_of_tops_messages_are_lost() {
    mutated(Mutation::TopsAreNotCompared, "was lost");
}

#[test]
fn without_filling_jumps_messages_are_lost() {
    mutated(Mutation::JumpsAreNotFilled, "was lost");
}

#[test]
fn if_a_stream_need_not_start_at_the_cursor_messages_are_lost() {
    mutated(Mutation::StreamsMayHaveHoles, "was lost");
}

#[test]
fn if_a_stream_need_not_reach_the_top_messages_are_lost() {
    mutated(Mutation::ReadingStopsShort, "was lost");
}

#[test]
fn if_history_is_read_before_attaching_messages_are_lost() {
    mutated(Mutation::ReadsBeforeAttaching, "was lost");
}

#[test]
fn if_what_comes_during_a_join_is_not_kept_messages_are_lost() {
    mutated(Mutation::EarlyIsForgotten, "was lost");
}

#[test]
fn if_the_floor_is_not_respected_messages_come_twice() {
    mutated(Mutation::FloorIsIgnored, "came again");
}

#[test]
fn if_what_comes_during_a_fill_is_not_held_messages_are_lost() {
    mutated(Mutation::FillsHoldNothing, "was lost");
}

#[test]
fn if_old_events_are_not_dropped_messages_come_twice() {
    mutated(Mutation::OldIsNotDropped, "came again or late");
}

#[test]
fn if_a_feed_begins_wherever_it_hears_first_messages_are_lost() {
    mutated(Mutation::JoinsAreNotNoted, "was lost");
}

#[test]
fn if_a_join_does_not_ask_where_the_feed_began_messages_are_lost() {
    is_harmed(&Chat::of(Script::session(), &[Comes::Joins]).mutated(Mutation::BeginningIsNotAskedFor), "was lost");
}

#[test]
fn if_visibility_is_not_looked_at_a_client_sees_a_note() {
    mutated(Mutation::VisibilityIsIgnored, "may not be seen");
}

#[test]
fn if_an_overrun_join_does_not_read_on_messages_are_lost() {
    let chat = Chat::of(Script::session().up_to(4), &[Comes::Stays, Comes::Joins]).with_room(1);
    is_harmed(&chat.mutated(Mutation::OverflowIsIgnored), "was lost");
}

#[test]
fn if_what_is_older_need_not_reach_the_live_part_messages_are_lost() {
    let chat = Chat::of(Script::session().up_to(4), &[Comes::JoinsAndAsksForOlder]);
    is_harmed(&chat.mutated(Mutation::OlderStopsShort), "was lost");
}

#[test]
fn if_removals_do_not_end_a_watch_a_removed_member_reads_on() {
    let chat = Chat::of(Script::group(), &[Comes::IsRemoved, Comes::Stays]);
    is_harmed(&chat.mutated(Mutation::RemovalsAreIgnored), "after its removal");
}

#[test]
fn if_a_replay_reads_past_a_removal_a_removed_member_reads_on() {
    let chat = Chat::of(Script::group(), &[Comes::JoinsAndIsRemoved, Comes::Stays]);
    is_harmed(&chat.mutated(Mutation::ReplayReadsPastRemovals), "after its removal");
}

// --- portions ------------------------------------------------------------------------------------------------

#[test]
fn between_two_portions_one_joins() {
    holds(
        "many: one stays, one joins",
        &Chat::of(Script::session().up_to(3), &[Comes::Stays, Comes::Joins]).in_portions(),
    );
    let staff = [Comes::StaffListens, Comes::Joins];
    holds("many: staff listens, one joins", &Chat::of(Script::session().up_to(3), &staff).in_portions());
}

#[test]
fn between_two_portions_one_leaves() {
    let comes = [Comes::Stays, Comes::Leaves, Comes::Stays];
    holds("many: one of three leaves", &Chat::of(Script::session().up_to(3), &comes).in_portions());
    let comes = [Comes::Leaves, Comes::Joins];
    holds("many: one leaves, one joins", &Chat::of(Script::session().up_to(3), &comes).in_portions());
}

#[test]
fn between_two_portions_a_right_is_taken_away() {
    let group = || Script::group().up_to(4);
    for comes in [Comes::IsRemoved, Comes::IsRemovedAndRevoked] {
        holds("many: a member is removed", &Chat::of(group(), &[comes, Comes::Stays]).in_portions());
        holds("many: the last of the list is removed", &Chat::of(group(), &[Comes::Stays, comes]).in_portions());
    }
    let comes = [Comes::JoinsAndIsRemoved, Comes::Stays];
    holds("many: a member who joins is removed", &Chat::of(group(), &comes).in_portions());
}

#[test]
fn hints_and_fills_go_in_portions_too() {
    let comes = [Comes::Stays, Comes::Joins];
    holds("many: hints", &Chat::of(Script::session().up_to(3), &comes).with_hints().in_portions());
}

#[test]
fn if_others_overtake_what_is_on_its_way_messages_come_late() {
    let chat = Chat::of(Script::session().up_to(3), &[Comes::Stays, Comes::Stays]).in_portions();
    is_harmed(&chat.mutated(Mutation::OthersOvertake), "was lost");
}

#[test]
fn if_who_goes_makes_the_next_be_passed_over_messages_are_lost() {
    let chat = Chat::of(Script::session().up_to(3), &[Comes::Leaves, Comes::Stays]).in_portions();
    is_harmed(&chat.mutated(Mutation::WhoGoesSkipsTheNext), "was lost");
}

#[test]
fn if_a_removal_waits_for_the_next_frame_a_removed_member_reads_on() {
    let chat = Chat::of(Script::group(), &[Comes::IsRemoved, Comes::Stays]).in_portions();
    is_harmed(&chat.mutated(Mutation::RemovalsWaitForTheNext), "after its removal");
}

// --- the change feed -----------------------------------------------------------------------------------------

#[test]
fn a_reader_of_the_feed_gets_every_change_once_and_in_order() {
    holds("changes", &Changes::default());
}

#[test]
fn if_what_is_gone_is_numbered_again_a_change_comes_twice() {
    is_harmed(&Changes::with(changes::Fault::NumbersWhatIsGone), "came twice");
}

#[test]
fn without_the_lock_of_the_lane_a_reader_passes_over_a_position() {
    is_harmed(&Changes::with(changes::Fault::LaneIsNotLocked), "was lost");
}

#[test]
fn if_rows_leave_the_outbox_before_they_are_numbered_changes_are_lost() {
    is_harmed(&Changes::with(changes::Fault::NumbersInAnotherTransaction), "was lost");
}

#[test]
fn if_a_chat_does_not_stop_at_its_first_refusal_the_feed_is_out_of_order() {
    is_harmed(&Changes::with(changes::Fault::GoesOnAfterARefusal), "behind a later one");
}

#[test]
fn if_the_epoch_is_not_compared_a_reader_goes_on_in_a_restored_database() {
    is_harmed(&Changes::with(changes::Fault::EpochIsNotCompared), "was undone");
}

#[test]
fn if_it_is_not_told_that_changes_were_pruned_they_are_lost() {
    is_harmed(&Changes::with(changes::Fault::PrunedIsNotTold), "was lost");
}

// --- the relay -----------------------------------------------------------------------------------------------

#[test]
fn the_relay_loses_nothing_and_the_last_copies_are_in_order() {
    holds("relay", &Relay::default());
}

#[test]
fn with_a_high_water_mark_the_relay_loses_events() {
    is_harmed(&Relay::with(Fault::DeletesUpToTheHighest), "was lost");
}

#[test]
fn if_the_relay_deletes_what_was_refused_events_are_lost() {
    is_harmed(&Relay::with(Fault::DeletesRefused), "was lost");
}

#[test]
fn if_a_chat_does_not_stop_at_its_first_refusal_the_last_copies_are_out_of_order() {
    is_harmed(&Relay::with(Fault::GoesOnAfterARefusal), "out of order");
}

#[test]
fn if_the_dispatcher_acknowledges_first_events_are_lost() {
    is_harmed(&Relay::with(Fault::AcknowledgesFirst), "was lost");
}
