//! What the program needs from the world, in the simulator's hands: a clock that moves when told, randomness from the seed, a mail server that
//! takes everything, and processors whose answers come when the scheduler says so.

use crate::dice::Dice;
use hawker::kernel::{
    About, Answer, Ask, Capabilities, Clock, DisputeAnswer, DisputeAsk, Mail, MailError, Mailer, Money, Notice,
    Processor, Random, Seconds, Time,
};
use hawker::payments::sandbox::{BookedDispute, Books, Disputed, Faults, Notices, Payment, Sandbox, Shape};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Monday, 23 November 2026, 10:00 UTC.
const START: i64 = 1_795_428_000_000_000;

/// Moves when told. The wall may be stepped; what elapsed may not.
pub struct HandClock {
    elapsed: AtomicI64,
    wrong_by: AtomicI64,
}

impl HandClock {
    pub fn new() -> Self {
        Self {
            elapsed: AtomicI64::new(0),
            wrong_by: AtomicI64::new(0),
        }
    }
    pub fn pass(&self, micros: i64) {
        self.elapsed.fetch_add(micros, Ordering::SeqCst);
    }
    /// As an administrator or a bad time server does.
    pub fn step_the_wall(&self, micros: i64) {
        self.wrong_by.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn wall(&self) -> Time {
        Time(START + self.elapsed.load(Ordering::SeqCst) + self.wrong_by.load(Ordering::SeqCst))
    }
    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.elapsed.load(Ordering::SeqCst).unsigned_abs())
    }
}

/// Randomness from the seed.
pub struct SeededRandom(pub Mutex<Dice>);

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        let mut dice = self.0.lock().unwrap();
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&dice.next().to_le_bytes()[..chunk.len()]);
        }
    }
}

pub struct TakesAll;

impl Mailer for TakesAll {
    fn send(&self, _: &Mail) -> Result<(), MailError> {
        Ok(())
    }
}

/// How often what goes wrong, in thousandths; all zero is fair weather.
#[derive(Clone, Debug, Default)]
pub struct Weather {
    pub not_sent: u64,
    pub request_lost: u64,
    /// Given up by us, done by the processor later.
    pub request_late: u64,
    pub request_doubled: u64,
    pub reply_lost: u64,
    pub reply_slow: u64,
    /// Another amount than was asked for.
    pub reply_false: u64,
    /// A question is turned away, as with a key that was changed.
    pub look_refused: u64,
    pub notice_lost: u64,
    pub notice_doubled: u64,
    /// What asks for a promise and is late may lie somewhere for hours: longer than "no such payment" is not believed.
    pub lingers: bool,
    /// What is told until somebody has heard it takes many tries: for days where days pass.
    pub held: bool,
}

/// Who waits for the answer to a request.
pub enum Caller {
    Waits(oneshot::Sender<Answer>),
    /// Nobody any more, since then.
    Gone(Duration),
    /// Nobody any more, and it does not arrive before then.
    Lingers(Duration),
}

/// The longest that a request lingers: the last look at a payment that was believed not to exist comes after a day.
const LINGERS_MAX: u64 = 12 * 3600;

/// How often what is told again and again is not heard where it takes many tries, in thousandths.
const HELD: u64 = 940;

/// A request that nobody waits for does not arrive later than this: networks give up too. It has to be less than the time for which "no such
/// payment" is not believed.
const LATE_MAX: Duration = Duration::from_secs(60);

/// Something on its way between the program and a processor.
pub enum Message {
    Request {
        bank: usize,
        ask: Ask,
        reply: Caller,
    },
    Reply {
        answer: Answer,
        reply: oneshot::Sender<Answer>,
    },
    Notice {
        bank: usize,
        notice: Notice,
    },
    /// A question about a dispute, or what the shop decided about it; nobody may wait for the answer any more.
    Dispute {
        bank: usize,
        ask: DisputeAsk,
        reply: Option<oneshot::Sender<DisputeAnswer>>,
    },
}

/// Everything that is on its way.
pub type Wire = Arc<Mutex<Vec<Message>>>;

/// What a processor is like.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Takes a promise in parts.
    Each,
    /// Takes it once.
    Once,
    /// As Adyen: in parts, says of most things only that it got the request, and cannot be asked.
    Mute,
}

/// A processor: books of its own, which outlive every crash of ours.
pub struct Bank {
    number: usize,
    name: &'static str,
    /// Cannot be asked what became of something: it tells, until somebody has heard it.
    mute: bool,
    sandbox: Sandbox,
    notices: Mutex<mpsc::Receiver<Notice>>,
    wire: Wire,
    /// Refunds that a buyer's bank turned back, by the key they were asked for under.
    turned_back: Mutex<BTreeMap<String, Notice>>,
}

impl Bank {
    pub fn new(number: usize, name: &'static str, manner: Manner, clock: Arc<HandClock>, wire: Wire) -> Self {
        let shape = match manner {
            Manner::Once => Shape::Single,
            Manner::Each | Manner::Mute => Shape::Full,
        };
        let at_once = Faults {
            notice_early: 1000, // The wire decides when a notice arrives.
            ..Faults::default()
        };
        let (sandbox, notices) = Sandbox::new(
            Books::default(),
            at_once,
            Notices::All,
            clock,
            "http://bank.test".into(),
        );
        let sandbox = if (number, shape) == (0, Shape::Full) {
            sandbox
        } else {
            sandbox.named(name, shape)
        };
        Self {
            number,
            name,
            mute: manner == Manner::Mute,
            sandbox,
            notices: Mutex::new(notices),
            wire,
            turned_back: Mutex::default(),
        }
    }

    /// Does it, whoever waits; what the processor tells us of it is on its way.
    pub fn perform(&self, ask: &Ask) -> Answer {
        if self.mute && matches!(ask, Ask::Find { .. } | Ask::FindOperation { .. }) {
            return Answer::Unknown {
                detail: "it cannot be asked".into(),
            };
        }
        if let Ask::FindOperation { key, .. } = ask
            && self.turned_back.lock().unwrap().contains_key(key)
        {
            return Answer::Refused {
                detail: "the refund is failed".into(),
            };
        }
        let asked = self.in_its_words(ask);
        let answer = futures_util::FutureExt::now_or_never(self.sandbox.ask(&asked)).expect("the books answer at once");
        let tells = self.notices_leave();
        if self.mute && tells {
            received(ask, answer)
        } else {
            answer
        }
    }

    /// A mute one is not told which part is the last, and finds a payment by our name for it.
    fn in_its_words(&self, ask: &Ask) -> Ask {
        let mut ask = ask.clone();
        match &mut ask {
            Ask::Capture { last, .. } if self.mute => *last = false,
            Ask::Void { reference, payment, .. } if self.mute && payment.is_empty() => {
                let books = self.sandbox.books();
                let found = books.payments().find(|known| known.reference() == *reference);
                *payment = found.map(|known| known.id.clone()).unwrap_or_default();
            }
            _ => {}
        }
        ask
    }

    /// The buyer decides at their bank.
    pub fn decide(&self, payment: &str, approved: bool) {
        self.sandbox.answer_challenge(payment, approved);
        self.notices_leave();
    }

    /// A buyer's bank turns one of the latest refunds back, and the processor tells of it: once for each.
    pub fn turns_back(&self, dice: &mut Dice) -> Option<String> {
        let (refund, payment) = {
            let books = self.sandbox.books();
            let latest: Vec<_> = books.refunds().take(6).cloned().collect();
            let refund = latest.get(usize::try_from(dice.below(6)).expect("small"))?.clone();
            let payment = books.payment(&refund.payment)?.clone();
            (refund, payment)
        };
        let key = refund.metadata.get("key")?.clone();
        let notice = |id: String, answer| Notice {
            id,
            reference: payment.reference().to_owned(),
            about: About::Operation { key: key.clone() },
            answer,
        };
        let done = Answer::Refunded {
            payment: payment.id.clone(),
            reference: payment.reference().to_owned(),
            operation: refund.id.clone(),
            amount: Money::new(refund.amount, refund.currency),
        };
        let undone = Answer::Undone {
            detail: "expired_or_canceled_card".into(),
        };
        let before = notice(format!("evt_{key}_done"), done);
        if self.turned_back.lock().unwrap().insert(key.clone(), before).is_some() {
            return None;
        }
        self.sandbox.books().bounce(&refund.id);
        let notice = notice(format!("evt_{key}_undone"), undone);
        let said = format!("{} of {} is turned back", refund.id, self.name);
        let bank = self.number;
        self.wire.lock().unwrap().push(Message::Notice { bank, notice });
        Some(said)
    }

    /// What has to be heard before a notice: of what was undone, that it had been done, as adapters read it from one and the same message.
    pub fn before(&self, notice: &Notice) -> Option<Notice> {
        let About::Operation { key } = &notice.about else {
            return None;
        };
        let known = self.turned_back.lock().unwrap();
        known
            .get(key)
            .filter(|_| matches!(notice.answer, Answer::Undone { .. }))
            .cloned()
    }

    /// A buyer, or their bank, does something about a dispute.
    pub fn disputes(&self, act: impl FnOnce(&mut Books, Time) -> Disputed) -> bool {
        let done = self.sandbox.at_the_bank(act).is_ok();
        self.notices_leave();
        done
    }

    /// Payments of which something was taken.
    pub fn taken(&self) -> Vec<Payment> {
        let books = self.sandbox.books();
        books
            .payments()
            .filter(|payment| payment.captured > 0)
            .cloned()
            .collect()
    }

    /// Every round of every dispute.
    pub fn disputed(&self) -> Vec<BookedDispute> {
        self.sandbox.books().disputes().cloned().collect()
    }

    fn perform_dispute(&self, ask: &DisputeAsk) -> DisputeAnswer {
        let answer =
            futures_util::FutureExt::now_or_never(self.sandbox.dispute(ask)).expect("the books answer at once");
        self.notices_leave();
        answer
    }

    /// Whether a notice is told until somebody has heard it, as providers do: of one that cannot be asked, and of disputes.
    pub fn tells_until_heard(&self, notice: &Notice) -> bool {
        self.mute || matches!(notice.about, About::Dispute(_)) || matches!(notice.answer, Answer::Undone { .. })
    }

    /// Whether there were any.
    fn notices_leave(&self) -> bool {
        let mut notices = self.notices.lock().unwrap();
        let mut tells = false;
        while let Ok(notice) = notices.try_recv() {
            let bank = self.number;
            self.wire.lock().unwrap().push(Message::Notice { bank, notice });
            tells = true;
        }
        tells
    }

    /// The ground truth, as it stands now: a promise nobody used is over.
    pub fn payments(&self, now: Time) -> Vec<Payment> {
        let books = self.sandbox.books();
        let all = books.payments();
        all.map(|payment| books.look(&payment.id, now).expect("it is there"))
            .collect()
    }
}

/// What a mute processor answers when its notice will say more: the same to the same request.
fn received(ask: &Ask, answer: Answer) -> Answer {
    match (ask, answer) {
        (Ask::Authorize { .. }, Answer::Authorized { payment, .. }) if payment.ends_with(['1', '3', '5', '7', '9']) => {
            Answer::Pending { payment }
        }
        (Ask::Capture { payment, .. } | Ask::Void { payment, .. } | Ask::Refund { payment, .. }, _) => {
            Answer::Pending {
                payment: payment.clone(),
            }
        }
        (_, answer) => answer,
    }
}

impl Processor for Bank {
    fn name(&self) -> &'static str {
        self.name
    }

    fn capabilities(&self) -> Capabilities {
        let can = self.sandbox.capabilities();
        Capabilities {
            void_after_partial_capture: can.void_after_partial_capture && !self.mute,
            ..can
        }
    }

    fn repeats_for(&self) -> Option<Seconds> {
        self.mute.then(|| Seconds::days(6))
    }

    fn reusable(&self, token: &str) -> bool {
        self.sandbox.reusable(token)
    }

    fn answers_disputes(&self) -> bool {
        !self.mute
    }

    fn dispute<'a>(&'a self, ask: &'a DisputeAsk) -> Pin<Box<dyn Future<Output = DisputeAnswer> + Send + 'a>> {
        if self.mute {
            return Box::pin(std::future::ready(DisputeAnswer::NotHere));
        }
        let (reply, answered) = oneshot::channel();
        self.wire.lock().unwrap().push(Message::Dispute {
            bank: self.number,
            ask: ask.clone(),
            reply: Some(reply),
        });
        Box::pin(async move {
            let given_up = |_| DisputeAnswer::Unknown {
                detail: "timed out".into(),
            };
            answered.await.unwrap_or_else(given_up)
        })
    }

    fn ask<'a>(&'a self, ask: &'a Ask) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        let (reply, answered) = oneshot::channel();
        self.wire.lock().unwrap().push(Message::Request {
            bank: self.number,
            ask: ask.clone(),
            reply: Caller::Waits(reply),
        });
        Box::pin(async move {
            let given_up = |_| Answer::Unknown {
                detail: "timed out".into(),
            };
            answered.await.unwrap_or_else(given_up)
        })
    }
}

/// Lets a message arrive, in the weather of the day. Answers whether something went wrong.
pub fn arrive(
    message: Message,
    banks: &[Arc<Bank>],
    weather: &Weather,
    dice: &mut Dice,
    wire: &Wire,
    now: Duration,
) -> Arrived {
    let happens = |dice: &mut Dice, rate: u64| dice.below(1000) < rate;
    let unknown = || Answer::Unknown {
        detail: "timed out".into(),
    };
    match message {
        Message::Notice { bank, notice } => {
            let held = weather.held && banks[bank].tells_until_heard(&notice);
            if happens(dice, if held { HELD } else { weather.notice_lost }) {
                if banks[bank].tells_until_heard(&notice) {
                    wire.lock().unwrap().push(Message::Notice { bank, notice }); // Not thanked for: it is told again.
                }
                return Arrived::Lost;
            }
            if happens(dice, weather.notice_doubled) {
                let again = Message::Notice {
                    bank,
                    notice: notice.clone(),
                };
                wire.lock().unwrap().push(again);
            }
            Arrived::Notice { bank, notice }
        }
        Message::Dispute { bank, ask, reply } => {
            let answer = |answer| drop(reply.map(|reply| reply.send(answer)));
            let lost = || DisputeAnswer::Unknown {
                detail: "timed out".into(),
            };
            if happens(dice, weather.not_sent) {
                answer(DisputeAnswer::NotSent {
                    detail: "connection refused".into(),
                });
                return Arrived::Lost;
            }
            if happens(dice, weather.request_lost) {
                answer(lost());
                return Arrived::Lost;
            }
            if weather.look_refused > 0 && matches!(ask, DisputeAsk::Find { .. }) && happens(dice, weather.look_refused)
            {
                let detail = "HTTP 401".into();
                answer(DisputeAnswer::Refused { detail });
                return Arrived::Lost;
            }
            let said = banks[bank].perform_dispute(&ask);
            if happens(dice, weather.reply_lost) {
                answer(lost());
                return Arrived::Lost;
            }
            answer(said);
            Arrived::Well
        }
        Message::Reply { answer, reply } => {
            drop(reply.send(answer)); // A caller that is gone has crashed.
            Arrived::Well
        }
        Message::Request { bank, ask, reply } => {
            let reply = match reply {
                Caller::Waits(reply) => reply,
                Caller::Gone(since) if now > since + LATE_MAX => return Arrived::Lost,
                Caller::Lingers(until) if weather.lingers && now < until => {
                    let reply = Caller::Lingers(until);
                    wire.lock().unwrap().push(Message::Request { bank, ask, reply });
                    return Arrived::Well;
                }
                Caller::Gone(_) | Caller::Lingers(_) => {
                    banks[bank].perform(&ask);
                    return Arrived::Well;
                }
            };
            if happens(dice, weather.not_sent) {
                let detail = "connection refused".into();
                drop(reply.send(Answer::NotSent { detail }));
                return Arrived::Lost;
            }
            if happens(dice, weather.request_lost) {
                drop(reply.send(unknown()));
                return Arrived::Lost;
            }
            if weather.look_refused > 0 && matches!(ask, Ask::Find { .. }) && happens(dice, weather.look_refused) {
                let detail = "HTTP 401".into();
                drop(reply.send(Answer::Refused { detail }));
                return Arrived::Lost;
            }
            if happens(dice, weather.request_late) {
                drop(reply.send(unknown()));
                let reply = if weather.lingers && matches!(ask, Ask::Authorize { .. }) {
                    Caller::Lingers(now + Duration::from_secs(dice.below(LINGERS_MAX)))
                } else {
                    Caller::Gone(now)
                };
                wire.lock().unwrap().push(Message::Request { bank, ask, reply });
                return Arrived::Lost;
            }
            let mut answer = banks[bank].perform(&ask);
            let mut well = Arrived::Well;
            if happens(dice, weather.request_doubled) {
                let reply = Caller::Gone(now);
                wire.lock().unwrap().push(Message::Request { bank, ask, reply });
                well = Arrived::Lost;
            }
            if happens(dice, weather.reply_false)
                && let Answer::Authorized { amount, .. } | Answer::Captured { amount, .. } = &mut answer
            {
                *amount = Money::new(amount.minor + 1, amount.currency);
                well = Arrived::Lost;
            }
            if happens(dice, weather.reply_lost) {
                drop(reply.send(unknown()));
                return Arrived::Lost;
            }
            if happens(dice, weather.reply_slow) {
                wire.lock().unwrap().push(Message::Reply { answer, reply });
                return Arrived::Lost;
            }
            drop(reply.send(answer));
            well
        }
    }
}

pub enum Arrived {
    Well,
    /// Something went wrong on the way.
    Lost,
    /// Now somebody has to hear it.
    Notice {
        bank: usize,
        notice: Notice,
    },
}
