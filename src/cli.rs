//! The command line: what it says, and which verb each command calls.

use crate::config::{Config, LogFormat};
use crate::drops::api::DropArchiveOut;
use crate::identity::{self, CreateShop, Door, NewShop};
use crate::kernel::{Clock, Currency, Error, Result, Time};
use crate::ledger::{self, Verdict};
use crate::open::{Ports, Use, claim_the_sandbox, open};
use crate::payments::sandbox::{Faults, ServerSettings};
use crate::payments::settlement_files;
use crate::{bench, checkout, db, demo, drops, erasure, payments, preorders, routes, server};
use clap::{Args, Parser, Subcommand};
use std::path::{Path, PathBuf};
use tracing_subscriber::EnvFilter;

/// Short video into reliable revenue: one program, one data folder.
///
/// Start with `hawker init` (an empty shop of your own), then `hawker serve`. Everything can be set in one file (--config), in the environment (HAWKER_…),
/// or here; the later wins.
#[derive(Parser)]
#[command(name = "hawker", version, max_term_width = 120)]
pub struct Cli {
    /// Configuration file (TOML). See docs/operating.md for all names.
    #[arg(long, global = true, env = "HAWKER_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the databases and of uploaded media [default: hawker-data]
    #[arg(long, global = true, value_name = "FOLDER")]
    data: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve shops, players, the studio and the API until Ctrl-C or SIGTERM.
    Serve(ServeArgs),
    /// Start a shop with real content and sandbox money, and print where to look. A second run reuses its data.
    Demo(DemoArgs),
    /// Make an empty shop of your own and print a link to its studio.
    Init(InitArgs),
    /// Print a link that signs someone in once, within 24 hours. Works beside a running server.
    SignInLink(LinkArgs),
    /// Copy everything into a new folder, consistently, while the server goes on selling.
    Backup {
        /// A folder that does not exist yet.
        to: PathBuf,
    },
    /// Put a backup into a new data folder (--data). Money stays frozen until it was compared with the processors' books.
    Restore {
        /// The folder of the backup.
        from: PathBuf,
        /// Erase again who was erased since: what `hawker erasures export` wrote.
        #[arg(long, value_name = "FILE")]
        erasures: Option<PathBuf>,
    },
    /// After a restore: compare with the processors' books, write down what they know, and let money move again.
    Reconcile(ReconcileArgs),
    /// Say how much follows from what happened and was not done yet. Works beside a running server.
    Facts {
        /// Take again what was set aside after many failures.
        #[arg(long)]
        again: bool,
    },
    /// Check a backup against its manifest; without a folder, check the data folder's database and the ledger's chain.
    Verify {
        /// The folder of the backup.
        backup: Option<PathBuf>,
    },
    /// Print the API's description (OpenAPI 3.1).
    Openapi,
    /// Write a shop's ledger as a journal for hledger, ledger or beancount. Works beside a running server.
    Export(ExportArgs),
    /// Import a processor's report of what it settled, and compare it line by line. Works beside a running server.
    #[command(subcommand)]
    Settlement(Settlement),
    /// Who was erased: a list without names, to keep beside the backups and to read into one that was restored. Works beside a running server.
    #[command(subcommand)]
    Erasures(Erasures),
    /// Print the data map: every column that can hold something about a person, what for, and until when.
    DataMap,
    /// The archives of drops: everything that was done in one, held together by hashes.
    #[command(subcommand)]
    Drops(Drops),
    /// Serve the strict sandbox processor: Stripe's wire format, its own books, faults from a seed.
    Sandbox(SandboxArgs),
    /// Measure this program on this machine, beside a bare loop in the same run.
    #[command(subcommand)]
    Bench(Bench),
}

#[derive(Subcommand)]
enum Settlement {
    /// Stripe's payout reconciliation report (itemized) or Adyen's settlement details report, as CSV.
    Import(SettlementArgs),
}

#[derive(Subcommand)]
enum Erasures {
    /// Write the list, a line of JSON each.
    Export,
    /// Read a list; what this database does not know is erased again, by the server while it runs.
    Import {
        /// What `export` wrote.
        file: PathBuf,
    },
}

#[derive(Subcommand)]
enum Drops {
    /// Write a drop's archive as JSON. Works beside a running server.
    Export {
        /// The shop's part of the address.
        #[arg(long)]
        shop: String,
        /// The drop's part of the address, or its id.
        drop: String,
    },
    /// Check an exported archive, or the answer of GET /v1/drops/{drop}/events, by nothing but itself.
    Verify {
        /// The JSON file.
        file: PathBuf,
    },
}

#[derive(Subcommand)]
enum Bench {
    /// Quotes and checkouts over HTTP against a server of its own: how many a second, how long each takes, what they cost.
    Checkout(BenchCheckoutArgs),
    /// What the orchestrator adds to a promise, a capture and a refund, without the processor's own time.
    Payments(BenchPaymentsArgs),
    /// A difference that goes back to all earlier buyers of something, through the refund every other one takes.
    PriceMatch(BenchPriceMatchArgs),
    /// Whole buyers of one drop: more than its units within a second, more than the server can serve, or pages that only look.
    Drop(BenchDropArgs),
    /// The bare loop the others are compared with.
    #[command(hide = true)]
    Bare {
        #[arg(long)]
        folder: PathBuf,
        #[arg(long)]
        listen: String,
        #[arg(long)]
        variants: i64,
    },
}

#[derive(Args)]
struct BenchCheckoutArgs {
    /// `postgres://…` of a database nobody else uses; SQLite without it.
    #[arg(long, default_value = "")]
    database: String,
    /// Where the run makes its folder; the file system there is part of what is measured.
    #[arg(long, default_value = ".")]
    folder: PathBuf,
    /// Connections that buy at once.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=5000))]
    connections: u16,
    /// How long to buy, and how long the bare loop runs.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Open loop: arrivals a second that do not wait for answers. Without it each connection asks again once it was answered.
    #[arg(long)]
    rate: Option<f64>,
    /// Products bought in turn; 1 is one hot variant.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    variants: u32,
    /// The last unit is gone: measure refusals.
    #[arg(long)]
    sold_out: bool,
    /// Servers of one PostgreSQL database; more than one share a sandbox beside them.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    replicas: u16,
    /// One server has the sandbox beside it, too: what several are compared with
    #[arg(long)]
    sandbox_beside: bool,
    /// Print one JSON object as the last line.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct BenchPaymentsArgs {
    /// `postgres://…` of a database nobody else uses; SQLite without it.
    #[arg(long, default_value = "")]
    database: String,
    /// Where the run makes its folder; the file system there is part of what is measured.
    #[arg(long, default_value = ".")]
    folder: PathBuf,
    /// Payments that begin a second; each is promised, captured and given back.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// How long payments begin.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Print one JSON object as the last line.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct BenchPriceMatchArgs {
    /// `postgres://…` of a database nobody else uses; SQLite without it.
    #[arg(long, default_value = "")]
    database: String,
    /// Where the run makes its folder; the file system there is part of what is measured.
    #[arg(long, default_value = ".")]
    folder: PathBuf,
    /// Buyers who get it.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    orders: u32,
    /// Print one JSON object as the last line.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct BenchDropArgs {
    /// `postgres://…` of a database nobody else uses; SQLite without it.
    #[arg(long, default_value = "")]
    database: String,
    /// Which engine it has to be, for scripts that would rather fail than measure the other one.
    #[arg(long, value_parser = ["sqlite", "postgres"])]
    engine: Option<String>,
    /// Where the run makes its folder; the file system there is part of what is measured.
    #[arg(long, default_value = ".")]
    folder: PathBuf,
    /// Buyers who come after the opening, each on a line of their own.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=200_000))]
    buyers: u32,
    /// Units of the drop.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    units: u32,
    /// All of them come within this.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Let so many people a minute in, from a waiting room.
    #[arg(long, default_value_t = 0, value_name = "RATE", value_parser = clap::value_parser!(u32).range(0..=60_000))]
    waiting_room: u32,
    /// Buyers of a hundred who reserve and leave.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=50))]
    leave: u32,
    /// Pages of a hundred that follow the drop's stream besides.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=100))]
    follow: u32,
    /// Instead: so many times what the server can serve, by clients that ask again at once. The server gets a core of its own.
    #[arg(long, value_name = "FACTOR", num_args = 0..=1, default_missing_value = "5", conflicts_with = "viewers")]
    overload: Option<f64>,
    /// How long.
    #[arg(long, default_value_t = 2.0, requires = "overload")]
    minutes: f64,
    /// Buyers that are in front of the server at once.
    #[arg(long, default_value_t = 12_000, value_parser = clap::value_parser!(u32).range(300..=60_000))]
    lines: u32,
    /// Instead: so many pages that follow the drop while its price steps.
    #[arg(long)]
    viewers: Option<u32>,
    /// Price steps.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    steps: u32,
    /// Write a page that needs nothing else.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Print one JSON object as the last line.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct ReconcileArgs {
    /// Let money move although something is left open, and why. The payments it is about stay frozen one by one.
    #[arg(long, value_name = "REASON")]
    accept: Option<String>,
    /// Compare since this moment (RFC 3339) instead of the backup's: for databases that were brought back by other means.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Time>,
}

fn moment(text: &str) -> std::result::Result<Time, String> {
    let read: std::result::Result<jiff::Timestamp, _> = text.parse();
    read.map(|at| Time(at.as_microsecond()))
        .map_err(|error| error.to_string())
}

#[derive(Args)]
struct SettlementArgs {
    /// The report.
    file: PathBuf,
    /// The shop's name in addresses.
    #[arg(long)]
    shop: String,
    /// The processor it is of, by the name it has here.
    #[arg(long)]
    processor: String,
}

#[derive(Args)]
struct ExportArgs {
    /// Only `ledger` so far.
    #[arg(value_parser = ["ledger"])]
    what: String,
    /// hledger, ledger or beancount.
    #[arg(long, default_value = "hledger")]
    format: String,
    /// The shop's part of the address.
    #[arg(long)]
    shop: String,
}

#[derive(Args)]
struct SandboxArgs {
    /// Address and port to listen on.
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: std::net::SocketAddr,
    /// Where its books outlive the process; without it they are kept in memory.
    #[arg(long)]
    journal: Option<PathBuf>,
    /// Decides which calls fail, repeatably.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Faults and their rates, in thousandths, such as `timeout_then_ok=100,garbage=20`; empty for none.
    #[arg(long, default_value = "")]
    faults: String,
    /// Who is told what happens.
    #[arg(long, requires = "webhook_secret")]
    webhook_url: Option<String>,
    /// Signs what is told.
    #[arg(long)]
    webhook_secret: Option<String>,
    /// How long a call hangs whose fate is a time-out.
    #[arg(long, default_value_t = 30)]
    hang_seconds: u64,
}

#[derive(Args)]
struct ServeArgs {
    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long)]
    listen: Option<String>,
    /// How the world reaches the server, such as https://shop.example [default: http://localhost:8080]
    #[arg(long)]
    base_url: Option<String>,
    /// `postgres://…`: one database for any number of servers; without it SQLite in the data folder
    #[arg(long)]
    database: Option<String>,
    /// What wakes the other servers of one PostgreSQL database, such as nats://nats.internal:4222; without it PostgreSQL does
    #[arg(long)]
    nats: Option<String>,
    /// Connections that write to PostgreSQL, each with a thread [default: 4, or one for two cores where the server is on this machine]
    #[arg(long)]
    lanes: Option<usize>,
}

#[derive(Args)]
struct DemoArgs {
    /// Throw the demo's data away and start over.
    #[arg(long)]
    fresh: bool,
    /// Address and port to listen on.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: String,
}

#[derive(Args)]
struct InitArgs {
    /// The shop's name, as buyers see it.
    #[arg(long)]
    name: String,
    /// Its part of every address [default: made from the name]
    #[arg(long, default_value = "")]
    slug: String,
    /// The owner's mail address.
    #[arg(long)]
    email: String,
    /// The owner's name [default: the shop's]
    #[arg(long)]
    owner: Option<String>,
    /// ISO 4217 currency of all prices; it cannot be changed later.
    #[arg(long, default_value = "EUR")]
    currency: Currency,
    /// ISO 3166 country the shop sells from.
    #[arg(long, default_value = "DE")]
    country: String,
    /// Language of the shop, such as en or de.
    #[arg(long, default_value = "en")]
    language: String,
    /// Sandbox money only: nothing is charged, and every page says so.
    #[arg(long)]
    test_mode: bool,
}

#[derive(Args)]
struct LinkArgs {
    /// The shop's part of the address.
    #[arg(long)]
    shop: String,
    /// Mail address of someone who works there.
    #[arg(long)]
    email: String,
}

/// Runs one command to its end.
pub fn run(cli: Cli) -> Result<()> {
    let mut config = Config::read(cli.config.as_deref(), |name| std::env::var(name).ok())?;
    let data_named = cli.data.is_some();
    if let Some(data) = cli.data {
        config.data = data;
    }
    match cli.command {
        Command::Serve(args) => serve(config, args),
        Command::Demo(args) => demo_shop(config, data_named, args),
        Command::Init(args) => init(&config, args),
        Command::SignInLink(args) => sign_in_link(&config, &args),
        Command::Backup { to } => backup(&config, &to),
        Command::Restore { from, erasures } => restore(&config, &from, erasures.as_deref()),
        Command::Reconcile(args) => reconcile(&config, args),
        Command::Facts { again } => facts(&config, again),
        Command::Verify { backup } => verify(&config, backup.as_deref()),
        Command::Settlement(Settlement::Import(args)) => import_settlement(&config, args),
        Command::Export(args) => export(&config, &args),
        Command::Erasures(Erasures::Export) => export_erasures(&config),
        Command::Erasures(Erasures::Import { file }) => import_erasures(&config, &file),
        Command::DataMap => {
            print!("{}", erasure::map::markdown());
            Ok(())
        }
        Command::Drops(Drops::Export { shop, drop }) => export_drop(&config, shop, drop),
        Command::Drops(Drops::Verify { file }) => verify_drop(&file),
        Command::Sandbox(args) => sandbox(&config, args),
        Command::Bench(Bench::Checkout(args)) => bench_checkout(args),
        Command::Bench(Bench::Payments(args)) => bench_payments(args),
        Command::Bench(Bench::PriceMatch(args)) => bench_price_match(args),
        Command::Bench(Bench::Drop(args)) => bench_drop(args),
        Command::Bench(Bench::Bare {
            folder,
            listen,
            variants,
        }) => runtime()?.block_on(async { bench::serve_bare(&folder, &listen, variants, told_to_stop()).await }),
        Command::Openapi => {
            print!("{}", routes::openapi());
            Ok(())
        }
    }
}

fn serve(mut config: Config, args: ServeArgs) -> Result<()> {
    config.listen = args.listen.unwrap_or(config.listen);
    config.base_url = args
        .base_url
        .map_or(config.base_url, |url| url.trim_end_matches('/').to_owned());
    config.database = args.database.unwrap_or(config.database);
    config.nats = args.nats.unwrap_or(config.nats);
    config.lanes = args.lanes.or(config.lanes);
    config.check()?;
    start_logs(&config)?;
    server::raise_descriptors();
    server::use_small_pages();
    let app = open(&config, Ports::usual(&config)?, Use::Alone)?;
    if let Err(error) = claim_the_sandbox(&app) {
        app.db.shut_down();
        app.events.shut_down();
        return Err(error);
    }
    runtime()?.block_on(async move {
        let listener = match server::bind(&config.listen).await {
            Ok(listener) => listener,
            Err(error) => {
                let closed = tokio::task::spawn_blocking(move || {
                    app.db.shut_down();
                    app.events.shut_down();
                });
                closed
                    .await
                    .map_err(|failed| Error::internal("the databases could not be closed").because(failed))?;
                return Err(error);
            }
        };
        tracing::info!(listen = config.listen, base_url = config.base_url, "serving");
        server::serve(app, listener, told_to_stop()).await
    })
}

fn demo_shop(mut config: Config, data_named: bool, args: DemoArgs) -> Result<()> {
    if !data_named {
        config.data = PathBuf::from("hawker-demo");
    }
    if args.fresh && config.data.exists() {
        std::fs::remove_dir_all(&config.data)
            .map_err(|error| Error::internal(format!("cannot remove {}: {error}", config.data.display())))?;
    }
    config.log_level = "warn".into();
    start_logs(&config)?;
    runtime()?.block_on(async move {
        let listener = server::bind(&args.listen).await?;
        let address = listener
            .local_addr()
            .map_err(|error| Error::internal("the listener has no address").because(error))?;
        config.base_url = format!("http://localhost:{}", address.port());
        let ports = Ports::usual(&config)?;
        let settings = config.clone();
        let opened = tokio::task::spawn_blocking(move || crate::open::open_demo(&settings, ports));
        let app = opened
            .await
            .map_err(|error| Error::internal("the shop could not be opened").because(error))??;
        println!("Preparing the shop …");
        let shop = demo::shop(&app).await?;
        let links = app
            .db
            .write(db::LaneKey(0), move |tx| {
                identity::link_for(tx, Some(shop.id), demo::OWNER, Door::Printed)
            })
            .await?;
        let base = &config.base_url;
        println!("\n  Shop      {base}/s/{}", shop.slug);
        println!("  A clip    {base}/s/{}/clips/from-clay-to-coffee", shop.slug);
        for link in links {
            println!("  Studio    {base}/studio/sign-in/{}   (opens once)", link.token);
        }
        println!("  Mailbox   {base}/mailbox");
        println!("  API       {base}/docs\n");
        println!(
            "Money is sandbox money. Data is in {}. Ctrl-C ends.",
            config.data.display()
        );
        server::serve(app, listener, told_to_stop()).await
    })
}

/// The runtime under everything that is asynchronous.
pub fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::internal(format!("the runtime could not start: {error}")))
}

/// Resolves at Ctrl-C or SIGTERM, also one that comes before it is first asked: whoever is told "ready" may be stopped in good order. Within a runtime.
pub fn told_to_stop() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let terminate = signal(SignalKind::terminate());
    async move {
        let Ok(mut terminate) = terminate else {
            drop(tokio::signal::ctrl_c().await);
            return;
        };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
    }
}

/// Starts writing logs to the standard error output. Errors: the level is not understood.
pub fn start_logs(config: &Config) -> Result<()> {
    let filter = EnvFilter::try_new(&config.log_level)
        .map_err(|error| Error::invalid("configuration", format!("log_level: {error}")))?;
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = match config.log_format {
        LogFormat::Text => logs.try_init(),
        LogFormat::Json => logs.json().try_init(),
    };
    started.map_err(|error| Error::internal(format!("logs could not start: {error}")))
}

fn init(config: &Config, args: InitArgs) -> Result<()> {
    let app = open(config, Ports::usual(config)?, Use::Alone)?;
    let owner_name = args.owner.unwrap_or_else(|| args.name.clone());
    let new = NewShop {
        name: args.name,
        slug: args.slug,
        currency: args.currency,
        country: args.country,
        language: args.language,
        owner_name,
        owner_email: args.email.clone(),
        test_mode: args.test_mode,
    };
    let made = app.db.write_blocking(db::LaneKey(0), move |tx| {
        let made = identity::create_shop(tx, new.clone())?;
        let CreateShop::Created { shop, .. } = &made else {
            return Ok((made, Vec::new()));
        };
        let links = identity::link_for(tx, Some(*shop), &args.email, Door::Printed)?;
        Ok((made, links))
    });
    app.db.shut_down();
    app.events.shut_down();
    let (made, links) = made?;
    match made {
        CreateShop::SlugTaken { slug } => Err(Error::conflict(
            "slug_taken",
            format!("Another shop here is called {slug}. Choose its address with --slug."),
        )),
        CreateShop::Created {
            slug, publishable_key, ..
        } => {
            println!("The shop is made.\n");
            println!("  Shop             {}/s/{slug}", config.base_url);
            for link in links {
                println!("  Studio, once     {}/studio/sign-in/{}", config.base_url, link.token);
            }
            println!("  Publishable key  {publishable_key}\n");
            println!("Start the server with `hawker serve` and open the studio's link within 24 hours.");
            Ok(())
        }
    }
}

fn sign_in_link(config: &Config, args: &LinkArgs) -> Result<()> {
    let app = open(config, Ports::usual(config)?, Use::BesideAServer)?;
    let (slug, email) = (args.shop.clone(), args.email.clone());
    let links = app.db.write_blocking(db::LaneKey(0), move |tx| {
        let shop = identity::shop_by_slug(tx, &slug)?
            .ok_or_else(|| Error::invalid("unknown_shop", format!("There is no shop {slug} in this data folder.")))?;
        identity::link_for(tx, Some(shop.id), &email, Door::Printed)
    });
    app.db.shut_down();
    app.events.shut_down();
    let links = links?;
    if links.is_empty() {
        return Err(Error::invalid(
            "unknown_staff",
            format!("{} does not work at {}.", args.email, args.shop),
        ));
    }
    for link in links {
        println!("{}/studio/sign-in/{}", config.base_url, link.token);
    }
    Ok(())
}

/// Imports to the end, and says what came of every line.
fn import_settlement(config: &Config, args: SettlementArgs) -> Result<()> {
    let bytes = std::fs::read(&args.file).map_err(|error| {
        let file = args.file.display();
        Error::invalid("unreadable_file", format!("{file} cannot be read: {error}."))
    })?;
    let name = args.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let app = open(config, Ports::usual(config)?, Use::BesideAServer)?;
    let done = runtime()?.block_on(async {
        let slug = args.shop.clone();
        let shop = app.db.read(move |tx| identity::shop_by_slug(tx, &slug)).await?;
        let shop = shop.ok_or_else(|| Error::invalid("unknown_shop", "There is no such shop in this data folder."))?;
        let new = settlement_files::NewFile {
            processor: args.processor,
            name,
            bytes,
            staff: None,
        };
        settlement_files::import_to_the_end(&app, shop.id, new).await
    });
    app.db.shut_down();
    app.events.shut_down();
    let (file, again) = done?;
    if again {
        println!("This very file was here before ({}). Nothing was changed.", file.id);
        return Ok(());
    }
    println!(
        "{} lines: {} agree, {} fees and payouts booked, {} known before, {} in question, {} sales missing.",
        file.lines, file.matched, file.booked, file.again, file.excepted, file.missing
    );
    if file.excepted + file.missing > 0 {
        println!("What is in question stands in the studio: Money, Processors' files.");
    }
    Ok(())
}

fn export(config: &Config, args: &ExportArgs) -> Result<()> {
    let format: ledger::Format = args.format.parse()?;
    let app = open(config, Ports::usual(config)?, Use::BesideAServer)?;
    let written = runtime()?.block_on(async {
        let slug = args.shop.clone();
        let shop = app.db.read(move |tx| identity::shop_by_slug(tx, &slug)).await?;
        let shop = shop.ok_or_else(|| Error::invalid("unknown_shop", "There is no such shop in this data folder."))?;
        ledger::export(&app.db, shop.id, format, &mut std::io::stdout()).await
    });
    app.db.shut_down();
    app.events.shut_down();
    written
}

fn export_drop(config: &Config, shop: String, name: String) -> Result<()> {
    let app = open(config, Ports::usual(config)?, Use::BesideAServer)?;
    let read = runtime()?.block_on(app.db.read(move |tx| {
        let known = identity::shop_by_slug(tx, &shop)?;
        let shop = known.ok_or_else(|| Error::invalid("unknown_shop", "There is no such shop in this data folder."))?;
        let found = match name.parse() {
            Ok(id) => drops::find(tx, shop.id, id)?,
            Err(_) => drops::find_by_slug(tx, shop.id, &name)?,
        };
        let drop = found.ok_or_else(|| Error::invalid("no_such_drop", "This shop has no such drop."))?;
        Ok(DropArchiveOut::of(drop.id, &drops::events(tx, drop.id)?, &drop.head))
    }));
    app.db.shut_down();
    app.events.shut_down();
    let text = serde_json::to_string_pretty(&read?).expect("own types serialise");
    println!("{text}");
    Ok(())
}

fn verify_drop(file: &Path) -> Result<()> {
    let unreadable = |error: String| Error::invalid("unreadable", format!("{}: {error}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| unreadable(error.to_string()))?;
    let archive: DropArchiveOut = serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
    match archive.verify() {
        Ok(()) => {
            println!(
                "The archive of {} is whole: {} events.",
                archive.drop,
                archive.events.len()
            );
            Ok(())
        }
        Err(position) => Err(Error::invalid(
            "broken_archive",
            format!(
                "The archive of {} was changed: event {position} does not follow from what stands before it.",
                archive.drop
            ),
        )),
    }
}

fn sandbox(config: &Config, args: SandboxArgs) -> Result<()> {
    start_logs(config)?;
    let settings = ServerSettings {
        listen: args.listen,
        journal: args.journal,
        faults: Faults::parse(args.seed, &args.faults)?,
        webhook: args.webhook_url.zip(args.webhook_secret),
        hang: std::time::Duration::from_secs(args.hang_seconds),
    };
    runtime()?.block_on(payments::sandbox::serve(
        settings,
        std::sync::Arc::new(db::SystemClock::default()),
    ))
}

fn bench_checkout(args: BenchCheckoutArgs) -> Result<()> {
    if args.rate.is_some_and(|rate| !(rate > 0.0 && rate.is_finite())) {
        return Err(Error::invalid(
            "configuration",
            "--rate is a number of arrivals a second above 0.",
        ));
    }
    if args.replicas > 1 && args.database.is_empty() {
        return Err(Error::invalid(
            "configuration",
            "--replicas needs --database: a file has one server.",
        ));
    }
    let folder = bench::fresh_folder(&args.folder)?;
    let plan = bench::Plan {
        database: args.database,
        folder: folder.clone(),
        connections: usize::from(args.connections),
        span: std::time::Duration::from_secs(args.seconds),
        pace: args.rate.map_or(bench::Pace::Closed, bench::Pace::Open),
        variants: args.variants as usize,
        sold_out: args.sold_out,
        replicas: usize::from(args.replicas),
        sandbox_beside: args.sandbox_beside || args.replicas > 1,
    };
    let measured = bench::checkout(&plan, &runtime()?);
    drop(std::fs::remove_dir_all(&folder));
    let report = measured?;
    eprint!("{}", report.text());
    if args.json {
        let line = serde_json::to_string(&report).map_err(|error| Error::internal("the report").because(error))?;
        println!("{line}");
    }
    if report.errors > 0 || !report.violations.is_empty() {
        return Err(Error::internal(
            "the answers were wrong, so the figures are worth nothing",
        ));
    }
    Ok(())
}

fn bench_payments(args: BenchPaymentsArgs) -> Result<()> {
    let folder = bench::fresh_folder(&args.folder)?;
    let plan = bench::PaymentsPlan {
        database: args.database,
        folder: folder.clone(),
        rate: f64::from(args.rate),
        span: std::time::Duration::from_secs(args.seconds),
        at_once: 64,
    };
    let measured = bench::payments(&plan, &runtime()?);
    drop(std::fs::remove_dir_all(&folder));
    let report = measured?;
    eprint!("{}", report.text());
    if args.json {
        let line = serde_json::to_string(&report).map_err(|error| Error::internal("the report").because(error))?;
        println!("{line}");
    }
    if report.violations.is_empty() {
        return Ok(());
    }
    Err(Error::internal("the books are wrong, so the figures are worth nothing"))
}

fn bench_price_match(args: BenchPriceMatchArgs) -> Result<()> {
    let folder = bench::fresh_folder(&args.folder)?;
    let plan = bench::PriceMatchPlan {
        database: args.database,
        folder: folder.clone(),
        orders: args.orders,
    };
    let measured = bench::price_match(&plan, &runtime()?);
    drop(std::fs::remove_dir_all(&folder));
    let report = measured?;
    eprint!("{}", report.text());
    if args.json {
        let line = serde_json::to_string(&report).map_err(|error| Error::internal("the report").because(error))?;
        println!("{line}");
    }
    if !report.violations.is_empty() {
        return Err(Error::internal("the bench's books do not agree"));
    }
    Ok(())
}

fn bench_drop(args: BenchDropArgs) -> Result<()> {
    let wrong = |detail: &'static str| Err(Error::invalid("configuration", detail));
    if args
        .engine
        .as_deref()
        .is_some_and(|engine| (engine == "postgres") == args.database.is_empty())
    {
        return wrong("--engine postgres needs --database postgres://…, and sqlite none.");
    }
    if !(args.minutes > 0.0 && args.minutes <= 60.0)
        || args.overload.is_some_and(|factor| !(1.0..=100.0).contains(&factor))
    {
        return wrong("--minutes is at most 60, and --overload from 1 to 100.");
    }
    let folder = bench::fresh_folder(&args.folder)?;
    let done = bench_drop_in(args, folder.clone());
    drop(std::fs::remove_dir_all(&folder));
    done
}

fn bench_drop_in(args: BenchDropArgs, folder: PathBuf) -> Result<()> {
    use bench::drop::{RushPlan, StormPlan, ViewersPlan};
    let (database, lines) = (args.database, args.lines as usize);
    let told = if let Some(viewers) = args.viewers {
        let plan = ViewersPlan {
            database,
            folder,
            viewers: viewers as usize,
            steps: args.steps as usize,
        };
        let report = bench::drop::viewers(&plan, runtime)?;
        (
            report.text(),
            report.html(),
            serde_json::to_string(&report),
            report.is_right(),
        )
    } else if let Some(factor) = args.overload {
        let plan = StormPlan {
            database,
            folder,
            factor,
            span: std::time::Duration::from_secs_f64(args.minutes * 60.0),
            lines,
            cores: (0, 1),
        };
        let report = bench::drop::storm(&plan, runtime)?;
        (
            report.text(),
            report.html(),
            serde_json::to_string(&report),
            report.is_right(),
        )
    } else {
        let plan = RushPlan {
            database,
            folder,
            buyers: args.buyers as usize,
            units: args.units,
            span: std::time::Duration::from_secs(args.seconds),
            room: args.waiting_room,
            leave: args.leave,
            follow: args.follow as usize,
        };
        let report = bench::drop::rush(&plan, runtime)?;
        (
            report.text(),
            report.html(),
            serde_json::to_string(&report),
            report.is_right(),
        )
    };
    let (text, page, line, right) = told;
    eprint!("{text}");
    if let Some(file) = &args.report {
        std::fs::write(file, page)
            .map_err(|error| Error::internal(format!("cannot write {}: {error}", file.display())))?;
    }
    if args.json {
        println!(
            "{}",
            line.map_err(|error| Error::internal("the report").because(error))?
        );
    }
    if right {
        return Ok(());
    }
    Err(Error::internal(
        "the answers were wrong, so the figures are worth nothing",
    ))
}

fn needs_sqlite(config: &Config) -> Result<()> {
    if config.database.is_empty() {
        return Ok(());
    }
    Err(Error::invalid(
        "configuration",
        "This shop is in PostgreSQL: back it up with pg_dump or your provider's snapshots, and copy the data folder's media.",
    ))
}

fn backup(config: &Config, to: &Path) -> Result<()> {
    needs_sqlite(config)?;
    eprintln!("Copying {} …", config.data.display());
    let manifest = db::backup(&config.data, to, db::SystemClock::default().wall())?;
    println!(
        "Backed up {} files into {}. Check it any time: hawker verify {}",
        manifest.files.len(),
        to.display(),
        to.display()
    );
    Ok(())
}

fn export_erasures(config: &Config) -> Result<()> {
    let app = open(config, Ports::usual(config)?, Use::BesideAServer)?;
    let written = runtime()?.block_on(erasure::export(&app));
    app.db.shut_down();
    app.events.shut_down();
    print!("{}", written?);
    Ok(())
}

fn import_erasures(config: &Config, file: &Path) -> Result<()> {
    let unreadable = |error| Error::invalid("unreadable", format!("{}: {error}", file.display()));
    let text = std::fs::read_to_string(file).map_err(unreadable)?;
    let app = open(config, Ports::usual(config)?, Use::BesideAServer)?;
    let added = runtime()?.block_on(erasure::import(&app, &text));
    app.db.shut_down();
    app.events.shut_down();
    println!("{} erasures were not known here; the server carries them out.", added?);
    Ok(())
}

fn restore(config: &Config, from: &Path, erasures: Option<&Path>) -> Result<()> {
    needs_sqlite(config)?;
    eprintln!("Checking {} …", from.display());
    let manifest = db::restore(from, &config.data)?;
    println!(
        "Restored {} files of {} into {}.",
        manifest.files.len(),
        manifest.made_at,
        config.data.display()
    );
    match erasures {
        Some(list) => import_erasures(config, list)?,
        None => println!(
            "Who asked to be erased after the backup is in it again. If there is a list: hawker erasures import FILE --data {}",
            config.data.display()
        ),
    }
    println!(
        "No money moves until the processors' books were compared with ours: what was sold after the backup is known to them only. Next: hawker reconcile --data {}",
        config.data.display()
    );
    Ok(())
}

fn facts(config: &Config, again: bool) -> Result<()> {
    let app = open(config, Ports::usual(config)?, Use::BesideAServer)?;
    let read = runtime()?.block_on(async {
        let taken = match again {
            true => app.db.write(db::LaneKey(0), db::requeue_facts).await?,
            false => 0,
        };
        Ok::<_, Error>((taken, app.db.read(db::facts_waiting).await?))
    });
    app.db.shut_down();
    app.events.shut_down();
    let (taken, (waiting, _, set_aside)) = read?;
    println!("{taken} taken again; {waiting} wait, {set_aside} are set aside.");
    Ok(())
}

fn reconcile(config: &Config, args: ReconcileArgs) -> Result<()> {
    start_logs(config)?;
    let app = open(config, Ports::usual(config)?, Use::Alone)?;
    let compared = runtime()?.block_on(payments::reconcile(&app, args.since, args.accept, checkout::conclude));
    app.db.shut_down();
    app.events.shut_down();
    let done = compared?;
    for difference in &done.differences {
        println!(
            "{} {}",
            if difference.settled { "written down:" } else { "open:" },
            difference.what
        );
    }
    println!(
        "Compared {} payments; {} differed.",
        done.compared,
        done.differences.len()
    );
    if done.lifted {
        println!("Money moves again. Start the server with `hawker serve`.");
        return Ok(());
    }
    Err(Error::conflict(
        "books_differ",
        "Money stays frozen: settle what is open and run this again, or say why it may stay open: --accept REASON.",
    ))
}

fn verify(config: &Config, backup: Option<&Path>) -> Result<()> {
    if let Some(folder) = backup {
        eprintln!("Checking {} …", folder.display());
        let manifest = db::verify(folder)?;
        println!(
            "The backup of {} is whole: {} files.",
            manifest.made_at,
            manifest.files.len()
        );
        return Ok(());
    }
    let app = open(config, Ports::usual(config)?, Use::BesideAServer)?;
    let checked = app
        .db
        .check()
        .and_then(|()| app.events.check())
        .and_then(|()| runtime()?.block_on(check_ledgers(&app.db)));
    app.db.shut_down();
    app.events.shut_down();
    println!(
        "The databases are whole, and the ledgers of {} shops are as they were sealed, their drops as they were written down.",
        checked?
    );
    Ok(())
}

async fn check_ledgers(db: &db::Db) -> Result<usize> {
    let shops = db.read(identity::shops).await?;
    for shop in &shops {
        if let Verdict::Broken { sequence, why } = ledger::verify(db, shop.id).await? {
            let detail = format!(
                "The ledger of {} is damaged at transfer {sequence}: {why}. Restore a backup.",
                shop.slug
            );
            return Err(Error::internal(detail));
        }
    }
    if let Some(first) = db.read(drops::check).await?.first() {
        return Err(Error::internal(format!(
            "A drop is damaged: {first}. Restore a backup."
        )));
    }
    if let Some(first) = db.read(preorders::check).await?.first() {
        return Err(Error::internal(format!(
            "Pre-orders do not add up: {first}. Restore a backup."
        )));
    }
    Ok(shops.len())
}
