//! Connections: taken from the system, served within their limits, let go in good order when the server ends.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use icecap::advanced::kernels::memory::give_back;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinSet, unconstrained};
use tokio::time::{interval, sleep, timeout};

use crate::app::App;
use crate::limits::{DRAIN_TIME, HEAD_BYTES};
use crate::place::{Heard, Places, Seat};

/// How often it is looked whether a connection takes too long.
const SWEEP: Duration = Duration::from_millis(250);
/// How often it is looked whether there is nothing to do, so that memory can be given back.
const REST: Duration = Duration::from_secs(2);
/// How long nothing is taken after the system gave no connection: there are too many open files, or too little memory.
const SHORTAGE: Duration = Duration::from_millis(100);
/// How long connections are listened to after the server was told to end.
const LAST_CALL: Duration = Duration::from_millis(100);
/// Connections without a place that are told so at once; more are closed without a word.
const TURNED_AWAY: usize = 64;
/// How long such a connection may take.
const TURNING_AWAY: Duration = Duration::from_secs(1);

/// What a connection is told that has no place.
const NO_PLACE: &str = "{\"error\":\"too many connections; ask again in 1 s\"}";

/// Takes connections and serves them until `end` is true, then lets them go. Returns whether all of them had their answers.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    router: Router,
    end: watch::Receiver<bool>,
) -> bool {
    let places = Arc::new(Places::default());
    let mut open = JoinSet::new();
    let (mut sweeps, mut rests) = (interval(SWEEP), interval(REST));
    let turned_away = Arc::new(Semaphore::new(TURNED_AWAY));
    let mut ended = end.clone();
    let take = |stream: TcpStream, open: &mut JoinSet<()>| match places.sit() {
        Some(seat) => drop(open.spawn(connection(stream, seat, app.clone(), router.clone(), end.clone()))),
        None => {
            app.metrics.turned_away();
            turn_away(stream, &turned_away, app.ids.next());
        }
    };
    loop {
        tokio::select! {
            _ = ended.wait_for(|ended| *ended) => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => take(stream, &mut open),
                Err(error) => {
                    app.log.event("shortage", &format!("no connection can be taken for now: {error}"));
                    sleep(SHORTAGE).await;
                }
            },
            _ = sweeps.tick() => places.sweep(),
            _ = rests.tick() => if app.queue.is_at_rest() && app.bodies.has_something_to_give_back() {
                // It takes a while where much was kept.
                drop(tokio::task::spawn_blocking(give_back));
            },
            Some(_) = open.join_next(), if !open.is_empty() => {}
        }
    }
    // Those that the system has taken already have their answer, too.
    while let Ok(Ok((stream, _))) = timeout(Duration::ZERO, unconstrained(listener.accept())).await {
        take(stream, &mut open);
    }
    drop(listener);
    let all = async {
        loop {
            tokio::select! {
                _ = sweeps.tick() => places.sweep(),
                closed = open.join_next() => if closed.is_none() { break },
            }
        }
    };
    timeout(DRAIN_TIME, all).await.is_ok()
}

/// Serves one connection to its end.
async fn connection(
    stream: TcpStream,
    seat: Seat,
    app: Arc<App>,
    router: Router,
    mut end: watch::Receiver<bool>,
) {
    let _counted = Counted::new(app);
    // Answers are written whole, and none should wait for the next.
    let _ = stream.set_nodelay(true);
    let place = seat.place.clone();
    let service = TowerToHyperService::new(router);
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let busy = place.busy();
        let answer = service.call(request);
        async move {
            let answer = answer.await;
            drop(busy);
            answer
        }
    });
    let stream = TokioIo::new(Heard::new(stream, seat.place.clone()));
    let connection = http1::Builder::new().max_header_size(HEAD_BYTES).serve_connection(stream, service);
    let mut connection = std::pin::pin!(connection);
    // A request may be on its way when the end comes, or lie in the socket already: there is a moment to hear it.
    let last_call = async {
        let _ = end.wait_for(|ended| *ended).await;
        sleep(LAST_CALL).await;
    };
    let mut last_call = std::pin::pin!(last_call);
    let mut is_ending = false;
    loop {
        tokio::select! {
            biased;
            _ = connection.as_mut() => break,
            () = seat.place.left() => break,
            () = &mut last_call, if !is_ending => {
                is_ending = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// A connection among those that are counted.
struct Counted(Arc<App>);

impl Counted {
    fn new(app: Arc<App>) -> Self {
        app.metrics.connection(1);
        Self(app)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.metrics.connection(-1);
    }
}

/// Tells a connection that there is no place for it.
fn turn_away(stream: TcpStream, at_once: &Arc<Semaphore>, id: String) {
    let Ok(permit) = at_once.clone().try_acquire_owned() else { return };
    tokio::spawn(async move {
        let mut stream = stream;
        let told = async {
            let length = NO_PLACE.len();
            let answer = format!(
                "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
                 x-request-id: {id}\r\nretry-after: 1\r\nconnection: close\r\n\r\n{NO_PLACE}"
            );
            stream.write_all(answer.as_bytes()).await?;
            stream.shutdown().await?;
            // A connection that is closed with something unread takes the answer with it.
            let mut unread = [0; 4096];
            while stream.read(&mut unread).await? > 0 {}
            Ok::<_, std::io::Error>(())
        };
        let _ = timeout(TURNING_AWAY, told).await;
        drop(permit);
    });
}
