//! One simulated shop and everything that happens to it. One seed is one history: every step draws from its own dice, so that a step that is
//! left out changes no other.

use crate::clients::{Act, BANKS, BROWSERS, Buyer, Done, card, owner, quote, unkept};
use crate::dice::Dice;
use crate::ports::{Arrived, Bank, Caller, HandClock, Manner, Message, SeededRandom, TakesAll, Weather, Wire, arrive};
use crate::second;
use hawker::app::{App, Parts, Settings};
use hawker::bench::shop;
use hawker::checkout::{RefundLines, RefundWhat, Ship};
use hawker::db::{self, Config, Db, Drive, Engine, LaneKey, MAIN};
use hawker::inventory::Restock;
use hawker::kernel::{Clock, ContractId, Error, IntentId, Kind, Money, Processor, Random, Result, ShopId, VariantId};
use hawker::offers::WantedLine;
use hawker::partners::{Agree, Bearer, Part, Share, Terms};
use hawker::payments::{Best, Choice, Decision, Rule, SplitShare};
use hawker::{catalog, checkout, flow, fulfilment, inventory, ledger, partners, payments};
use std::collections::BTreeSet;
use std::future::Future;
use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use vfs::{Crash, Disk, Failure, Fault, Image, Operation, Plan};

/// A shop on a disk, made once: every history begins with a copy of it.
pub struct Ground {
    image: Image,
    shop: ShopId,
    /// All but the second are scarce: a cart may find the last of its things gone after the first was taken for it.
    variants: Vec<VariantId>,
    /// Of the first and the second; the third has none.
    contracts: Vec<(ContractId, Terms)>,
}

/// Which of the variants there is enough of.
const ENOUGH: usize = 1;
const SCARCE: u32 = 10;
const PLENTY: u32 = 500;
/// Facts, checkouts, payments, kept cards, the seal.
const JOBS: usize = 5;
/// All checks of all rows.
const STEPS_BETWEEN_CHECKS: usize = 50;
const SECOND: i64 = 1_000_000;

/// What a history came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub checkouts: u64,
    pub faults: u64,
    pub crashes: u64,
    pub orders: u64,
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
}

fn file(disk: &Disk) -> Engine {
    Engine::Sqlite(PathBuf::from(format!("file:hawker.db?vfs={}", disk.name())))
}

fn program(
    disk: &Disk,
    clock: &Arc<HandClock>,
    random: &Arc<SeededRandom>,
    banks: &[Arc<Bank>],
    drive: Drive,
) -> Result<App> {
    let config = Config {
        beside_a_server: true, // The disk has one program; there is no file to lock.
        readers: 1,
        drive,
        ..Config::new(file(disk), "main", MAIN)
    };
    let (port, dice): (Arc<dyn Clock>, Arc<dyn Random>) = (clock.clone(), random.clone());
    let db = Db::open(&config, &port, &dice)?;
    let processors = banks.iter().map(|bank| bank.clone() as Arc<dyn Processor>);
    Ok(App::new(Parts {
        events: db.clone(), // No beacons here.
        db,
        clock: port,
        random: dice,
        processors: processors.collect(),
        mailer: Arc::new(TakesAll),
        media: PathBuf::new(),
        base_url: "http://shop.test".into(),
        settings: Settings::default(),
        tasks: tokio_util::task::TaskTracker::new(),
    }))
}

impl Ground {
    pub fn lay() -> Result<Self> {
        let disk = Disk::register(&format!("ground-{:?}", std::thread::current().id()), 1);
        let clock = Arc::new(HandClock::new());
        let random = Arc::new(SeededRandom(Mutex::new(Dice(1))));
        let app = program(&disk, &clock, &random, &[], Drive::Threads)?;
        let stall = shop::open(&app, 3, PLENTY)?;
        let shop = stall.shop;
        for scarce in [stall.variants[0], stall.variants[2]] {
            app.db.write_blocking(LaneKey(0), move |tx| {
                inventory::set_stock(tx, shop, scarce, None, SCARCE)
            })?;
        }
        let variants = stall.variants.clone();
        let contracts = app
            .db
            .write_blocking(LaneKey(0), move |tx| contracts(tx, shop, &variants))?;
        app.db.shut_down();
        drop(app);
        disk.crash(Crash::KeepUnsynced); // No log of before is left beside the file.
        Ok(Self {
            image: disk.snapshot(),
            shop,
            variants: stall.variants,
            contracts,
        })
    }
}

/// The second thing is cheap and sold under a contract by which everybody bears the processor's fee, the third under none.
fn contracts(tx: &mut db::Tx<'_>, shop: ShopId, variants: &[VariantId]) -> Result<Vec<(ContractId, Terms)>> {
    let currency = "EUR".parse()?;
    catalog::set_price(tx, shop, variants[1], None, Money::new(333, currency))?;
    let products = variants.iter().map(|variant| catalog::product_of(tx, shop, *variant));
    let products: Vec<_> = products.collect::<Result<Option<_>>>()?.expect("they are there");
    let id = products[0].contract.expect("the bench has one");
    let first = partners::contract(tx, shop, id)?.expect("it is there");
    let mut shares = first.terms.shares.clone();
    shares.push(Share {
        party: first.terms.remainder,
        part: Part::Fixed(Money::new(7, currency).into()),
    });
    let terms = Terms {
        shares,
        processor_fee: Bearer::Everyone,
        platform_fee_bp: 777,
        ..Terms::all_to(first.terms.remainder)
    };
    let Agree::Agreed(second) = partners::draw_up(tx, (shop, currency), tx.id(), "Everyone", &terms)? else {
        panic!("terms that add up are agreed");
    };
    partners::assign(tx, shop, products[1].id, products[1].version, Some(second.id))?;
    partners::assign(tx, shop, products[2].id, products[2].version, None)?;
    Ok(vec![(first.id, first.terms), (second.id, terms)])
}

/// Other terms of the same parties.
fn other_terms(terms: &Terms, dice: &mut Dice) -> Terms {
    let mut other = terms.clone();
    for share in &mut other.shares {
        share.part = match share.part {
            Part::Portion(_) => Part::Portion(1 + u32::try_from(dice.below(5_000)).expect("small")),
            Part::Fixed(money) => Part::Fixed(Money::new(1 + money.amount % 40, money.currency).into()),
        };
    }
    other.platform_fee_bp = u32::try_from(dice.below(900)).expect("small");
    other.processor_fee = match dice.below(4) {
        0 => Bearer::Everyone,
        1 => Bearer::Platform,
        2 => Bearer::Party(other.shares[0].party),
        _ => Bearer::Remainder,
    };
    other
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
    disk: Disk,
    clock: Arc<HandClock>,
    random: Arc<SeededRandom>,
    banks: Vec<Arc<Bank>>,
    wire: Wire,
    /// What mute processors told, by number and name, and need not tell again.
    heard: Arc<Mutex<BTreeSet<(usize, String)>>>,
    people: Arc<Mutex<People>>,
    /// None only while a crash is cleaned up.
    running: Option<Running>,
    outcome: Outcome,
}

struct Running {
    app: App,
    runtime: Runtime,
    jobs: [Option<JoinHandle<()>>; JOBS],
    /// Who waits for an answer: they may go away.
    waiting: Vec<JoinHandle<()>>,
}

/// Lives a history to its end.
pub fn live(ground: &Ground, history: &History) -> Outcome {
    let mut world = World::begin(ground, history);
    for step in 0..history.steps {
        if !history.without.contains(&step) {
            world.step(step);
        }
        if !world.outcome.violations.is_empty() {
            return world.outcome;
        }
    }
    world.come_to_rest();
    world.outcome
}

impl<'a> World<'a> {
    fn begin(ground: &'a Ground, history: &'a History) -> Self {
        let mut dice = Dice(history.seed);
        let disk = Disk::register(
            &format!("sim-{:?}-{}", std::thread::current().id(), history.seed),
            history.seed,
        );
        disk.restore(&ground.image);
        let clock = Arc::new(HandClock::new());
        let wire = Wire::default();
        let bank = |number, name, once: bool| {
            let manner = if once { Manner::Once } else { Manner::Each };
            Arc::new(Bank::new(number, name, manner, clock.clone(), wire.clone()))
        };
        // Without rules a definite no of the first goes to the second, and one of the second to the third. Where the shop ships late, one of them takes a promise once.
        let late = history.seed % 4 == 3;
        let first = history.seed % 8 == 7;
        let mute = Bank::new(2, "mute", Manner::Mute, clock.clone(), wire.clone());
        let banks = vec![
            bank(0, "sandbox", first),
            bank(1, "other", late && !first),
            Arc::new(mute),
        ];
        let weather = weather(&mut dice);
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
            random: Arc::new(SeededRandom(Mutex::new(Dice(dice.next())))),
            disk,
            clock,
            banks,
            wire,
            heard: Arc::default(),
            people: Arc::default(),
            running: None,
            outcome: Outcome::default(),
        };
        world.start();
        if dice.below(8) == 0 {
            world.one_in = NonZeroU64::new(200 + dice.below(2_000));
        }
        world.one_in.iter().for_each(|one_in| world.disk.fail_one_in(*one_in));
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
            jobs: [const { None }; JOBS],
            waiting: Vec::new(),
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
        let what = match dice.below(103) {
            0..=7 => self.somebody_comes(&mut dice),
            8..=39 => self.lane_runs(&mut dice),
            40..=45 => self.reads_run(),
            46..=65 => self.a_message_arrives(&mut dice),
            66..=73 => self.time_passes(&mut dice),
            74..=82 => self.a_job_begins(pick(&mut dice, JOBS)),
            83..=90 => self.the_shop_acts(&mut dice),
            91 | 92 => self.somebody_asks_again(&mut dice),
            93 => self.somebody_goes_away(&mut dice),
            94 | 95 => self.a_bank_decides(&mut dice),
            96 => self.a_checkpoint(&mut dice),
            97 => self.the_wall_clock_steps(&mut dice),
            100 | 101 => self.the_disk_fills(&mut dice),
            102 => self.somebody_decides(&mut dice),
            _ => self.the_program_dies(&mut dice),
        };
        let what = format!("{step} {what}");
        self.note(&what);
        if !db::has_ended() {
            self.settle();
        }
        if !db::has_ended() && step.is_multiple_of(STEPS_BETWEEN_CHECKS) {
            self.check();
        }
        if db::has_ended() {
            self.note("the process has ended");
            self.crash(Crash::KeepUnsynced);
        }
        let complaints = std::mem::take(&mut self.people.lock().unwrap().complaints);
        self.outcome.violations.extend(complaints);
    }

    /// A card that was kept in some browser pays once more, alone or right after the purchase it was kept at. In some cases it must not: another
    /// browser says its name, the parcel goes elsewhere, or its owner took it back.
    fn one_tap(&mut self, lines: &[WantedLine], dice: &mut Dice) -> Option<String> {
        let (shop, browser) = (self.ground.shop, pick(dice, BROWSERS));
        let mine = owner(shop, browser);
        let kept = self.look(move |tx| payments::stored::list(tx, shop, mine)).ok()?;
        if kept.is_empty() {
            return None;
        }
        // Mostly the one that was used last: its purchase is the newest.
        let card = kept[pick(dice, kept.len()) * usize::from(dice.below(3) == 0)].clone();
        let plenty = [WantedLine {
            variant: self.ground.variants[ENOUGH],
            quantity: 1,
        }];
        let lines = if dice.below(2) == 0 { &plenty } else { lines };
        let Running { app, runtime, .. } = self.running();
        let quote = runtime.block_on(quote(app, shop, lines)).ok()??;
        let app = app.clone();
        let after = (dice.below(3) > 0).then_some(card.checkout);
        let buyer = |browser| {
            let id = app.random.id(app.clock.wall());
            Buyer::new(shop, id, quote.clone(), "").by_stored(browser, card.id, after)
        };
        let gone = {
            let people = self.people.lock().unwrap();
            let took_back =
                |done: &Done| done.acknowledged && matches!(done.act, Act::Forget { stored, .. } if stored == card.id);
            people.acts.iter().any(took_back)
        };
        let mut tapped = vec![buyer(browser)];
        match dice.below(8) {
            0 => {
                tapped = vec![buyer((browser + 1) % BROWSERS)];
                tapped[0].forbidden = Some("another browser paid with a card that was kept in this one");
            }
            1 => {
                if let Some(address) = &mut tapped[0].tap.address {
                    address.city = "Bonn".into();
                }
                tapped[0].forbidden = Some("a kept card paid for a parcel to another address");
            }
            2..=5 if after.is_some() => tapped.push(buyer(browser)),
            // What is not said is filled in by the card.
            6 => (tapped[0].tap.contact, tapped[0].tap.address) = (checkout::Contact::default(), None),
            _ => {}
        }
        if gone {
            tapped
                .iter_mut()
                .for_each(|buyer| buyer.forbidden = Some("a card paid after it was taken back"));
        }
        let count = tapped.len();
        let mut first = None;
        for mut buyer in tapped {
            buyer.twin = first;
            let index = self.arrives(buyer);
            first = first.or(Some(index));
            self.tap(index);
        }
        if dice.below(8) == 0 {
            let forget = Act::Forget {
                browser,
                stored: card.id,
            };
            let index = self.people.lock().unwrap().plans(forget);
            self.act(index);
        }
        Some(format!(
            "browser {browser} pays {count} times in one tap, after {after:?}"
        ))
    }

    fn arrives(&mut self, buyer: Buyer) -> usize {
        self.outcome.checkouts += 1;
        let mut people = self.people.lock().unwrap();
        people.buyers.push(buyer);
        people.buyers.len() - 1
    }

    fn somebody_comes(&mut self, dice: &mut Dice) -> String {
        let shop = self.ground.shop;
        // Carts: up to three lines, of which two may be of the same thing.
        let lines: Vec<WantedLine> = (0..1 + dice.below(3).min(dice.below(3)))
            .map(|_| WantedLine {
                variant: self.ground.variants[pick(dice, 3)],
                quantity: 1 + u32::try_from(dice.below(3)).expect("small"),
            })
            .collect();
        let units: u32 = lines.iter().map(|line| line.quantity).sum();
        if dice.below(4) == 0
            && let Some(said) = self.one_tap(&lines, dice)
        {
            return said;
        }
        let later = |token| if self.late { token } else { "tok_visa" };
        let token = [
            "tok_visa",
            "tok_visa",
            later("tok_later_empty"),
            later("tok_later_lost"),
            "tok_3ds",
            "tok_declined",
            "tok_stolen",
            "tok_fades",
        ][pick(dice, 8)];
        let Running { app, runtime, .. } = self.running();
        let quote = match runtime.block_on(quote(app, shop, &lines)) {
            Ok(Some(quote)) => quote,
            other => return format!("nothing is offered: {other:?}"),
        };
        let now = app.clock.wall();
        let mut buyer = Buyer::new(shop, app.random.id(now), quote, token);
        if dice.below(3) == 0 {
            buyer = buyer.keeping(pick(dice, BROWSERS));
        }
        let index = self.arrives(buyer);
        self.tap(index);
        if dice.below(6) == 0 {
            self.tap(index); // Twice, out of impatience.
        }
        format!("buyer {index} wants {units} in {} lines with {token}", lines.len())
    }

    fn tap(&mut self, index: usize) {
        let (app, people) = (self.running().app.clone(), self.people.clone());
        let tap = people.lock().unwrap().buyers[index].tap.clone();
        self.spawn(async move {
            let answer = checkout::buy(&app, tap).await.map(|(_, answer)| answer);
            let mut people = people.lock().unwrap();
            let error = people.buyers[index].heard_of_tap(answer);
            people.complain("a tap", error);
        });
    }

    fn somebody_asks_again(&mut self, dice: &mut Dice) -> String {
        let people = self.people.clone();
        let (count, acts) = {
            let people = people.lock().unwrap();
            (people.buyers.len() as u64, people.acts.len() as u64)
        };
        if dice.below(3) == 0 && acts > 0 {
            let index = usize::try_from(dice.below(acts)).expect("small");
            self.act(index);
            return format!("act {index} again");
        }
        if count == 0 {
            return "nobody to ask again".into();
        }
        let index = usize::try_from(dice.below(count)).expect("small");
        let buyer = people.lock().unwrap().buyers[index].clone();
        if self.late && buyer.promised.is_some() {
            // Whoever was asked to pay again does; whoever was not is told that nothing is to be paid.
            let app = self.running().app.clone();
            let token = ["tok_visa", "tok_3ds", "tok_declined"][usize::try_from(dice.below(3)).expect("small")];
            self.spawn(async move {
                let Buyer { tap, .. } = buyer;
                let answer = checkout::pay(&app, tap.shop, tap.id, card(token), String::new()).await;
                let mut people = people.lock().unwrap();
                let error = people.buyers[index].heard_of_payment(answer);
                people.complain("paying again", error);
            });
            return format!("buyer {index} pays again with {token}");
        }
        if buyer.declined && dice.below(2) == 0 {
            let app = self.running().app.clone();
            self.spawn(async move {
                let Buyer { tap, .. } = buyer;
                let answer = checkout::pay(&app, tap.shop, tap.id, card("tok_visa"), String::new()).await;
                let mut people = people.lock().unwrap();
                let error = people.buyers[index].heard_of_payment(answer);
                people.complain("another card", error);
            });
            return format!("buyer {index} tries another card");
        }
        self.tap(index);
        format!("buyer {index} asks again")
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
            Ok(ran) => format!("lane {lane} runs {ran}"),
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
        match arrive(message, &self.banks, &self.weather, dice, &self.wire, now) {
            Arrived::Well => "a message arrives".into(),
            Arrived::Lost => {
                self.outcome.faults += 1;
                "a message meets bad weather".into()
            }
            Arrived::Notice { bank, notice } => {
                let (app, people, all) = (self.running().app.clone(), self.people.clone(), self.heard.clone());
                let (name, said) = (self.banks[bank].name(), format!("notice {}", notice.id));
                let told = (bank, notice.id.clone());
                if self.banks[bank].is_mute() {
                    if all.lock().unwrap().contains(&told) && dice.below(2) == 0 {
                        return format!("{said} was heard");
                    }
                    if !all.lock().unwrap().contains(&told) {
                        let notice = notice.clone();
                        self.wire.lock().unwrap().push(Message::Notice { bank, notice }); // Until it is thanked for.
                    }
                }
                self.spawn(async move {
                    let heard = checkout::hear::hear(&app, name, notice, String::new()).await;
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
        let micros = match dice.below(10) {
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
                _ => ledger::seal(&app, [9; 16]).await.map(drop),
            };
            people.lock().unwrap().complain("a job", done.err());
        }));
        format!("job {job} begins")
    }

    fn the_shop_acts(&mut self, dice: &mut Dice) -> String {
        let known: Vec<_> = {
            let people = self.people.lock().unwrap();
            let of = |buyer: &Buyer| (buyer.tap.id, buyer.promised, buyer.quantities());
            people.buyers.iter().map(of).collect()
        };
        if known.is_empty() {
            return "nothing to do".into();
        }
        // Most of it is about orders, and half of that about whoever came last: nothing of that has come to rest yet.
        let ordered: Vec<usize> = (0..known.len()).filter(|index| known[*index].1.is_some()).collect();
        let index = match dice.below(4) {
            0 => known.len() - 1,
            1 => pick(dice, known.len()),
            2 if !ordered.is_empty() => ordered[pick(dice, ordered.len())],
            _ => ordered[ordered.len().saturating_sub(8)..]
                .get(pick(dice, 8))
                .copied()
                .unwrap_or(known.len() - 1),
        };
        let (checkout, order, lines) = &known[index];
        let app = self.running().app.clone();
        let now = app.clock.wall();
        let act = match (dice.below(10), *order) {
            (0..=4, Some(order)) => Act::HandOver {
                order,
                id: app.random.id(now),
                lines: (dice.below(3) > 0).then(|| some_of(lines, dice)),
            },
            (5, Some(order)) => Act::Cancel { order },
            (6 | 7, Some(order)) => Act::Refund {
                order,
                id: app.random.id(now),
                what: what_goes_back(lines, dice),
            },
            (8, None) => Act::Leave { checkout: *checkout },
            (9, _) if dice.below(3) == 0 => Act::Route { rules: rules(dice) },
            (9, _) => Act::Stock {
                variant: self.ground.variants[if dice.below(2) == 0 { 0 } else { 2 }],
                free: u32::try_from(dice.below(10)).expect("small"),
            },
            (8, Some(_)) => {
                let (contract, terms) = &self.ground.contracts[pick(dice, 2)];
                Act::Revise {
                    contract: *contract,
                    terms: Box::new(other_terms(terms, dice)),
                }
            }
            _ => return "the shop rests".into(),
        };
        let said = format!("{act:?}");
        let index = self.people.lock().unwrap().plans(act);
        self.act(index);
        said
    }

    fn act(&mut self, index: usize) {
        let (shop, people) = (self.ground.shop, self.people.clone());
        let app = self.running().app.clone();
        let act = people.lock().unwrap().acts[index].act.clone();
        self.spawn(async move {
            let done = act.perform(&app, shop).await;
            let mut people = people.lock().unwrap();
            match done {
                Ok(acknowledged) => people.acts[index].acknowledged |= acknowledged,
                Err(error) => people.complain(&format!("{act:?}"), Some(error)),
            }
        });
    }

    fn a_bank_decides(&mut self, dice: &mut Dice) -> String {
        let asked: Vec<String> = {
            let people = self.people.lock().unwrap();
            people
                .buyers
                .iter()
                .filter_map(|buyer| buyer.at_the_bank.clone())
                .collect()
        };
        if asked.is_empty() {
            return "no bank is asked".into();
        }
        let payment = &asked[usize::try_from(dice.below(asked.len() as u64)).expect("small")];
        let approved = dice.below(4) > 0;
        self.banks.iter().for_each(|bank| bank.decide(payment, approved));
        format!("the bank of {payment} says {approved}")
    }

    fn a_checkpoint(&mut self, dice: &mut Dice) -> String {
        let mode = ["passive", "restart", "truncate"][usize::try_from(dice.below(3)).expect("small")];
        let file = rusqlite::Connection::open_with_flags_and_vfs(
            "hawker.db",
            rusqlite::OpenFlags::default(),
            self.disk.name(),
        );
        let done = file.and_then(|file| {
            file.pragma_update(None, "synchronous", "full")?;
            file.query_row(&format!("pragma wal_checkpoint({mode})"), [], |row| {
                row.get::<_, i64>(0)
            })
        });
        if done.is_err() && self.power_goes {
            self.crash(Crash::KeepUnsynced); // It went here.
        }
        format!("checkpoint {mode}: {}", done.is_ok())
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

    /// Payments in conflict, as they stand. Those of a processor that cannot be asked are settled on its own pages, not here.
    fn conflicts(&mut self) -> Vec<(IntentId, i64)> {
        let found = self.look(|tx| {
            tx.all(
                "select id, version from intents where state = 'conflicted'
                    and not exists (select 1 from attempts a where a.intent_id = intents.id and a.processor = 'mute') order by id limit 100",
                &[],
            )
        });
        found.unwrap_or_default()
    }

    fn somebody_decides(&mut self, dice: &mut Dice) -> String {
        let open = self.conflicts();
        if open.is_empty() {
            return "nothing to decide".into();
        }
        let (intent, version) = open[pick(dice, open.len())];
        self.decide(intent, version, Decision::ALL[pick(dice, 3)])
    }

    fn decide(&mut self, intent: IntentId, version: i64, decision: Decision) -> String {
        let act = Act::Decide {
            intent,
            version,
            decision,
        };
        let said = format!("{act:?}");
        let index = self.people.lock().unwrap().plans(act);
        self.act(index);
        said
    }

    /// The process is killed, or the power is cut: between two batches, or in the middle of whatever the disk does next.
    fn the_program_dies(&mut self, dice: &mut Dice) -> String {
        if !self.crashes || dice.below(3) == 0 {
            return "nothing happens".into();
        }
        let kind = Crash::ALL[usize::try_from(dice.below(Crash::ALL.len() as u64)).expect("small")];
        if dice.below(2) == 0 {
            db::cut_the_power();
            self.power_goes = true;
            self.disk.plan(Plan {
                operation: None,
                nth: 1 + dice.below(60),
                fault: Fault::PowerCut(kind),
            });
            return format!("the power will go: {kind:?}");
        }
        self.crash(kind);
        format!("crash: {kind:?}")
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
                    gone @ Caller::Gone(_) => gone,
                };
                Some(Message::Request { bank, ask, reply })
            }
            Message::Reply { .. } => None,
            notice @ Message::Notice { .. } => Some(notice),
        }));
        drop(wire);
        self.start();
        self.keep_promises();
    }

    fn keep_promises(&mut self) {
        let people = self.people.clone();
        let (buyers, acts) = {
            let people = people.lock().unwrap();
            (people.buyers.clone(), people.acts.clone())
        };
        let shop = self.ground.shop;
        let Running { app, runtime, .. } = self.running();
        match runtime.block_on(unkept(app, shop, &buyers, &acts)) {
            Ok(unkept) => self.outcome.violations.extend(unkept),
            Err(error) => self
                .outcome
                .violations
                .push(format!("the promises could not be looked up: {error}")),
        }
    }

    fn check(&mut self) {
        let shop = self.ground.shop;
        let checked = self.look(move |tx| {
            let mut broken = inventory::check(tx)?;
            broken.extend(checkout::check(tx)?);
            broken.extend(fulfilment::check(tx)?);
            // I10, P4: while one try may still become money nobody else is asked.
            let open: Vec<(IntentId, i64)> = tx.all(
                "select intent_id, count(*) from attempts where state in ('sending', 'unknown', 'pending', 'requires_action')
                  group by intent_id having count(*) > 1 limit 20",
                &[],
            )?;
            broken.extend(open.iter().map(|(id, count)| format!("I10: {count} tries of {id} are open at once")));
            let sum: i64 = ledger::balances(tx, shop)?
                .iter()
                .map(|balance| balance.money.minor)
                .sum();
            if sum != 0 {
                broken.push(format!("I20: the accounts sum to {sum}"));
            }
            Ok(broken)
        });
        match checked {
            Ok(broken) => self.outcome.violations.extend(broken),
            Err(error) if error.kind == Kind::Internal && !db::has_ended() => {
                self.outcome.violations.push(error.to_string())
            }
            Err(_) => {} // The disk of the day.
        }
    }

    /// Fair weather until nothing is under way: liveness. Then everything is checked, and somebody buys.
    fn come_to_rest(&mut self) {
        if db::has_ended() || self.power_goes {
            self.crash(Crash::KeepUnsynced);
        }
        self.disk.heal();
        self.weather = Weather::default();
        self.crashes = false;
        let mut dice = Dice(self.history.seed ^ 0xfa17);
        for round in 0..240u32 {
            for job in 0..JOBS {
                self.a_job_begins(job);
            }
            self.until_idle(&mut dice);
            // A person looks at what only a person leads out.
            if round > 30 && round % 5 == 0 {
                for (intent, version) in self.conflicts() {
                    self.decide(
                        intent,
                        version,
                        Decision::ALL[usize::try_from(round / 5).expect("small") % 3],
                    );
                }
                self.until_idle(&mut dice);
            }
            if round > 30 && round % 10 == 0 && self.is_at_rest() {
                break;
            }
            // A day and a half in all: what waits longest is a promise a buyer never confirmed at their bank.
            self.clock.pass(SECOND * if round < 60 { 5 } else { 12 * 60 });
        }
        if self.outcome.violations.is_empty() {
            self.the_next_buyer_is_served(&mut dice);
        }
        for _ in 0..40 {
            for job in 0..JOBS {
                self.a_job_begins(job);
            }
            self.until_idle(&mut dice);
            self.clock.pass(SECOND * 5);
        }
        let complaints = std::mem::take(&mut self.people.lock().unwrap().complaints);
        self.outcome.violations.extend(complaints);
        self.check();
        self.keep_promises();
        self.chain();
        let open = self.conflicts();
        if !open.is_empty() {
            self.outcome
                .violations
                .push(format!("liveness: conflicts that no decision ends: {open:?}"));
        }
        let now = self.clock.wall();
        let books: Vec<_> = self.banks.iter().flat_map(|bank| bank.payments(now)).collect();
        let honest = !self.lies;
        match second::check(self.disk.name(), &books, honest) {
            Ok(wrong) => self.outcome.violations.extend(wrong),
            Err(error) => self.outcome.violations.push(format!("the second checker: {error}")),
        }
        let people = self.people.lock().unwrap();
        self.outcome.orders = people.buyers.iter().filter(|buyer| buyer.promised.is_some()).count() as u64;
    }

    fn until_idle(&mut self, dice: &mut Dice) {
        for _ in 0..500 {
            self.settle();
            let lane = self.drive(0, 256);
            let reads = self.drive(usize::MAX, 1);
            let idle = lane.ends_with(" 0") && reads.ends_with(" 0") && self.wire.lock().unwrap().is_empty();
            if idle {
                self.settle();
                return;
            }
            let waiting = self.wire.lock().unwrap().len();
            (0..waiting).for_each(|_| drop(self.a_message_arrives(dice)));
        }
    }

    fn is_at_rest(&mut self) -> bool {
        let open = self.look(|tx| {
            let (facts, ..) = db::facts_waiting(tx)?;
            let waiting = payments::waiting(tx)?;
            let (checkouts,): (i64,) = tx.one(
                "select count(*) from checkouts where state not in ('completed', 'canceled', 'expired')",
                &[],
            )?;
            let (looked_for,): (i64,) = tx.one(
                "select count(*) from attempts where state in ('not_executed', 'requires_action') and next_check_at is not null",
                &[],
            )?;
            let (ending,): (i64,) = tx.one(
                "select count(*) from intents where next_check_at is not null and (state <> 'expired' or lost_at is null)",
                &[],
            )?;
            let (voids_owed,): (i64,) = tx.one(
                "select count(*) from attempts where state = 'voiding' and not (processor = 'mute' and tries > 3)",
                &[],
            )?;
            Ok(facts + waiting.unknown + voids_owed + checkouts + looked_for + ending)
        });
        let decided = self.conflicts().is_empty();
        decided && open.is_ok_and(|open| open == 0)
    }

    fn the_next_buyer_is_served(&mut self, dice: &mut Dice) {
        let (shop, variant) = (self.ground.shop, self.ground.variants[ENOUGH]);
        let Running { app, runtime, .. } = self.running();
        let quote = runtime.block_on(quote(app, shop, &[WantedLine { variant, quantity: 1 }]));
        let Ok(Some(quote)) = quote else {
            return self
                .outcome
                .violations
                .push(format!("liveness: nothing is offered: {quote:?}"));
        };
        let buyer = Buyer::new(shop, app.random.id(app.clock.wall()), quote, "tok_visa");
        let index = {
            let mut people = self.people.lock().unwrap();
            people.buyers.push(buyer);
            people.buyers.len() - 1
        };
        // Whoever has to wait for a word of their bank's asks again.
        for _ in 0..2 {
            self.tap(index);
            self.until_idle(dice);
        }
        if self.people.lock().unwrap().buyers[index].promised.is_none() {
            self.outcome
                .violations
                .push("liveness: a new purchase does not succeed".into());
        }
    }

    /// I26.
    fn chain(&mut self) {
        let shop = self.ground.shop;
        let Running { app, runtime, .. } = self.running();
        let verifying = app.clone();
        let task = runtime.spawn(async move { ledger::verify(&verifying.db, shop).await });
        let mut dice = Dice(0);
        self.until_idle(&mut dice);
        let verdict = self.running().runtime.block_on(async {
            tokio::select! {
                verdict = task => verdict.ok(),
                () = tokio::task::yield_now() => None,
            }
        });
        if !matches!(verdict, Some(Ok(ledger::Verdict::Whole { .. }))) {
            self.outcome
                .violations
                .push(format!("I26: the chain does not verify: {verdict:?}"));
        }
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

/// Some units of some lines: what is packed into one parcel. Whether they are still there is the shop's to know.
fn some_of(lines: &[u32], dice: &mut Dice) -> Vec<Ship> {
    let of = |(line, bought): (u32, &u32)| Ship {
        line,
        quantity: u32::try_from(dice.below(u64::from(*bought) + 1)).expect("small"),
    };
    (0..).zip(lines).map(of).filter(|ship| ship.quantity > 0).collect()
}

/// Up to three rules about who is asked: some fit every sale, some only large or small ones, some none.
fn rules(dice: &mut Dice) -> Vec<Rule> {
    (0..dice.below(4)).map(|number| rule(number, dice)).collect()
}

fn rule(number: u64, dice: &mut Dice) -> Rule {
    let euro = "EUR".parse().expect("a currency");
    let amount = |dice: &mut Dice| {
        let minor = 500 + i64::try_from(dice.below(8_000)).expect("small");
        (dice.below(2) == 0).then(|| Money::new(minor, euro).into())
    };
    let mut asked: Vec<String> = BANKS.map(str::to_owned).to_vec();
    (0..2).for_each(|_| asked.swap(0, pick(dice, 3)));
    asked.truncate(1 + pick(dice, 3));
    let (min, max) = (amount(dice), amount(dice));
    Rule {
        name: format!("rule {number}"),
        currencies: if dice.below(5) == 0 {
            vec!["USD".parse().expect("a currency")]
        } else {
            Vec::new()
        },
        amount_min: min.filter(|_| max.is_none()),
        amount_max: max,
        countries: if dice.below(5) == 0 {
            vec!["FR".to_owned()]
        } else {
            Vec::new()
        },
        methods: Vec::new(),
        choice: match dice.below(4) {
            0 => Choice::Split(split(&asked, dice)),
            1 => Choice::Best(Best {
                processors: asked,
                window_hours: 1 + u32::try_from(dice.below(48)).expect("small"),
                floor_percent: u32::try_from(dice.below(90)).expect("small"),
            }),
            _ => Choice::Order(asked),
        },
    }
}

fn split(asked: &[String], dice: &mut Dice) -> Vec<SplitShare> {
    let of = u32::try_from(asked.len()).expect("small");
    let rest = 100 / of - 1 - u32::try_from(dice.below(10)).expect("small");
    let share = |(index, processor): (usize, &String)| SplitShare {
        processor: processor.clone(),
        percent: if index == 0 { 100 - rest * (of - 1) } else { rest },
    };
    asked.iter().enumerate().map(share).collect()
}

fn what_goes_back(lines: &[u32], dice: &mut Dice) -> RefundWhat {
    match dice.below(6) {
        0 => RefundWhat::Everything,
        1..=3 => RefundWhat::Amount(1 + i64::try_from(dice.below(1_500)).expect("small")),
        _ => RefundWhat::Lines(RefundLines {
            units: some_of(lines, dice),
            delivery: dice.below(3) == 0,
            restock: [None, Some(Restock::Sellable), Some(Restock::WrittenOff)][pick(dice, 3)],
        }),
    }
}

/// Each class of trouble is there in every other history, at a rate of its own.
fn weather(dice: &mut Dice) -> Weather {
    let mut rate = |most: u64| if dice.below(2) == 0 { 0 } else { 1 + dice.below(most) };
    Weather {
        not_sent: rate(200),
        request_lost: rate(200),
        request_late: rate(100),
        request_doubled: rate(300),
        reply_lost: rate(200),
        reply_slow: rate(300),
        reply_false: rate(120).saturating_sub(80),
        notice_lost: rate(500),
        notice_doubled: rate(400),
    }
}
