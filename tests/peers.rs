//! What defeats other simulators of async Rust, one test each: it passes in virtual time, and is the same for the same seed.
//!
//! | what | why it is hard |
//! |---|---|
//! | `thread::sleep` | a call of the kernel's: madsim sleeps for real |
//! | `mpsc::Receiver::recv_timeout` | a loop over the clock: madsim spins for ever, since that stands still |
//! | `thread::park_timeout` | waits in the kernel |
//! | `Condvar::wait_timeout` | waits in the kernel |
//! | `set_read_timeout` of a socket | an option of the kernel's, and no argument of the call that waits |
//! | `thread::spawn` and `join` | real threads, in any order |
//! | `fastrand` | seeds itself from the thread's number and the clock |
//! | `rand` 0.8 | draws from the kernel, by a number and not by a name |
//! | `rand` 0.9 | draws from the kernel |
//! | `uuid`, version 4 | draws from the kernel |
//! | the order of a `HashMap` | keys from the kernel, once a thread and then counted up |

#![cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]

use raddle::Sim;
use std::collections::HashMap;
use std::fmt::Debug;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// What `job` gives on a worker under a seed, and the virtual time it takes.
fn once<T: Debug + Send + 'static>(seed: u64, job: fn() -> T) -> (T, Duration) {
    let report = Sim::new().seed(seed).require_boundary(true).run(move || raddle::unblock(job));
    let elapsed = report.elapsed();
    (report.unwrap(), elapsed)
}

/// `job` waits for so long in virtual time, by its own clock and by the run's, whatever the seed.
#[track_caller]
fn waits(duration: Duration, job: fn()) {
    for seed in 0..4 {
        let report = Sim::new().seed(seed).require_boundary(true).run(move || async move {
            raddle::unblock(move || {
                let before = Instant::now();
                job();
                before.elapsed()
            })
            .await
        });
        let again = Sim::new().seed(seed).run(move || raddle::unblock(job));
        assert_eq!((report.elapsed(), again.elapsed()), (duration, duration));
        assert_eq!(report.unwrap(), duration);
    }
}

/// What `draw` draws on the loop, in a job and in a thread is the same for the same seed, in a process that has made other
/// runs before, and another for another seed.
#[track_caller]
fn is_the_seeds<T: Debug + PartialEq + Send + 'static>(draw: fn() -> T) {
    let all = move |seed| {
        let scenario = move || async move {
            let on_the_loop = draw();
            let job = raddle::unblock(move || (draw(), thread::spawn(draw).join().unwrap()));
            let (in_a_job, in_a_thread) = job.await;
            [on_the_loop, in_a_job, in_a_thread, draw()]
        };
        Sim::new().seed(seed).require_boundary(true).run(scenario).unwrap()
    };
    let (one, two, again) = (all(1), all(2), all(1));
    assert_eq!(one, again);
    for (place, (one, two)) in one.iter().zip(&two).enumerate() {
        assert_ne!(one, two, "drawn at place {place}");
    }
    assert!(one[0] != one[1] && one[1] != one[2], "each thread has its own: {one:?}");
}

#[test]
fn sleep() {
    waits(HOUR, || thread::sleep(HOUR));
}

#[test]
fn recv_timeout() {
    waits(500 * MS, || {
        let (_sender, receiver) = mpsc::channel::<()>();
        assert_eq!(receiver.recv_timeout(500 * MS), Err(mpsc::RecvTimeoutError::Timeout));
    });
}

#[test]
fn park_timeout() {
    waits(HOUR, || thread::park_timeout(HOUR));
}

#[test]
fn wait_timeout() {
    waits(HOUR, || {
        let (lock, changed) = (Mutex::new(()), Condvar::new());
        let (_guard, waited) = changed.wait_timeout(lock.lock().unwrap(), HOUR).unwrap();
        assert!(waited.timed_out());
    });
}

#[test]
fn set_read_timeout() {
    fn late(result: io::Result<usize>) {
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }
    waits(HOUR, || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(HOUR)).unwrap();
        late(socket.recv(&mut [0; 9]));
    });
    waits(3 * MS, || {
        let (one, two) = UnixStream::pair().unwrap();
        two.set_read_timeout(Some(3 * MS)).unwrap();
        late((&two).read(&mut [0; 9]));
        (&one).write_all(b"x").unwrap();
        assert_eq!((&two).read(&mut [0; 9]).unwrap(), 1, "there is something to read");
    });
    // To a server of the same world: each piece comes in time but the last.
    waits(2500 * MS, || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            for _ in 0..2 {
                thread::sleep(500 * MS);
                stream.write_all(b"x").unwrap();
            }
            // It has been given up by then.
            assert_eq!(stream.read(&mut [0; 9]).unwrap(), 0);
        });
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(1500 * MS)).unwrap();
        assert_eq!(stream.read(&mut [0; 9]).unwrap(), 1);
        assert_eq!(stream.read(&mut [0; 9]).unwrap(), 1);
        late(stream.read(&mut [0; 9]));
        drop(stream);
        server.join().unwrap();
    });
}

#[test]
fn set_write_timeout() {
    waits(2 * HOUR, || {
        let (mut one, two) = UnixStream::pair().unwrap();
        one.set_write_timeout(Some(HOUR)).unwrap();
        // What found room is told, and the next that nothing did.
        let much = vec![0; 16 << 20];
        let written = one.write(&much).unwrap();
        assert!((1..much.len()).contains(&written), "{written} bytes");
        assert_eq!(one.write(&much).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        // They are read, and there is room again.
        let reads = thread::spawn(move || ((&two).take(written as u64).read_to_end(&mut Vec::new()).unwrap(), two));
        one.write_all(b"x").unwrap();
        assert_eq!(reads.join().unwrap().0, written);
    });
}

/// On the loop it is a leak, which costs what it waits.
#[test]
fn set_read_timeout_on_the_loop() {
    let report = Sim::new().require_boundary(true).run(|| async {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(40 * MS)).unwrap();
        socket.recv(&mut [0; 9]).unwrap_err().kind()
    });
    let [leak] = report.leaks() else { panic!("one leak: {report}") };
    assert_eq!((leak.stood_still(), report.elapsed()), (40 * MS, 40 * MS));
    assert_eq!(report.value(), Some(&io::ErrorKind::WouldBlock));
}

#[test]
fn spawn_and_join() {
    fn race() -> Vec<u32> {
        let order = Arc::new(Mutex::new(Vec::new()));
        let threads: Vec<_> = (0..4)
            .map(|n| {
                let order = order.clone();
                thread::spawn(move || {
                    thread::sleep(HOUR);
                    order.lock().unwrap().push(n);
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        Arc::try_unwrap(order).unwrap().into_inner().unwrap()
    }
    let orders: Vec<_> = (0..10).map(|seed| once(seed, race)).collect();
    assert_eq!(orders, (0..10).map(|seed| once(seed, race)).collect::<Vec<_>>());
    assert!(orders.iter().any(|(order, _)| *order != orders[0].0), "the seed decides: {orders:?}");
    assert!(orders.iter().all(|(_, elapsed)| *elapsed == HOUR));
}

#[test]
fn fastrand() {
    is_the_seeds(|| (fastrand::u64(..), fastrand::u64(..)));
}

#[test]
fn rand_0_8() {
    use rand_0_8::Rng;
    is_the_seeds(|| (rand_0_8::random::<u64>(), rand_0_8::thread_rng().gen_range(0..1_000_000_000)));
}

#[test]
fn rand_0_9() {
    use rand_0_9::Rng;
    is_the_seeds(|| (rand_0_9::random::<u64>(), rand_0_9::rng().random_range(0..1_000_000_000)));
}

#[test]
fn uuid_v4() {
    is_the_seeds(|| (uuid::Uuid::new_v4().to_string(), uuid::Uuid::new_v4().to_string()));
}

#[test]
fn the_order_of_a_hash_map() {
    is_the_seeds(|| (0..32).map(|n| (n, n)).collect::<HashMap<u32, u32>>().into_keys().collect::<Vec<_>>());
}
