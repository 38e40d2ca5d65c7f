//! The vocabulary every module shares: money, ids, time, errors, facts, paging, and the ports `App` is made of.
//!
//! Always true: nothing here does I/O, reads a clock or rolls dice; the ports are traits whose implementations are handed in.
//! Tables: none. Facts published: none, but this is where a [`Fact`] is declared.
//! It deliberately knows no business rule: those live in the module that owns the table.

pub mod assets;
mod error;
mod facts;
mod ids;
mod money;
#[macro_use]
pub mod mutant;
mod network;
mod paging;
mod ports;
mod processor;
pub mod text;
mod time;
pub mod words;

pub use error::{Engine, Error, Field, Kind, MayFail, Result};
pub use facts::{Fact, FactKind};
pub use ids::*;
pub use money::{Currency, Money, MoneyOut, Rate, apportion};
pub use network::Network;
pub use paging::{Page, PageIn, PageOut};
pub use ports::{Clock, Mail, MailError, Mailer, Random};
pub use processor::{
    About, Answer, Ask, Booked, Books, Capabilities, CardFace, Decline, DisputeAnswer, DisputeAsk, DisputeFee,
    DisputeStage, DisputeTold, Heard, Notice, Processor, Reuse, Session,
};
pub use time::{Seconds, Time};
