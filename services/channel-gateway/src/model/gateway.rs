//! One chat in one gateway: the hub's feed, its fill, and the connections that listen or join. Around it a world in
//! which any event that was committed may arrive at any time, any number of times, or never, and in which a stream may
//! hold anything.
//!
//! A piece of history may come from any earlier snapshot, so reading and applying it are one step. In every state it is
//! checked what everybody would have once all joins and fills are done and tops were compared.

use std::cmp::Ordering;
use std::collections::VecDeque;

use crate::catch_up::join::replay_progress::{ReplayProgress, Then};
use crate::catch_up::watch::progress::Progress;
use crate::hub::fanout::Listeners;
use crate::hub::feed::{Feed, Step as FeedStep};
use chat_events::gateway_api::Principal;
use chat_events::{ChatId, Scope, Seq, SiteId, UserId};

use crate::model::explore::Model;
use crate::model::script::{Item, REMOVED, Script, Source};

/// Of the session.
const SITE: SiteId = SiteId(1);

/// Steps that settling takes at most; more means that it never ends.
const SETTLES_WITHIN: usize = 200;

/// A rule that is switched off in the glue around the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutation {
    TopsAreNotCompared,
    JumpsAreNotFilled,
    StreamsMayHaveHoles,
    ReadingStopsShort,
    ReadsBeforeAttaching,
    EarlyIsForgotten,
    FloorIsIgnored,
    FillsHoldNothing,
    OldIsNotDropped,
    JoinsAreNotNoted,
    BeginningIsNotAskedFor,
    VisibilityIsIgnored,
    OverflowIsIgnored,
    RemovalsAreIgnored,
    NewsAreNotAskedFor,
    OlderStopsShort,
    ReplayReadsPastRemovals,
    ListedIsLiveFromALaterTop,
    FramesAreCursorsBeforeTheirPage,
    ScopesAreIgnored,
    OthersOvertake,
    WhoGoesSkipsTheNext,
    RemovalsWaitForTheNext,
}

/// A listener, and how it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Comes {
    /// It is there before the first change.
    Stays,
    /// The same; the chat's removal is its own.
    IsRemoved,
    /// The same, and its removal may be found out beside the chat too, at any time.
    IsRemovedAndRevoked,
    /// It is there before the first change, and is closed at any time.
    Leaves,
    /// It joins at any time, with any cursor or none.
    Joins,
    /// The same; the chat's removal is its own.
    JoinsAndIsRemoved,
    /// It joins at any time without a cursor, and asks for older history when it is live.
    JoinsAndAsksForOlder,
    /// It joins at any time without a cursor, since `connected` lists only other chats; it has one from before. When a page
    /// tells where this chat stands, it asks for the changes that it missed.
    JoinsAndIsListedLater,
    /// Staff, there before the first change: it hears of all sessions.
    StaffListens,
    /// The same, of the session's site alone.
    StaffOfTheSiteListens,
    /// The same, of another site.
    StaffOfAnotherSiteListens,
}

impl Comes {
    fn principal(self) -> Principal {
        match self {
            Self::IsRemoved | Self::IsRemovedAndRevoked | Self::JoinsAndIsRemoved => {
                Principal::User { user_id: REMOVED }
            }
            Self::StaffListens | Self::StaffOfTheSiteListens | Self::StaffOfAnotherSiteListens => {
                Principal::Staff { user_id: UserId(2) }
            }
            Self::Stays | Self::Leaves | Self::Joins | Self::JoinsAndAsksForOlder | Self::JoinsAndIsListedLater => {
                Principal::Client { session_id: ChatId(7) }
            }
        }
    }

    /// Of staff.
    fn scope(self) -> Option<Scope> {
        match self {
            Self::StaffListens => Some(Scope::All),
            Self::StaffOfTheSiteListens => Some(Scope::of_sites(Some(vec![SITE.0]))),
            Self::StaffOfAnotherSiteListens => Some(Scope::of_sites(Some(vec![SITE.0 + 1]))),
            _ => None,
        }
    }

    /// Whether the session is of its sites, if it is staff.
    fn is_covered(self, site: Option<SiteId>) -> bool {
        self.scope().is_none_or(|scope| scope.covers(site))
    }

    fn is_the_removed(self) -> bool {
        self.principal() == Principal::User { user_id: REMOVED }
    }
}

/// How far a join has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum At {
    Out,
    /// Listed; it has not asked yet where the chat stands.
    Attached(Option<Seq>),
    ReplayProgress(Seq, ReplayProgress),
    /// History was read from the first to the second.
    CaughtUp(Seq, Seq),
    /// The same, and the hub knows.
    Noted(Seq, Seq),
    Live,
    /// Live; older history, after this position, is being read.
    ReadingOlder(Seq, ReplayProgress),
    Ended,
}

/// A listener, and the items that it got.
#[derive(Debug, Clone, Hash)]
struct Listener {
    comes: Comes,
    at: At,
    watch: Option<Progress<Item>>,
    /// Everything above this is its to get.
    cursor: Option<Seq>,
    /// Its own cursor from before, until a page lists the chat.
    unlisted: Option<Seq>,
    got: Vec<Seq>,
    harm: Option<&'static str>,
}

/// The chat, the hub and the listeners.
#[derive(Debug, Clone, Hash)]
pub(crate) struct State {
    top: Seq,
    feed: Feed<Item>,
    has_room: bool,
    is_filling: bool,
    is_asking: bool,
    listeners: Vec<Listener>,
    /// The listeners on the hub's list, by their number.
    listed: Listeners<usize>,
    /// The items on their way to them in portions.
    outgoing: VecDeque<Item>,
    /// Only with [`Mutation::RemovalsWaitForTheNext`]: whether the next item takes the removed member off.
    is_removing: bool,
}

/// The next step; listeners by their number.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Commit,
    Arrive(Seq),
    Hint(Seq),
    Fill(Source),
    LearnWhereNewsBegin,
    CompareTops,
    Attach(usize, Option<Seq>),
    AskWhereItStands(usize),
    Read(usize, Source),
    TellTheHub(usize),
    GoLive(usize),
    /// With its cursor from before.
    AttachUnlisted(usize, Seq),
    ReadPage(usize),
    AskForOlder(usize, Seq),
    ReadOlder(usize, Source),
    /// To the next of the list.
    Portion,
    Close(usize),
    Revoke(usize),
}

/// The model that is explored.
pub(crate) struct Chat {
    script: Script,
    come: Vec<Comes>,
    hints: bool,
    room: usize,
    in_portions: bool,
    mutation: Option<Mutation>,
}

impl Chat {
    pub(crate) fn of(script: Script, come: &[Comes]) -> Self {
        Self { script, come: come.to_vec(), hints: false, room: 64, in_portions: false, mutation: None }
    }

    /// LISTEN/NOTIFY: only positions come.
    pub(crate) fn with_hints(self) -> Self {
        Self { hints: true, ..self }
    }

    /// Little room for items that have to wait.
    pub(crate) fn with_room(self, room: usize) -> Self {
        Self { room, ..self }
    }

    /// A chat of many: an item goes to one listener at a time, and anything may happen in between.
    pub(crate) fn in_portions(self) -> Self {
        Self { in_portions: true, ..self }
    }

    pub(crate) fn mutated(self, mutation: Mutation) -> Self {
        Self { mutation: Some(mutation), ..self }
    }

    fn is(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }

    fn has_staff(&self) -> bool {
        self.come.iter().any(|comes| comes.scope().is_some_and(|scope| scope.covers(Some(SITE))))
    }

    // --- the hub: as `hub.rs` does it ------------------------------------------------------------------------

    fn after_step(&self, state: &mut State, step: &FeedStep<Item>) {
        match step {
            FeedStep::Deliver(item) => self.to_all(state, *item),
            FeedStep::Fill(_) => state.is_filling = true,
            FeedStep::Ask => state.is_asking = true,
            FeedStep::Wait => {}
        }
    }

    fn arrive(&self, state: &mut State, seq: Seq) {
        let item = self.script.item(seq);
        if self.is(Mutation::FillsHoldNothing) && state.is_filling {
            return self.to_all(state, item);
        }
        self.lock_for_event(state);
        let step = state.feed.arrive(seq, item);
        if self.is(Mutation::JumpsAreNotFilled) && matches!(step, FeedStep::Fill(_)) {
            let (held, _) = state.feed.filled(Seq(seq.0 - 1), false);
            return held.into_iter().for_each(|item| self.to_all(state, item));
        }
        self.after_step(state, &step);
    }

    fn hear(&self, state: &mut State, seq: Seq) {
        self.lock_for_event(state);
        let step = state.feed.hear(seq);
        self.after_step(state, &step);
    }

    fn lock_for_event(&self, state: &mut State) {
        if self.has_staff() && !self.is(Mutation::NewsAreNotAskedFor) {
            state.feed.follow();
        }
    }

    /// Staff was there before the first change: all is news.
    fn learn_where_news_begin(&self, state: &mut State) {
        state.is_asking = false;
        let (ready, more) = state.feed.begin(Seq::ZERO);
        ready.into_iter().for_each(|item| self.to_all(state, item));
        state.is_filling |= more;
    }

    fn fill(&self, state: &mut State, source: Source) {
        let (after, heard) = state.feed.gap();
        let Some(piece) = self.script.read(source, after, heard).filter(|piece| piece.next > after) else { return };
        piece.items.into_iter().for_each(|item| self.to_all(state, item));
        let (held, more) = state.feed.filled(piece.next, piece.has_more);
        held.into_iter().for_each(|item| self.to_all(state, item));
        state.is_filling = more;
    }

    // --- delivery: as `hub/delivery.rs` does it --------------------------------------------------------------

    fn to_all(&self, state: &mut State, item: Item) {
        if !self.in_portions || (self.is(Mutation::OthersOvertake) && !state.outgoing.is_empty()) {
            let all = state.listed.all().to_vec();
            self.give_to(state, &all, item);
            return self.arrived(state, item);
        }
        state.outgoing.push_back(item);
        if state.outgoing.len() == 1 {
            state.listed.begin();
        }
    }

    fn portion(&self, state: &mut State) {
        let Some(item) = state.outgoing.front().copied() else { return };
        let portion = state.listed.portion(1).to_vec();
        if !portion.is_empty() {
            return self.give_to(state, &portion, item);
        }
        self.arrived(state, item);
        state.outgoing.pop_front();
        if !state.outgoing.is_empty() {
            state.listed.begin();
        }
    }

    fn give_to(&self, state: &mut State, portion: &[usize], item: Item) {
        for who in portion {
            let listener = &mut state.listeners[*who];
            if self.is(Mutation::ScopesAreIgnored) || listener.comes.is_covered(Some(SITE)) {
                self.deliver(listener, item);
            }
        }
    }

    /// All who are meant have it.
    fn arrived(&self, state: &mut State, item: Item) {
        let mut is_time = item.removed == Some(REMOVED);
        if self.is(Mutation::RemovalsWaitForTheNext) {
            std::mem::swap(&mut is_time, &mut state.is_removing);
        }
        if !is_time || self.is(Mutation::RemovalsAreIgnored) {
            return;
        }
        for who in 0..state.listeners.len() {
            if state.listeners[who].comes.is_the_removed() {
                self.unlist(state, who);
                state.listeners[who].watch = None;
            }
        }
    }

    fn list(&self, state: &mut State, who: usize) {
        if !state.listed.all().contains(&who) {
            state.listed.push(who);
        }
    }

    fn unlist(&self, state: &mut State, who: usize) {
        let was_there = state.listed.remove(|listed| *listed == who).is_some();
        if was_there && self.is(Mutation::WhoGoesSkipsTheNext) {
            state.listed.portion(1);
        }
    }

    /// Its connection is gone, or it was found out beside the chat that it has no right.
    fn end(&self, state: &mut State, who: usize) {
        self.unlist(state, who);
        (state.listeners[who].at, state.listeners[who].watch) = (At::Ended, None);
    }

    fn compare_tops(&self, state: &mut State) {
        if self.is(Mutation::TopsAreNotCompared) || !state.has_room || state.top == Seq::ZERO {
            return;
        }
        if self.has_staff() {
            state.feed.news_after(Seq::ZERO);
        }
        if state.feed.is_behind(state.top) {
            self.hear(state, state.top);
        }
    }

    // --- the connection: as `connection.rs` does it ----------------------------------------------------------

    fn deliver(&self, listener: &mut Listener, item: Item) {
        if !self.sees(listener, item) {
            return;
        }
        let send = match &mut listener.watch {
            Some(watch) => watch.offer(&item) || (self.is(Mutation::OldIsNotDropped) && watch.live_from().is_some()),
            None if listener.comes.scope().is_some() => {
                listener.watch.insert(Progress::live(Seq(item.seq.0 - 1))).offer(&item)
            }
            None => false,
        };
        if send {
            self.push(listener, item);
        }
    }

    fn sees(&self, listener: &Listener, item: Item) -> bool {
        self.is(Mutation::VisibilityIsIgnored) || listener.comes.principal().sees(item.visibility)
    }

    /// On the socket: whatever is wrong with it stays wrong.
    fn push(&self, listener: &mut Listener, item: Item) {
        let floor = listener.got.last().copied().max(listener.cursor);
        let removal = self.script.removal().filter(|_| listener.comes.is_the_removed());
        if floor.is_some_and(|floor| item.seq <= floor) {
            listener.harm = Some("something came again or late");
        } else if !listener.comes.is_covered(Some(SITE)) {
            listener.harm = Some("something came of a site that is not its own");
        } else if !listener.comes.principal().sees(item.visibility) {
            listener.harm = Some("something came that may not be seen");
        } else if removal.is_some_and(|removal| item.seq > removal) {
            listener.harm = Some("something came to a member after its removal");
        }
        listener.got.push(item.seq);
    }

    // --- joining: as `join.rs` does it -----------------------------------------------------------------------

    fn attach(&self, state: &mut State, who: usize, after: Option<Seq>) {
        let listener = &mut state.listeners[who];
        listener.at = At::Attached(after);
        listener.watch = Some(Progress::joining_with_room(self.room));
        if !self.is(Mutation::ReadsBeforeAttaching) {
            self.list(state, who);
            state.has_room = true;
        }
    }

    fn ask_where_it_stands(&self, state: &mut State, who: usize) {
        let top = state.top;
        let listener = &mut state.listeners[who];
        let At::Attached(after) = listener.at else { return };
        if listener.comes.is_the_removed() && self.script.removal().is_some_and(|removal| removal <= top) {
            return self.end(state, who);
        }
        let after = after.unwrap_or(top);
        listener.cursor = Some(listener.unlisted.unwrap_or(after));
        listener.at = match after.cmp(&top) {
            Ordering::Less => At::ReplayProgress(after, self.reading(after, top)),
            Ordering::Equal | Ordering::Greater => At::CaughtUp(after, top),
        };
    }

    fn reading(&self, after: Seq, top: Seq) -> ReplayProgress {
        ReplayProgress::new(after, if self.is(Mutation::ReadingStopsShort) { after } else { top })
    }

    fn read(&self, state: &mut State, who: usize, source: Source) {
        let listener = &mut state.listeners[who];
        let At::ReplayProgress(after, mut reading) = listener.at else { return };
        if listener.watch.is_none() {
            return self.end(state, who);
        }
        let Some(piece) = self.script.read(source, reading.cursor(), reading.top()) else { return };
        for item in piece.items {
            if self.sees(listener, item) {
                self.push(listener, item);
            }
            if item.removed.is_some() && listener.comes.is_the_removed() && !self.is(Mutation::ReplayReadsPastRemovals)
            {
                return self.end(state, who);
            }
        }
        listener.at = match reading.took(piece.next, piece.has_more) {
            Then::Reached => At::CaughtUp(after, reading.cursor()),
            Then::ReadOn | Then::AskAgain => At::ReplayProgress(after, reading),
        };
    }

    fn tell_the_hub(&self, state: &mut State, who: usize) {
        let top = state.top;
        let listener = &mut state.listeners[who];
        let At::CaughtUp(after, mut reached) = listener.at else { return };
        if self.is(Mutation::ListedIsLiveFromALaterTop) {
            reached = top;
        }
        listener.at = At::Noted(after, reached);
        if self.is(Mutation::ReadsBeforeAttaching) {
            self.list(state, who);
            state.has_room = true;
        }
        if self.is(Mutation::JoinsAreNotNoted) {
            return;
        }
        let began = state.feed.joined(reached).filter(|_| !self.is(Mutation::BeginningIsNotAskedFor));
        if let Some(began) = began {
            state.listeners[who].at = At::ReplayProgress(after, self.reading(reached, began));
        }
    }

    fn go_live(&self, state: &mut State, who: usize) {
        let last = state.feed.last().unwrap_or(Seq::ZERO);
        let listener = &mut state.listeners[who];
        let At::Noted(after, reached) = listener.at else { return };
        let Some(watch) = &mut listener.watch else { return self.end(state, who) };
        let floor = if self.is(Mutation::FloorIsIgnored) { after } else { reached };
        let early = match watch.go_live(after, floor) {
            Err(_) if self.is(Mutation::OverflowIsIgnored) => watch.go_live(after, floor),
            went => went,
        };
        match early {
            Ok(_) if self.is(Mutation::EarlyIsForgotten) => listener.at = At::Live,
            Ok(early) => {
                listener.at = At::Live;
                early.into_iter().for_each(|item| self.push(listener, item));
            }
            Err(_) => listener.at = At::ReplayProgress(after, self.reading(reached, last.max(reached))),
        }
    }

    // --- a page that lists the chat: as docs/protocol.md asks of clients -----------------------------------------

    fn attach_unlisted(&self, state: &mut State, who: usize, own: Seq) {
        state.listeners[who].unlisted = Some(own);
        self.attach(state, who, None);
    }

    fn read_page(&self, state: &mut State, who: usize) {
        let listener = &mut state.listeners[who];
        let Some(mut own) = listener.unlisted.take() else { return };
        if self.is(Mutation::FramesAreCursorsBeforeTheirPage) {
            own = listener.got.last().copied().map_or(own, |last| last.max(own));
        }
        if state.top > own {
            self.ask_for_older(state, who, own);
        }
    }

    // --- older history: as `backfill` in `join.rs` does it -----------------------------------------------------

    fn ask_for_older(&self, state: &mut State, who: usize, after: Seq) {
        let listener = &mut state.listeners[who];
        let Some(live_from) = listener.watch.as_ref().and_then(Progress::live_from) else { return };
        listener.at = At::ReadingOlder(after, self.older(after, live_from));
    }

    fn older(&self, after: Seq, live_from: Seq) -> ReplayProgress {
        ReplayProgress::new(after, if self.is(Mutation::OlderStopsShort) { after } else { live_from })
    }

    fn read_older(&self, state: &mut State, who: usize, source: Source) {
        let listener = &mut state.listeners[who];
        let At::ReadingOlder(after, mut reading) = listener.at else { return };
        let Some(live_from) = listener.watch.as_ref().and_then(Progress::live_from) else { return };
        let Some(piece) = self.script.read(source, reading.cursor(), reading.top()) else { return };
        for item in piece.items {
            if item.seq > live_from || !self.sees(listener, item) {
                continue;
            }
            if listener.got.contains(&item.seq) {
                listener.harm = Some("something older came again");
            }
            listener.got.insert(0, item.seq);
        }
        let goes_on = reading.took(piece.next, piece.has_more) != Then::Reached && reading.cursor() < live_from;
        listener.at = if goes_on { At::ReadingOlder(after, reading) } else { At::Live };
        if !goes_on {
            listener.watch.as_mut().into_iter().for_each(|watch| watch.extended_to(after));
            listener.cursor = listener.cursor.min(Some(after));
        }
    }

    // --- the end ---------------------------------------------------------------------------------------------

    /// All duties are done, tops are compared, and the duties that follow are done too.
    fn settle(&self, state: &mut State) -> Result<(), String> {
        self.finish(state)?;
        self.compare_tops(state);
        self.finish(state)
    }

    fn finish(&self, state: &mut State) -> Result<(), String> {
        for _ in 0..SETTLES_WITHIN {
            let Some(step) = self.duty(state) else { return Ok(()) };
            self.take(state, step);
        }
        Err("it never settles".into())
    }

    /// A step that a part is about to take by itself.
    fn duty(&self, state: &State) -> Option<Step> {
        let of = |(who, listener): (usize, &Listener)| match listener.at {
            At::Live if listener.unlisted.is_some() => Some(Step::ReadPage(who)),
            At::Out | At::Live | At::Ended => None,
            At::Attached(_) => Some(Step::AskWhereItStands(who)),
            At::ReplayProgress(..) => Some(Step::Read(who, Source::Page(state.top))),
            At::CaughtUp(..) => Some(Step::TellTheHub(who)),
            At::Noted(..) => Some(Step::GoLive(who)),
            At::ReadingOlder(..) => Some(Step::ReadOlder(who, Source::Page(state.top))),
        };
        let fill = state.is_filling.then_some(Step::Fill(Source::Page(state.top)));
        let ask = state.is_asking.then_some(Step::LearnWhereNewsBegin);
        let portion = (!state.outgoing.is_empty()).then_some(Step::Portion);
        state.listeners.iter().enumerate().find_map(of).or(fill).or(ask).or(portion)
    }

    /// Everything visible above its cursor was got, or something later that tells the whole of it.
    fn has_all(&self, listener: &Listener, top: Seq) -> Result<(), String> {
        let Some(cursor) = listener.cursor.filter(|_| listener.comes.is_covered(Some(SITE))) else { return Ok(()) };
        let removal = self.script.removal().filter(|_| listener.comes.is_the_removed());
        // The order of removal and join decides whether a removed member still gets the changes before: they are not
        // checked.
        if listener.at == At::Ended || removal.is_some_and(|removal| removal <= top) {
            return Ok(());
        }
        for seq in (cursor.0 + 1..=top.0).map(Seq) {
            let told = |got: &Seq| *got == seq || self.script.is_superseded(seq, *got);
            if self.sees(listener, self.script.item(seq)) && !listener.got.iter().any(told) {
                return Err(format!("{seq} was lost to the one who {:?}; it got {:?}", listener.comes, listener.got));
            }
        }
        Ok(())
    }

    fn sources(&self, top: Seq, after: Seq, reaching: Seq) -> Vec<Source> {
        let pages = (after.0 + 1..=top.0).map(|top| Source::Page(Seq(top)));
        if reaching <= after || top <= after {
            return pages.collect();
        }
        let unit = 1_u8 << (after.0 + 1);
        let held = (1..1_u8 << (top.0 - after.0)).map(|held| held * unit);
        let stream = if self.is(Mutation::StreamsMayHaveHoles) { Source::StreamWithHoles } else { Source::Stream };
        let streams = held.map(stream).filter(|source| self.script.read(*source, after, reaching).is_some());
        pages.chain(streams).collect()
    }
}

impl Model for Chat {
    type State = State;
    type Step = Step;

    fn start(&self) -> State {
        let mut feed = Feed::with_room(self.room);
        let mut has_room = false;
        let mut listener = |comes: &Comes| {
            let is_member =
                matches!(comes, Comes::Stays | Comes::Leaves | Comes::IsRemoved | Comes::IsRemovedAndRevoked);
            let joins = !is_member && comes.scope().is_none();
            has_room |= !joins;
            if is_member && !self.is(Mutation::JoinsAreNotNoted) {
                let _ = feed.joined(Seq::ZERO);
            }
            Listener {
                comes: *comes,
                at: if joins { At::Out } else { At::Live },
                watch: is_member.then(|| Progress::live(Seq::ZERO)),
                cursor: (!joins).then_some(Seq::ZERO),
                unlisted: None,
                got: Vec::new(),
                harm: None,
            }
        };
        let listeners: Vec<Listener> = self.come.iter().map(&mut listener).collect();
        let mut listed = Listeners::default();
        for (who, _) in listeners.iter().enumerate().filter(|(_, listener)| listener.at == At::Live) {
            listed.push(who);
        }
        State {
            top: Seq::ZERO,
            feed,
            has_room,
            is_filling: false,
            is_asking: false,
            listeners,
            listed,
            outgoing: VecDeque::new(),
            is_removing: false,
        }
    }

    fn possible(&self, state: &State) -> Vec<Step> {
        let mut steps = Vec::new();
        if state.top < self.script.top() {
            steps.push(Step::Commit);
        }
        if state.has_room {
            let arrives = if self.hints { Step::Hint } else { Step::Arrive };
            steps.extend((1..=state.top.0).map(|seq| arrives(Seq(seq))));
            steps.push(Step::CompareTops);
        }
        if state.is_asking {
            steps.push(Step::LearnWhereNewsBegin);
        }
        if !state.outgoing.is_empty() {
            steps.push(Step::Portion);
        }
        if state.is_filling {
            let (after, heard) = state.feed.gap();
            steps.extend(self.sources(state.top, after, heard).into_iter().map(Step::Fill));
        }
        for (who, listener) in state.listeners.iter().enumerate() {
            match listener.at {
                At::Out if listener.comes == Comes::JoinsAndAsksForOlder => steps.push(Step::Attach(who, None)),
                At::Out if listener.comes == Comes::JoinsAndIsListedLater => {
                    steps.extend((0..=state.top.0).map(|own| Step::AttachUnlisted(who, Seq(own))));
                }
                At::Live if listener.unlisted.is_some() => steps.push(Step::ReadPage(who)),
                At::Live if listener.comes == Comes::Leaves => steps.push(Step::Close(who)),
                At::Live if listener.comes == Comes::IsRemovedAndRevoked => {
                    let is_known = self.script.removal().is_some_and(|removal| removal <= state.top);
                    steps.extend(is_known.then_some(Step::Revoke(who)));
                }
                At::Out => {
                    steps.extend((0..=state.top.0).map(|after| Step::Attach(who, Some(Seq(after)))));
                    steps.push(Step::Attach(who, None));
                }
                At::Attached(_) => steps.push(Step::AskWhereItStands(who)),
                At::ReplayProgress(_, reading) => {
                    let sources = self.sources(state.top, reading.cursor(), reading.top());
                    steps.extend(sources.into_iter().map(|source| Step::Read(who, source)));
                }
                At::CaughtUp(..) => steps.push(Step::TellTheHub(who)),
                At::Noted(..) => steps.push(Step::GoLive(who)),
                At::Live if listener.comes == Comes::JoinsAndAsksForOlder => {
                    let live_from = listener.watch.as_ref().and_then(Progress::live_from).unwrap_or(Seq::ZERO);
                    steps.extend((0..live_from.0).map(|after| Step::AskForOlder(who, Seq(after))));
                }
                At::ReadingOlder(_, reading) => {
                    let sources = self.sources(state.top, reading.cursor(), reading.top());
                    steps.extend(sources.into_iter().map(|source| Step::ReadOlder(who, source)));
                }
                At::Live | At::Ended => {}
            }
        }
        steps
    }

    fn take(&self, state: &mut State, step: Step) {
        match step {
            Step::Commit => state.top = state.top.next(),
            Step::Arrive(seq) => self.arrive(state, seq),
            Step::Hint(seq) => self.hear(state, seq),
            Step::Fill(source) => self.fill(state, source),
            Step::LearnWhereNewsBegin => self.learn_where_news_begin(state),
            Step::CompareTops => self.compare_tops(state),
            Step::Attach(who, after) => self.attach(state, who, after),
            Step::AskWhereItStands(who) => self.ask_where_it_stands(state, who),
            Step::Read(who, source) => self.read(state, who, source),
            Step::TellTheHub(who) => self.tell_the_hub(state, who),
            Step::GoLive(who) => self.go_live(state, who),
            Step::AttachUnlisted(who, own) => self.attach_unlisted(state, who, own),
            Step::ReadPage(who) => self.read_page(state, who),
            Step::AskForOlder(who, after) => self.ask_for_older(state, who, after),
            Step::ReadOlder(who, source) => self.read_older(state, who, source),
            Step::Portion => self.portion(state),
            Step::Close(who) | Step::Revoke(who) => self.end(state, who),
        }
    }

    fn check(&self, state: &State) -> Result<(), String> {
        let harm = |state: &State| state.listeners.iter().find_map(|listener| listener.harm);
        if let Some(harm) = harm(state) {
            return Err(harm.into());
        }
        let mut settled = state.clone();
        self.settle(&mut settled)?;
        if let Some(harm) = harm(&settled) {
            return Err(format!("{harm}, once all is settled"));
        }
        settled.listeners.iter().try_for_each(|listener| self.has_all(listener, settled.top))
    }
}
