//! The sandbox as a server of its own, in Stripe's wire format: payment intents with manual capture, refunds, signed webhooks.
//!
//! Strict: unknown parameters are refused, keys are one request for ever. `GET /_books` and `GET /_settlement` are not Stripe's: they are how a test reads
//! the truth, and how a shop in test mode gets a settlement file.

use super::books::{Books, NewPayment, Object, Outcome, Payment, PaymentState, Refusal};
use super::disputes::{BookedDispute, DisputeStatus, NewDispute, TO_ANSWER};
use super::faults::{Call, Fate, Faults, NoticeFate};
use super::wire::{self, Form};
use crate::kernel::{Clock, Currency, Error, MayFail, Result, Session, Time};
use crate::payments::processors::signature;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How to run the server.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    pub listen: std::net::SocketAddr,
    /// Where its books outlive the process; none keeps them in memory.
    pub journal: Option<PathBuf>,
    pub faults: Faults,
    /// Who is told what happens, and the secret that signs it.
    pub webhook: Option<(String, String)>,
    /// How long a call hangs whose fate is a time-out.
    pub hang: Duration,
}

struct Server {
    books: Mutex<Books>,
    calls: Mutex<u64>,
    settings: ServerSettings,
    clock: Arc<dyn Clock>,
    base_url: String,
    client: reqwest::Client,
}

type Reply = std::result::Result<Value, Refusal>;

/// Serves until the process is told to end.
pub async fn serve(settings: ServerSettings, clock: Arc<dyn Clock>) -> Result<()> {
    let cannot = |error: std::io::Error| Error::internal("the sandbox cannot listen").because(error);
    let listener = tokio::net::TcpListener::bind(settings.listen).await.map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    let router = router(settings, clock, format!("http://{address}"))?;
    tracing::info!(%address, "the sandbox processor listens");
    println!("sandbox listening on http://{address}");
    let end = async {
        tokio::signal::ctrl_c()
            .await
            .may_fail("without signals it runs until it is killed")
    };
    axum::serve(listener, router)
        .with_graceful_shutdown(end)
        .await
        .map_err(cannot)
}

/// The server as a router, for whoever brings a listener.
pub fn router(settings: ServerSettings, clock: Arc<dyn Clock>, base_url: String) -> Result<Router> {
    let books = settings
        .journal
        .as_deref()
        .map_or_else(|| Ok(Books::default()), Books::open)?;
    let client = crate::payments::processors::client(Duration::from_secs(10))?;
    let server = Server {
        books: Mutex::new(books),
        calls: Mutex::new(0),
        settings,
        clock,
        base_url,
        client,
    };
    Ok(Router::new()
        .route("/v1/payment_intents", post(create).get(list))
        .route("/v1/payment_intents/search", get(search))
        .route("/v1/payment_intents/{id}", get(retrieve))
        .route("/v1/payment_intents/{id}/confirm", post(confirm))
        .route("/v1/payment_intents/{id}/capture", post(capture))
        .route("/v1/payment_intents/{id}/cancel", post(cancel))
        .route("/v1/customers", post(customer))
        .route("/v1/payment_methods/{id}", get(retrieve_method))
        .route("/v1/payment_methods/{id}/detach", post(detach))
        .route("/v1/refunds", post(refund).get(refunds))
        .route("/v1/refunds/{id}", get(retrieve_refund))
        .route("/v1/disputes/{id}", get(retrieve_dispute).post(answer_dispute))
        .route("/v1/disputes/{id}/close", post(close_dispute))
        .route("/_disputes", post(act_at_the_bank))
        .route("/3ds/{id}", get(challenge_page).post(challenge_answer))
        .route("/_books", get(truth))
        .route("/_settlement", get(settlement))
        .with_state(Arc::new(server)))
}

impl Server {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Time {
        self.clock.wall()
    }

    /// A request that changes something: rights, form, fate, books, notice, answer.
    async fn change(
        self: &Arc<Self>,
        request: Request<'_>,
        act: impl FnOnce(&mut Books, &Form, Fate, Time) -> Outcome,
    ) -> Response {
        if let Some(refused) = refused_key(request.headers) {
            return refused;
        }
        let form = Form::read(request.body);
        if let Err(refusal) = form.only(request.known) {
            return self.answer(Err(refusal));
        }
        let key = request.headers.get("idempotency-key").and_then(|key| key.to_str().ok());
        let fate = self.fate(request.call, key.unwrap_or(&request.path));
        if matches!(fate, Fate::Lost | Fate::NotSent) {
            return self.hang().await;
        }
        let fingerprint = format!("{} {}", request.path, form.fingerprint());
        let now = self.now();
        let outcome = self
            .books()
            .once(key, fingerprint, |books| act(books, &form, fate, now));
        self.notify(&outcome, key);
        let expand = form.expands("latest_charge");
        let reply = outcome.map(|object| match &object {
            Object::Refund(refund, _) => wire::refund(refund),
            Object::Payment(payment) | Object::Capture(_, payment) => wire::payment(payment, &self.base_url, expand),
        });
        match fate {
            Fate::TimeoutThenOk | Fate::TimeoutThenDecline => self.hang().await,
            Fate::ErrorThenOk => server_error(),
            Fate::Garbage => (
                StatusCode::OK,
                [(header::CONTENT_TYPE, "application/json")],
                "<html>maintenance</html>",
            )
                .into_response(),
            Fate::WrongAmount => {
                self.answer(reply.map(|value| lie(value, "amount", |amount| json!(amount.as_i64().unwrap_or(0) + 1))))
            }
            Fate::WrongCurrency => self.answer(reply.map(|value| lie(value, "currency", |_| json!("xts")))),
            _ => self.answer(reply),
        }
    }

    /// A request about customers and their methods: it moves no money and is told to nobody.
    async fn settle(
        self: &Arc<Self>,
        headers: &HeaderMap,
        path: &str,
        body: &[u8],
        act: impl FnOnce(&mut Books, &Form, Time) -> Reply,
    ) -> Response {
        if let Some(refused) = refused_key(headers) {
            return refused;
        }
        let fate = self.fate(Call::Change, path);
        if matches!(fate, Fate::Lost | Fate::NotSent) {
            return self.hang().await;
        }
        let reply = act(&mut self.books(), &Form::read(body), self.now());
        match fate {
            Fate::TimeoutThenOk | Fate::TimeoutThenDecline => self.hang().await,
            Fate::ErrorThenOk => server_error(),
            Fate::Garbage => (StatusCode::OK, "<html>maintenance</html>").into_response(),
            _ => self.answer(reply),
        }
    }

    /// A request that only looks.
    async fn look(
        self: &Arc<Self>,
        headers: &HeaderMap,
        path: &str,
        query: Option<&str>,
        act: impl FnOnce(&Books, &Form, Time) -> Reply,
    ) -> Response {
        if let Some(refused) = refused_key(headers) {
            return refused;
        }
        let form = Form::read(query.unwrap_or_default().as_bytes());
        match self.fate(Call::Look, path) {
            Fate::Plain => {
                let reply = act(&self.books(), &form, self.now());
                self.answer(reply)
            }
            Fate::ErrorThenOk => server_error(),
            Fate::Garbage => (StatusCode::OK, "<html>maintenance</html>").into_response(),
            Fate::LookRefused => self.answer(Err(Refusal::invalid(
                "parameter_invalid",
                "This search is not available.",
            ))),
            _ => self.hang().await,
        }
    }

    fn fate(&self, call: Call, what: &str) -> Fate {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        *calls += 1;
        self.settings.faults.fate(call, what, *calls)
    }

    async fn hang(&self) -> Response {
        tokio::time::sleep(self.settings.hang).await;
        server_error()
    }

    fn answer(&self, reply: Reply) -> Response {
        match reply {
            Ok(value) => respond(StatusCode::OK, &value),
            Err(refusal) => respond(
                StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST),
                &wire::error(&refusal, &self.base_url),
            ),
        }
    }

    /// Tells the webhook what happened, in the way its fate has it.
    fn notify(self: &Arc<Self>, outcome: &Outcome, key: Option<&str>) {
        let (kind, object, about) = match outcome {
            Ok(Object::Refund(refund, _)) => ("refund.created", wire::refund(refund), refund.id.clone()),
            Ok(Object::Payment(payment) | Object::Capture(_, payment)) => (
                event_kind(payment),
                wire::payment(payment, &self.base_url, false),
                payment.id.clone(),
            ),
            Err(Refusal {
                payment: Some(payment),
                kind,
                ..
            }) if kind == "card_error" => (
                "payment_intent.payment_failed",
                wire::payment(payment, &self.base_url, false),
                payment.id.clone(),
            ),
            Err(_) => return,
        };
        let id = format!("evt_{about}_{:016x}", super::faults::hash(key.unwrap_or(kind)));
        self.tell(&id, kind, &object);
    }

    /// Tells the webhook of a step of a dispute.
    fn notify_dispute(self: &Arc<Self>, dispute: &BookedDispute, payment: &Payment) {
        let kind = match dispute.status {
            DisputeStatus::WarningNeedsResponse | DisputeStatus::NeedsResponse => "charge.dispute.created",
            DisputeStatus::UnderReview => "charge.dispute.updated",
            DisputeStatus::WarningClosed | DisputeStatus::Won | DisputeStatus::Lost => "charge.dispute.closed",
        };
        let id = format!("evt_{}_{}_{}", dispute.id, dispute.round, dispute.status.name());
        self.tell(&id, kind, &wire::dispute(dispute, payment, &self.base_url, false));
    }

    /// A request about a dispute: rights, form, fate, books, notice, answer.
    async fn disputed(
        self: &Arc<Self>,
        headers: &HeaderMap,
        path: &str,
        body: &[u8],
        act: impl FnOnce(&mut Books, &Form, &str, Time) -> std::result::Result<(BookedDispute, bool), Refusal>,
    ) -> Response {
        if let Some(refused) = refused_key(headers) {
            return refused;
        }
        let key = headers
            .get("idempotency-key")
            .and_then(|key| key.to_str().ok())
            .unwrap_or_default();
        let fate = self.fate(Call::Change, if key.is_empty() { path } else { key });
        if matches!(fate, Fate::Lost | Fate::NotSent) {
            return self.hang().await;
        }
        let form = Form::read(body);
        let now = self.now();
        let done = {
            let mut books = self.books();
            books.pass_due_dates(now);
            act(&mut books, &form, key, now).and_then(|(dispute, changed)| {
                let payment = books.look(&dispute.payment, now)?;
                Ok((dispute, payment, changed))
            })
        };
        if let Ok((dispute, payment, true)) = &done {
            self.notify_dispute(dispute, payment);
        }
        let expand = form.expands("payment_intent");
        let reply = done.map(|(dispute, payment, _)| wire::dispute(&dispute, &payment, &self.base_url, expand));
        match fate {
            Fate::TimeoutThenOk | Fate::TimeoutThenDecline => self.hang().await,
            Fate::ErrorThenOk => server_error(),
            Fate::Garbage => (StatusCode::OK, "<html>maintenance</html>").into_response(),
            _ => self.answer(reply),
        }
    }

    /// Tells the webhook of an event, in the way its fate has it.
    fn tell(self: &Arc<Self>, id: &str, kind: &str, object: &Value) {
        let Some((url, secret)) = self.settings.webhook.clone() else {
            return;
        };
        let created = self.now().unix_seconds();
        let event = json!({ "id": id, "object": "event", "type": kind, "created": created, "livemode": false, "data": { "object": object } });
        let delays: &[u64] = match self.settings.faults.notice(id) {
            NoticeFate::Never => &[],
            NoticeFate::Early => &[0],
            NoticeFate::Plain => &[30],
            NoticeFate::Duplicate => &[30, 60],
            NoticeFate::Late => &[20_000],
        };
        for delay in delays {
            let (server, url, secret, body, delay) =
                (self.clone(), url.clone(), secret.clone(), event.to_string(), *delay);
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(delay)).await;
                server.deliver(&url, &secret, body).await;
            });
        }
    }

    /// Three tries, as the receiver may be starting; real providers try for days.
    async fn deliver(&self, url: &str, secret: &str, body: String) {
        for wait in [1, 5, 0] {
            let stamp = signature::sign(secret, self.now().unix_seconds(), body.as_bytes());
            let sent = self
                .client
                .post(url)
                .header("stripe-signature", stamp)
                .header("content-type", "application/json")
                .body(body.clone())
                .send()
                .await;
            match sent {
                Ok(answer) if answer.status().is_success() => return,
                Ok(answer) => tracing::debug!(status = %answer.status(), "the webhook was not taken"),
                Err(error) => tracing::debug!(%error, "the webhook could not be sent"),
            }
            tokio::time::sleep(Duration::from_secs(wait)).await;
        }
    }
}

fn event_kind(payment: &Payment) -> &'static str {
    match payment.state {
        PaymentState::RequiresPaymentMethod if payment.decline.is_some() => "payment_intent.payment_failed",
        PaymentState::RequiresPaymentMethod | PaymentState::RequiresConfirmation => "payment_intent.created",
        PaymentState::RequiresAction => "payment_intent.requires_action",
        PaymentState::RequiresCapture => "payment_intent.amount_capturable_updated",
        PaymentState::Succeeded => "payment_intent.succeeded",
        PaymentState::Canceled => "payment_intent.canceled",
    }
}

/// What a change needs to know of its request.
struct Request<'a> {
    headers: &'a HeaderMap,
    path: String,
    body: &'a [u8],
    /// The parameters this endpoint knows.
    known: &'a [&'a str],
    call: Call,
}

type Shared = State<Arc<Server>>;

const CREATE: &[&str] = &[
    "amount",
    "currency",
    "capture_method",
    "confirm",
    "payment_method",
    "payment_method_types",
    "payment_method_options",
    "automatic_payment_methods",
    "metadata",
    "return_url",
    "description",
    "off_session",
    "customer",
    "setup_future_usage",
];

async fn create(State(server): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let request = Request {
        headers: &headers,
        path: "/v1/payment_intents".into(),
        body: &body,
        known: CREATE,
        call: Call::Authorize,
    };
    server
        .change(request, |books, form, fate, now| {
            let new = new_payment(form)?;
            if fate == Fate::TimeoutThenDecline {
                books.decline_new(new, now)
            } else {
                books.create(new, now)
            }
        })
        .await
}

fn new_payment(form: &Form) -> std::result::Result<NewPayment, Refusal> {
    let amount = form
        .integer("amount")?
        .ok_or_else(|| Refusal::invalid("parameter_missing", "Missing required param: amount."))?;
    let currency: Currency = form
        .text("currency")
        .to_uppercase()
        .parse()
        .map_err(|_| Refusal::invalid("invalid_currency", "Invalid currency."))?;
    if form.flag("off_session") && !form.flag("confirm") {
        let message = "The parameter off_session can only be used when confirm is true.";
        return Err(Refusal::invalid("parameter_invalid", message));
    }
    let automatic = match form.get("capture_method") {
        Some("manual") => false,
        None | Some("automatic" | "automatic_async") => true,
        Some(_) => return Err(Refusal::invalid("parameter_invalid", "Invalid capture_method.")),
    };
    Ok(NewPayment {
        amount,
        currency,
        automatic,
        method: form.text("payment_method"),
        confirm: form.flag("confirm"),
        metadata: form.metadata(),
        return_url: form.text("return_url"),
        description: form.text("description"),
        session: session(form),
        customer: form.text("customer"),
        keep: match form.get("setup_future_usage") {
            None => false,
            Some("on_session" | "off_session") => true,
            Some(_) => return Err(Refusal::invalid("parameter_invalid", "Invalid setup_future_usage.")),
        },
    })
}

/// `off_session`: nobody is there.
fn session(form: &Form) -> Session {
    if form.flag("off_session") {
        Session::Nobody
    } else {
        Session::Buyer
    }
}

async fn confirm(State(server): Shared, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let known = &["payment_method", "return_url", "off_session"];
    let request = Request {
        headers: &headers,
        path: format!("/v1/payment_intents/{id}/confirm"),
        body: &body,
        known,
        call: Call::Authorize,
    };
    server
        .change(request, |books, form, _, now| {
            let (method, back) = (form.text("payment_method"), form.text("return_url"));
            books.confirm(&id, &method, &back, session(form), now)
        })
        .await
}

async fn capture(State(server): Shared, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let known = &["amount_to_capture", "final_capture", "metadata"];
    let request = Request {
        headers: &headers,
        path: format!("/v1/payment_intents/{id}/capture"),
        body: &body,
        known,
        call: Call::Capture,
    };
    server
        .change(request, |books, form, fate, now| {
            let last = form.get("final_capture") != Some("false");
            let amount = form.integer("amount_to_capture")?;
            match fate {
                Fate::CaptureAfterExpiry => books.lapse(&id, now),
                Fate::CaptureRefused => Err(Refusal::today()),
                _ => books.capture(&id, amount, last, &form.metadata(), now),
            }
        })
        .await
}

async fn cancel(State(server): Shared, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let known = &["cancellation_reason"];
    let request = Request {
        headers: &headers,
        path: format!("/v1/payment_intents/{id}/cancel"),
        body: &body,
        known,
        call: Call::Change,
    };
    server.change(request, |books, _, _, now| books.cancel(&id, now)).await
}

async fn refund(State(server): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let known = &["payment_intent", "amount", "metadata", "reason"];
    let request = Request {
        headers: &headers,
        path: "/v1/refunds".into(),
        body: &body,
        known,
        call: Call::Refund,
    };
    server
        .change(request, |books, form, fate, now| {
            if fate == Fate::RefundRefused {
                return Err(Refusal::kept());
            }
            books.refund(
                &form.text("payment_intent"),
                form.integer("amount")?,
                form.metadata(),
                now,
            )
        })
        .await
}

/// Whoever cards are kept for.
async fn customer(State(server): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok());
    let make = |books: &mut Books, form: &Form, now| {
        form.only(&["metadata", "description"])?;
        books
            .customer(key.unwrap_or_default(), form.metadata(), now)
            .map(|made| wire::customer(&made))
    };
    server.settle(&headers, "/v1/customers", &body, make).await
}

/// A method that was kept, taken from its customer: it is of no use any more.
async fn detach(State(server): Shared, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let take = |books: &mut Books, form: &Form, _| {
        form.only(&[])?;
        books.detach(&id).map(|method| wire::method(&method))
    };
    let path = format!("/v1/payment_methods/{id}/detach");
    server.settle(&headers, &path, &body, take).await
}

async fn retrieve_method(
    State(server): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let find = |books: &Books, _: &Form, _| {
        let missing = || Refusal {
            status: 404,
            ..Refusal::invalid("resource_missing", format!("No such PaymentMethod: '{id}'"))
        };
        books.method(&id).map(wire::method).ok_or_else(missing)
    };
    server
        .look(&headers, "/v1/payment_methods", query.as_deref(), find)
        .await
}

async fn retrieve(
    State(server): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let base_url = server.base_url.clone();
    let path = format!("/v1/payment_intents/{id}");
    let find = |books: &Books, form: &Form, now| {
        let found = books.look(&id, now)?;
        let mut shown = wire::payment(&found, &base_url, form.expands("latest_charge"));
        if let Some(method) = books.method(found.method()).filter(|_| form.expands("payment_method")) {
            shown["payment_method"] = wire::method(method);
        }
        Ok(shown)
    };
    server.look(&headers, &path, query.as_deref(), find).await
}

async fn list(State(server): Shared, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let base_url = server.base_url.clone();
    let find = |books: &Books, form: &Form, now| {
        form.only(&["limit", "starting_after", "created"])?;
        let (limit, after) = page(form)?;
        let (since, expand) = (since(form)?, form.expands("data.latest_charge"));
        let newer = |payment: &&Payment| after.is_some_and(|after| payment.id.as_str() >= after);
        let rows: Vec<Value> = books
            .payments()
            .skip_while(newer)
            .filter(|found| found.created_at.unix_seconds() >= since)
            .take(limit + 1)
            .map(|found| wire::payment(&books.look(&found.id, now).unwrap_or(found.clone()), &base_url, expand))
            .collect();
        Ok(listed("list", "/v1/payment_intents", rows, limit))
    };
    server
        .look(&headers, "/v1/payment_intents", query.as_deref(), find)
        .await
}

/// Knows one question: `metadata['reference']:'…'`. Others are refused rather than answered wrongly.
async fn search(State(server): Shared, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let base_url = server.base_url.clone();
    let find = |books: &Books, form: &Form, now| {
        form.only(&["query", "limit"])?;
        let question = form.text("query");
        let reference = question
            .strip_prefix("metadata['reference']:'")
            .or_else(|| question.strip_prefix("metadata[\"reference\"]:\""));
        let reference = reference.map(|rest| rest.trim_end_matches(['\'', '"']));
        let Some(reference) = reference else {
            return Err(Refusal::invalid(
                "search_query_invalid",
                "Only metadata['reference']:'…' is known here.",
            ));
        };
        let expand = form.expands("data.latest_charge");
        let rows = books
            .find(reference, now)
            .map(|found| wire::payment(&found, &base_url, expand))
            .into_iter()
            .collect();
        Ok(listed("search_result", "/v1/payment_intents/search", rows, 100))
    };
    server
        .look(&headers, "/v1/payment_intents/search", query.as_deref(), find)
        .await
}

async fn retrieve_refund(
    State(server): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let find = |books: &Books, _: &Form, _| {
        let missing = || Refusal {
            status: 404,
            ..Refusal::invalid("resource_missing", format!("No such refund: '{id}'"))
        };
        books.refund_by_id(&id).map(wire::refund).ok_or_else(missing)
    };
    server.look(&headers, "/v1/refunds", query.as_deref(), find).await
}

async fn refunds(State(server): Shared, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let find = |books: &Books, form: &Form, _| {
        form.only(&["limit", "starting_after", "payment_intent", "created"])?;
        let (limit, after) = page(form)?;
        let (of, since) = (form.get("payment_intent"), since(form)?);
        let mine = books
            .refunds()
            .filter(|refund| of.is_none_or(|of| refund.payment == of) && refund.created_at.unix_seconds() >= since);
        let rows = mine
            .skip_while(|refund| after.is_some_and(|after| refund.id.as_str() >= after))
            .take(limit + 1)
            .map(wire::refund)
            .collect();
        Ok(listed("list", "/v1/refunds", rows, limit))
    };
    server.look(&headers, "/v1/refunds", query.as_deref(), find).await
}

async fn retrieve_dispute(
    State(server): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let base_url = server.base_url.clone();
    let now = server.now();
    server.books().pass_due_dates(now);
    let find = |books: &Books, form: &Form, now| {
        let missing = || Refusal {
            status: 404,
            ..Refusal::invalid("resource_missing", format!("No such dispute: '{id}'"))
        };
        let found = books.dispute(&id).ok_or_else(missing)?;
        let payment = books.look(&found.payment, now)?;
        Ok(wire::dispute(
            found,
            &payment,
            &base_url,
            form.expands("payment_intent"),
        ))
    };
    server.look(&headers, "/v1/disputes", query.as_deref(), find).await
}

/// Evidence, once: what is only staged (`submit` is not true) is refused here rather than kept.
async fn answer_dispute(State(server): Shared, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let act = |books: &mut Books, form: &Form, key: &str, now| {
        form.only(&["evidence", "submit", "metadata"])?;
        if !form.flag("submit") {
            return Err(Refusal::invalid(
                "parameter_missing",
                "Evidence is only taken with submit here.",
            ));
        }
        books.once_of_dispute(key, &id, |books| {
            books.answer_dispute(&id, form.nested("evidence"), now)
        })
    };
    server
        .disputed(&headers, &format!("/v1/disputes/{id}"), &body, act)
        .await
}

async fn close_dispute(State(server): Shared, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let act = |books: &mut Books, form: &Form, key: &str, _| {
        form.only(&[])?;
        books.once_of_dispute(key, &id, |books| books.close_dispute(&id))
    };
    server
        .disputed(&headers, &format!("/v1/disputes/{id}/close"), &body, act)
        .await
}

/// Not Stripe's: what a buyer and their bank do. `act` is `open` (of a `payment_intent`), `ask` (the same, as an inquiry), `escalate`, `win` or `lose`
/// (of a `dispute`).
async fn act_at_the_bank(State(server): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let act = |books: &mut Books, form: &Form, _: &str, now| {
        form.only(&["act", "payment_intent", "dispute", "amount", "reason"])?;
        let id = form.text("dispute");
        let dispute = match form.text("act").as_str() {
            kind @ ("open" | "ask") => books.open_dispute(
                &NewDispute {
                    payment: form.text("payment_intent"),
                    amount: form.integer("amount")?,
                    reason: form.get("reason").unwrap_or("fraudulent").to_owned(),
                    inquiry: kind == "ask",
                    to_answer: TO_ANSWER,
                },
                now,
            )?,
            "escalate" => books.escalate_dispute(&id, now)?,
            "win" => books.decide_dispute(&id, true)?,
            "lose" => books.decide_dispute(&id, false)?,
            _ => return Err(Refusal::invalid("parameter_invalid", "Invalid act.")),
        };
        Ok((dispute, true))
    };
    server.disputed(&headers, "/_disputes", &body, act).await
}

/// `created[gte]`: nothing older is asked for.
fn since(form: &Form) -> std::result::Result<i64, Refusal> {
    Ok(form.integer("created[gte]")?.unwrap_or(i64::MIN))
}

fn page(form: &Form) -> std::result::Result<(usize, Option<&str>), Refusal> {
    let limit = form.integer("limit")?.unwrap_or(10).clamp(1, 100);
    Ok((usize::try_from(limit).unwrap_or(10), form.get("starting_after")))
}

fn listed(object: &str, url: &str, mut rows: Vec<Value>, limit: usize) -> Value {
    let more = rows.len() > limit;
    rows.truncate(limit);
    json!({ "object": object, "url": url, "has_more": more, "data": rows })
}

/// The pretended bank's page: the smallest one that works.
async fn challenge_page(State(server): Shared, Path(id): Path<String>) -> Response {
    let books = server.books();
    let Some(payment) = books.payment(&id) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let (amount, currency) = (payment.amount, payment.currency);
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Sandbox bank</title><h1>Is this payment yours?</h1><p>{amount} {currency} (minor units)</p>\
         <form method=\"post\"><button name=\"answer\" value=\"approve\">Approve</button> <button name=\"answer\" value=\"fail\">Fail</button></form></html>"
    ))
    .into_response()
}

async fn challenge_answer(State(server): Shared, Path(id): Path<String>, body: Bytes) -> Response {
    let approved = Form::read(&body).get("answer") == Some("approve");
    let now = server.now();
    let Some(payment) = server.books().answer_challenge(&id, approved, now) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    server.notify(&Ok(Object::Payment(payment.clone())), Some("challenge"));
    if payment.return_url.is_empty() {
        StatusCode::NO_CONTENT.into_response()
    } else {
        Redirect::to(&payment.return_url).into_response()
    }
}

/// The ground truth: every payment, refund and dispute.
async fn truth(State(server): Shared) -> Response {
    let books = server.books();
    let payments: Vec<&Payment> = books.payments().collect();
    let refunds: Vec<_> = books.refunds().collect();
    let disputes: Vec<_> = books.disputes().collect();
    respond(
        StatusCode::OK,
        &json!({ "payments": payments, "refunds": refunds, "disputes": disputes }),
    )
}

/// What would be in Stripe's payout reconciliation report, as if everything were paid out today.
async fn settlement(State(server): Shared) -> Response {
    let report = super::settlement::settlement_report(&server.books(), server.now(), |_| true);
    ([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], report).into_response()
}

/// Any test key will do; none will not, and a live one belongs elsewhere.
fn refused_key(headers: &HeaderMap) -> Option<Response> {
    let key = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    if key.is_some_and(|key| key.starts_with("sk_test_")) {
        return None;
    }
    let message = "You did not provide a test API key: Authorization: Bearer sk_test_…";
    Some(respond(
        StatusCode::UNAUTHORIZED,
        &json!({ "error": { "type": "invalid_request_error", "message": message } }),
    ))
}

fn server_error() -> Response {
    respond(
        StatusCode::INTERNAL_SERVER_ERROR,
        &json!({ "error": { "type": "api_error", "message": "Something went wrong." } }),
    )
}

fn lie(mut value: Value, field: &str, change: impl Fn(&Value) -> Value) -> Value {
    value[field] = change(&value[field]);
    value
}

fn respond(status: StatusCode, value: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}
