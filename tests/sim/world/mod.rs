//! One simulated shop and everything that happens to it. One seed is one history: every step draws from its own dice, so that a step that is
//! left out changes no other.

mod after;
mod buyers;
mod drops;
mod ground;
mod rest;
mod staff;
mod trade;

use crate::clients::{Act, Buyer, Done};
use crate::dice::Dice;
use crate::ports::{Arrived, Bank, Caller, HandClock, Manner, Message, SeededRandom, Weather, Wire, arrive};
pub use drops::are_in as has_drops;
pub use ground::Ground;
use ground::program;
use hawker::app::App;
use hawker::db::{self, Drive};
use hawker::kernel::{Clock, Error, Processor, Result};
use hawker::{checkout, flow, ledger, payments};
use std::collections::BTreeSet;
use std::future::Future;
use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
pub use trade::are_in as has_trade;
use vfs::{Crash, Disk, Failure, Fault, Operation, Plan};

/// Facts, checkouts, payments, kept cards, disputes, the seal.
const JOBS: usize = 6;
/// All checks of all rows.
const STEPS_BETWEEN_CHECKS: usize = 50;
const SECOND: i64 = 1_000_000;
/// In one of so many histories a request for a promise that nobody waits for may lie somewhere for hours.
const LINGERS_ONE_IN: u64 = 5;
/// In one of so many some questions are turned away.
const LOOKS_REFUSED_ONE_IN: u64 = 8;

/// What a history came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub checkouts: u64,
    pub faults: u64,
    /// Requests to processors, and how many of them something happened to, or to their answers.
    pub asks: u64,
    pub troubled: u64,
    pub crashes: u64,
    pub orders: u64,
    /// What the disk was asked for before the weather turned fair.
    pub operations: u64,
    /// Two histories of one seed have the same.
    pub trace: u64,
    pub violations: Vec<String>,
}

/// A history: its seed, how long the bad weather lasts, and the steps that are left out.
#[derive(Clone, Debug)]
pub struct History {
    pub seed: u64,
    pub steps: usize,
    pub without: BTreeSet<usize>,
    pub loud: bool,
    /// Where the database of what broke is left.
    pub keep: Option<String>,
    /// The power goes at this operation of the disk, and at no other; nothing else is wrong with it.
    pub cut: Option<(u64, Crash)>,
}

/// What the clients know, shared with the tasks that act for them.
#[derive(Default)]
struct People {
    buyers: Vec<Buyer>,
    acts: Vec<Done>,
    /// Answers nobody may ever get.
    complaints: Vec<String>,
}

pub struct World<'a> {
    ground: &'a Ground,
    history: &'a History,
    weather: Weather,
    /// Answers of processors may be false.
    lies: bool,
    /// The shop ships late: promises of money end before their parcels leave.
    late: bool,
    crashes: bool,
    /// The disk fills up now and then.
    fills: bool,
    full: bool,
    /// One operation of so many fails.
    one_in: Option<NonZeroU64>,
    /// The power will go at some operation of the disk.
    power_goes: bool,
    /// Operations of the disk before the first step.
    began_at: u64,
    disk: Disk,
    clock: Arc<HandClock>,
    random: Arc<SeededRandom>,
    banks: Vec<Arc<Bank>>,
    wire: Wire,
    /// What mute processors told, by number and name, and need not tell again.
    heard: Arc<Mutex<BTreeSet<(usize, String)>>>,
    people: Arc<Mutex<People>>,
    /// In some histories: drops.
    show: Option<drops::Show>,
    /// In others: a richer trade.
    trade: Option<trade::Trade>,
    /// This step moved something.
    touched: bool,
    /// None only while a crash is cleaned up.
    running: Option<Running>,
    outcome: Outcome,
}

struct Running {
    app: App,
    runtime: Runtime,
    /// Those of drops and of trade, too.
    jobs: [Option<JoinHandle<()>>; JOBS + 7],
    /// Who waits for an answer: they may go away.
    waiting: Vec<JoinHandle<()>>,
    /// Checkpoints have a connection of their own, as in the program.
    checkpoints: Option<rusqlite::Connection>,
}

/// Lives a history to its end.
pub fn live(ground: &Ground, history: &History) -> Outcome {
    let mut world = World::begin(ground, history);
    for step in (0..history.steps).filter(|step| !history.without.contains(step)) {
        world.step(step);
        if !world.outcome.violations.is_empty() {
            break;
        }
    }
    world.outcome.operations = world.disk.operations() - world.began_at;
    if world.outcome.violations.is_empty() {
        world.come_to_rest();
    }
    if let Some(file) = history.keep.as_ref().filter(|_| !world.outcome.violations.is_empty()) {
        crate::second::keep(world.disk.name(), file).unwrap();
    }
    world.outcome
}

impl<'a> World<'a> {
    fn begin(ground: &'a Ground, history: &'a History) -> Self {
        let mut dice = Dice(history.seed);
        let disk = Disk::register(
            &format!("sim-{:?}-{}", std::thread::current().id(), history.seed),
            history.seed,
        );
        disk.restore(if drops::are_in(history.seed) {
            &ground.with_show
        } else if trade::are_in(history.seed) {
            &ground.with_trade
        } else {
            &ground.image
        });
        let clock = Arc::new(HandClock::new());
        let wire = Wire::default();
        let bank = |number, name, once: bool| {
            let manner = if once { Manner::Once } else { Manner::Each };
            Arc::new(Bank::new(number, name, manner, clock.clone(), wire.clone()))
        };
        // Without rules a definite no of the first goes to the second, and one of the second to the third. Where the shop ships late, one of them takes a promise once.
        let late = history.seed % 4 == 3 || trade::are_in(history.seed) && history.seed % 2 == 1;
        let first = history.seed % 8 == 7;
        let mute = Bank::new(2, "mute", Manner::Mute, clock.clone(), wire.clone());
        let banks = vec![
            bank(0, "sandbox", first),
            bank(1, "other", late && !first),
            Arc::new(mute),
        ];
        let mut weather = weather(&mut dice);
        weather.lingers = history.seed % LINGERS_ONE_IN == 3 && weather.request_late > 0;
        if history.seed % LOOKS_REFUSED_ONE_IN == 6 {
            weather.look_refused = 300;
        }
        // Where the shop ships late, what is told late is told very late in every other history, and a promise that is made anew may be another than was asked for.
        if history.seed % 8 == 3 {
            weather.held = true;
            weather.reply_false = 60;
        }
        let mut world = Self {
            ground,
            history,
            lies: weather.reply_false > 0,
            weather,
            late,
            crashes: dice.below(2) == 0,
            fills: dice.below(3) == 0,
            full: false,
            one_in: None,
            power_goes: false,
            began_at: 0,
            random: Arc::new(SeededRandom(Mutex::new(Dice(dice.next())))),
            disk,
            clock,
            banks,
            wire,
            heard: Arc::default(),
            people: Arc::default(),
            show: drops::Show::of(history.seed),
            trade: trade::Trade::of(history.seed),
            touched: false,
            running: None,
            outcome: Outcome::default(),
        };
        world.start();
        if dice.below(8) == 0 {
            world.one_in = NonZeroU64::new(200 + dice.below(2_000));
        }
        if let Some((nth, kind)) = history.cut {
            (world.crashes, world.fills, world.one_in) = (false, false, None);
            world.the_power_will_go(nth, kind);
        }
        world.one_in.iter().for_each(|one_in| world.disk.fail_one_in(*one_in));
        world.began_at = world.disk.operations();
        world
    }

    fn start(&mut self) {
        db::start_again();
        self.power_goes = false;
        let app =
            program(&self.disk, &self.clock, &self.random, &self.banks, Drive::Caller).expect("a healthy disk opens");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        self.running = Some(Running {
            app,
            runtime,
            jobs: [const { None }; JOBS + 7],
            waiting: Vec::new(),
            checkpoints: None,
        });
    }

    fn running(&mut self) -> &mut Running {
        self.running.as_mut().expect("the program runs")
    }

    /// Says what happened, for the trace and for whoever reads along.
    fn note(&mut self, what: &str) {
        for byte in what.bytes() {
            self.outcome.trace = (self.outcome.trace ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        if self.history.loud {
            println!("{what}");
        }
    }

    /// Lets everything that can go on go on.
    fn settle(&mut self) {
        let running = self.running();
        running.runtime.block_on(async {
            for _ in 0..16 {
                tokio::task::yield_now().await;
            }
        });
    }

    fn spawn(&mut self, act: impl Future<Output = ()> + Send + 'static) {
        let running = self.running();
        let task = running.runtime.spawn(act);
        running.waiting.push(task);
    }

    fn look<T: Send + 'static>(&mut self, act: impl Fn(&mut db::Tx<'_>) -> Result<T> + Send + 'static) -> Result<T> {
        let Running { app, runtime, .. } = self.running();
        runtime.block_on(app.db.look(act))
    }

    fn step(&mut self, step: usize) {
        let mut dice = Dice(self.history.seed ^ (step as u64 + 1).wrapping_mul(0xd6e8_feb8_6659_fd93));
        let what = self
            .the_show_goes_on(&mut dice)
            .or_else(|| self.the_trade_goes_on(&mut dice))
            .unwrap_or_else(|| self.usual_step(&mut dice));
        let what = format!("{step} {what}");
        self.note(&what);
        if !db::has_ended() {
            self.settle();
        }
        if !db::has_ended() && step.is_multiple_of(STEPS_BETWEEN_CHECKS) {
            self.check();
            self.check_drops(true);
            self.check_trade();
        } else if !db::has_ended() && std::mem::take(&mut self.touched) {
            self.check_drops(false);
        }
        if db::has_ended() {
            self.note("the process has ended");
            self.crash(Crash::KeepUnsynced);
        }
        let complaints = std::mem::take(&mut self.people.lock().unwrap().complaints);
        self.outcome.violations.extend(complaints);
    }

    fn usual_step(&mut self, dice: &mut Dice) -> String {
        match dice.below(106) {
            0..=7 => self.somebody_comes(dice),
            8..=39 => self.lane_runs(dice),
            40..=45 => self.reads_run(),
            46..=65 => self.a_message_arrives(dice),
            66..=73 => self.time_passes(dice),
            74..=82 => self.a_job_begins(pick(dice, JOBS)),
            83..=90 => self.the_shop_acts(dice),
            91 | 92 => self.somebody_asks_again(dice),
            93 => self.somebody_goes_away(dice),
            94 | 95 => self.a_bank_decides(dice),
            96 => self.a_checkpoint(dice),
            97 => self.the_wall_clock_steps(dice),
            100 | 101 => self.the_disk_fills(dice),
            102 => self.somebody_decides(dice),
            103 | 104 => self.a_buyer_disputes(dice),
            105 => self.somebody_answers_a_dispute(dice),
            _ => self.the_program_dies(dice),
        }
    }

    fn somebody_goes_away(&mut self, dice: &mut Dice) -> String {
        let waiting = &mut self.running().waiting;
        waiting.retain(|task| !task.is_finished());
        if waiting.is_empty() {
            return "nobody waits".into();
        }
        let index = usize::try_from(dice.below(waiting.len() as u64)).expect("small");
        waiting.swap_remove(index).abort();
        self.outcome.faults += 1;
        "somebody who waited goes away".into()
    }

    fn lane_runs(&mut self, dice: &mut Dice) -> String {
        let most = 1 + usize::try_from(dice.below(30)).expect("small");
        self.drive(0, most)
    }

    fn reads_run(&mut self) -> String {
        let mut said = String::new();
        for _ in 0..4 {
            said = self.drive(usize::MAX, 1);
        }
        said
    }

    fn drive(&mut self, lane: usize, most: usize) -> String {
        let app = self.running().app.clone();
        match catch_unwind(AssertUnwindSafe(|| app.db.drive(lane, most))) {
            Ok(ran) => {
                self.touched |= lane == 0 && ran > 0;
                format!("lane {lane} runs {ran}")
            }
            Err(_) if db::has_ended() => format!("lane {lane} dies"),
            Err(_) => {
                self.outcome.violations.push("a lane panicked".into());
                String::new()
            }
        }
    }

    fn a_message_arrives(&mut self, dice: &mut Dice) -> String {
        let message = {
            let mut wire = self.wire.lock().unwrap();
            if wire.is_empty() {
                return "nothing is on its way".into();
            }
            let index = usize::try_from(dice.below(wire.len() as u64)).expect("small");
            wire.remove(index)
        };
        let now = self.clock.monotonic();
        let asks = matches!(
            &message,
            Message::Request {
                reply: Caller::Waits(_),
                ..
            } | Message::Dispute { .. }
        );
        self.outcome.asks += u64::from(asks);
        match arrive(message, &self.banks, &self.weather, dice, &self.wire, now) {
            Arrived::Well => "a message arrives".into(),
            Arrived::Lost => {
                self.outcome.faults += 1;
                self.outcome.troubled += u64::from(asks);
                "a message meets bad weather".into()
            }
            Arrived::Notice { bank, notice } => {
                let (app, people, all) = (self.running().app.clone(), self.people.clone(), self.heard.clone());
                let (name, said) = (self.banks[bank].name(), format!("notice {}", notice.id));
                let told = (bank, notice.id.clone());
                if self.banks[bank].tells_until_heard(&notice) {
                    if all.lock().unwrap().contains(&told) && dice.below(2) == 0 {
                        return format!("{said} was heard");
                    }
                    if !all.lock().unwrap().contains(&told) {
                        let notice = notice.clone();
                        self.wire.lock().unwrap().push(Message::Notice { bank, notice }); // Until it is thanked for.
                    }
                }
                let before = self.banks[bank].before(&notice);
                self.spawn(async move {
                    let mut heard = Ok(());
                    for notice in before.into_iter().chain([notice]) {
                        if heard.is_ok() {
                            heard = checkout::hear::hear(&app, name, notice, String::new()).await.map(drop);
                        }
                    }
                    if heard.is_ok() {
                        all.lock().unwrap().insert(told);
                    }
                    people.lock().unwrap().complain("a notice", heard.err());
                });
                said
            }
        }
    }

    fn time_passes(&mut self, dice: &mut Dice) -> String {
        let kinds = if self.minutes_are_long(dice) { 8 } else { 10 };
        let micros = match dice.below(kinds) {
            0..=4 => i64::try_from(dice.below(500_000)).expect("small"),
            5..=7 => i64::try_from(dice.below(30)).expect("small") * SECOND,
            // A promise lasts a week, and its buyer has three days to make a lost one good.
            8 | 9 if self.late => (12 + i64::try_from(dice.below(84)).expect("small")) * 3600 * SECOND,
            8 => i64::try_from(dice.below(12 * 60)).expect("small") * SECOND,
            // To the instant at which a reservation made just now ends.
            _ => 10 * 60 * SECOND,
        };
        self.clock.pass(micros);
        format!("{micros} µs pass")
    }

    fn the_wall_clock_steps(&mut self, dice: &mut Dice) -> String {
        let seconds = i64::try_from(dice.below(3 * 3600)).expect("small");
        let seconds = if dice.below(2) == 0 { seconds } else { -seconds / 10 };
        self.clock.step_the_wall(seconds * SECOND);
        self.outcome.faults += 1;
        format!("the wall clock steps by {seconds} s")
    }

    fn a_job_begins(&mut self, job: usize) -> String {
        let people = self.people.clone();
        let running = self.running();
        if running.jobs[job].as_ref().is_some_and(|task| !task.is_finished()) {
            return format!("job {job} is at it");
        }
        let app = running.app.clone();
        running.jobs[job] = Some(running.runtime.spawn(async move {
            let done = match job {
                0 => app.db.drain_facts(flow::acts(&app)).await.map(drop),
                1 => checkout::resume(&app).await.map(drop),
                2 => payments::resolve(&app, checkout::conclude).await.map(drop),
                3 => payments::stored::mind(&app).await.map(drop),
                4 => payments::disputes::mind(&app).await.map(drop),
                5 => ledger::seal(&app, [9; 16]).await.map(drop),
                drops::JOB => hawker::drops::mind(&app).await.map(drop),
                job if job == trade::JOBS[0] => hawker::returns::mind(&app).await.map(drop),
                job if job == trade::JOBS[1] => hawker::price_matches::work(&app).await.map(drop),
                job if job == trade::JOBS[3] => hawker::exchanges::mind(&app).await.map(drop),
                after::ERASURES => hawker::erasure::mind(&app).await.map(drop),
                after::LETTERS => hawker::notify::deliver(&app).await.map(drop),
                _ => hawker::preorders::mind(&app).await.map(drop),
            };
            people.lock().unwrap().complain("a job", done.err());
        }));
        format!("job {job} begins")
    }

    fn a_checkpoint(&mut self, dice: &mut Dice) -> String {
        let mode = ["passive", "restart", "truncate"][usize::try_from(dice.below(3)).expect("small")];
        let name = self.disk.name().to_owned();
        let running = self.running();
        if running.checkpoints.is_none() {
            running.checkpoints = rusqlite::Connection::open_with_flags_and_vfs(
                "hawker.db",
                rusqlite::OpenFlags::default(),
                name.as_str(),
            )
            .and_then(|file| file.pragma_update(None, "synchronous", "full").map(|()| file))
            .ok();
        }
        let done = running.checkpoints.as_ref().is_some_and(|file| {
            file.query_row(&format!("pragma wal_checkpoint({mode})"), [], |row| {
                row.get::<_, i64>(0)
            })
            .is_ok()
        });
        if !done && self.power_goes {
            self.crash(Crash::KeepUnsynced); // It went here.
        }
        format!("checkpoint {mode}: {done}")
    }

    /// No write has room any more, from some write on; or there is room again.
    fn the_disk_fills(&mut self, dice: &mut Dice) -> String {
        if !self.fills || self.power_goes {
            return "the disk has room".into();
        }
        if self.full {
            self.disk.heal();
            self.one_in.iter().for_each(|one_in| self.disk.fail_one_in(*one_in));
            self.full = false;
            self.running().app.db.mind_the_disk();
            return "there is room again".into();
        }
        self.full = true;
        self.outcome.faults += 1;
        self.disk.plan(Plan {
            operation: Some(Operation::Write),
            nth: 1 + dice.below(80),
            fault: Fault::FromThenOn(Failure::Full),
        });
        "the disk fills up".into()
    }

    /// The process is killed, or the power is cut: between two batches, or in the middle of whatever the disk does next.
    fn the_program_dies(&mut self, dice: &mut Dice) -> String {
        if !self.crashes || dice.below(3) == 0 {
            return "nothing happens".into();
        }
        let kind = Crash::ALL[usize::try_from(dice.below(Crash::ALL.len() as u64)).expect("small")];
        if dice.below(2) == 0 {
            self.the_power_will_go(1 + dice.below(60), kind);
            return format!("the power will go: {kind:?}");
        }
        self.crash(kind);
        format!("crash: {kind:?}")
    }

    fn the_power_will_go(&mut self, nth: u64, kind: Crash) {
        db::cut_the_power();
        self.power_goes = true;
        self.disk.plan(Plan {
            operation: None,
            nth,
            fault: Fault::PowerCut(kind),
        });
    }

    fn crash(&mut self, kind: Crash) {
        self.outcome.crashes += 1;
        self.disk.crash(kind);
        self.running = None; // Every task and every caller with it.
        self.disk.heal();
        self.full = false;
        // Requests that had left arrive all the same; nobody hears the answers.
        let now = self.clock.monotonic();
        let mut wire = self.wire.lock().unwrap();
        let before = std::mem::take(&mut *wire);
        wire.extend(before.into_iter().filter_map(|message| match message {
            Message::Request { bank, ask, reply } => {
                let reply = match reply {
                    Caller::Waits(_) => Caller::Gone(now),
                    gone @ (Caller::Gone(_) | Caller::Lingers(_)) => gone,
                };
                Some(Message::Request { bank, ask, reply })
            }
            Message::Dispute { bank, ask, .. } => Some(Message::Dispute { bank, ask, reply: None }),
            Message::Reply { .. } => None,
            notice @ Message::Notice { .. } => Some(notice),
        }));
        drop(wire);
        self.start();
        self.keep_promises();
    }
}

impl People {
    fn plans(&mut self, act: Act) -> usize {
        let acknowledged = false;
        self.acts.push(Done { act, acknowledged });
        self.acts.len() - 1
    }

    /// An internal error is nobody's answer, whatever the weather; refusals and "try again" are.
    fn complain(&mut self, who: &str, error: Option<Error>) {
        if let Some(error) = error
            && error.status() == 500
            && !db::has_ended()
        {
            self.complaints.push(format!("{who} got a 500: {error}"));
        }
    }
}

fn pick(dice: &mut Dice, of: usize) -> usize {
    usize::try_from(dice.below(of as u64)).expect("small")
}

/// Each class of trouble is there in every other history, at a rate of its own.
fn weather(dice: &mut Dice) -> Weather {
    let mut rate = |most: u64| if dice.below(2) == 0 { 0 } else { 1 + dice.below(most) };
    Weather {
        not_sent: rate(380),
        request_lost: rate(380),
        request_late: rate(150),
        request_doubled: rate(480),
        reply_lost: rate(390),
        reply_slow: rate(500),
        reply_false: rate(120).saturating_sub(80),
        notice_lost: rate(500),
        notice_doubled: rate(400),
        look_refused: 0, // These are a matter of the history's number.
        lingers: false,
        held: false,
    }
}
