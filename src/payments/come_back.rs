//! A buyer comes back from their bank, with words of the processor in the address of the page.

use super::authorize::ask_processor;
use super::model::{AttemptState as S, Operation};
use super::resolve::{Conclude, noted};
use super::store;
use crate::app::App;
use crate::db::LaneKey;
use crate::kernel::{Answer, Ask, Id, IntentId, Result, ShopId};
use uuid::Uuid;

/// What a processor puts into an address fits into so many bytes.
const WORDS_MAX: usize = 4_000;

/// Hands the words to the processor of the newest try, if that waits for its buyer, and records what it says. Anything but clear words changes
/// nothing: the notice and the resolver find out, as of a buyer who never comes back. Whether anybody was asked.
pub async fn come_back(app: &App, shop: ShopId, id: IntentId, words: &str, conclude: Conclude) -> Result<bool> {
    if words.is_empty() || words.len() > WORDS_MAX {
        return Ok(false);
    }
    let newest = app.db.read(move |tx| Ok(store::attempts(tx, id)?.pop())).await?;
    let waits = |state| matches!(state, S::RequiresAction | S::Pending);
    let Some(attempt) = newest.filter(|attempt| attempt.shop == shop && waits(attempt.state)) else {
        return Ok(false);
    };
    // Words of their own get a key of their own: a bank may ask twice.
    let key = Uuid::new_v5(&attempt.id.uuid(), format!("came back/{words}").as_bytes());
    let ask = Ask::CameBack {
        key: key.to_string(),
        reference: attempt.reference(),
        words: words.to_owned(),
    };
    let answer = match ask_processor(app, &attempt, &ask).await {
        // Words that it does not take say nothing about the payment: anybody can type an address.
        Answer::Refused { detail } | Answer::NotSent { detail } => Answer::Unknown { detail },
        Answer::NotFound => Answer::Unknown {
            detail: "it does not know the payment yet".into(),
        },
        answer => answer,
    };
    let attempt = attempt.id;
    app.db
        .write(LaneKey::of(id), move |tx| {
            let recorded = noted(tx, attempt, Operation::Authorize, &answer)?;
            conclude(tx, recorded.checkout)
        })
        .await?;
    Ok(true)
}
