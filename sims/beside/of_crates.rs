//! Crates that others build on.
//!
//! Not here: parking_lot's locks in statics, and signal-hook, whose list of actions is waited for in a loop that gives way: whether
//! threads outside have them is not seen.

use crate::{Thing, own_path};
use std::hint::black_box;
use std::io::{Read, Write};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Duration;

fn web() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = [0; 1024];
        let _ = stream.read(&mut asked).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello").unwrap();
    });
    let text = ureq::get(format!("http://{address}/x")).call().unwrap().body_mut().read_to_string().unwrap();
    assert_eq!(text, "hello");
    server.join().unwrap();
}

pub const THINGS: &[Thing] = &[
    ("arc-swap", || {
        static SWAP: LazyLock<arc_swap::ArcSwap<u32>> = LazyLock::new(|| arc_swap::ArcSwap::from_pointee(0));
        SWAP.store(Arc::new(**SWAP.load()));
    }),
    ("chrono", || {
        black_box(chrono::Local::now().to_rfc3339());
    }),
    ("crossbeam-channel", || {
        let (sender, receiver) = crossbeam_channel::bounded(1);
        let sends = thread::spawn(move || (0..5).for_each(|n| sender.send(n).unwrap()));
        assert_eq!(receiver.iter().sum::<i32>(), 10);
        sends.join().unwrap();
    }),
    ("crossbeam-channel, select", || {
        let (_sender, receiver) = crossbeam_channel::bounded::<()>(0);
        let after = crossbeam_channel::after(Duration::from_micros(50));
        crossbeam_channel::select! { recv(receiver) -> _ => (), recv(after) -> _ => () }
    }),
    ("crossbeam-epoch", || {
        use crossbeam_epoch::{Atomic, Owned, pin};
        static SHARED: LazyLock<Atomic<u32>> = LazyLock::new(|| Atomic::new(1));
        let guard = pin();
        let old = SHARED.swap(Owned::new(2), std::sync::atomic::Ordering::AcqRel, &guard);
        // SAFETY: it was swapped out, and nobody gets it any more.
        unsafe { guard.defer_destroy(old) };
        guard.flush();
    }),
    ("dashmap", || {
        let map = dashmap::DashMap::new();
        (0..40).for_each(|n| _ = map.insert(n, n));
        let first = map.iter().next().map(|entry| *entry.key()).unwrap();
        (0..first % 4).for_each(|_| thread::yield_now());
    }),
    ("flate2", || {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(b"text").unwrap();
        black_box(encoder.finish().unwrap());
    }),
    ("futures-executor", || {
        futures_executor::block_on(async {});
    }),
    ("futures-executor, pool", || {
        let pool = futures_executor::ThreadPool::builder().pool_size(2).create().unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        pool.spawn_ok(async move { sender.send(1).unwrap() });
        assert_eq!(receiver.recv().unwrap(), 1);
    }),
    ("heed", || {
        type Table = heed::Database<heed::types::Bytes, heed::types::Bytes>;
        let put = |env: &heed::Env, key: &[u8]| {
            let mut transaction = env.write_txn().unwrap();
            let table: Table = env.create_database(&mut transaction, None).unwrap();
            table.put(&mut transaction, key, b"value").unwrap();
            transaction.commit().unwrap();
        };
        let folder = own_path();
        std::fs::create_dir(&folder).unwrap();
        // SAFETY: nobody else has these files.
        let env = unsafe { heed::EnvOpenOptions::new().map_size(1 << 20).open(&folder).unwrap() };
        thread::scope(|scope| {
            scope.spawn(|| put(&env, b"one"));
            put(&env, b"two");
        });
        drop(env);
        std::fs::remove_dir_all(folder).unwrap();
    }),
    ("log", || {
        struct Logger;
        impl log::Log for Logger {
            fn enabled(&self, _: &log::Metadata) -> bool {
                true
            }
            fn log(&self, record: &log::Record) {
                eprintln!("{}", record.args());
            }
            fn flush(&self) {}
        }
        if log::set_logger(&Logger).is_ok() {
            log::set_max_level(log::LevelFilter::Info);
        }
        log::info!("a line");
    }),
    ("memmap2", || {
        let path = own_path();
        std::fs::write(&path, vec![1; 9000]).unwrap();
        let file = std::fs::File::open(&path).unwrap();
        // SAFETY: nobody else knows the file.
        let map = unsafe { memmap2::Mmap::map(&file) }.unwrap();
        assert_eq!(map.iter().map(|&byte| u32::from(byte)).sum::<u32>(), 9000);
        std::fs::remove_file(&path).unwrap();
    }),
    ("num_cpus", || {
        black_box(num_cpus::get());
    }),
    ("once_cell", || {
        static CELL: once_cell::sync::OnceCell<u32> = once_cell::sync::OnceCell::new();
        black_box(CELL.get_or_init(|| 1));
    }),
    ("polling", || {
        let poller = Arc::new(polling::Poller::new().unwrap());
        let other = poller.clone();
        let notifies = thread::spawn(move || other.notify().unwrap());
        poller.wait(&mut polling::Events::new(), None).unwrap();
        notifies.join().unwrap();
        poller.wait(&mut polling::Events::new(), Some(Duration::from_micros(50))).unwrap();
    }),
    ("r2d2", || {
        struct Numbers;
        impl r2d2::ManageConnection for Numbers {
            type Connection = u32;
            type Error = std::io::Error;
            fn connect(&self) -> std::io::Result<u32> {
                Ok(1)
            }
            fn is_valid(&self, _: &mut u32) -> std::io::Result<()> {
                Ok(())
            }
            fn has_broken(&self, _: &mut u32) -> bool {
                false
            }
        }
        let pool = r2d2::Pool::builder().max_size(2).connection_timeout(Duration::from_secs(3)).build(Numbers).unwrap();
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let connection = pool.get().unwrap();
                    thread::sleep(Duration::from_millis(5));
                    black_box(*connection);
                });
            }
        });
        let _both = [pool.get().unwrap(), pool.get().unwrap()];
        assert!(pool.get_timeout(Duration::from_millis(20)).is_err());
    }),
    ("rand", || {
        for _ in 0..rand::random_range(0..4) {
            thread::yield_now();
        }
    }),
    ("rayon, a pool of its own", || {
        use rayon::prelude::*;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        assert_eq!(pool.install(|| (0..100).into_par_iter().sum::<u32>()), 4950);
    }),
    ("regex", || {
        static WORD: LazyLock<regex::Regex> = LazyLock::new(|| regex::Regex::new(r"(\w+)\s+(\w+)$").unwrap());
        assert!(WORD.captures("some words and more").is_some());
    }),
    ("regex, compiled", || {
        assert!(regex::Regex::new(r"(a|b)+c").unwrap().is_match("ababc"));
    }),
    ("rustix", || {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        rustix::io::write(&writer, b"x").unwrap();
        rustix::io::read(&reader, &mut [0u8; 3]).unwrap();
        let counter = rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC).unwrap();
        rustix::io::write(&counter, &1u64.to_ne_bytes()).unwrap();
        rustix::io::read(&counter, &mut [0u8; 8]).unwrap();
        black_box((rustix::process::getpid(), rustix::system::uname()));
    }),
    ("socket2", || {
        use socket2::{Domain, Socket, Type};
        let (mut one, mut two) = Socket::pair(Domain::UNIX, Type::STREAM, None).unwrap();
        one.write_all(b"x").unwrap();
        two.read_exact(&mut [0; 1]).unwrap();
    }),
    ("tempfile", || {
        let folder = tempfile::Builder::new().prefix(&own_path().file_name().unwrap().to_owned()).tempdir().unwrap();
        std::fs::write(folder.path().join("x"), b"x").unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"x").unwrap();
    }),
    ("thread_local", || {
        static EACH: LazyLock<thread_local::ThreadLocal<u32>> = LazyLock::new(thread_local::ThreadLocal::new);
        black_box(EACH.get_or(|| 1));
        thread::spawn(|| *black_box(EACH.get_or(|| 1))).join().unwrap();
    }),
    ("tracing", || {
        let subscriber = tracing_subscriber::fmt().with_writer(std::io::sink).finish();
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("a span", n = 1);
            span.in_scope(|| tracing::info!("an event"));
        });
    }),
    ("web", web),
    ("uuid", || {
        let id = uuid::Uuid::new_v4();
        (0..id.as_bytes()[0] % 4).for_each(|_| thread::yield_now());
    }),
    ("uuid by time", || {
        let id = uuid::Uuid::now_v7();
        (0..id.as_bytes()[15] % 4).for_each(|_| thread::yield_now());
    }),
];
