//! A server from its start to its end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, watch};

use crate::app::App;
use crate::body::Bodies;
use crate::connection;
use crate::description::description;
use crate::log::{Log, LogFormat};
use crate::metrics::Metrics;
use crate::models::{Models, Reloaded};
use crate::queue::Queue;
use crate::request_id::RequestIds;
use crate::routes;
use crate::signals::{Signal, Signals};
use crate::token::Token;
use crate::worker;

/// Connections that the system takes before the server does.
const BACKLOG: u32 = 1024;
/// Threads for what is neither waiting nor photos: reading requests in JSON, opening models.
const HELPERS: usize = 4;
/// How long such a thread waits for more.
const KEPT: Duration = Duration::from_secs(2);
/// How long the last lines of the log may take.
const LAST_LINES: Duration = Duration::from_secs(1);

/// How a server serves.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens; port 0 for any that is free.
    pub listen: SocketAddr,
    /// Threads that work on photos; at least one.
    pub threads: usize,
    /// The most photos that wait for a thread. A request that would be one too many is told to come again.
    pub max_queue: usize,
    /// The most bytes of a request's body. Eight times as many are taken by all bodies together.
    pub max_body: usize,
    /// What clients have to know; `None` lets everybody in.
    pub token: Option<Token>,
    /// How requests are logged on standard error.
    pub log: LogFormat,
}

/// A server that listens. Made by [`Server::bind`], run by [`Server::run`].
pub struct Server {
    runtime: Runtime,
    listener: TcpListener,
    signals: Signals,
    app: Arc<App>,
    workers: Vec<JoinHandle<()>>,
    log: Receiver<()>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Server({:?})", self.listener)
    }
}

impl Server {
    /// Starts to listen and starts the threads. From now on the process hears SIGTERM, SIGINT and SIGHUP as
    /// [`run`](Self::run) says.
    ///
    /// # Errors
    /// The system's reason, if it does not let the server listen there or gives no threads.
    pub fn bind(options: Options, models: Models) -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(HELPERS)
            .thread_keep_alive(KEPT)
            .build()?;
        let (listener, signals) = {
            let _inside = runtime.enter();
            (listen(options.listen)?, Signals::new()?)
        };
        let queue = Arc::new(Queue::new(options.max_queue));
        let workers = worker::start(&queue, options.threads.max(1))?;
        let (log, thread) = Log::start(options.log)?;
        let description = description(&models, options.token.is_some());
        let app = Arc::new(App {
            models: Arc::new(models),
            queue,
            bodies: Bodies::new(options.max_body),
            description,
            token: options.token,
            metrics: Metrics::new(),
            log,
            ids: RequestIds::new(),
            draining: AtomicBool::new(false),
        });
        Ok(Self { runtime, listener, signals, app, workers, log: thread })
    }

    /// Returns where the server listens.
    ///
    /// # Errors
    /// The system's, if it does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until SIGTERM or SIGINT: then no connection is taken any more, and requests that were taken have ten seconds to be
    /// answered, or until another such signal. SIGHUP takes up model files that were replaced; one that cannot be opened is
    /// told, and the model before it goes on.
    pub fn run(self) {
        let Self { runtime, listener, signals, app, workers, log } = self;
        let is_drained = runtime.block_on(async {
            let (tell, end) = watch::channel(false);
            let router = routes::all(&app);
            let connections = connection::serve(listener, app.clone(), router, end);
            let mut connections = std::pin::pin!(connections);
            // One reload at a time, while further signals are heard; one that is asked for meanwhile is not forgotten.
            let asked = Arc::new(Notify::new());
            let reloading = (app.clone(), asked.clone());
            tokio::spawn(async move {
                loop {
                    reloading.1.notified().await;
                    reload(&reloading.0).await;
                }
            });
            let listening = async {
                let mut signals = signals;
                loop {
                    match signals.next().await {
                        Signal::Reload => asked.notify_one(),
                        Signal::End => break signals,
                    }
                }
            };
            let mut signals = tokio::select! {
                signals = listening => signals,
                is_drained = &mut connections => return is_drained,
            };
            app.log.event("end", "told to end: no further connection is taken");
            app.draining.store(true, Ordering::Relaxed);
            // Connections hear it by this.
            let _ = tell.send(true);
            tokio::select! {
                is_drained = connections => is_drained,
                () = signals.end() => false,
            }
        });
        app.log
            .event("end", if is_drained { "every request was answered" } else { "requests were cut short" });
        app.queue.close();
        // What is still computed for clients that are cut off is not waited for, nor is a model that is being opened.
        runtime.shutdown_background();
        if is_drained {
            for worker in workers {
                // A thread that panicked has ended, too.
                let _ = worker.join();
            }
        }
        // The last lines are written when the log is dropped with all that could write to it.
        drop(app);
        // Somebody may hold the log's reader without reading: that does not keep the process.
        let _ = log.recv_timeout(LAST_LINES);
    }
}

fn listen(at: SocketAddr) -> io::Result<TcpListener> {
    let socket = if at.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A server that is started again need not wait until the connections of the one before are forgotten.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(at)?;
    socket.listen(BACKLOG)
}

/// Takes up what was replaced, while requests are answered.
async fn reload(app: &Arc<App>) {
    let models = app.models.clone();
    let Ok(reloaded) = tokio::task::spawn_blocking(move || models.reload()).await else {
        return app.log.event("reload", "the models before go on: a bug of ours, told above");
    };
    for (model, what) in reloaded {
        let (outcome, message) = match what {
            Reloaded::Unchanged => ("unchanged", format!("model {model}: its file is the one that serves")),
            Reloaded::Replaced => ("replaced", format!("model {model}: its new file serves from now on")),
            Reloaded::Kept(why) => ("kept", format!("model {model}: the model before goes on: {why}")),
        };
        app.metrics.reload(&model, outcome);
        app.log.event("reload", &message);
    }
}
