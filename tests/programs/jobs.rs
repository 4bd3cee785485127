//! What programs do: jobs and threads, with blocking calls as real code makes them.

use super::env::{Env, Who};
use super::program::{Step, Steps};
use super::system;
use super::tasks::{block, ms, named};
use std::cell::Cell;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, PoisonError};
use std::thread;

thread_local! {
    static SEEN: Cell<u32> = const { Cell::new(0) };
    /// One with a destructor.
    static KEPT: std::cell::RefCell<Vec<u8>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// Does what is in `steps`.
pub fn steps(env: &Arc<Env>, who: &Arc<Who>, steps: Steps) {
    for step in steps {
        one(env, who, step);
    }
}

fn thread(env: &Arc<Env>, who: &Arc<Who>, inner: Steps) -> (thread::JoinHandle<()>, Arc<Who>) {
    let (env, own) = (env.clone(), who.child('h'));
    let child = own.clone();
    let handle = thread::Builder::new().name(own.name.clone()).spawn(move || {
        steps(&env, &own, inner);
        env.note(&own, "end");
    });
    (handle.unwrap(), child)
}

fn one(env: &Arc<Env>, who: &Arc<Who>, step: Step) {
    let inside = |inner: Steps| steps(env, who, inner);
    match step {
        Step::Note => env.note(who, format_args!("note on {:?}", thread::current().name())),
        Step::Yield => {
            if who.name.contains('h') {
                thread::yield_now()
            } else {
                raddle::thread::yield_now()
            }
            env.note(who, "y");
        }
        Step::Sleep(n) => {
            thread::sleep(ms(n));
            env.note(who, format_args!("slept@{}", raddle::now().as_nanos()));
        }
        Step::Nap(n) => {
            if !who.name.contains('h') {
                raddle::thread::sleep(ms(n));
            }
            env.note(who, format_args!("napped@{}", raddle::now().as_nanos()));
        }
        Step::Lock(n, inner) => {
            let guard = env.std_locks[usize::from(n)].lock().unwrap_or_else(PoisonError::into_inner);
            env.note(who, format_args!("locked{n}"));
            inside(inner);
            drop(guard);
        }
        Step::Wait => {
            let guard = env.tickets.0.lock().unwrap_or_else(PoisonError::into_inner);
            let waited = env.tickets.1.wait_while(guard, |tickets| *tickets == 0);
            *waited.unwrap_or_else(PoisonError::into_inner) -= 1;
            env.note(who, "ticket");
        }
        Step::WaitFor(n) => {
            let guard = env.tickets.0.lock().unwrap_or_else(PoisonError::into_inner);
            let waited = env.tickets.1.wait_timeout_while(guard, ms(n), |tickets| *tickets == 0);
            let (mut tickets, timed) = waited.unwrap_or_else(PoisonError::into_inner);
            *tickets = tickets.saturating_sub(1);
            env.note(who, format_args!("ticket{}", timed.timed_out()));
        }
        Step::Ticket(all) => {
            *env.tickets.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
            if all {
                env.tickets.1.notify_all()
            } else {
                env.tickets.1.notify_one()
            }
            env.note(who, "gave");
        }
        Step::Send(n) => {
            let sent = env.queue.0.send(n).is_ok();
            env.note(who, format_args!("sent{sent}"));
        }
        Step::Receive => {
            let received = env.queue.1.lock().unwrap_or_else(PoisonError::into_inner).recv();
            env.note(who, format_args!("received{received:?}"));
        }
        Step::ReceiveFor(n) => {
            let received = env.queue.1.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(ms(n));
            env.note(who, format_args!("received{received:?}"));
        }
        Step::Thread(join, inner) => {
            let (handle, _) = thread(env, who, inner);
            if join {
                let joined = handle.join().is_ok();
                env.note(who, format_args!("joined{joined}"));
            }
        }
        Step::Scope(a, b) => {
            let children = [(who.child('h'), a), (who.child('h'), b)];
            let scoped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                thread::scope(|scope| {
                    for (child, inner) in children {
                        scope.spawn(move || {
                            steps(env, &child, inner);
                            env.note(&child, "end");
                        });
                    }
                });
            }));
            env.note(who, format_args!("scope{}", scoped.is_ok()));
        }
        Step::Park(inner) => {
            let (env2, own) = (env.clone(), who.child('h'));
            let parked = thread::spawn(move || {
                thread::park();
                env2.note(&own, "unparked");
            });
            inside(inner);
            parked.thread().unpark();
            let joined = parked.join().is_ok();
            env.note(who, format_args!("joined{joined}"));
        }
        Step::ParkFor(n) => {
            thread::park_timeout(ms(n));
            env.note(who, format_args!("parked@{}", raddle::now().as_nanos()));
        }
        Step::Pipe(inner) => {
            let (mut reader, mut writer) = std::io::pipe().unwrap();
            let (env2, own) = (env.clone(), who.child('h'));
            let writes = thread::spawn(move || {
                steps(&env2, &own, inner);
                writer.write_all(b"by a pipe").unwrap();
                env2.note(&own, "wrote");
            });
            let mut text = String::new();
            let read = reader.read_to_string(&mut text).is_ok();
            env.note(who, format_args!("read{read}{}", text.len()));
            env.note(who, format_args!("joined{}", writes.join().is_ok()));
        }
        Step::Tcp(inner) => {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let (env2, own) = (env.clone(), who.child('h'));
            let client = thread::spawn(move || {
                let mut stream = TcpStream::connect(address).unwrap();
                steps(&env2, &own, inner);
                stream.write_all(b"hello").unwrap();
                let mut byte = [0];
                let got = stream.read(&mut byte).map_err(|error| error.kind());
                env2.note(&own, format_args!("client{got:?}"));
            });
            let (mut stream, _) = listener.accept().unwrap();
            let mut bytes = [0; 3];
            let read = stream.read_exact(&mut bytes).is_ok();
            env.note(who, format_args!("server{read}"));
            drop(stream);
            env.note(who, format_args!("joined{}", client.join().is_ok()));
        }
        Step::SendAsync(n, what) => {
            let sent = env.channels[usize::from(n)].0.send_blocking(what).is_ok();
            env.note(who, format_args!("sent{sent}"));
        }
        Step::ReceiveAsync(n) => {
            let received = env.channels[usize::from(n)].1.recv_blocking().ok();
            env.note(who, format_args!("received{received:?}"));
        }
        Step::BlockOn(body) => {
            let body = block(env.clone(), who.clone(), body);
            if who.name.contains('h') { futures_lite::future::block_on(body) } else { raddle::thread::block_on(body) }
        }
        Step::Spawn(body) => {
            let child = who.child('t');
            raddle::task(child.name.clone()).spawn(named(env, child, body)).detach();
        }
        Step::Job(join, inner) => {
            let (env2, own) = (env.clone(), who.child('j'));
            env.begins(&own.name);
            let task = raddle::task(own.name.clone()).unblock(move || {
                steps(&env2, &own, inner);
                env2.note(&own, "end");
                env2.ends(&own.name);
            });
            match join {
                true if who.name.contains('h') => futures_lite::future::block_on(task),
                true => raddle::thread::block_on(task),
                false => task.detach(),
            }
        }
        Step::Add(n, inner) => {
            let counter = &env.counters[usize::from(n)];
            let read = counter.load(SeqCst);
            inside(inner);
            thread::yield_now();
            counter.store(read + 1, SeqCst);
            env.note(who, format_args!("{n}is{}", read + 1));
        }
        Step::Local => {
            SEEN.set(SEEN.get() + 1);
            let kept = KEPT.with_borrow_mut(|kept| {
                kept.push(1);
                kept.len()
            });
            env.note(who, format_args!("local{kept}"));
        }
        Step::Hash => {
            let map: HashMap<u8, u8> = (0..5).map(|n| (n, n)).collect();
            env.note(who, format_args!("{:?}{}", map.keys().collect::<Vec<_>>(), fastrand::u8(..)));
        }
        Step::Clock => {
            let before = std::time::Instant::now();
            thread::yield_now();
            env.note(who, format_args!("took{:?}", before.elapsed()));
        }
        Step::Panic => panic!("{} panics", who.name),
        Step::System(what) => system::one(env, who, what),
    }
}

/// Whether a step may panic, or wait for one that does.
pub fn may_panic(step: &Step) -> bool {
    match step {
        Step::Lock(_, inner) | Step::Add(_, inner) => inner.iter().any(may_panic),
        Step::Note | Step::Yield | Step::Sleep(_) | Step::ParkFor(_) | Step::Hash | Step::Clock => false,
        Step::Wait | Step::WaitFor(_) | Step::Ticket(_) | Step::Send(_) | Step::Receive | Step::ReceiveFor(_) => false,
        _ => true,
    }
}
