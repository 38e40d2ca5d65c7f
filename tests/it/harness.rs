//! A world for one story: a real server on a free port with its own data folder or its own PostgreSQL database, a clock that can be moved, a
//! mailbox, and a small HTTP client.

#[path = "../template.rs"]
mod template;

use axum::body::{Body, BodyDataStream, Bytes, to_bytes};
use futures_util::StreamExt;
use hawker::app::App;
use hawker::config::Config;
use hawker::db::{self, LaneKey, SystemClock, SystemRandom};
use hawker::identity::{self, CreateShop, Door, KeyKind, NewKey, NewPerson, NewShop, Role};
use hawker::kernel::{Clock, Currency, Id, Mail, MailError, Mailer, PartyId, Random, ShopId, StaffId, Time};
use hawker::open::{Ports, Use, open};
use hawker::server;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A running server and everything around it.
pub struct World {
    pub app: App,
    pub clock: Arc<MovableClock>,
    pub mailbox: Arc<Mailbox>,
    pub config: Config,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
    folder: Arc<TempDir>,
    _database: Option<Arc<OwnDatabase>>,
}

/// A shop of a story.
#[derive(Clone, Debug)]
pub struct TestShop {
    pub id: ShopId,
    pub slug: String,
    pub owner: StaffId,
    pub owner_email: String,
    pub publishable_key: String,
}

impl World {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts with other settings.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let database = match engine().as_str() {
            "postgres" => Some(Arc::new(OwnDatabase::create().await)),
            _ => None,
        };
        let mut config = Config {
            data: folder.path().join("data"),
            headroom_mb: 0,
            lanes: Some(4),
            ..Config::default()
        };
        config.database = database
            .as_ref()
            .map_or_else(String::new, |database| database.url.clone());
        if database.is_none() {
            template::lay_down(&config.data);
        }
        change(&mut config);
        Self::run(config, folder, database).await
    }

    async fn run(mut config: Config, folder: Arc<TempDir>, database: Option<Arc<OwnDatabase>>) -> Self {
        let listener = server::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        config.base_url = format!("http://{address}");
        let clock = Arc::new(MovableClock::default());
        let mailbox = Arc::new(Mailbox::default());
        let ports = Ports {
            clock: clock.clone(),
            mailer: mailbox.clone(),
            ..Ports::usual(&config).unwrap()
        };
        let opened = config.clone();
        let app = tokio::task::spawn_blocking(move || open(&opened, ports, Use::Alone).unwrap())
            .await
            .unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = app.clone();
        let server = tokio::spawn(async move {
            server::serve(serving, listener, async move { drop(stopped.await) })
                .await
                .unwrap();
        });
        Self {
            app,
            clock,
            mailbox,
            config,
            address,
            stop: Some(stop),
            server: Some(server),
            folder,
            _database: database,
        }
    }

    /// Ends the server in good order and starts it again on the same data.
    pub async fn restart(mut self) -> Self {
        let (config, folder, database) = (self.config.clone(), self.folder.clone(), self._database.clone());
        self.end().await;
        drop(self);
        Self::run(config, folder, database).await
    }

    /// Ends the server in good order.
    pub async fn end(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).ok();
        }
        if let Some(server) = self.server.take() {
            server.await.unwrap();
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn is_sqlite(&self) -> bool {
        self.config.database.is_empty()
    }

    pub async fn shop(&self, name: &str) -> TestShop {
        make_shop(&self.app, name).await
    }

    /// Adds someone with this role.
    pub async fn person(&self, shop: &TestShop, role: Role) -> (StaffId, String) {
        let (id, email) = (shop.id, format!("{}@{}.example", role.name(), shop.slug));
        let party = (role == Role::Partner).then(|| self.app.random.id::<PartyId>(self.app.clock.wall()));
        let new = NewPerson {
            email: email.clone(),
            name: format!("The {}", role.name()),
            role,
            party,
        };
        let added = self
            .app
            .db
            .write(LaneKey(0), move |tx| {
                let staff = tx.id();
                identity::add_person(tx, id, staff, new.clone())
            })
            .await
            .unwrap();
        match added {
            identity::AddPerson::Added(person) => (person.id, email),
            identity::AddPerson::AlreadyHere(person) => (person.id, email),
        }
    }

    /// A secret key with these scopes.
    pub async fn secret_key(&self, shop: &TestShop, scopes: &[&str]) -> String {
        make_secret_key(&self.app, shop, scopes).await
    }

    /// A sign-in link's token, as the mail would carry it.
    pub async fn link(&self, shop: &TestShop, email: &str, door: Door) -> String {
        let (id, email) = (shop.id, email.to_owned());
        let links = self
            .app
            .db
            .write(LaneKey(0), move |tx| identity::link_for(tx, Some(id), &email, door))
            .await
            .unwrap();
        links
            .first()
            .expect("someone with this address works here")
            .token
            .clone()
    }

    /// Signs in through the door, as a browser does.
    pub async fn sign_in(&self, shop: &TestShop, email: &str) -> Client {
        let token = self.link(shop, email, Door::Mailed).await;
        let answer = self.browser().form(&format!("/studio/sign-in/{token}"), &[]).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        let cookie = answer
            .header("set-cookie")
            .expect("signing in sets a cookie")
            .split(';')
            .next()
            .unwrap()
            .to_owned();
        self.browser().with("cookie", &cookie)
    }

    /// Nobody in particular.
    pub fn client(&self) -> Client {
        Client::of(self.address)
    }

    /// As a browser on our own page.
    pub fn browser(&self) -> Client {
        self.client()
            .with("sec-fetch-site", "same-origin")
            .with("accept", "text/html")
    }

    pub fn with_key(&self, key: &str) -> Client {
        self.client().with("authorization", &format!("Bearer {key}"))
    }
}

/// A new shop in an open database.
pub async fn make_shop(app: &App, name: &str) -> TestShop {
    let owner_email = format!("owner@{}.example", identity::slug_of(name));
    let new = NewShop {
        name: name.to_owned(),
        slug: String::new(),
        currency: Currency::EUR,
        country: "DE".into(),
        language: "en".into(),
        owner_name: format!("Owner of {name}"),
        owner_email: owner_email.clone(),
        test_mode: true,
    };
    let made = app
        .db
        .write(LaneKey(0), move |tx| identity::create_shop(tx, new.clone()))
        .await
        .unwrap();
    match made {
        CreateShop::Created {
            shop,
            slug,
            owner,
            publishable_key,
        } => TestShop {
            id: shop,
            slug,
            owner,
            owner_email,
            publishable_key,
        },
        CreateShop::SlugTaken { slug } => panic!("{slug} is taken"),
    }
}

/// A secret key with these scopes.
pub async fn make_secret_key(app: &App, shop: &TestShop, scopes: &[&str]) -> String {
    let id = shop.id;
    let new = NewKey {
        kind: KeyKind::Secret,
        name: "Story".into(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
    };
    app.db
        .write(LaneKey(0), move |tx| identity::make_key(tx, id, new.clone()))
        .await
        .unwrap()
        .secret
}

/// The engine under test: `sqlite`, or `postgres` with the address in `HAWKER_TEST_POSTGRES`.
pub fn engine() -> String {
    std::env::var("HAWKER_TEST_ENGINE").unwrap_or_else(|_| "sqlite".into())
}

/// A database that exists for one story.
pub struct OwnDatabase {
    admin: String,
    name: String,
    pub url: String,
}

impl OwnDatabase {
    pub async fn create() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let admin = std::env::var("HAWKER_TEST_POSTGRES").expect("HAWKER_TEST_POSTGRES names the cluster");
        let name = format!(
            "hawker_it_{}_{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let made = Self {
            url: template::beside(&admin, &name),
            name: name.clone(),
            admin: admin.clone(),
        };
        tokio::task::spawn_blocking(move || template::create(&admin, &name))
            .await
            .unwrap();
        made
    }
}

impl Drop for OwnDatabase {
    fn drop(&mut self) {
        let (admin, statement) = (
            self.admin.clone(),
            format!("drop database if exists {} with (force)", self.name),
        );
        drop(std::thread::spawn(move || administer(&admin, &statement)).join());
    }
}

fn administer(admin: &str, statement: &str) {
    postgres::Client::connect(admin, postgres::NoTls)
        .unwrap()
        .batch_execute(statement)
        .unwrap();
}

/// The machine's clock, ahead by what a story says.
#[derive(Default)]
pub struct MovableClock {
    machine: SystemClock,
    ahead_seconds: AtomicI64,
}

impl MovableClock {
    pub fn advance(&self, seconds: i64) {
        self.ahead_seconds.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for MovableClock {
    fn wall(&self) -> Time {
        Time(self.machine.wall().0 + self.ahead_seconds.load(Ordering::SeqCst) * 1_000_000)
    }
    fn monotonic(&self) -> Duration {
        self.machine.monotonic() + Duration::from_secs(self.ahead_seconds.load(Ordering::SeqCst).unsigned_abs())
    }
}

/// Keeps what would have been sent.
#[derive(Default)]
pub struct Mailbox {
    letters: Mutex<Vec<Mail>>,
    arrived: tokio::sync::Notify,
}

impl Mailbox {
    /// Waits for the next letter to this address and takes it out.
    pub async fn letter_to(&self, address: &str) -> Mail {
        let wait = async {
            loop {
                let arrived = self.arrived.notified();
                {
                    let mut letters = self.letters.lock().unwrap();
                    if let Some(index) = letters.iter().position(|mail| mail.to == address) {
                        return letters.remove(index);
                    }
                }
                arrived.await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait)
            .await
            .expect("a letter arrives")
    }

    pub fn count(&self) -> usize {
        self.letters.lock().unwrap().len()
    }
}

impl Mailer for Mailbox {
    fn send(&self, mail: &Mail) -> Result<(), MailError> {
        self.letters.lock().unwrap().push(mail.clone());
        self.arrived.notify_one();
        Ok(())
    }
}

/// Sends requests with fixed headers, one connection each.
#[derive(Clone, Debug)]
pub struct Client {
    address: SocketAddr,
    headers: HeaderMap,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Client {
    /// Nobody in particular, at this address.
    pub fn of(address: SocketAddr) -> Self {
        Self {
            address,
            headers: HeaderMap::new(),
        }
    }

    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers
            .insert(HeaderName::from_static(name), HeaderValue::try_from(value).unwrap());
        self
    }

    #[must_use]
    pub fn without(mut self, name: &'static str) -> Self {
        self.headers.remove(name);
        self
    }

    /// What it sends under this name; empty without it.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, Bytes::new()).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None, Bytes::new()).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.json(Method::POST, path, body).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.json(Method::PATCH, path, body).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.json(Method::PUT, path, body).await
    }

    pub async fn json(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.send(method, path, Some("application/json"), Bytes::from(body.to_string()))
            .await
    }

    /// As a page's form sends it; values are plain words.
    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let text = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", value.replace('@', "%40").replace(' ', "+")))
            .collect::<Vec<_>>()
            .join("&");
        self.send(
            Method::POST,
            path,
            Some("application/x-www-form-urlencoded"),
            Bytes::from(text),
        )
        .await
    }

    pub async fn send(&self, method: Method, path: &str, content_type: Option<&str>, body: Bytes) -> Answer {
        self.try_send(method, path, content_type, body).await.unwrap()
    }

    /// As [`Client::send`], for a server that may die meanwhile: an answer counts when all of it has arrived.
    pub async fn try_send(
        &self,
        method: Method,
        path: &str,
        content_type: Option<&str>,
        body: Bytes,
    ) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
        let (parts, body) = self.begin(method, path, content_type, body).await?.into_parts();
        Ok(Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: to_bytes(Body::new(body), 64 << 20).await?,
        })
    }

    /// Opens a stream of server-sent events.
    pub async fn follow(&self, path: &str) -> Events {
        let response = self.begin(Method::GET, path, None, Bytes::new()).await.unwrap();
        assert_eq!(response.status().as_u16(), 200, "{path}");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Events {
            body: Body::new(response.into_body()).into_data_stream(),
            text: String::new(),
        }
    }

    async fn begin(
        &self,
        method: Method,
        path: &str,
        content_type: Option<&str>,
        body: Bytes,
    ) -> Result<hyper::Response<hyper::body::Incoming>, Box<dyn std::error::Error + Send + Sync>> {
        let stream = TcpStream::connect(self.address).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.address.to_string());
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(kind) = content_type {
            request = request.header("content-type", kind);
        }
        Ok(sender.send_request(request.body(Body::from(body))?).await?)
    }
}

/// An open stream of events.
pub struct Events {
    body: BodyDataStream,
    text: String,
}

/// One event.
#[derive(Debug)]
pub struct Heard {
    pub id: String,
    pub data: Value,
}

impl Events {
    /// The next event; none when the server ended the stream. Two seconds are all a viewer waits (D17).
    pub async fn next(&mut self) -> Option<Heard> {
        let next = async {
            loop {
                if let Some((event, rest)) = self.text.split_once("\n\n") {
                    let field = |name| event.lines().find_map(|line| line.strip_prefix(name));
                    let heard = field("data: ").map(|data| Heard {
                        id: field("id: ").unwrap_or("").to_owned(),
                        data: serde_json::from_str(data).unwrap(),
                    });
                    self.text = rest.to_owned();
                    match heard {
                        Some(heard) => return Some(heard),
                        None => continue, // A sign of life.
                    }
                }
                let part = self.body.next().await?.unwrap();
                self.text.push_str(std::str::from_utf8(&part).unwrap());
            }
        };
        tokio::time::timeout(Duration::from_secs(2), next)
            .await
            .expect("an event, or the end, within two seconds")
    }
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
    /// Status and problem code, for comparing.
    pub fn refusal(&self) -> (u16, String) {
        (self.status, self.value()["code"].as_str().unwrap_or("").to_owned())
    }
}

/// Ids that nobody has, for asking about what does not exist.
pub fn nobody<T: Id>() -> T {
    let random: &dyn Random = &SystemRandom::default();
    random.id(Time(1_700_000_000_000_000))
}
