//! std.

use crate::{Thing, own_path};
use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::hint::black_box;
use std::io::{BufRead, Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::panic::catch_unwind;
use std::process::{Command, Stdio};
use std::sync::{Arc, Barrier, Condvar, LazyLock, Mutex, Once, OnceLock, RwLock, mpsc};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

const SHORT: Duration = Duration::from_micros(50);

fn tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let client = thread::spawn(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.write_all(b"hello").unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    });
    let (mut stream, _) = listener.accept().unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    drop(stream);
    assert_eq!(client.join().unwrap(), "hello");
}

fn unix() {
    let path = own_path();
    let listener = UnixListener::bind(&path).unwrap();
    let to = path.clone();
    let client = thread::spawn(move || UnixStream::connect(to).unwrap().write_all(b"hello").unwrap());
    let mut text = String::new();
    listener.accept().unwrap().0.read_to_string(&mut text).unwrap();
    client.join().unwrap();
    fs::remove_file(path).unwrap();
}

fn cat() {
    let mut cat = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    cat.stdin.take().unwrap().write_all(b"text").unwrap();
    let mut text = String::new();
    cat.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(cat.wait().unwrap().success());
}

pub const THINGS: &[Thing] = &[
    ("println", || println!("a line of text")),
    ("eprintln", || eprintln!("a line of text")),
    ("stdout", || std::io::stdout().lock().write_all(b"a line\nand some").unwrap()),
    ("io::copy of a pipe", || {
        let (mut reader, mut writer) = std::io::pipe().unwrap();
        let writes = thread::spawn(move || (0..20).for_each(|_| writer.write_all(&[7; 9000]).unwrap()));
        let mut null = std::fs::File::options().write(true).open("/dev/null").unwrap();
        assert_eq!(std::io::copy(&mut reader, &mut null).unwrap(), 180_000);
        writes.join().unwrap();
    }),
    ("io::copy of a child's output", || {
        let mut child = Command::new("echo").arg("text").stdout(Stdio::piped()).spawn().unwrap();
        let mut null = std::fs::File::options().write(true).open("/dev/null").unwrap();
        assert_eq!(std::io::copy(child.stdout.as_mut().unwrap(), &mut null).unwrap(), 5);
        child.wait().unwrap();
    }),
    ("stdout flush", || std::io::stdout().flush().unwrap()),
    ("stderr lock", || {
        let mut stderr = std::io::stderr().lock();
        writeln!(stderr, "{} {}", 1, 2).unwrap();
    }),
    ("stdin lock", || drop(black_box(std::io::stdin().lock()))),
    ("env", || {
        black_box(std::env::var("PATH").ok());
        black_box(std::env::vars().count());
    }),
    ("current dir", || {
        black_box(std::env::current_dir().unwrap());
        black_box(std::env::current_exe().unwrap());
    }),
    ("args", || {
        black_box(std::env::args().count());
    }),
    ("backtrace", || {
        black_box(Backtrace::force_capture().to_string());
    }),
    ("backtrace unresolved", || {
        _ = black_box(Backtrace::force_capture());
    }),
    ("spawn", || thread::spawn(|| ()).join().unwrap()),
    ("spawn, not joined", || drop(thread::spawn(|| ()))),
    ("spawn, named", || {
        let named = thread::Builder::new().name("named".into()).stack_size(64 << 10);
        named.spawn(|| black_box(thread::current().name().map(str::len))).unwrap().join().unwrap();
    }),
    ("spawn in a spawn", || thread::spawn(|| thread::spawn(|| ()).join().unwrap()).join().unwrap()),
    ("scope", || {
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(thread::yield_now);
            }
        });
    }),
    ("thread that panics", || {
        thread::spawn(|| std::panic::resume_unwind(Box::new(1))).join().unwrap_err();
    }),
    ("thread that panics aloud", || {
        thread::spawn(|| panic!("of its own")).join().unwrap_err();
    }),
    ("park", || {
        let parked = thread::spawn(thread::park);
        parked.thread().unpark();
        parked.join().unwrap();
    }),
    ("park timeout", || thread::park_timeout(SHORT)),
    ("sleep", || thread::sleep(SHORT)),
    ("yield", thread::yield_now),
    ("command", || assert!(Command::new("true").status().unwrap().success())),
    ("command that is not there", || assert!(Command::new("not-there-at-all").status().is_err())),
    ("command by pre_exec", || {
        // SAFETY: what it runs between fork and exec is nothing.
        let command = unsafe { Command::new("true").pre_exec(|| Ok(())).status() };
        assert!(command.unwrap().success());
    }),
    ("command, killed", || {
        let mut command = Command::new("sleep").arg("100").spawn().unwrap();
        command.kill().unwrap();
        command.wait().unwrap();
    }),
    ("command, waited for by turns", || {
        let mut command = Command::new("true").spawn().unwrap();
        while command.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_millis(1));
        }
    }),
    ("command in a folder with a variable", || {
        let mut command = Command::new("env");
        command.env("OF_OURS", "1").env_remove("HOME").current_dir("/");
        assert!(command.stdout(Stdio::null()).status().unwrap().success());
    }),
    ("output", || assert_eq!(Command::new("echo").arg("x").output().unwrap().stdout, b"x\n")),
    ("output of both", || {
        let output = Command::new("sh").args(["-c", "echo x; echo y >&2; exit 3"]).output().unwrap();
        assert_eq!((&output.stdout[..], &output.stderr[..], output.status.code()), (&b"x\n"[..], &b"y\n"[..], Some(3)));
    }),
    ("cat", cat),
    ("files", || {
        let path = own_path();
        fs::write(&path, b"x").unwrap();
        fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
    }),
    ("folders", || {
        let path = own_path();
        fs::create_dir_all(path.join("a/b")).unwrap();
        fs::write(path.join("a/b/c"), b"x").unwrap();
        fs::remove_dir_all(&path).unwrap();
    }),
    ("copy, rename, link", || {
        let (path, other) = (own_path(), own_path());
        fs::write(&path, vec![b'x'; 10_000]).unwrap();
        fs::copy(&path, &other).unwrap();
        fs::rename(&other, &path).unwrap();
        fs::hard_link(&path, &other).unwrap();
        fs::metadata(&other).unwrap();
        fs::canonicalize(&other).unwrap();
        fs::remove_file(&path).unwrap();
        fs::remove_file(&other).unwrap();
    }),
    ("file, sought and locked", || {
        let path = own_path();
        let mut file = fs::File::options().create_new(true).read(true).write(true).open(&path).unwrap();
        file.write_all(b"text").unwrap();
        file.seek(SeekFrom::Start(1)).unwrap();
        file.set_len(2).unwrap();
        file.sync_all().unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        fs::remove_file(&path).unwrap();
    }),
    ("lines", || {
        let passwd = std::io::BufReader::new(fs::File::open("/etc/passwd").unwrap());
        black_box(passwd.lines().count());
    }),
    ("readdir", || {
        black_box(fs::read_dir("/etc").unwrap().count());
    }),
    ("proc", || {
        black_box(fs::read_to_string("/proc/self/stat").unwrap());
    }),
    ("dns", || {
        black_box(("localhost", 80).to_socket_addrs().map(Iterator::count).ok());
    }),
    ("tcp", tcp),
    ("tcp refused", || {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        black_box(TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok());
    }),
    ("udp", || {
        let (one, two) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        one.send_to(b"hello", two.local_addr().unwrap()).unwrap();
        assert_eq!(two.recv_from(&mut [0; 9]).unwrap().0, 5);
    }),
    ("udp timeout", || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(SHORT)).unwrap();
        socket.recv(&mut [0; 9]).unwrap_err();
    }),
    ("unix sockets", unix),
    ("unix datagrams", || {
        let (one, two) = UnixDatagram::pair().unwrap();
        let sends = thread::spawn(move || one.send(b"hello").unwrap());
        assert_eq!(two.recv(&mut [0; 9]).unwrap(), 5);
        sends.join().unwrap();
    }),
    ("pipe", || {
        let (mut reader, mut writer) = std::io::pipe().unwrap();
        let writes = thread::spawn(move || writer.write_all(&[1; 100_000]).unwrap());
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        writes.join().unwrap();
    }),
    ("allocations", || {
        let vectors: Vec<Vec<u8>> = (0..200).map(|n| vec![1u8; 64 << (n % 12)]).collect();
        black_box(&vectors);
    }),
    ("large allocation", || {
        black_box(vec![1u8; 40 << 20]);
    }),
    ("allocations freed elsewhere", || {
        let vectors: Vec<Vec<u8>> = (0..200).map(|n| vec![1u8; 8 << (n % 8)]).collect();
        thread::spawn(move || drop(black_box(vectors))).join().unwrap();
    }),
    ("map", || {
        let map: HashMap<u32, u32> = (0..50).map(|n| (n, n)).collect();
        let set: HashSet<u32> = map.values().copied().collect();
        for _ in 0..set.iter().next().unwrap() % 4 {
            thread::yield_now();
        }
    }),
    ("clocks", || {
        black_box((Instant::now(), SystemTime::now()));
        for _ in 0..SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().subsec_nanos() % 4 {
            thread::yield_now();
        }
    }),
    ("mutex in a static", || {
        static MUTEX: Mutex<u32> = Mutex::new(0);
        let mut guard = MUTEX.lock().unwrap();
        for _ in 0..2000 {
            *guard = black_box(*guard + 1);
        }
    }),
    ("rwlock in a static", || {
        static LOCK: RwLock<u32> = RwLock::new(0);
        black_box(*LOCK.read().unwrap());
        let mut guard = LOCK.write().unwrap();
        for _ in 0..2000 {
            *guard = black_box(*guard + 1);
        }
    }),
    ("file under a lock in a static", || {
        static LOCK: Mutex<()> = Mutex::new(());
        let _guard = LOCK.lock().unwrap();
        let path = own_path();
        fs::write(&path, b"x").unwrap();
        fs::remove_file(&path).unwrap();
    }),
    ("locks of its own", || {
        let lock = Arc::new((Mutex::new(0), Condvar::new(), Barrier::new(3), RwLock::new(0)));
        let threads = [(); 3].map(|()| {
            let lock = lock.clone();
            thread::spawn(move || {
                lock.2.wait();
                *lock.3.write().unwrap() += 1;
                *lock.0.lock().unwrap() += 1;
                lock.1.notify_one();
            })
        });
        let guard = lock.1.wait_while(lock.0.lock().unwrap(), |count| *count < 3).unwrap();
        drop(guard);
        _ = threads.map(|thread| thread.join().unwrap());
    }),
    ("channels", || {
        let (sender, receiver) = mpsc::sync_channel(1);
        let sends = thread::spawn(move || (0..5).for_each(|n| sender.send(n).unwrap()));
        assert_eq!(receiver.iter().sum::<i32>(), 10);
        sends.join().unwrap();
    }),
    ("channel timeout", || {
        let (_sender, receiver) = mpsc::channel::<()>();
        receiver.recv_timeout(SHORT).unwrap_err();
    }),
    ("condvar timeout", || {
        let lock = (Mutex::new(()), Condvar::new());
        black_box(&lock.1.wait_timeout(lock.0.lock().unwrap(), SHORT).unwrap());
    }),
    ("lazy in a static", || {
        static LAZY: LazyLock<Vec<u8>> = LazyLock::new(|| vec![1; 10]);
        black_box(LAZY.len());
    }),
    ("once", || {
        let once = Arc::new((Once::new(), OnceLock::new()));
        let other = once.clone();
        let thread = thread::spawn(move || other.0.call_once(|| thread::sleep(SHORT)));
        once.0.call_once(|| thread::sleep(SHORT));
        once.1.get_or_init(|| 1);
        thread.join().unwrap();
    }),
    ("panic", || {
        catch_unwind(|| panic!("of its own")).unwrap_err();
    }),
    ("quiet panic", || {
        catch_unwind(|| std::panic::resume_unwind(Box::new(1))).unwrap_err();
    }),
    ("strerror", || {
        black_box(std::io::Error::from_raw_os_error(2).to_string());
    }),
    ("thread-locals", || {
        thread_local!(static OURS: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) });
        thread_local!(static COUNT: Cell<u32> = const { Cell::new(0) });
        OURS.with_borrow_mut(|ours| ours.push(1));
        COUNT.set(COUNT.get() + 1);
    }),
    ("thread-local with a destructor that locks", || {
        static LOCK: Mutex<u32> = Mutex::new(0);
        struct Counts;
        impl Drop for Counts {
            fn drop(&mut self) {
                *LOCK.lock().unwrap() += 1;
            }
        }
        thread_local!(static COUNTS: Counts = const { Counts });
        thread::spawn(|| COUNTS.with(|_| ())).join().unwrap();
    }),
    ("ids", || {
        black_box((thread::current().id(), std::process::id()));
    }),
    ("parallelism", || {
        black_box(thread::available_parallelism().unwrap());
    }),
];
